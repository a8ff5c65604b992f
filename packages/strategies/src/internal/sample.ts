/**
 * A few different eligible candidates, each with the same chance: what strategies compare that do not look at all of them.
 *
 * Expected O(d) while most candidates are eligible; when draws fail too often, one pass over all (reservoir sampling).
 * Source: J. Vitter, "Random Sampling with a Reservoir", ACM TOMS 11(1), 1985, algorithm R.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Rng } from "@spillway/core/Gate"
import type { Eligible } from "@spillway/core/Strategy"

export class Sample {
  /** How many of the last draw count. */
  size = 0
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #d: number
  readonly #drawn: Array<Candidate | undefined>

  constructor(candidates: ReadonlyArray<Candidate>, d: number) {
    this.#candidates = candidates
    this.#d = d
    this.#drawn = new Array<Candidate | undefined>(Math.min(d, candidates.length)).fill(undefined)
  }

  /** The same list every time, to be read at once: its first `size` places. */
  draw(eligible: Eligible, rng: Rng): ReadonlyArray<Candidate | undefined> {
    this.size = 0
    const { length } = this.#candidates
    // With few candidates draws mostly repeat themselves.
    if (length <= 2 * this.#d) return this.#pass(eligible, rng)
    for (let tries = 3 * this.#d; tries > 0 && this.size < this.#d; tries--) {
      const candidate = this.#candidates[Math.floor(rng() * length)]
      if (candidate !== undefined && !this.#has(candidate) && eligible(candidate)) this.#drawn[this.size++] = candidate
    }
    return this.size < this.#d ? this.#pass(eligible, rng) : this.#drawn
  }

  #has(candidate: Candidate): boolean {
    for (let i = 0; i < this.size; i++) if (this.#drawn[i] === candidate) return true
    return false
  }

  #pass(eligible: Eligible, rng: Rng): ReadonlyArray<Candidate | undefined> {
    let seen = 0
    this.size = 0
    for (const candidate of this.#candidates) {
      if (!eligible(candidate)) continue
      seen++
      if (this.size < this.#d) this.#drawn[this.size++] = candidate
      else {
        const place = Math.floor(rng() * seen)
        if (place < this.#d) this.#drawn[place] = candidate
      }
    }
    return this.#drawn
  }
}
