/** Targets that a test makes ill, a router that checks them, and what it tells. */
import { DefaultPipeline, type Gate, Pipeline, Router, type Target, Telemetry } from "@spillway/core"
import { Effect } from "effect"
import * as HealthChecks from "../../../src/router/HealthChecks.ts"
import { services } from "../fixture.ts"

export interface Client {
  readonly probe?: Effect.Effect<void, string>
}

/** Targets that a test makes ill, and when each was asked. */
export const hospital = () => {
  const ill = new Set<string>()
  const asked: Array<readonly [id: string, at: number]> = []
  const probe = (target: { readonly id: string }): Effect.Effect<void, string> =>
    Effect.clockWith((clock) => {
      asked.push([target.id, clock.currentTimeMillisUnsafe()])
      return ill.has(target.id) ? Effect.fail("ill") : Effect.void
    })
  const times = (id: string) => asked.filter(([one]) => one === id).map(([, at]) => at)
  return { ill, asked, times, probe }
}

export const events: Array<readonly [string, Gate.GateEvent]> = []
const telemetry: Telemetry.Telemetry = {
  call: () => undefined,
  event: (target, event) => void events.push([target.id, event])
}

export const router = (options: HealthChecks.Options, clients: Record<string, Client> = { a: {}, b: {} }) =>
  Effect.suspend(() => {
    events.length = 0
    return Router.make({
      targets: Object.entries(clients).map(([id, client]): Target.TargetSpec<string, Client> => ({ id, client })),
      pipeline: Pipeline.before(DefaultPipeline.pipeline, "gates", HealthChecks.part(options))
    })
  }).pipe(Effect.provideService(Telemetry.CurrentTelemetry, telemetry), Effect.provide(services()))

export const steady = { jitter: 0, interval: "10 seconds" } as const
export const who = (made: Router.Any) => made.route({}, ({ target }) => Effect.succeed(target.id))
