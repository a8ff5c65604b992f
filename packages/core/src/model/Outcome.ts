/**
 * What one attempt says about its target. Gates and statistics learn from outcomes and from nothing else.
 *
 * A local rejection is not an outcome: what we refuse ourselves says nothing about a target.
 * Source: the outcome model of `Ignored`/`Drop` in failsafe-go and effect's `CircuitBreaker`; a stream gets its outcome at
 * its end, as linkerd classifies.
 */
export type Outcome = Success | Slow | RateLimited | Failure | Misconfigured | Ignored

/** Answered completely. */
export interface Success {
  readonly _tag: "Success"
}

/** Answered, but slower than the breaker's limit for time to first content. */
export interface Slow {
  readonly _tag: "Slow"
}

/** The target is fine and says "later". It is parked for `retryAfter` milliseconds; no breaker counts it. */
export interface RateLimited {
  readonly _tag: "RateLimited"
  readonly retryAfter: number | undefined
}

/** The target's fault. Breaker and statistics count it. */
export interface Failure {
  readonly _tag: "Failure"
  /** The `error.type` of telemetry, e.g. `Overloaded`, `TimeoutFirstContent`, `Truncated`. */
  readonly kind: string
  /** True when part of the answer had already arrived. */
  readonly afterFirstContent: boolean
  /** Milliseconds the target asked us to stay away. */
  readonly retryAfter: number | undefined
}

/** Key, account or model name are wrong: it stays wrong until someone acts, whatever we send. */
export interface Misconfigured {
  readonly _tag: "Misconfigured"
  readonly kind: string
}

/** Says nothing about the target: the caller's mistake, the caller's interruption, a consumer that had enough. */
export interface Ignored {
  readonly _tag: "Ignored"
}

/** Not an outcome of a call: a permit that was taken and handed back before the attempt began. Refund it. */
export interface Unused {
  readonly _tag: "Unused"
}

export const success: Outcome = { _tag: "Success" }
export const slow: Outcome = { _tag: "Slow" }
export const ignored: Outcome = { _tag: "Ignored" }
export const unused: Unused = { _tag: "Unused" }
export const rateLimited = (retryAfter?: number): Outcome => ({ _tag: "RateLimited", retryAfter })
export const misconfigured = (kind: string): Outcome => ({ _tag: "Misconfigured", kind })
export const failure = (
  kind: string,
  options?: { readonly afterFirstContent?: boolean; readonly retryAfter?: number | undefined }
): Outcome => ({
  _tag: "Failure",
  kind,
  afterFirstContent: options?.afterFirstContent ?? false,
  retryAfter: options?.retryAfter
})
