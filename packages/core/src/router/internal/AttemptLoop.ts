/**
 * The attempt loop: PICK a target, run the attempt, and when it failed decide what follows: another target at once, the
 * same one after a back-off, or the end. The whole loop is one asynchronous step of the caller's fiber; each attempt runs
 * in a fiber of its own, so a clock can interrupt it, and its permit is given back when that fiber has ended, finalizers
 * included.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Classification } from "../../model/Classifier.ts"
import type { Millis } from "../../model/Gate.ts"
import { failure, ignored, type Outcome, success } from "../../model/Outcome.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Attempt } from "./Attempt.ts"
import { Call } from "./Call.ts"
import type { Core } from "./Core.ts"
import * as Verdict from "./Verdict.ts"
import * as Waiting from "./Waiting.ts"

/** What an attempt does, and when its permit comes back. */
export interface Perform<Id extends string, C, A, E, R> {
  readonly run: (attempt: Attempt<Id, C>) => Effect.Effect<A, E, R>
  /** The clock an attempt starts with. */
  readonly clock: "Attempt" | "FirstContent"
  /**
   * True when success does not end the attempt: a stream that has begun keeps its permit. Such a `run` begins
   * uninterruptible and opens `Effect.interruptible` regions itself.
   */
  readonly stays: boolean
  /** Parts of the answer that the caller already has and that nothing can take back: no further attempt is made. */
  readonly committed?: number
}

/** Told the end of the loop, once. */
export type Resume<A, E> = (exit: Exit.Exit<A, E | RouteError.RouteError>) => void

/** Runs attempts until one succeeds or the call is over. */
export const attemptLoop = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>
): Effect.Effect<A, E | RouteError.RouteError, R> =>
  Effect.callback<A, E | RouteError.RouteError, R>((resume) => {
    next(call, perform, resume, call.core.now())
    return call.ended ? undefined : interrupt(call)
  })

/** A call from its first attempt to its end. It enters and begins in one turn: no interruption falls in between. */
export const oneCall = <Id extends string, C, A, E, R>(
  core: Core<Id, C>,
  request: RouteRequest,
  context: Context.Context<never>,
  perform: Perform<Id, C, A, E, R>
): Effect.Effect<A, E | RouteError.RouteError, R> =>
  Effect.callback<A, E | RouteError.RouteError, R>((resume) => {
    const call = new Call(core, request, context, false)
    start(call, perform, resume)
    return call.ended ? undefined : interrupt(call)
  })

/** The same without a fiber around it: for code that has none. */
export const start = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  resume: Resume<A, E>
): void => next(call, perform, resume, call.startedAt)

/** An attempt that had begun to answer broke: what follows is decided as after any failure. */
export const attemptLoopAfter = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  broken: Attempt<Id, C>,
  cause: Cause.Cause<E>
): Effect.Effect<A, E | RouteError.RouteError, R> =>
  Effect.callback<A, E | RouteError.RouteError, R>((resume) => {
    failed(call, perform, resume, broken, cause)
    return call.ended ? undefined : interrupt(call)
  })

/** The caller was interrupted: end what runs, and wait until it has given back what it took. */
export const interrupt = <Id extends string, C>(call: Call<Id, C>): Effect.Effect<void> =>
  Effect.suspend(() => {
    call.cancelled = true
    const fiber = call.fiber
    if (fiber === undefined) return Effect.void
    fiber.interruptUnsafe()
    return Effect.asVoid(Fiber.await(fiber))
  })

const next = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  resume: Resume<A, E>,
  now: Millis
): void => {
  if (now >= call.deadlineAt) return stop(call, resume, deadlineExceeded(call), undefined, now)
  const attempt = guarded(call, resume, () => call.begin(now))
  if (attempt === "threw") return
  if (attempt === undefined) return wait(call, perform, resume, now)
  const fiber = fork(call, attempt, perform)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return ended(call, perform, resume, attempt, exit)
  call.fiber = attempt.fiber = fiber
  call.armDeadline()
  const limit = perform.clock === "Attempt" ? call.core.timeouts.attemptMs : call.core.timeouts.firstContentMs
  // The call's deadline stands above an attempt's clock that could not run out before it.
  if (limit < call.request.deadlineMs && attempt.firstContentAt === undefined) {
    attempt.arm(perform.clock, limit, now)
  }
  fiber.addObserver((exit) => ended(call, perform, resume, attempt, exit))
}

const fork = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  attempt: Attempt<Id, C>,
  perform: Perform<Id, C, A, E, R>
) => {
  const observed = attempt.observer?.context
  const context = observed === undefined ? call.context : Context.merge(call.context, observed)
  let effect: Effect.Effect<A, E>
  try {
    // What it needs is in the caller's context, which the compiler saw in `attemptLoop`.
    effect = perform.run(attempt) as Effect.Effect<A, E>
  } catch (defect) {
    effect = Effect.die(defect)
  }
  // What stays after success must not be lost between its success and the fiber's end: it listens where it says so.
  return Effect.runForkWith(context)(effect, perform.stays ? staysUninterrupted : undefined)
}

const staysUninterrupted = { uninterruptible: true }

const ended = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  resume: Resume<A, E>,
  attempt: Attempt<Id, C>,
  exit: Exit.Exit<A, E>
): void => {
  call.fiber = attempt.fiber = undefined
  attempt.disarm()
  if (Exit.isFailure(exit)) return failed(call, perform, resume, attempt, exit.cause)
  if (!perform.stays) {
    const now = call.core.now()
    call.keep(attempt.settle("won", success, undefined, now, call.startedAt))
    call.end(call.cancelled ? "cancelled" : "ok", undefined, attempt, now)
  }
  resume(exit)
}

/** Classifies, gives back, and decides what follows. */
const failed = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  resume: Resume<A, E>,
  attempt: Attempt<Id, C>,
  cause: Cause.Cause<E>
): void => {
  const now = call.core.now()
  // A clock of ours interrupted it, whatever a finalizer died of on the way out.
  const timedOut = attempt.timeout !== undefined && Cause.hasInterrupts(cause)
  if (call.cancelled || (Cause.hasInterruptsOnly(cause) && !timedOut && !call.deadlineHit)) {
    call.keep(attempt.cancel(now, call.startedAt))
    call.end("cancelled", undefined, undefined, now)
    return resume(Exit.failCause(cause))
  }
  if (call.deadlineHit) {
    call.keep(attempt.settle("failed", atDeadline(call, attempt, now), "DeadlineExceeded", now, call.startedAt))
    return stop(call, resume, deadlineExceeded(call), undefined, now)
  }
  const error = timedOut ? attempt.timeout : Cause.squash(cause)
  const isDefect = !timedOut && !cause.reasons.some(Cause.isFailReason)
  const verdict = isDefect ? Verdict.defect : Verdict.of(call.core.classify, error)
  call.keep(attempt.settle("failed", verdict.outcome, verdict.errorType, now, call.startedAt))
  if (!verdict.sameTarget && !verdict.otherTarget && !Verdict.isOurs(error)) {
    call.end("error", verdict.errorType, undefined, now)
    return resume(Exit.failCause(cause))
  }
  call.last = error
  call.lastWasRateLimit = verdict.outcome._tag === "RateLimited"
  if (perform.committed !== undefined) {
    const broken = new RouteError.StreamBroken({ target: attempt.target.id, parts: perform.committed })
    return stop(call, resume, broken, undefined, now)
  }
  const { maxAttempts, budget } = call.core.retry
  if (call.attempts >= maxAttempts || (Verdict.isOurs(error) && !verdict.sameTarget && !verdict.otherTarget)) {
    const exhausted = new RouteError.AttemptsExhausted({ attempts: call.attempts, maxAttempts })
    return stop(call, resume, exhausted, Waiting.backAt(call, now), now)
  }
  // A rate limit before any content was refused unread; anything else may have been carried out.
  if (!call.request.idempotent && !(call.lastWasRateLimit && attempt.firstContentAt === undefined)) {
    return stop(call, resume, new RouteError.NotIdempotent({}), undefined, now)
  }
  if (!budget.hasBalance(now)) {
    return stop(call, resume, new RouteError.RetryBudgetExhausted({}), Waiting.backAt(call, now), now)
  }
  remember(call, attempt, verdict)
  // Charged as soon as it is clear that another attempt is made or waited for: calls in back-off count.
  call.owes = true
  next(call, perform, resume, now)
}

const remember = <Id extends string, C>(call: Call<Id, C>, attempt: Attempt<Id, C>, verdict: Classification): void => {
  if (!verdict.otherTarget) {
    call.only = attempt.state
  } else if (!verdict.sameTarget) {
    call.barred = [...(call.barred ?? []), attempt.state]
    return
  }
  call.tried = [...(call.tried ?? []), attempt.state]
}

/** No target can take the call now: sleeps until one may, or ends the call where that is not worth it. */
const wait = <Id extends string, C, A, E, R>(
  call: Call<Id, C>,
  perform: Perform<Id, C, A, E, R>,
  resume: Resume<A, E>,
  now: Millis
): void => {
  const { core } = call
  const plan = guarded(call, resume, () => Waiting.plan(call, now))
  if (plan === "threw") return
  if (plan.delay === undefined) {
    const exclusions = guarded(call, resume, () => call.exclusions(now))
    if (exclusions === "threw") return
    const { maxAttempts } = core.retry
    const reason = Waiting.allAsked(exclusions)
      ? new RouteError.AttemptsExhausted({ attempts: call.attempts, maxAttempts })
      : new RouteError.NoCandidate({ exclusions })
    return stop(call, resume, reason, plan.backAt, now)
  }
  call.pay(now)
  call.waits++
  call.armDeadline()
  const fiber = Effect.runForkWith(call.context)(core.sleep(plan.delay))
  call.fiber = fiber
  fiber.addObserver(() => {
    call.fiber = undefined
    const at = core.now()
    call.waitedMs += at - now
    if (plan.queued) call.queuedMs += at - now
    if (call.cancelled) {
      call.end("cancelled", undefined, undefined, at)
      return resume(Exit.interrupt())
    }
    if (call.deadlineHit) return stop(call, resume, deadlineExceeded(call), undefined, at)
    call.tried = undefined
    next(call, perform, resume, at)
  })
}

/** A strategy, a gate or a constraint of the application that throws is a bug: the call ends with it, and holds nothing. */
const guarded = <Id extends string, C, A, E, B>(
  call: Call<Id, C>,
  resume: Resume<A, E>,
  body: () => B
): B | "threw" => {
  try {
    return body()
  } catch (error) {
    call.end("error", "Defect", undefined, call.core.now())
    resume(Exit.die(error))
    return "threw"
  }
}

const stop = <Id extends string, C, A, E>(
  call: Call<Id, C>,
  resume: Resume<A, E>,
  reason: RouteError.RouteError["reason"],
  retryAt: Millis | undefined,
  now: Millis
): void => {
  const error = call.error(reason, retryAt, now)
  call.end("error", reason._tag, undefined, now)
  resume(Exit.fail(error))
}

const deadlineExceeded = <Id extends string, C>(call: Call<Id, C>) =>
  new RouteError.DeadlineExceeded({ deadlineMs: call.request.deadlineMs })

/** A target that had at least half of the call's time was too slow; one that was asked late is not to blame. */
const atDeadline = <Id extends string, C>(call: Call<Id, C>, attempt: Attempt<Id, C>, now: Millis): Outcome =>
  now - attempt.startedAt >= call.request.deadlineMs / 2 ? failure("DeadlineExceeded") : ignored
