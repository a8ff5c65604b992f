/**
 * Power of two choices: draw two eligible candidates at random, take the less loaded one. Expected O(1) per pick while most
 * candidates are eligible, O(n) when few are.
 *
 * Use it with many callers: "always the least loaded" sends all of them to one target until its load shows; two random draws
 * do not. And use it with many targets: it looks at two of them. Weights count through the load, not through the draw, so
 * shares follow them only roughly, and of n targets none gets more than 2/n of the picks. For exact shares see
 * `SmoothWeightedRoundRobin`.
 *
 * Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
 */
import type { Candidate, Load } from "@spillway/core/Candidate"
import type { Rng } from "@spillway/core/Gate"
import { CurrentStrategy, type Eligible, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PeakEwma from "./loads/PeakEwma.ts"

export interface Options {
  /** How busy a candidate is. Default `PeakEwma.load`, which knows failures. */
  readonly load?: Load
  /** For spans and records. Default `p2c-peak-ewma`, with a load of your own `p2c`. */
  readonly name?: string
}

/** Takes the candidate with the lower load; on a tie, the first drawn. `score` is the load. */
export const make = (options: Options = {}): Strategy => {
  const load = options.load ?? PeakEwma.load
  return {
    name: options.name ?? (options.load === undefined ? "p2c-peak-ewma" : "p2c"),
    make: (candidates) =>
      Effect.succeed({
        pick: (_request, eligible, now, rng) => {
          const first = draw(candidates, eligible, undefined, rng)
          if (first === undefined) return undefined
          const second = draw(candidates, eligible, first, rng)
          return second !== undefined && load(second, now) < load(first, now) ? second : first
        },
        score: (candidate, _request, now) => load(candidate, now)
      })
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))

const tries = 4

/** An eligible candidate other than `except`, each with the same chance. */
const draw = (
  candidates: ReadonlyArray<Candidate>,
  eligible: Eligible,
  except: Candidate | undefined,
  rng: Rng
): Candidate | undefined => {
  for (let n = 0; n < tries; n++) {
    const candidate = candidates[Math.floor(rng() * candidates.length)]
    if (candidate !== undefined && candidate !== except && eligible(candidate)) return candidate
  }
  // Few are left. One pass, in which the k-th that qualifies replaces the choice with chance 1/k (reservoir sampling).
  let chosen: Candidate | undefined
  let seen = 0
  for (const candidate of candidates) {
    if (candidate !== except && eligible(candidate) && rng() * ++seen < 1) chosen = candidate
  }
  return chosen
}
