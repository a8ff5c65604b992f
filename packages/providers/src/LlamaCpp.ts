/**
 * A llama.cpp server (`llama-server`). Tools need `--jinja`; a JSON Schema becomes a grammar. The assistant's last message is
 * gone on with as it is. Errors in the middle of a stream come in a field `error:`, and a prompt that is too long may be a
 * 500. `/health` beside `/v1` answers 503 while the model loads. Embeddings need `--embeddings` and a pooling other than `none`.
 *
 * Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "llama_cpp",
  probe: "/../health",
  capabilities: ["tools", "json-schema", "prefill", "streaming"],
  reasoningIn: { field: "reasoning_content", always: false },
  topK: "top_k",
  effort: "chat_template_kwargs",
  thinking: "chat_template_kwargs.enable_thinking",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.OpenOptions, Vendor.ThinkingOptions {
  /** Further words for the chat template. Default none. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>> | undefined
  /** How reasoning is told from text: in its own field, or left in the text. Default: the server's, `auto`. */
  readonly reasoningFormat?: "auto" | "deepseek" | "none" | undefined
  /** False: the prompt's state is not kept for the next call. Default true. */
  readonly cachePrompt?: boolean | undefined
  /** Tokens below this share of the likeliest one are left out. In [0, 1], default 0.05. */
  readonly minP?: number | undefined
}

const ways = Vendor.make<Options>({
  own: {
    ...Vendor.thinking,
    chatTemplateKwargs: Table.recordOf(),
    reasoningFormat: Table.word("auto", "deepseek", "none"),
    cachePrompt: Table.flag,
    minP: Table.inShare
  },
  module: "LlamaCpp",
  baseUrl: "http://localhost:8080/v1",
  keyName: "LLAMA_API_KEY",
  keyRequired: false,
  // Left in the text, it is told from it here.
  profile: ({ reasoningFormat }) => (reasoningFormat === "none" ? { ...profile, thinkTags: true } : profile),
  fields: ({ cachePrompt, chatTemplateKwargs, minP, reasoningFormat }) => ({
    chat_template_kwargs: chatTemplateKwargs,
    reasoning_format: reasoningFormat,
    cache_prompt: cachePrompt,
    min_p: minP
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `LLAMA_API_KEY`. */
export const layerConfig = ways.layerConfig

/** The server has no `dimensions`: vectors have the model's own length. */
export interface EmbeddingOptions extends Omit<OpenAiShape.OpenOptions, "dimensions"> {}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: {},
  module: "LlamaCpp",
  provider: "llama_cpp",
  baseUrl: "http://localhost:8080/v1",
  keyName: "LLAMA_API_KEY",
  keyRequired: false
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. A text must fit the server's batch
 * (`--ubatch-size`). Throws `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `LLAMA_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
