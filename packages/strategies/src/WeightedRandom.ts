/**
 * Weighted random: every pick by itself, each target with the chance its weight says. O(1) per pick while most candidates are
 * eligible, O(n) when few are.
 *
 * Use it when shares matter, many processes pick, and no two of them should move in step: chance needs no memory and no
 * agreement. Over n picks a share p is right to about sqrt(p(1 - p) / n); for shares that are right after a handful of picks
 * see `EdfWeightedRoundRobin`. It sees neither load nor failures; gates take out what fails.
 *
 * Among those that are eligible the chances stay in the ratio of their weights, exactly: a draw that may not be picked is
 * drawn again, and after a few in vain one pass draws among the rest by weight.
 * Sources: `internal/alias.ts`; for the pass, M. T. Chao, "A general purpose unequal probability sampling plan", Biometrika
 * 69(3), 1982.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Rng } from "@spillway/core/Gate"
import { CurrentStrategy, type Eligible, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Alias } from "./internal/alias.ts"

/** Draws before the pass: with nine of ten eligible, one pick in 10,000 comes to it. */
const tries = 4

/** Chances are the targets' weights. `score` is minus the weight. */
export const make = (): Strategy => ({
  name: "weighted-random",
  make: (candidates) =>
    Effect.sync(() => {
      const alias = new Alias(candidates.map(({ target }) => target.weight))
      return {
        pick: (_request, eligible, _now, rng) => {
          for (let n = 0; n < tries; n++) {
            const candidate = candidates[alias.draw(rng)]
            if (candidate !== undefined && eligible(candidate)) return candidate
          }
          return among(candidates, eligible, rng)
        },
        score: ({ target }) => -target.weight
      }
    })
})

/** The application's strategy, as `make`. */
export const layer = (): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make())

/** One pass: each that qualifies replaces the choice with the chance that its weight has of all weights seen. */
const among = (candidates: ReadonlyArray<Candidate>, eligible: Eligible, rng: Rng): Candidate | undefined => {
  let chosen: Candidate | undefined
  let total = 0
  for (const candidate of candidates) {
    if (!eligible(candidate)) continue
    const { weight } = candidate.target
    total += weight
    if (chosen === undefined || rng() * total < weight) chosen = candidate
  }
  return chosen
}
