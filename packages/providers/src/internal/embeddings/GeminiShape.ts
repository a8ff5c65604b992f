/**
 * Embeddings in Gemini's own words: one request per text in a batch, one list of `values` per vector, in their order.
 *
 * Source: https://ai.google.dev/api/embeddings#method:-models.batchembedcontents
 */
import type { Embedded } from "@spillway/core/ProviderEmbedding"
import type * as Redacted from "effect/Redacted"
import * as Config from "../engine/Config.ts"
import * as EmbeddingWays from "../engine/EmbeddingWays.ts"
import type { EmbeddingDialect } from "../engine/HttpEmbedding.ts"
import * as Table from "../engine/OptionTable.ts"
import { type Fault, undecodable } from "../errors/Fault.ts"
import { list, record, records } from "../json.ts"
import { count } from "../parts/Counts.ts"
import * as OpenAiShape from "./OpenAiShape.ts"

export interface Options extends OpenAiShape.CommonOptions, OpenAiShape.DimensionOptions {
  /** As the vendor spells it, without `models/`. */
  readonly model: string
  readonly apiKey: Redacted.Redacted<string>
  /** Default `https://generativelanguage.googleapis.com/v1beta`. */
  readonly baseUrl?: string | undefined
  /**
   * What the vectors are for; vectors for different ends do compare, and queries against documents best when each says what
   * it is. Default: the vendor's.
   */
  readonly taskType?:
    | "RETRIEVAL_QUERY"
    | "RETRIEVAL_DOCUMENT"
    | "SEMANTIC_SIMILARITY"
    | "CLASSIFICATION"
    | "CLUSTERING"
    | "QUESTION_ANSWERING"
    | "FACT_VERIFICATION"
    | "CODE_RETRIEVAL_QUERY"
    | undefined
}

const module = "GeminiEmbeddings"

const table: Table.Table<"dimensions" | "taskType"> = {
  ...OpenAiShape.dimensions,
  taskType: Table.word(
    ...["RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING"],
    ...["QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"]
  )
}

/** Throws `InvalidOption`. */
const dialectOf = (options: Options): EmbeddingDialect => {
  Table.options(module, options, OpenAiShape.common, table)
  const { dimensions, taskType } = options
  const config = Config.resolve({
    module,
    model: options.model,
    baseUrl: options.baseUrl ?? "https://generativelanguage.googleapis.com/v1beta",
    apiKey: options.apiKey,
    keyRequired: true,
    auth: "x-goog-api-key",
    headers: options.headers,
    usually: []
  })
  const model = `models/${config.model}`
  const own = { model, taskType, outputDimensionality: dimensions }
  return {
    module,
    provider: "gcp.gemini",
    owner: "google",
    model: config.model,
    headers: config.headers,
    secret: config.secret,
    settings: config.settings,
    space: OpenAiShape.spaceOf(module, options),
    endpoint: config.at(`/models/${encodeURIComponent(config.model)}:batchEmbedContents`),
    maxTexts: 100,
    body: (texts) => JSON.stringify({ requests: texts.map((text) => ({ ...own, content: { parts: [{ text }] } })) }),
    read: (json, texts) => read(json, texts, dimensions)
  }
}

const read = (json: unknown, texts: number, dimensions: number | undefined): Embedded | Fault => {
  const body = record(json)
  const vectors = records(body?.["embeddings"]).map((one) => list(one["values"]))
  if (vectors.length !== texts || !vectors.every(isVector)) {
    return undecodable("The answer has not one vector for every text")
  }
  if (dimensions !== undefined && vectors.some(({ length }) => length !== dimensions)) {
    return undecodable("A vector has not the dimensions that were asked for")
  }
  return { vectors, inputTokens: count(record(body?.["usageMetadata"])?.["promptTokenCount"]) }
}

const isVector = (values: ReadonlyArray<unknown>): values is Array<number> =>
  values.length > 0 && values.every(Number.isFinite)

export const ways = EmbeddingWays.make<Options>(dialectOf, "GEMINI_API_KEY")
