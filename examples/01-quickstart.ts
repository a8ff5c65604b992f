// How do I ask one model and have three providers answer, in shares of 5, 3 and 2?
//
// The application asks for `LanguageModel` of effect/ai, as it would without Spillway. The layer decides who answers.

// #region quickstart
import { Defaults, RoutedModel } from "@spillway/core"
import { DeepSeek, OpenAi, OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { WeightedLeastConnections } from "@spillway/strategies"
import { Effect, Layer, Redacted } from "effect"
import { LanguageModel } from "effect/ai"

const fake = await FakeProvider.start({ models: { chat: Behaviour.answer() } }) // stands in for all three
const vendor = { model: "chat", apiKey: Redacted.make("your-key"), baseUrl: fake.url }

const Chat = RoutedModel.layer({
  targets: [
    { id: "deepseek", client: DeepSeek.model(vendor), weight: 5 },
    { id: "openai", client: OpenAi.model(vendor), weight: 3 },
    { id: "own", client: OpenAiCompatible.model(vendor), weight: 2 }
  ]
}).pipe(Layer.provide([WeightedLeastConnections.layer(), Defaults.layer]))

const question = LanguageModel.generateText({ prompt: "Name a river." })
console.log((await Effect.runPromise(Effect.provide(question, Chat))).text)
await fake.close()
// #endregion

// Twenty calls one after the other to such a router, over another fake; the router knows who answered.
const other = await FakeProvider.start({ models: { chat: Behaviour.answer() } })
const client = OpenAiCompatible.model({ model: "chat", baseUrl: other.url })
const Shares = RoutedModel.layer({
  targets: [
    { id: "deepseek", client, weight: 5 },
    { id: "openai", client, weight: 3 },
    { id: "own", client, weight: 2 }
  ]
}).pipe(Layer.provide([WeightedLeastConnections.layer(), Defaults.layer]))

const shares = Effect.gen(function* () {
  for (let n = 0; n < 20; n++) yield* question
  const router = yield* RoutedModel.CurrentRouter
  const { strategy, targets } = yield* router.status
  console.log(`\n20 calls by ${strategy}`)
  for (const { answered, id, weight } of targets) console.log(`${id.padEnd(8)} weight ${weight}  answered ${answered}`)
})
await Effect.runPromise(Effect.provide(shares, Shares))
await other.close()

// Expect:
//   /^\S+ \S+ .*#[0-9a-f]{8}$/m
//   20 calls by weighted-least-connections
//   deepseek weight 5  answered 10
//   openai   weight 3  answered 6
//   own      weight 2  answered 4
