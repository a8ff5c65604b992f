/** The faults: replies that are no answer, and answers that break. Documented at `Behaviour`. */
import { InvalidOption, integer } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import * as Latency from "../Latency.ts"
import * as RetryAfter from "../RetryAfter.ts"
import { answer } from "./Answers.ts"
import { type ErrorFields, errorBody, errorFields, htmlPage } from "./ErrorBody.ts"
import { millis } from "./Options.ts"
import { adapt, always, type Behaviour, type Fault } from "./Reaction.ts"

export interface StatusOptions {
  /** Fields of the error, instead of those that go with the status. */
  readonly error?: ErrorFields
  /**
   * Default: OpenAI's JSON. `"html"`: a proxy's page. `"empty"`: nothing, no content type. Or any text of a given
   * content type, for other vendors' shapes.
   */
  readonly body?: "html" | "empty" | { readonly text: string; readonly contentType: string }
  /** Default `RetryAfter.none`. */
  readonly retryAfter?: RetryAfter.RetryAfter
  /** More headers, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** From the arrival of the request to the reply. Default 0. */
  readonly latency?: Latency.Input
}

/** Replies with `code` (integer, 200 to 599) and an error body, whether a stream was asked for or not. */
export const status = (code: number, options: StatusOptions = {}): Behaviour => {
  if (integer("Behaviour.status: code", code, 200) > 599) {
    throw new InvalidOption("Behaviour.status: code", "an integer from 200 to 599", code)
  }
  const latency = Latency.from("Behaviour.status: latency", options.latency ?? 0)
  const retryAfter = options.retryAfter ?? RetryAfter.none
  const content = contentOf(code, options, retryAfter)
  const headers = (wall: number) => ({ ...options.headers, ...retryAfter.headers(wall) })
  return {
    start: () => (_request, turn) => ({
      _tag: "Reply",
      outcome: "error",
      status: code,
      latencyMs: latency(turn.rng),
      headers,
      ...content
    })
  }
}

const contentOf = (code: number, options: StatusOptions, retryAfter: RetryAfter.RetryAfter) => {
  if (options.body === "empty") return { contentType: undefined, body: "" }
  if (options.body === "html") return { contentType: "text/html; charset=utf-8", body: htmlPage(code) }
  if (options.body !== undefined) return { contentType: options.body.contentType, body: options.body.text }
  const fields = errorFields(code, options.error)
  const message = retryAfter.text === undefined ? fields.message : `${fields.message} ${retryAfter.text}`
  return { contentType: "application/json", body: errorBody(code, { ...fields, message }) }
}

/** 429 `rate_limit_exceeded`; `retryAfter` is how it says when to come back. The options of `status`. */
export const rateLimited = (options: StatusOptions = {}): Behaviour => status(429, options)

/** Destroys the connection with a TCP reset before any byte of a reply. */
export const resetBeforeHeaders: Behaviour = always({ _tag: "Reset" })

/** Accepts the request and never answers. */
export const silent: Behaviour = always({ _tag: "Silent" })

const breakAfter = (name: string, fault: Fault, inner: Behaviour): Behaviour => {
  integer(`Behaviour.${name}: after`, fault.after, 0)
  return adapt(inner, (reply) => ({ ...reply, fault }))
}

/** The connection is closed after `after` events; of JSON, after half of it. */
export const cutAfter = (after: number, inner: Behaviour = answer()): Behaviour =>
  breakAfter("cutAfter", { _tag: "Cut", after }, inner)

/** The stream ends cleanly after `after` events, without a finish reason; JSON has `finish_reason: null`. */
export const endWithoutFinish = (after: number, inner: Behaviour = answer()): Behaviour =>
  breakAfter("endWithoutFinish", { _tag: "End", after }, inner)

/**
 * Silence for ever after `after` events, or after half of the JSON; the connection stays open. With `keepAlive` a comment
 * (a blank line outside a stream) comes every so often, as a server does that lives but does not work.
 */
export const stallAfter = (
  after: number,
  inner: Behaviour = answer(),
  options?: { readonly keepAlive?: Duration.Input }
): Behaviour => {
  const everyMs = millis("Behaviour.stallAfter: keepAlive", options?.keepAlive ?? "Infinity")
  if (everyMs === 0) throw new InvalidOption("Behaviour.stallAfter: keepAlive", "a duration > 0", options?.keepAlive)
  return breakAfter("stallAfter", { _tag: "Stall", after, everyMs }, inner)
}

/** After `after` events one that is no JSON, then the rest. A reply that is not streamed is JSON with its end missing. */
export const malformedChunkAfter = (after: number, inner: Behaviour = answer()): Behaviour =>
  breakAfter("malformedChunkAfter", { _tag: "Malformed", after }, inner)

export interface ErrorIn200Options {
  /** Events before the error, integer >= 0, default 0. */
  readonly after?: number
  /** The status the error stands for: where its fields come from. Default 503. */
  readonly status?: number
  readonly error?: ErrorFields
  /**
   * - `openai` (default): `data: {"error": {…}}`
   * - `named`: the same, as `event: error`
   * - `openrouter`: a chunk with `error {code, message}` and `finish_reason: "error"`
   * - `flat`: `data: {"object": "error", "message", "type", "code"}`, as SGLang
   * - `field`: `error: {…}` instead of `data: …`, as llama.cpp
   */
  readonly shape?: "openai" | "named" | "openrouter" | "flat" | "field"
}

/** Status 200 and then an error: as an event, after which the stream ends; outside a stream as the JSON body. */
export const errorIn200 = (options: ErrorIn200Options = {}, inner: Behaviour = answer()): Behaviour => {
  const status = options.status ?? 503
  const fields = errorFields(status, options.error)
  const shape = options.shape ?? "openai"
  const body = JSON.stringify(errorShape(shape, status, fields))
  const event = shape === "field" ? `error: ${JSON.stringify(fields)}\n\n` : `data: ${body}\n\n`
  return breakAfter(
    "errorIn200",
    { _tag: "Error", after: options.after ?? 0, body, event: shape === "named" ? `event: error\n${event}` : event },
    inner
  )
}

const errorShape = (shape: ErrorIn200Options["shape"], status: number, fields: Required<ErrorFields>) => {
  if (shape === "flat") return { object: "error", message: fields.message, type: fields.type, code: status }
  if (shape !== "openrouter") return { error: fields }
  return {
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
    error: { code: status, message: fields.message }
  }
}
