/** What a call that ends without an answer is told: the reason, what was tried, and why nobody else could. */
import type { Millis } from "../../model/Gate.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { Call } from "./Call.ts"
import { excluded } from "./Pick.ts"

export const make = <Id extends string, C>(
  call: Call<Id, C>,
  reason: RouteError.RouteError["reason"],
  retryAt: Millis | undefined,
  now: Millis
): RouteError.RouteError => {
  const attempts = (call.records ?? []).map((record) => {
    const code = call.codes?.get(record.index)
    return new RouteError.AttemptSummary({
      target: record.target,
      errorType: record.errorType ?? record.outcome,
      ...(code === undefined ? {} : { code }),
      ms: record.ms
    })
  })
  return new RouteError.RouteError({
    reason,
    attempts,
    ...(retryAt === undefined ? {} : { retryAfterMs: Math.max(0, Math.ceil(retryAt - now)) }),
    ...(call.last === undefined ? {} : { last: call.last })
  })
}

/** Why no target can take the call, target by target. */
export const exclusions = <Id extends string, C>(call: Call<Id, C>, now: Millis): Array<RouteError.Exclusion> => {
  const list: Array<RouteError.Exclusion> = []
  for (const state of call.core.states) {
    const why = excluded(state, call.request, call, now)
    if (why === undefined) continue
    const retryInMs = why.retryAt === undefined ? {} : { retryInMs: Math.max(0, why.retryAt - now) }
    list.push(new RouteError.Exclusion({ target: state.target.id, reason: why.reason, ...retryInMs }))
    call.observer?.skipped?.(state.target, why.reason)
  }
  const { only } = call
  if (only !== undefined && !call.core.states.includes(only)) {
    list.push(new RouteError.Exclusion({ target: only.target.id, reason: "Removed" }))
  }
  return list
}
