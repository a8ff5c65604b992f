// When does a call that takes long get a second copy, who wins, and what does it cost?
//
// Two targets of one model answer within 80 to 119 ms; then one of them is stuck for 5 seconds. Time is virtual.
import * as Defaults from "@spillway/core/Defaults"
import type * as Hedge from "@spillway/core/Hedge"
import * as Router from "@spillway/core/Router"
import * as WeightedLeastConnections from "@spillway/strategies/WeightedLeastConnections"
import { Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"

// #region options
const hedge: Hedge.Options = { percentile: 0.95, maxExtra: 0.05 }
const services = Layer.merge(Defaults.make({ hedge }), WeightedLeastConnections.layer({ randomStart: false }))
// #endregion

const program = Effect.gen(function* () {
  const router = yield* Router.make({
    targets: [
      { id: "north", model: "chat", client: "https://north.example" },
      { id: "south", model: "chat", client: "https://south.example" }
    ]
  })
  /** The first attempt takes `ms` milliseconds, a copy 100. */
  const ask = (ms: number, idempotent = true) =>
    router.route({ idempotent }, ({ reason }) => Effect.sleep(reason === "hedge" ? 100 : ms))
  /** The same as a stream of two parts, the second one after `rest` more milliseconds. */
  const part = (text: string, ms: number) => Stream.fromEffect(Effect.delay(Effect.succeed(text), ms))
  const read = (ms: number, rest: number) =>
    Stream.runDrain(
      router.stream({}, ({ reason }) => Stream.concat(part("Rhi", reason === "hedge" ? 100 : ms), part("ne", rest)))
    )

  for (let n = 0; n < 20; n++) {
    yield* ask(80 + ((n * 7) % 40))
    yield* read(80 + ((n * 7) % 40), 10)
  }
  // Two copies are earned by now: 5 % of 40 calls.

  // #region record
  const told = Stream.runForEach(router.decisions, ({ attempts, servedBy, totalMs }) =>
    Effect.sync(() => {
      console.log(`  ${totalMs} ms, answered by ${servedBy}`)
      for (const { ms, outcome, reason, startedAt, target } of attempts) {
        console.log(`    ${target} (${reason}) ${outcome}: from ${startedAt} to ${startedAt + ms} ms`)
      }
    })
  )
  // #endregion
  yield* Effect.forkChild(told, { startImmediately: true })
  const show = <A, E>(title: string, call: Effect.Effect<A, E>) =>
    Effect.andThen(
      Effect.sync(() => console.log(title)),
      Effect.andThen(call, Effect.yieldNow)
    )
  yield* show("stuck", ask(5000))
  yield* show("stuck, and not to be sent twice", ask(5000, false))
  yield* show("a stream that does not begin", read(5000, 10))
  yield* show("a stream that is stuck after its beginning", read(90, 5000))
  yield* show("stuck when both copies are spent", ask(5000))
})

const run = Effect.all([Effect.provide(Effect.scoped(program), services), TestClock.adjust("1 minute")], {
  concurrency: 2
})
await Effect.runPromise(Effect.provide(run, TestClock.layer()))

// Expect:
//   stuck
//   220 ms, answered by south
//   /north .primary. \w+: from 0 to 220 ms/
//   south (hedge) won: from 120 to 220 ms
//   stuck, and not to be sent twice
//   5000 ms
//   a stream that does not begin
//   south (hedge) won: from 120 to 230 ms
//   a stream that is stuck after its beginning
//   5090 ms
//   stuck when both copies are spent
//   /5000 ms, answered by north\n    north .primary. won/
