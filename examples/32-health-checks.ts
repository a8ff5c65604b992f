// How do I find out that a target is down before a user does?
//
// On virtual time: two targets, of which `b` stops answering its probe from second 30 to 90. Nobody calls it meanwhile; three
// checks in a row fail and it is left out, two succeed and it is back. Targets that answer calls are not probed at all.
import { DefaultPipeline, Defaults, HealthChecks, Pipeline, Router, Telemetry } from "@spillway/core"
import { Failover } from "@spillway/strategies"
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"

let seconds = 0
const isDown = () => seconds >= 30 && seconds < 90

// #region part
const pipeline = Pipeline.before(
  DefaultPipeline.pipeline,
  "gates",
  HealthChecks.part({
    interval: "10 seconds",
    unhealthyAfter: 3,
    healthyAfter: 2,
    // Default: the probe of the client, which models of vendors have.
    probe: ({ id }) => (id === "b" && isDown() ? Effect.fail("no answer") : Effect.void)
  })
)
// #endregion

const program = Effect.gen(function* () {
  const router = yield* Router.make({
    targets: [
      { id: "a", client: 0 },
      { id: "b", client: 0 }
    ],
    pipeline
  })
  for (let step = 0; step < 150; step++) {
    yield* TestClock.adjust("1 second")
    seconds = (yield* Clock.currentTimeMillis) / 1000
    if (seconds % 50 > 0) continue
    const { candidates } = yield* router.explain()
    console.log(`${seconds} s: ${candidates.map(({ excluded, target }) => `${target} ${excluded ?? "up"}`).join(", ")}`)
  }
})
const telemetry: Telemetry.Telemetry = {
  call: () => undefined,
  event: ({ id }, { _tag }) => console.log(`${Math.round(seconds)} s: ${_tag} ${id}`)
}
const world = Layer.mergeAll(
  Defaults.layer,
  Failover.layer(),
  Layer.succeed(Telemetry.CurrentTelemetry, telemetry),
  TestClock.layer()
)
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(world)))

// Expect:
//   /[56]\d s: TargetUnhealthy b/
//   100 s: a up, b Unhealthy
//   /1[01]\d s: TargetHealthy b/
//   150 s: a up, b up
