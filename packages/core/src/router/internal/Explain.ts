/** What would happen to a request now, and how every target stands: reads everything, changes nothing. */
import { because, violations } from "../../model/Constraints.ts"
import type { CandidateView, Decision } from "../../model/Decision.ts"
import type { GateSnapshot, Millis } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { TierSnapshot } from "../../policies/Degradation.ts"
import type * as RetryBudget from "../../policies/RetryBudget.ts"
import type * as AdmissionQueue from "../../state/AdmissionQueue.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import type { Core, History } from "./Core.ts"
import { excluded } from "./Pick.ts"

/** One target of a running router, for people and dashboards. Times are milliseconds, shares in [0, 1]. */
export interface TargetStatus<Id extends string = string> {
  readonly id: Id
  readonly provider: string
  readonly model: string
  readonly tier: number
  readonly weight: number
  /**
   * `up`, closed by hand (`isolated`, `draining`), `leaving` while its last attempts end after it went out of the set, or the
   * reason of the gate that refuses now.
   */
  readonly state: string
  readonly inFlight: number
  /** Answered, failed, in flight, and those that say nothing: cancelled, or the caller's own mistake. */
  readonly attempts: number
  readonly answered: number
  readonly failed: number
  /** How often its gates took it out of rotation. */
  readonly ejections: number
  readonly successRate: number
  readonly latencyMs: number | undefined
  readonly firstContentMs: number | undefined
  readonly gates: Readonly<Record<string, GateSnapshot>>
}

export interface RouterStatus<Id extends string = string> {
  readonly route: string
  readonly strategy: string
  readonly targets: ReadonlyArray<TargetStatus<Id>>
  /** Recent calls and extra attempts, and how many extra attempts may start now. */
  readonly retryBudget: RetryBudget.Snapshot
  /** Callers that wait for a target. */
  readonly admission: AdmissionQueue.Snapshot
  /** Best tier first: at home, left for the next one, or on its way back. */
  readonly tiers: ReadonlyArray<TierSnapshot>
  /** Gates that every call passes before a target is looked at, by name. */
  readonly gates: Readonly<Record<string, GateSnapshot>>
}

export const explain = <Id extends string, C>(core: Core<Id, C>, request: RouteRequest): Decision<Id> => {
  const now = core.now()
  const history: History<Id, C> = {
    tried: undefined,
    barred: undefined,
    only: undefined,
    largerThan: undefined,
    refusals: undefined,
    spills: false,
    costFor: () => request.cost
  }
  const view = (state: TargetState<Id, C>, score: number | undefined): CandidateView<Id> => {
    const why = excluded(state, request, history, now)
    return {
      target: state.target.id,
      tier: state.target.tier,
      inFlight: state.inFlight,
      successRate: state.successRate(now),
      latencyMs: state.latency(now),
      excluded: why?.reason,
      because: request.needs === undefined ? undefined : because(request.needs, state.target, request.cost),
      retryInMs: why?.retryAt === undefined ? undefined : Math.max(0, why.retryAt - now),
      score
    }
  }
  const candidates = core.tiers.flatMap((tier) =>
    tier.states.map((state) => view(state, tier.picker.score?.(state, request, now)))
  )
  const tier = core.tiers.findIndex((_, number) => serves(core, candidates, number, now))
  const best = candidates
    .filter(
      ({ excluded, score, tier: own }) => own === tier && excluded === undefined && score !== Number.POSITIVE_INFINITY
    )
    .reduce<CandidateView<Id> | undefined>(
      (best, candidate) => (best === undefined || (candidate.score ?? 0) < (best.score ?? 0) ? candidate : best),
      undefined
    )
  return { strategy: core.strategy, tier: tier < 0 ? undefined : tier, pick: best?.target, candidates }
}

/** Would the tier take most calls like this one? Somebody in it is open, or busy and waited for, and it was not left. */
const serves = <Id extends string, C>(
  core: Core<Id, C>,
  candidates: ReadonlyArray<CandidateView<Id>>,
  number: number,
  now: Millis
): boolean => {
  const last = number === core.tiers.length - 1
  const inTier = candidates.filter(({ tier }) => tier === number)
  if (inTier.some(({ excluded }) => excluded === undefined)) {
    const others = candidates.some(({ excluded, tier }) => tier > number && excluded === undefined)
    return last || !others || core.degradation.share(number, now) >= 0.5
  }
  if (last) return false
  return (
    core.tiers[number]?.states.some(
      (state, i) =>
        !violations.has(inTier[i]?.excluded ?? "") &&
        core.degradation.availability(state.verdict(now, busyCost), now, state.target) === "busy"
    ) === true
  )
}

const busyCost = { requests: 1, tokens: 0 }

const wordFor = (state: TargetState, now: Millis): string => {
  if (state.isLeaving) return "leaving"
  return state.control === "open" ? (state.verdict(now, busyCost)?.reason ?? "up") : state.control
}

export const status = <Id extends string, C>(core: Core<Id, C>): RouterStatus<Id> => {
  const now = core.now()
  return {
    route: core.route,
    strategy: core.strategy,
    retryBudget: core.retry.budget.snapshot(now),
    admission: core.admission.snapshot(now),
    tiers: core.degradation.snapshot(now),
    gates: core.gates?.snapshot(now) ?? {},
    targets: [...core.states, ...core.targets.leaving.values()].map((state) => ({
      id: state.target.id,
      provider: state.target.provider,
      model: state.target.model,
      tier: state.target.tier,
      weight: state.target.weight,
      state: wordFor(state, now),
      inFlight: state.inFlight,
      attempts: state.attempts,
      answered: state.answered,
      failed: state.failed,
      ejections: state.ejections,
      successRate: state.successRate(now),
      latencyMs: state.latency(now),
      firstContentMs: state.timeToFirstContent(now),
      gates: Object.fromEntries(state.chain.gates.map((gate) => [gate.name, gate.snapshot(now)]))
    }))
  }
}
