/**
 * Good and bad outcomes among the last so many, or in the last stretch of time: one shape for both, and the options that
 * describe them.
 */
import type * as Duration from "effect/Duration"
import type { Millis } from "../../model/Gate.ts"
import { InvalidOption, integer, positive } from "../../model/InvalidOption.ts"
import { positiveMillis } from "../../model/RouteRequest.ts"
import * as TimeWindow from "../TimeWindow.ts"
import * as CountWindow from "./CountWindow.ts"

export interface Window {
  readonly add: (bad: boolean, now: Millis) => void
  readonly good: (now: Millis) => number
  readonly bad: (now: Millis) => number
  readonly clear: () => void
  /** Takes up counts, on another clock too. */
  readonly fill: (good: number, bad: number, now: Millis) => void
}

export interface Extent {
  readonly minCalls: number
  readonly make: () => Window
  /** `in 10 s`, `of the last 100`. */
  readonly words: string
}

/** The last `window` in so many `buckets`. Throws `InvalidOption`. */
export const inTime = (
  where: string,
  options: {
    readonly window?: Duration.Input | undefined
    readonly buckets?: number | undefined
    readonly minCalls?: number
  },
  otherwise: Duration.Input
): Extent => {
  const ms = positive(`${where}: window`, positiveMillis(`${where}: window`, options.window ?? otherwise))
  const buckets = integer(`${where}: buckets`, options.buckets ?? 10)
  const minCalls = integer(`${where}: minCalls`, options.minCalls ?? 20)
  return { minCalls, make: () => timed(ms, buckets), words: `in ${ms / 1000} s` }
}

const timed = (ms: Millis, buckets: number): Window => {
  const fresh = () => TimeWindow.make({ ms, buckets, counters: 2 })
  let window = fresh()
  return {
    add: (bad, now) => window.add(bad ? 1 : 0, 1, now),
    good: (now) => window.sum(0, now),
    bad: (now) => window.sum(1, now),
    clear: () => window.clear(),
    // Their age is not in a snapshot: they count as new. A new window, because the clock may be another.
    fill: (good, bad, now) => {
      window = fresh()
      window.add(0, good, now)
      window.add(1, bad, now)
    }
  }
}

/** The last `size`. Throws `InvalidOption`. */
export const inCalls = (
  where: string,
  options: { readonly size?: number | undefined; readonly minCalls?: number }
): Extent => {
  const size = integer(`${where}: size`, options.size ?? 100)
  const minCalls = integer(`${where}: minCalls`, options.minCalls ?? Math.min(20, size))
  if (minCalls > size) {
    throw new InvalidOption(`${where}: minCalls`, `an integer in [1, size (${size})]`, minCalls)
  }
  return { minCalls, make: () => CountWindow.make(size), words: `of the last ${size}` }
}
