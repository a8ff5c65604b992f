/**
 * PICK and admit: one synchronous step, so that two fibers never take the same last slot. Tiers in order; in each, the
 * strategy chooses among the candidates that the request's constraints, the gates and the call's own history leave.
 *
 * A tier is left for the next one when all its targets are unavailable; while one is merely busy the call waits for it
 * (`Degradation`). A gate that refuses softly is asked again when nobody else can take the call.
 */
import type { Candidate } from "../../model/Candidate.ts"
import { violated } from "../../model/Constraints.ts"
import { type GateEvent, isReject, type Millis, type Rng } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import * as Degradation from "../../policies/Degradation.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import type { Pick as CorePick, History, Picked, Refusal } from "./Core.ts"
import type { InUse, Tier } from "./Targets.ts"

/** Why a target was left out, for errors and `explain`; `undefined`: it may be asked. */
export const excluded = <Id extends string, C>(
  state: TargetState<Id, C>,
  request: RouteRequest,
  history: History<Id, C>,
  now: Millis
): { readonly reason: string; readonly retryAt: Millis | undefined; readonly final: boolean } | undefined => {
  const needs = unfit(state, request, history)
  if (needs !== undefined) return { reason: needs, retryAt: undefined, final: true }
  if (isBarred(state, history)) return { reason: "Tried", retryAt: undefined, final: true }
  const verdict = state.verdict(now, history.costFor(state))
  if (verdict !== undefined) {
    const forEver =
      verdict.retryAt === Number.POSITIVE_INFINITY || (verdict.retryAt === undefined && hopeless.has(verdict.reason))
    const retryAt = forEver ? undefined : verdict.retryAt
    return { reason: verdict.reason, retryAt, final: forEver || state.control !== "open" }
  }
  if (history.tried?.includes(state) === true) return { reason: "Tried", retryAt: now, final: false }
  const refusal = history.refusals?.find((refusal) => refusal.state === state)?.reject
  // Asking again at once would only be another throw of the dice.
  return refusal === undefined
    ? undefined
    : { reason: refusal.reason, retryAt: refusal.retryAt, final: refusal.retryAt === undefined }
}

/** Now or later. A constraint of the application that throws is found out by whoever picks next. */
export const mayBeAsked = <Id extends string, C>(
  state: TargetState<Id, C>,
  request: RouteRequest,
  history: History<Id, C>,
  now: Millis
): boolean => {
  try {
    return excluded(state, request, history, now)?.final !== true
  } catch {
    return true
  }
}

/** Not again by this call. */
const isBarred = <Id extends string, C>(state: TargetState<Id, C>, history: History<Id, C>): boolean =>
  history.barred?.includes(state) === true || (history.only !== undefined && history.only !== state)

/** Does the call itself leave this target out, by what it has learned or by what it needs? */
const isRuledOut = <Id extends string, C>(
  state: TargetState<Id, C>,
  request: RouteRequest,
  history: History<Id, C>
): boolean =>
  history.tried?.includes(state) === true || isBarred(state, history) || unfit(state, request, history) !== undefined

/** Reasons that no waiting mends, unless they come with a time. */
const hopeless: ReadonlySet<string> = new Set(["NeverFits", "BudgetExhausted"])

/** What the request rules out, whatever the target's state. */
const unfit = <Id extends string, C>(state: TargetState<Id, C>, request: RouteRequest, history: History<Id, C>) => {
  const needs = request.needs === undefined ? undefined : violated(request.needs, state.target, request.cost)
  if (needs !== undefined || history.largerThan === undefined) return needs
  return (state.target.contextWindow ?? 0) > history.largerThan ? undefined : "Context"
}

/** Chance that a gate which decides by chance takes for "yes". */
const always: Rng = () => 0

export const make = <Id extends string, C>(
  targets: { readonly inUse: Pick<InUse<Id, C>, "tiers" | "degradation"> },
  publish: (events: ReadonlyArray<GateEvent>) => void,
  rng: Rng
): CorePick<Id, C> => {
  // One closure for all picks: nothing else runs between here and the strategy's answer.
  let { degradation, tiers } = targets.inUse
  let request: RouteRequest
  let history: History<Id, C>
  let at: Millis = 0
  let refused: Array<Refusal<Id, C>> | undefined
  let onlyPrefill = false
  const eligible = (candidate: Candidate): boolean => {
    const state = candidate as TargetState<Id, C>
    if (onlyPrefill && !state.target.capabilities.has("prefill")) return false
    if (refused?.some((refusal) => refusal.state === state) === true) return false
    return !isRuledOut(state, request, history) && state.verdict(at, history.costFor(state)) === undefined
  }

  /** A target that would rather not, and is asked again when nobody else can. */
  let reluctant: TargetState<Id, C> | undefined
  /** After a break those who can go on with the answer are asked first; nobody is left out because it cannot. */
  const fromTier = (tier: Tier<Id, C>, now: Millis, chance: Rng): Picked<Id, C> | undefined => {
    if (history.resume === undefined) return amongEligible(tier, now, chance)
    onlyPrefill = true
    const picked = amongEligible(tier, now, chance)
    onlyPrefill = false
    return picked ?? amongEligible(tier, now, chance)
  }
  const amongEligible = (tier: Tier<Id, C>, now: Millis, chance: Rng): Picked<Id, C> | undefined => {
    // A gate that decides by chance may peek yes and admit no: that candidate is left out and the tier asked again.
    for (let round = Math.min(tier.states.length, maxRounds); round > 0; round--) {
      const state = tier.picker.pick(request, eligible, now, rng) as TargetState<Id, C> | undefined
      if (state === undefined) return undefined
      const permit = state.admit(now, history.costFor(state), chance)
      if (!isReject(permit)) return { state, permit }
      if (permit.soft === true) reluctant ??= state
      if (refused === undefined) refused = [{ state, reject: permit }]
      else refused.push({ state, reject: permit })
    }
    return undefined
  }
  const fromReluctant = (now: Millis): Picked<Id, C> | undefined => {
    if (reluctant === undefined) return undefined
    const cost = history.costFor(reluctant)
    // A copy has somebody already: the first attempt's target.
    if (cost.reason === "hedge") return undefined
    const permit = reluctant.admit(now, cost, always)
    return isReject(permit) ? undefined : { state: reluctant, permit }
  }
  /** What the tier is to anybody; written by `standing`. */
  let ofTier: Degradation.Availability | undefined
  /** What it is to this call, which may not want or have asked some of its targets; `undefined` when that is all of them. */
  const standing = (tier: Tier<Id, C>, now: Millis): Degradation.Availability | undefined => {
    let best: Degradation.Availability | undefined
    ofTier = undefined
    for (const state of tier.states) {
      const one = degradation.availability(state.verdict(now, history.costFor(state)), now, state.target)
      ofTier = ofTier === undefined ? one : Degradation.better(ofTier, one)
      if (isRuledOut(state, request, history)) continue
      best = best === undefined ? one : Degradation.better(best, one)
    }
    return best
  }
  /** Of this tier's calls, how many may go there first: all of them, unless it was left not long ago. */
  const shareOf = (tier: Tier<Id, C>, number: number, now: Millis): number => {
    if (degradation.isHome(number)) return 1
    standing(tier, now)
    if (ofTier !== undefined) publish(degradation.seen(number, ofTier, now))
    return degradation.share(number, now)
  }
  const fromTiers = (spills: boolean, now: Millis): Picked<Id, C> | undefined => {
    let skipped: Tier<Id, C> | undefined
    for (let i = 0; i < tiers.length; i++) {
      const tier = tiers[i]
      if (tier === undefined) break
      const share = shareOf(tier, i, now)
      if (share < 1 && rng() >= share) {
        skipped ??= tier
        continue
      }
      // On its way back a tier takes its share as a whole: its targets are not held back a second time.
      const picked = fromTier(tier, now, share < 1 ? always : rng)
      if (picked !== undefined) return picked
      if (i === tiers.length - 1) break
      const why = standing(tier, now)
      if (why === "busy" && !spills) return fromReluctant(now)
      if (ofTier === "unavailable") publish(degradation.left(i, now))
    }
    return fromReluctant(now) ?? (skipped === undefined ? undefined : fromTier(skipped, now, always))
  }

  return (call, now) => {
    ;({ degradation, tiers } = targets.inUse)
    request = call.request
    history = call
    at = now
    refused = undefined
    reluctant = undefined
    onlyPrefill = false
    const [first] = tiers
    const picked =
      tiers.length > 1 || first === undefined
        ? fromTiers(call.spills, now)
        : (fromTier(first, now, rng) ?? fromReluctant(now))
    if (picked === undefined) call.refusals = refused
    return picked
  }
}

/** Targets of a tier that may refuse by chance before the tier counts as refusing. */
const maxRounds = 8
