/**
 * Adds to a foreign `AiError` what a router wants to know beyond its reason, where the error itself does not say so: from the
 * status, the headers and the words of the answer, through the same table as our own dialects' errors. The reason stays.
 *
 * The answer's body goes: servers quote prompts in it.
 */
import * as AiError from "effect/ai/AiError"
import * as ProviderError from "../errors/ProviderError.ts"
import { httpDetails } from "../http/SafeHeaders.ts"
import { record } from "../json.ts"

type WithHttp = Extract<AiError.AiErrorReason, { readonly http?: unknown }>

const hasHttp = (reason: AiError.AiErrorReason): reason is WithHttp => "http" in reason && reason.http !== undefined

/** `now`: epoch milliseconds. */
export const add = (error: AiError.AiError, now: number): AiError.AiError => {
  const { reason } = error
  if (!hasHttp(reason)) return error
  const answered = reason.http?.response
  const answer =
    answered === undefined
      ? undefined
      : { status: answered.status, headers: answered.headers as Record<string, string> }
  const known = record(reason.metadata["spillway"]) !== undefined
  const hints = known || answer === undefined ? undefined : hintsOf(answer, reason.http?.body ?? "", now)
  const fields = {
    ...reason,
    metadata: { ...reason.metadata, ...hints },
    http: answer === undefined ? undefined : { response: httpDetails(answer, []) }
  }
  return AiError.make({ module: error.module, method: error.method, reason: again(reason, fields) })
}

/** One of the same class. */
const again = <R extends WithHttp>(reason: R, fields: object): R => {
  const Reason = reason.constructor as new (fields: object) => R
  return new Reason(fields)
}

const hintsOf = (answer: ProviderError.Answered, body: string, now: number) => {
  // 2xx: the provider's package has judged the body, and knows better.
  if (answer.status >= 200 && answer.status < 300) return undefined
  const { retryAfter, verdict } = ProviderError.ofStatus(answer, body, now)
  return {
    spillway: {
      errorType: verdict.errorType,
      sameTarget: verdict.sameTarget,
      otherTarget: verdict.otherTarget,
      health: verdict.health,
      ...(retryAfter === undefined ? undefined : { retryAfter })
    }
  }
}
