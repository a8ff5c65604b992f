/**
 * PICK and admit: one synchronous step, so that two fibers never take the same last slot. Tiers in order; in each, the
 * strategy chooses among the candidates that the request's constraints, the gates and the call's own history leave.
 */
import type { Candidate } from "../../model/Candidate.ts"
import { isReject, type Millis, type Rng } from "../../model/Gate.ts"
import { type RouteRequest, violated } from "../../model/RouteRequest.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import type { History, Pick, Tier } from "./Core.ts"

/** Why a target was left out, for errors and `explain`; `undefined`: it may be asked. */
export const excluded = <Id extends string, C>(
  state: TargetState<Id, C>,
  request: RouteRequest,
  history: History<Id, C>,
  now: Millis
): { readonly reason: string; readonly retryAt: Millis | undefined; readonly final: boolean } | undefined => {
  const needs = request.needs === undefined ? undefined : violated(request.needs, state.target)
  if (needs !== undefined) return { reason: needs, retryAt: undefined, final: true }
  if (history.barred?.includes(state) === true || (history.only !== undefined && history.only !== state)) {
    return { reason: "Tried", retryAt: undefined, final: true }
  }
  const verdict = state.verdict(now, request.cost)
  if (verdict !== undefined) {
    const forEver = verdict.retryAt === Number.POSITIVE_INFINITY
    const retryAt = forEver ? undefined : verdict.retryAt
    return { reason: verdict.reason, retryAt, final: forEver || state.control !== "open" }
  }
  return history.tried?.includes(state) === true ? { reason: "Tried", retryAt: now, final: false } : undefined
}

export const make = <Id extends string, C>(tiers: ReadonlyArray<Tier<Id, C>>, rng: Rng): Pick<Id, C> => {
  // One closure for all picks: nothing else runs between here and the strategy's answer.
  let request: RouteRequest
  let history: History<Id, C>
  let at: Millis = 0
  let refused: TargetState<Id, C> | undefined
  const eligible = (candidate: Candidate): boolean => {
    const state = candidate as TargetState<Id, C>
    if (state === refused || history.tried?.includes(state) === true || history.barred?.includes(state) === true)
      return false
    if (history.only !== undefined && history.only !== state) return false
    if (request.needs !== undefined && violated(request.needs, state.target) !== undefined) return false
    return state.verdict(at, request.cost) === undefined
  }

  return (call, now) => {
    request = call.request
    history = call
    at = now
    refused = undefined
    for (const tier of tiers) {
      // A gate that decides by chance may peek yes and admit no: that candidate is left out and the tier asked once more.
      for (let round = 0; round < 2; round++) {
        const state = tier.picker.pick(request, eligible, now, rng) as TargetState<Id, C> | undefined
        if (state === undefined) break
        const permit = state.admit(now, request.cost, rng)
        if (!isReject(permit)) return { state, permit }
        refused = state
      }
    }
    return undefined
  }
}
