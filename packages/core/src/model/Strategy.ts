/**
 * Which candidate is next. One method and a name: no base class, no registration.
 *
 * `make` is an effect because some strategies own state or a resource; `pick` is not, because a decision never waits.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Candidate } from "./Candidate.ts"
import type { Measured, Millis, Rng } from "./Gate.ts"
import type { Outcome } from "./Outcome.ts"
import type { RouteRequest } from "./RouteRequest.ts"

/** May this candidate take the call? Constraints, gates and earlier attempts of the same call are already in it. */
export type Eligible = (candidate: Candidate) => boolean

export interface Picker {
  /** One eligible candidate, or `undefined` when none is. Synchronous; must not keep `eligible`. */
  readonly pick: (request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng) => Candidate | undefined
  /** Told once per attempt, when its permit is given back. `settlement` is for the time of the call: do not keep it. */
  readonly settled?: ((candidate: Candidate, outcome: Outcome, now: Millis, settlement: Settlement) => void) | undefined
  /**
   * The score of a candidate as `pick` would see it now; lower is better, `Infinity`: it would not be picked. Changes nothing.
   * For `explain` and dashboards.
   */
  readonly score?: ((candidate: Candidate, request: RouteRequest, now: Millis) => number) | undefined
}

/** What an attempt showed beside its outcome. */
export interface Settlement extends Measured {
  readonly request: RouteRequest
  /** USD; `undefined` where price or tokens are not known. */
  readonly costUsd: number | undefined
}

/** `Id`: the targets it names, mostly none; `createRouter` takes no strategy that names one which does not exist. */
export interface Strategy<out Id extends string = never> {
  /** Short, for spans and records, e.g. `p2c-tokens`. */
  readonly name: string
  /** The targets it names: a router that lacks one of them is not made. */
  readonly targets?: ReadonlyArray<Id>
  /**
   * Called for a set of targets (one tier) and again when the set changes; `before` is then its last picker for that tier, and
   * candidates that stay are the same objects. The scope of the last picker closes when the new one is in use.
   */
  readonly make: (candidates: ReadonlyArray<Candidate>, before?: Picker) => Effect.Effect<Picker, never, Scope.Scope>
}

/** The strategy of an application. Swap it by a layer: `Layer.succeed(CurrentStrategy, PowerOfTwo.make(...))`. */
export class CurrentStrategy extends Context.Service<CurrentStrategy, Strategy<string>>()(
  "@spillway/core/model/Strategy"
) {}
