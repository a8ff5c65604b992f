/** Assembles what the calls of a router share: checks the options, takes the services once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Chain from "../../gates/Chain.ts"
import { CurrentClassifier } from "../../model/Classifier.ts"
import type { GateEvent, Millis } from "../../model/Gate.ts"
import { CurrentStrategy } from "../../model/Strategy.ts"
import * as Target from "../../model/Target.ts"
import { CurrentTelemetry } from "../../model/Telemetry.ts"
import { Degradation } from "../../policies/Degradation.ts"
import { Hedging } from "../../policies/Hedge.ts"
import { CurrentPricing } from "../../policies/Pricing.ts"
import { RetryPolicy } from "../../policies/RetryPolicy.ts"
import * as Timeouts from "../../policies/Timeouts.ts"
import { Admission as AdmissionOptions } from "../../state/Admission.ts"
import * as Deadlines from "../../state/internal/Deadlines.ts"
import { TargetState } from "../../state/internal/TargetState.ts"
import { nowOf, rngOf } from "../../state/internal/Time.ts"
import * as DefaultPipeline from "../DefaultPipeline.ts"
import type * as Pipeline from "../Pipeline.ts"
import { Admission } from "./Admission.ts"
import type { Core, Tier } from "./Core.ts"
import * as Decisions from "./Decisions.ts"
import { guarded } from "./Guarded.ts"
import * as Parts from "./Parts.ts"
import * as Pick from "./Pick.ts"

type Services = CurrentStrategy | RetryPolicy | CurrentClassifier | AdmissionOptions | Hedging | Degradation

export interface Options<Id extends string, C, P extends Pipeline.AnyPart> {
  readonly targets: ReadonlyArray<Target.TargetSpec<Id, C>>
  readonly tiers?: ReadonlyArray<ReadonlyArray<Id>>
  readonly route?: string
  readonly timeouts?: Timeouts.Options
  readonly pipeline?: Pipeline.Pipeline<P>
}

export const core = <Id extends string, C, P extends Pipeline.AnyPart = DefaultPipeline.Parts>(
  options: Options<Id, C, P>
): Effect.Effect<Core<Id, C>, never, Scope.Scope | Services | Pipeline.Services<P>> =>
  // The default stands in for `P` where no pipeline was given; the public signature says the same.
  assemble(options, (options.pipeline ?? DefaultPipeline.pipeline) as Pipeline.Pipeline) as Effect.Effect<
    Core<Id, C>,
    never,
    Scope.Scope | Services | Pipeline.Services<P>
  >

const assemble = Effect.fnUntraced(function* <Id extends string, C>(
  options: Options<Id, C, Pipeline.AnyPart>,
  pipeline: Pipeline.Pipeline
) {
  const pricing = yield* CurrentPricing
  const targets = Target.resolve("Router.make", options.targets, options.tiers, pricing.priceOf)
  const timeouts = Timeouts.make("Router.make", options.timeouts)
  const strategy = yield* CurrentStrategy
  const given = yield* CurrentTelemetry
  const telemetry = given === undefined ? undefined : guarded(given)
  const clock = yield* Clock.Clock
  const now = nowOf(clock)
  const rng = rngOf(yield* Random.Random)
  const sleep = (ms: Millis) => clock.sleep(Duration.millis(Math.max(1, ms)))
  const route = options.route ?? "default"
  const parts = yield* Parts.make(pipeline, targets)
  const states = targets.map((target) => new TargetState(target, parts.gatesOf))
  const tiers: Array<Tier<Id, C>> = []
  for (const number of new Set(targets.map((target) => target.tier).sort((a, b) => a - b))) {
    const members = states.filter((state) => state.target.tier === number)
    tiers.push({ states: members, picker: yield* strategy.make(members) })
  }
  const publishOwn = (events: ReadonlyArray<GateEvent>) => {
    for (const event of events) telemetry?.routerEvent?.(route, event)
  }
  const tierRules = (yield* Degradation).tiers(tiers.length)
  const made: Core<Id, C> = {
    route,
    strategy: strategy.name,
    tiers,
    states,
    now,
    wallClock: () => clock.currentTimeMillisUnsafe(),
    rng,
    sleep,
    deadlines: Deadlines.make(clock, now),
    retry: yield* RetryPolicy,
    hedging: yield* Hedging,
    degradation: tierRules,
    admission: new Admission(yield* AdmissionOptions, states, now, sleep),
    gates: parts.routerGates.length === 0 ? undefined : Chain.make(parts.routerGates),
    around: parts.around,
    aroundAttempts: parts.aroundAttempts,
    timeouts,
    classify: yield* CurrentClassifier,
    telemetry,
    decisions: yield* Decisions.make<Id>(),
    pick: Pick.make(tiers, tierRules, publishOwn, rng),
    publish: (state, events) => {
      for (const event of events) {
        const about =
          event.target === undefined ? state : (states.find(({ target }) => target.id === event.target) ?? state)
        if (takesOut.has(event._tag)) about.ejections++
        telemetry?.event?.(about.target, event)
      }
    },
    publishOwn
  }
  const queue = () => made.admission.snapshot(now())
  telemetry?.attach?.({ route: made.route, strategy: made.strategy, targets, queue })
  return made
})

/** Events after which a target is out of rotation. */
const takesOut: ReadonlySet<string> = new Set(["BreakerOpened", "Parked", "TargetEjected"])
