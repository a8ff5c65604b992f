/**
 * A load out of a time: about how long a call sent there now would take to succeed.
 *
 * time * (inFlight + 1) / (weight * successRate²), in milliseconds per weight. Two corrections keep the time honest:
 *
 * - A target that has not answered yet costs next to nothing while it is idle, so that it is tried, and `unknown` once an
 *   attempt runs, so that it is not flooded before the first answer. The penalty is a plain time: with more attempts in
 *   flight it still grows, and a target that is busy enough loses against it (finagle#449).
 * - What fails is not fast. A failing target costs at least (1 - successRate) * `unknown`, however quickly it fails and
 *   however far its last good time has faded. The median of the others would need no `unknown`; but it needs the others: a
 *   load that looks at one candidate is O(1), shares nothing, and is the same number for every strategy that asks.
 */
import type { Candidate, Load } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { positive } from "@spillway/core/InvalidOption"
import { positiveMillis } from "@spillway/core/RouteRequest"
import type * as Duration from "effect/Duration"
import { squared } from "./successSquared.ts"

/** A load that is a time for each attempt: `load` is `pace * (inFlight + 1)`. So its slow part can be kept for a moment. */
export interface TimedLoad extends Load {
  /** Milliseconds per weight and attempt; NaN for a target that has not answered yet. */
  readonly pace: (candidate: Candidate, now: Millis) => number
}

export const isTimed = (load: Load): load is TimedLoad => "pace" in load

/** Below this many milliseconds all times are equally good. */
const shortest = 1

/** `timeOf` is `undefined` before the first answer. */
export const expectedTime = (
  timeOf: (candidate: Candidate, now: Millis) => Millis | undefined,
  unknown: Millis
): TimedLoad => {
  const weigh = (candidate: Candidate, now: Millis, time: Millis): number => {
    const rate = candidate.successRate(now)
    const floor = (1 - rate) * unknown
    const least = Math.max(floor, shortest)
    return (time > least ? time : least) / (candidate.target.weight * squared(rate))
  }
  return Object.assign(
    (candidate: Candidate, now: Millis) => {
      const { inFlight } = candidate
      const time = timeOf(candidate, now) ?? (inFlight > 0 ? unknown : shortest)
      return weigh(candidate, now, time) * (inFlight + 1)
    },
    {
      pace: (candidate: Candidate, now: Millis) => {
        const time = timeOf(candidate, now)
        return time === undefined ? Number.NaN : weigh(candidate, now, time)
      }
    }
  )
}

/** Finite, > 0, default 10 seconds. Throws `InvalidOption`. */
export const unknownMillis = (where: string, unknown: Duration.Input | undefined): Millis =>
  positive(`${where}: unknown`, positiveMillis(`${where}: unknown`, unknown ?? "10 seconds"))
