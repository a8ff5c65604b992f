/** Google's own SDK as a witness: it reads the fake as it reads the vendor, and as our adapter does. */
import { ApiError, type GenerateContentResponse, GoogleGenAI } from "@google/genai"
import { Redacted } from "effect"
import { assert, describe, it } from "vitest"
import * as Gemini from "../../src/Gemini.ts"
import { Behaviour, FakeAnswer, type FakeProvider } from "../../src/testing/index.ts"
import { key } from "../support/Calls.ts"
import { cap, model, question, type Reading, withFake } from "./support/Reading.ts"
import { readsTheFake, rejection } from "./support/ReadsTheFake.ts"

const apiKey = Redacted.value(key)
/** The SDK adds the version itself. */
const client = ({ urls }: FakeProvider.FakeProvider) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: urls.gemini.replace(/\/v1beta$/, ""), apiVersion: "v1beta" } })
const asked = { model, contents: question, config: { maxOutputTokens: cap } }

const partsOf = (response: GenerateContentResponse) => response.candidates?.[0]?.content?.parts ?? []

/** One response, or the pieces of a stream; the last one's word and count hold. */
const read = (responses: ReadonlyArray<GenerateContentResponse>): Reading => {
  const last = responses.at(-1)
  const usage = last?.usageMetadata
  const thoughts = responses.flatMap(partsOf).filter(({ thought }) => thought === true)
  return {
    text: responses.map(({ text }) => text ?? "").join(""),
    reasoning: thoughts.map(({ text }) => text ?? "").join(""),
    calls: responses.flatMap((response) =>
      (response.functionCalls ?? []).map(({ args, name = "" }) => ({ name, params: args }))
    ),
    finish: last?.candidates?.[0]?.finishReason,
    input: usage?.promptTokenCount,
    output: (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0)
  }
}

const stream = async (fake: FakeProvider.FakeProvider, into: Array<GenerateContentResponse> = []) => {
  for await (const response of await client(fake).models.generateContentStream(asked)) into.push(response)
  return into
}

describe("Google's SDK reads the fake", () => {
  readsTheFake({
    whole: async (fake) => read([await client(fake).models.generateContent(asked)]),
    streamed: async (fake) => read(await stream(fake)),
    ours: ({ urls }) => Gemini.model({ model, apiKey: key, baseUrl: urls.gemini, settings: { maxTokens: cap } }),
    finishes: { text: "STOP", thinking: "STOP", calls: "STOP", length: "MAX_TOKENS", oddPieces: "STOP" }
  })

  it("that refuses a prompt by its policy", () =>
    withFake(Behaviour.contentFiltered(), async (fake) => {
      const { candidates, promptFeedback } = await client(fake).models.generateContent(asked)
      assert.isUndefined(candidates)
      assert.strictEqual(promptFeedback?.blockReason, "SAFETY")
    }))
})

describe("Google's SDK meets an error of the fake", () => {
  for (const [status, word] of [
    [400, "INVALID_ARGUMENT"],
    [403, "PERMISSION_DENIED"],
    [404, "NOT_FOUND"],
    [429, "RESOURCE_EXHAUSTED"],
    [500, "INTERNAL"],
    [503, "UNAVAILABLE"],
    [504, "DEADLINE_EXCEEDED"]
  ] as const) {
    it(`knows ${status} by its status, word and message`, () =>
      withFake(Behaviour.status(status, { error: { message: "In words" } }), async (fake) => {
        for (const run of [() => client(fake).models.generateContent(asked), () => stream(fake)]) {
          const error = await rejection(run)
          assert.instanceOf(error, ApiError)
          assert.strictEqual(error["status"], status)
          // The SDK's message is the body.
          const body = JSON.parse(String(error["message"]))
          assert.deepStrictEqual(body.error, { code: status, message: "In words", status: word })
        }
      }))
  }

  it("with a wrong key, which is a 400", () =>
    withFake(
      Behaviour.answer(),
      async (fake) => {
        const error = await rejection(() => client(fake).models.generateContent(asked))
        assert.strictEqual(error["status"], 400)
        assert.include(String(error["message"]), "API_KEY_INVALID")
      },
      { apiKey: "another" }
    ))

  it("in the middle of a stream, with what came before", () =>
    withFake(Behaviour.errorIn200({ after: 3, status: 503 }), async (fake) => {
      const before: Array<GenerateContentResponse> = []
      const error = await rejection(() => stream(fake, before))
      assert.instanceOf(error, ApiError)
      assert.strictEqual(error["status"], 503)
      const { text } = read(before)
      assert.isTrue(FakeAnswer.answerTo(question).startsWith(text) && text !== "")
    }))
})

describe("Google's SDK reads what else the fake tells", () => {
  const texts = ["a river", "a lake"]

  it("vectors", () =>
    withFake(Behaviour.answer(), async (fake) => {
      const { embeddings } = await client(fake).models.embedContent({
        model,
        contents: texts,
        config: { outputDimensionality: 8 }
      })
      assert.deepStrictEqual(
        embeddings?.map(({ values }) => values),
        texts.map((text) => [...FakeAnswer.embeddingOf(text, 8)])
      )
    }))

  it("the size of a prompt", () =>
    withFake(Behaviour.answer(), async (fake) => {
      const { totalTokens } = await client(fake).models.countTokens({ model, contents: question })
      assert.strictEqual(totalTokens, read([await client(fake).models.generateContent(asked)]).input)
    }))

  it("the models, and one of them", () =>
    withFake(Behaviour.answer(), async (fake) => {
      const names: Array<string> = []
      for await (const { displayName, name, supportedActions } of await client(fake).models.list()) {
        names.push(`${name} ${displayName} ${supportedActions?.join()}`)
      }
      assert.deepStrictEqual(names, [`models/${model} ${model} generateContent,countTokens`])
      assert.strictEqual((await client(fake).models.get({ model })).name, `models/${model}`)
      assert.strictEqual((await rejection(() => client(fake).models.get({ model: "other" })))["status"], 404)
    }))
})
