/** Where keys were answered last, and when: a bounded map that forgets the key that has been quiet for longest. */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"

export interface Place {
  candidate: Candidate
  at: Millis
}

export class RecentKeys {
  readonly #places = new Map<number, Place>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#places.size
  }

  get(key: number): Place | undefined {
    return this.#places.get(key)
  }

  /** An answer that began earlier and ended later than the last one known changes nothing. */
  note(key: number, candidate: Candidate, at: Millis): void {
    const known = this.#places.get(key)
    if (known !== undefined) {
      if (at < known.at) return
      this.#places.delete(key)
      known.candidate = candidate
      known.at = at
      this.#places.set(key, known)
      return
    }
    if (this.#places.size >= this.#most) {
      for (const oldest of this.#places.keys()) {
        this.#places.delete(oldest)
        break
      }
    }
    this.#places.set(key, { candidate, at })
  }
}
