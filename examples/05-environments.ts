// How does one program route differently in development, in tests and in production?
//
// The program below knows of no environment. Each environment is a layer: a strategy, and what a router needs besides.
// Two providers: `broken` answers every request with 503, `sound` answers.
import { Defaults, Gates, RateLimit, RoutedModel, Trip } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { PowerOfTwo, SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer } from "effect"
import { LanguageModel } from "effect/ai"

const fake = await FakeProvider.start({ models: { broken: Behaviour.status(503), sound: Behaviour.answer() } })
const model = (name: string) => OpenAiCompatible.model({ model: name, baseUrl: fake.url })

const Chat = RoutedModel.layer({
  targets: [
    { id: "broken", client: model("broken") },
    { id: "sound", client: model("sound") }
  ]
})

// #region environments
const inTurn = SmoothWeightedRoundRobin.layer({ randomStart: false })
const environments = {
  // A failure is to be seen, and a loop that runs away is to stay cheap: one attempt, 60 requests a minute per target.
  dev: Layer.mergeAll(
    inTurn,
    Defaults.make({ retry: { maxAttempts: 1 } }),
    // Of two layers for one service the later one counts: this one replaces the gates of the defaults.
    Layer.succeed(Gates.Gates, () => [RateLimit.make({ requestsPerMinute: 60, burst: 10 })])
  ),
  // As production, but in a known order, and with a breaker that opens after two failures.
  test: Layer.mergeAll(
    inTurn,
    Defaults.make({ gates: { breaker: { trip: Trip.consecutive(2), openFor: "1 minute" } } })
  ),
  prod: Layer.mergeAll(PowerOfTwo.layer(), Defaults.layer)
}
// #endregion

const program = Effect.gen(function* () {
  const ask = LanguageModel.generateText({ prompt: "Name a river." })
  const answers: Array<string> = []
  for (let n = 0; n < 4; n++) {
    answers.push(yield* Effect.match(ask, { onSuccess: () => "answered", onFailure: () => "failed" }))
  }
  const router = yield* RoutedModel.CurrentRouter
  const { strategy, targets } = yield* router.status
  console.log(`  strategy ${strategy}, gates ${Object.keys(targets[0]?.gates ?? {}).join(", ")}`)
  console.log(`  ${answers.join(", ")}; broken is ${targets[0]?.state}`)
})

for (const [name, environment] of Object.entries(environments)) {
  console.log(name)
  await Effect.runPromise(program.pipe(Effect.provide(Layer.provide(Chat, environment))))
}
await fake.close()

// Expect:
//   dev
//     strategy smooth-wrr, gates rate-limit
//     failed, answered, failed, answered; broken is up
//   test
//     strategy smooth-wrr, gates cooldown, bulkhead, breaker
//     answered, answered, answered, answered; broken is BreakerOpen
//   prod
//     strategy p2c-tokens, gates cooldown, bulkhead, breaker
//     answered, answered, answered, answered; broken is up
