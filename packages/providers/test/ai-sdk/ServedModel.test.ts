import { APICallError, type LanguageModelV4CallOptions, type LanguageModelV4StreamPart } from "@ai-sdk/provider"
import type { ModelOptions, Part, ProviderModel, StreamPart } from "@spillway/core/ProviderModel"
import { generateText } from "ai"
import { Context, Duration, Effect, Stream } from "effect"
import { AiError, LanguageModel, Tool } from "effect/ai"
import { assert, describe, it } from "vitest"
import * as AiSdk from "../../src/ai-sdk/AiSdk.ts"
import * as CallSettings from "../../src/CallSettings.ts"

const finish: Extract<Part, { type: "finish" }> = {
  type: "finish",
  reason: "pause",
  usage: { inputTokens: { uncached: 2, total: 3, cacheRead: 1 }, outputTokens: { total: 2 } },
  metadata: { acme: { finishReason: "pause_turn" } }
}

/** A model that answers with these parts and remembers what it was asked, and with which settings. */
const local = (answer: {
  readonly parts?: Array<Part>
  readonly stream?: Stream.Stream<StreamPart, AiError.AiError>
  readonly error?: AiError.AiError
}) => {
  const asked: Array<ModelOptions> = []
  const settings: Array<CallSettings.CallSettings> = []
  const note = (options: ModelOptions) =>
    Effect.map(Effect.service(CallSettings.CurrentCallSettings), (given) => {
      asked.push(options)
      settings.push(given)
    })
  const model: ProviderModel = {
    provider: "acme",
    model: "acme-1",
    capabilities: new Set(),
    generate: (options) =>
      Effect.andThen(
        note(options),
        answer.error === undefined ? Effect.succeed(answer.parts ?? [finish]) : Effect.fail(answer.error)
      ),
    stream: (options) => Stream.unwrap(Effect.as(note(options), answer.stream ?? Stream.make(finish)))
  }
  return { model: AiSdk.languageModel(model), asked, settings }
}

const hi: LanguageModelV4CallOptions = { prompt: [{ role: "user", content: [{ type: "text", text: "hi" }] }] }

const read = async (stream: ReadableStream<LanguageModelV4StreamPart>) => {
  const parts: Array<LanguageModelV4StreamPart> = []
  for await (const part of stream) parts.push(part)
  return parts
}

const failure = (reason: AiError.AiErrorReason) => AiError.make({ module: "Acme", method: "generate", reason })
const rejected = (promise: PromiseLike<unknown>) => Promise.resolve(promise).then(String, (error: unknown) => error)

describe("a ProviderModel as a model of the AI SDK", () => {
  it("hears the whole prompt, and warns about what has no place", async () => {
    const { asked, model } = local({})
    const result = await model.doGenerate({
      prompt: [
        { role: "system", content: "be brief", providerOptions: { acme: { cache: true } } },
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "file", mediaType: "image", data: { type: "data", data: "AQID" }, filename: "x.png" },
            { type: "file", mediaType: "text/plain", data: { type: "text", text: "hé" } },
            { type: "file", mediaType: "image/png", data: { type: "reference", reference: { other: "f1" } } }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "hm", providerOptions: { acme: { signature: "s" } } },
            { type: "custom", kind: "other.thing" },
            { type: "tool-call", toolCallId: "c", toolName: "t", input: { a: 1 } }
          ]
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              toolCallId: "c",
              toolName: "t",
              output: { type: "content", value: [{ type: "text", text: "shown" }] }
            },
            { type: "tool-result", toolCallId: "d", toolName: "t", output: { type: "error-text", value: "no" } },
            { type: "tool-result", toolCallId: "e", toolName: "t", output: { type: "execution-denied", reason: "r" } },
            { type: "tool-approval-response", approvalId: "p", approved: true }
          ]
        }
      ]
    })
    assert.deepStrictEqual(
      result.warnings.map((warning) => (warning.type === "unsupported" ? warning.feature : warning.type)),
      ["file reference", "custom"]
    )
    const [system, user, assistant, tool] = asked[0]?.prompt.content ?? []
    assert.deepStrictEqual(system?.options, { acme: { cache: true } })
    const files = (user?.role === "user" ? user.content : []).flatMap((part) => (part.type === "file" ? [part] : []))
    assert.deepStrictEqual(
      files.map(({ data, fileName, mediaType }) => [mediaType, data, fileName]),
      [
        ["image/*", "AQID", "x.png"],
        ["text/plain", new TextEncoder().encode("hé"), undefined]
      ]
    )
    assert.deepStrictEqual(
      (assistant?.role === "assistant" ? assistant.content : []).map(({ options, type }) => [type, options]),
      [
        ["reasoning", { acme: { signature: "s" } }],
        ["tool-call", {}]
      ]
    )
    assert.deepStrictEqual(
      (tool?.role === "tool" ? tool.content : []).map((part) =>
        part.type === "tool-result" ? [part.isFailure, part.result, part.modelOutput?.length] : part.approvalId
      ),
      [[false, "shown", 1], [true, "no", undefined], [true, { type: "execution-denied", reason: "r" }, undefined], "p"]
    )
  })

  it("hands settings, tools, choice and JSON Schema through unchanged", async () => {
    const { asked, model, settings } = local({})
    const root = {
      $ref: "#/$defs/City",
      $defs: { City: { type: "object", properties: { next: { $ref: "#/$defs/City" } } } }
    }
    const inputSchema = { type: "object", properties: { a: { type: "number" } }, additionalProperties: false } as const
    await model.doGenerate({
      ...hi,
      temperature: 0,
      topP: 0.5,
      topK: 4,
      presencePenalty: 1,
      frequencyPenalty: -1,
      seed: 7,
      stopSequences: ["."],
      maxOutputTokens: 5,
      reasoning: "high",
      headers: { "X-Team": "a", "user-agent": "ai/7", gone: undefined },
      tools: [
        { type: "function", name: "add", description: "adds", inputSchema, strict: true },
        { type: "provider", id: "acme.search", name: "find", args: { depth: 2 } }
      ],
      toolChoice: { type: "tool", toolName: "add" },
      responseFormat: { type: "json", schema: root as never, name: "city" }
    })
    assert.deepStrictEqual(settings[0], {
      maxTokens: 5,
      temperature: 0,
      topP: 0.5,
      topK: 4,
      presencePenalty: 1,
      frequencyPenalty: -1,
      stop: ["."],
      seed: 7,
      reasoningEffort: "high",
      headers: { "X-Team": "a" }
    })
    const [add, find] = asked[0]?.tools ?? []
    assert.deepStrictEqual(add === undefined ? {} : Tool.getJsonSchema(add), inputSchema)
    assert.strictEqual(add === undefined ? undefined : Tool.getStrictMode(add), true)
    assert.isTrue(Tool.isProviderDefined(find) && find.providerName === "search" && find.name === "find")
    assert.deepStrictEqual(asked[0]?.toolChoice, { tool: "add" })
    const format = asked[0]?.responseFormat
    const schema = format?.type === "json" ? (format.schema as never) : undefined
    assert.deepStrictEqual(
      schema === undefined ? undefined : { ...LanguageModel.defaultCodecTransformer(schema).jsonSchema },
      { ...root.$defs.City, $defs: root.$defs }
    )
  })

  it("answers in the words of specification v4", async () => {
    const parts: Array<Part> = [
      {
        type: "response-metadata",
        id: "r",
        modelId: "m",
        timestamp: "1970-01-01T00:00:00.000Z",
        metadata: { spillway: { servedBy: "a", degraded: false, attempts: 2, limits: [] } }
      },
      { type: "reasoning", text: "hm", metadata: { acme: { signature: "s" } } },
      { type: "text", text: "hi" },
      { type: "tool-call", id: "c", name: "t", params: { a: 1 } },
      { type: "file", mediaType: "image/png", data: "AQID" },
      { ...finish, metadata: { ...finish.metadata, aiSdk: { warnings: [{ type: "other", message: "w" }] } } }
    ]
    const { model } = local({ parts, stream: Stream.fromIterable(parts.filter(isStreamPart)) })
    const result = await model.doGenerate(hi)
    const usage = {
      inputTokens: { total: 3, noCache: 2, cacheRead: 1, cacheWrite: undefined },
      outputTokens: { total: 2, text: undefined, reasoning: undefined }
    }
    const providerMetadata = {
      acme: { finishReason: "pause_turn" },
      spillway: { servedBy: "a", degraded: false, attempts: 2 }
    }
    assert.deepStrictEqual(result, {
      content: [
        { type: "reasoning", text: "hm", providerMetadata: { acme: { signature: "s" } } },
        { type: "text", text: "hi" },
        { type: "tool-call", toolCallId: "c", toolName: "t", input: '{"a":1}' },
        { type: "file", mediaType: "image/png", data: { type: "data", data: "AQID" } }
      ],
      finishReason: { unified: "other", raw: "pause_turn" },
      usage,
      warnings: [{ type: "other", message: "w" }],
      response: { id: "r", modelId: "m", timestamp: new Date(0) },
      providerMetadata
    })
    const streamed = await read((await model.doStream(hi)).stream)
    assert.deepStrictEqual(streamed, [
      { type: "stream-start", warnings: [] },
      { type: "response-metadata", id: "r", modelId: "m", timestamp: new Date(0) },
      { type: "tool-call", toolCallId: "c", toolName: "t", input: '{"a":1}' },
      { type: "file", mediaType: "image/png", data: { type: "data", data: "AQID" } },
      { type: "finish", finishReason: { unified: "other", raw: "pause_turn" }, usage, providerMetadata }
    ])
  })

  it("rejects with an APICallError that says whether the same model again might help", async () => {
    const metadata = { spillway: { sameTarget: false, errorType: "Overloaded", health: "fault" as const } }
    const table: ReadonlyArray<readonly [AiError.AiErrorReason, boolean, number | undefined]> = [
      [new AiError.RateLimitError({ retryAfter: Duration.seconds(2) }), true, undefined],
      [
        new AiError.InternalProviderError({ description: "d", http: { response: { status: 503, headers: {} } } }),
        true,
        503
      ],
      [new AiError.InternalProviderError({ description: "d", metadata }), false, undefined],
      [new AiError.AuthenticationError({ kind: "InvalidKey" }), false, undefined],
      [new AiError.InvalidOutputError({ description: "the answer was: my secret" }), true, undefined]
    ]
    for (const [reason, isRetryable, status] of table) {
      const { model } = local({ error: failure(reason), stream: Stream.fail(failure(reason)) })
      for (const error of [await rejected(model.doGenerate(hi)), await rejected(model.doStream(hi))]) {
        assert.isTrue(APICallError.isInstance(error))
        if (!APICallError.isInstance(error)) continue
        assert.strictEqual(error.isRetryable, isRetryable)
        assert.strictEqual(error.statusCode, status)
        assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "secret")
      }
    }
  })

  it("lets ai wait as long as the provider asked for", async () => {
    let calls = 0
    const model = AiSdk.languageModel({
      provider: "acme",
      model: "acme-1",
      capabilities: new Set(),
      generate: () =>
        Effect.suspend(() =>
          calls++ === 0
            ? Effect.fail(failure(new AiError.RateLimitError({ retryAfter: Duration.millis(5) })))
            : Effect.succeed<Array<Part>>([{ type: "text", text: "hi" }, finish])
        ),
      stream: () => Stream.empty
    })
    assert.strictEqual((await generateText({ model, prompt: "hi", maxRetries: 1 })).text, "hi")
    assert.strictEqual(calls, 2)
  })

  it("pulls no faster than its reader, and closes the stream when the reader leaves", async () => {
    let pulled = 0
    let closed = 0
    const endless = Stream.fromEffectRepeat(
      Effect.sync((): StreamPart => ({ type: "text-delta", id: "0", delta: String(pulled++) }))
    ).pipe(Stream.ensuring(Effect.sync(() => closed++)))
    const { model } = local({ stream: endless })
    const { stream } = await model.doStream(hi)
    const reader = stream.getReader()
    for (let n = 0; n < 3; n++) await reader.read()
    assert.isBelow(pulled, 6)
    await reader.cancel()
    assert.strictEqual(closed, 1)
  })

  it("errors the stream with the signal's reason, wherever the reader is", async () => {
    const hanging = Stream.concat(Stream.make<[StreamPart]>({ type: "text-delta", id: "0", delta: "a" }), Stream.never)
    for (const reads of [0, 1, 3]) {
      let closed = 0
      const { model } = local({
        stream: Stream.ensuring(
          hanging,
          Effect.sync(() => closed++)
        )
      })
      const controller = new AbortController()
      const { stream } = await model.doStream({ ...hi, abortSignal: controller.signal })
      const reader = stream.getReader()
      const waiting: Array<Promise<unknown>> = []
      for (let n = 0; n < reads; n++) waiting.push(reader.read())
      const reason = new Error("enough")
      controller.abort(reason)
      const error = await rejected(Promise.all([...waiting, reader.read(), reader.closed]))
      assert.strictEqual(error, reason)
      assert.strictEqual(closed, 1)
    }
    let closed = 0
    const silent = local({
      stream: Stream.ensuring(
        Stream.never,
        Effect.sync(() => closed++)
      )
    })
    const controller = new AbortController()
    const waiting = rejected(silent.model.doStream({ ...hi, abortSignal: controller.signal }))
    controller.abort(new Error("before the first part"))
    assert.match(String(await waiting), /before the first part/)
    assert.strictEqual(closed, 1)
    const aborted = AbortSignal.abort(new Error("before"))
    assert.match(String(await rejected(local({}).model.doStream({ ...hi, abortSignal: aborted }))), /before/)
    assert.match(String(await rejected(local({}).model.doGenerate({ ...hi, abortSignal: aborted }))), /before/)
  })

  it("keeps what the context says around a call, and what the call says wins", async () => {
    const seen: Array<CallSettings.CallSettings> = []
    const target: ProviderModel = {
      provider: "acme",
      model: "acme-1",
      capabilities: new Set(),
      generate: () =>
        Effect.map(Effect.service(CallSettings.CurrentCallSettings), (given) => {
          seen.push(given)
          return [finish]
        }),
      stream: () => Stream.empty
    }
    const context = Context.make(CallSettings.CurrentCallSettings, {
      temperature: 1,
      seed: 3
    })
    const model = AiSdk.languageModel(target, { context, provider: "mine", modelId: "one" })
    await model.doGenerate({ ...hi, temperature: 0 })
    assert.deepStrictEqual(seen, [{ temperature: 0, seed: 3 }])
    assert.deepStrictEqual([model.provider, model.modelId], ["mine", "one"])
  })

  it("says nothing of the prompt when it cannot read it", async () => {
    const prompt = [{ role: "user", content: [{ type: "text", text: { secret: true } }] }]
    const error = await rejected(local({}).model.doGenerate({ prompt } as never))
    assert.strictEqual(error instanceof Error ? error.name : error, "InvalidOption")
    assert.notInclude(String(error), "secret")
  })
})

const isStreamPart = (part: Part): part is Part & StreamPart => part.type !== "text" && part.type !== "reasoning"
