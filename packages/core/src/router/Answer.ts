/** What a call is handed, and what it gives back together with the answer. */
import type { AttemptReason } from "../model/Cost.ts"
import type { AttemptFacts } from "../model/Decision.ts"
import type { RouteRequest } from "../model/RouteRequest.ts"
import type { Target } from "../model/Target.ts"
import type { Resumption } from "./BreakPolicy.ts"

/** What the application's function is handed: the target that was picked, and where to report what the answer said. */
export interface Attempt<out Id extends string = string, out C = unknown> {
  readonly target: Target<Id, C>
  /** Short for `target.client`. */
  readonly client: C
  /** What the call said about itself; on a rung of a ladder `maxOutputTokens` may be lower. */
  readonly request: RouteRequest
  /** 0 for the first attempt of the call. */
  readonly index: number
  readonly reason: AttemptReason
  /** The target stands in a tier other than the first, or a rung of the ladder asks. */
  readonly degraded: boolean
  /**
   * Streams with `BreakPolicy.continue`: the answer broke, and this attempt has to go on where its text stopped.
   * `undefined`: it gives the whole answer.
   */
  readonly resume?: Resumption | undefined
  /** Tokens, response id, finish reason, limits: for records, spans, money and gates. Later values win. */
  report(facts: AttemptFacts): void
  /** Fires when the attempt is over without its answer: a clock, an interruption, a consumer that left. */
  readonly signal: AbortSignal
}

/** An answer and where it comes from. */
export interface Answer<out A, out Id extends string = string> {
  readonly value: A
  /** Who made it: now, or when it was stored. `undefined` when a middleware of your own answered. */
  readonly servedBy: Id | undefined
  /** From a tier other than the first, from a rung of the ladder, or stale. */
  readonly degraded: boolean
  /** `coalesced`: another call's run, under way already. */
  readonly source: "model" | "cache" | "stale" | "coalesced"
  /** The rung of the ladder that answered. */
  readonly rung: string | undefined
  /** Attempts this call made itself. */
  readonly attempts: number
}
