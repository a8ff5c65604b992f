/**
 * Mistral. The seed is `random_seed`, ids of tool calls are nine letters and digits, content may come as a list of text and
 * thinking, and an answer is gone on with by `prefix` on the assistant's last message. `stream_options` is refused, and the
 * usage comes all the same.
 *
 * Source: https://docs.mistral.ai/api, https://docs.mistral.ai/capabilities/function_calling,
 * https://docs.mistral.ai/capabilities/reasoning
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "mistral_ai",
  probe: "/models",
  capabilities: ["tools", "json-schema", "prefill", "streaming"],
  prefill: "prefix",
  toolIds: "exactly-9-alphanumerics",
  seed: "random_seed",
  effort: "none",
  streamUsage: false
}

export interface Options extends Vendor.KeyedOptions {
  /** `reasoning`: the vendor's system text for models that reason. Default: none. */
  readonly promptMode?: "reasoning" | undefined
  /** True: the vendor's safety text stands before the conversation. Default false. */
  readonly safePrompt?: boolean | undefined
  /** False: one tool call per turn. Default true. */
  readonly parallelToolCalls?: boolean | undefined
}

const ways = Vendor.make<Options>({
  own: { promptMode: Table.word("reasoning"), safePrompt: Table.flag, parallelToolCalls: Table.flag },
  module: "Mistral",
  baseUrl: "https://api.mistral.ai/v1",
  keyName: "MISTRAL_API_KEY",
  profile,
  fields: ({ parallelToolCalls, promptMode, safePrompt }) => ({
    prompt_mode: promptMode,
    safe_prompt: safePrompt,
    parallel_tool_calls: parallelToolCalls
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `MISTRAL_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.KeyedOptions, OpenAiShape.DimensionOptions {}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: OpenAiShape.dimensions,
  module: "Mistral",
  provider: "mistral_ai",
  baseUrl: "https://api.mistral.ai/v1",
  keyName: "MISTRAL_API_KEY",
  dimensions: "output_dimension"
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. A request holds at most 16 384 tokens, in any number of texts; `dimensions` is for `codestral-embed`. Throws
 * `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `MISTRAL_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
