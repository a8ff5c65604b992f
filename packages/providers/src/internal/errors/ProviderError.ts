/**
 * From a fault to the `AiError` that leaves the package.
 *
 * What an error may hold: our own words, status, the vendor's type, code and request id where they look like identifiers,
 * and the vendor's message only where it talks about limits and load (rate limits, quota, busy). All other messages are
 * dropped, because servers quote prompts (400, 422, 500) and half keys (401) in them. Never the request, the body, a
 * prompt, an answer or a key.
 */
import type { Hints } from "@spillway/core/Classifier"
import * as AiError from "effect/ai/AiError"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { httpDetails, requestId } from "../http/SafeHeaders.ts"
import * as Secrets from "../http/Secrets.ts"
import type { TransportFailure } from "../http/Transport.ts"
import { type ErrorWords, fromJson, fromText } from "./ErrorBody.ts"
import { classify, type ErrorRules, statusOf } from "./ErrorTable.ts"
import type { Fault, Verdict } from "./Fault.ts"
import { retryAfter, shouldRetry } from "./RetryHint.ts"

/** Longest quoted message, UTF-16 code units. */
const quoted = 300

export interface Where {
  /** `OpenAi`, `DeepSeek`, …: the `module` of the error. */
  readonly module: string
  readonly method: "generate" | "stream" | "probe" | "embed"
  /** Key of `metadata`: the owner of the dialect. */
  readonly provider: string
  /** Never shown: cut out of every text that is kept. One, or all that this call has shown to the vendor. */
  readonly secret: string | Secrets.Secrets | undefined
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** An answer with a status other than 2xx. `now`: epoch milliseconds. */
export const ofStatus = (answer: Answered, body: string, now: number, rules?: ErrorRules): Fault => {
  const words = withHeader(fromText(body), answer.headers)
  const verdict = classify(answer.status, words, rules)
  const advice = shouldRetry(answer.headers)
  return {
    verdict: advice === undefined ? verdict : { ...verdict, sameTarget: advice },
    words,
    status: answer.status,
    retryAfter: retryAfter({ headers: answer.headers, retryDelay: words.retryDelay, now })
  }
}

/** AWS names the exception in a header, `ThrottlingException:http://…`. */
const withHeader = (words: ErrorWords, headers: Answered["headers"]): ErrorWords => {
  const named = headers["x-amzn-errortype"]?.split(":", 1)[0]?.trim()
  return words.type !== "" || named === undefined ? words : { ...words, type: named }
}

/** An error object inside an answer with status 200. */
export const ofInBand = (json: unknown, rules?: ErrorRules): Fault => ofWords(fromJson(json), rules)

/** The same from words that the dialect found itself. */
export const ofWords = (words: ErrorWords, rules?: ErrorRules): Fault => {
  const status = statusOf(words, rules)
  const hint = retryAfter({ headers: {}, retryDelay: words.retryDelay, now: 0 })
  return { verdict: classify(status, words, rules), words, status, retryAfter: hint }
}

/** Nothing came back: its description is the system's error code, never a message. `url` holds no query. */
export const ofTransport = (
  where: Where,
  failure: TransportFailure,
  request: { readonly method: "GET" | "POST"; readonly url: string }
): AiError.AiError =>
  AiError.make({
    module: where.module,
    method: where.method,
    reason: new AiError.NetworkError({
      reason: failure.reason,
      ...request,
      ...(failure.code === undefined ? undefined : { description: failure.code })
    })
  })

/** `answer` is absent when nothing came back; `afterOutput`: content had been given out before. `now`: epoch ms. */
export const make = (
  where: Where,
  fault: Fault,
  context: { readonly answer?: Answered | undefined; readonly afterOutput?: boolean; readonly now: number }
): AiError.AiError =>
  AiError.make({
    module: where.module,
    method: where.method,
    reason: reasonOf(where, fault, context.answer, context.afterOutput ?? false, context.now)
  })

const reasonOf = (
  where: Where,
  fault: Fault,
  answer: Answered | undefined,
  afterOutput: boolean,
  now: number
): AiError.AiErrorReason => {
  const { verdict } = fault
  const description = describe(where, fault)
  const common = {
    metadata: metadataOf(where, fault, answer, afterOutput),
    ...(answer === undefined ? undefined : { http: { response: httpDetails(answer, secretsOf(where)) } })
  }
  switch (verdict.reason) {
    case "RateLimit":
      return new AiError.RateLimitError({
        ...common,
        ...(fault.retryAfter === undefined ? undefined : { retryAfter: Duration.millis(fault.retryAfter) })
      })
    case "QuotaExhausted":
      return new AiError.QuotaExhaustedError({ ...common, ...resetAt(verdict, fault.retryAfter, now) })
    case "Authentication":
      return new AiError.AuthenticationError({ ...common, kind: verdict.kind ?? "Unknown", description })
    case "ContentPolicy":
      return new AiError.ContentPolicyError({ ...common, description })
    case "InvalidRequest": {
      const parameter = verdict.parameter ?? identifier(where, fault.words.param)
      return new AiError.InvalidRequestError({
        ...common,
        description,
        ...(parameter === undefined ? undefined : { parameter }),
        ...(verdict.constraint === undefined ? undefined : { constraint: verdict.constraint })
      })
    }
    case "InternalProvider":
      return new AiError.InternalProviderError({ ...common, description })
    case "InvalidResponse":
      return new AiError.InvalidResponseError({ ...common, description })
    case "InvalidOutput":
      return new AiError.InvalidOutputError({ metadata: common.metadata, description })
    case "Unknown":
      return new AiError.UnknownError({ ...common, description })
  }
}

/** Dates beyond the calendar are no dates. */
const resetAt = (verdict: Verdict, retryAfter: number | undefined, now: number) =>
  verdict.health === "throttle" && retryAfter !== undefined && now + retryAfter < 8.64e15
    ? { resetAt: DateTime.makeUnsafe(now + retryAfter) }
    : undefined

const metadataOf = (where: Where, fault: Fault, answer: Answered | undefined, afterOutput: boolean) => {
  const { verdict, words } = fault
  const hints: Hints = {
    errorType: verdict.errorType,
    sameTarget: verdict.sameTarget,
    otherTarget: verdict.otherTarget,
    health: verdict.health,
    afterOutput,
    ...(fault.retryAfter === undefined ? undefined : { retryAfter: fault.retryAfter })
  }
  const id = identifier(where, (answer === undefined ? undefined : requestId(answer.headers)) ?? words.requestId)
  const type = identifier(where, words.type)
  const code = identifier(where, words.code)
  return {
    spillway: { ...hints, ...(verdict.neverFits === true ? { neverFits: true } : undefined) },
    [where.provider]: {
      ...(fault.status === undefined ? undefined : { status: fault.status }),
      ...(type === undefined ? undefined : { type }),
      ...(code === undefined ? undefined : { code }),
      ...(id === undefined ? undefined : { requestId: id })
    }
  }
}

const describe = (where: Where, { verdict, words, status }: Fault): string => {
  const type = identifier(where, words.type)
  const code = identifier(where, words.code)
  const facts = [
    status === undefined ? undefined : `HTTP ${status}`,
    type === undefined ? undefined : `type ${type}`,
    code === undefined ? undefined : `code ${code}`
  ].filter((fact) => fact !== undefined)
  const base = facts.length === 0 ? verdict.description : `${verdict.description} (${facts.join(", ")})`
  return verdict.quotable === true && words.message !== "" ? `${base}: ${quote(where, words)}` : base
}

/** The first line, without anything that looks like a key. */
const quote = (where: Where, words: ErrorWords): string => {
  const line = words.message.split(/[\r\n]/, 1)[0] ?? ""
  return Secrets.cutOut(secretsOf(where), line)
    .replace(/\b(sk|gsk|xai|key|Bearer)[-_ ][\w*.-]{6,}/g, "<redacted>")
    .slice(0, quoted)
}

/** A vendor's word is kept only if it is one: a server may put anything into `code`. */
const identifier = (where: Where, word: string | undefined): string | undefined =>
  word !== undefined && /^[\w.:/[\]-]{1,96}$/.test(word) && !Secrets.isIn(secretsOf(where), word) ? word : undefined

const secretsOf = ({ secret }: Where): Secrets.Secrets => (typeof secret === "string" ? [secret] : (secret ?? []))
