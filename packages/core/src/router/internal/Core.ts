/** What all calls of one router share. Made once by `Router.make`; nothing in it is global, and only its targets change. */
import type * as Effect from "effect/Effect"
import type { Chain, ChainPermit } from "../../gates/Chain.ts"
import type { Classifier } from "../../model/Classifier.ts"
import type { Cost } from "../../model/Cost.ts"
import type { GateEvent, LocalReject, Millis, Rng } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Telemetry } from "../../model/Telemetry.ts"
import type * as Degradation from "../../policies/Degradation.ts"
import type * as Hedge from "../../policies/Hedge.ts"
import type { Policy } from "../../policies/RetryPolicy.ts"
import type { Timeouts } from "../../policies/Timeouts.ts"
import type { Deadlines } from "../../state/internal/Deadlines.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import type { Resumption } from "../BreakPolicy.ts"
import type { AttemptMiddleware, RequestMiddleware } from "../Pipeline.ts"
import type { Admission } from "./Admission.ts"
import type { Decisions } from "./Decisions.ts"
import type { Targets, Tier } from "./Targets.ts"

/** What a call has learned about targets so far. */
export interface History<Id extends string, C> {
  /** Asked in this round: not again before a back-off. */
  readonly tried: ReadonlyArray<TargetState<Id, C>> | undefined
  /** Not again by this call. */
  readonly barred: ReadonlyArray<TargetState<Id, C>> | undefined
  /** When set, the only target that may be asked. */
  readonly only: TargetState<Id, C> | undefined
  /** When set, only targets whose context window is known to be larger. */
  readonly largerThan: number | undefined
  /** What there is to go on from after a break: targets that can are asked first, in every tier. */
  readonly resume?: Resumption | undefined
  /** Who would have admitted it, and by chance did not: in the last PICK. */
  readonly refusals: ReadonlyArray<Refusal<Id, C>> | undefined
  /** It has waited for a busy tier as long as it may: the next one may be asked. */
  readonly spills: boolean
  /** What the next attempt would cost this target. */
  readonly costFor: (state: TargetState<Id, C>) => Cost
}

export interface Refusal<Id extends string, C> {
  readonly state: TargetState<Id, C>
  readonly reject: LocalReject
}

/** A target that takes the call, with its permits already taken. */
export interface Picked<Id extends string, C> {
  readonly state: TargetState<Id, C>
  readonly permit: ChainPermit
}

/** PICK and admit in one step; `undefined` when no target can take the call now. */
export type Pick<Id extends string, C> = (
  call: Omit<History<Id, C>, "refusals"> & {
    readonly request: RouteRequest
    refusals: History<Id, C>["refusals"]
  },
  now: Millis
) => Picked<Id, C> | undefined

export interface Core<Id extends string, C> {
  readonly route: string
  readonly strategy: string
  readonly targets: Targets<Id, C>
  /** Of the set in use. */
  readonly tiers: ReadonlyArray<Tier<Id, C>>
  /** Of the set in use, in the order of the options. */
  readonly states: ReadonlyArray<TargetState<Id, C>>
  readonly now: () => Millis
  /** Epoch milliseconds. */
  readonly wallClock: () => number
  readonly rng: Rng
  /** Milliseconds, at least one, on the router's clock. */
  readonly sleep: (ms: Millis) => Effect.Effect<void>
  readonly deadlines: Deadlines
  readonly retry: Policy
  readonly hedging: Hedge.Hedge | undefined
  readonly degradation: Degradation.Tiers
  readonly admission: Admission
  /** Asked once per call, before anything else; `undefined` when there are none. */
  readonly gates: Chain | undefined
  /** Around the whole call, outermost first. */
  readonly around: ReadonlyArray<RequestMiddleware>
  /** Around every attempt, outermost first. */
  readonly aroundAttempts: ReadonlyArray<AttemptMiddleware>
  readonly timeouts: Timeouts
  readonly classify: Classifier
  readonly telemetry: Telemetry | undefined
  readonly decisions: Decisions<Id>
  readonly pick: Pick<Id, C>
  readonly publish: (state: TargetState<Id, C>, events: ReadonlyArray<GateEvent>) => void
  readonly publishOwn: (events: ReadonlyArray<GateEvent>) => void
}
