/**
 * Share of recent attempts that succeeded, in [0, 1], drifting back to 1 while nothing is heard.
 *
 * For load, not for tripping: divided into a load twice (`latency / successRate²`) it keeps traffic away from a target that
 * fails fast and therefore looks idle, and the drift lets it be tried again without a timer.
 *
 * Weight and τ were chosen by simulation (a smaller one is in the tests): 20 calls/s, two good targets (lognormal, median
 * 1 s), one failing in 5 ms, divided twice into attempts in flight. Its share of the traffic, least loaded / two choices:
 * weight 0.1, τ 30 s: 4.4 / 4.6 %. **0.2, 30 s: 2.3 / 2.4 %.** 0.2, 15 s: 4.3 / 4.4 %. 0.3, 30 s: 1.5 / 1.6 %, but then one
 * failure in a row of successes doubles a healthy target's load; with 0.2 it costs half as much again.
 * A latency must have a floor while a target fails: divided into the 5 ms themselves, it still drew 40 % and more.
 * Source: the failure weighting is ours; the average is Finagle's success-rate accrual turned towards 1 by time.
 */
import type * as Duration from "effect/Duration"
import type { Millis } from "../model/Gate.ts"
import { InvalidOption } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export interface Options {
  /** How far one attempt pulls. In (0, 1], default 0.2. */
  readonly weight?: number
  /** Time constant of the way back: after so long, 37 % of the distance to 1 is left. > 0, default 30 seconds. */
  readonly tau?: Duration.Input
}

export interface SuccessRate {
  readonly observe: (succeeded: boolean, now: Millis) => void
  /** In [0, 1]; 1 before the first attempt. */
  readonly value: (now: Millis) => number
}

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): SuccessRate => {
  const weight = options.weight ?? 0.2
  if (!(weight > 0 && weight <= 1)) throw new InvalidOption("SuccessRate: weight", "a share in (0, 1]", weight)
  const tau = positiveMillis("SuccessRate: tau", options.tau ?? "30 seconds")
  // Kept as the distance to 1, because that is what decays.
  let missing = 0
  let stamp: Millis = Number.NEGATIVE_INFINITY
  /** A clock that steps back decays nothing. */
  const missingAt = (now: Millis): number =>
    missing > 0 && now > stamp ? missing * Math.exp((stamp - now) / tau) : missing
  return {
    observe: (succeeded, now) => {
      missing = missingAt(now) * (1 - weight) + (succeeded ? 0 : weight)
      if (now > stamp) stamp = now
    },
    value: (now) => 1 - missingAt(now)
  }
}
