/** How many there are, and how many there were on average: the area under a curve of steps. */
import type { Millis } from "../../../model/Gate.ts"

export class Level {
  value = 0
  max = 0
  #area = 0
  #at: Millis = 0

  add(change: number, now: Millis): void {
    this.#area += this.value * (now - this.#at)
    this.#at = now
    this.value += change
    if (this.value > this.max) this.max = this.value
  }

  /** Milliseconds × number since the beginning. */
  area(now: Millis): number {
    return this.#area + this.value * (now - this.#at)
  }
}
