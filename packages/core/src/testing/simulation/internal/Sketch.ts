/**
 * Quantiles of all times so far, from a fixed number of counters: 9 KB however many there are. (`state/Quantile.ts` is for a
 * sliding window and costs more per sample.)
 *
 * Bins have borders that grow by γ = 1.01/0.99; what is in a bin is at most 1 % from its middle. Source: "DDSketch", see
 * `Result.ts`.
 */
import type { Millis } from "../../../model/Gate.ts"
import type { Times } from "../Result.ts"

const error = 0.01
const logGamma = Math.log((1 + error) / (1 - error))
/** Anything shorter counts as this: 1 µs. */
const shortest = 0.001
/** Up to 30 days. */
const bins = Math.ceil(Math.log((30 * 86_400_000) / shortest) / logGamma) + 1

export class Sketch {
  readonly #counts = new Float64Array(bins)
  #count = 0
  #sum = 0
  #max = 0

  get count(): number {
    return this.#count
  }

  add(ms: Millis): void {
    const bin = ms <= shortest ? 0 : Math.min(bins - 1, Math.ceil(Math.log(ms / shortest) / logGamma))
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1
    this.#count++
    this.#sum += ms
    if (ms > this.#max) this.#max = ms
  }

  merge(other: Sketch): void {
    for (let bin = 0; bin < bins; bin++) this.#counts[bin] = (this.#counts[bin] ?? 0) + (other.#counts[bin] ?? 0)
    this.#count += other.#count
    this.#sum += other.#sum
    this.#max = Math.max(this.#max, other.#max)
  }

  clear(): void {
    if (this.#count === 0) return
    this.#counts.fill(0)
    this.#count = this.#sum = this.#max = 0
  }

  /** The sample of rank ⌈q·n⌉, but for the width of its bin; `null` without a sample. */
  quantile(q: number): Millis | null {
    if (this.#count === 0) return null
    let rank = Math.max(1, Math.ceil(q * this.#count - 1e-9))
    for (let bin = 0; bin < bins; bin++) {
      rank -= this.#counts[bin] ?? 0
      if (rank <= 0) return bin === 0 ? 0 : Math.min(this.#max, shortest * Math.exp((bin - 1) * logGamma) * (1 + error))
    }
    return this.#max
  }

  times(): Times {
    const none = this.#count === 0
    return {
      count: this.#count,
      mean: none ? null : this.#sum / this.#count,
      p50: this.quantile(0.5),
      p95: this.quantile(0.95),
      p99: this.quantile(0.99),
      max: none ? null : this.#max
    }
  }
}
