/**
 * Counters over the last stretch of time: a ring of buckets with running sums, so that adding and reading are O(1).
 *
 * For rates "in the last 10 seconds" (breaker, retry budget). Not a log: an event leaves with its whole bucket, so the
 * window reaches back between `ms - ms / buckets` and `ms`. Nothing runs in the background: each call first drops the
 * buckets that have grown too old, all of them after an idle time of `ms`.
 * Source: the rolling window of Finagle's `WindowedAdder` (twitter/util) and Hystrix; dropping by elapsed buckets instead of
 * one per call is the lesson of connor4312/cockatiel#64.
 */
import type { Millis } from "../model/Gate.ts"
import { integer, positive } from "../model/InvalidOption.ts"

export interface Options {
  /** Milliseconds the window reaches back. Finite, > 0. */
  readonly ms: Millis
  /** Buckets the window is cut into; more of them forget more smoothly. Integer >= 1. */
  readonly buckets: number
  /** How many things are counted side by side. Integer >= 1, default 1. */
  readonly counters?: number
}

export interface TimeWindow {
  /** Adds `amount` to a counter (the first is 0). A clock that steps back counts into the newest bucket. */
  readonly add: (counter: number, amount: number, now: Millis) => void
  /** What a counter collected inside the window that ends at `now`. Whole amounts are summed exactly. */
  readonly sum: (counter: number, now: Millis) => number
  /** Forgets everything counted. */
  readonly clear: () => void
}

/** Throws `InvalidOption`. */
export const make = (options: Options): TimeWindow => {
  const ms = positive("TimeWindow: ms", options.ms)
  const buckets = integer("TimeWindow: buckets", options.buckets)
  const counters = integer("TimeWindow: counters", options.counters ?? 1)
  const counts = new Float64Array(buckets * counters)
  const sums = new Float64Array(counters)
  // Buckets are numbered from time 0; `newest` never goes back, and that is what a clock stepping back runs into.
  let newest = Number.NEGATIVE_INFINITY
  /** When the next bucket begins: mostly that is all there is to look at. */
  let until = Number.NEGATIVE_INFINITY
  let slot = 0

  const clear = (): void => {
    counts.fill(0)
    sums.fill(0)
  }

  const advance = (now: Millis): void => {
    if (now < until) return
    // Multiplied first: whole milliseconds then give exact bucket borders even where the width is a fraction.
    const bucket = Math.floor((now * buckets) / ms)
    if (bucket <= newest) return
    const steps = bucket - newest
    newest = bucket
    until = ((bucket + 1) * ms) / buckets
    if (steps >= buckets) {
      clear()
      return
    }
    for (let step = 0; step < steps; step++) {
      slot = slot + 1 === buckets ? 0 : slot + 1
      for (let counter = 0; counter < counters; counter++) {
        const at = slot * counters + counter
        sums[counter] = (sums[counter] ?? 0) - (counts[at] ?? 0)
        counts[at] = 0
      }
    }
  }

  return {
    add: (counter, amount, now) => {
      advance(now)
      const at = slot * counters + counter
      counts[at] = (counts[at] ?? 0) + amount
      sums[counter] = (sums[counter] ?? 0) + amount
    },
    sum: (counter, now) => {
      advance(now)
      return sums[counter] ?? 0
    },
    clear
  }
}
