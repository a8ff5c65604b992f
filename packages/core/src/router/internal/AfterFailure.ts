/** An attempt did not succeed: what it says about its target, what the call remembers, and whether it goes on. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Classification } from "../../model/Classifier.ts"
import type { Millis } from "../../model/Gate.ts"
import { failure, ignored, type Outcome } from "../../model/Outcome.ts"
import * as RouteError from "../../model/RouteError.ts"
import * as RetryTable from "../../policies/RetryTable.ts"
import type { Attempt } from "./Attempt.ts"
import type { Call } from "./Call.ts"
import * as ErrorCode from "./ErrorCode.ts"
import { mayBeAsked } from "./Pick.ts"
import { type Run, stop, stopAtDeadline } from "./Run.ts"
import * as Verdict from "./Verdict.ts"
import * as Waiting from "./Waiting.ts"

/** Gives the attempt back and ends the call where nothing can follow; true when another attempt is to be made. */
export const goesOn = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  attempt: Attempt<Id, C>,
  cause: Cause.Cause<E>
): boolean => {
  const { call, perform, resume } = run
  const now = call.core.now()
  call.drop(attempt)
  // The latter outlives a restart, which undoes the decision for a stream that broke.
  const lost = attempt.lost || (call.decided !== undefined && call.decided !== attempt)
  // A clock of ours interrupted it, whatever a finalizer died of on the way out.
  const timedOut = attempt.timeout !== undefined && Cause.hasInterrupts(cause)
  if (call.cancelled || (Cause.hasInterruptsOnly(cause) && !timedOut && (lost || !call.deadlineHit))) {
    call.keep(attempt.cancel(now, call.startedAt))
    // Somebody else answers, or the one that still runs ends the call.
    if (lost || call.competes()) return false
    call.end("cancelled", undefined, undefined, now)
    resume(Exit.failCause(cause))
    return false
  }
  if (call.deadlineHit && !lost) {
    call.lastOutcome = atDeadline(call, attempt, now)
    call.keep(attempt.settle("failed", call.lastOutcome, "DeadlineExceeded", now, call.startedAt))
    if (!call.competes()) stopAtDeadline(run, now)
    return false
  }
  const error = timedOut ? attempt.timeout : Cause.squash(cause)
  const isDefect = !timedOut && !cause.reasons.some(Cause.isFailReason)
  const verdict = isDefect ? Verdict.defect : Verdict.of(call.core.classify, error)
  const rule = RetryTable.ruleFor(isDefect ? RetryTable.empty : call.core.retry.table, verdict)
  call.keep(attempt.settle("failed", verdict.outcome, verdict.errorType, now, call.startedAt))
  if (lost) return false
  const code = isDefect ? undefined : ErrorCode.of(error)
  if (code !== undefined) {
    call.codes ??= new Map()
    call.codes.set(attempt.index, code)
  }
  // Without the prefill it may be what this target takes. What went wrong is still the break before it.
  const refused = attempt.resume !== undefined && !isDefect && isRefusal(error, verdict, rule)
  if (refused) {
    call.resume = undefined
    call.refusedResume = 1
  } else call.lastOutcome = verdict.outcome
  const follows = refused || rule.sameTarget || (rule.otherTarget && !tooLong(call, attempt, verdict, now))
  if (!follows && !Verdict.isOurs(error)) {
    call.claim(attempt)
    call.stopAll()
    call.end("error", verdict.errorType, undefined, now)
    resume(Exit.failCause(cause))
    return false
  }
  if (!refused) {
    call.last = error
    call.lastRule = rule
    call.backsOff = true
  }
  const { committed } = perform
  if (committed !== undefined) {
    stop(run, () => new RouteError.StreamBroken({ target: attempt.target.id, parts: committed }), undefined, now)
    return false
  }
  if (!refused) remember(call, attempt, rule)
  // The other copy of a hedged call is still at it.
  if (call.competes()) return false
  const { budget } = call.core.retry
  const maxAttempts = call.lastRule?.maxAttempts ?? call.core.retry.maxAttempts
  if (call.attempts - call.refusedResume >= maxAttempts || !follows) {
    stop(
      run,
      () => new RouteError.AttemptsExhausted({ attempts: call.attempts, maxAttempts }),
      Waiting.backAt(call, now),
      now
    )
    return false
  }
  // A rate limit before any content was refused unread; anything else may have been carried out.
  if (!call.request.idempotent && !(verdict.outcome._tag === "RateLimited" && attempt.firstContentAt === undefined)) {
    stop(run, () => new RouteError.NotIdempotent({}), undefined, now)
    return false
  }
  if (!budget.hasBalance(now)) {
    stop(run, () => new RouteError.RetryBudgetExhausted({}), Waiting.backAt(call, now), now)
    return false
  }
  // Charged as soon as it is clear that another attempt is made or waited for: calls in back-off count.
  call.owes = true
  return true
}

/** What a target says to a prefill that it does not take: the request is at fault, not the target. Our own clocks say no such thing. */
const isRefusal = (error: unknown, verdict: Classification, rule: RetryTable.Rule): boolean =>
  !Verdict.isOurs(error) && (verdict.outcome._tag === "Ignored" || !(rule.sameTarget || rule.otherTarget))

/** The prompt is too long for this target, and no other is known to take more: that is the caller's to know. */
const tooLong = <Id extends string, C>(
  call: Call<Id, C>,
  attempt: Attempt<Id, C>,
  verdict: Classification,
  now: Millis
): boolean => {
  if (verdict.largerContext !== true) return false
  const window = attempt.target.contextWindow ?? Number.POSITIVE_INFINITY
  call.largerThan = Math.max(window, call.largerThan ?? 0)
  return !call.core.states.some((state) => mayBeAsked(state, call.request, call, now))
}

const remember = <Id extends string, C>(call: Call<Id, C>, attempt: Attempt<Id, C>, rule: RetryTable.Rule): void => {
  if (!rule.sameTarget) {
    call.barred = [...(call.barred ?? []), attempt.state]
    return
  }
  if (!rule.otherTarget) call.only = attempt.state
  call.tried = [...(call.tried ?? []), attempt.state]
}

/** A target that had at least half of the call's time was too slow; one that was asked late is not to blame. */
const atDeadline = <Id extends string, C>(call: Call<Id, C>, attempt: Attempt<Id, C>, now: Millis): Outcome =>
  Math.min(now, call.deadlineAt) - attempt.startedAt >= call.request.deadlineMs / 2
    ? failure("DeadlineExceeded")
    : ignored
