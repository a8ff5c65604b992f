/**
 * A router of targets a and b with a pipeline of the test's own, whose services live as long as the test: a cache that is
 * closed answers nothing. It tells what `World` tells.
 */
import { Context, Effect, type Fiber, Layer, type Scope, Stream } from "effect"
import type { DecisionRecord } from "../../../src/model/Decision.ts"
import type { Gate } from "../../../src/model/Gate.ts"
import { CurrentStrategy } from "../../../src/model/Strategy.ts"
import { CurrentTelemetry } from "../../../src/model/Telemetry.ts"
import { ResponseCache } from "../../../src/policies/ResponseCache.ts"
import type * as Timeouts from "../../../src/policies/Timeouts.ts"
import * as Defaults from "../../../src/router/Defaults.ts"
import * as Make from "../../../src/router/internal/Make.ts"
import type * as Pipeline from "../../../src/router/Pipeline.ts"
import * as Router from "../../../src/router/Router.ts"
import * as Shedding from "../../../src/state/Shedding.ts"
import { inOrder } from "../fixture.ts"
import * as Watcher from "./Watcher.ts"

export type Ids = "a" | "b"
type Supplied = Defaults.Services | Scope.Scope

export interface Options extends Defaults.Options {
  readonly pipeline?: Pipeline.Pipeline<Pipeline.CallPart<string, Supplied> | Pipeline.AttemptPart<string, Supplied>>
  readonly shed?: () => Gate
  readonly route?: string
  readonly tiers?: ReadonlyArray<ReadonlyArray<Ids>>
  readonly timeouts?: Timeouts.Options
  /** Of another router. */
  readonly sharedCache?: ResponseCache["Service"]
}

export const make = (options: Options = {}) =>
  Effect.gen(function* () {
    const { pipeline, route, sharedCache, shed, tiers, timeouts, ...defaults } = options
    const services = yield* Layer.build(
      Layer.mergeAll(
        Defaults.make({ ...defaults, cache: { jitter: 0, ...defaults.cache } }),
        Layer.succeed(CurrentStrategy, inOrder),
        ...(shed === undefined ? [] : [Shedding.layer(shed)]),
        ...(sharedCache === undefined ? [] : [Layer.succeed(ResponseCache, sharedCache)])
      )
    )
    const watcher = Watcher.make()
    const core = yield* Make.core<
      Ids,
      string,
      Pipeline.CallPart<string, Supplied> | Pipeline.AttemptPart<string, Supplied>
    >({
      targets: [
        { id: "a", client: "client of a" },
        { id: "b", client: "client of b" }
      ],
      ...(pipeline === undefined ? {} : { pipeline }),
      ...(route === undefined ? {} : { route }),
      ...(tiers === undefined ? {} : { tiers }),
      ...(timeouts === undefined ? {} : { timeouts })
    }).pipe(Effect.provideService(CurrentTelemetry, watcher.telemetry), Effect.provideContext(services))
    const router = Router.fromCore(core)
    const records: Array<DecisionRecord<Ids>> = []
    yield* Effect.forkScoped(
      Stream.runForEach(router.decisions, (record) => Effect.sync(() => records.push(record))),
      { startImmediately: true }
    )
    const cache = Context.get(services, ResponseCache)

    /** What each call so far came to: its error or `ok`, where the answer comes from, who was asked. */
    const outcomes = Effect.map(Effect.yieldNow, () =>
      records.map(
        ({ attempts, errorType, outcome, source }) =>
          `${errorType ?? outcome} ${source} ${attempts.map(({ target }) => target).join("")}`
      )
    )

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
    return { cache, core, outcomes, problems, records, router, services, watcher }
  })

export type Piped = Effect.Success<ReturnType<typeof make>>

export const fork = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { startImmediately: true })
