/**
 * Smooth weighted round robin: every target gets its share of the calls, in turn. O(n) per pick, nothing is allocated.
 *
 * Use it when the shares matter more than the targets' state: contracts, quotas, a canary. It sees neither load nor
 * failures; a target that is slow gets as many calls as before, and one that fails keeps its share until a gate takes it out
 * of rotation. For exact turns among equally loaded targets see `WeightedLeastConnections`. For hundreds of targets, or
 * weights that change, `EdfWeightedRoundRobin` is O(log n).
 *
 * A target out of rotation neither gains nor loses: the others keep their exact shares of what is left, and when it returns
 * it takes its own again, without catching up.
 * Source: nginx, `ngx_http_upstream_get_peer`.
 */

import { onlyKeys } from "@spillway/core/InvalidOption"
import { CurrentStrategy, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Slot, scatter, slotsOf, step } from "./internal/smooth.ts"

export interface Options {
  /**
   * Begin at a random place of the rotation, drawn at the first pick: many processes that start together then do not all
   * begin with the same target. False begins at the first target. Default true.
   */
  readonly randomStart?: boolean
}

const optionKeys: ReadonlySet<string> = new Set(["randomStart"])

/**
 * Shares are the targets' weights. `score` is the current weight after the next gain, negative: the lowest is picked, the
 * first on a tie. Before the first pick it does not know the random start. Throws `InvalidOption` for an option it does not know.
 */
export const make = (options: Options = {}): Strategy => {
  onlyKeys("SmoothWeightedRoundRobin", options, optionKeys)
  return {
    name: "smooth-wrr",
    make: (candidates) =>
      Effect.sync(() => {
        const slots = slotsOf(candidates)
        const slotOf = new Map<unknown, Slot>(slots.map((slot) => [slot.candidate, slot]))
        let started = options.randomStart === false
        return {
          pick: (_request, eligible, _now, rng) => {
            if (!started) scatter(slots, rng)
            started = true
            for (const slot of slots) slot.load = eligible(slot.candidate) ? 0 : Number.NaN
            return step(slots, 0)
          },
          score: (candidate) => {
            const slot = slotOf.get(candidate)
            return slot === undefined ? Number.POSITIVE_INFINITY : -(slot.current + slot.weight)
          }
        }
      })
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))
