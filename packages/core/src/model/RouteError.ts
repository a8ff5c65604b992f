/**
 * The one error a router adds to a call. `reason` holds the facts for programs, `message` is for people, `attempts` says
 * what was tried. What the caller did wrong (an invalid request, a content policy) is not wrapped: it comes as it is.
 */
import * as Schema from "effect/Schema"

/** One attempt that did not give the answer. */
export class AttemptSummary extends Schema.Class<AttemptSummary>("@spillway/core/AttemptSummary")({
  target: Schema.String,
  /** `error.type`: `RateLimited`, `Overloaded`, `TimeoutFirstContent`, … */
  errorType: Schema.String,
  /** `ECONNREFUSED`, `ENOTFOUND`, …: the system's word, where the failure has one. */
  code: Schema.optionalKey(Schema.String),
  /** Milliseconds the attempt took. */
  ms: Schema.Finite
}) {}

/** Why one target could not be asked. */
export class Exclusion extends Schema.Class<Exclusion>("@spillway/core/Exclusion")({
  target: Schema.String,
  /** A gate's reason (`BreakerOpen`, `BulkheadFull`, `RateLimited`, `CoolingDown`, …), a constraint's, or `Tried`. */
  reason: Schema.String,
  /** Milliseconds from now until it is worth asking, where that is known. */
  retryInMs: Schema.optionalKey(Schema.Finite)
}) {}

/** No target may take the call: `exclusions` says why, one by one. */
export class NoCandidate extends Schema.TaggedError<NoCandidate>()("NoCandidate", {
  exclusions: Schema.Array(Exclusion)
}) {
  override get message() {
    if (this.exclusions.length === 0) return "No target can take the call: there is none"
    return `No target can take the call: ${this.exclusions.map((e) => `${e.target} ${e.reason}`).join(", ")}`
  }
}

/** The router itself takes no further call now: it sheds load, or too many are waiting already. No target was asked. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {
  /**
   * What refused: `Shed`, `QueueFull`, `QueueTimeout` (others were served first), `Evicted` by a more urgent call, or the word
   * of a gate of your own.
   */
  by: Schema.String,
  priority: Schema.String
}) {
  override get message() {
    return `The router takes no further ${this.priority} call now: ${this.by}`
  }
}

/** The last rung of a degradation ladder: nobody could answer, and this is what the application wants said then. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  /** The application's own words. */
  text: Schema.String
}) {
  override get message() {
    return this.text
  }
}

/** The call's own deadline ran out. */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>()("DeadlineExceeded", {
  deadlineMs: Schema.Finite
}) {
  override get message() {
    return `The call did not end within its deadline of ${this.deadlineMs} ms`
  }
}

/**
 * The attempts failed and no further one is allowed: by the retry policy's `maxAttempts`, or because every target that fits
 * was asked and none may be asked again by this call (it was silent, it sent nonsense).
 */
export class AttemptsExhausted extends Schema.TaggedError<AttemptsExhausted>()("AttemptsExhausted", {
  attempts: Schema.Int,
  maxAttempts: Schema.Int
}) {
  override get message() {
    return `${this.attempts} of at most ${this.maxAttempts} attempts failed`
  }
}

/** The attempt failed and the retry budget, shared by all calls of the router, allows no further one. */
export class RetryBudgetExhausted extends Schema.TaggedError<RetryBudgetExhausted>()("RetryBudgetExhausted", {}) {
  override get message() {
    return "The attempt failed, and too large a share of recent calls are retries already (retry budget)"
  }
}

/** The attempt failed and may be sent neither again nor elsewhere (`idempotent: false`). */
export class NotIdempotent extends Schema.TaggedError<NotIdempotent>()("NotIdempotent", {}) {
  override get message() {
    return "The attempt failed, and the request says it must not be sent twice"
  }
}

/** A stream broke after its first content and the break policy is `fail`. */
export class StreamBroken extends Schema.TaggedError<StreamBroken>()("StreamBroken", {
  target: Schema.String,
  /** Parts of this answer that the caller already has, of every kind: `response-metadata` and `text-start` too. */
  parts: Schema.Int
}) {
  override get message() {
    return `The stream from ${this.target} broke after ${this.parts} parts`
  }
}

/** Is it the router's own error? */
export const isRouteError = (error: unknown): error is RouteError => error instanceof RouteError

export class RouteError extends Schema.TaggedError<RouteError>()("RouteError", {
  reason: Schema.Union([
    NoCandidate,
    DeadlineExceeded,
    AttemptsExhausted,
    RetryBudgetExhausted,
    NotIdempotent,
    StreamBroken,
    Overloaded,
    Refused
  ]),
  attempts: Schema.Array(AttemptSummary),
  /** Milliseconds until the first target is worth asking again, where that is known; a misconfigured one never is. */
  retryAfterMs: Schema.optionalKey(Schema.Finite),
  /** What the last attempt failed with, if one was made. */
  last: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const tried = this.attempts
      .map(({ code, errorType, ms, target }) => {
        const what = code === undefined ? errorType : `${errorType} (${code})`
        return `${target} ${what} after ${Math.round(ms)} ms`
      })
      .join(", ")
    const again = this.retryAfterMs === undefined ? "" : `; worth asking again in ${Math.round(this.retryAfterMs)} ms`
    return `${this.reason.message}${tried === "" ? "" : ` (tried: ${tried})`}${again}`
  }
}
