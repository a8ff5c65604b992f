/** Answers that are wrong in one way each, and what must not become of them. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { AiError } from "effect/ai"
import * as AzureOpenAi from "../src/AzureOpenAi.ts"
import type { Signer } from "../src/aws/Signer.ts"
import * as Bedrock from "../src/Bedrock.ts"
import * as Gemini from "../src/Gemini.ts"
import { ConverseStream } from "../src/internal/converse/ConverseStream.ts"
import { rules } from "../src/internal/converse/ErrorRows.ts"
import * as EventDecoder from "../src/internal/engine/EventDecoder.ts"
import * as FrameDecoder from "../src/internal/frames/FrameDecoder.ts"
import { GeminiStream } from "../src/internal/gemini/GeminiStream.ts"
import { ResponsesStream } from "../src/internal/responses/ResponsesStream.ts"
import * as OpenAiResponses from "../src/OpenAiResponses.ts"
import { answering } from "./support/Answering.ts"
import { collect, generate, key } from "./support/Calls.ts"
import { counter, type Decoded, decodeWith, finishOf } from "./support/Decoding.ts"
import * as EventStream from "./support/EventStream.ts"
import { stream } from "./support/Fixtures.ts"
import { written } from "./support/OddAnswers.ts"

const made = { model: "m", makeId: counter() }
const converse = (...pieces: ReadonlyArray<Uint8Array | string>) =>
  decodeWith(() => FrameDecoder.make(new ConverseStream({ owner: "bedrock", ...made }), rules), pieces)
const gemini = (text: string) =>
  decodeWith(() => EventDecoder.make(new GeminiStream({ owner: "google", ...made })), [text])
const responses = (text: string) =>
  decodeWith(() => EventDecoder.make(new ResponsesStream({ owner: "openai", store: false, ...made })), [text])

const callsOf = ({ parts }: Decoded) => parts.flatMap((part) => (part.type === "tool-call" ? [part.params] : []))
const errorType = ({ fault }: Decoded) => fault?.verdict.errorType

describe("Converse", () => {
  const whole = (content: unknown, more: object = { stopReason: "end_turn" }) =>
    converse(JSON.stringify({ output: { message: { role: "assistant", content } }, ...more }))
  const use = (input: unknown) => ({ toolUse: { toolUseId: "t", name: "F", input } })
  const delta = (delta: object) => EventStream.event("contentBlockDelta", { contentBlockIndex: 0, delta })
  const start = (input?: unknown) => EventStream.event("contentBlockStart", { contentBlockIndex: 0, start: use(input) })
  const end = (stopReason: string) => EventStream.event("messageStop", { stopReason })

  it("a whole body without a stop reason is a cut answer", () => {
    assert.strictEqual(errorType(whole([{ text: "x" }], {})), "Truncated")
    assert.strictEqual(errorType(whole([{ text: "x" }], { stopReason: null })), "Truncated")
    assert.deepStrictEqual(callsOf(whole([use({ a: 1 })], { stopReason: "" })), [])
    assert.isUndefined(whole([{ text: "x" }]).fault)
  })

  it("a call that was cut before its arguments is not given out as {}", () => {
    assert.deepStrictEqual(callsOf(whole([use({})], { stopReason: "max_tokens" })), [])
    assert.deepStrictEqual(callsOf(whole([use({})], { stopReason: "tool_use" })), [{}])
    assert.deepStrictEqual(callsOf(converse(start(), end("max_tokens"))), [])
    assert.deepStrictEqual(callsOf(converse(start(), end("tool_use"))), [{}])
  })

  it("arguments of another kind are no call, and no {} either", () => {
    for (const input of [[], [1], "[1]", "x", 5]) {
      const answer = whole([use(input)], { stopReason: "tool_use" })
      assert.isDefined(answer.fault, JSON.stringify(input))
      assert.deepStrictEqual(callsOf(answer), [])
    }
    for (const input of [{ a: 1 }, [1], 5]) {
      const answer = converse(start(), delta({ toolUse: { input } }), end("tool_use"))
      assert.strictEqual(errorType(answer), "Protocol", JSON.stringify(input))
      assert.deepStrictEqual(callsOf(answer), [])
    }
    assert.deepStrictEqual(callsOf(converse(start({}), delta({ toolUse: { input: '{"a":1}' } }), end("tool_use"))), [
      { a: 1 }
    ])
  })

  it("text and content of another kind leave no hole", () => {
    assert.strictEqual(errorType(converse(delta({ text: "a" }), delta({ text: 5 }), end("end_turn"))), "Protocol")
    assert.strictEqual(errorType(whole([{ text: ["x"] }, { text: "y" }])), "Protocol")
    assert.strictEqual(errorType(whole({ text: "x" })), "Protocol")
  })

  it.effect("a turn that was cut behind its reasoning goes back without it", () =>
    Effect.gen(function* () {
      const sent: Parameters<typeof answering>[2] = []
      const body = JSON.stringify({ output: { message: { content: [{ text: "x" }] } }, stopReason: "end_turn" })
      const model = Bedrock.model({ model: "m", region: "eu-central-1", apiKey: key }, answering(body, {}, sent))
      const signed = { type: "reasoning" as const, text: "Hm", options: { bedrock: { model: "m", signature: "s" } } }
      const user = (text: string) => ({ role: "user" as const, content: [{ type: "text" as const, text }] })
      yield* generate(model, {
        prompt: [
          user("a"),
          { role: "assistant", content: [signed, { type: "text", text: "b" }, signed] },
          user("c"),
          { role: "assistant", content: [signed] },
          user("d")
        ]
      })
      assert.deepStrictEqual((JSON.parse(sent?.[0]?.body ?? "") as { messages: unknown }).messages, [
        { role: "user", content: [{ text: "a" }] },
        {
          role: "assistant",
          content: [{ reasoningContent: { reasoningText: { text: "Hm", signature: "s" } } }, { text: "b" }]
        },
        { role: "user", content: [{ text: "c" }, { text: "d" }] }
      ])
    })
  )

  it("counts that no addition survives are none", () => {
    const usage = { inputTokens: Number.MAX_SAFE_INTEGER, cacheReadInputTokens: 3, outputTokens: 1.5 }
    const { inputTokens, outputTokens } = finishOf(
      whole([{ text: "x" }], { stopReason: "end_turn", usage }).parts
    ).usage
    assert.deepStrictEqual([inputTokens.total, inputTokens.cacheRead, outputTokens.total], [undefined, 3, 1])
  })
})

describe("Gemini", () => {
  const chunk = (parts: ReadonlyArray<unknown>, more: object = {}) => ({
    candidates: [{ content: { parts }, ...more }]
  })

  it("a default of an enumeration is no end and no block", () => {
    const open = chunk([{ text: "x" }], { finishReason: "FINISH_REASON_UNSPECIFIED" })
    assert.strictEqual(errorType(gemini(stream(open))), "Truncated")
    const unblocked = {
      ...chunk([{ text: "x" }], { finishReason: "STOP" }),
      promptFeedback: { blockReason: "BLOCK_REASON_UNSPECIFIED" }
    }
    assert.strictEqual(finishOf(gemini(stream(unblocked)).parts).reason, "stop")
  })

  it("a whole body without a finish reason is a cut answer", () => {
    assert.strictEqual(errorType(gemini(JSON.stringify(chunk([{ text: "x" }])))), "Truncated")
  })

  it("arguments that would change what an object is, or that cannot be written, are no call", () => {
    for (const args of ["@proto", "@deep"]) {
      const event = chunk([{ functionCall: { name: "F", args } }], { finishReason: "STOP" })
      const answer = gemini(`data: ${written(event)}\n\n`)
      assert.strictEqual(errorType(answer), "InvalidOutput")
      assert.deepStrictEqual(callsOf(answer), [])
    }
  })

  it("what a later event leaves out of the usage still counts", () => {
    const first = { ...chunk([{ text: "x" }]), usageMetadata: { promptTokenCount: 5, cachedContentTokenCount: 2 } }
    const last = {
      ...chunk([], { finishReason: "STOP" }),
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 1 }
    }
    const { inputTokens, outputTokens } = finishOf(gemini(stream(first, last)).parts).usage
    assert.deepStrictEqual([inputTokens.total, inputTokens.cacheRead, outputTokens.total], [5, 2, 1])
  })

  it("what is no base64 is no file, and what is no JSON no metadata", () => {
    const parts = [
      { inlineData: { mimeType: "image/png", data: "not base64" } },
      { executableCode: { code: "@huge" } },
      { text: "x" }
    ]
    const answer = gemini(`data: ${written(chunk(parts, { finishReason: "STOP" }))}\n\n`)
    assert.deepStrictEqual(
      answer.parts.map(({ type }) => type),
      ["text-start", "text-delta", "text-end", "finish"]
    )
  })

  it.effect("a conversation begins with the user, whatever the history begins with", () =>
    Effect.gen(function* () {
      const sent: Parameters<typeof answering>[2] = []
      const client = answering(JSON.stringify(chunk([{ text: "x" }], { finishReason: "STOP" })), {}, sent)
      const model = Gemini.model({ model: "gemini-3-flash", apiKey: key }, client)
      yield* generate(model, { prompt: [{ role: "system", content: "Be brief." }] })
      yield* generate(model, {
        prompt: [
          { role: "assistant", content: [{ type: "text", text: "Welcome." }] },
          { role: "user", content: [{ type: "text", text: "Thanks." }] }
        ]
      })
      const roles = (sent ?? []).map(({ body }) =>
        (JSON.parse(body ?? "") as { contents: ReadonlyArray<{ role: string }> }).contents.map(({ role }) => role)
      )
      assert.deepStrictEqual(roles, [["user"], ["user", "model", "user"]])
    })
  )
})

describe("Responses", () => {
  const failing = (status: number, error: object) => {
    const client = answering(JSON.stringify({ error }), { status })
    return Effect.flip(generate(OpenAiResponses.model({ model: "m", apiKey: key }, client)))
  }

  it.effect("an id of a history that is not stored here is no missing model", () =>
    Effect.gen(function* () {
      const message = "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."
      const { reason } = yield* failing(404, { message, type: "invalid_request_error", param: "input", code: null })
      assert.strictEqual(reason._tag, "InvalidRequestError")
      assert.deepInclude((reason as AiError.InvalidRequestError).metadata["spillway"], {
        health: "none",
        otherTarget: true
      })
    })
  )

  it.effect("an address that is neither the web's nor data goes nowhere", () =>
    Effect.gen(function* () {
      const sent: Parameters<typeof answering>[2] = []
      const model = OpenAiResponses.model({ model: "m", apiKey: key }, answering("{}", {}, sent))
      for (const data of ["gs://bucket/a.png", new URL("file:///etc/hosts"), "s3://bucket/a"]) {
        const file = { type: "file" as const, mediaType: "image/png", data }
        const { reason } = yield* Effect.flip(generate(model, { prompt: [{ role: "user", content: [file] }] }))
        assert.strictEqual(reason._tag, "InvalidRequestError")
      }
      assert.deepStrictEqual(sent, [])
    })
  )

  it("a picture that is no base64 is left out", () => {
    const item = { type: "image_generation_call", id: "ig", result: "not base64" }
    const answer = responses(JSON.stringify({ status: "completed", output: [item] }))
    assert.deepStrictEqual(
      answer.parts.map(({ type }) => type),
      ["finish"]
    )
  })

  it("a call of many small pieces costs no more for being long", () => {
    const event = (type: string, more: object) => ({ type: `response.${type}`, output_index: 0, ...more })
    const item = { type: "function_call", id: "fc", call_id: "call", name: "F" }
    const state = new ResponsesStream({ owner: "openai", store: false, ...made })
    const piece = event("function_call_arguments.delta", { item_id: "fc", delta: "0123456789" })
    state.event(event("output_item.added", { item }), "")
    state.event(event("function_call_arguments.delta", { item_id: "fc", delta: '{"a":"' }), "")
    const started = performance.now()
    // Copying all of it each time would be sixteen billion characters, half a minute.
    for (let i = 0; i < 60_000; i++) {
      state.event(piece, "")
      state.take()
    }
    assert.isBelow(performance.now() - started, 5000)
    state.event(event("function_call_arguments.delta", { item_id: "fc", delta: '"}' }), "")
    state.event(event("completed", { response: { status: "completed", output: [] } }), "")
    const params = state.take().flatMap((part) => (part.type === "tool-call" ? [part.params as { a: string }] : []))
    assert.strictEqual(params[0]?.a.length, 600_000)
  })
})

describe("what a call showed to the vendor", () => {
  const token = "entra-token.of-this-call"
  const own = "tenant-secret-of-the-application"
  const sessionToken = "IQoJb3JpZ2luX2VjX2FuX3VzLWVhc3QtMQ"
  const signature = "0123456789abcdef0123456789abcdef"
  const signer: Signer = () =>
    Effect.succeed({
      authorization: Redacted.make(
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/bedrock/aws4_request, SignedHeaders=host, Signature=${signature}`
      ),
      "x-amz-security-token": Redacted.make(sessionToken)
    })
  const azure = (client: Parameters<typeof AzureOpenAi.model>[1]) =>
    AzureOpenAi.model(
      {
        model: "m",
        resource: "r",
        token: Effect.succeed(Redacted.make(token)),
        headers: { "x-tenant": Redacted.make(own) }
      },
      client
    )
  const bedrock = (client: Parameters<typeof Bedrock.model>[1]) =>
    Bedrock.model({ model: "m", region: "eu-central-1", signer }, client)

  it.effect("comes back in no error: neither what signs nor what was made for this call", () =>
    Effect.gen(function* () {
      const shown = [
        [azure, [token, own]],
        [bedrock, [sessionToken, signature, "AKIDEXAMPLE"]]
      ] as const
      for (const [vendor, secrets] of shown) {
        for (const hidden of secrets) {
          // As a message that is quoted, as words that look like identifiers, and as headers.
          const error = { message: `Slow down, ${hidden}!`, type: hidden, code: hidden, param: hidden }
          const headers = { "x-request-id": hidden, "x-amzn-requestid": hidden, "x-ms-region": hidden }
          for (const status of [200, 400, 429, 503]) {
            const model = vendor(answering(JSON.stringify({ error }), { status, headers }))
            for (const failed of [yield* Effect.flip(generate(model)), yield* Effect.flip(collect(model))]) {
              assert.notInclude(inspect(failed, { depth: 20 }) + JSON.stringify(failed), hidden)
            }
          }
        }
      }
    })
  )

  it.effect("and the rest of the message stays", () =>
    Effect.gen(function* () {
      const body = JSON.stringify({ error: { message: `Slow down, ${token}!` } })
      const { reason } = yield* Effect.flip(generate(azure(answering(body, { status: 503 }))))
      assert.include((reason as AiError.InternalProviderError).description, "Slow down, <redacted>!")
    })
  )
})
