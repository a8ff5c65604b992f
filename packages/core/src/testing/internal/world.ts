/** A small world around one picker: attempts begin, run and end, time passes, targets come and go. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Candidate } from "../../model/Candidate.ts"
import type { Millis } from "../../model/Gate.ts"
import * as Outcome from "../../model/Outcome.ts"
import * as RouteRequest from "../../model/RouteRequest.ts"
import type { Eligible, Picker, Strategy } from "../../model/Strategy.ts"
import { type CandidateFixture, candidate } from "../CandidateFixture.ts"
import { int, rng } from "../Seeded.ts"

export interface Scenario {
  /** Of the history and of the picks. Default 1. */
  readonly seed?: number
  /** Integer >= 1, default 5. */
  readonly targets?: number
  /** Integer >= 1, default 200. */
  readonly picks?: number
}

export interface Step {
  readonly picked: Candidate | undefined
  /** What was eligible in this step. */
  readonly allowed: ReadonlySet<unknown>
}

export interface World {
  readonly seed: number
  readonly picks: number
  readonly candidates: ReadonlyArray<CandidateFixture>
  /** The very list the strategy was given. */
  readonly given: ReadonlyArray<Candidate>
  readonly picker: Picker
  readonly request: RouteRequest.RouteRequest
  readonly now: () => Millis
  /** Time passes, some attempts end, one pick. `eligible` fixes how many may be picked. */
  readonly step: (options?: { readonly eligible?: number; readonly wrap?: (eligible: Eligible) => Eligible }) => Step
  /** Tells the picker an outcome of any candidate, picked or not. */
  readonly settleAny: () => void
}

const outcomes: ReadonlyArray<Outcome.Outcome> = [
  Outcome.success,
  Outcome.slow,
  Outcome.ignored,
  Outcome.rateLimited(1000),
  Outcome.failure("Overloaded"),
  Outcome.misconfigured("Auth")
]

const requests = [
  RouteRequest.unspecified,
  ...["P0", "P3"].map((priority) => RouteRequest.make({ priority: priority === "P0" ? "P0" : "P3" })),
  ...["x", "y", "z"].map((affinityKey) => RouteRequest.make({ affinityKey }))
]

export const world = (strategy: Strategy<string>, scenario: Scenario): Effect.Effect<World, never, Scope.Scope> => {
  const { picks = 200, seed = 1, targets = 5 } = scenario
  // Two streams: what the picker draws must not shift what happens around it.
  const history = rng(seed)
  const chance = rng(seed + 1)
  const candidates = Array.from({ length: targets }, (_, i) =>
    candidate(`t${i}`, { weight: 1 + int(history, 9), latency: history() < 0.5 ? undefined : 2000 * history() })
  )
  const given = [...candidates]
  const running: Array<CandidateFixture> = []
  let now = 1_000_000 * history()

  const settle = (picker: Picker, of: CandidateFixture) => {
    const outcome = one(history, outcomes)
    of.set({
      successRate: history(),
      latency: history() < 0.2 ? undefined : 5000 * history(),
      timePerToken: history() < 0.2 ? undefined : 50 * history(),
      headroom: history() < 0.2 ? undefined : history()
    })
    picker.settled?.(of, outcome, now, {
      request: RouteRequest.unspecified,
      ms: 5000 * history(),
      firstContentMs: undefined,
      inputTokens: 100,
      outputTokens: int(history, 500),
      limits: undefined,
      costUsd: history() < 0.5 ? undefined : history() / 100
    })
  }

  const allow = (count: number | undefined): ReadonlySet<unknown> => {
    const share = one(history, [0, 0.3, 0.7, 1, 1])
    const allowed = new Set<unknown>(candidates.filter(() => history() < share))
    if (count === undefined) return allowed
    const start = int(history, targets)
    return new Set<unknown>(candidates.filter((_, i) => (i - start + targets) % targets < count))
  }

  return Effect.map(strategy.make(given), (picker) => ({
    seed,
    picks,
    candidates,
    given,
    picker,
    request: RouteRequest.unspecified,
    now: () => now,
    settleAny: () => settle(picker, one(history, candidates)),
    step: ({ eligible, wrap } = {}) => {
      now += history() < 0.02 ? 60_000 : 500 * history()
      for (let ends = int(history, 3); ends > 0 && running.length > 0; ends--) {
        const [ended] = running.splice(int(history, running.length), 1)
        if (ended === undefined) continue
        ended.inFlight--
        settle(picker, ended)
      }
      const allowed = allow(eligible)
      const may: Eligible = (asked) => allowed.has(asked)
      const picked = picker.pick(one(history, requests), wrap?.(may) ?? may, now, chance)
      const begun = candidates.find((own) => own === picked)
      if (begun !== undefined) {
        begun.inFlight++
        running.push(begun)
      }
      return { picked, allowed }
    }
  }))
}

const one = <A>(next: () => number, items: ReadonlyArray<A>): A => {
  const item = items[int(next, items.length)]
  if (item === undefined) throw new Error("nothing to choose from")
  return item
}
