/** What all calls of one router share. Made once by `Router.make`; nothing in it is global. */
import type { Classifier } from "../../model/Classifier.ts"
import type { GateEvent, Millis, Rng } from "../../model/Gate.ts"
import type { Picker } from "../../model/Strategy.ts"
import type { Telemetry } from "../../model/Telemetry.ts"
import type { Policy } from "../../policies/RetryPolicy.ts"
import type { Timeouts } from "../../policies/Timeouts.ts"
import type { Deadlines } from "../../state/Deadlines.ts"
import type { TargetState } from "../../state/TargetState.ts"
import type { Decisions } from "./Decisions.ts"
import type * as Pick from "./Pick.ts"

/** Targets that share the traffic; the next tier is asked when none of them can. */
export interface Tier<Id extends string, C> {
  readonly states: ReadonlyArray<TargetState<Id, C>>
  readonly picker: Picker
}

export interface Core<Id extends string, C> {
  readonly route: string
  readonly strategy: string
  readonly tiers: ReadonlyArray<Tier<Id, C>>
  /** In the order of the options. */
  readonly states: ReadonlyArray<TargetState<Id, C>>
  readonly now: () => Millis
  /** Epoch milliseconds. */
  readonly wallClock: () => number
  readonly rng: Rng
  readonly deadlines: Deadlines
  readonly retry: Policy
  readonly timeouts: Timeouts
  readonly classify: Classifier
  readonly telemetry: Telemetry | undefined
  readonly decisions: Decisions<Id>
  readonly pick: ReturnType<typeof Pick.make<Id, C>>
  readonly publish: (state: TargetState<Id, C>, events: ReadonlyArray<GateEvent>) => void
}
