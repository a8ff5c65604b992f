/** Assembles what the calls of a router share: checks the options, takes the services once. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Chain from "../../gates/Chain.ts"
import { CurrentClassifier } from "../../model/Classifier.ts"
import type { GateEvent, Millis } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import { CurrentStrategy, type Strategy } from "../../model/Strategy.ts"
import type { TargetSet } from "../../model/TargetSource.ts"
import { CurrentTelemetry } from "../../model/Telemetry.ts"
import { Degradation } from "../../policies/Degradation.ts"
import { Hedging } from "../../policies/Hedge.ts"
import { CurrentPricing } from "../../policies/Pricing.ts"
import { RetryPolicy } from "../../policies/RetryPolicy.ts"
import * as Timeouts from "../../policies/Timeouts.ts"
import { Admission as AdmissionOptions } from "../../state/Admission.ts"
import type { GatesOf, GatesOfRouter } from "../../state/Gates.ts"
import * as Deadlines from "../../state/internal/Deadlines.ts"
import { nowOf, rngOf } from "../../state/internal/Time.ts"
import * as DefaultPipeline from "../DefaultPipeline.ts"
import type * as Pipeline from "../Pipeline.ts"
import { Admission } from "./Admission.ts"
import type { Core } from "./Core.ts"
import * as Decisions from "./Decisions.ts"
import { guarded } from "./Guarded.ts"
import * as Parts from "./Parts.ts"
import * as Pick from "./Pick.ts"
import { Targets } from "./Targets.ts"

type Services = CurrentStrategy | RetryPolicy | CurrentClassifier | AdmissionOptions | Hedging | Degradation

/** Of the router as a whole: by target id. */
export interface TargetsChanged extends GateEvent {
  readonly _tag: "TargetsChanged"
  readonly added: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
}

export interface Options<C, P extends Pipeline.AnyPart> extends TargetSet<C> {
  readonly route?: string
  readonly timeouts?: Timeouts.Options
  readonly pipeline?: Pipeline.Pipeline<P>
  /** Of a router whose targets change. */
  readonly changing?: {
    readonly allowEmpty: boolean
    /** The strategy, with what new targets need around it. */
    readonly strategy: (strategy: Strategy<string>) => Strategy<string>
  }
}

/** Any mistake in the options is a defect. */
export const core = <Id extends string, C, P extends Pipeline.AnyPart = DefaultPipeline.Parts>(
  options: Options<C, P>
): Effect.Effect<Core<Id, C>, never, Scope.Scope | Services | Pipeline.Services<P>> =>
  Effect.orDie(changingCore<Id, C, P>("Router.make", options))

/** Fails when the targets are wrong; any other mistake in the options is a defect. */
export const changingCore = <Id extends string, C, P extends Pipeline.AnyPart = DefaultPipeline.Parts>(
  where: string,
  options: Options<C, P>
): Effect.Effect<Core<Id, C>, InvalidOption, Scope.Scope | Services | Pipeline.Services<P>> =>
  // The default stands in for `P` where no pipeline was given; the public signature says the same.
  assemble(where, options, (options.pipeline ?? DefaultPipeline.pipeline) as Pipeline.Pipeline) as Effect.Effect<
    Core<Id, C>,
    InvalidOption,
    Scope.Scope | Services | Pipeline.Services<P>
  >

const assemble = Effect.fnUntraced(function* <Id extends string, C>(
  where: string,
  options: Options<C, Pipeline.AnyPart>,
  pipeline: Pipeline.Pipeline
) {
  const pricing = yield* CurrentPricing
  const timeouts = Timeouts.make("Router.make", options.timeouts)
  const given = yield* CurrentStrategy
  const strategy = options.changing?.strategy(given) ?? given
  const listener = yield* CurrentTelemetry
  const telemetry = listener === undefined ? undefined : guarded(listener)
  const clock = yield* Clock.Clock
  const now = nowOf(clock)
  const rng = rngOf(yield* Random.Random)
  const sleep = (ms: Millis) => clock.sleep(Duration.millis(Math.max(1, ms)))
  const route = options.route ?? "default"
  const parts = yield* Parts.make(pipeline)
  const targets = new Targets<Id, C>({
    priceOf: pricing.priceOf,
    allowEmpty: options.changing?.allowEmpty === true,
    gatesOf: together(parts.gatesOf),
    strategy,
    degradation: yield* Degradation,
    scope: yield* Scope.Scope,
    now
  })
  yield* targets.reload({ targets: options.targets, tiers: options.tiers }, where, Number.NEGATIVE_INFINITY)
  if (options.changing === undefined) yield* checkNames(where, strategy, targets)
  const publishOwn = (events: ReadonlyArray<GateEvent>) => {
    for (const event of events) telemetry?.routerEvent?.(route, event)
  }
  const made: Core<Id, C> = {
    route,
    strategy: strategy.name,
    targets,
    get tiers() {
      return targets.inUse.tiers
    },
    get states() {
      return targets.inUse.states
    },
    get degradation() {
      return targets.inUse.degradation
    },
    now,
    wallClock: () => clock.currentTimeMillisUnsafe(),
    rng,
    sleep,
    deadlines: Deadlines.make(clock, now),
    retry: yield* RetryPolicy,
    hedging: yield* Hedging,
    admission: new Admission(yield* AdmissionOptions, () => targets.inUse.states, now, sleep),
    gates: parts.routerGates.length === 0 ? undefined : Chain.make(parts.routerGates),
    around: parts.around,
    aroundAttempts: parts.aroundAttempts,
    timeouts,
    classify: yield* CurrentClassifier,
    telemetry,
    decisions: yield* Decisions.make<Id>(),
    pick: Pick.make(targets, publishOwn, rng),
    publish: (state, events) => {
      for (const event of events) {
        const about = event.target === undefined ? state : (targets.find(event.target) ?? state)
        if (takesOut.has(event._tag)) about.ejections++
        telemetry?.event?.(about.target, event)
      }
    },
    publishOwn
  }
  const queue = () => made.admission.snapshot(now())
  const { strategy: name } = made
  telemetry?.attach?.({ route, strategy: name, targets: targets.inUse.targets, queue })
  targets.onGone = (gone) =>
    telemetry?.attach?.({ route, strategy: name, targets: targets.inUse.targets, left: [gone], queue })
  targets.onSwap = ({ added, changed, removed }) => {
    if (added.length + changed.length + removed.length > 0) {
      telemetry?.attach?.({ route, strategy: name, targets: targets.inUse.targets, queue })
      const event: TargetsChanged = { _tag: "TargetsChanged", gate: "targets", added, changed, removed }
      publishOwn([event])
    }
    made.admission.targetsChanged(now())
  }
  return made
})

/** Gates that look at all targets are made for the first set and told of each further one. */
const together = (gatesOf: ReadonlyArray<GatesOf>) => {
  let makers: ReadonlyArray<GatesOfRouter> | undefined
  return (targets: Parameters<NonNullable<GatesOf["forTargets"]>>[0]): ReadonlyArray<GatesOfRouter> => {
    if (makers === undefined) makers = gatesOf.map((one) => one.forTargets?.(targets) ?? one)
    else for (const maker of makers) maker.check?.(targets)
    return makers
  }
}

/** A strategy that names a target the router lacks would wait for it for ever. With other targets tomorrow it may be there. */
const checkNames = <Id extends string, C>(where: string, strategy: Strategy<string>, targets: Targets<Id, C>) => {
  const ids = targets.inUse.targets.map(({ id }) => id as string)
  const missing = strategy.targets?.find((id) => !ids.includes(id))
  return missing === undefined
    ? Effect.void
    : Effect.fail(
        new InvalidOption(
          `${where}: target that the strategy ${strategy.name} names`,
          `one of ${ids.map((id) => JSON.stringify(id)).join(", ")}`,
          missing
        )
      )
}

/** Events after which a target is out of rotation. */
const takesOut: ReadonlySet<string> = new Set(["BreakerOpened", "Parked", "TargetEjected"])
