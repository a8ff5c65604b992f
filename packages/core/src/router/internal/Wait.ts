/**
 * No target can take the call now. It sleeps over a failure (back-off), takes a place in the admission queue until a target
 * has room for it, or ends where neither is worth it.
 */
import * as Effect from "effect/Effect"
import type { Millis } from "../../model/Gate.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { Bounds } from "./Admission.ts"
import type { Attempt } from "./Attempt.ts"
import * as CallError from "./CallError.ts"
import { guarded, type Run, stop, stopAtDeadline, stopCancelled } from "./Run.ts"
import * as Waiting from "./Waiting.ts"

type Next = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, now: Millis) => void
type Launch = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, attempt: Attempt<Id, C>, now: Millis) => void

export const wait = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  now: Millis,
  next: Next,
  launch: Launch
): void => {
  const { call } = run
  const plan = guarded(run, () => Waiting.plan(call, now))
  if (plan === "threw") return
  if (plan._tag === "GiveUp") return nobody(run, plan.backAt, now, next, launch)
  call.pay(now)
  if (plan._tag === "Sleep") sleep(run, plan.ms, now, next)
  else queue(run, plan.bounds, now, next, launch)
}

/** Nobody can take it, and waiting is not worth it. A tier that was only busy is left for the next one, once. */
const nobody = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  backAt: Millis | undefined,
  now: Millis,
  next: Next,
  launch: Launch
): void => {
  const { call } = run
  if (!call.spills && call.core.tiers.length > 1) {
    call.spills = true
    return next(run, now)
  }
  // Its patience ends at a moment at which somebody is free: whom nobody else who waits has taken, it may take.
  const attempt = guarded(run, () => call.begin(now))
  if (attempt === "threw") return
  if (attempt !== undefined) return launch(run, attempt, now)
  const exclusions = guarded(run, () => CallError.exclusions(call, now))
  if (exclusions === "threw") return
  if (exclusions.length === 0 && call.core.states.length > 0) {
    if (call.core.admission.size > 0) return overloaded(run, "QueueTimeout", now)
    // Somebody is free, nobody else waits, and yet none was picked: the strategy wants none of them.
    for (const { target } of call.core.states) {
      exclusions.push(new RouteError.Exclusion({ target: target.id, reason: "NotPicked" }))
    }
  }
  const maxAttempts = call.lastRule?.maxAttempts ?? call.core.retry.maxAttempts
  const reason = () =>
    Waiting.allAsked(exclusions)
      ? new RouteError.AttemptsExhausted({ attempts: call.attempts, maxAttempts })
      : new RouteError.NoCandidate({ exclusions })
  stop(run, reason, backAt, now)
}

const sleep = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, ms: Millis, now: Millis, next: Next): void => {
  const { call } = run
  call.waits++
  call.armDeadline()
  const fiber = Effect.runForkWith(call.context)(call.core.sleep(ms))
  call.fiber = fiber
  fiber.addObserver(() => {
    call.fiber = undefined
    const at = call.core.now()
    call.waitedMs += at - now
    if (call.cancelled) return stopCancelled(run, at)
    if (call.deadlineHit) return stopAtDeadline(run, at)
    call.tried = undefined
    call.backsOff = false
    next(run, at)
  })
}

const queue = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  bounds: Bounds,
  now: Millis,
  next: Next,
  launch: Launch
): void => {
  const { call } = run
  const left = (at: Millis): void => {
    call.leaveQueue = undefined
    call.waitedMs += at - now
    call.queuedMs += at - now
    call.patienceMs += Math.max(0, at - Math.max(now, bounds.atLeastUntil))
  }
  call.armDeadline()
  const refused = call.core.admission.enter(call, bounds, now, {
    seated: (leave) => {
      call.leaveQueue = (at) => {
        leave(at)
        left(at)
        if (call.cancelled) stopCancelled(run, at)
        else stopAtDeadline(run, at)
      }
    },
    granted: (attempt, at) => {
      left(at)
      launch(run, attempt, at)
    },
    threw: (error, at) => {
      left(at)
      guarded(run, () => {
        throw error
      })
    },
    dropped: (reason, at) => {
      // Told late: it may have left in the meantime.
      if (call.leaveQueue === undefined) return
      left(at)
      if (reason === "Evicted" || reason === "Overloaded") return turnedAway(run, reason, bounds, at, next, launch)
      if (reason === "DeadlineExceeded") return stopAtDeadline(run, at)
      if (reason === "Hopeless") return nobody(run, undefined, at, next, launch)
      impatient(run, bounds, bounds.atLeastUntil > now, at, next, launch)
    }
  })
  if (refused === undefined) return
  if (refused.reason === "QueueFull") return turnedAway(run, "QueueFull", bounds, now, next, launch)
  if (refused.reason === "DeadlineExceeded") return stopAtDeadline(run, now)
  impatient(run, bounds, false, now, next, launch)
}

/** It may wait no longer; `knew` until when, and so without using up its patience. */
const impatient = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  bounds: Bounds,
  knew: boolean,
  now: Millis,
  next: Next,
  launch: Launch
): void => {
  const { call } = run
  if (call.backsOff) {
    const rest = bounds.atMostUntil - now
    // The rest of the back-off needs no place.
    if (rest > 0 && bounds.atMostUntil < call.deadlineAt) return sleep(run, rest, now, next)
    if (rest > 0 && bounds.atMostUntil < Number.POSITIVE_INFINITY) return nobody(run, undefined, now, next, launch)
    // That was the back-off: whoever failed may be asked again.
    call.waits++
    call.tried = undefined
    call.backsOff = false
    return next(run, now)
  }
  // When that time came others were faster: from here on it waits as anybody does.
  if (knew) return next(run, now)
  const plan = guarded(run, () => Waiting.plan(call, now))
  if (plan === "threw") return
  // By now it is known when somebody is back.
  if (plan._tag === "Queue" && plan.bounds.atLeastUntil > now) return next(run, now)
  nobody(run, undefined, now, next, launch)
}

/** There is no place for it: it may not wait for a busy tier, so the next one is asked; a back-off needs no place. */
const turnedAway = <Id extends string, C, A, E>(
  run: Run<Id, C, A, E>,
  by: string,
  bounds: Bounds,
  now: Millis,
  next: Next,
  launch: Launch
): void => {
  const { call } = run
  if (!call.spills && call.core.tiers.length > 1) {
    call.spills = true
    const attempt = guarded(run, () => call.begin(now))
    if (attempt === "threw") return
    if (attempt !== undefined) return launch(run, attempt, now)
  }
  if (call.backsOff && bounds.atMostUntil < call.deadlineAt) return sleep(run, bounds.atMostUntil - now, now, next)
  overloaded(run, by, now)
}

const overloaded = <Id extends string, C, A, E>(run: Run<Id, C, A, E>, by: string, now: Millis): void => {
  const { priority } = run.call.request
  stop(run, () => new RouteError.Overloaded({ by, priority }), Waiting.backAt(run.call, now), now)
}
