/**
 * Peak EWMA: a moving average of latency that believes bad news at once and good news slowly. A sample above the average
 * replaces it; one below pulls it down by the time passed since the last, `average·e^(−Δ/τ) + sample·(1 − e^(−Δ/τ))`.
 *
 * It is the *cost* of asking a target, not a statistic: while nothing is heard it decays towards 0, so that a target that
 * was slow is tried again. Do not feed it with failures, or failing fast looks cheap. Finagle decays at each read and so
 * depends on how often it is read; here a read changes nothing and a sample is compared with what a read would give.
 * Source: Finagle's `PeakEwma` (twitter/finagle); uneven time steps: A. Eckner, "Algorithms for Unevenly Spaced Time Series".
 */
import type * as Duration from "effect/Duration"
import type { Millis } from "../model/Gate.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export interface Options {
  /** Time constant τ: after so long without a sample, 37 % are left. > 0, default 10 seconds; `"Infinity"` keeps the peak. */
  readonly tau?: Duration.Input
}

export interface Ewma {
  /** Takes up a sample of `ms` milliseconds, >= 0. */
  readonly observe: (ms: Millis, now: Millis) => void
  /** The average as of `now`; `undefined` before the first sample. */
  readonly value: (now: Millis) => Millis | undefined
}

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Ewma => {
  const tau = positiveMillis("Ewma: tau", options.tau ?? "10 seconds")
  let average = -1
  let stamp: Millis = Number.NEGATIVE_INFINITY
  return {
    observe: (ms, now) => {
      const left = average < 0 ? 0 : decay(now - stamp, tau)
      const decayed = average * left
      average = ms >= decayed ? ms : decayed + ms * (1 - left)
      if (now > stamp) stamp = now
    },
    value: (now) => (average < 0 ? undefined : average * decay(now - stamp, tau))
  }
}

/** A clock that steps back decays nothing. */
const decay = (elapsed: Millis, tau: Millis): number => (elapsed > 0 ? Math.exp(-elapsed / tau) : 1)
