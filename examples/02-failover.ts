// What happens when a provider says 429, another one is down, and a backup is there?
//
// `north` refuses its first request and asks for two seconds of rest; `south` is down for its first two. `reserve` stands
// in the second tier: it answers only when nobody before it can, and its answers are marked as degraded.
import { Defaults, RoutedModel } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider, RetryAfter } from "@spillway/providers/testing"
import { WeightedLeastConnections } from "@spillway/strategies"
import { Effect, Fiber, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"

// #region fake
const fake = await FakeProvider.start({
  models: {
    north: Behaviour.sequence([Behaviour.rateLimited({ retryAfter: RetryAfter.seconds(2) }), Behaviour.answer()]),
    south: Behaviour.outagesByRequest([{ from: 0, to: 2 }], Behaviour.status(503)),
    reserve: Behaviour.answer()
  }
})
// #endregion
const model = (name: string) => OpenAiCompatible.model({ model: name, baseUrl: fake.url })

const Chat = RoutedModel.layer({
  targets: [
    { id: "north", client: model("north") },
    { id: "south", client: model("south") },
    { id: "reserve", client: model("reserve") }
  ],
  tiers: [["north", "south"], ["reserve"]]
}).pipe(Layer.provide([WeightedLeastConnections.layer({ randomStart: false }), Defaults.layer]))

const program = Effect.gen(function* () {
  const router = yield* RoutedModel.CurrentRouter
  // Records go to whoever listens when the call begins, so listening starts first.
  const records = yield* router.decisions.pipe(
    Stream.take(3),
    Stream.runCollect,
    Effect.forkChild({ startImmediately: true })
  )
  const ask = LanguageModel.generateText({ prompt: "Name a river." })
  yield* ask
  yield* ask
  const { targets } = yield* router.status
  for (const { id, state } of targets) console.log(`${id}: ${state}`)
  yield* Effect.sleep("2100 millis")
  yield* ask

  for (const [n, record] of (yield* Fiber.join(records)).entries()) {
    console.log(`\ncall ${n + 1}: served by ${record.servedBy}, degraded: ${record.degraded}`)
    for (const { errorType, outcome, reason, target } of record.attempts) {
      console.log(`  ${reason.padEnd(8)} ${target.padEnd(7)} ${errorType ?? outcome}`)
    }
  }
})
await Effect.runPromise(Effect.provide(program, Chat))
await fake.close()

// Expect:
//   north: CoolingDown
//   south: up
//   reserve: up
//   call 1: served by reserve, degraded: true
//     primary  north   RateLimited
//     failover south   Overloaded
//     failover reserve won
//   call 2: served by reserve, degraded: true
//     primary  south   Overloaded
//     failover reserve won
//   call 3: served by north, degraded: false
//     primary  north   won
