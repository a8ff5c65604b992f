/**
 * What follows a failure, by its error type: again here or elsewhere, after which back-off, up to how many attempts.
 *
 * The classifier says what a failure allows; a table is how an application corrects that for its own providers, one word at
 * a time. What a row leaves out stays as the classifier and the retry policy have it; an empty table changes nothing. It
 * is not a classifier: what gates learn from the failure does not change. A bug in the application (`Defect`) and a caller
 * who left are never looked up.
 *
 * A row's `maxAttempts` is the bound for a call whose last attempt failed so: with 5 for `RateLimited` and 3 otherwise, a
 * call may follow up its 3rd rate limit, and its 3rd overload not.
 * Source: the error-code tables of the AWS SDKs' retry modes and gRPC's `retryableStatusCodes` (proposal A6).
 */
import type { Classification } from "../model/Classifier.ts"
import { InvalidOption, integer } from "../model/InvalidOption.ts"
import * as Backoff from "./Backoff.ts"

/** The error types of the default classifier and of the providers of `@spillway/providers`. */
export const errorTypes = [
  "RateLimited",
  "Overloaded",
  "Network",
  "TimeoutAttempt",
  "TimeoutHeaders",
  "TimeoutFirstContent",
  "TimeoutIdle",
  "Truncated",
  "Protocol",
  "InvalidOutput",
  "Auth",
  "QuotaExhausted",
  "ModelNotFound",
  "ContextLength",
  "ContentFilter",
  "InvalidRequest",
  "_OTHER"
] as const

export type ErrorType = (typeof errorTypes)[number]

export interface RowOptions {
  /** Again on the same target, after the back-off? Default: what the classifier says. */
  readonly sameTarget?: boolean
  /** On another target? Default: what the classifier says. */
  readonly otherTarget?: boolean
  /** One of the retry policy's two, or one of its own. Default `"throttled"` after a rate limit, else `"transient"`. */
  readonly backoff?: "transient" | "throttled" | Backoff.Options
  /** Attempts in all, the first included, for a call whose last one failed so. Integer >= 1, default the policy's. */
  readonly maxAttempts?: number
}

/** By error type; types of a classifier of your own are as good as those listed. */
export type Options = { readonly [Type in ErrorType]?: RowOptions } & { readonly [type: string]: RowOptions }

/** A row with what the classifier says filled in. */
export interface Rule {
  readonly sameTarget: boolean
  readonly otherTarget: boolean
  readonly backoff: "transient" | "throttled" | Backoff.Policy
  /** `undefined`: the retry policy's. */
  readonly maxAttempts: number | undefined
}

export interface RetryTable {
  readonly rows: ReadonlyMap<string, Row>
}

interface Row {
  readonly sameTarget: boolean | undefined
  readonly otherTarget: boolean | undefined
  readonly backoff: Rule["backoff"] | undefined
  readonly maxAttempts: number | undefined
}

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): RetryTable => {
  if (typeof options !== "object" || options === null) throw new InvalidOption("RetryTable", "an object", options)
  return { rows: new Map(Object.entries(options).map(([type, row]) => [type, resolve(`RetryTable: ${type}`, row)])) }
}

const resolve = (where: string, row: RowOptions): Row => {
  if (typeof row !== "object" || row === null) throw new InvalidOption(where, "an object", row)
  const flag = (name: "sameTarget" | "otherTarget") => {
    const value = row[name]
    if (value === undefined || typeof value === "boolean") return value
    throw new InvalidOption(`${where}.${name}`, "true or false", value)
  }
  return {
    sameTarget: flag("sameTarget"),
    otherTarget: flag("otherTarget"),
    backoff: backoffOf(`${where}.backoff`, row.backoff),
    maxAttempts: row.maxAttempts === undefined ? undefined : integer(`${where}.maxAttempts`, row.maxAttempts)
  }
}

const backoffOf = (where: string, backoff: RowOptions["backoff"]): Row["backoff"] => {
  if (backoff === undefined || backoff === "transient" || backoff === "throttled") return backoff
  if (typeof backoff === "object" && backoff !== null) return Backoff.make(backoff, `${where}.`)
  throw new InvalidOption(where, `"transient", "throttled" or an object`, backoff)
}

/** Changes nothing. */
export const empty: RetryTable = make()

/**
 * The rule for rate limits: 5 calls, 1 s · 2^n + U(0, 1) s between them, a Retry-After as floor. On the same target only
 * after others were asked: a router fails over before it sleeps.
 */
export const rateLimitRule = {
  RateLimited: { backoff: Backoff.rateLimitRule, maxAttempts: 5 }
} as const satisfies Options

/** What follows a failure that was classified so. */
export const ruleFor = (table: RetryTable, classification: Classification): Rule => {
  const row = table.rows.get(classification.errorType)
  return {
    sameTarget: row?.sameTarget ?? classification.sameTarget,
    otherTarget: row?.otherTarget ?? classification.otherTarget,
    backoff: row?.backoff ?? (classification.outcome._tag === "RateLimited" ? "throttled" : "transient"),
    maxAttempts: row?.maxAttempts
  }
}

/** The back-off itself, where `policy` has the two that rules may name. */
export const backoffFor = (
  rule: Rule,
  policy: { readonly transient: Backoff.Policy; readonly throttled: Backoff.Policy }
): Backoff.Policy => (typeof rule.backoff === "string" ? policy[rule.backoff] : rule.backoff)
