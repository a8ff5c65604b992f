/**
 * How long something takes: a draw from a distribution. One draw per request, from the request's own seeded chance.
 *
 * Log-normal is the usual shape of service times: most near the median, a long tail. Source of the normal draw: G. E. P.
 * Box, M. E. Muller, "A Note on the Generation of Random Normal Deviates", Ann. Math. Stat. 29(2), 1958.
 */
import { InvalidOption, share } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import { millis } from "./internal/Options.ts"

/** Draws milliseconds, >= 0. Write your own: anything below 0 or not a number counts as 0. */
export type Latency = (rng: () => number) => number

/** A distribution, or a duration for "always this long". */
export type Input = Latency | Duration.Input

/** Always `duration`. */
export const constant = (duration: Duration.Input): Latency => {
  const value = millis("Latency.constant: duration", duration)
  return () => value
}

/** Anything from `minimum` to `maximum`, evenly. */
export const uniform = (minimum: Duration.Input, maximum: Duration.Input): Latency => {
  const low = millis("Latency.uniform: minimum", minimum)
  const high = millis("Latency.uniform: maximum", maximum)
  if (high < low) throw new InvalidOption("Latency.uniform: maximum", `a duration >= minimum (${low} ms)`, maximum)
  return (rng) => low + (high - low) * rng()
}

/**
 * Half of the draws are below `median`; `sigma` >= 0 is the spread of the logarithm: with 0.5, one in a hundred is above
 * 3.2 times the median, with 1, above 10 times.
 */
export const logNormal = (median: Duration.Input, sigma: number): Latency => {
  const middle = millis("Latency.logNormal: median", median)
  if (!(Number.isFinite(sigma) && sigma >= 0)) {
    throw new InvalidOption("Latency.logNormal: sigma", "a finite number >= 0", sigma)
  }
  return (rng) => {
    const radius = Math.sqrt(-2 * Math.log(1 - rng())) // 1 - rng() is never 0
    return middle * Math.exp(sigma * radius * Math.cos(2 * Math.PI * rng()))
  }
}

/** `rare` with probability `probability` (share in [0, 1]), else `usual`: a tail of its own. */
export const mixture = (probability: number, rare: Input, usual: Input): Latency => {
  share("Latency.mixture: probability", probability)
  const first = from("Latency.mixture: rare", rare)
  const second = from("Latency.mixture: usual", usual)
  return (rng) => (rng() < probability ? first(rng) : second(rng))
}

/** Both forms as a distribution that never draws below 0. `option` names the option in `InvalidOption`. */
export const from = (option: string, input: Input): Latency => {
  if (typeof input !== "function") {
    const value = millis(option, input)
    return () => value
  }
  return (rng) => {
    const value = input(rng)
    return Number.isNaN(value) ? 0 : Math.max(value, 0)
  }
}
