/**
 * A vendor of the chat dialect from a few facts about it: the module's name, where it lives, the variable of its key, its
 * profile, and what its own options say. A vendor's module is these facts, the types of its options, and their docstrings.
 */
import type { Capability } from "@spillway/core/Target"
import type * as Redacted from "effect/Redacted"
import type { CallSettings } from "../../CallSettings.ts"
import type * as Profile from "../../Profile.ts"
import * as Table from "../engine/OptionTable.ts"
import * as Ways from "../engine/Ways.ts"
import { type OptionalHeaders, present } from "../http/OptionalHeaders.ts"
import type { HeaderValues } from "../http/RequestHeaders.ts"
import * as ChatDialect from "./ChatDialect.ts"
import { adapted } from "./ProfileChecks.ts"
import { type Fields, merge } from "./Settings.ts"

/** What the options of every vendor have. */
export interface CommonOptions {
  /** As the vendor spells it. */
  readonly model: string
  /** Absolute http or https URL below which `/chat/completions` stands; may carry a path and a query. Default: the vendor's. */
  readonly baseUrl?: string | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: HeaderValues | undefined
  /** What calls do not say themselves. */
  readonly settings?: CallSettings | undefined
  /** What this model can do. Default: `profile.capabilities`. */
  readonly capabilities?: Iterable<Capability> | undefined
  /** Where this model differs from the vendor's profile. */
  readonly profile?: Partial<Profile.Profile> | undefined
}

/** A vendor that wants a key. */
export interface KeyedOptions extends CommonOptions {
  readonly apiKey: Redacted.Redacted<string>
}

/** A server of one's own, which may want a key. */
export interface OpenOptions extends CommonOptions {
  /** Left out for servers without keys. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
}

/** The model thinks before it answers, and may be told not to. */
export interface ThinkingOptions {
  /** Default: as the vendor does for this model. The effort `none` of a call is `false`. */
  readonly thinking?: boolean | undefined
}

/** Thinking with a cap of its own. */
export interface BudgetOptions extends ThinkingOptions {
  /** Tokens the model may think with, inside the cap on output tokens. Integer >= 1. Default: as the vendor does. */
  readonly thinkingBudget?: number | undefined
}

export interface Facts<Options> {
  readonly module: string
  /** The module's own options, beside those every vendor has: the compiler sees that none is missing. */
  readonly own: Table.Table<Exclude<keyof Options, keyof OpenOptions>>
  /** Default base URL. */
  readonly baseUrl: string | ((options: Options) => string)
  /** The variable `layerConfig` reads. */
  readonly keyName: string
  /** `false`: a server without keys is fine. Default true. */
  readonly keyRequired?: boolean
  /** Must `layerConfig` find a key? Default: `keyRequired`. */
  readonly keyWanted?: (options: Ways.WithKeyFrom<Options>) => boolean
  readonly profile: Profile.Profile | ((options: Options) => Profile.Profile)
  /** Headers that the vendor's own options mean. */
  readonly headers?: (options: Options) => OptionalHeaders
  /** Fields of the body that the vendor's own options mean; `undefined` is left out. */
  readonly fields?: (options: Options) => Fields
  readonly authorize?: (options: Options) => ChatDialect.Input["authorize"]
  /** What one option says of another. Asked when `own` has passed; throws `InvalidOption`. */
  readonly check?: (options: Options) => void
}

const common: ReadonlyArray<keyof OpenOptions> = [
  ...(["model", "apiKey", "baseUrl", "headers", "settings", "capabilities", "profile"] as const)
]

/** For `own` of a vendor whose models think. */
export const thinking: Table.Table<keyof ThinkingOptions> = { thinking: Table.flag }

/** For `own` of a vendor whose models think up to a cap. */
export const budget: Table.Table<keyof BudgetOptions> = { ...thinking, thinkingBudget: Table.count }

type AnyOptions = OpenOptions & BudgetOptions

export const make = <Options extends AnyOptions>(facts: Facts<Options>): Ways.Ways<Options> =>
  Ways.make(
    (options: Options) => ChatDialect.make(inputOf(facts, options)),
    facts.keyName,
    facts.keyWanted ?? facts.keyRequired
  )

/** Throws `InvalidOption`. */
const inputOf = <Options extends AnyOptions>(facts: Facts<Options>, options: Options): ChatDialect.Input => {
  const { module } = facts
  Table.options(module, options, common, facts.own)
  facts.check?.(options)
  const baseUrl = options.baseUrl ?? (typeof facts.baseUrl === "string" ? facts.baseUrl : facts.baseUrl(options))
  const vendor = typeof facts.profile === "function" ? facts.profile(options) : facts.profile
  const profile = adapted(`${module}: profile`, vendor, options.profile)
  const fields = facts.fields?.(options)
  return {
    module,
    baseUrl,
    model: options.model,
    apiKey: options.apiKey,
    keyRequired: facts.keyRequired ?? true,
    profile: fields === undefined ? profile : { ...profile, extraBody: merge(merge({}, fields), profile.extraBody) },
    thinking: { on: options.thinking, budget: options.thinkingBudget },
    dialectHeaders: present(facts.headers?.(options) ?? {}),
    headers: options.headers,
    settings: options.settings,
    capabilities: options.capabilities,
    authorize: facts.authorize?.(options)
  }
}
