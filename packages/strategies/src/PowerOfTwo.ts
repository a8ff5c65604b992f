/**
 * Power of two choices: draw two eligible candidates at random, take the less loaded one. Expected O(1) per pick while most
 * candidates are eligible, O(n) when few are.
 *
 * Use it with many callers: "always the least loaded" sends all of them to one target until its load shows; two random draws
 * do not. And use it with many targets: it looks at two of them. Weights count through the load, not through the draw, so
 * shares follow them only roughly, and of n targets none gets more than 2/n of the picks. For exact shares see
 * `SmoothWeightedRoundRobin` and `EdfWeightedRoundRobin`.
 *
 * Reading averages is what a pick would spend most of its time on, so with `TokenNormalized` and `PeakEwma` a target's
 * speed and success rate are kept for 50 ms, or until one of its attempts ends: in 50 ms they fade by half a percent.
 * Attempts in flight are read at every look.
 *
 * A target that has come back, or is new, looks fast: its average has faded, or there is none. All callers would prefer it
 * at once, up to that 2/n, twice its share. So a target of which no answer was heard for `staleAfter` has no speed: it is
 * taken only if it has also fewer attempts in flight for its weight and success rate, or as many and was drawn first.
 *
 * Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.
 */
import type { Load } from "@spillway/core/Candidate"
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import { positiveMillis } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Strategy } from "@spillway/core/Strategy"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isTimed } from "./internal/expectedTime.ts"
import { TwoChoices } from "./internal/TwoChoices.ts"
import * as TokenNormalized from "./loads/TokenNormalized.ts"

export interface Options {
  /** How busy a candidate is. Default `TokenNormalized.load`, which knows speed and failures. */
  readonly load?: Load
  /**
   * So long an answer shows how fast its target is; after 10 seconds two thirds of a router's averages have faded. > 0; default
   * 10 seconds with `TokenNormalized` and `PeakEwma`, with any other load `"Infinity"`: never stale.
   */
  readonly staleAfter?: Duration.Input
  /** For spans and records. Default `p2c-tokens`, with a load of your own `p2c`. */
  readonly name?: string
}

const optionKeys: ReadonlySet<string> = new Set(["load", "staleAfter", "name"])

/** Takes the candidate with the lower load; on a tie, the first drawn. `score` is the load. Throws `InvalidOption`. */
export const make = (options: Options = {}): Strategy => {
  onlyKeys("PowerOfTwo", options, optionKeys)
  const { load = TokenNormalized.load, name = options.load === undefined ? "p2c-tokens" : "p2c" } = options
  if (typeof load !== "function") {
    throw new InvalidOption("PowerOfTwo: load", "a function of a candidate and a time", load)
  }
  const staleAfter =
    options.staleAfter !== undefined
      ? positiveMillis("PowerOfTwo: staleAfter", options.staleAfter)
      : isTimed(load)
        ? 10_000
        : Number.POSITIVE_INFINITY
  return {
    name,
    make: (candidates, before) => Effect.sync(() => new TwoChoices(candidates, before, load, staleAfter))
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))
