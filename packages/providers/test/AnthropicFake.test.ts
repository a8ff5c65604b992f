import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Anthropic from "../src/Anthropic.ts"
import { Behaviour, FakeAnswer, FakeProvider } from "../src/testing/index.ts"
import { collect, generate, key, Weather } from "./support/Calls.ts"
import { finishOf, textOf } from "./support/Decoding.ts"

const connect = (behaviour: Behaviour.Behaviour, more: Partial<Anthropic.Options> = {}) =>
  Effect.flatMap(FakeProvider.make({ models: { m: behaviour } }), (fake) =>
    Anthropic.make({ model: "m", apiKey: key, baseUrl: fake.urls.anthropic, ...more }).pipe(
      Effect.provide(FetchHttpClient.layer)
    )
  )

describe("Anthropic and the fake provider", () => {
  it.effect("agree about answers, thinking, calls and usage, whole and streamed, at any split", () =>
    Effect.gen(function* () {
      const claude = yield* connect(Behaviour.splitBytes(3, Behaviour.reasoning(4)))
      const whole = yield* generate(claude, { prompt: "Q" })
      const streamed = yield* collect(claude, { prompt: "Q" })
      const said = whole.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")
      assert.isTrue(FakeAnswer.isCompleteAnswer("Q", said))
      assert.strictEqual(textOf(streamed), said)
      const thinking = whole.find((part) => part.type === "reasoning")
      assert.match(JSON.stringify(thinking?.metadata), /"signature":"\S+"/)
      assert.deepStrictEqual(finishOf(streamed).usage, (whole.at(-1) as ReturnType<typeof finishOf>).usage)
      assert.strictEqual(finishOf(streamed).usage.outputTokens.reasoning, 4)
      const tool = yield* connect(Behaviour.toolCall("Weather", { city: "Tromsø" }))
      for (const parts of [yield* generate(tool, { tools: [Weather] }), yield* collect(tool, { tools: [Weather] })]) {
        const call = parts.find((part) => part.type === "tool-call")
        assert.deepInclude(call, { name: "Weather", params: { city: "Tromsø" } })
        assert.deepInclude(parts.at(-1), { reason: "tool-calls" })
      }
    })
  )

  it.effect("agree about failures", () =>
    Effect.gen(function* () {
      for (const [behaviour, reason] of [
        [Behaviour.cutAfter(2), "InternalProviderError"],
        [Behaviour.endWithoutFinish(3), "InternalProviderError"],
        [Behaviour.malformedChunkAfter(2), "InvalidResponseError"],
        [Behaviour.errorIn200(), "InternalProviderError"],
        [Behaviour.rateLimited(), "RateLimitError"],
        [Behaviour.status(529), "InternalProviderError"],
        [Behaviour.contextTooLong({ window: 1 }), "InvalidRequestError"]
      ] as const) {
        const error = yield* Effect.flip(collect(yield* connect(behaviour), { prompt: "one two three" }))
        assert.strictEqual(error.reason._tag, reason)
      }
      const refused = yield* collect(yield* connect(Behaviour.contentFiltered({ asFinish: true })))
      assert.strictEqual(finishOf(refused).reason, "content-filter")
    })
  )

  it.effect("agree about an answer that was begun", () =>
    Effect.gen(function* () {
      const prompt = [
        { role: "user" as const, content: "Q" },
        { role: "assistant" as const, content: "amber " }
      ]
      const text = "amber anchor autumn"
      const able = yield* connect(Behaviour.answer({ text }), { capabilities: ["prefill"] })
      assert.strictEqual(textOf(yield* collect(able, { prompt })).trim(), "anchor autumn")
      const refusing = yield* connect(Behaviour.refusesPrefill(), { capabilities: ["prefill"] })
      const error = yield* Effect.flip(collect(refusing, { prompt }))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.include(JSON.stringify(error.reason), '"otherTarget":true')
    })
  )
})
