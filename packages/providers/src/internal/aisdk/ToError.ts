/**
 * An `AiError` in the AI SDK's words: an `APICallError`, told by its marker, so that `APICallError.isInstance` is true and no
 * run-time import of `@ai-sdk/provider` is needed.
 *
 * `isRetryable` means that the same model again might help; `ai` then tries again by itself, after `retry-after-ms` of
 * `responseHeaders` where it is known. The request and the answer are in none of the fields.
 *
 * Source: `@ai-sdk/provider` 4.0, src/errors/api-call-error.ts.
 */
import * as Classifier from "@spillway/core/Classifier"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import { record } from "../json.ts"
import { pure } from "./Json.ts"

const anyError: unique symbol = Symbol.for("vercel.ai.error")
const callError: unique symbol = Symbol.for("vercel.ai.error.AI_APICallError")

/** Has the fields of `APICallError`. */
export class ModelCallError extends Error {
  override readonly name = "AI_APICallError"
  readonly [anyError] = true
  readonly [callError] = true
  /** Not an address: which model was asked. */
  readonly url: string
  readonly requestBodyValues = {}
  /** Only where a server answered. */
  readonly statusCode: number | undefined
  readonly responseHeaders: Record<string, string> | undefined
  readonly responseBody = undefined
  readonly isRetryable: boolean
  /** `errorType` and `reason` of the error, and what a router adds: `route` with its reason and the attempts. */
  readonly data: { readonly spillway: Data }

  constructor(url: string, error: AiError.AiError) {
    const { errorType, sameTarget } = Classifier.classify(error)
    const { reason } = error
    super(messageOf(error))
    this.url = url
    const answered = "http" in reason ? reason.http?.response : undefined
    const retryAfterMs = retryAfterOf(error)
    this.statusCode = answered?.status
    this.responseHeaders =
      answered === undefined && retryAfterMs === undefined
        ? undefined
        : {
            ...(answered?.headers as Record<string, string> | undefined),
            ...(retryAfterMs === undefined ? undefined : { "retry-after-ms": String(Math.ceil(retryAfterMs)) })
          }
    this.isRetryable = sameTarget
    const said = "metadata" in reason ? record(reason.metadata["spillway"]) : undefined
    this.data = {
      spillway: {
        errorType,
        reason: reason._tag,
        ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
        ...(Array.isArray(said?.["attempts"])
          ? { route: pure({ reason: said["reason"], attempts: said["attempts"] }) as unknown as Route }
          : undefined)
      }
    }
  }
}

export interface Data {
  /** `RateLimited`, `Overloaded`, `Auth`, …: as in records and metrics. */
  readonly errorType: string
  /** Tag of the `AiError`'s reason. */
  readonly reason: string
  readonly retryAfterMs?: number
  readonly route?: Route
}

export interface Route {
  /** `AttemptsExhausted`, `NoCandidate`, `DeadlineExceeded`, … */
  readonly reason: string
  readonly attempts: ReadonlyArray<{ readonly target: string; readonly errorType: string; readonly ms: number }>
}

/** Anything but an `AiError` is a defect and stays what it is. */
export const from = (url: string, error: unknown): unknown =>
  AiError.isAiError(error) ? new ModelCallError(url, error) : error

/** These quote what the model said. */
const quoting: ReadonlySet<string> = new Set([
  "InvalidOutputError",
  "StructuredOutputError",
  "ToolParameterValidationError",
  "InvalidToolResultError",
  "ToolResultEncodingError"
])

const messageOf = (error: AiError.AiError): string =>
  quoting.has(error.reason._tag)
    ? `${error.module}.${error.method}: the model's answer could not be read`
    : error.message

const retryAfterOf = (error: AiError.AiError): number | undefined => {
  if (error.retryAfter !== undefined) return Duration.toMillis(error.retryAfter)
  const hinted = "metadata" in error.reason ? record(error.reason.metadata["spillway"])?.["retryAfter"] : undefined
  return typeof hinted === "number" ? hinted : undefined
}
