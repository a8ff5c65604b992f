/**
 * A vLLM server. Reasoning needs its parser there (`--reasoning-parser`); without one set `profile: { thinkTags: true }`.
 * Tools need `--enable-auto-tool-choice`. It goes on with an answer that was begun, takes a JSON Schema by guided decoding,
 * and stops generating when the caller leaves. `/health` beside `/v1` says whether it is there.
 *
 * Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 */
import * as TemplateServer from "./internal/chat/TemplateServer.ts"
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import type * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...TemplateServer.profile,
  provider: "vllm",
  reasoningIn: { field: "reasoning", always: false }
}

export interface Options extends TemplateServer.Options {
  /** Calls with a lower number are served first (`--scheduling-policy priority`). Integer, default 0. */
  readonly priority?: number | undefined
  /** Above 1, what has appeared already becomes less likely. > 0, default 1. */
  readonly repetitionPenalty?: number | undefined
}

const ways = Vendor.make<Options>({
  own: { ...TemplateServer.own, priority: Table.whole, repetitionPenalty: Table.aboveZero },
  module: "VLlm",
  baseUrl: "http://localhost:8000/v1",
  keyName: "VLLM_API_KEY",
  keyRequired: false,
  profile: TemplateServer.switched(profile),
  fields: (options) => ({
    ...TemplateServer.fields(options),
    priority: options.priority,
    repetition_penalty: options.repetitionPenalty
  })
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
  own: OpenAiShape.dimensions,
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
