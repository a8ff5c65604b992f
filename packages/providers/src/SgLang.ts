/**
 * An SGLang server. Reasoning needs its parser there (`--reasoning-parser`); without one set `profile: { thinkTags: true }`.
 * A full queue may be told inside an answer with status 200. `/health` beside `/v1` says whether it is there.
 *
 * Source: https://docs.sglang.ai/basic_usage/openai_api_completions.html
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "sglang",
  probe: "/../health",
  capabilities: ["tools", "json-schema", "prefill", "streaming"],
  prefill: "continue",
  reasoningIn: { field: "reasoning_content", always: false },
  topK: "top_k",
  thinking: "chat_template_kwargs.enable_thinking",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.OpenOptions, Vendor.ThinkingOptions {
  /** Name of the template's switch for thinking: Qwen and GLM have the first, DeepSeek the second. Default `enable_thinking`. */
  readonly thinkingSwitch?: "enable_thinking" | "thinking" | undefined
  /** Further words for the chat template. Default none. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined
  /** True: reasoning stands in its own field. Default: the server's, true where it has a parser. */
  readonly separateReasoning?: boolean | undefined
  /** Tokens below this share of the likeliest one are left out. In [0, 1], default 0. */
  readonly minP?: number | undefined
  /** Above 1, what has appeared already becomes less likely. In (0, 2], default 1. */
  readonly repetitionPenalty?: number | undefined
}

const ways = Vendor.make<Options>({
  own: {
    thinking: true,
    thinkingSwitch: true,
    chatTemplateKwargs: true,
    separateReasoning: true,
    minP: true,
    repetitionPenalty: true
  },
  module: "SgLang",
  baseUrl: "http://localhost:30000/v1",
  keyName: "SGLANG_API_KEY",
  keyRequired: false,
  profile: ({ thinkingSwitch }) =>
    thinkingSwitch === undefined ? profile : { ...profile, thinking: `chat_template_kwargs.${thinkingSwitch}` },
  fields: ({ chatTemplateKwargs, minP, repetitionPenalty, separateReasoning }) => ({
    chat_template_kwargs: chatTemplateKwargs,
    separate_reasoning: separateReasoning,
    min_p: minP,
    repetition_penalty: repetitionPenalty
  }),
  check: ({ thinkingSwitch }) => Vendor.oneOf("SgLang: thinkingSwitch", thinkingSwitch, ["enable_thinking", "thinking"])
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `SGLANG_API_KEY`. */
export const layerConfig = ways.layerConfig
