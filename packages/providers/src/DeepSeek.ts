/**
 * DeepSeek by its chat dialect.
 *
 * Thinking is on unless `thinking` is false; while it is, `temperature` and `topP` do nothing. Effort is low, high or max,
 * other words are mapped (medium to high, xhigh to max). Reasoning travels back on every assistant turn. There is no seed
 * and no JSON Schema: structured output is `json_object` with the schema in words. A busy server holds the request and
 * sends keep-alives for up to ten minutes before the first word. Its limits are calls in flight per account and model:
 * see `accountLimits`. `userId` of the settings separates cache and scheduling; `[A-Za-z0-9_-]`, at most 512.
 *
 * Source: https://api-docs.deepseek.com
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "deepseek",
  probe: "/user/balance",
  capabilities: ["tools", "reasoning", "streaming"],
  reasoningIn: { field: "reasoning_content", always: true },
  seed: "none",
  user: "user_id",
  effortWords: { minimal: "low", medium: "high", xhigh: "max" },
  thinking: "thinking.type",
  json: "json_object",
  reasoningTokens: "inside"
}

/** What `/beta` adds: it goes on with an answer that was begun. */
const betaProfile: Profile.Profile = {
  ...profile,
  probe: "/../user/balance",
  capabilities: [...profile.capabilities, "prefill"],
  prefill: "prefix"
}

export interface Options extends Vendor.KeyedOptions, Vendor.ThinkingOptions {
  /** Ask `/beta`, which takes strict tools and prefills. Default false. */
  readonly beta?: boolean | undefined
}

const ways = Vendor.make<Options>({
  own: { ...Vendor.thinking, beta: Table.flag },
  module: "DeepSeek",
  baseUrl: ({ beta }) => `https://api.deepseek.com${beta === true ? "/beta" : ""}`,
  keyName: "DEEPSEEK_API_KEY",
  profile: ({ beta }) => (beta === true ? betaProfile : profile),
  check: ({ settings }) => {
    const userId = settings?.userId
    if (userId !== undefined && !/^[\w-]{1,512}$/.test(userId)) {
      throw new InvalidOption("DeepSeek: settings.userId", "1 to 512 characters of A-Z, a-z, 0-9, _ and -", userId)
    }
  }
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `DEEPSEEK_API_KEY`. */
export const layerConfig = ways.layerConfig

/**
 * What an account may have in flight of one model, streams until their last byte. The limit belongs to the account: two keys
 * of one account share it, so give it to the account of their targets, and divide it where several processes share the
 * account. Throws `InvalidOption` for a model whose limit is not published.
 *
 * **Example** (Two targets of `account: "deepseek"`, which ask for the same model)
 *
 * ```ts
 * Gates.layer({ accounts: { deepseek: DeepSeek.accountLimits("deepseek-flash") } })
 * ```
 *
 * Source: https://api-docs.deepseek.com/quick_start/rate_limit (November 2026)
 */
export const accountLimits = (
  model: "deepseek-flash" | "deepseek-v4-pro" | (string & {})
): { readonly maxInFlight: number } => {
  const maxInFlight = inFlight.get(model)
  if (maxInFlight !== undefined) return { maxInFlight }
  throw new InvalidOption("DeepSeek: accountLimits", `one of ${[...inFlight.keys()].join(", ")}`, model)
}

const inFlight: ReadonlyMap<string, number> = new Map([
  ["deepseek-flash", 2500],
  ["deepseek-v4-pro", 500]
])
