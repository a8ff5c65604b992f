/**
 * What a wire format knows and the engine does not: where a call goes, what it says, how its answer is read. The engine
 * (`HttpModel`) does the rest, the same for all: settings, headers, sending, statuses, errors, scopes.
 *
 * A dialect decides nothing about retries, timers or failover; it says what came, or what failed.
 */
import type { CallLimits, ModelOptions, StreamPart } from "@spillway/core/ProviderModel"
import type { Capability } from "@spillway/core/Target"
import type * as Effect from "effect/Effect"
import type { CallSettings } from "../../CallSettings.ts"
import type { ErrorRules } from "../errors/ErrorTable.ts"
import type { Fault } from "../errors/Fault.ts"
import type { Endpoint } from "../http/Endpoint.ts"
import type { HeaderValues } from "../http/RequestHeaders.ts"
import type { HttpRequest } from "../http/Transport.ts"

export interface Dialect {
  /** `OpenAi`, `Anthropic`, …: the `module` of errors. */
  readonly module: string
  /** The vendor: `provider` of the model. */
  readonly provider: string
  /** Owner of the wire format: key of `metadata` in parts and errors. The same as `provider` for most. */
  readonly owner: string
  /** As the vendor spells it. */
  readonly model: string
  readonly capabilities: ReadonlySet<Capability>
  /** Names in lower case; the key is `Redacted`. They win over a call's own headers where they hold a key. */
  readonly headers: HeaderValues
  /** The key in clear: cut out of every text that is kept. */
  readonly secret: string | undefined
  /** What calls do not say themselves. */
  readonly settings: CallSettings
  /** Where calls go; made once, both may be the same. */
  readonly whole: Endpoint
  readonly streamed: Endpoint
  /** Answers at no cost when the vendor is there and the key is right (GET); `undefined` where there is no such place. */
  readonly probe?: Endpoint | undefined
  /** `accept` of streamed calls. Default `text/event-stream, application/json`. */
  readonly acceptStream?: string
  /** The serialized body, or a fault when the call cannot be said in this dialect. */
  readonly body: (call: DialectCall) => string | Fault
  /** Reads one answer with status 2xx. */
  readonly decoder: (answer: AnswerOptions) => AnswerDecoder
  /** Rows of its own before those of the common error table. */
  readonly errors?: ErrorRules
  /** Headers that depend on the whole request, such as a signature. */
  readonly authorize?: (request: HttpRequest) => Effect.Effect<HeaderValues, Fault>
}

export interface DialectCall {
  readonly options: ModelOptions
  /** The model's, the call's and the router's, already merged: the smaller cap on output tokens counts. */
  readonly settings: CallSettings
  readonly streamed: boolean
}

export interface AnswerOptions {
  readonly streamed: boolean
  /** A fresh id for what came without one, e.g. a tool call. */
  readonly makeId: (prefix: string) => string
}

/** From the bytes of one answer to parts: a synchronous machine that knows no Effect, no clock and no socket. */
export interface AnswerDecoder {
  /** The next bytes, split anywhere. Gives out the parts that became certain. */
  readonly feed: (bytes: Uint8Array) => Array<StreamPart>
  /** No more bytes: the body ended, or the connection broke (`broken`). */
  readonly end: (broken: boolean) => Array<StreamPart>
  /** Nothing more will be given out: read no further. */
  readonly ended: () => boolean
  /** The terminal fact has come; what may follow, such as the usage, is worth a moment and no more. */
  readonly settling: () => boolean
  readonly fault: () => Fault | undefined
  /** Part of the answer has been given out. */
  readonly hasContent: () => boolean
}

/**
 * The state of one answer: parsed events go in, encoded parts of `effect/ai` come out of `take`. Each dialect that speaks in
 * JSON events has one; `EventDecoder` feeds it from SSE, `FrameDecoder` from binary frames.
 *
 * Once `fault` or `ended` is set nothing more is given out. What goes wrong after the terminal fact does not matter.
 */
export interface AnswerState {
  readonly fault: Fault | undefined
  /** The finish part has been given out, or the fault is set. */
  readonly ended: boolean
  readonly hasContent: boolean
  /** The terminal fact has come and the finish part has not. Left out by dialects in which words after it may follow. */
  readonly settling?: boolean
  /** The parts since the last call. */
  readonly take: () => Array<StreamPart>
  /** One event of a stream, parsed; `name` is the event's own name, `""` or `message` where it has none. */
  readonly event: (json: unknown, name: string) => void
  /** A whole answer, also where a stream was asked for: gateways do that. */
  readonly wholeAnswer: (json: unknown) => void
  /** `[DONE]`: some servers of every dialect end a stream so. */
  readonly doneMarker: () => void
  /** No more bytes. `sawBytes`: anything but blanks had come. */
  readonly endOfBytes: (sawBytes: boolean) => void
  /** Ends the answer with a failure, unless it was complete already. */
  readonly fail: (fault: Fault) => void
}

export type { CallLimits, ModelOptions }
