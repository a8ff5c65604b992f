/**
 * The attempt loop: PICK a target, run the attempt, and when it failed decide what follows: another target at once, the
 * same one after a back-off, or the end. The whole loop is one asynchronous step of the caller's fiber; each attempt runs
 * in a fiber of its own, so a clock can interrupt it, and its permit is given back when that fiber has ended, finalizers
 * included. A hedged call runs two of them for a while; the first to succeed decides.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Millis } from "../../model/Gate.ts"
import { success } from "../../model/Outcome.ts"
import { CurrentAttemptSignals } from "../../model/ProviderModel.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import { goesOn } from "./AfterFailure.ts"
import type { Attempt } from "./Attempt.ts"
import { Call } from "./Call.ts"
import type { Core } from "./Core.ts"
import * as Hedging from "./Hedging.ts"
import { guarded, type Perform, type Resume, type Run, stop, stopAtDeadline, stopCancelled } from "./Run.ts"
import { Signals } from "./Signals.ts"
import { wait } from "./Wait.ts"

export type { Perform, Resume } from "./Run.ts"

/** Runs attempts until one succeeds or the call is over. */
export const attemptLoop = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>
): Effect.Effect<A, E | RouteError.RouteError, R> =>
  Effect.callback<A, E | RouteError.RouteError, R>((resume) => {
    start(call, perform, resume, call.core.now())
    return call.ended ? undefined : interrupt(call)
  })

/** A call from its first attempt to its end. It enters and begins in one turn: no interruption falls in between. */
export const oneCall = <Id extends string, C, A, E, R>(
  core: Core<Id, C>,
  request: RouteRequest,
  context: Context.Context<never>,
  perform: Perform<Id, C, A, E, R>,
  served?: (call: Call<Id, C>) => void
): Effect.Effect<A, E | RouteError.RouteError, R> =>
  Effect.callback<A, E | RouteError.RouteError, R>((resume) => {
    const call = new Call(core, request, context, false)
    served?.(call)
    start(call, perform, resume)
    return call.ended ? undefined : interrupt(call)
  })

/** The same without a fiber around it: for code that has none. */
export const start = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  resume: Resume<A, E>,
  now: Millis = call.startedAt
): void => {
  const run: Run<Id, C, A, E> = { call, perform, resume }
  const refused = call.core.gates === undefined ? undefined : guarded(run, () => call.enter(now))
  if (refused === "threw") return
  if (refused === undefined) return next(run, now)
  const { priority } = call.request
  stop(run, () => new RouteError.Overloaded({ by: refused.reason, priority }), refused.retryAt, now)
}

/** An attempt that had begun to answer broke: what follows is decided as after any failure. */
export const attemptLoopAfter = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  broken: Attempt<Id, C>,
  cause: Cause.Cause<E>
): Effect.Effect<A, E | RouteError.RouteError, R> =>
  Effect.callback<A, E | RouteError.RouteError, R>((resume) => {
    const run: Run<Id, C, A, E> = { call, perform, resume }
    call.decided = undefined
    if (goesOn(run, broken, cause)) next(run, call.core.now())
    return call.ended ? undefined : interrupt(call)
  })

/** The caller was interrupted: end what runs, and wait until it has given back what it took. */
export const interrupt = <Id extends string, C>(call: Call<Id, C>): Effect.Effect<void> =>
  Effect.suspend(() => {
    call.cancelled = true
    const fibers = [call.running?.fiber, call.rival?.fiber, call.fiber].filter((fiber) => fiber !== undefined)
    call.stopAll()
    return fibers.length === 0 ? Effect.void : Effect.asVoid(Fiber.awaitAll(fibers))
  })

const next = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, now: Millis): void => {
  const { call } = run
  // What it gave back may have served somebody who then ended this call's caller.
  if (call.cancelled) return stopCancelled(run, now)
  if (now >= call.deadlineAt) return stopAtDeadline(run, now)
  // Nobody overtakes those who wait already, unless the queue says so.
  if (call.core.admission.size > 0) return wait(run, now, next, launch)
  const attempt = guarded(run, () => call.begin(now))
  if (attempt === "threw") return
  if (attempt === undefined) return wait(run, now, next, launch)
  launch(run, attempt, now)
}

/** Starts an attempt that holds its permits. */
const launch = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, attempt: Attempt<Id, C>, now: Millis): void => {
  const { call, perform } = run
  if (call.core.hedging !== undefined) Hedging.name(attempt, perform.stays)
  const fiber = fork(call, attempt, perform)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return ended(run, attempt, exit)
  attempt.fiber = fiber
  call.armDeadline()
  const { attemptMs, firstContentMs, headersMs } = call.core.timeouts
  const clock = attempt.signals !== undefined && headersMs < firstContentMs ? "Headers" : perform.clock
  const limit = clock === "Attempt" ? attemptMs : clock === "Headers" ? headersMs : firstContentMs
  // The call's deadline stands above an attempt's clock that could not run out before it.
  if (limit < call.request.deadlineMs && attempt.firstContentAt === undefined) {
    attempt.arm(clock, limit, now)
  }
  Hedging.arm(run, attempt, now, launch)
  fiber.addObserver((exit) => ended(run, attempt, exit))
}

const fork = <Id extends string, C, A, E>(
  call: Call<Id, C>,
  attempt: Attempt<Id, C>,
  perform: Perform<Id, C, A, E, unknown>
) => {
  const observed = attempt.observer?.context
  let context = observed === undefined ? call.context : Context.merge(call.context, observed)
  const { aroundAttempts, timeouts } = call.core
  if (timeouts.signalled && perform.clock === "FirstContent") {
    attempt.signals = new Signals(timeouts)
    context = Context.add(context, CurrentAttemptSignals, attempt.signals)
  }
  let effect: Effect.Effect<A, E>
  try {
    // What it needs is in the caller's context, which the compiler saw in `attemptLoop`.
    effect = perform.run(attempt) as Effect.Effect<A, E>
    if (!perform.stays) {
      for (let i = aroundAttempts.length - 1; i >= 0; i--) {
        effect = aroundAttempts[i]?.route?.(attempt, effect) ?? effect
      }
    }
  } catch (defect) {
    effect = Effect.die(defect)
  }
  // What stays after success must not be lost between its success and the fiber's end: it listens where it says so.
  return Effect.runForkWith(context)(effect, perform.stays ? staysUninterrupted : undefined)
}

const staysUninterrupted = { uninterruptible: true }

const ended = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  attempt: Attempt<Id, C>,
  exit: Exit.Exit<A, E>
): void => {
  const { call, perform, resume } = run
  attempt.fiber = undefined
  attempt.disarm()
  if (Exit.isFailure(exit)) {
    if (goesOn(run, attempt, exit.cause)) next(run, call.core.now())
    return
  }
  const won = call.claim(attempt)
  const other = call.running === attempt ? call.rival : call.running
  call.drop(attempt)
  if (!perform.stays) {
    const now = call.core.now()
    call.keep(attempt.settle(won ? "won" : "lost", success, undefined, now, call.startedAt))
    if (won) call.end(call.cancelled ? "cancelled" : "ok", undefined, attempt, now)
  }
  if (!won) return
  call.stopHedge()
  if (other !== undefined) {
    other.lost = true
    other.stop()
  }
  resume(exit)
}
