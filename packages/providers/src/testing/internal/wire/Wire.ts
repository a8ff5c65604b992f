/**
 * What a dialect is to the fake: how its requests read, and how answers, streams and errors look on the wire. Everything
 * else (timing, faults, scripts, counting) is the same for all and knows no dialect.
 */
import type { Dialect } from "../../RequestLog.ts"
import type { Completion } from "../Completion.ts"
import type { Json } from "../Json.ts"
import type { Piece } from "../Pieces.ts"
import type { Problem, Refusal } from "../Problem.ts"
import type { ErrorShape, FakeRequest } from "../Reaction.ts"

export type Bytes = string | Uint8Array

/** What the path already says. */
export interface Target {
  readonly model: string | undefined
  /** `undefined` where the body decides. */
  readonly streamed: boolean | undefined
}

/** What a body says that the log, the scripts and the answer need. */
export interface Facts
  extends Pick<FakeRequest, "streamed" | "question" | "messages" | "prefill" | "promptTokens" | "maxTokens"> {
  readonly model: string | undefined
}

/** The events of one stream, in the order of the methods; each is asked for when it is sent. */
export interface StreamWriter {
  /** What comes before any content. */
  readonly open: () => Bytes
  /** `""` when there is nothing to send yet. */
  readonly piece: (piece: Piece) => Bytes
  /** The terminal fact, and what belongs to it. */
  readonly finish: () => Bytes
  /** What may be missing after it without harm. */
  readonly done: () => Bytes
  /** An error instead of the rest. `shape` matters to dialects that have several. */
  readonly error: (problem: Problem, shape: ErrorShape | undefined) => Bytes
}

export interface Wire {
  readonly dialect: Dialect
  readonly read: (body: Json, target: Target) => Facts
  /** What this dialect requires of a request beyond JSON and a model. */
  readonly check: (request: FakeRequest) => Problem | undefined
  /** The vendor's header with the id of the request. */
  readonly requestId: (index: number) => Readonly<Record<string, string>>
  readonly refusal: (problem: Problem, request: FakeRequest) => Refusal
  /** How a prompt against the policy is refused: with an error, or as an answer without content. */
  readonly blocksWith: "error" | "answer"
  /** A whole answer as JSON. Not `finished`: without the word that says why it ended. */
  readonly whole: (request: FakeRequest, completion: Completion, finished: boolean) => string
  /** The JSON of an error with status 200. */
  readonly errorIn200: (problem: Problem, request: FakeRequest, shape: ErrorShape | undefined) => string
  readonly streamType: string
  readonly stream: (request: FakeRequest, completion: Completion) => StreamWriter
  /** An event whose data is no JSON. */
  readonly malformed: Bytes
  /** A sign of life in a stream; `""` where the dialect has none. */
  readonly keepAlive: (comment: string) => Bytes
}

/** Always the same moment (2026-01-01), so that equal requests have equal answers. Seconds. */
export const created = 1_767_225_600

export const eventStream = "text/event-stream; charset=utf-8"

/** An event whose name is in its data, too. */
export const named = (event: { readonly type: string; readonly [field: string]: unknown }): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
