/**
 * Moonshot (Kimi). Newer models take one temperature only and answer 400 to another, so sampling is left out; for
 * `moonshot-v1` set `profile: { refuses: [] }`. Reasoning travels back on every assistant turn, an answer is gone on with by
 * `partial` on the assistant's last message. A busy engine is a 429 here, and so is an account without money.
 *
 * Source: https://platform.moonshot.ai/docs/api/chat,
 * https://platform.moonshot.ai/docs/guide/use-partial-mode-feature-of-kimi-api
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "moonshot_ai",
  probe: "/models",
  capabilities: ["tools", "reasoning", "prefill", "streaming"],
  prefill: "partial",
  reasoningIn: { field: "reasoning_content", always: true },
  seed: "none",
  refuses: Profile.sampling,
  effort: "none",
  thinking: "thinking.type",
  json: "json_object",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.KeyedOptions, Vendor.ThinkingOptions {
  /** `global` is `api.moonshot.ai`, `china` is `api.moonshot.cn`; each has accounts and keys of its own. Default `global`. */
  readonly region?: "global" | "china" | undefined
  /** `all`: reasoning of earlier turns is read again; only with `thinking: true`. Default: the vendor's. */
  readonly keepThinking?: "all" | undefined
  /** Calls with the same key are sent to the same cache. Default: by the prefix alone. */
  readonly promptCacheKey?: string | undefined
}

const ways = Vendor.make<Options>({
  own: {
    ...Vendor.thinking,
    region: Table.word("global", "china"),
    keepThinking: Table.word("all"),
    promptCacheKey: Table.text()
  },
  module: "Moonshot",
  baseUrl: ({ region }) => `https://api.moonshot.${region === "china" ? "cn" : "ai"}/v1`,
  keyName: "MOONSHOT_API_KEY",
  profile,
  fields: ({ keepThinking, promptCacheKey }) => ({
    prompt_cache_key: promptCacheKey,
    thinking: keepThinking === undefined ? undefined : { keep: keepThinking }
  }),
  check: ({ keepThinking, thinking }) => {
    if (keepThinking !== undefined && thinking !== true) {
      throw new InvalidOption("Moonshot: keepThinking", "left out unless thinking is true", keepThinking)
    }
  }
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `MOONSHOT_API_KEY`. */
export const layerConfig = ways.layerConfig
