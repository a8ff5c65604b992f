/**
 * A gate says whether an attempt may start now: breaker, bulkhead, limiter, cooldown have this one shape.
 *
 * A gate is a pure, synchronous state machine. It knows one target (or the router), no Effect, no clock and no chance:
 * `now` and `rng` are arguments. So picking and admitting are one step that no other fiber can come between, and a test
 * holds time and chance still.
 */
import type { Cost } from "./Cost.ts"
import type { Outcome, Unused } from "./Outcome.ts"

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
  | "RequestsLimited"
  | "TokensLimited"
  | "InputTokensLimited"
  | "OutputTokensLimited"
  | "BudgetExhausted"
  | "NeverFits"
  | "CoolingDown"
  | "Misconfigured"
  | "Isolated"
  | "Draining"
  | "Ramping"
  | "Shed"
  | "Reserved"
  | "Ejected"
  | (string & {})

/** A gate's own "no". It enters no window and says nothing about the target. */
export interface LocalReject {
  readonly _tag: "LocalReject"
  readonly reason: RejectReason
  /** When it may be worth asking again, on the clock of `now`; `undefined` when the gate cannot know. */
  readonly retryAt: Millis | undefined
  /**
   * True: the gate would rather not, but nothing is at stake (a target that comes back step by step). Others are asked
   * first; when nobody else can, the gate is asked again with a chance of 0, and then admits.
   */
  readonly soft?: boolean
}

/** What `peek` answers: `undefined` is "yes, now". */
export type Verdict = LocalReject | undefined

/** What happened inside a gate, in the past tense. Published after the fact; it changes nothing. */
export interface GateEvent {
  readonly _tag:
    | "BreakerOpened"
    | "BreakerHalfOpened"
    | "BreakerClosed"
    | "BreakerIsolated"
    | "Parked"
    | "ParkExtended"
    | "StaleOutcome"
    | "LimitLowered"
    | "TargetEjected"
    | "TargetReturned"
    | "ShedStarted"
    | "ShedStepChanged"
    | "ShedEnded"
    | "Degraded"
    | "Recovered"
    | (string & {})
  readonly gate: string
  /** The target it is about, where that is another one than the attempt's: a gate may look after several. */
  readonly target?: string
  /** Monotonic time until which the gate stays as it is, where it knows. */
  readonly until?: Millis
}

/** What an attempt showed beside its outcome, for gates that measure. `undefined` where nobody said. */
export interface Measured {
  /** From admission to the end. */
  readonly ms: Millis
  /** From admission to the first content; streams only. */
  readonly firstContentMs: Millis | undefined
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly limits: ReadonlyArray<ReportedLimit> | undefined
}

/** What a provider's headers say about one of its limits at the moment of its answer. */
export interface ReportedLimit {
  readonly resource: "requests" | "tokens" | "inputTokens" | "outputTokens"
  readonly limit?: number | undefined
  readonly remaining?: number | undefined
  /** Milliseconds until `remaining` is `limit` again. */
  readonly resetMs?: number | undefined
}

export interface Gate<P extends object = object> {
  readonly name: string
  /** Would `admit` say yes? Changes nothing, allocates nothing when the answer is yes. */
  readonly peek: (now: Millis, cost: Cost) => Verdict
  /**
   * Takes a permit or refuses. Every permit gets exactly one effective `settle`. A gate that decides by chance admits at
   * `rng() === 0`. A permit may carry a `note: string`, which stands in the record of its attempt.
   */
  readonly admit: (now: Millis, cost: Cost, rng: Rng) => P | LocalReject
  /** Gives the permit back and learns. A second call with the same permit changes nothing. */
  settle(permit: P, outcome: Outcome | Unused, now: Millis, measured?: Measured): ReadonlyArray<GateEvent>
  /** For people, dashboards and a restart. Times in it are relative to `now`. */
  readonly snapshot: (now: Millis) => GateSnapshot
  /** Takes up a snapshot. Permits that were out when it was made are not in it. */
  readonly restore: (snapshot: GateSnapshot, now: Millis) => void
  /** Share that is left of what it limits, in [0, 1]; left out where it limits nothing that can be counted. Changes nothing. */
  readonly headroom?: (now: Millis) => number | undefined
  /** Forgets what keeps it closed, when a person says so. Permits that are out stay out. */
  readonly clear?: (now: Millis) => void
  /**
   * Stands from now on where `before` stood, the gate of the same name that the target had until its limits changed. Attempts
   * in flight settle with `before`. Called once, before anything else. Default: it restores a snapshot of `before`; a gate
   * that counts what is in flight takes the count over, and one that targets share must not restore anything.
   */
  readonly takeOver?: (before: Gate, now: Millis) => void
  /**
   * Its target has left the set the router picks from (`false`), or is in it again: for gates that look at several targets
   * together. A gate is born inside. While outside it is asked for nothing, and settles the attempts that are still in flight.
   */
  readonly inSet?: (isInSet: boolean) => void
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
