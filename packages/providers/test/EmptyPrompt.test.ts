/** A prompt that says nothing: the same failure in every dialect, and nothing is sent. */
import { assert, describe, it } from "@effect/vitest"
import { classify } from "@spillway/core/Classifier"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import { Effect } from "effect"
import type { Prompt } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as Anthropic from "../src/Anthropic.ts"
import * as Bedrock from "../src/Bedrock.ts"
import * as Gemini from "../src/Gemini.ts"
import * as OpenAiResponses from "../src/OpenAiResponses.ts"
import { collect, compatible, generate, key } from "./support/Calls.ts"
import { reply, serve } from "./support/Server.ts"

const dialects: Readonly<Record<string, (baseUrl: string) => Effect.Effect<ProviderModel>>> = {
  chat: (baseUrl) => compatible(baseUrl),
  responses: (baseUrl) => over(OpenAiResponses.make({ model: "m", apiKey: key, baseUrl })),
  messages: (baseUrl) => over(Anthropic.make({ model: "m", apiKey: key, baseUrl })),
  gemini: (baseUrl) => over(Gemini.make({ model: "m", apiKey: key, baseUrl })),
  converse: (baseUrl) => over(Bedrock.make({ model: "m", region: "eu-central-1", apiKey: key, baseUrl }))
}
const over = Effect.provide(FetchHttpClient.layer)

const empty: Readonly<Record<string, Prompt.RawInput>> = {
  "no message": [],
  "no text": "",
  blanks: " \n",
  "messages without content": [
    { role: "user", content: [] },
    { role: "assistant", content: [{ type: "text", text: "" }] }
  ],
  "blank system text": [{ role: "system", content: " " }],
  "thinking alone": [{ role: "assistant", content: [{ type: "reasoning", text: "Hm." }] }]
}

const said: Readonly<Record<string, Prompt.RawInput>> = {
  "system text": [{ role: "system", content: "Be brief." }],
  "a picture": [{ role: "user", content: [{ type: "file", mediaType: "image/png", data: new Uint8Array([1]) }] }],
  "a word after blanks": [
    { role: "user", content: [{ type: "text", text: " " }] },
    { role: "user", content: [{ type: "text", text: "?" }] }
  ]
}

for (const [dialect, at] of Object.entries(dialects)) {
  describe(`an empty prompt, by ${dialect}`, () => {
    it.effect("fails before anything is sent", () =>
      Effect.gen(function* () {
        const server = yield* serve(reply(500, {}))
        const model = yield* at(server.url)
        for (const [what, prompt] of Object.entries(empty)) {
          const errors = [
            yield* Effect.flip(generate(model, { prompt })),
            yield* Effect.flip(collect(model, { prompt }))
          ]
          for (const error of errors) {
            assert.strictEqual(error.reason._tag, "InvalidRequestError", what)
            assert.include(error.message, "The prompt holds no message")
            assert.deepInclude(classify(error), { sameTarget: false, otherTarget: false })
          }
        }
        assert.lengthOf(server.received, 0)
      })
    )

    it.effect("is none where there is system text, a file or a word", () =>
      Effect.gen(function* () {
        const server = yield* serve(reply(500, {}))
        const model = yield* at(server.url)
        for (const prompt of Object.values(said)) yield* Effect.flip(generate(model, { prompt }))
        assert.lengthOf(server.received, Object.keys(said).length)
      })
    )
  })
}
