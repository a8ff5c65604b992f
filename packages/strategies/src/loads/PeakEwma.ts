/**
 * Load by latency, attempts in flight and success rate: about how long a call sent there now would take to succeed.
 *
 * latency * (inFlight + 1) / (weight * successRate²), in milliseconds per weight. Latency is the target's peak-sensitive
 * moving average: it jumps up with one slow answer and comes down slowly. Two corrections keep it honest:
 *
 * - A target that has not answered yet costs next to nothing while it is idle, so that it is tried, and `unknown` once an
 *   attempt runs, so that it is not flooded before the first answer. The penalty is a plain latency: with more attempts in
 *   flight it still grows, and a target that is busy enough loses against it.
 * - What fails is not fast. A failing target costs at least (1 - successRate) * `unknown`, however quickly it fails and
 *   however far its last good latency has faded.
 *
 * Source: Finagle, `PeakEwma`; twitter/finagle#449 (a penalty beside which one more attempt vanishes); the squared success
 * rate is ours.
 */
import type { Load } from "@spillway/core/Candidate"
import { positive } from "@spillway/core/InvalidOption"
import { positiveMillis } from "@spillway/core/RouteRequest"
import type * as Duration from "effect/Duration"
import { successSquared } from "../internal/successSquared.ts"

export interface Options {
  /** What "fast" means: a whole answer, or the first content of a stream. Default `"latency"`. */
  readonly measure?: "latency" | "timeToFirstContent"
  /** What a target is taken to need of which nothing is known. Finite, > 0, default 10 seconds. */
  readonly unknown?: Duration.Input
}

/** Below this many milliseconds all latencies are equally good. */
const shortest = 1

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Load => {
  const option = "PeakEwma: unknown"
  const unknown = positive(option, positiveMillis(option, options.unknown ?? "10 seconds"))
  const measure = options.measure ?? "latency"
  return (candidate, now) => {
    const measured = candidate[measure](now) ?? (candidate.inFlight > 0 ? unknown : shortest)
    const latency = Math.max(shortest, measured, (1 - candidate.successRate(now)) * unknown)
    return (latency * (candidate.inFlight + 1)) / (candidate.target.weight * successSquared(candidate, now))
  }
}

/** With all defaults. */
export const load: Load = make()
