/**
 * How unevenly attempts in flight lie on the targets that are up: the most and the least per weight. Exact up to 8 targets;
 * beyond, counted anew every n/8 picks or every 100 ms, so that a pick looks at about eight targets on average.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Cost } from "@spillway/core/Cost"
import type { Millis } from "@spillway/core/Gate"

const perPick = 8
const recountMs = 100

export class Spread {
  least = 0
  most = 0
  readonly #candidates: ReadonlyArray<Candidate>
  #picks = Number.POSITIVE_INFINITY
  #countedAt: Millis = Number.NEGATIVE_INFINITY

  constructor(candidates: ReadonlyArray<Candidate>) {
    this.#candidates = candidates
  }

  /** Once per pick. */
  prepare(now: Millis, cost: Cost): void {
    if (++this.#picks * perPick < this.#candidates.length && now - this.#countedAt <= recountMs) return
    this.#picks = 0
    this.#countedAt = now
    let least = Number.POSITIVE_INFINITY
    let most = 0
    for (const candidate of this.#candidates) {
      // A target that is out has nothing in flight, and would make every set look uneven.
      if (candidate.verdict(now, cost) !== undefined) continue
      const load = candidate.inFlight / candidate.target.weight
      if (load < least) least = load
      if (load > most) most = load
    }
    this.most = most
    this.least = Math.min(least, most)
  }
}
