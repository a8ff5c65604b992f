/** What the laws of gates do to a gate: take permits, hand them back, live through a random history. */

import type { Cost } from "../../model/Cost.ts"
import { type Gate, type GateSnapshot, isReject, type Millis, type Rng } from "../../model/Gate.ts"
import * as Outcome from "../../model/Outcome.ts"
import { int, rng } from "../Seeded.ts"

export interface Subject<P extends object = object> {
  /** A fresh gate, the same one each time. */
  readonly make: () => Gate<P>
  /** What each attempt costs. Default one request, 10 tokens. */
  readonly cost?: Cost
  /** True for a gate that admits by chance: `peek` may say yes and `admit` no. Default false. */
  readonly probabilistic?: boolean
  /** Milliseconds after which the gate lets someone try again, whatever it heard. Default 10 minutes. */
  readonly recovery?: Millis
  /** How many permits a law takes at once at most. Integer >= 2, default 64. */
  readonly maxPermits?: number
  /** Default 1. */
  readonly seed?: number
}

export interface Bench<P extends object> extends Required<Subject<P>> {
  readonly fail: (detail: string) => never
}

export const start: Millis = 5000.5

/** Everything after which a healthy gate opens again by itself; a misconfigured target may stay out until someone acts. */
const passing: ReadonlyArray<Outcome.Outcome> = [
  Outcome.success,
  Outcome.slow,
  Outcome.failure("Overloaded"),
  Outcome.failure("Network", { afterFirstContent: true }),
  Outcome.ignored,
  Outcome.rateLimited(1000),
  Outcome.rateLimited()
]
export const endings: ReadonlyArray<Outcome.Outcome | Outcome.Unused> = [...passing, Outcome.unused]

/** Admits until the gate refuses; one that refuses by chance is asked on. */
export const fill = <P extends object>(bench: Bench<P>, gate: Gate<P>, now: Millis, chance: Rng): Array<P> => {
  const permits: Array<P> = []
  for (let n = 0; n < bench.maxPermits; n++) {
    const answer = gate.admit(now, bench.cost, chance)
    if (!isReject(answer)) permits.push(answer)
    else if (!bench.probabilistic) break
  }
  return permits
}

/** How many attempts it would admit now. What it takes for that it hands back unused. */
export const capacity = <P extends object>(bench: Bench<P>, gate: Gate<P>, now: Millis, chance: Rng): number => {
  const permits = fill(bench, gate, now, chance)
  for (const permit of permits) gate.settle(permit, Outcome.unused, now)
  return permits.length
}

/**
 * Takes a gate through a random history, the same one for the same seed. `before` and `after` are called around each turn;
 * `refused` is what `admit` said, `undefined` where the turn was a settle. Answers with the permits still out.
 */
export const live = <P extends object>(
  bench: Bench<P>,
  gate: Gate<P>,
  steps: number,
  before: (now: Millis) => void,
  after: (now: Millis, refused: boolean | undefined) => void
): { readonly now: Millis; readonly held: ReadonlyArray<P> } => {
  const history = rng(bench.seed)
  const chance = rng(bench.seed + 1)
  const held: Array<P> = []
  let now = start
  for (let n = 0; n < steps; n++) {
    // Mostly moments, at times so long that whatever was closed is open again.
    now += history() < 0.05 ? bench.recovery * history() : 200 * history()
    before(now)
    let refused: boolean | undefined
    if (history() < 0.55) {
      const answer = gate.admit(now, bench.cost, chance)
      refused = isReject(answer)
      if (!isReject(answer)) held.push(answer)
    } else {
      const ending = endings[int(history, endings.length)]
      const [permit] = held.splice(int(history, Math.max(1, held.length)), 1)
      if (permit !== undefined && ending !== undefined) gate.settle(permit, ending, now)
    }
    after(now, refused)
  }
  return { now, held }
}

/** Numbers may differ by what adding and subtracting a clock costs. */
export const equal = (expected: GateSnapshot, actual: GateSnapshot, fail: (detail: string) => void): void => {
  for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const [a, b] = [expected[key], actual[key]]
    const near = typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a))
    if (!near && a !== b) fail(`\`${key}\` is ${b} instead of ${a}`)
  }
}
