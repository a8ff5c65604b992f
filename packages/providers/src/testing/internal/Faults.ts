/** The faults: replies that are no answer, and answers that break. Documented at `Behaviour`. */
import { InvalidOption, integer } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import * as Latency from "../Latency.ts"
import * as RetryAfter from "../RetryAfter.ts"
import { answer } from "./Answers.ts"
import { millis } from "./Options.ts"
import { type ErrorFields, htmlPage, problem } from "./Problem.ts"
import { adapt, always, type Behaviour, type ErrorShape, type Fault } from "./Reaction.ts"

export interface StatusOptions {
  /** Fields of the error, instead of those that go with the status. */
  readonly error?: ErrorFields
  /**
   * Default: JSON in the shape and words of the request's dialect. `"html"`: a proxy's page. `"empty"`: nothing, no content type. Or any text of a given
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
  const headers = (wall: number) => ({ ...options.headers, ...retryAfter.headers(wall) })
  const { text, retryInfo } = retryAfter
  const refusal = { _tag: "Refuse", headers, problem: { ...problem(code, options.error), text, retryInfo } } as const
  const page = pageOf(code, options.body)
  const reply = page && ({ _tag: "Reply", outcome: "error", status: code, headers, ...page } as const)
  return { start: () => (_request, turn) => ({ ...(reply ?? refusal), latencyMs: latency(turn.rng) }) }
}

const pageOf = (code: number, body: StatusOptions["body"]) => {
  if (body === undefined) return undefined
  if (body === "empty") return { contentType: undefined, body: "" }
  if (body === "html") return { contentType: "text/html; charset=utf-8", body: htmlPage(code) }
  return { contentType: body.contentType, body: body.text }
}

/** 429 in the dialect's words; `retryAfter` is how it says when to come back. The options of `status`. */
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

/** The stream ends cleanly after `after` events, without a finish reason; JSON has none either (Chat: `null`). */
export const endWithoutFinish = (after: number, inner: Behaviour = answer()): Behaviour =>
  breakAfter("endWithoutFinish", { _tag: "End", after }, inner)

/**
 * Silence for ever after `after` events, or after half of the JSON; the connection stays open. With `keepAlive` a comment
 * (Messages: a ping, Converse: nothing; outside a stream a blank line) comes every so often, as a server does that lives
 * but does not work.
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
   * Chat:
   * - `openai` (default): `data: {"error": {…}}`
   * - `named`: the same, as `event: error`
   * - `openrouter`: a chunk with `error {code, message}` and `finish_reason: "error"`
   * - `flat`: `data: {"object": "error", "message", "type", "code"}`, as SGLang
   * - `field`: `error: {…}` instead of `data: …`, as llama.cpp
   *
   * Responses: an event `error` (default), or with `failed` a `response.failed`. The others have one shape each.
   */
  readonly shape?: ErrorShape
}

/** Status 200 and then an error: as an event, after which the stream ends; outside a stream as the JSON body. */
export const errorIn200 = (options: ErrorIn200Options = {}, inner: Behaviour = answer()): Behaviour =>
  breakAfter(
    "errorIn200",
    {
      _tag: "Error",
      after: options.after ?? 0,
      problem: problem(options.status ?? 503, options.error),
      shape: options.shape
    },
    inner
  )
