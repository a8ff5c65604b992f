/**
 * PICK and admit: one synchronous step, so that two fibers never take the same last slot. Tiers in order; in each, the
 * strategy chooses among the candidates that the request's constraints, the gates and the call's own history leave.
 */
import type * as Chain from "../../gates/Chain.ts"
import type { Candidate } from "../../model/Candidate.ts"
import { isReject, type Millis } from "../../model/Gate.ts"
import { type RouteRequest, violated } from "../../model/RouteRequest.ts"
import type { TargetState } from "../../state/TargetState.ts"
import type { Core } from "./Core.ts"

/** What a call has learned about targets so far. */
export interface History<Id extends string, C> {
  /** Asked in this round: not again before a back-off. */
  tried: Array<TargetState<Id, C>> | undefined
  /** Not again by this call. */
  barred: Array<TargetState<Id, C>> | undefined
  /** When set, the only target that may be asked. */
  only: TargetState<Id, C> | undefined
}

export interface Picked<Id extends string, C> {
  readonly state: TargetState<Id, C>
  readonly permit: Chain.ChainPermit
}

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
  if (verdict !== undefined)
    return { reason: verdict.reason, retryAt: verdict.retryAt, final: state.control !== "open" }
  return history.tried?.includes(state) === true ? { reason: "Tried", retryAt: now, final: false } : undefined
}

export const make = <Id extends string, C>(core: Pick<Core<Id, C>, "tiers" | "rng">) => {
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

  /** The target that takes the call now, with its permits already taken; `undefined` when none can. */
  return (call: { readonly request: RouteRequest } & History<Id, C>, now: Millis): Picked<Id, C> | undefined => {
    request = call.request
    history = call
    at = now
    refused = undefined
    for (const tier of core.tiers) {
      // A gate that decides by chance may peek yes and admit no: that candidate is left out and the tier asked once more.
      for (let round = 0; round < 2; round++) {
        const state = tier.picker.pick(request, eligible, now, core.rng) as TargetState<Id, C> | undefined
        if (state === undefined) break
        const permit = state.admit(now, request.cost, core.rng)
        if (!isReject(permit)) return { state, permit }
        refused = state
      }
    }
    return undefined
  }
}
