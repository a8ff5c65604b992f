/** One go of the attempt loop: a call, what its attempts do, and who is told the end. */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Millis } from "../../model/Gate.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { Attempt } from "./Attempt.ts"
import type { Call } from "./Call.ts"
import * as CallError from "./CallError.ts"

/** What an attempt does, and when its permit comes back. */
export interface Perform<Id extends string, C, A, E, R> {
  readonly run: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>
  /** The clock an attempt starts with. */
  readonly clock: "Attempt" | "FirstContent"
  /**
   * True when success does not end the attempt: a stream that has begun keeps its permit. Such a `run` begins
   * uninterruptible, opens `Effect.interruptible` regions itself, and claims the call before it succeeds.
   */
  readonly stays: boolean
  /** Parts of the answer that the caller already has and that nothing can take back: no further attempt is made. */
  readonly committed?: number
}

/** Told the end of the loop, once. */
export type Resume<A, E> = (exit: Exit.Exit<A, E | RouteError.RouteError>) => void

export interface Run<Id extends string, C, A, E> {
  readonly call: Call<Id, C>
  readonly perform: Perform<Id, C, A, E, unknown>
  readonly resume: Resume<A, E>
}

/** Ends the call with the router's own error. */
export const stop = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  reason: () => RouteError.RouteError["reason"],
  retryAt: Millis | undefined,
  now: Millis
): void => {
  const { call, resume } = run
  const error = withoutStack(() => CallError.make(call, reason(), retryAt, now))
  call.end("error", error.reason._tag, undefined, now)
  resume(Exit.fail(error))
}

/**
 * An error that is an answer, such as "nobody can take it", is made often when things go badly, and its stack would show the
 * router's insides only: taking one costs many times the rest of the call.
 */
const withoutStack = <B>(make: () => B): B => {
  const limits = Error as { stackTraceLimit?: number }
  const limit = limits.stackTraceLimit
  if (limit === undefined) return make()
  limits.stackTraceLimit = 0
  try {
    return make()
  } finally {
    limits.stackTraceLimit = limit
  }
}

export const stopAtDeadline = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, now: Millis): void =>
  stop(run, () => new RouteError.DeadlineExceeded({ deadlineMs: run.call.request.deadlineMs }), undefined, now)

/** The caller has gone. */
export const stopCancelled = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, now: Millis): void => {
  run.call.end("cancelled", undefined, undefined, now)
  run.resume(Exit.interrupt())
}

/** A strategy, a gate or a constraint of the application that throws is a bug: the call ends with it, and holds nothing. */
export const guarded = <Id extends string, C, A, E, B>(run: Run<Id, C, A, E>, body: () => B): B | "threw" => {
  try {
    return body()
  } catch (error) {
    run.call.end("error", "Defect", undefined, run.call.core.now())
    run.resume(Exit.die(error))
    return "threw"
  }
}
