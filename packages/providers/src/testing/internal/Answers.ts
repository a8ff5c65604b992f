/** The answers: `answer` and what changes the way an answer arrives. Documented at `Behaviour`. */
import { InvalidOption, integer } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import * as Latency from "../Latency.ts"
import { millis } from "./Options.ts"
import { adapt, type Behaviour } from "./Reaction.ts"

export interface AnswerOptions {
  /** From the arrival of the request to the headers. Default 0. */
  readonly latency?: Latency.Input
  /** From the headers to the first token. Default 0. */
  readonly firstToken?: Latency.Input
  /** From one token to the next; a distribution is drawn once per answer. Default 0. */
  readonly perToken?: Latency.Input
  /** Tokens of the answer, integer >= 1, default 16. Ignored with `text`. */
  readonly tokens?: number
  /** Tokens per chunk of a stream, integer >= 1, default 1. */
  readonly chunkTokens?: number
  /** Exactly this text. Default: `FakeAnswer.answerTo(question, tokens)`. */
  readonly text?: string
  /**
   * The word that says why the answer ends, sent as it is. Default: the dialect's word for a stop, for a tool call, or for
   * an answer cut by the request's token limit. Responses: `completed`, or the reason of an incomplete answer.
   */
  readonly finish?: string
  /** More headers of the reply, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Answers. A request whose last message is the assistant's (a prefill) gets the rest of the answer, and the cap on output
 * tokens is kept to, under the name that the dialect has for it.
 */
export const answer = (options: AnswerOptions = {}): Behaviour => {
  const latency = Latency.from("Behaviour.answer: latency", options.latency ?? 0)
  const firstToken = Latency.from("Behaviour.answer: firstToken", options.firstToken ?? 0)
  const perToken = Latency.from("Behaviour.answer: perToken", options.perToken ?? 0)
  const tokens = integer("Behaviour.answer: tokens", options.tokens ?? 16)
  const chunkTokens = integer("Behaviour.answer: chunkTokens", options.chunkTokens ?? 1)
  const react = (rng: () => number) =>
    ({
      _tag: "Answer",
      latencyMs: latency(rng),
      firstTokenMs: firstToken(rng),
      perTokenMs: perToken(rng),
      tokens,
      chunkTokens,
      text: options.text,
      finish: options.finish,
      headers: options.headers ?? {},
      reasoning: undefined,
      toolCalls: [],
      policy: undefined,
      queue: undefined,
      done: true,
      pieceBytes: undefined,
      fault: undefined
    }) as const
  return { start: () => (_request, turn) => react(turn.rng) }
}

/** Headers and the event with the role come at once, the first token only after `delay`. */
export const slowFirstToken = (delay: Latency.Input, inner: Behaviour = answer()): Behaviour => {
  const firstToken = Latency.from("Behaviour.slowFirstToken: delay", delay)
  return adapt(inner, (reply, rng) => ({ ...reply, firstTokenMs: firstToken(rng) }))
}

/**
 * Queues before it answers, as DeepSeek does: after the headers a comment (`: keep-alive`) every `every` for as long as
 * `for` says (`"Infinity"`: never answers), then `inner`. Messages sends a `ping` instead, Converse nothing. A reply that
 * is not streamed gets blank lines before its JSON.
 */
export const keepAlive = (
  options: {
    /** > 0. */
    readonly every: Duration.Input
    readonly for: Duration.Input
    /** Text of the comment, one line. Default `keep-alive`. Not for Messages and Converse. */
    readonly comment?: string
  },
  inner: Behaviour = answer()
): Behaviour => {
  const everyMs = millis("Behaviour.keepAlive: every", options.every)
  if (everyMs === 0) throw new InvalidOption("Behaviour.keepAlive: every", "a duration > 0", options.every)
  const queue = {
    everyMs,
    forMs: millis("Behaviour.keepAlive: for", options.for),
    comment: options.comment ?? "keep-alive"
  }
  return adapt(inner, (reply) => ({ ...reply, queue }))
}

/**
 * Thinks first: `tokens` tokens (integer >= 1) before the content; in Chat in `field`, default `reasoning_content`, in
 * Responses as a summary. Where the dialect signs its thinking, it is signed; Responses sends encrypted content to who
 * asks for it.
 */
export const reasoning = (tokens: number, inner: Behaviour = answer(), field = "reasoning_content"): Behaviour => {
  integer("Behaviour.reasoning: tokens", tokens)
  return adapt(inner, (reply) => ({ ...reply, reasoning: { tokens, field } }))
}

/**
 * Answers with a call of the tool `name` instead of text; a stream sends the arguments in pieces (Gemini: in one). `args`
 * is sent as JSON, a string as it is, so that it may be broken: where a dialect wants an object, a broken one comes as the
 * string, or from Gemini as the finish `MALFORMED_FUNCTION_CALL`. Two calls: `toolCall("a", …, toolCall("b", …))`.
 */
export const toolCall = (name: string, args: unknown, inner: Behaviour = answer()): Behaviour => {
  const call = { name, arguments: typeof args === "string" ? args : (JSON.stringify(args) ?? "") }
  return adapt(inner, (reply) => ({ ...reply, toolCalls: [call, ...reply.toolCalls] }))
}

/**
 * A stream without what may be missing after its finish reason: Chat's `data: [DONE]`, the `message_stop` of Messages,
 * Converse's `metadata` with the usage. The finish reason still comes.
 */
export const withoutDone = (inner: Behaviour = answer()): Behaviour =>
  adapt(inner, (reply) => ({ ...reply, done: false }))

/** Writes every event of a stream in pieces of `bytes` bytes (integer >= 1), each in a write of its own. */
export const splitBytes = (bytes: number, inner: Behaviour = answer()): Behaviour => {
  integer("Behaviour.splitBytes: bytes", bytes)
  return adapt(inner, (reply) => ({ ...reply, pieceBytes: bytes }))
}
