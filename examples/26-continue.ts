// How is a stream that was cut in the middle finished by another target, without repeating a word?
//
// `first` is cut after three words. `second` is asked to go on from there (a prefill). `plain` cannot: it begins anew, and a
// marker says so.
import { Defaults, RoutedModel } from "@spillway/core"
import { OpenAi, VLlm } from "@spillway/providers"
import { Behaviour, FakeAnswer, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { LanguageModel } from "effect/ai"

const answer = Behaviour.answer({ tokens: 6 })
// Of four events the first carries only the role.
const cut = Behaviour.cutAfter(4, answer)
let prefill: string | undefined
const listening = Behaviour.choose((request) => {
  prefill = request.prefill
  return answer
})
const fake = await FakeProvider.start({ models: { first: cut, second: listening, plain: listening } })
const [baseUrl, apiKey] = [fake.url, Redacted.make("your-key")]
const first = { id: "first", client: OpenAi.model({ model: "first", apiKey, baseUrl }) }
const second = { id: "second", client: VLlm.model({ model: "second", baseUrl }) } // has the capability `prefill`
const plain = { id: "plain", client: OpenAi.model({ model: "plain", apiKey, baseUrl }) }
const services = Layer.mergeAll(SmoothWeightedRoundRobin.layer(), Defaults.layer)
const question = "Name a river."

// #region consumer
const show = Effect.gen(function* () {
  let text = ""
  yield* Stream.runForEach(LanguageModel.streamText({ prompt: question }), (part) =>
    Effect.sync(() => {
      if (RoutedModel.isRestart(part)) {
        console.log("  the answer begins anew: forget what was shown")
        text = ""
      }
      if (RoutedModel.isContinuation(part)) console.log("  another target goes on: keep what was shown")
      if (part.type === "text-delta") {
        console.log(`  ${JSON.stringify(part.delta)}`)
        text += part.delta
      }
    })
  )
  return text
})
// #endregion

const run = async (backup: typeof second) => {
  console.log(`${first.id}, then ${backup.id}`)
  const Chat = RoutedModel.layer({ targets: [first, backup], tiers: [["first"], [backup.id]], onBreak: "continue" })
  const program = Effect.gen(function* () {
    const router = yield* RoutedModel.CurrentRouter
    const one = Stream.runCollect(Stream.take(router.decisions, 1))
    const records = yield* Effect.forkChild(one, { startImmediately: true })
    const text = yield* show
    console.log(`  ${FakeAnswer.isCompleteAnswer(question, text) ? "the whole answer" : "not the whole answer"}`)
    console.log(`  the backup was asked to go on from ${JSON.stringify(prefill)}`)
    const attempts = (yield* Fiber.join(records)).flatMap((record) => record.attempts)
    for (const { errorType, notes, outcome, target } of attempts) console.log(" ", target, outcome, errorType ?? notes)
  })
  await Effect.runPromise(Effect.provide(program, Layer.provide(Chat, services)))
}
await run(second)
await run(plain)
await fake.close()

// Expect:
//   first, then second
//     another target goes on: keep what was shown
//     " glass"
//     the whole answer
//     the backup was asked to go on from "willow juniper saffron"
//     first failed Truncated
//     second won [ 'Continue' ]
//   first, then plain
//     " saffron"
//     the answer begins anew: forget what was shown
//     the whole answer
//     plain won [ 'Restart' ]
