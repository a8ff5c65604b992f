/** What `AdaptiveBulkhead` and its algorithms share: how a limit learns, and what counts as overload. */
import type { GateSnapshot } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import type { Outcome } from "../../model/Outcome.ts"

/** Integers, `1 <= min <= initial <= max`. */
export interface Bounds {
  readonly min: number
  readonly max: number
  readonly initial: number
}

/** How a limit moves: one method and a name. `aimd` and `gradient` are the built-in ones. */
export interface Algorithm {
  readonly name: string
  /** The lower bound when the gate's options name none. Integer >= 1. */
  readonly defaultMin: number
  /** Called once per gate. */
  readonly make: (bounds: Bounds) => Limit
}

/** The limit of one gate, with its memory. Pure and synchronous. */
export interface Limit {
  /** Attempts that may run now: an integer in [min, max]. */
  readonly current: () => number
  /**
   * Hears how an attempt ended; never of `Ignored` or `Unused`, which teach nothing. `inFlight` counts the attempts that
   * ran right after it was admitted, itself included; `fresh` says that it was admitted after the last overload was believed.
   * True: this was an overload and it lowered the limit, so that whatever was admitted until now is no longer fresh.
   */
  readonly learn: (outcome: Outcome, inFlight: number, fresh: boolean, firstContentMs: number | undefined) => boolean
  /** Not below this, when a person says so. */
  readonly raiseTo: (limit: number) => void
  /** Plain numbers; `limit` is the current one. */
  readonly snapshot: () => { readonly limit: number; readonly [key: string]: number }
  /** A key that is missing or out of range is as in a fresh limit. */
  readonly restore: (snapshot: GateSnapshot) => void
}

export interface Backoff {
  /**
   * Which outcomes say "too much". Pure. Default: `RateLimited`, and failures of the kinds `Overloaded`, `TimeoutAttempt`,
   * `TimeoutHeaders`, `TimeoutFirstContent` and `TimeoutIdle`.
   */
  readonly overloaded?: (outcome: Outcome) => boolean
  /** What an overload multiplies the limit with, in [0.5, 1). Default 0.9. */
  readonly backoff?: number
}

const overloadKinds: ReadonlySet<string> = new Set([
  "Overloaded",
  "TimeoutAttempt",
  "TimeoutHeaders",
  "TimeoutFirstContent",
  "TimeoutIdle"
])

export const isOverload = (outcome: Outcome): boolean =>
  outcome._tag === "RateLimited" || (outcome._tag === "Failure" && overloadKinds.has(outcome.kind))

/** Throws `InvalidOption`. */
export const backoffShare = (option: string, value: number): number => {
  if (typeof value === "number" && value >= 0.5 && value < 1) return value
  throw new InvalidOption(option, "a share in [0.5, 1)", value)
}

export const clamp = (value: number, min: number, max: number): number => Math.min(max, Math.max(min, value))
