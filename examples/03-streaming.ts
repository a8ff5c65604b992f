// What does a reader see when a stream breaks in the middle?
//
// Until the first word arrives, a break moves to another target unseen. After it, `onBreak` decides. The same question
// three times; each time `first` is cut after three words, and `second` would answer whole.
import { Defaults, RoutedModel } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeAnswer, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"

const answer = Behaviour.answer({ tokens: 6 })
// Of four events the first carries only the role.
const fake = await FakeProvider.start({ models: { first: Behaviour.cutAfter(4, answer), second: answer } })
const model = (name: string) => OpenAiCompatible.model({ model: name, baseUrl: fake.url })
const question = "Name a river."

const chat = (onBreak: "fail" | "restart" | "buffered") =>
  RoutedModel.layer({
    targets: [
      { id: "first", client: model("first") },
      { id: "second", client: model("second") }
    ],
    tiers: [["first"], ["second"]],
    onBreak
  }).pipe(Layer.provide([SmoothWeightedRoundRobin.layer(), Defaults.layer]))

for (const onBreak of ["fail", "restart", "buffered"] as const) {
  console.log(`onBreak: "${onBreak}"`)
  let text = ""
  const show = Stream.runForEach(LanguageModel.streamText({ prompt: question }), (part) =>
    Effect.sync(() => {
      if (RoutedModel.isRestart(part)) {
        console.log(`  shown  ${text}\n  forget what was shown, the answer begins anew`)
        text = ""
      }
      if (part.type === "text-delta") text += part.delta
    })
  )
  const ended = Effect.match(show, { onSuccess: () => "ended", onFailure: (error) => `failed: ${error.message}` })
  const how = await Effect.runPromise(Effect.provide(ended, chat(onBreak)))
  console.log(`  shown  ${text}`)
  const whole = FakeAnswer.isCompleteAnswer(question, text)
  console.log(`  ${how}; ${whole ? "the whole answer" : "not the whole answer"}\n`)
}
await fake.close()

// Expect:
//   onBreak: "fail"
//     shown  willow juniper saffron
//     /failed: .* The stream from first broke after \d+ parts .*; not the whole answer/
//   onBreak: "restart"
//     shown  willow juniper saffron
//     forget what was shown, the answer begins anew
//     shown  willow juniper saffron glass garden #054a9fd5
//     ended; the whole answer
//   onBreak: "buffered"
//     shown  willow juniper saffron glass garden #054a9fd5
//     ended; the whole answer
