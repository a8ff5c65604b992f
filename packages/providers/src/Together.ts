/**
 * Together. A prompt that is too long is a 403 here, and no credit a 402; the edge gives up after about 100 seconds without
 * a byte (524), so stream what takes long.
 *
 * Source: https://docs.together.ai/reference/chat-completions-1, https://docs.together.ai/docs/error-codes
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "together_ai",
  probe: "/models",
  topK: "top_k",
  thinking: "reasoning.enabled"
}

export interface Options extends Vendor.KeyedOptions, Vendor.ThinkingOptions {
  /** Above 1, what has appeared already becomes less likely. > 0, default 1. */
  readonly repetitionPenalty?: number | undefined
  /** Tokens below this share of the likeliest one are left out. In [0, 1], default 0. */
  readonly minP?: number | undefined
  /** Class of Llama Guard or another model that looks at prompt and answer. Default none. */
  readonly safetyModel?: string | undefined
}

const ways = Vendor.make<Options>({
  own: {
    ...Vendor.thinking,
    repetitionPenalty: Table.aboveZero,
    minP: Table.inShare,
    safetyModel: Table.text()
  },
  module: "Together",
  baseUrl: "https://api.together.xyz/v1",
  keyName: "TOGETHER_API_KEY",
  profile,
  fields: ({ minP, repetitionPenalty, safetyModel }) => ({
    repetition_penalty: repetitionPenalty,
    min_p: minP,
    safety_model: safetyModel
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `TOGETHER_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.KeyedOptions {}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: {},
  module: "Together",
  provider: "together_ai",
  baseUrl: "https://api.together.xyz/v1",
  keyName: "TOGETHER_API_KEY"
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. Its models have one length of vectors; the most texts per request is not published. Throws
 * `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `TOGETHER_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
