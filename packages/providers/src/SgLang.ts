/**
 * An SGLang server. Reasoning needs its parser there (`--reasoning-parser`); without one set `profile: { thinkTags: true }`.
 * A full queue may be told inside an answer with status 200. `/health` beside `/v1` says whether it is there. Embeddings come
 * from a server that was started with `--is-embedding`, and it serves nothing else.
 *
 * Source: https://docs.sglang.ai/basic_usage/openai_api_completions.html,
 * https://docs.sglang.ai/supported_models/embedding_models.html
 */
import * as TemplateServer from "./internal/chat/TemplateServer.ts"
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import type * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...TemplateServer.profile,
  provider: "sglang",
  reasoningIn: { field: "reasoning_content", always: false }
}

export interface Options extends TemplateServer.Options {
  /** True: reasoning stands in its own field. Default: the server's, true where it has a parser. */
  readonly separateReasoning?: boolean | undefined
  /** Above 1, what has appeared already becomes less likely. In (0, 2], default 1. */
  readonly repetitionPenalty?: number | undefined
}

const ways = Vendor.make<Options>({
  own: { ...TemplateServer.own, separateReasoning: Table.flag, repetitionPenalty: Table.upTo(2) },
  module: "SgLang",
  baseUrl: "http://localhost:30000/v1",
  keyName: "SGLANG_API_KEY",
  keyRequired: false,
  profile: TemplateServer.switched(profile),
  fields: (options) => ({
    ...TemplateServer.fields(options),
    separate_reasoning: options.separateReasoning,
    repetition_penalty: options.repetitionPenalty
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `SGLANG_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.OpenOptions {}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: OpenAiShape.dimensions,
  module: "SgLang",
  provider: "sglang",
  baseUrl: "http://localhost:30000/v1",
  keyName: "SGLANG_API_KEY",
  keyRequired: false
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. The server sets no limit on the number of
 * texts. Throws `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `SGLANG_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
