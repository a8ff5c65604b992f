/**
 * What leaves a `LanguageModel` is an `AiError`: what the router decided as the nearest reason of `effect/ai`, what a provider
 * said as it is. Both say under `metadata.spillway` where it happened.
 */
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import { violations } from "../../model/Constraints.ts"
import type { RouteError } from "../../model/RouteError.ts"

type Metadata = AiError.InternalProviderError["metadata"]
type Note = Exclude<Metadata[string], undefined>

/**
 * `LanguageModel` fails with `AiError` and nothing else. What the router adds becomes the nearest reason, with the
 * router's reason, the attempts and the exclusions under `metadata.spillway`; an error that no waiting mends (a wrong key)
 * stays what it is, with the same beside its own metadata.
 */
export const toAiError = (error: RouteError, method: string): AiError.AiError => {
  // What broke behind the first content is said as such: the same call made again may well be answered.
  const ours = error.reason._tag === "Refused" || error.reason._tag === "StreamBroken"
  const facts = factsOf(error)
  if (!ours && AiError.isAiError(error.last) && !error.last.isRetryable) {
    const target = targetOf(error.last) ?? error.attempts.at(-1)?.target
    return noted(error.last, target === undefined ? facts : { target, ...facts })
  }
  return AiError.make({ module: "Spillway", method, reason: reasonOf(error, facts) })
}

/** The same error that says which target it comes from; the reasons without metadata (`NetworkError`) stay as they are. */
export const from = (target: string, error: AiError.AiError): AiError.AiError =>
  AiError.isAiError(error) ? noted(error, { target }) : error

const targetOf = (error: AiError.AiError): string | undefined => {
  const target = "metadata" in error.reason ? recordOf(error.reason.metadata["spillway"])["target"] : undefined
  return typeof target === "string" ? target : undefined
}

const recordOf = (value: unknown): Readonly<Record<string, Note>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, Note>) : {}

/** A new error, because one object may be thrown by many targets; with all its reason says, and the stack that it had. */
const noted = (error: AiError.AiError, facts: Readonly<Record<string, Note>>): AiError.AiError => {
  const { method, module, reason } = error
  if (!("metadata" in reason)) return error
  const spillway = { ...recordOf(reason.metadata["spillway"]), ...facts }
  const Reason = reason.constructor as new (fields: object) => AiError.AiErrorReason
  try {
    const again = new Reason({ ...reason, metadata: { ...reason.metadata, spillway } })
    const made = AiError.make({ module, method, reason: again })
    for (const [to, { stack }] of [[again, reason] as const, [made, error] as const]) {
      if (stack !== undefined) Object.defineProperty(to, "stack", { value: stack, configurable: true, writable: true })
    }
    return made
  } catch {
    return error // of a class of the application's own
  }
}

const factsOf = (error: RouteError): Readonly<Record<string, Note>> => {
  const { attempts, reason } = error
  return {
    reason: reason._tag,
    attempts: attempts.map(({ code, errorType, ms, target }) => ({
      target,
      errorType,
      ...(code === undefined ? {} : { code }),
      ms: Math.round(ms)
    })),
    ...(reason._tag !== "NoCandidate"
      ? {}
      : {
          exclusions: reason.exclusions.map(({ reason, retryInMs, target }) => ({
            target,
            reason,
            ...(retryInMs === undefined ? {} : { retryInMs: Math.ceil(retryInMs) })
          }))
        })
  }
}

/** Has no description: its message is the router's, which names the targets and says why. */
class RouterRateLimit extends AiError.RateLimitError {
  override get message(): string {
    const message = recordOf(this.metadata["spillway"])["message"]
    return typeof message === "string" ? message : super.message
  }
}

/** `isRetryable` of the reason says whether the same call may be made again. */
const reasonOf = (error: RouteError, facts: Readonly<Record<string, Note>>): AiError.AiErrorReason => {
  const description = error.message
  const metadata: Metadata = { spillway: { ...facts } }
  const { attempts, reason, retryAfterMs } = error
  // The application's own words, for whoever reads the error.
  if (reason._tag === "Refused") return new AiError.UnknownError({ description, metadata })
  if (reason._tag === "NotIdempotent") return new AiError.UnknownError({ description, metadata })
  if (reason._tag === "NoCandidate") {
    const { exclusions } = reason
    if (exclusions.every((exclusion) => violations.has(exclusion.reason))) {
      return new AiError.InvalidRequestError({ description, metadata })
    }
    if (exclusions.every((exclusion) => exclusion.reason === "Misconfigured" || violations.has(exclusion.reason))) {
      return new AiError.InvalidRequestError({
        description: `${description}. Misconfigured: key, account or model name was refused before`,
        metadata: { spillway: { ...facts, ...misconfigured } }
      })
    }
  }
  if (retryAfterMs !== undefined || (attempts.length > 0 && attempts.every((one) => one.errorType === "RateLimited"))) {
    return new RouterRateLimit({
      ...(retryAfterMs === undefined ? {} : { retryAfter: Duration.millis(retryAfterMs) }),
      metadata: { spillway: { ...facts, message: description } }
    })
  }
  return new AiError.InternalProviderError({ description, metadata })
}

/**
 * `Hints` for the classifier: to a router above this one all of that is the setting of one of its targets, and others may
 * answer. `AuthenticationError` would say the same, and to people something untrue: it may be the account or the model's name.
 */
const misconfigured = { errorType: "NoCandidate", health: "config", sameTarget: false, otherTarget: true } as const
