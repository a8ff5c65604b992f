/**
 * Embeddings as OpenAI shaped them and most vendors took over: texts under `input`, vectors under `data[].embedding`.
 *
 * Vectors may come as base64 of little-endian 32-bit floats: a quarter of the bytes, and the same numbers. Both forms are
 * read from everyone. The order is that of `index`; a missing, a second or an odd vector fails the call, because a vector at
 * the wrong place would never be noticed.
 *
 * Source: https://platform.openai.com/docs/api-reference/embeddings
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Embedded } from "@spillway/core/ProviderEmbedding"
import * as Base64 from "effect/encoding/Base64"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Config from "../engine/Config.ts"
import type { Dialect } from "../engine/Dialect.ts"
import * as EmbeddingWays from "../engine/EmbeddingWays.ts"
import type { EmbeddingDialect } from "../engine/HttpEmbedding.ts"
import * as Table from "../engine/OptionTable.ts"
import { type Fault, undecodable } from "../errors/Fault.ts"
import { type OptionalHeaders, present } from "../http/OptionalHeaders.ts"
import type { HeaderValues } from "../http/RequestHeaders.ts"
import { type JsonRecord, record, records, text } from "../json.ts"
import { count } from "../parts/Counts.ts"

/** What the options of every vendor's embeddings have. */
export interface CommonOptions {
  /** As the vendor spells it. */
  readonly model: string
  /** Absolute http or https URL below which `/embeddings` stands; may carry a path and a query. Default: the vendor's. */
  readonly baseUrl?: string | undefined
  /** Sent with every request; `Redacted` values are hidden wherever headers are printed. */
  readonly headers?: HeaderValues | undefined
  /**
   * Names what the vectors compare with: a router moves a call only between targets of one space. Default: the model's name,
   * with the dimensions where they are asked for. Say it where one model has several names.
   */
  readonly space?: string | undefined
}

/** A vendor that wants a key. */
export interface KeyedOptions extends CommonOptions {
  readonly apiKey: Redacted.Redacted<string>
}

/** A server of one's own, which may want a key. */
export interface OpenOptions extends CommonOptions, DimensionOptions {
  /** Left out for servers without keys. */
  readonly apiKey?: Redacted.Redacted<string> | undefined
}

/** For models that can shorten their vectors. */
export interface DimensionOptions {
  /** Numbers per vector. Integer >= 1. Default: the model's own. Models that cannot shorten answer 400. */
  readonly dimensions?: number | undefined
}

export interface Facts<Options> {
  readonly module: string
  /** The module's own options, beside those of `CommonOptions` and the key: the compiler sees that none is missing. */
  readonly own: Table.Table<Exclude<keyof Options, keyof KeyedOptions>>
  readonly provider: string | ((options: Options) => string)
  /** Key of metadata in errors. Default: `provider`. */
  readonly owner?: string
  readonly baseUrl: string | ((options: Options) => string)
  readonly keyName: string
  /** `false`: a server without keys is fine. Default true. */
  readonly keyRequired?: boolean
  /** Must `layerConfig` find a key? Default: `keyRequired`. */
  readonly keyWanted?: (options: EmbeddingWays.WithKeyFrom<Options>) => boolean
  /** See `Profile.auth`. Default `bearer`. */
  readonly auth?: string
  /** Is `encoding_format: base64` known? Default false. */
  readonly base64?: boolean | ((options: Options) => boolean)
  /** Name of the field for dimensions. Default `dimensions`. */
  readonly dimensions?: string
  /** The most texts per request. Default: not known. */
  readonly maxTexts?: number | ((options: Options) => number | undefined)
  /** Headers and fields that the vendor's own options mean; `undefined` is left out. */
  readonly headers?: (options: Options) => OptionalHeaders
  readonly fields?: (options: Options) => Readonly<Record<string, unknown>>
  readonly authorize?: (options: Options) => Dialect["authorize"]
  /** Throws `InvalidOption`. */
  readonly check?: (options: Options) => void
}

/** What `Table.options` need not check: `Config.resolve` and `spaceOf` do. */
export const common: ReadonlyArray<string> = ["model", "apiKey", "baseUrl", "headers", "space"] satisfies ReadonlyArray<
  keyof KeyedOptions
>

/** For `own` of a vendor whose models can shorten their vectors. */
export const dimensions: Table.Table<keyof DimensionOptions> = { dimensions: Table.count }

export const make = <Options extends OpenOptions>(facts: Facts<Options>): EmbeddingWays.EmbeddingWays<Options> =>
  EmbeddingWays.make(
    (options: Options) => dialectOf(facts, options),
    facts.keyName,
    facts.keyWanted ?? facts.keyRequired
  )

/** Throws `InvalidOption`. */
const dialectOf = <Options extends OpenOptions>(facts: Facts<Options>, options: Options): EmbeddingDialect => {
  Table.options(facts.module, options, common, facts.own)
  facts.check?.(options)
  const { dimensions, model } = options
  const provider = valueOf(facts.provider, options)
  const config = Config.resolve({
    module: facts.module,
    model,
    baseUrl: options.baseUrl ?? valueOf(facts.baseUrl, options),
    apiKey: options.apiKey,
    keyRequired: facts.keyRequired ?? true,
    auth: facts.auth ?? "bearer",
    headers: options.headers,
    dialectHeaders: present(facts.headers?.(options) ?? {}),
    usually: []
  })
  const maxTexts = valueOf(facts.maxTexts, options)
  const own = {
    ...(valueOf(facts.base64, options) === true ? { encoding_format: "base64" } : undefined),
    ...(dimensions === undefined ? undefined : { [facts.dimensions ?? "dimensions"]: dimensions }),
    ...facts.fields?.(options)
  }
  const authorize = facts.authorize?.(options)
  return {
    module: facts.module,
    provider,
    owner: facts.owner ?? provider,
    model,
    headers: config.headers,
    secret: config.secret,
    settings: config.settings,
    space: spaceOf(facts.module, options),
    endpoint: config.at("/embeddings"),
    maxTexts,
    body: (input) => JSON.stringify({ model, input, ...own }),
    read: (json, texts) => read(json, texts, dimensions),
    ...(authorize === undefined ? undefined : { authorize })
  }
}

/** The space that is named, or the model's name with its dimensions. Throws `InvalidOption`. */
export const spaceOf = (
  module: string,
  { dimensions, model, space }: Pick<OpenOptions, "space" | "model" | "dimensions">
): string => {
  if (space !== undefined && (typeof space !== "string" || space === "")) {
    throw new InvalidOption(`${module}: space`, "a non-empty string", space)
  }
  return space ?? (dimensions === undefined ? model : `${model}@${dimensions}`)
}

const valueOf = <Options, A>(value: A | ((options: Options) => A), options: Options): A =>
  typeof value === "function" ? (value as (options: Options) => A)(options) : value

const read = (json: unknown, texts: number, dimensions: number | undefined): Embedded | Fault => {
  const body = record(json)
  const data = records(body?.["data"])
  const vectors = new Map<number, Array<number>>()
  for (const [place, item] of data.entries()) {
    const index = item["index"] ?? place
    const vector = vectorOf(item)
    if (typeof index !== "number" || vector === undefined || vectors.has(index)) return odd
    if (dimensions !== undefined && vector.length !== dimensions) {
      return undecodable("A vector has not the dimensions that were asked for")
    }
    vectors.set(index, vector)
  }
  const inOrder = Array.from({ length: texts }, (_, index) => vectors.get(index))
  if (vectors.size !== texts || !inOrder.every((vector) => vector !== undefined)) return odd
  return { vectors: inOrder, inputTokens: tokensOf(record(body?.["usage"])) }
}

const odd = undecodable("The answer has not one vector for every text")

const tokensOf = (usage: JsonRecord | undefined): number | undefined =>
  count(usage?.["prompt_tokens"]) ?? count(usage?.["total_tokens"])

const vectorOf = ({ embedding }: JsonRecord): Array<number> | undefined => {
  const vector = typeof embedding === "string" ? floats(embedding) : embedding
  return Array.isArray(vector) && vector.length > 0 && vector.every(Number.isFinite) ? vector : undefined
}

const floats = (base64: string): Array<number> | undefined => {
  const decoded = text(base64) === undefined ? undefined : Base64.decode(base64)
  if (decoded === undefined || Result.isFailure(decoded)) return undefined
  const bytes = decoded.success
  if (bytes.byteLength % 4 !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true))
}
