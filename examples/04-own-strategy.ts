// How do I write a strategy of my own, and how do I know that it is one?
//
// A strategy is a name and one function. `eligible` is already everything else: constraints, breakers, limits, and what
// the call has tried before. `StrategyLaws` is what every strategy must do; it runs in any test runner, or in none.
import { type Candidate, Defaults, RoutedModel, Strategy } from "@spillway/core"
import { LawBroken, StrategyLaws } from "@spillway/core/testing"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { Effect, Layer } from "effect"
import { LanguageModel } from "effect/ai"

// #region strategy
const price = ({ target }: Candidate.Candidate) => target.price?.output ?? Number.MAX_VALUE

/** The cheapest target that may take the call; one whose price is not known comes last. */
const cheapest: Strategy.Strategy = {
  name: "cheapest",
  make: (candidates) => {
    const byPrice = [...candidates].sort((a, b) => price(a) - price(b))
    return Effect.succeed({ pick: (_request, eligible) => byPrice.find(eligible), score: price })
  }
}
// #endregion

for (const law of StrategyLaws.laws) {
  law.check(cheapest)
  console.log(`holds: ${law.name}`)
}

// A law that does not hold says where. This one asks nobody whether its pick may take the call.
const stubborn: Strategy.Strategy = {
  name: "stubborn",
  make: (candidates) => Effect.succeed({ pick: () => candidates[0] })
}
try {
  StrategyLaws.check(stubborn)
} catch (error) {
  console.log(`\nbroken: ${error instanceof LawBroken.LawBroken ? error.law : error}`)
}

const fake = await FakeProvider.start({ models: { chat: Behaviour.answer() } })
const client = OpenAiCompatible.model({ model: "chat", baseUrl: fake.url })
const Chat = RoutedModel.layer({
  targets: [
    { id: "large", client, price: { input: 3, output: 15 } },
    { id: "small", client, price: { input: 0.2, output: 0.8 } },
    { id: "own", client }
  ]
}).pipe(Layer.provide([Layer.succeed(Strategy.CurrentStrategy, cheapest), Defaults.layer]))

const program = Effect.gen(function* () {
  const router = yield* RoutedModel.CurrentRouter
  const ask = LanguageModel.generateText({ prompt: "Name a river." })
  console.log(`\nby ${(yield* router.status).strategy}: ${(yield* router.explain()).pick}`)
  yield* ask
  yield* router.isolate("small") // out of rotation by hand
  console.log(`without small: ${(yield* router.explain()).pick}`)
  yield* ask
  for (const { answered, id } of (yield* router.status).targets) console.log(`${id} answered ${answered}`)
})
await Effect.runPromise(Effect.provide(program, Chat))
await fake.close()

// Expect:
//   holds: picks an eligible candidate it was given, and none only when none is eligible
//   holds: leaves the list it was given as it is
//   broken: picks an eligible candidate it was given, and none only when none is eligible
//   by cheapest: small
//   without small: large
//   large answered 1
//   small answered 1
//   own answered 0
