/** What a foreign service says about failures and ends, in the form a router counts on. */
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as Arr from "effect/Array"
import * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { truncated } from "../errors/Fault.ts"
import * as ProviderError from "../errors/ProviderError.ts"
import { record } from "../json.ts"
import * as Encode from "./Encode.ts"
import * as Hints from "./Hints.ts"

/** Its failures, with hints. */
export const judged = <A>(effect: Effect.Effect<A, AiError.AiError>): Effect.Effect<A, AiError.AiError> =>
  Effect.catch(effect, (error) => Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(Hints.add(error, now))))

/** Up to the finish part. An `error` part, or an end without finish, is a failure: a cut stream never ends normally. */
export const stream = (
  given: Stream.Stream<Encode.Decoded, AiError.AiError>,
  where: ProviderError.Where
): Stream.Stream<StreamPart, AiError.AiError> =>
  Stream.transformPull(given, (pull) => {
    type Step = Pull.Pull<Arr.NonEmptyReadonlyArray<StreamPart>, AiError.AiError, void>
    let over = false
    let introduced = false
    const fail = (toError: (now: number) => AiError.AiError) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(toError(now)))
    const step: Step = Effect.suspend(() =>
      over
        ? Cause.done()
        : Pull.matchEffect(pull, {
            onSuccess: (chunk): Step => {
              const parts: Array<StreamPart> = []
              for (const part of chunk) {
                if (part.type === "error") return fail((now) => errorOf(where, part.error, now))
                const given = Encode.part(part) as StreamPart | undefined
                if (given === undefined) continue
                // A router writes beside it who answered.
                if (!introduced && given.type !== "response-metadata") parts.push({ type: "response-metadata" })
                introduced = true
                parts.push(given)
                over = given.type === "finish"
                if (over) break
              }
              return Arr.isArrayNonEmpty(parts) ? Effect.succeed(parts) : step
            },
            onFailure: (cause: Cause.Cause<AiError.AiError>): Step => {
              const error = cause.reasons.find(Cause.isFailReason)?.error
              return error === undefined
                ? Effect.failCause(cause as Cause.Cause<never>)
                : fail((now) => Hints.add(error, now))
            },
            onDone: (): Step => fail((now) => ProviderError.make(where, truncated, { now }))
          })
    )
    return Effect.succeed(step)
  })

const errorOf = (where: ProviderError.Where, error: unknown, now: number): AiError.AiError =>
  AiError.isAiError(error)
    ? Hints.add(error, now)
    : ProviderError.make(
        where,
        ProviderError.ofInBand(record(record(error)?.["error"]) === undefined ? { error } : error),
        { now }
      )
