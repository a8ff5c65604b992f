import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { LanguageModel, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as DeepSeek from "../src/DeepSeek.ts"
import * as OpenAi from "../src/OpenAi.ts"
import { key, Weather } from "./support/Calls.ts"
import { bytes, chunk, stream } from "./support/Fixtures.ts"
import { reply, replySse, serve } from "./support/Server.ts"

const openAi = (baseUrl: string) =>
  OpenAi.layer({ model: "gpt-5.2", apiKey: key, baseUrl }).pipe(Layer.provide(FetchHttpClient.layer))

const deepSeek = (baseUrl: string) =>
  DeepSeek.layer({ model: "deepseek-flash", apiKey: key, baseUrl }).pipe(Layer.provide(FetchHttpClient.layer))

const completion = (message: object, finish_reason = "stop") => ({
  id: "c",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason }],
  usage: { prompt_tokens: 1, completion_tokens: 1 }
})

const City = Schema.Struct({ name: Schema.String, population: Schema.optionalKey(Schema.Int) })
const Kit = Toolkit.make(Weather)
const handlers = Kit.toLayer({ Weather: ({ city }) => Effect.succeed({ degrees: city.length }) })

describe("as LanguageModel of effect/ai", () => {
  it.effect("generates an object by JSON Schema and by JSON in words", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, completion({ content: '{"name":"Oslo","population":717000}' })))
      for (const layer of [openAi(server.url), deepSeek(server.url)]) {
        const { value } = yield* LanguageModel.generateObject({ prompt: "A city", schema: City }).pipe(
          Effect.provide(layer)
        )
        assert.deepStrictEqual(value, { name: "Oslo", population: 717000 })
      }
      const formats = server.received.map((received) => received.body["response_format"] as { type: string })
      assert.deepStrictEqual(
        formats.map((format) => format.type),
        ["json_schema", "json_object"]
      )
    })
  )

  it.effect("fails as structured output when the object does not fit", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, completion({ content: '{"name":5}' })))
      const error = yield* LanguageModel.generateObject({ prompt: "A city", schema: City }).pipe(
        Effect.provide(openAi(server.url)),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
    })
  )

  it.effect("runs the tools of a whole answer", () =>
    Effect.gen(function* () {
      const call = { id: "call_1", type: "function", function: { name: "Weather", arguments: '{"city":"Oslo"}' } }
      const server = yield* serve(reply(200, completion({ content: null, tool_calls: [call] }, "tool_calls")))
      const answer = yield* LanguageModel.generateText({ prompt: "?", toolkit: Kit }).pipe(
        Effect.provide([openAi(server.url), handlers])
      )
      assert.strictEqual(answer.finishReason, "tool-calls")
      assert.deepStrictEqual(answer.toolResults[0]?.result, { degrees: 4 })
    })
  )

  it.effect("runs the tools of a stream", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(bytes("openai-tools.sse")))
      const parts = yield* LanguageModel.streamText({ prompt: "?", toolkit: Kit }).pipe(
        Stream.runCollect,
        Effect.provide([openAi(server.url), handlers])
      )
      const results = parts.flatMap((part) => (part.type === "tool-result" ? [part.result] : []))
      assert.deepStrictEqual(results, [{ degrees: 6 }, { degrees: 6 }])
      assert.strictEqual(parts.at(-1)?.type, "finish")
    })
  )

  it.effect("runs no tool of an answer that was cut", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const watched = Kit.toLayer({
        Weather: ({ city }) =>
          Effect.sync(() => {
            ran.push(city)
            return { degrees: 1 }
          })
      })
      const call = { index: 0, id: "a", function: { name: "Weather", arguments: '{"city":"Oslo"}' } }
      const server = yield* serve(replySse(stream(chunk({ tool_calls: [call] }))))
      const error = yield* LanguageModel.streamText({ prompt: "?", toolkit: Kit }).pipe(
        Stream.runDrain,
        Effect.provide([openAi(server.url), watched]),
        Effect.flip
      )
      assert.strictEqual(error._tag, "AiError")
      assert.deepStrictEqual(ran, [])
    })
  )

  it.effect("streams reasoning and text of DeepSeek, with usage", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(bytes("deepseek-reasoning.sse")))
      const parts = yield* LanguageModel.streamText({ prompt: "7 x 6?" }).pipe(
        Stream.runCollect,
        Effect.provide(deepSeek(server.url))
      )
      const join = (type: "text-delta" | "reasoning-delta") =>
        parts.map((part) => (part.type === type ? part.delta : "")).join("")
      assert.strictEqual(join("text-delta"), "答案是 42 🎉")
      assert.strictEqual(join("reasoning-delta"), "Größe: 7 × 6 \u2028= 42")
      const finish = parts.find((part) => part.type === "finish")
      assert.strictEqual(finish?.usage.inputTokens.cacheRead, 12)
    })
  )
})
