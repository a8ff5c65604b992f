/**
 * A target with its live numbers, read-only. Nothing is copied per decision: a strategy reads what attempts wrote.
 */

import type { Cost } from "./Cost.ts"
import type { Millis, Verdict } from "./Gate.ts"
import type { Target } from "./Target.ts"

export interface Candidate<out Id extends string = string, out C = unknown> {
  readonly target: Target<Id, C>
  /** Attempts in flight, a stream until its last part. */
  readonly inFlight: number
  /** Milliseconds of a whole answer, peak-sensitive moving average; `undefined` before the first answer. */
  readonly latency: (now: Millis) => Millis | undefined
  /** Milliseconds to the first content, the same average; `undefined` before the first. */
  readonly timeToFirstContent: (now: Millis) => Millis | undefined
  /** Milliseconds per output token after the first content, the same average; `undefined` before the first that was counted. */
  readonly timePerToken: (now: Millis) => Millis | undefined
  /** In [0, 1]; drifts back to 1 while nothing is heard. */
  readonly successRate: (now: Millis) => number
  /** Share that is left of its scarcest limit (requests, tokens, attempts in flight), in [0, 1]; `undefined` without limits. */
  readonly headroom: (now: Millis) => number | undefined
  /** When it joined the rotation; `-Infinity` for those that began with the router. */
  readonly since: Millis
  /** What the gates say, without asking for anything: `undefined` is "may start now". */
  readonly verdict: (now: Millis, cost: Cost) => Verdict
}

/** How busy a candidate is: lower is better, only the order counts. Measuring is not deciding. */
export type Load = (candidate: Candidate, now: Millis) => number
