/**
 * The alias method: an index drawn by weight, O(1) whatever the number of weights. n columns of equal width, each cut in two
 * at most: one draw says the column and the height in it.
 *
 * The one draw is split between the two, so with a source of b bits and n weights shares are right to about n / 2^b: 32 bits
 * and 10,000 weights give 2 parts in a million.
 * Sources: A. J. Walker, "An Efficient Method for Generating Discrete Random Variables with General Distributions", ACM TOMS
 * 3(3), 1977; the O(n) way to build it, M. D. Vose, IEEE TSE 17(9), 1991.
 */
import type { Rng } from "@spillway/core/Gate"

export class Alias {
  /** Where the column is cut: below is the column's own index, above is `#other`. In [0, 1]. */
  readonly #cut: Float64Array
  readonly #other: Int32Array

  /** `weights`: finite, > 0. O(n). */
  constructor(weights: ReadonlyArray<number>) {
    const n = weights.length
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const height = Float64Array.from(weights, (weight) => (weight * n) / total)
    this.#cut = new Float64Array(n).fill(1)
    this.#other = Int32Array.from(weights, (_, i) => i)
    const small: Array<number> = []
    const large: Array<number> = []
    for (let i = 0; i < n; i++) (at(height, i) < 1 ? small : large).push(i)
    for (;;) {
      const low = small.pop()
      const high = large.at(-1)
      // Whoever is left over is full, but for rounding.
      if (low === undefined || high === undefined) break
      this.#cut[low] = at(height, low)
      this.#other[low] = high
      // Summed in this order: the small number is not lost beside the large one.
      height[high] = at(height, high) + at(height, low) - 1
      if (at(height, high) < 1) small.push(large.pop() as number)
    }
  }

  draw(rng: Rng): number {
    const x = rng() * this.#cut.length
    const column = Math.floor(x)
    return x - column < (this.#cut[column] as number) ? column : (this.#other[column] as number)
  }
}

const at = (list: Float64Array, i: number): number => list[i] as number
