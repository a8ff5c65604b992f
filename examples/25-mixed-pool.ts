// How do vendors of five dialects stand in one pool, and what does a caller see when one of them goes down?
//
// One fake provider speaks all five. Every answer ends in a checksum of its question, so a cut or mixed-up one would show.
import { Defaults, RoutedModel } from "@spillway/core"
import { Anthropic, Bedrock, Gemini, OpenAi, OpenAiResponses } from "@spillway/providers"
import { Behaviour, FakeAnswer, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer, Redacted, Stream } from "effect"
import { LanguageModel } from "effect/ai"

const answer = Behaviour.answer({ tokens: 8 })
const names = ["gpt", "gpt-responses", "claude", "gemini", "nova"]
const fake = await FakeProvider.start({ models: Object.fromEntries(names.map((name) => [name, answer])) })
const { anthropic, bedrock, gemini, openai } = fake.urls
const apiKey = Redacted.make("your-key")

// #region pool
const Chat = RoutedModel.layer({
  targets: [
    { id: "chat", client: OpenAi.model({ model: "gpt", apiKey, baseUrl: openai }) },
    { id: "responses", client: OpenAiResponses.model({ model: "gpt-responses", apiKey, baseUrl: openai }) },
    { id: "messages", client: Anthropic.model({ model: "claude", apiKey, baseUrl: anthropic }) },
    { id: "gemini", client: Gemini.model({ model: "gemini", apiKey, baseUrl: gemini }) },
    { id: "converse", client: Bedrock.model({ model: "nova", apiKey, region: "eu-central-1", baseUrl: bedrock }) }
  ]
}).pipe(Layer.provide([SmoothWeightedRoundRobin.layer({ randomStart: false }), Defaults.layer]))
// #endregion

/** Even questions are asked whole, odd ones streamed; true when the answer is complete. */
const ask = (n: number) => {
  const question = `Question ${n}: name a river.`
  const text =
    n % 2 === 0
      ? Effect.map(LanguageModel.generateText({ prompt: question }), (answer) => answer.text)
      : Stream.runFold(
          LanguageModel.streamText({ prompt: question }),
          () => "",
          (text, part) => (part.type === "text-delta" ? text + part.delta : text)
        )
  return Effect.map(text, (text) => FakeAnswer.isCompleteAnswer(question, text))
}

const program = Effect.gen(function* () {
  const router = yield* RoutedModel.CurrentRouter
  let before = new Map<string, number>()
  const round = Effect.fnUntraced(function* (title: string, from: number) {
    fake.clear()
    let whole = 0
    for (let n = from; n < from + 40; n++) if (yield* ask(n)) whole++
    console.log(`${title}: ${whole} of 40 answered whole`)
    const { targets } = yield* router.status
    targets.forEach(({ answered, id, state }, i) => {
      const requests = fake.count(names[i])
      console.log(`  ${id.padEnd(9)} ${requests} requests, ${answered - (before.get(id) ?? 0)} answers, ${state}`)
    })
    before = new Map(targets.map(({ answered, id }) => [id, answered]))
  })
  yield* round("all are well", 0)
  fake.script("claude", Behaviour.status(503))
  yield* round("one is down", 40)
})
await Effect.runPromise(Effect.provide(program, Chat))
await fake.close()

// Expect:
//   all are well: 20 of 40 answered whole
//     chat      4 requests, 4 answers, up

// Expect:
//   all are well: 40 of 40 answered whole
//     chat      8 requests, 8 answers, up
//     responses 8 requests, 8 answers, up
//     messages  8 requests, 8 answers, up
//     gemini    8 requests, 8 answers, up
//     converse  8 requests, 8 answers, up
//   one is down: 40 of 40 answered whole
//     /messages  \d requests, 0 answers, Breaker\w+/
//     /converse  \d+ requests, \d+ answers, up/
