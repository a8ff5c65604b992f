/**
 * The target with the most left of its limits: requests, tokens, attempts in flight, whichever is scarcest. Of a few drawn at
 * random the one with the largest share left; of equals each with the same chance. O(choices) per pick.
 *
 * Use it with accounts whose limits you know, or that say in their headers what is left (`learnLimits`): the limits are then used
 * up together, and nobody runs into a 429 while another account is idle. It sees neither latency nor price; what is left of a
 * target that fails counts for less, by its success rate squared. A target without limits counts as one that has half of them
 * left: it rests until the others are half used, and takes what is beyond. With the default gates there is no such target: the
 * bulkhead that each of them has is a limit too, of 100 attempts in flight where nobody said another number.
 *
 * Source: LiteLLM's `lowest_tpm_rpm_v2` takes the one with the least used in the current minute, of all; two random choices
 * instead keep many processes from agreeing on one (M. Mitzenmacher, see `PowerOfTwo`).
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { integer, onlyKeys, share } from "@spillway/core/InvalidOption"
import { CurrentStrategy, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Sample } from "./internal/sample.ts"
import { successSquared } from "./internal/successSquared.ts"

export interface Options {
  /** Candidates that are drawn and compared. Integer >= 2, default 3. */
  readonly choices?: number
  /** What a target without limits counts as having left. In [0, 1], default 0.5. */
  readonly unlimited?: number
}

const optionKeys: ReadonlySet<string> = new Set(["choices", "unlimited"])

/** `score` is minus what is left, times the success rate squared: -1 is untouched, 0 used up. Throws `InvalidOption`. */
export const make = (options: Options = {}): Strategy => {
  onlyKeys("MostHeadroom", options, optionKeys)
  const choices = integer("MostHeadroom: choices", options.choices ?? 3, 2)
  const unlimited = share("MostHeadroom: unlimited", options.unlimited ?? 0.5)
  const left = (candidate: Candidate, now: Millis): number =>
    (candidate.headroom(now) ?? unlimited) * successSquared(candidate, now)
  return {
    name: "most-headroom",
    make: (candidates) =>
      Effect.sync(() => {
        const sample = new Sample(candidates, choices)
        return {
          pick: (_request, eligible, now, rng) => {
            const drawn = sample.draw(eligible, rng)
            let best = drawn[0]
            if (sample.size < 2 || best === undefined) return sample.size === 0 ? undefined : best
            let most = left(best, now)
            let ties = 1
            for (let i = 1; i < sample.size; i++) {
              const other = drawn[i] as Candidate
              const its = left(other, now)
              const wins = its > most || (its === most && rng() * ++ties < 1)
              if (wins) {
                best = other
                if (its > most) ties = 1
                most = its
              }
            }
            return best
          },
          score: (candidate, _request, now) => -left(candidate, now)
        }
      })
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))
