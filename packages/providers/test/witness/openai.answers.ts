/** OpenAI's own SDK as a witness: it reads the fake as it reads the vendor, and as our adapters do. */

import { Redacted } from "effect"
import OpenAI from "openai"
import { assert, describe, it } from "vitest"
import * as OpenAi from "../../src/OpenAi.ts"
import * as OpenAiResponses from "../../src/OpenAiResponses.ts"
import { Behaviour, FakeAnswer, type FakeProvider } from "../../src/testing/index.ts"
import { key } from "../support/Calls.ts"
import { cap, model, question, type Reading, withFake } from "./support/Reading.ts"
import { readsTheFake, rejection } from "./support/ReadsTheFake.ts"

const apiKey = Redacted.value(key)
const client = ({ urls }: FakeProvider.FakeProvider) => new OpenAI({ apiKey, baseURL: urls.openai, maxRetries: 0 })
const own = ({ urls }: FakeProvider.FakeProvider) => ({
  model,
  apiKey: key,
  baseUrl: urls.openai,
  settings: { maxTokens: cap }
})

const asked = { model, messages: [{ role: "user" as const, content: question }], max_completion_tokens: cap }

const readChat = ({ choices: [choice], usage }: OpenAI.ChatCompletion): Reading => {
  const message = choice?.message
  // Not OpenAI's field; the SDK hands on what it does not know.
  const { reasoning_content = "" } = (message ?? {}) as { readonly reasoning_content?: string }
  return {
    text: message?.content ?? "",
    reasoning: reasoning_content,
    calls: (message?.tool_calls ?? []).flatMap((call) =>
      call.type === "function" ? [{ name: call.function.name, params: JSON.parse(call.function.arguments) }] : []
    ),
    finish: choice?.finish_reason,
    input: usage?.prompt_tokens,
    output: usage?.completion_tokens
  }
}

describe("OpenAI's SDK reads the chat dialect of the fake", () => {
  readsTheFake({
    whole: async (fake) => readChat(await client(fake).chat.completions.create(asked)),
    streamed: async (fake) => {
      const stream = client(fake).chat.completions.stream({ ...asked, stream_options: { include_usage: true } })
      let text = ""
      let reasoning = ""
      for await (const { choices } of stream) {
        const delta: { readonly content?: string | null; readonly reasoning_content?: string } = choices[0]?.delta ?? {}
        text += delta.content ?? ""
        reasoning += delta.reasoning_content ?? ""
      }
      // Of fields it does not know the SDK keeps the last piece only.
      const read = { ...readChat(await stream.finalChatCompletion()), reasoning }
      assert.strictEqual(text, read.text)
      return read
    },
    ours: (fake) => OpenAi.model(own(fake)),
    finishes: { text: "stop", thinking: "stop", calls: "tool_calls", length: "length", oddPieces: "stop" }
  })
})

const readResponse = (response: OpenAI.Responses.Response): Reading => ({
  text: response.output_text,
  reasoning: response.output
    .flatMap((item) => (item.type === "reasoning" ? item.summary.map(({ text }) => text) : []))
    .join(""),
  calls: response.output.flatMap((item) =>
    item.type === "function_call" ? [{ name: item.name, params: JSON.parse(item.arguments) }] : []
  ),
  finish: response.incomplete_details?.reason ?? response.status,
  input: response.usage?.input_tokens,
  output: response.usage?.output_tokens
})

const response = { model, input: question, max_output_tokens: cap }

describe("OpenAI's SDK reads the Responses dialect of the fake", () => {
  readsTheFake({
    whole: async (fake) => readResponse(await client(fake).responses.create(response)),
    streamed: async (fake) => {
      const stream = client(fake).responses.stream(response)
      let text = ""
      for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta
      const read = readResponse(await stream.finalResponse())
      assert.strictEqual(text, read.text)
      return read
    },
    ours: (fake) => OpenAiResponses.model(own(fake)),
    finishes: {
      text: "completed",
      thinking: "completed",
      calls: "completed",
      length: "max_output_tokens",
      oddPieces: "completed"
    }
  })
})

describe("OpenAI's SDK meets an error of the fake", () => {
  const chat = (fake: FakeProvider.FakeProvider, stream = false) =>
    client(fake).chat.completions.create({ ...asked, stream })

  for (const [status, type, code] of [
    [400, OpenAI.BadRequestError, "invalid_value"],
    [401, OpenAI.AuthenticationError, "invalid_api_key"],
    [403, OpenAI.PermissionDeniedError, "model_not_allowed"],
    [404, OpenAI.NotFoundError, "model_not_found"],
    [409, OpenAI.ConflictError, null],
    [422, OpenAI.UnprocessableEntityError, "invalid_parameter"],
    [429, OpenAI.RateLimitError, "rate_limit_exceeded"],
    [500, OpenAI.InternalServerError, "server_error"],
    [503, OpenAI.InternalServerError, "overloaded"]
  ] as const) {
    it(`knows ${status} by its class, code and message`, () =>
      withFake(Behaviour.status(status, { error: { message: "In words" } }), async (fake) => {
        for (const run of [
          () => chat(fake),
          () => chat(fake, true),
          () => client(fake).responses.create(response),
          () => client(fake).embeddings.create({ model, input: question })
        ]) {
          const error = await rejection(run)
          assert.instanceOf(error, type)
          assert.strictEqual(error["status"], status)
          assert.strictEqual(error["code"], code)
          assert.strictEqual(error["message"], `${status} In words`)
          assert.match(String(error["requestID"]), /^req/)
        }
      }))
  }

  it("with a wrong key", () =>
    withFake(
      Behaviour.answer(),
      async (fake) => {
        const error = await rejection(() => chat(fake))
        assert.instanceOf(error, OpenAI.AuthenticationError)
        assert.strictEqual(error["code"], "invalid_api_key")
      },
      { apiKey: "another" }
    ))

  it("in the middle of a stream, with what came before", () =>
    withFake(Behaviour.errorIn200({ after: 3, status: 503 }), async (fake) => {
      let text = ""
      const error = await rejection(async () => {
        const stream = await client(fake).chat.completions.create({ ...asked, stream: true })
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ""
      })
      assert.instanceOf(error, OpenAI.APIError)
      assert.strictEqual(error["code"], "overloaded")
      assert.isTrue(FakeAnswer.answerTo(question).startsWith(text) && text !== "")
    }))

  it("in the middle of a Responses stream, as an event", () =>
    withFake(Behaviour.errorIn200({ after: 3, status: 503 }), async (fake) => {
      let events = 0
      const error = await rejection(async () => {
        for await (const _ of await client(fake).responses.create({ ...response, stream: true })) events++
      })
      assert.instanceOf(error, OpenAI.APIError)
      assert.strictEqual(error["code"], "overloaded")
      assert.isAbove(events, 2)
    }))

  it("in the middle of a Responses stream, as a failed response, which the SDK hands on", () =>
    withFake(Behaviour.errorIn200({ after: 3, status: 503, shape: "failed" }), async (fake) => {
      let last: OpenAI.Responses.ResponseStreamEvent | undefined
      for await (const event of await client(fake).responses.create({ ...response, stream: true })) last = event
      assert.strictEqual(last?.type, "response.failed")
      if (last?.type === "response.failed")
        assert.strictEqual(last.response.error?.message, "The server is overloaded.")
    }))
})

describe("OpenAI's SDK reads what else the fake tells", () => {
  const texts = ["a river", "a lake"]

  it("vectors, as numbers and in base64", () =>
    withFake(Behaviour.answer(), async (fake) => {
      for (const encoding_format of ["float", undefined] as const) {
        const { data, usage } = await client(fake).embeddings.create({
          model,
          input: texts,
          dimensions: 8,
          ...(encoding_format === undefined ? undefined : { encoding_format })
        })
        assert.deepStrictEqual(
          data.map(({ embedding }) => embedding),
          texts.map((text) => [...FakeAnswer.embeddingOf(text, 8)])
        )
        assert.strictEqual(usage.prompt_tokens, 4)
      }
    }))

  it("the models, and one of them", () =>
    withFake(Behaviour.answer(), async (fake) => {
      const ids: Array<string> = []
      for await (const { id, owned_by } of client(fake).models.list()) ids.push(`${id} of ${owned_by}`)
      assert.deepStrictEqual(ids, [`${model} of spillway`])
      assert.strictEqual((await client(fake).models.retrieve(model)).id, model)
      assert.instanceOf(await rejection(() => client(fake).models.retrieve("other")), OpenAI.NotFoundError)
    }))
})
