/** Assembles what the calls of a router share: checks the options, takes the services once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { CurrentClassifier } from "../../model/Classifier.ts"
import { CurrentStrategy } from "../../model/Strategy.ts"
import * as Target from "../../model/Target.ts"
import { CurrentTelemetry } from "../../model/Telemetry.ts"
import { RetryPolicy } from "../../policies/RetryPolicy.ts"
import * as Timeouts from "../../policies/Timeouts.ts"
import { Gates } from "../../state/Gates.ts"
import * as Deadlines from "../../state/internal/Deadlines.ts"
import { TargetState } from "../../state/internal/TargetState.ts"
import { nowOf, rngOf } from "../../state/internal/Time.ts"
import type { Core, Tier } from "./Core.ts"
import * as Decisions from "./Decisions.ts"
import { guarded } from "./Guarded.ts"
import * as Pick from "./Pick.ts"

export interface Options<Id extends string, C> {
  readonly targets: ReadonlyArray<Target.TargetSpec<Id, C>>
  readonly tiers?: ReadonlyArray<ReadonlyArray<Id>>
  readonly route?: string
  readonly timeouts?: Timeouts.Options
}

export const core = Effect.fnUntraced(function* <Id extends string, C>(options: Options<Id, C>) {
  const targets = Target.resolve("Router.make", options.targets, options.tiers)
  const timeouts = Timeouts.make("Router.make", options.timeouts)
  const strategy = yield* CurrentStrategy
  const gatesOf = yield* Gates
  const given = yield* CurrentTelemetry
  const telemetry = given === undefined ? undefined : guarded(given)
  const clock = yield* Clock.Clock
  const now = nowOf(clock)
  const rng = rngOf(yield* Random.Random)
  const states = targets.map((target) => new TargetState(target, gatesOf))
  const tiers: Array<Tier<Id, C>> = []
  for (const number of new Set(targets.map((target) => target.tier).sort((a, b) => a - b))) {
    const members = states.filter((state) => state.target.tier === number)
    tiers.push({ states: members, picker: yield* strategy.make(members) })
  }
  const made: Core<Id, C> = {
    route: options.route ?? "default",
    strategy: strategy.name,
    tiers,
    states,
    now,
    wallClock: () => clock.currentTimeMillisUnsafe(),
    rng,
    sleep: (ms) => clock.sleep(Duration.millis(Math.max(1, ms))),
    deadlines: Deadlines.make(clock, now),
    retry: yield* RetryPolicy,
    timeouts,
    classify: yield* CurrentClassifier,
    telemetry,
    decisions: yield* Decisions.make<Id>(),
    pick: Pick.make(tiers, rng),
    publish: (state, events) => {
      for (const event of events) {
        if (event._tag === "BreakerOpened" || event._tag === "Parked") state.ejections++
        telemetry?.event?.(state.target, event)
      }
    }
  }
  telemetry?.attach?.({ route: made.route, strategy: made.strategy, targets })
  return made
})
