/**
 * A vLLM server. Reasoning needs its parser there (`--reasoning-parser`); without one set `profile: { thinkTags: true }`.
 * Tools need `--enable-auto-tool-choice`. It goes on with an answer that was begun, takes a JSON Schema by guided decoding,
 * and stops generating when the caller leaves. `/health` beside `/v1` says whether it is there.
 *
 * Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "vllm",
  probe: "/../health",
  capabilities: ["tools", "json-schema", "prefill", "streaming"],
  prefill: "continue",
  reasoningIn: { field: "reasoning", always: false },
  topK: "top_k",
  thinking: "chat_template_kwargs.enable_thinking",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.OpenOptions, Vendor.ThinkingOptions {
  /** Name of the template's switch for thinking: Qwen and GLM have the first, DeepSeek the second. Default `enable_thinking`. */
  readonly thinkingSwitch?: "enable_thinking" | "thinking" | undefined
  /** Further words for the chat template. Default none. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined
  /** Calls with a lower number are served first (`--scheduling-policy priority`). Integer, default 0. */
  readonly priority?: number | undefined
  /** Tokens below this share of the likeliest one are left out. In [0, 1], default 0. */
  readonly minP?: number | undefined
  /** Above 1, what has appeared already becomes less likely. > 0, default 1. */
  readonly repetitionPenalty?: number | undefined
}

const ways = Vendor.make<Options>({
  own: {
    thinking: true,
    thinkingSwitch: true,
    chatTemplateKwargs: true,
    priority: true,
    minP: true,
    repetitionPenalty: true
  },
  module: "VLlm",
  baseUrl: "http://localhost:8000/v1",
  keyName: "VLLM_API_KEY",
  keyRequired: false,
  profile: ({ thinkingSwitch }) =>
    thinkingSwitch === undefined ? profile : { ...profile, thinking: `chat_template_kwargs.${thinkingSwitch}` },
  fields: ({ chatTemplateKwargs, minP, priority, repetitionPenalty }) => ({
    chat_template_kwargs: chatTemplateKwargs,
    priority,
    min_p: minP,
    repetition_penalty: repetitionPenalty
  }),
  check: ({ thinkingSwitch }) => Vendor.oneOf("VLlm: thinkingSwitch", thinkingSwitch, ["enable_thinking", "thinking"])
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `VLLM_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.OpenOptions {}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  module: "VLlm",
  provider: "vllm",
  baseUrl: "http://localhost:8000/v1",
  keyName: "VLLM_API_KEY",
  keyRequired: false,
  base64: true
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. The server sets no limit on the number of texts. Throws
 * `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `VLLM_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
