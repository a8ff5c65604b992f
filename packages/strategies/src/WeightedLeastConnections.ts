/**
 * Weighted least connections: the target with the fewest attempts in flight for its weight; equals take turns by smooth
 * weighted round robin. O(n) per pick, nothing is allocated.
 *
 * Use it with a handful of targets, long answers and one process: it holds concurrency at the weights' ratio. So a slow
 * target gets fewer calls than its weight says, and an idle router turns by weight exactly. With many processes that do not
 * see each other's attempts, or with hundreds of targets, `PowerOfTwo` is the better choice. A queue by attempts in
 * flight would make a pick O(log n), but has to be told of every attempt that begins or ends, also of those that another
 * picker began, and turns among equals would still look at all equals: with many targets two draws cost less and herd less.
 *
 * Attempts count until their answer is complete, a stream until its last part. A target that fails at once never has
 * anything in flight and would draw nearly all calls; with `failureWeighting` it is counted as busier than it is: n + 1
 * attempts (the next one included) count as (n + 1) / successRate², rounded down. Whole numbers keep ties exact, and a
 * target above 70 % success that is idle counts as idle.
 * Source: nginx, `ngx_http_upstream_get_least_conn_peer`; it compares by cross multiplication because it has no fractions.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { onlyKeys } from "@spillway/core/InvalidOption"
import { CurrentStrategy, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { scatter, slotsOf, step } from "./internal/smooth.ts"
import { successSquared } from "./internal/successSquared.ts"

export interface Options {
  /** Count a failing target as busier than it is. False is nginx to the letter. Default true. */
  readonly failureWeighting?: boolean
  /** Begin the turns among equals at a random place, drawn at the first pick. Default true. */
  readonly randomStart?: boolean
}

const optionKeys: ReadonlySet<string> = new Set(["failureWeighting", "randomStart"])

/** `score` is attempts per weight. Ties are exact for integer weights: equal fractions have the same quotient. */
export const make = (options: Options = {}): Strategy => {
  onlyKeys("WeightedLeastConnections", options, optionKeys)
  const weighted = options.failureWeighting !== false
  const load = (candidate: Candidate, now: Millis) =>
    (weighted ? Math.floor((candidate.inFlight + 1) / successSquared(candidate, now)) - 1 : candidate.inFlight) /
    candidate.target.weight
  return {
    name: "weighted-least-connections",
    make: (candidates) =>
      Effect.sync(() => {
        const slots = slotsOf(candidates)
        let started = options.randomStart === false
        return {
          pick: (_request, eligible, now, rng) => {
            if (!started) scatter(slots, rng)
            started = true
            let least = Number.POSITIVE_INFINITY
            for (const slot of slots) {
              slot.load = eligible(slot.candidate) ? load(slot.candidate, now) : Number.NaN
              if (slot.load < least) least = slot.load
            }
            return step(slots, least)
          },
          score: (candidate, _request, now) => load(candidate, now)
        }
      })
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))
