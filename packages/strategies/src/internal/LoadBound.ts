/**
 * How much one target may hold while others hold less: c times its weighted share of all attempts in flight, this one
 * included. O(1) per pick on average: attempts are counted as they begin and end, and counted anew once per n picks or per
 * second, so that no drift lasts (an attempt that was picked and not admitted, one that another tier began).
 *
 * The share is among the targets that are up: with half of them out, each of the others may hold twice as much.
 * Source: V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018 (capacity ⌈c·m/n⌉).
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Cost } from "@spillway/core/Cost"
import type { Millis } from "@spillway/core/Gate"

const recountMs = 1000

export class LoadBound {
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #factor: number
  readonly #free: number
  readonly #minSuccessRate: number
  #inFlight = 0
  #weight = 0
  #picks = Number.POSITIVE_INFINITY
  #countedAt: Millis = Number.NEGATIVE_INFINITY
  /** Attempts per weight that the next call finds to be the bound. */
  #room = Number.POSITIVE_INFINITY

  constructor(candidates: ReadonlyArray<Candidate>, factor: number, free: number, minSuccessRate: number) {
    this.#candidates = candidates
    this.#factor = factor
    this.#free = free
    this.#minSuccessRate = minSuccessRate
  }

  /** Once per pick, before `has`. */
  prepare(now: Millis, cost: Cost): void {
    if (this.#factor === Number.POSITIVE_INFINITY) return
    if (++this.#picks >= this.#candidates.length || now - this.#countedAt > recountMs) this.#count(now, cost)
    this.#room = (this.#factor * (this.#inFlight + 1)) / this.#weight
  }

  /** May one more attempt go there? In flight is whole, so "below the bound" and "below the bound rounded up" are one. */
  has(candidate: Candidate): boolean {
    const { inFlight } = candidate
    return inFlight < this.#free || inFlight < this.#room * candidate.target.weight
  }

  began(): void {
    this.#inFlight++
  }

  ended(): void {
    if (this.#inFlight > 0) this.#inFlight--
  }

  #count(now: Millis, cost: Cost): void {
    let inFlight = 0
    let weight = 0
    for (const candidate of this.#candidates) {
      if (candidate.successRate(now) < this.#minSuccessRate || candidate.verdict(now, cost) !== undefined) continue
      inFlight += candidate.inFlight
      weight += candidate.target.weight
    }
    this.#inFlight = inFlight
    // Nobody is up: no bound, and whoever is eligible all the same is taken.
    this.#weight = weight
    this.#picks = 0
    this.#countedAt = now
  }
}
