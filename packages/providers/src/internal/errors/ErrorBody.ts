/**
 * Finds the words of an error in a body of any of the known shapes: `{error: {…}}`, `{error: "text"}`, flat
 * `{code, message}`, `[{error}]`, `{detail: …}` and, for everything that is no JSON, nothing.
 *
 * The words are for classifying. What may be shown to people is decided later: a body can echo the prompt (pydantic-based
 * servers put it under `input`, which is never read here).
 */
import { finite, type JsonRecord, list, parse, record, records, text } from "../json.ts"

/** Longest message that is kept, UTF-16 code units. */
const kept = 2048

export interface ErrorWords {
  readonly message: string
  readonly type: string
  readonly code: string
  readonly param: string | undefined
  readonly requestId: string | undefined
  /** `retryDelay` of a Google `RetryInfo`, e.g. `34.4s`. */
  readonly retryDelay: string | undefined
  /** Any detail that says which limit was hit (`quotaId`, `limit_source`), joined. */
  readonly limit: string
}

export const noWords: ErrorWords = {
  message: "",
  type: "",
  code: "",
  param: undefined,
  requestId: undefined,
  retryDelay: undefined,
  limit: ""
}

/** The words of a body as it came over the wire. */
export const fromText = (body: string): ErrorWords => fromJson(parse(body))

/** The words of a body that has been parsed. */
export const fromJson = (json: unknown): ErrorWords => {
  const outer = record(Array.isArray(json) ? json[0] : json)
  if (outer === undefined) return noWords
  const inner = record(outer["error"])
  const from = inner ?? outer
  const details = records(from["details"])
  const message = inner === undefined ? text(outer["error"]) : text(inner["message"])
  return {
    message: (message ?? text(outer["message"]) ?? detailOf(outer["detail"]) ?? text(outer["Message"]) ?? "").slice(
      0,
      kept
    ),
    type: word(from["type"]) ?? word(outer["__type"]) ?? word(from["status"]) ?? "",
    code: word(from["code"]) ?? word(outer["code"]) ?? "",
    param: word(from["param"]),
    requestId: word(outer["request_id"]) ?? word(from["request_id"]),
    retryDelay: details.map((detail) => text(detail["retryDelay"])).find((delay) => delay !== undefined),
    limit: limitOf(from, details)
  }
}

/** Does this body carry an error, whatever the HTTP status says? */
export const isError = (json: JsonRecord): boolean => {
  const error = json["error"]
  if (error !== undefined && error !== null && error !== false && error !== "") return true
  if (json["choices"] !== undefined) return false
  return (
    json["object"] === "error" || json["type"] === "error" || (isNamed(json) && text(json["message"]) !== undefined)
  )
}

const isNamed = (json: JsonRecord) => (json["code"] ?? json["type"] ?? json["status"] ?? undefined) !== undefined

/** FastAPI: a string, or a list of `{loc, msg, input}` of which only `msg` is looked at. */
const detailOf = (detail: unknown): string | undefined => {
  if (typeof detail === "string") return text(detail)
  const messages = records(detail).flatMap((item) => text(item["msg"]) ?? [])
  return messages.length === 0 ? undefined : messages.join("; ")
}

const limitOf = (from: JsonRecord, details: ReadonlyArray<JsonRecord>): string => {
  const violations = details.flatMap((detail) => records(detail["violations"]))
  const metadata = record(from["metadata"])
  // Anthropic has one object where Google has a list.
  const detail = record(from["details"])
  const reasons = details.map((detail) => detail["reason"])
  return [
    detail?.["error_code"],
    metadata?.["limit_source"],
    ...list(metadata?.["reasons"]),
    ...reasons,
    ...violations.map((v) => v["quotaId"])
  ]
    .filter((value) => typeof value === "string")
    .join(" ")
    .slice(0, kept)
}

const word = (value: unknown): string | undefined => {
  const number = finite(value)
  return number === undefined ? text(value)?.slice(0, 200) : String(number)
}
