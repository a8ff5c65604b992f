/**
 * From an error to three separate answers: does it say something about the target's health, may the same target be asked
 * again, may another one? `AiError.isRetryable` is one bit and mixes the last two.
 *
 * A provider that knows more than `AiError` can say puts `Hints` under `metadata.spillway` of the error's reason.
 * Replace the classifier with `Layer.succeed(CurrentClassifier, …)`; a classifier that throws counts as `Ignored`.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import { failure, ignored, misconfigured, type Outcome, rateLimited } from "./Outcome.ts"
import type { AiErrorLike } from "./ProviderModel.ts"

export interface Classification {
  /** What the target's gates and statistics learn. */
  readonly outcome: Outcome
  /** The `error.type` of records, spans and metrics: one of a short, documented list. */
  readonly errorType: string
  /** Again on the same target, after back-off? */
  readonly sameTarget: boolean
  /** On another target? */
  readonly otherTarget: boolean
  /** Only on one whose context window is known to be larger. Default false. */
  readonly largerContext?: boolean
}

export type Classifier = (error: unknown) => Classification

export class CurrentClassifier extends Context.Service<CurrentClassifier, Classifier>()(
  "@spillway/core/model/Classifier"
) {}

/** What a dialect knows about an error beyond its `AiError` reason. JSON, so that it fits `metadata`. */
export interface Hints {
  readonly errorType?: string
  readonly sameTarget?: boolean
  readonly otherTarget?: boolean
  readonly health?: "fault" | "throttle" | "config" | "none"
  /** Milliseconds. */
  readonly retryAfter?: number
  /** Part of the answer had already arrived. */
  readonly afterOutput?: boolean
}

/** Our own clocks: what an attempt fails with when one of them runs out. */
export class AttemptTimeout extends Error {
  override readonly name = "AttemptTimeout"
  readonly _tag = "AttemptTimeout"
  readonly clock: "Attempt" | "Headers" | "FirstContent" | "Idle"
  readonly ms: number
  constructor(clock: AttemptTimeout["clock"], ms: number) {
    super(`No ${awaited[clock]} within ${Math.round(ms)} ms`)
    this.clock = clock
    this.ms = ms
  }
}

const awaited: Record<AttemptTimeout["clock"], string> = {
  Attempt: "answer",
  Headers: "headers of an answer",
  FirstContent: "first content",
  Idle: "further content"
}

/** A stream that ended without its terminal part. */
export class Truncated extends Error {
  override readonly name = "Truncated"
  readonly _tag = "Truncated"
  constructor() {
    super("The stream ended before the answer was complete")
  }
}

/**
 * The default: the table of `effect/ai` reasons, refined by `Hints`; an error with an HTTP status by that. Anything unknown
 * is the target's fault and may be tried elsewhere, not again at once.
 */
export const classify: Classifier = (error) => {
  if (error instanceof AttemptTimeout) return timeouts[error.clock]
  if (error instanceof Truncated) return truncated
  if (isAiError(error)) return fromAiError(error)
  const status = statusOf(error)
  return status === undefined ? unknown : fromStatus(status, retryAfterOf(error))
}

/**
 * By HTTP status, for SDKs whose errors carry one as `status` or `statusCode` (with `headers`, for a Retry-After in seconds
 * or milliseconds). The status alone is a coarse guide: the providers of `@spillway/providers` look into the body first.
 * `retryAfter` is in milliseconds.
 */
export const fromStatus = (status: number, retryAfter?: number): Classification => {
  if (status === 429) return entry("RateLimited", rateLimited(retryAfter), true, true)
  if (status === 401 || status === 403) return entry("Auth", misconfigured("Auth"), false, true)
  if (status === 402) return entry("QuotaExhausted", misconfigured("QuotaExhausted"), false, true)
  if (status === 408 || status === 409 || status === 425)
    return entry("Network", failure("Network", { retryAfter }), true, true)
  if (status >= 400 && status < 500) return entry("InvalidRequest", ignored, false, false)
  if (status >= 500) return entry("Overloaded", failure("Overloaded", { retryAfter }), true, true)
  return unknown
}

const entry = (errorType: string, outcome: Outcome, sameTarget: boolean, otherTarget: boolean): Classification => ({
  errorType,
  outcome,
  sameTarget,
  otherTarget
})

// A target that was silent is not asked again by the same call; the next one is.
const timeouts: Record<AttemptTimeout["clock"], Classification> = {
  Attempt: entry("TimeoutAttempt", failure("TimeoutAttempt"), false, true),
  Headers: entry("TimeoutHeaders", failure("TimeoutHeaders"), false, true),
  FirstContent: entry("TimeoutFirstContent", failure("TimeoutFirstContent"), false, true),
  Idle: entry("TimeoutIdle", failure("TimeoutIdle", { afterFirstContent: true }), false, true)
}
const truncated = entry("Truncated", failure("Truncated", { afterFirstContent: true }), true, true)
const unknown = entry("_OTHER", failure("_OTHER"), false, true)

const statusOf = (error: unknown): number | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  const { status, statusCode } = error as { readonly status?: unknown; readonly statusCode?: unknown }
  const found = typeof status === "number" ? status : statusCode
  return typeof found === "number" && found >= 100 && found <= 599 ? found : undefined
}

const retryAfterOf = (error: unknown): number | undefined => {
  const { headers } = error as { readonly headers?: unknown }
  if (typeof headers !== "object" || headers === null) return undefined
  const read = (name: string): number | undefined => {
    const value =
      "get" in headers && typeof headers.get === "function"
        ? headers.get(name)
        : (headers as Record<string, unknown>)[name]
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN
    return number >= 0 ? number : undefined
  }
  const seconds = read("retry-after")
  return read("retry-after-ms") ?? (seconds === undefined ? undefined : seconds * 1000)
}

const isAiError = (error: unknown): error is AiErrorLike =>
  typeof error === "object" && error !== null && (error as { _tag?: unknown })._tag === "AiError" && "reason" in error

const byReason: Record<string, (retryAfter: number | undefined) => Classification> = {
  RateLimitError: (retryAfter) => entry("RateLimited", rateLimited(retryAfter), true, true),
  QuotaExhaustedError: () => entry("QuotaExhausted", misconfigured("QuotaExhausted"), false, true),
  AuthenticationError: () => entry("Auth", misconfigured("Auth"), false, true),
  ContentPolicyError: () => entry("ContentFilter", ignored, false, false),
  InvalidRequestError: () => entry("InvalidRequest", ignored, false, false),
  InternalProviderError: (retryAfter) => entry("Overloaded", failure("Overloaded", { retryAfter }), true, true),
  NetworkError: () => entry("Network", failure("Network"), true, true),
  InvalidResponseError: () => entry("Protocol", failure("Protocol"), false, true),
  InvalidOutputError: () => entry("InvalidOutput", ignored, true, true),
  StructuredOutputError: () => entry("InvalidOutput", ignored, true, true),
  UnsupportedSchemaError: () => entry("InvalidRequest", ignored, false, true),
  UnknownError: () => unknown
}

const fromAiError = (error: AiErrorLike): Classification => {
  const hints = hintsOf(error)
  const hinted =
    hints?.retryAfter ??
    (error.reason.retryAfter === undefined ? undefined : Duration.toMillis(error.reason.retryAfter))
  // Whatever is left of the union is about tools and the caller's input.
  const base = byReason[error.reason._tag]?.(hinted) ?? entry("InvalidRequest", ignored, false, false)
  if (hints === undefined) return base
  const errorType = hints.errorType ?? base.errorType
  const classification = entry(
    errorType,
    hints.health === undefined && hints.errorType === undefined
      ? base.outcome
      : outcomeOf(hints, base.outcome, errorType, hinted),
    hints.sameTarget ?? base.sameTarget,
    hints.otherTarget ?? base.otherTarget
  )
  return errorType === "ContextLength" ? { ...classification, largerContext: true } : classification
}

const hintsOf = (error: AiErrorLike): Hints | undefined => {
  const hints = error.reason.metadata?.["spillway"]
  return typeof hints === "object" && hints !== null ? (hints as Hints) : undefined
}

const outcomeOf = (hints: Hints, base: Outcome, kind: string, retryAfter: number | undefined): Outcome => {
  switch (hints.health) {
    case "none":
      return ignored
    case "throttle":
      return rateLimited(retryAfter)
    case "config":
      return misconfigured(kind)
    case "fault":
      return failure(kind, { afterFirstContent: hints.afterOutput ?? false, retryAfter })
    default:
      return base._tag === "Failure" ? { ...base, kind } : base
  }
}
