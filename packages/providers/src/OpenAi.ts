/**
 * OpenAI by its chat dialect, and its embeddings. Reasoning models refuse `temperature` and `topP` unless the effort is
 * `none`: set `reasoning` for them. Some refuse tools together with reasoning here.
 *
 * Source: https://platform.openai.com/docs/api-reference/chat, https://platform.openai.com/docs/api-reference/embeddings
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "openai",
  probe: "/models",
  capabilities: ["tools", "vision", "json-schema", "reasoning", "streaming"],
  systemRole: "developer",
  toolIds: "up-to-40",
  outputCap: "max_completion_tokens",
  user: "safety_identifier",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.KeyedOptions {
  readonly organization?: string | undefined
  readonly project?: string | undefined
  /**
   * A reasoning model: sampling settings are left out of calls whose effort is not `none`, where they would be a 400. Default
   * false: settings are sent as they are.
   */
  readonly reasoning?: boolean | undefined
  /** Class of service. Default: the project's. */
  readonly serviceTier?: "auto" | "default" | "flex" | "scale" | "priority" | "fast" | undefined
  /** Calls with the same key and prefix are sent to the same cache. At most 64 characters. Default: by the prefix alone. */
  readonly promptCacheKey?: string | undefined
  /** False: one tool call per turn. Default: the vendor's, true. */
  readonly parallelToolCalls?: boolean | undefined
  /** Whether the vendor keeps the answer for its dashboard and for training evaluations. Default: the vendor's. */
  readonly store?: boolean | undefined
}

const ways = Vendor.make<Options>({
  own: {
    organization: Table.text(),
    project: Table.text(),
    reasoning: Table.flag,
    serviceTier: Table.word("auto", "default", "flex", "scale", "priority", "fast"),
    promptCacheKey: Table.text("1 to 64 characters", /^.{1,64}$/s),
    parallelToolCalls: Table.flag,
    store: Table.flag
  },
  module: "OpenAi",
  baseUrl: "https://api.openai.com/v1",
  keyName: "OPENAI_API_KEY",
  profile: ({ reasoning }) => (reasoning === true ? { ...profile, refusesThinking: Profile.sampling } : profile),
  headers: ({ organization, project }) => ({ "openai-organization": organization, "openai-project": project }),
  fields: ({ parallelToolCalls, promptCacheKey, serviceTier, store }) => ({
    service_tier: serviceTier,
    prompt_cache_key: promptCacheKey,
    parallel_tool_calls: parallelToolCalls,
    store
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `OPENAI_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.KeyedOptions, OpenAiShape.DimensionOptions {
  readonly organization?: string | undefined
  readonly project?: string | undefined
}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: { organization: Table.text(), project: Table.text(), ...OpenAiShape.dimensions },
  module: "OpenAi",
  provider: "openai",
  baseUrl: "https://api.openai.com/v1",
  keyName: "OPENAI_API_KEY",
  base64: true,
  maxTexts: 2048,
  headers: ({ organization, project }) => ({ "openai-organization": organization, "openai-project": project })
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. A request holds at most 2048 texts of
 * at most 8192 tokens, 300 000 tokens together. Throws `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `OPENAI_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
