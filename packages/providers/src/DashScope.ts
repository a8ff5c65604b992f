/**
 * DashScope (Alibaba Model Studio, Qwen) in its compatible mode. Thinking has a switch and a budget and no words: an effort
 * becomes a budget (`low` 2048, `medium` 8192, `high` 16 384 tokens; `xhigh` and `max` without one). Structured output is
 * `json_object`; models that take a schema get `profile: { json: "json_schema" }`. Models that only stream get
 * `profile: { streamOnly: true }`.
 *
 * Source: https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference,
 * https://www.alibabacloud.com/help/en/model-studio/deep-thinking
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as OpenAiShape from "./internal/embeddings/OpenAiShape.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

/** The list of models stands outside of the compatible mode. */
export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "dashscope",
  probe: "/../../api/v1/models?page_size=1",
  capabilities: ["tools", "reasoning", "streaming"],
  prefill: "partial",
  topK: "top_k",
  effort: "none",
  thinking: "enable_thinking",
  thinkingBudget: "thinking_budget",
  effortBudgets: { minimal: 512, low: 2048, medium: 8192, high: 16_384 },
  json: "json_object"
}

/** The regions with a host of their own; keys belong to one. */
export type Region = "china" | "international"

export interface Options extends Vendor.KeyedOptions, Vendor.BudgetOptions {
  /** `china` is `dashscope.aliyuncs.com`, `international` is `dashscope-intl.aliyuncs.com`. Default `china`. */
  readonly region?: Region | undefined
  /** True: the model may look things up. Default false. */
  readonly enableSearch?: boolean | undefined
  /** False: one tool call per turn. Default false, the vendor's. */
  readonly parallelToolCalls?: boolean | undefined
}

const baseUrl = ({ region }: { readonly region?: Region | undefined }) =>
  `https://dashscope${region === "international" ? "-intl" : ""}.aliyuncs.com/compatible-mode/v1`

const region = Table.word("china", "international")

const ways = Vendor.make<Options>({
  own: { ...Vendor.budget, region, enableSearch: Table.flag, parallelToolCalls: Table.flag },
  module: "DashScope",
  baseUrl,
  keyName: "DASHSCOPE_API_KEY",
  profile,
  fields: ({ enableSearch, parallelToolCalls }) => ({
    enable_search: enableSearch,
    parallel_tool_calls: parallelToolCalls
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `DASHSCOPE_API_KEY`. */
export const layerConfig = ways.layerConfig

export interface EmbeddingOptions extends OpenAiShape.KeyedOptions, OpenAiShape.DimensionOptions {
  /** See `Options.region`. Default `china`. */
  readonly region?: Region | undefined
}

const vectors = OpenAiShape.make<EmbeddingOptions>({
  own: { ...OpenAiShape.dimensions, region },
  module: "DashScope",
  provider: "dashscope",
  baseUrl,
  keyName: "DASHSCOPE_API_KEY",
  maxTexts: 10
})

/**
 * An embedding model over the `HttpClient` of the application: a client for a router. A request holds at most 10 texts of at most 8192 tokens. Throws
 * `InvalidOption`.
 */
export const embeddings = vectors.make

/** The same over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const embeddingModel = vectors.model

/** The embedding model on its own, without a router, as `EmbeddingModel` of `effect/ai`. Throws `InvalidOption`. */
export const layerEmbedding = vectors.layer

/** `layerEmbedding` with the key from configuration, by default from `DASHSCOPE_API_KEY`. */
export const layerEmbeddingConfig = vectors.layerConfig
