/**
 * What a call does when no target can take it: a target that failed is asked again after a back-off; for one that is full,
 * probing, or closed until a known time, the call takes a place in the admission queue; for a misconfigured one nobody
 * waits. Reads the call and the targets; changes nothing.
 */

import { violations } from "../../model/Constraints.ts"
import type { Millis, Rng, Verdict } from "../../model/Gate.ts"
import type { Exclusion } from "../../model/RouteError.ts"
import * as Backoff from "../../policies/Backoff.ts"
import * as RetryTable from "../../policies/RetryTable.ts"
import type { Bounds } from "./Admission.ts"
import type { Call } from "./Call.ts"
import { excluded } from "./Pick.ts"

export type Plan =
  | { readonly _tag: "Sleep"; readonly ms: Millis }
  | { readonly _tag: "Queue"; readonly bounds: Bounds }
  /** It is not worth waiting; `backAt` is when the first target that is closed for a known time opens. */
  | { readonly _tag: "GiveUp"; readonly backAt: Millis | undefined }

export const plan = <Id extends string, C>(call: Call<Id, C>, now: Millis): Plan => {
  const { retry, rng, states } = call.core
  /** When the first closed one opens; the first of those that have not failed this call; the first of those that have. */
  let backAt: Millis | undefined
  let otherAt: Millis | undefined
  let againAt: Millis | undefined
  let anyTime = false
  let isFree = false
  for (const state of states) {
    const why = excluded(state, call.request, call, now)
    // A key is not mended by waiting for it. When its rest is over, whoever comes then finds out.
    if (why?.final === true || why?.reason === "Misconfigured") continue
    const opensAt = why?.retryAt
    if (why === undefined) isFree = true
    if (why !== undefined && why.reason !== "Tried") backAt = earlier(opensAt, backAt)
    // Who has failed this call is asked again after the back-off, whoever keeps it busy until then.
    if (call.tried?.includes(state) === true) againAt = earlier(opensAt ?? now, againAt)
    else if (opensAt === undefined) anyTime = true
    else otherAt = earlier(opensAt, otherAt)
  }
  if (call.backsOff) {
    call.backoffMemory ??= Backoff.memory()
    const policy = call.lastRule === undefined ? retry.transient : RetryTable.backoffFor(call.lastRule, retry)
    const backoff = Backoff.delayMs(policy, call.waits, rng, undefined, call.backoffMemory)
    const ms = againAt === undefined ? Number.POSITIVE_INFINITY : Math.max(backoff, together(againAt - now, rng))
    // Somebody else may come free before the back-off is over.
    if (anyTime) return inQueue(now, now + ms)
    if (otherAt !== undefined && otherAt < Math.min(now + ms, call.deadlineAt)) return inQueue(otherAt + late, now + ms)
    return now + ms < call.deadlineAt && isWorth(call, ms) ? { _tag: "Sleep", ms } : { _tag: "GiveUp", backAt }
  }
  // A tier that is merely busy is left for the next one after `maxWait`, whoever else is back at a known time.
  const leaves = anyTime && !call.spills && call.core.tiers.length > 1
  // Where one is free it only waits for its turn.
  if (backAt !== undefined && backAt < call.deadlineAt && isWorth(call, backAt - now) && !leaves && !isFree) {
    return inQueue(backAt + late, Number.POSITIVE_INFINITY)
  }
  return anyTime ? inQueue(now, Number.POSITIVE_INFINITY) : { _tag: "GiveUp", backAt }
}

/** Where somebody else answers when no target can, nobody waits long for one. */
const isWorth = <Id extends string, C>(call: Call<Id, C>, ms: Millis): boolean => call.request.patient || ms <= brief
const brief: Millis = 1000

const earlier = (at: Millis | undefined, before: Millis | undefined): Millis | undefined =>
  at === undefined || before === undefined ? (at ?? before) : Math.min(at, before)

/** Not all who were told the same time come back together. */
const together = (ms: Millis, rng: Rng): Millis => (ms > 0 ? ms * (1 + 0.1 * rng()) : 0)

/** Timers go off late and targets are served in turn: whoever waits for a known time is still there some time after it. */
const late: Millis = 500

const inQueue = (atLeastUntil: Millis, atMostUntil: Millis): Plan => ({
  _tag: "Queue",
  bounds: { atLeastUntil, atMostUntil }
})

/** When the first target is worth asking again; `undefined` when one may be asked now, or nobody knows. */
export const backAt = <Id extends string, C>(call: Call<Id, C>, now: Millis): Millis | undefined => {
  let earliest: Millis | undefined
  for (const state of call.core.states) {
    let verdict: Verdict
    try {
      verdict = state.verdict(now, call.request.cost)
    } catch {
      continue // a gate of the application; the call has its error already
    }
    if (verdict === undefined) return undefined
    if (verdict.reason === "Misconfigured") continue // nobody knows when somebody acts
    const at = verdict.retryAt
    if (at !== undefined && at < Number.POSITIVE_INFINITY) earliest = Math.min(at, earliest ?? at)
  }
  return earliest
}

/** No gate keeps anybody closed: who could be asked was, and may not be asked again; the others the request rules out. */
export const allAsked = (exclusions: ReadonlyArray<Exclusion>): boolean =>
  exclusions.some(({ reason }) => reason === "Tried") &&
  exclusions.every(({ reason }) => reason === "Tried" || violations.has(reason))
