/**
 * An Ollama server by its compatible endpoint. It cuts a prompt to the model's `num_ctx` without a word: give targets their
 * real `contextWindow`. A full queue is a 503. Errors are plain texts.
 *
 * Source: https://docs.ollama.com/openai
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "ollama",
  probe: "/models",
  reasoningIn: { field: "reasoning", always: false },
  effortWords: { minimal: "low", xhigh: "high", max: "high" },
  reasoningTokens: "inside"
}

export interface Options extends Vendor.OpenOptions {}

const ways = Vendor.make<Options>({
  own: {},
  module: "Ollama",
  baseUrl: "http://localhost:11434/v1",
  keyName: "OLLAMA_API_KEY",
  keyRequired: false,
  profile
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `OLLAMA_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.OpenOptions {}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: OpenAiShape.dimensions,
  module: "Ollama",
  provider: "ollama",
  baseUrl: "http://localhost:11434/v1",
  keyName: "OLLAMA_API_KEY",
  keyRequired: false
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

/** `layerEmbedding` with the key from configuration, by default from `OLLAMA_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
