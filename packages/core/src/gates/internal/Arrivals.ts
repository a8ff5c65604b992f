/**
 * How the requests of the last stretch of time divide among the priority classes: one counter per class.
 *
 * What is counted is what asked, admitted or not; otherwise a class that is refused would seem to have gone away.
 * Source: the shares of recent arrivals that failsafe-go's prioritizer and WeChat's DAGOR place their cut in.
 */
import type * as Duration from "effect/Duration"
import { levelOf, type Priority } from "../../model/Cost.ts"
import type { Millis } from "../../model/Gate.ts"
import { integer, positive } from "../../model/InvalidOption.ts"
import { positiveMillis } from "../../model/RouteRequest.ts"
import * as TimeWindow from "../TimeWindow.ts"

export interface Options {
  /** How far back arrivals count. > 0, finite, default 10 seconds. */
  readonly window?: Duration.Input
  /** Buckets the window is cut into. Integer >= 1, default 10. */
  readonly buckets?: number
}

export interface Arrivals {
  /** `amount` (default 1) more requests of this class (default `"P1"`). Once per request, whatever becomes of it. */
  readonly count: (now: Millis, priority?: Priority, amount?: number) => void
  /** Requests of a class, 0 (P0) to 3 (P3), in the window that ends at `now`. */
  readonly of: (level: number, now: Millis) => number
  readonly clear: () => void
}

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Arrivals => {
  const counts = TimeWindow.make({
    ms: positive("Arrivals: window", positiveMillis("Arrivals: window", options.window ?? "10 seconds")),
    buckets: integer("Arrivals: buckets", options.buckets ?? 10),
    counters: 4
  })
  return {
    count: (now, priority, amount = 1) => counts.add(levelOf(priority), amount, now),
    // What is taken back (-1) leaves the window a little later than what it was counted as.
    of: (level, now) => Math.max(0, counts.sum(level, now)),
    clear: counts.clear
  }
}
