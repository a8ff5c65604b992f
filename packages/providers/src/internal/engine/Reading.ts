/** Reads the body of a streamed answer: bytes are pulled, fed to the decoder, and its parts given out. */
import type { AttemptSignals, StreamPart } from "@spillway/core/ProviderModel"
import * as Arr from "effect/Array"
import type * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type { Fault } from "../errors/Fault.ts"
import type { Reported } from "../http/ReportedLimits.ts"
import type { BodyPull } from "../http/Transport.ts"
import type { AnswerDecoder } from "./Dialect.ts"

export type PartsPull = Pull.Pull<Arr.NonEmptyReadonlyArray<StreamPart>, AiError.AiError>

export interface Reading {
  readonly pull: PartsPull
  /** The answer is whole, and its body has not ended yet. */
  readonly isAwaitingEnd: () => boolean
  /** Done when it has, or soon after. */
  readonly drained: Effect.Effect<void>
}

export const make = (
  body: BodyPull,
  decoder: AnswerDecoder,
  toError: (fault: Fault) => AiError.AiError,
  limits: ReadonlyArray<Reported> | undefined,
  model: string,
  signals: AttemptSignals
): Reading => {
  let over = false
  let bytesEnded = false
  let untold = limits !== undefined
  let introduced = false
  let toldAlive = false
  // What the decoder has given out leaves first; what ended it is told on the next pull.
  const stop = Effect.suspend((): PartsPull => {
    const reason = decoder.fault()
    return reason === undefined ? Cause.done() : Effect.fail(toError(reason))
  })
  const give = (parts: Array<StreamPart>): PartsPull => {
    if (!Arr.isArrayNonEmpty(parts)) return over ? stop : step
    // Nothing comes after the finish part: the body may end behind the caller's back.
    if (parts[parts.length - 1]?.type === "finish") over = true
    if (!introduced) introduce(parts, model)
    introduced = true
    if (untold && parts.some(isMetadata)) {
      untold = false
      withLimits(parts, limits)
    }
    return Effect.succeed(parts)
  }
  const end = (broken: boolean) => {
    over = true
    bytesEnded = true
    return give(decoder.end(broken))
  }
  // A server that says how the answer ended and then neither goes on nor ends has said all there is to say.
  const settled: BodyPull = Effect.suspend(() =>
    Effect.flatMap(Effect.timeoutOption(body, afterEnd), (chunks) =>
      chunks._tag === "Some" ? Effect.succeed(chunks.value) : Cause.done()
    )
  )
  const step: PartsPull = Effect.suspend(() =>
    over
      ? stop
      : Pull.matchEffect(decoder.settling() ? settled : body, {
          onSuccess: (chunks) => {
            const parts = chunks.length === 1 ? decoder.feed(chunks[0]) : chunks.flatMap((chunk) => decoder.feed(chunk))
            over = decoder.ended()
            // Once is enough: a keep-alive starts no clock anew.
            if (!toldAlive && parts.length === 0 && !decoder.hasContent()) {
              toldAlive = true
              signals.alive()
            }
            return give(parts)
          },
          // An interruption is no cut: it stays an interruption.
          onFailure: (cause) => (Cause.hasFails(cause) ? end(true) : Effect.failCause(cause as Cause.Cause<never>)),
          onDone: () => end(false)
        })
  )
  return {
    pull: step,
    isAwaitingEnd: () => over && !bytesEnded && decoder.fault() === undefined,
    drained: drained(body)
  }
}

/**
 * The answer is complete, and what may still come says nothing. The end of the body is waited for all the same, for a little
 * while: a connection whose answer was read to its end can be used again, one that is let go of before is closed.
 */
const drained = (body: BodyPull): Effect.Effect<void> => {
  const rest: Effect.Effect<void> = Effect.matchCauseEffect(body, {
    onSuccess: () => rest,
    onFailure: (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : Effect.void)
  })
  return Effect.asVoid(Effect.timeoutOption(rest, afterEnd))
}

/** Long enough for the last bytes of a healthy server. */
const afterEnd = "1 second"

const isMetadata = (part: StreamPart) => part.type === "response-metadata"

/**
 * An answer that says nothing about itself, as Converse's, is of the model that was asked: a router marks that part with who
 * answered, and a reader of a stream that two models wrote must not take it for the first one's.
 */
export const introduce = (parts: Array<StreamPart>, modelId: string): Array<StreamPart> => {
  if (!parts.some(isMetadata)) parts.unshift({ type: "response-metadata", modelId })
  return parts
}

/** What the headers say about the account's limits goes where the router looks for it: beside the response's id. */
export const withLimits = (
  parts: Array<StreamPart>,
  limits: ReadonlyArray<Reported> | undefined
): Array<StreamPart> => {
  if (limits === undefined) return parts
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]
    if (part?.type !== "response-metadata") continue
    parts[i] = { ...part, metadata: { ...part.metadata, spillway: { limits } } }
  }
  return parts
}
