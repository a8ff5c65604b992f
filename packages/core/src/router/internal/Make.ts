/** Assembles a router: checks the options, takes the services once, gives the public face. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CurrentClassifier } from "../../model/Classifier.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import * as RouteRequest from "../../model/RouteRequest.ts"
import { CurrentStrategy } from "../../model/Strategy.ts"
import * as Target from "../../model/Target.ts"
import { CurrentTelemetry } from "../../model/Telemetry.ts"
import { RetryPolicy } from "../../policies/RetryPolicy.ts"
import * as Timeouts from "../../policies/Timeouts.ts"
import * as Deadlines from "../../state/Deadlines.ts"
import { Gates } from "../../state/Gates.ts"
import { TargetState } from "../../state/TargetState.ts"
import { nowOf, rngOf } from "../../state/Time.ts"
import type { Router } from "../Router.ts"
import { attemptLoop } from "./AttemptLoop.ts"
import { Call } from "./Call.ts"
import type { Core, Tier } from "./Core.ts"
import * as Decisions from "./Decisions.ts"
import * as Explain from "./Explain.ts"
import * as Pick from "./Pick.ts"
import { streamPath } from "./StreamPath.ts"

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
  const telemetry = yield* CurrentTelemetry
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
    deadlines: Deadlines.make(clock, now, yield* Scope.Scope),
    retry: yield* RetryPolicy,
    timeouts,
    classify: yield* CurrentClassifier,
    telemetry,
    decisions: yield* Decisions.make<Id>(),
    pick: Pick.make({ tiers, rng }),
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

/** The public face of a core. */
export const router = <Id extends string, C>(core: Core<Id, C>): Router<Id, C> => {
  const stateOf = (id: Id): TargetState<Id, C> => {
    const state = core.states.find((state) => state.target.id === id)
    if (state !== undefined) return state
    throw new InvalidOption(
      "Router: target id",
      `one of ${core.states.map((s) => JSON.stringify(s.target.id)).join(", ")}`,
      id
    )
  }
  return {
    route: (options, call) =>
      Effect.withFiber((fiber) =>
        attemptLoop(new Call(core, RouteRequest.from(options), fiber.context, false), {
          run: call,
          clock: "Attempt",
          stays: false
        })
      ),
    stream: (options, call, streamOptions = {}) =>
      Stream.suspend(() => streamPath(core, RouteRequest.from(options), call, streamOptions)),
    explain: (request) => Effect.sync(() => Explain.explain(core, RouteRequest.from(request))),
    decisions: core.decisions.stream,
    status: Effect.sync(() => Explain.status(core)),
    isolate: (id) =>
      Effect.sync(() => {
        stateOf(id).control = "isolated"
      }),
    drain: (id) =>
      Effect.callback((resume) => {
        const state = stateOf(id)
        state.control = "draining"
        state.whenIdle(() => resume(Effect.void))
      }),
    restore: (id) => Effect.sync(() => stateOf(id).restore(core.now()))
  }
}
