/**
 * A gate says whether an attempt may start now: breaker, bulkhead, limiter, cooldown have this one shape.
 *
 * A gate is a pure, synchronous state machine. It knows one target (or the router), no Effect, no clock and no chance:
 * `now` and `rng` are arguments. So picking and admitting are one step that no other fiber can come between, and a test
 * holds time and chance still.
 */
import type { Outcome, Unused } from "./Outcome.ts"
import type { Cost } from "./RouteRequest.ts"

/** Milliseconds on a monotonic clock, with fractions. Only differences mean something. */
export type Millis = number

/** Uniform in [0, 1). */
export type Rng = () => number

/** Why a gate refuses. The closed list is for people and dashboards; a gate of your own may add a word. */
export type RejectReason =
  | "BreakerOpen"
  | "BreakerProbing"
  | "BulkheadFull"
  | "RateLimited"
  | "CoolingDown"
  | "Misconfigured"
  | "Isolated"
  | "Draining"
  | (string & {})

/** A gate's own "no". It enters no window and says nothing about the target. */
export interface LocalReject {
  readonly _tag: "LocalReject"
  readonly reason: RejectReason
  /** When it may be worth asking again, on the clock of `now`; `undefined` when the gate cannot know. */
  readonly retryAt: Millis | undefined
}

/** What `peek` answers: `undefined` is "yes, now". */
export type Verdict = LocalReject | undefined

/** What happened inside a gate, in the past tense. Published after the fact; it changes nothing. */
export interface GateEvent {
  readonly _tag:
    | "BreakerOpened"
    | "BreakerHalfOpened"
    | "BreakerClosed"
    | "Parked"
    | "ParkExtended"
    | "StaleOutcome"
    | (string & {})
  readonly gate: string
  /** Monotonic time until which the gate stays as it is, where it knows. */
  readonly until?: Millis
}

export interface Gate<P extends object = object> {
  readonly name: string
  /** Would `admit` say yes? Changes nothing, allocates nothing when the answer is yes. */
  readonly peek: (now: Millis, cost: Cost) => Verdict
  /** Takes a permit or refuses. Every permit gets exactly one effective `settle`. */
  readonly admit: (now: Millis, cost: Cost, rng: Rng) => P | LocalReject
  /** Gives the permit back and learns. A second call with the same permit changes nothing. */
  settle(permit: P, outcome: Outcome | Unused, now: Millis): ReadonlyArray<GateEvent>
  /** For people, dashboards and a restart. Times in it are relative to `now`. */
  readonly snapshot: (now: Millis) => GateSnapshot
  /** Takes up a snapshot. Permits that were out when it was made are not in it. */
  readonly restore: (snapshot: GateSnapshot, now: Millis) => void
  /** Forgets what keeps it closed, when a person says so. Permits that are out stay out. */
  readonly clear?: (now: Millis) => void
}

/** Plain JSON; `state` is one word for people. */
export interface GateSnapshot {
  readonly state: string
  readonly [key: string]: string | number | boolean
}

export const noEvents: ReadonlyArray<GateEvent> = []

export const reject = (reason: RejectReason, retryAt?: Millis): LocalReject => ({
  _tag: "LocalReject",
  reason,
  retryAt
})

export const isReject = (value: object): value is LocalReject => (value as { _tag?: unknown })._tag === "LocalReject"
