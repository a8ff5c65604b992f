/**
 * The two halves of a script: a `Behaviour` decides, once per request and synchronously; a `Reaction` is the decision as
 * data, which `Perform` then carries out on the socket. So a combinator never touches a socket, and all chance is drawn
 * before the first byte. Neither knows a dialect: `wire/` does.
 */
import type { Dialect } from "../RequestLog.ts"
import type { Problem } from "./Problem.ts"

/** What a behaviour may look at. */
export interface FakeRequest {
  /** Order of arrival at this server, from 0. */
  readonly index: number
  /** Without its query. */
  readonly path: string
  readonly dialect: Dialect
  readonly model: string
  readonly streamed: boolean
  /** Text of the last user message, `""` when there is none. */
  readonly question: string
  /** As they came: `messages` of Chat, Messages and Converse, the items of `input` of Responses, Gemini's `contents`. */
  readonly messages: ReadonlyArray<Readonly<Record<string, unknown>>>
  /** Text of the last message when it is the assistant's, whose answer is to go on from there. */
  readonly prefill: string | undefined
  /** Words of the messages and of what stands beside them as system text, as the usage counts them. */
  readonly promptTokens: number
  /** The cap on output tokens, under whatever name. */
  readonly maxTokens: number | undefined
  /** The JSON body as it came. */
  readonly body: Readonly<Record<string, unknown>>
  /** Names in lower case, keys redacted. */
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since the server started. */
  readonly at: number
}

/** What belongs to one decision only. */
export interface Turn {
  /** The request's own chance. */
  readonly rng: () => number
  /** Runs `release` once, when the request is over (just before its last bytes are sent). */
  readonly whenDone: (release: () => void) => void
}

export type React = (request: FakeRequest, turn: Turn) => Reaction
export type Start = (behaviour: Behaviour) => React

/**
 * What a model of the fake does. A value without state: each `script` of each server starts it anew, so that one value
 * can serve several models and servers. Within one script the same value is started once and has one state.
 */
export interface Behaviour {
  readonly start: (start: Start) => React
}

export type Reaction = Answer | Refuse | Reply | Reset | Silent

/** Destroy the connection with a TCP reset before any byte of a reply. */
export interface Reset {
  readonly _tag: "Reset"
}

/** Accept and never answer. */
export interface Silent {
  readonly _tag: "Silent"
}

/** An error reply, in the dialect of its request. */
export interface Refuse {
  readonly _tag: "Refuse"
  readonly latencyMs: number
  readonly headers: (wall: number) => Readonly<Record<string, string>>
  readonly problem: Problem
}

/** A whole reply that is not a model's answer, byte for byte. */
export interface Reply {
  readonly _tag: "Reply"
  readonly outcome: "answered" | "error"
  readonly status: number
  readonly latencyMs: number
  readonly contentType: string | undefined
  readonly body: string
  readonly headers: (wall: number) => Readonly<Record<string, string>>
}

export interface Answer {
  readonly _tag: "Answer"
  /** Before the headers. */
  readonly latencyMs: number
  /** From the headers (and the queue) to the first token. */
  readonly firstTokenMs: number
  readonly perTokenMs: number
  readonly tokens: number
  readonly chunkTokens: number
  /** Instead of the answer to the question. */
  readonly text: string | undefined
  readonly finish: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly reasoning: { readonly tokens: number; readonly field: string } | undefined
  readonly toolCalls: ReadonlyArray<{ readonly name: string; readonly arguments: string }>
  /** Against the vendor's policy: the prompt, so that there is no answer, or the answer. */
  readonly policy: "prompt" | "answer" | undefined
  readonly queue: { readonly everyMs: number; readonly forMs: number; readonly comment: string } | undefined
  /** Does the stream send what may be missing after its end, such as `[DONE]`? */
  readonly done: boolean
  /** Bytes per write; `undefined` writes each event whole. */
  readonly pieceBytes: number | undefined
  readonly fault: Fault | undefined
}

/** Strikes after `after` events of the stream (the first carries only the role), at the latest before the finish. */
export type Fault = { readonly after: number } & (
  | { readonly _tag: "Error"; readonly problem: Problem; readonly shape: ErrorShape | undefined }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "End" }
  | { readonly _tag: "Stall"; readonly everyMs: number }
  | { readonly _tag: "Malformed" }
)

/** Shapes of an error inside a stream, for dialects that have several: see `errorIn200`. */
export type ErrorShape = "openai" | "named" | "openrouter" | "flat" | "field" | "failed"

/** Starts behaviours for one script. */
export const starter = (): Start => {
  const started = new WeakMap<Behaviour, React>()
  const start: Start = (behaviour) => {
    const known = started.get(behaviour)
    if (known !== undefined) return known
    const react = behaviour.start(start)
    started.set(behaviour, react)
    return react
  }
  return start
}

/** A behaviour without state that looks at nothing. */
export const always = (reaction: Reaction): Behaviour => ({ start: () => () => reaction })

/** Changes the answers of `inner`; what is no answer passes unchanged. */
export const adapt = (inner: Behaviour, change: (answer: Answer, rng: () => number) => Answer): Behaviour => ({
  start: (start) => {
    const react = start(inner)
    return (request, turn) => {
      const reaction = react(request, turn)
      return reaction._tag === "Answer" ? change(reaction, turn.rng) : reaction
    }
  }
})
