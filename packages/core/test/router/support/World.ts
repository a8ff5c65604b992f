/** A router with everything visible: its core, its telemetry, its decision records, and what it still holds. */
import { Effect, Layer, Stream } from "effect"
import { type Classifier, CurrentClassifier } from "../../../src/model/Classifier.ts"
import type { DecisionRecord } from "../../../src/model/Decision.ts"
import type { GateEvent } from "../../../src/model/Gate.ts"
import { CurrentStrategy, type Strategy } from "../../../src/model/Strategy.ts"
import type { Limits, TargetSpec } from "../../../src/model/Target.ts"
import { CurrentTelemetry } from "../../../src/model/Telemetry.ts"
import type * as Timeouts from "../../../src/policies/Timeouts.ts"
import * as Defaults from "../../../src/router/Defaults.ts"
import * as Make from "../../../src/router/internal/Make.ts"
import * as Router from "../../../src/router/Router.ts"
import * as Gates from "../../../src/state/Gates.ts"
import * as Watcher from "./Watcher.ts"

export interface WorldOptions<Id extends string> extends Defaults.Options {
  readonly timeouts?: Timeouts.Options
  readonly tiers?: ReadonlyArray<ReadonlyArray<Id>>
  readonly limits?: Limits
  /** What one target has that the others have not. */
  readonly specs?: Partial<Record<Id, Omit<TargetSpec, "id" | "client">>>
  /** Default: the first eligible target in order. */
  readonly strategy?: Strategy
  readonly gatesOf?: Gates.GatesOf
  readonly classify?: Classifier
}

const inOrder: Strategy = {
  name: "in-order",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
}

export const make = <const Id extends string>(ids: ReadonlyArray<Id>, options: WorldOptions<Id> = {}) =>
  Effect.gen(function* () {
    const { classify, gatesOf, limits, specs, strategy, tiers, timeouts, ...defaults } = options
    const services = Layer.mergeAll(
      Defaults.make(defaults),
      Layer.succeed(CurrentStrategy, strategy ?? inOrder),
      ...(gatesOf === undefined ? [] : [Layer.succeed(Gates.Gates, gatesOf)]),
      ...(classify === undefined ? [] : [Layer.succeed(CurrentClassifier, classify)])
    )
    const watcher = Watcher.make()
    /** Of the router itself: tiers that were left and came back. */
    const routerEvents: Array<GateEvent> = []
    const telemetry = {
      ...watcher.telemetry,
      routerEvent: (_route: string, event: GateEvent) => {
        routerEvents.push(event)
      }
    }
    const core = yield* Make.core<Id, string>({
      targets: ids.map((id) => ({
        id,
        client: `client of ${id}`,
        ...(limits === undefined ? {} : { limits }),
        ...specs?.[id]
      })),
      ...(tiers === undefined ? {} : { tiers }),
      ...(timeouts === undefined ? {} : { timeouts })
    }).pipe(Effect.provideService(CurrentTelemetry, telemetry), Effect.provide(services))
    const router = Router.fromCore(core)
    const records: Array<DecisionRecord<Id>> = []
    yield* Effect.forkScoped(
      Stream.runForEach(router.decisions, (record) => Effect.sync(() => records.push(record))),
      { startImmediately: true }
    )
    const inFlight = () => core.states.reduce((sum, state) => sum + state.inFlight, 0)

    /** One sentence per thing that was taken and not given back, or not told exactly once. For a router at rest. */
    const problems = (): Array<string> => {
      const problems = watcher.problems()
      for (const state of core.states) {
        const { id } = state.target
        if (state.inFlight !== 0) problems.push(`${id} has ${state.inFlight} in flight`)
        for (const gate of state.chain.gates) {
          const taken = gate.snapshot(core.now())["inFlight"] ?? 0
          if (taken !== 0) problems.push(`the ${gate.name} of ${id} has ${taken} in flight`)
        }
      }
      if (core.admission.size !== 0) problems.push(`${core.admission.size} still wait`)
      if (core.deadlines.size() !== 0) problems.push(`${core.deadlines.size()} deadlines are still set`)
      if (records.length !== watcher.calls.length) {
        problems.push(`${watcher.calls.length} calls, ${records.length} decision records`)
      }
      return problems
    }
    return { router, core, watcher, records, routerEvents, inFlight, problems }
  })

export type World<Id extends string> = Effect.Success<ReturnType<typeof make<Id>>>
