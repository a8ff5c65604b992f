/** Anthropic's own SDK as a witness: it reads the fake as it reads the vendor, and as our adapter does. */
import Sdk from "@anthropic-ai/sdk"
import { Redacted } from "effect"
import { assert, describe, it } from "vitest"
import * as Anthropic from "../../src/Anthropic.ts"
import { Behaviour, FakeAnswer, type FakeProvider } from "../../src/testing/index.ts"
import { key } from "../support/Calls.ts"
import { cap, model, question, type Reading, withFake } from "./support/Reading.ts"
import { readsTheFake, rejection } from "./support/ReadsTheFake.ts"

const apiKey = Redacted.value(key)
/** The SDK adds the `/v1` itself. */
const client = ({ urls }: FakeProvider.FakeProvider) =>
  new Sdk({ apiKey, baseURL: urls.anthropic.replace(/\/v1$/, ""), maxRetries: 0 })
const asked = { model, max_tokens: cap, messages: [{ role: "user" as const, content: question }] }

const read = ({ content, stop_reason, usage }: Sdk.Message): Reading => ({
  text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
  reasoning: content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
  calls: content.flatMap((block) => (block.type === "tool_use" ? [{ name: block.name, params: block.input }] : [])),
  finish: stop_reason,
  input: usage.input_tokens,
  output: usage.output_tokens
})

describe("Anthropic's SDK reads the fake", () => {
  readsTheFake({
    whole: async (fake) => read(await client(fake).messages.create(asked)),
    streamed: async (fake) => {
      const stream = client(fake).messages.stream(asked)
      let text = ""
      stream.on("text", (delta) => {
        text += delta
      })
      const message = read(await stream.finalMessage())
      assert.strictEqual(text, message.text)
      return message
    },
    ours: ({ urls }) => Anthropic.model({ model, apiKey: key, baseUrl: urls.anthropic, settings: { maxTokens: cap } }),
    finishes: {
      text: "end_turn",
      thinking: "end_turn",
      calls: "tool_use",
      length: "max_tokens",
      oddPieces: "end_turn"
    }
  })

  it("with a signature on the thinking, whole and streamed", () =>
    withFake(Behaviour.reasoning(3), async (fake) => {
      const whole = await client(fake).messages.create(asked)
      const streamed = await client(fake).messages.stream(asked).finalMessage()
      const [first] = whole.content
      assert.isTrue(first?.type === "thinking" && first.signature.length > 0)
      assert.deepStrictEqual(streamed.content, whole.content)
      assert.deepStrictEqual(streamed.usage, whole.usage)
    }))
})

describe("Anthropic's SDK meets an error of the fake", () => {
  for (const [status, errorClass, type] of [
    [400, Sdk.BadRequestError, "invalid_request_error"],
    [401, Sdk.AuthenticationError, "authentication_error"],
    [402, Sdk.PaymentRequiredError, "billing_error"],
    [403, Sdk.PermissionDeniedError, "permission_error"],
    [404, Sdk.NotFoundError, "not_found_error"],
    [409, Sdk.ConflictError, "conflict_error"],
    [413, Sdk.ContentTooLargeError, "request_too_large"],
    [429, Sdk.RateLimitError, "rate_limit_error"],
    [500, Sdk.InternalServerError, "api_error"],
    [504, Sdk.GatewayTimeoutError, "timeout_error"],
    [529, Sdk.OverloadedError, "overloaded_error"]
  ] as const) {
    it(`knows ${status} by its class, type and message`, () =>
      withFake(Behaviour.status(status, { error: { message: "In words" } }), async (fake) => {
        for (const run of [
          () => client(fake).messages.create(asked),
          () => client(fake).messages.stream(asked).done()
        ]) {
          const error = await rejection(run)
          assert.instanceOf(error, errorClass)
          assert.strictEqual(error["status"], status)
          assert.strictEqual(error["type"], type)
          assert.include(String(error["message"]), "In words")
          assert.match(String(error["requestID"]), /^req_/)
        }
      }))
  }

  it("with a wrong key", () =>
    withFake(
      Behaviour.answer(),
      async (fake) => {
        assert.instanceOf(await rejection(() => client(fake).messages.create(asked)), Sdk.AuthenticationError)
      },
      { apiKey: "another" }
    ))

  it("in the middle of a stream, with what came before", () =>
    withFake(Behaviour.errorIn200({ after: 3, status: 529 }), async (fake) => {
      let text = ""
      const error = await rejection(async () => {
        for await (const event of await client(fake).messages.create({ ...asked, stream: true })) {
          if (event.type === "content_block_delta" && event.delta.type === "text_delta") text += event.delta.text
        }
      })
      assert.instanceOf(error, Sdk.APIError)
      assert.strictEqual(error["type"], "overloaded_error")
      assert.isTrue(FakeAnswer.answerTo(question).startsWith(text) && text !== "")
    }))
})

describe("Anthropic's SDK reads what else the fake tells", () => {
  it("the size of a prompt", () =>
    withFake(Behaviour.answer(), async (fake) => {
      const { input_tokens } = await client(fake).messages.countTokens({ model, messages: asked.messages })
      const { usage } = await client(fake).messages.create(asked)
      assert.strictEqual(input_tokens, usage.input_tokens)
    }))

  it("the models, and one of them", () =>
    withFake(Behaviour.answer(), async (fake) => {
      const names: Array<string> = []
      for await (const { display_name, id, type } of client(fake).models.list())
        names.push(`${type} ${id} ${display_name}`)
      assert.deepStrictEqual(names, [`model ${model} ${model}`])
      const one = await client(fake).models.retrieve(model)
      assert.strictEqual(one.id, model)
      assert.isFalse(Number.isNaN(Date.parse(one.created_at)))
      const error = await rejection(() => client(fake).models.retrieve("other"))
      assert.instanceOf(error, Sdk.NotFoundError)
      assert.strictEqual(error["type"], "not_found_error")
    }))
})
