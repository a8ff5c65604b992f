/**
 * Sampling and the like for the calls of one piece of code, in neutral words: `effect/ai` has none of its own, and the
 * router may send the call to another vendor than the caller thinks. Every field is optional; what a vendor does not have
 * is left out.
 *
 * **Example** (Two calls, one of them short)
 *
 * ```ts
 * LanguageModel.generateText({ prompt: "Summarise …" }).pipe(CallSettings.with({ maxTokens: 200, temperature: 0 }))
 * ```
 */
import { InvalidOption, integer, onlyKeys } from "@spillway/core/InvalidOption"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export interface CallSettings {
  /** Cap on output tokens, reasoning included. Integer >= 1. */
  readonly maxTokens?: number
  /** In [0, 2] for most vendors. Reasoning models refuse or ignore it. */
  readonly temperature?: number
  /** In [0, 1]. */
  readonly topP?: number
  /** Only the so many likeliest tokens are drawn from. Integer >= 1. OpenAI and DeepSeek have none. */
  readonly topK?: number
  /** In [-2, 2]; above 0, what has appeared already becomes less likely. Anthropic has none. */
  readonly presencePenalty?: number
  /** In [-2, 2]; above 0, less likely in proportion to how often it has appeared. Anthropic has none. */
  readonly frequencyPenalty?: number
  /** Most vendors take up to four. */
  readonly stop?: ReadonlyArray<string>
  /** Integer. DeepSeek has none. */
  readonly seed?: number
  /** Mapped to the nearest word the vendor knows. */
  readonly reasoningEffort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max"
  /** The end user the call is for; an opaque id, no name. Sent where the vendor has a field for it. */
  readonly userId?: string
  /** Further headers; they win over the model's own, except for the key. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The settings of the calls below. Default: none. */
export const CurrentCallSettings = Context.Reference<CallSettings>("@spillway/providers/CallSettings", {
  defaultValue: () => ({})
})

/**
 * Settings for every model call in `effect`, on top of those around it. For streams: `Stream.provideService`. Throws
 * `InvalidOption`.
 */
const with_ = (settings: CallSettings) => {
  check("CallSettings", settings)
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.updateService(effect, CurrentCallSettings, (outer) => ({ ...outer, ...settings }))
}

const efforts: ReadonlyArray<unknown> = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

const between = (low: number, high: number) => (option: string, value: number) => {
  if (typeof value === "number" && value >= low && value <= high) return
  throw new InvalidOption(option, `a number in [${low}, ${high}]`, value)
}

const checks: { readonly [K in keyof CallSettings]-?: (option: string, value: NonNullable<CallSettings[K]>) => void } =
  {
    maxTokens: integer,
    temperature: between(0, 2),
    topP: between(0, 1),
    topK: integer,
    presencePenalty: between(-2, 2),
    frequencyPenalty: between(-2, 2),
    stop: (option, value) => {
      if (Array.isArray(value) && value.every((text) => typeof text === "string" && text !== "")) return
      throw new InvalidOption(option, "a list of non-empty texts", value)
    },
    seed: (option, value) => integer(option, value, Number.MIN_SAFE_INTEGER),
    reasoningEffort: (option, value) => {
      if (!efforts.includes(value)) throw new InvalidOption(option, `one of ${efforts.join(", ")}`, value)
    },
    userId: (option, value) => {
      if (typeof value !== "string" || value === "") throw new InvalidOption(option, "a non-empty text", value)
    },
    headers: (option, value) => {
      if (!isObject(value) || !Object.values(value).every((text) => typeof text === "string")) {
        throw new InvalidOption(option, "an object of texts", value)
      }
    }
  }

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const names: ReadonlySet<string> = new Set(Object.keys(checks))

/** Throws `InvalidOption`, also for names that are none. `where` stands before the name of the setting. */
export const check = (where: string, settings: CallSettings): void => {
  if (!isObject(settings)) throw new InvalidOption(where, "an object", settings)
  onlyKeys(where, settings, names)
  for (const [name, value] of Object.entries(settings)) {
    const one = checks[name as keyof CallSettings] as (option: string, value: unknown) => void
    if (value !== undefined) one(`${where}.${name}`, value)
  }
}

export { with_ as with }
