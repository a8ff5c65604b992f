/**
 * SiliconFlow. Errors are flat (`{code, message, data}`); 503 with code 50505 is a busy model, and a 429 says in its message
 * which limit it was (TPM, RPM, IPM). An effort becomes a budget of thinking: `minimal` 512, `low` 2048, `medium` 8192,
 * `high` 16 384, `xhigh` and `max` 32 768 tokens.
 *
 * Source: https://docs.siliconflow.cn/en/api-reference/chat-completions/chat-completions,
 * https://docs.siliconflow.cn/en/faqs/error-code
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "siliconflow",
  owner: "siliconflow",
  probe: "/models",
  capabilities: ["tools", "reasoning", "streaming"],
  reasoningIn: { field: "reasoning_content", always: false },
  seed: "none",
  topK: "top_k",
  effort: "none",
  thinking: "enable_thinking",
  thinkingBudget: "thinking_budget",
  effortBudgets: { minimal: 512, low: 2048, medium: 8192, high: 16_384, xhigh: 32_768, max: 32_768 },
  json: "json_object"
}

/** Accounts and keys belong to one of the two sites. */
export type Site = "cn" | "com"

export interface Options extends Vendor.KeyedOptions, Vendor.BudgetOptions {
  /** `cn` is `api.siliconflow.cn`, `com` the site outside China. Default `cn`. */
  readonly site?: Site | undefined
  /** Tokens below this share of the likeliest one are left out; Qwen3 only. In [0, 1], default the model's. */
  readonly minP?: number | undefined
}

const baseUrl = ({ site }: { readonly site?: Site | undefined }) => `https://api.siliconflow.${site ?? "cn"}/v1`

const site = Table.word("cn", "com")

const ways = Vendor.make<Options>({
  own: { ...Vendor.budget, site, minP: Table.inShare },
  module: "SiliconFlow",
  baseUrl,
  keyName: "SILICONFLOW_API_KEY",
  // Two sites, two price lists: the name tells which.
  profile: ({ site }) => (site === "com" ? profile : { ...profile, provider: "siliconflow-cn" }),
  fields: ({ minP }) => ({ min_p: minP })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `SILICONFLOW_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.KeyedOptions, OpenAiShape.DimensionOptions {
  /** See `Options.site`. Default `cn`. */
  readonly site?: Site | undefined
}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: { ...OpenAiShape.dimensions, site },
  module: "SiliconFlow",
  provider: "siliconflow",
  baseUrl,
  keyName: "SILICONFLOW_API_KEY",
  base64: true,
  maxTexts: 32
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. A request holds at most 32 texts; `dimensions` is for the Qwen3 models. Throws
 * `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `SILICONFLOW_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
