/**
 * What a model of the AI SDK threw, as an `AiError`: status, headers and body go through the same table as our own dialects'.
 *
 * Errors are told by their marker symbols, not by `instanceof`: several copies of `@ai-sdk/provider` may be installed. Messages
 * are not taken over, for they quote prompts and answers; `isRetryable` alone says too little and is not looked at.
 *
 * Source: `@ai-sdk/provider` 4.0, src/errors.
 */
import * as AiError from "effect/ai/AiError"
import { empty, type Fault, fault, invalidOutput, truncated, undecodable, unsupported } from "../errors/Fault.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import { failure } from "../http/Transport.ts"
import { finite, type JsonRecord, parse, record, text } from "../json.ts"

/** Does `error` carry the marker of the AI SDK's class `name`, e.g. `AI_APICallError`? */
const is = (error: JsonRecord, name: string): boolean =>
  (error as Record<symbol, unknown>)[Symbol.for(`vercel.ai.error.${name}`)] === true

export interface Context {
  /** Epoch milliseconds. */
  readonly now: number
  /** Content had been given out before. */
  readonly afterOutput: boolean
}

/** What `doGenerate` or `doStream` rejected with, or what their stream broke with. */
export const thrown = (where: ProviderError.Where, error: unknown, context: Context): AiError.AiError => {
  if (AiError.isAiError(error)) return error
  const found = record(error)
  if (found === undefined) return ProviderError.make(where, unknown, context)
  const status = statusOf(found)
  if (status !== undefined) {
    const answer = { status, headers: headersOf(found["responseHeaders"]) }
    const body = typeof found["responseBody"] === "string" ? found["responseBody"] : ""
    return ProviderError.make(where, quiet(answered(answer, body, found, context.now)), { ...context, answer })
  }
  for (const [name, make] of named) if (is(found, name)) return ProviderError.make(where, make(), context)
  // Without an answer it is the network's: no connection, a reset, a time limit of the model's own.
  if (context.afterOutput) return ProviderError.make(where, truncated, context)
  return isNetwork(found)
    ? ProviderError.ofTransport(where, failure(error), { method: "POST", url: place(found["url"]) })
    : ProviderError.make(where, unknown, context)
}

/** An `error` part of a stream: one of the above, or what the vendor sent as an error inside a 200. */
export const inStream = (where: ProviderError.Where, error: unknown, context: Context): AiError.AiError => {
  const isObject = record(error) !== undefined && !(error instanceof Error)
  if (!isObject && typeof error !== "string") return thrown(where, error, context)
  // Often the vendor's error object itself, sometimes its message alone.
  const words = record(record(error)?.["error"]) === undefined ? { error } : error
  return ProviderError.make(where, quiet(ProviderError.ofInBand(words)), context)
}

/** The key is inside the model: it could not be cut out of a message, so no message is quoted. */
const quiet = (fault: Fault): Fault => ({ ...fault, words: { ...fault.words, message: "" } })

const statusOf = (error: JsonRecord): number | undefined => {
  const status = finite(error["statusCode"]) ?? finite(error["status"])
  return status !== undefined && Number.isInteger(status) && status >= 100 && status <= 599 ? status : undefined
}

const headersOf = (headers: unknown): Record<string, string> => {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(record(headers) ?? {})) {
    if (typeof value === "string") result[name.toLowerCase()] = value
  }
  return result
}

const answered = (answer: ProviderError.Answered, body: string, error: JsonRecord, now: number): Fault => {
  if (answer.status < 200 || answer.status >= 300) return ProviderError.ofStatus(answer, body, now)
  // An answer with a good status that the model could not read.
  if (record(parse(body))?.["error"] !== undefined) return ProviderError.ofInBand(parse(body))
  const cause = record(error["cause"])
  return body.trim() === "" && cause !== undefined && is(cause, "AI_EmptyResponseBodyError")
    ? empty
    : undecodable("The answer was not what the model's package reads")
}

const unknown: Fault = fault({
  reason: "Unknown",
  errorType: "_OTHER",
  sameTarget: false,
  otherTarget: true,
  health: "fault",
  description: "The model's package failed in a way nobody expected"
})

const config = (
  errorType: string,
  rest: Pick<Fault["verdict"], "reason" | "description"> & Partial<Fault["verdict"]>
) => fault({ errorType, sameTarget: false, otherTarget: true, health: "config", ...rest })

const named: ReadonlyArray<readonly [name: string, make: () => Fault]> = [
  [
    "AI_LoadAPIKeyError",
    () =>
      config("Auth", { reason: "Authentication", kind: "MissingKey", description: "The model's package found no key" })
  ],
  ["AI_LoadSettingError", () => config("Auth", { reason: "Authentication", description: "A setting is missing" })],
  [
    "AI_NoSuchModelError",
    () =>
      config("ModelNotFound", { reason: "InvalidRequest", parameter: "model", description: "There is no such model" })
  ],
  ["AI_InvalidPromptError", () => unsupported("prompt", "The model's package refused the prompt", false)],
  ["AI_InvalidArgumentError", () => unsupported("options", "The model's package refused an option", false)],
  ["AI_UnsupportedFunctionalityError", () => unsupported("options", "This model lacks something the call needs", true)],
  ["AI_NoSuchProviderReferenceError", () => unsupported("prompt", "A file belongs to another vendor", true)],
  ["AI_EmptyResponseBodyError", () => empty],
  ["AI_InvalidResponseDataError", () => undecodable("The answer does not fit the vendor's own description")],
  ["AI_JSONParseError", () => undecodable("The answer is no JSON")],
  ["AI_TypeValidationError", () => invalidOutput("The answer does not fit its type")],
  ["AI_NoContentGeneratedError", () => invalidOutput("The answer is empty")]
]

const isNetwork = (error: JsonRecord): boolean =>
  is(error, "AI_APICallError") ||
  /^(AbortError|TimeoutError|ResponseAborted)$/.test(text(error["name"]) ?? "") ||
  failure(error).code !== undefined ||
  (error instanceof TypeError && /fetch|network|terminated/i.test(error.message))

/** Scheme, host and path: queries carry keys at some vendors. */
const place = (url: unknown): string => {
  if (typeof url !== "string" || !URL.canParse(url)) return ""
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
