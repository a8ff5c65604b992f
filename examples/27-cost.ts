// What did a call cost, where the price depends on the hour, and where does the price come from?
//
// The catalogue knows that DeepSeek takes twice as much in its peak hours (Monday to Friday, 01 to 04 and 06 to 10 UTC). The
// clock is virtual, so the example can look at both. The fake counts a word as a token.
import { Defaults, RoutedModel } from "@spillway/core"
import { Catalogue, DeepSeek, OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer, Redacted, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"

const answer = Behaviour.answer({ tokens: 500 })
const fake = await FakeProvider.start({ models: { "deepseek-flash": answer, own: answer, unknown: answer } })
const baseUrl = fake.url

// #region pricing
const flash = DeepSeek.model({ model: "deepseek-flash", apiKey: Redacted.make("your-key"), baseUrl })
const Chat = RoutedModel.layer({
  targets: [
    { id: "flash", client: flash }, // the catalogue knows its price
    { id: "own", client: OpenAiCompatible.model({ model: "own", baseUrl }), price: { input: 0.1, output: 0.4 } },
    { id: "unknown", client: OpenAiCompatible.model({ model: "unknown", baseUrl }) } // nobody does
  ]
}).pipe(Layer.provide([SmoothWeightedRoundRobin.layer({ randomStart: false }), Defaults.layer, Catalogue.pricing()]))
// #endregion

const prompt = "Name a river. ".repeat(1000)
const usd = (amount: number | undefined) => (amount === undefined ? "not known" : `$${amount.toFixed(6)}`)

const program = Effect.gen(function* () {
  const router = yield* RoutedModel.CurrentRouter
  // #region records
  const tell = Stream.runForEach(router.decisions, ({ at, attempts, costUsd }) =>
    Effect.sync(() => {
      console.log(`${new Date(at).toUTCString().slice(0, 22)}: ${usd(costUsd)}`)
      for (const { costSource, costUsd, facts, target } of attempts) {
        const { inputTokens = 0, outputTokens = 0 } = facts ?? {}
        console.log(
          `  ${target}: ${inputTokens} + ${outputTokens} tokens, ${usd(costUsd)} (${costSource ?? "no price"})`
        )
      }
    })
  )
  // #endregion
  yield* Effect.forkChild(tell, { startImmediately: true })
  for (const hour of ["2026-11-23T02:00Z", "2026-11-23T12:00Z"]) {
    yield* TestClock.setTime(Date.parse(hour))
    for (let call = 0; call < 3; call++) yield* LanguageModel.generateText({ prompt })
  }
  yield* Effect.yieldNow
})
await Effect.runPromise(Effect.provide(Effect.provide(program, Chat), TestClock.layer()))

await fake.close()

// #region facts
const { asOf, models } = Catalogue.snapshot()
const { contextWindow, price } = Catalogue.facts("deepseek", "deepseek-flash") ?? {}
// #endregion
console.log(`the catalogue is of ${asOf} and knows ${models.size} vendors`)
console.log(`deepseek-flash: ${contextWindow} tokens, $${price?.input} and $${price?.output} per million`, price?.rules)

// Expect:
//   Mon, 23 Nov 2026 02:00: $0.001500
//     flash: 3001 + 500 tokens, $0.001500 (local)
//   Mon, 23 Nov 2026 02:00: $0.000500
//   Mon, 23 Nov 2026 02:00: not known
//     unknown: 3001 + 500 tokens, not known (no price)
//   Mon, 23 Nov 2026 12:00: $0.000750
//     flash: 3001 + 500 tokens, $0.000750 (local)
//   Mon, 23 Nov 2026 12:00: $0.000500
//   /the catalogue is of \d{4}-\d\d-\d\d and knows \d+ vendors/
//   deepseek-flash: 1000000 tokens, $0.3 and $1.2 per million
