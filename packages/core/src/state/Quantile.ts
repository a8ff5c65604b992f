/**
 * A quantile of recent times ("95 % of the last five minutes' answers took less than this") from a fixed number of
 * counters: no sample is kept, however many there are.
 *
 * Times are counted in bins whose borders grow by γ = (1 + a)/(1 - a), a the relative error: whatever lies in a bin is at
 * most the share a away from its middle, 2γ^i/(γ + 1). The counters slide: old ones leave with their slice of the window.
 * The quantile q of n samples is the one of rank ⌈q·n⌉ in order of size, as close as its bin says.
 * Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error
 * Guarantees", PVLDB 12(12), 2019; the window is that of `TimeWindow`.
 */
import type * as Duration from "effect/Duration"
import * as TimeWindow from "../gates/TimeWindow.ts"
import type { Millis } from "../model/Gate.ts"
import { InvalidOption, integer, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export interface Options {
  /** How far back samples count. > 0, finite, default 5 minutes. */
  readonly window?: Duration.Input
  /** Slices the window is cut into: it reaches back between `window` - `window` / `slices` and `window`. Integer >= 1, default 5. */
  readonly slices?: number
  /** How far an answer may be from the sample it stands for. In [0.001, 0.5], default 0.05. */
  readonly relativeError?: number
  /** Anything shorter counts as this. > 0, finite, default 1 ms. */
  readonly shortest?: Duration.Input
  /** Anything longer counts as this. > `shortest`, finite, default 1 hour. */
  readonly longest?: Duration.Input
}

export interface Quantile {
  /** Takes up a sample of `ms` milliseconds. What is no number of milliseconds (NaN, negative) is none. */
  readonly observe: (ms: Millis, now: Millis) => void
  /** Samples in the window that ends at `now`. */
  readonly count: (now: Millis) => number
  /** The sample of rank ⌈q·n⌉, q in [0, 1]; `undefined` without a sample. */
  readonly value: (q: number, now: Millis) => Millis | undefined
}

/** Throws `InvalidOption`. 152 counters per slice by default, 7 KB in all. */
export const make = (options: Options = {}): Quantile => {
  const millis = (name: string, input: Duration.Input) => positive(`Quantile: ${name}`, positiveMillis(name, input))
  const shortest = millis("shortest", options.shortest ?? 1)
  const longest = millis("longest", options.longest ?? "1 hour")
  if (longest <= shortest) {
    throw new InvalidOption("Quantile: longest", `a duration > shortest (${shortest} ms)`, options.longest)
  }
  const error = options.relativeError ?? 0.05
  if (!(error >= 0.001 && error <= 0.5)) {
    throw new InvalidOption("Quantile: relativeError", "a share in [0.001, 0.5]", error)
  }
  const logGamma = Math.log((1 + error) / (1 - error))
  // Bin i holds what is in (shortest · γ^(i-1), shortest · γ^i]; bin 0 also what is shorter.
  const bins = Math.ceil(Math.log(longest / shortest) / logGamma) + 1
  const window = TimeWindow.make({
    ms: millis("window", options.window ?? "5 minutes"),
    buckets: integer("Quantile: slices", options.slices ?? 5),
    counters: bins + 1
  })
  const all = bins
  const middle = (bin: number): Millis =>
    Math.min(longest, Math.max(shortest, shortest * Math.exp((bin - 1) * logGamma) * (1 + error)))

  return {
    observe: (ms, now) => {
      if (!(ms >= 0)) return
      const bin = ms <= shortest ? 0 : Math.min(bins - 1, Math.ceil(Math.log(ms / shortest) / logGamma))
      window.add(bin, 1, now)
      window.add(all, 1, now)
    },
    count: (now) => window.sum(all, now),
    value: (q, now) => {
      const n = window.sum(all, now)
      if (n === 0) return undefined
      // 0.95 · 20 must be rank 19, whatever binary fractions make of it.
      const rank = Math.max(1, Math.ceil(q * n - 1e-9))
      // From the top: high quantiles are what is asked for, and few samples lie above them.
      let above = n - rank
      for (let bin = bins - 1; bin > 0; bin--) {
        above -= window.sum(bin, now)
        if (above < 0) return middle(bin)
      }
      return middle(0)
    }
  }
}
