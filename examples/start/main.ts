/**
 * The main job: 2,000 calls over three providers with weights 5/3/2 and one backup, while one of them answers 429 in
 * bursts, one cuts streams and hangs, and one goes down and comes back. `--json` prints one object instead of the summary,
 * `--live "question"` asks real providers.
 */
import { Defaults, RoutedModel, Telemetry, Trip } from "@spillway/core"
import { WeightedLeastConnections } from "@spillway/strategies"
import { Effect, Fiber, Layer, Schedule, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { ask } from "./Live.ts"
import * as Providers from "./Providers.ts"
import * as Summary from "./Summary.ts"
import { Timeline } from "./Timeline.ts"
import * as Traffic from "./Traffic.ts"
import * as Views from "./Views.ts"

const calls = 2000
const json = process.argv.includes("--json")
const live = process.argv.indexOf("--live")
const unknown = process.argv
  .slice(2)
  .filter((arg, i) => arg !== "--json" && arg !== "--live" && !(live >= 0 && i === live - 1))
if (unknown.length > 0) {
  console.error(`npm start takes --json, or --live "question"; not ${unknown.join(" ")}`)
  process.exit(2)
}

const job = Effect.gen(function* () {
  const { north, east, south, reserve } = yield* Providers.start
  const timeline = new Timeline()
  const Routed = RoutedModel.layer({
    targets: [
      { id: "north", client: north, weight: 5, limits: { maxInFlight: 24 } },
      { id: "east", client: east, weight: 3, limits: { maxInFlight: 24 } },
      { id: "south", client: south, weight: 2, limits: { maxInFlight: 24 } },
      { id: "reserve", client: reserve }
    ],
    tiers: [["north", "east", "south"], ["reserve"]],
    timeouts: { attempt: "2500 millis", firstContent: "1500 millis", idle: "1500 millis" },
    onBreak: "restart"
  }).pipe(
    Layer.provide([
      WeightedLeastConnections.layer(),
      Defaults.make({
        gates: {
          breaker: {
            trip: Trip.timeWindow({ window: "2 seconds", minCalls: 10 }),
            openFor: "400 millis",
            rampFor: false
          }
        },
        retry: { maxAttempts: 6, budget: { minPerSecond: 20 } }
      }),
      Layer.succeed(Telemetry.CurrentTelemetry, timeline)
    ])
  )
  return yield* Effect.provide(routed(timeline), Routed)
})

const routed = Effect.fnUntraced(function* (timeline: Timeline) {
  const router = yield* RoutedModel.CurrentRouter
  const counts = Traffic.tally(calls)
  const plain = json ? console.error : console.log
  const view = process.stdout.isTTY && !json ? Views.terminal(process.stdout) : Views.lines(plain)
  let degraded = 0
  const watching = yield* Effect.forkChild(
    Stream.runForEach(router.decisions, (record) =>
      Effect.sync(() => {
        if (record.outcome === "ok" && record.degraded) degraded++
        timeline.decided(record)
      })
    ),
    { startImmediately: true }
  )
  const draw = Effect.map(router.status, (status) => view.update(status, counts))
  const drawing = yield* Effect.forkChild(Effect.repeat(draw, Schedule.spaced("100 millis")))
  yield* Traffic.run(counts, 32)
  yield* Fiber.interrupt(drawing)
  yield* draw
  yield* Fiber.interrupt(watching)
  const summary = Summary.make(counts, yield* router.status, degraded)
  console.log(json ? JSON.stringify(summary) : Summary.toText(summary, timeline.sentences(), counts.errors))
  return summary.failed === 0 && summary.truncatedShownAsSuccess === 0 ? 0 : 1
})

const stop = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort())

const program = live >= 0 ? ask(process.argv[live + 1]) : job
process.exitCode = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)), {
  signal: stop.signal
})
