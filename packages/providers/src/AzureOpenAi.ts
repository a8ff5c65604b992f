/**
 * OpenAI's models at Azure, by the chat dialect: a resource of your own, with deployments instead of models. A key, or a token
 * of Entra that is asked for before every call.
 *
 * The first chunk of a stream is about the content filter and names nobody; a new deployment answers 404 for some minutes.
 * Source: https://learn.microsoft.com/azure/ai-foundry/openai/latest,
 * https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
 */

import * as Azure from "./internal/azure/Access.ts"
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "azure.ai.openai",
  owner: "openai",
  auth: "api-key",
  probe: "/models",
  capabilities: ["tools", "vision", "json-schema", "reasoning", "streaming"],
  toolIds: "up-to-40",
  outputCap: "max_completion_tokens",
  user: "user",
  reasoningTokens: "inside"
}

export interface Options extends Vendor.OpenOptions, Azure.Access {
  /** Name of the deployment. */
  readonly model: string
  /**
   * A reasoning model: sampling settings are left out of calls whose effort is not `none`, where they would be a 400. Default
   * false: settings are sent as they are.
   */
  readonly reasoning?: boolean | undefined
  /** False: one tool call per turn. Default true. */
  readonly parallelToolCalls?: boolean | undefined
}

const ways = Vendor.make<Options>({
  own: { ...Azure.own, reasoning: Table.flag, parallelToolCalls: Table.flag },
  module: "AzureOpenAi",
  baseUrl: Azure.baseUrl,
  keyName: "AZURE_OPENAI_API_KEY",
  keyRequired: false,
  keyWanted: Azure.wantsKey,
  profile: ({ apiVersion, reasoning }) => ({
    ...profile,
    // The older path has the deployment's name in it.
    probe: apiVersion === undefined ? profile.probe : "/../../models",
    refusesThinking: reasoning === true ? Profile.sampling : []
  }),
  fields: ({ parallelToolCalls }) => ({ parallel_tool_calls: parallelToolCalls }),
  authorize: Azure.authorize,
  check: (options) => Azure.check("AzureOpenAi", options)
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `AZURE_OPENAI_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.OpenOptions, Azure.Access {
  /** Name of the deployment. */
  readonly model: string
  /** Say the model's own name here: the deployment's means nothing to other targets. */
  readonly space?: string | undefined
}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: { ...Azure.own, ...OpenAiShape.dimensions },
  module: "AzureOpenAi",
  provider: "azure.ai.openai",
  owner: "openai",
  auth: "api-key",
  baseUrl: Azure.baseUrl,
  keyName: "AZURE_OPENAI_API_KEY",
  keyRequired: false,
  keyWanted: Azure.wantsKey,
  base64: true,
  maxTexts: 2048,
  authorize: Azure.authorize,
  check: (options) => Azure.check("AzureOpenAi", options)
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. A request holds at most 2048 texts of at most 8192 tokens. Throws
 * `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `AZURE_OPENAI_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
