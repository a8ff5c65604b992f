// How are texts embedded by whichever vendor is well, without ever mixing vectors that do not compare?
//
// One model at two vendors is one space: the router moves between them. Another model is another space, and is refused when
// the router is made.
import { Defaults, RoutedEmbedding } from "@spillway/core"
import { AzureOpenAi, OpenAi } from "@spillway/providers"
import { Behaviour, FakeAnswer, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { EmbeddingModel } from "effect/ai"

const model = "text-embedding-3-small"
const busy = Behaviour.rateLimited()
const fake = await FakeProvider.start({
  models: { [model]: Behaviour.sequence([Behaviour.answer(), busy]), "my-deployment": Behaviour.answer() }
})
const apiKey = Redacted.make("your-key")
const services = Layer.mergeAll(SmoothWeightedRoundRobin.layer({ randomStart: false }), Defaults.layer)

// #region layer
const openai = OpenAi.embeddingModel({ model, apiKey, baseUrl: fake.urls.openai })
// A deployment's name says nothing about the model: `space` does.
const azure = AzureOpenAi.embeddingModel({ model: "my-deployment", space: model, apiKey, baseUrl: fake.urls.azure })
const Embeddings = RoutedEmbedding.layer({
  targets: [
    { id: "openai", client: openai },
    { id: "azure", client: azure }
  ],
  tiers: [["openai"], ["azure"]],
  maxTexts: 2048 // more are asked for in several requests
}).pipe(Layer.provide(services))
// #endregion

const program = Effect.gen(function* () {
  const embedding = yield* EmbeddingModel.EmbeddingModel
  const router = yield* RoutedEmbedding.CurrentRouter
  for (const texts of [["Oder", "Rhine"], ["Elbe"]]) {
    const { embeddings, usage } = yield* embedding.embedMany(texts)
    const right = embeddings.every(({ vector }, i) => `${vector}` === `${FakeAnswer.embeddingOf(texts[i] ?? "")}`)
    console.log(`${embeddings.length} vectors, ${right ? "each of its text" : "mixed up"}, ${usage.inputTokens} tokens`)
  }
  const { targets } = yield* router.status
  for (const { answered, id, state } of targets) console.log(`${id} answered ${answered}, ${state}`)
})
await Effect.runPromise(Effect.provide(program, Embeddings))

const large = OpenAi.embeddingModel({ model: "text-embedding-3-large", apiKey, baseUrl: fake.urls.openai })
const Mixed = RoutedEmbedding.layer({
  targets: [
    { id: "small", client: openai },
    { id: "large", client: large }
  ]
}).pipe(Layer.provide(services))
const refused = await Effect.runPromiseExit(Effect.scoped(Layer.build(Mixed)))
if (Exit.isFailure(refused)) console.log(String(Cause.squash(refused.cause)))
await fake.close()

// Expect:
//   2 vectors, each of its text, 2 tokens
//   1 vectors, each of its text, 1 tokens
//   openai answered 1, CoolingDown
//   azure answered 1, up
//   must be "text-embedding-3-small", as that of the first target, got "text-embedding-3-large"
