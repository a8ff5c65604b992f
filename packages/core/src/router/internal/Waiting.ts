/**
 * How long a call waits when no target can take it: a target already tried is asked again after a back-off, a parked one
 * when its time has come, one of which nobody knows (a full bulkhead, a probe under way) by back-off and for `maxWait` in
 * all. Reads the call and the targets; changes nothing.
 */
import type { Millis } from "../../model/Gate.ts"
import type { Exclusion } from "../../model/RouteError.ts"
import * as Backoff from "../../policies/Backoff.ts"
import type { Call } from "./Call.ts"
import { excluded } from "./Pick.ts"

export interface Plan {
  /** `undefined`: it is not worth waiting. */
  readonly delay: Millis | undefined
  /** The wait is for a permit without a known time. */
  readonly queued: boolean
  /** When the first target that is closed for a known time opens. */
  readonly backAt: Millis | undefined
}

export const plan = <Id extends string, C>(call: Call<Id, C>, now: Millis): Plan => {
  const { retry, rng, states } = call.core
  let earliest: Millis | undefined
  let backAt: Millis | undefined
  let unknown = false
  for (const state of states) {
    const why = excluded(state, call.request, call, now)
    if (why?.final === true) continue
    const at = why === undefined ? now : why.retryAt
    if (at === undefined) {
      unknown = true
      continue
    }
    if (why !== undefined && why.reason !== "Tried") backAt = Math.min(at, backAt ?? at)
    earliest = Math.min(at, earliest ?? at)
  }
  const mayQueueFor = Math.min(retry.maxWaitMs, call.request.deadlineMs / 4) - call.queuedMs
  const queued = unknown && mayQueueFor > 0
  const backoff =
    unknown || call.last !== undefined
      ? Backoff.delayMs(call.lastWasRateLimit ? retry.throttled : retry.transient, call.waits, rng)
      : 0
  // Not all who were told the same time come back together.
  const untilOpen = earliest === undefined ? Number.POSITIVE_INFINITY : (earliest - now) * (1 + 0.1 * rng())
  const delay = queued ? Math.min(backoff, mayQueueFor) : Math.max(backoff, untilOpen)
  return { delay: now + delay < call.deadlineAt ? delay : undefined, queued, backAt }
}

/** When the first target is worth asking again; `undefined` when one may be asked now, or nobody knows. */
export const backAt = <Id extends string, C>(call: Call<Id, C>, now: Millis): Millis | undefined => {
  let earliest: Millis | undefined
  for (const state of call.core.states) {
    const verdict = state.verdict(now, call.request.cost)
    if (verdict === undefined) return undefined
    const at = verdict.retryAt
    if (at !== undefined && at < Number.POSITIVE_INFINITY) earliest = Math.min(at, earliest ?? at)
  }
  return earliest
}

/** No gate keeps anybody closed: who could be asked was, and may not be asked again; the others the request rules out. */
export const allAsked = (exclusions: ReadonlyArray<Exclusion>): boolean =>
  exclusions.some(({ reason }) => reason === "Tried") && exclusions.every(({ reason }) => settled.has(reason))

const settled: ReadonlySet<string> = new Set(["Tried", "Capability", "Region", "Context", "NotAllowed"])
