/**
 * Any server that speaks OpenAI's chat dialect and has no module of its own here.
 *
 * What a server does otherwise is said by `profile`; see `Profile`. For the vendors that have a module (`OpenAi`, `DeepSeek`,
 * `Groq`, `VLlm`, …) use it: it knows them.
 */
import type * as Config from "effect/Config"
import type * as Redacted from "effect/Redacted"
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export interface Options extends Vendor.OpenOptions {
  /** Absolute http or https URL, e.g. `http://localhost:8000/v1`; may carry a path and a query. */
  readonly baseUrl: string
  /** Differences from `Profile.generic`. */
  readonly profile?: Partial<Profile.Profile> | undefined
}

const ways = Vendor.make<Options>({
  own: {},
  module: "OpenAiCompatible",
  baseUrl: ({ baseUrl }) => baseUrl,
  keyName: "API_KEY",
  keyRequired: false,
  profile: Profile.generic
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with a key from configuration, e.g. `Config.Redacted("MY_SERVER_KEY")`. */
export const layerConfig: (
  options: Omit<Options, "apiKey"> & { readonly apiKey: Config.Config<Redacted.Redacted<string>> }
) => ReturnType<typeof ways.layerConfig> = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.OpenOptions {
  /** Absolute http or https URL, e.g. `http://localhost:8000/v1`; may carry a path and a query. */
  readonly baseUrl: string
  /** `provider` of the model and key of metadata in errors. Default `openai-compatible`. */
  readonly provider?: string | undefined
  /** How vectors travel; `base64` is four times smaller, and not every server knows it. Default `float`. */
  readonly encoding?: "float" | "base64" | undefined
  /** The most texts one request may hold. Integer >= 1. Default: not known, and not checked. */
  readonly maxTexts?: number | undefined
}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: {
    ...OpenAiShape.dimensions,
    provider: Table.text(),
    encoding: Table.word("float", "base64"),
    maxTexts: Table.count
  },
  module: "OpenAiCompatible",
  provider: ({ provider }) => provider ?? Profile.generic.provider,
  baseUrl: ({ baseUrl }) => baseUrl,
  keyName: "API_KEY",
  keyRequired: false,
  base64: ({ encoding }) => encoding === "base64",
  maxTexts: ({ maxTexts }) => maxTexts
})

/** An embedding model over the `HttpClient` of the application: a client for a router. Throws `InvalidOption`. */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with a key from configuration. */
export const layerEmbeddingConfig: (
  options: Omit<EmbeddingOptions, "apiKey"> & { readonly apiKey: Config.Config<Redacted.Redacted<string>> }
) => ReturnType<typeof vectors.layerConfig> = vectors.layerConfig
