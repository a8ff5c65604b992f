/**
 * A target as plain data, as it stands in a file, in the environment or in a registry. It names the variable in which its
 * key is found and holds no key itself; the application makes a client of it, because nothing here knows a vendor.
 *
 * ```json
 * { "targets": [
 *   { "id": "eu", "provider": "deepseek", "model": "deepseek-chat", "key": { "env": "DEEPSEEK_API_KEY" }, "weight": 5 },
 *   { "id": "backup", "provider": "openai", "model": "gpt-5", "key": { "env": "OPENAI_API_KEY" }, "tier": 1 }
 * ] }
 * ```
 *
 * A set is checked as a whole: every mistake is named, with its path, what is allowed there and what it was. A key that
 * nobody reads is a mistake. What stands below `key` is never repeated.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { InvalidOption } from "../model/InvalidOption.ts"
import * as Price from "../model/Price.ts"
import type { Capability, Limits } from "../model/Target.ts"
import { complaintsOf } from "./internal/complaints.ts"

/** What the application makes a client of. */
export interface TargetDescription {
  /** Unique in its set. */
  readonly id: string
  /** The vendor, e.g. `deepseek`: what `clientOf` decides by. */
  readonly provider: string
  /** As the vendor spells it. */
  readonly model: string
  /** http or https, without a password in it. Left out: the vendor's own. */
  readonly baseUrl?: string
  /** What `key` in the data refers to, already read. Left out where there is none. */
  readonly key?: Redacted.Redacted<string>
  /** Anything else the client needs (API version, project). Handed on unread; no place for keys. */
  readonly options?: Readonly<Record<string, unknown>>
  /** Finite, > 0. Default 1. */
  readonly weight?: number
  /** Integer >= 0, default 0: asked first. A higher one answers when none below it can. */
  readonly tier?: number
  readonly region?: string
  readonly tags?: Readonly<Record<string, string>>
  /** Default: those of the client. */
  readonly capabilities?: ReadonlyArray<Capability>
  readonly limits?: Limits
  /** USD per million tokens, see `Price`. */
  readonly price?: Price.Price
  /** Tokens. Finite, > 0. */
  readonly contextWindow?: number
  readonly account?: string
  /** Default false. */
  readonly zeroRetention?: boolean
}

/** Where the key of a target is found. A literal one only where the application allows it. */
export type KeyReference = { readonly env: string } | { readonly literal: Redacted.Redacted<string> }

/** A description whose key has not been looked up yet. */
export interface TargetData extends Omit<TargetDescription, "key"> {
  readonly key?: KeyReference
}

export interface DecodeOptions {
  /** May the data hold a key itself, as `"key": { "literal": "..." }`? Default false. */
  readonly literalKeys?: boolean
}

const text = Schema.String.annotate({ message: "a non-empty string" }).check(
  Schema.makeFilter((value) => value.length > 0, { message: "a non-empty string" })
)
const number = (message: string, holds: (value: number) => boolean) =>
  Schema.Number.annotate({ message }).check(Schema.makeFilter(holds, { message }))
const positive = number("a finite number > 0", (value) => Number.isFinite(value) && value > 0)
const integerFrom = (minimum: number) =>
  number(`an integer >= ${minimum}`, (value) => Number.isSafeInteger(value) && value >= minimum)
const count = integerFrom(1)
const capabilities = ["tools", "vision", "json-schema", "prefill", "reasoning", "embeddings", "streaming"] as const
const oneOfCapabilities = `one of ${capabilities.map((name) => JSON.stringify(name)).join(", ")}`

const isWebAddress = (value: string): boolean => {
  if (!URL.canParse(value)) return false
  const { password, protocol, username } = new URL(value)
  return (protocol === "http:" || protocol === "https:") && username === "" && password === ""
}
const webAddress = "a URL that begins with http:// or https:// and holds no password"

const limits = Schema.Struct({
  maxInFlight: Schema.optionalKey(count),
  requestsPerMinute: Schema.optionalKey(positive),
  burst: Schema.optionalKey(count),
  requestsPerDay: Schema.optionalKey(count),
  tokensPerMinute: Schema.optionalKey(count),
  tokensPerDay: Schema.optionalKey(count),
  inputTokensPerMinute: Schema.optionalKey(count),
  outputTokensPerMinute: Schema.optionalKey(count),
  usdPerDay: Schema.optionalKey(positive),
  usdPerMonth: Schema.optionalKey(positive)
}).annotate({ message: "an object" })

/** A variable's name. What looks like a key (`sk-...`) is none, and so is found out. */
const variable = `{ "env": "NAME_OF_A_VARIABLE" }`
const env = Schema.Struct({
  env: Schema.String.annotate({ message: "the name of an environment variable" }).check(
    Schema.makeFilter((value) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value), {
      message: "the name of an environment variable"
    })
  )
}).annotate({ message: `${variable}; a key itself is not allowed here` })
const envOrLiteral = Schema.Struct({ env: Schema.optionalKey(env.fields.env), literal: Schema.optionalKey(text) })
  .annotate({ message: `${variable} or { "literal": "the key" }` })
  .check(
    Schema.makeFilter((key) => (key.env === undefined) !== (key.literal === undefined), {
      message: `either ${variable} or { "literal": "the key" }`
    })
  )

const target = <K extends Schema.ConstraintCodec<unknown, unknown>>(key: K) =>
  Schema.Struct({
    id: text,
    provider: text,
    model: text,
    baseUrl: Schema.optionalKey(
      Schema.String.annotate({ message: webAddress }).check(Schema.makeFilter(isWebAddress, { message: webAddress }))
    ),
    key: Schema.optionalKey(key),
    options: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown).annotate({ message: "an object" })),
    weight: Schema.optionalKey(positive),
    tier: Schema.optionalKey(integerFrom(0)),
    region: Schema.optionalKey(text),
    tags: Schema.optionalKey(
      Schema.Record(Schema.String, Schema.String.annotate({ message: "a string" })).annotate({ message: "an object" })
    ),
    capabilities: Schema.optionalKey(
      Schema.Array(Schema.Literals(capabilities).annotate({ message: oneOfCapabilities })).annotate({
        message: `a list, such as ["tools"]`
      })
    ),
    limits: Schema.optionalKey(limits),
    price: Schema.optionalKey(Schema.Unknown),
    contextWindow: Schema.optionalKey(positive),
    account: Schema.optionalKey(text),
    zeroRetention: Schema.optionalKey(Schema.Boolean.annotate({ message: "true or false" }))
  }).annotate({ message: "an object with an id, a provider and a model" })

/** More than any router serves; a wrong file must not fill the memory. */
const mostTargets = 10_000

const set = <K extends Schema.ConstraintCodec<unknown, unknown>>(key: K) =>
  Schema.Struct({
    /** For editors; not read. */
    $schema: Schema.optionalKey(Schema.String.annotate({ message: "a string" })),
    targets: Schema.Array(target(key))
      .annotate({ message: "a list of targets" })
      .check(
        Schema.makeFilter((list) => list.length > 0, { message: "a list of at least one target" }),
        Schema.makeFilter((list) => list.length <= mostTargets, { message: `a list of at most ${mostTargets} targets` })
      )
  }).annotate({ message: `an object, such as { "targets": [...] }` })

const parse = { errors: "all", onExcessProperty: "error" } as const
/** The schema of a set of targets as data, without literal keys: for a JSON Schema of it, or a form. */
export const TargetsData = set(env)

const withLiterals = set(envOrLiteral)
const decodeStrict = Schema.decodeUnknownResult(TargetsData, parse)
const decodeWithLiterals = Schema.decodeUnknownResult(withLiterals, parse)

/**
 * Every target of `{ "targets": [...] }`, or one sentence per mistake, e.g. `targets[2].weight must be a finite number > 0,
 * got -1`. Nothing of the data below `key` is in them.
 */
export const decodeSet = (
  data: unknown,
  options: DecodeOptions = {}
): Result.Result<ReadonlyArray<TargetData>, ReadonlyArray<string>> => {
  const decoded: Result.Result<typeof withLiterals.Type, Schema.SchemaError> =
    options.literalKeys === true ? decodeWithLiterals(data) : decodeStrict(data)
  if (Result.isFailure(decoded)) return Result.fail(complaintsOf(decoded.failure.issue, data, isSecret))
  const complaints: Array<string> = []
  const seen = new Map<string, number>()
  const targets = decoded.success.targets.map((read, i): TargetData => {
    const { key, price, ...rest } = read
    const first = seen.get(read.id)
    if (first === undefined) seen.set(read.id, i)
    else complaints.push(`targets[${i}].id must be unique, got ${JSON.stringify(read.id)} as in targets[${first}]`)
    return { ...rest, ...keyOf(key), ...priceOf(`targets[${i}].price`, price, complaints) }
  })
  return complaints.length === 0 ? Result.succeed(targets) : Result.fail(complaints)
}

/** Keys; addresses, as a password may stand in a wrong one; and what stands in the place of a whole target or set. */
const isSecret = (path: ReadonlyArray<PropertyKey>): boolean =>
  path.length < 3 || path.includes("key") || path.includes("baseUrl")

const keyOf = (
  key: { readonly env?: string; readonly literal?: string } | undefined
): { readonly key?: KeyReference } => {
  if (key?.env !== undefined) return { key: { env: key.env } }
  return key?.literal === undefined ? {} : { key: { literal: Redacted.make(key.literal) } }
}

/** `Price` checks itself, for prices in a program's options as for these. */
const priceOf = (where: string, price: unknown, complaints: Array<string>): { readonly price?: Price.Price } => {
  if (price === undefined) return {}
  try {
    return { price: Price.check(where, price as Price.Price) }
  } catch (error) {
    if (!(error instanceof InvalidOption)) throw error
    complaints.push(error.message)
    return {}
  }
}
