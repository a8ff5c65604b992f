/**
 * Additive increase, multiplicative decrease: up while the target takes what it is sent, down by a tenth when it says
 * that it is too much. It hears refusals and timeouts, never a duration: the time of an answer grows with its length and
 * with how the target batches, so it says little about a queue.
 *
 * - Down: `floor(backoff * L)`.
 * - Up: only by a success that was admitted with at least half the limit in flight (`2 * inFlight >= L`): a limit nobody
 *   comes near has not been tried. A `Slow` success holds the limit.
 * - Up by one for each such success until the first overload, and after a run of overloads back to where the run began;
 *   near that level by one for every L of them, about one per round; well above it by one for each again. So a target that
 *   is new, has recovered or has grown is found in a few rounds, and one at its edge is asked beyond it once in many. One
 *   per success throughout, as its source has it, uses the same share of a target and has ten times as many calls refused
 *   (3.5 % instead of 0.3 % at a capacity of 50); and a refusal costs more here, because it parks the target.
 *
 * Source: `AIMDLimit` of Netflix/concurrency-limits; slow start and congestion avoidance of TCP (RFC 5681), the remembered
 * level of CUBIC (RFC 9438, 4.7).
 */

import { type Algorithm, type Backoff, backoffShare, clamp, isOverload } from "./limits.ts"
import { numberAt } from "./snapshots.ts"

export type AimdOptions = Backoff

/** Rounding of a product such as 0.57 * 100 must not cost one more. */
const tolerance = 1e-9

/** So far above the level of the last overloads that they say nothing any more: the target has grown. */
const outgrown = (knownGood: number): number => 1.25 * knownGood + 4

/** Throws `InvalidOption`. */
export const aimd = (options: AimdOptions = {}): Algorithm => {
  const overloaded = options.overloaded ?? isOverload
  const backoff = backoffShare("AdaptiveBulkhead.aimd: backoff", options.backoff ?? 0.9)
  return {
    name: "aimd",
    defaultMin: 1,
    make: ({ initial, max, min }) => {
      let limit = initial
      /** Below it every success counts for one. */
      let knownGood = max
      let successes = 0
      /** Whether the limit has risen since it fell last: the next overload is then the first of a run. */
      let risen = true

      const lower = (): boolean => {
        const next = Math.max(min, Math.floor(limit * backoff + tolerance))
        if (risen) knownGood = next
        risen = false
        successes = 0
        if (next >= limit) return false
        limit = next
        return true
      }
      const raise = (): void => {
        if (limit >= max) return
        successes++
        if (limit >= knownGood && limit <= outgrown(knownGood) && successes < limit) return
        limit++
        successes = 0
        risen = true
      }

      return {
        current: () => limit,
        learn: (outcome, inFlight, fresh) => {
          // What was admitted before the last decrease was admitted under a limit that is known to be too high: its
          // refusals have been answered by that decrease, and its successes do not speak for more.
          if (!fresh) return false
          if (overloaded(outcome)) return lower()
          if (outcome._tag === "Success" && 2 * inFlight >= limit) raise()
          return false
        },
        raiseTo: (to) => {
          limit = Math.max(limit, to)
        },
        snapshot: () => ({ limit, knownGood, successes, risen: risen ? 1 : 0 }),
        restore: (snapshot) => {
          limit = clamp(Math.floor(numberAt(snapshot, "limit") || initial), min, max)
          knownGood = clamp(numberAt(snapshot, "knownGood") || max, min, max)
          successes = numberAt(snapshot, "successes")
          risen = snapshot["risen"] !== 0
        }
      }
    }
  }
}
