import {
  APICallError,
  JSONParseError,
  LoadAPIKeyError,
  NoSuchModelError,
  UnsupportedFunctionalityError
} from "@ai-sdk/provider"
import { assert, describe, it } from "@effect/vitest"
import { Classifier } from "@spillway/core"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Duration, Effect, Fiber, Schema, Stream } from "effect"
import { LanguageModel, type Prompt, Tool, Toolkit } from "effect/ai"
import * as AiSdk from "../../src/ai-sdk/AiSdk.ts"
import * as CallSettings from "../../src/CallSettings.ts"
import { collect, generate, options, stream, Weather } from "../support/Calls.ts"
import { finish, type Script, usage, v3, v4 } from "./models.ts"

const text = (id: string, ...deltas: ReadonlyArray<string>) => [
  { type: "text-start" as const, id },
  ...deltas.map((delta) => ({ type: "text-delta" as const, id, delta })),
  { type: "text-end" as const, id }
]

const streamed = (script: Script) => collect(AiSdk.fromModel(v4(script).model))
const failed = (script: Script) => Effect.flip(streamed(script))
const callError = (statusCode: number | undefined, responseBody = "", responseHeaders: Record<string, string> = {}) =>
  new APICallError({
    message: "the prompt was: my secret",
    url: "https://acme.example/v1/chat?key=sk-secret",
    requestBodyValues: { prompt: "my secret" },
    ...(statusCode === undefined ? undefined : { statusCode }),
    responseBody,
    responseHeaders
  })

describe("a model of the AI SDK as a target", () => {
  it("takes models of specification v3 and v4 and says what to do with others", () => {
    const { model } = v4({})
    assert.strictEqual(AiSdk.fromModel(model).provider, "acme")
    assert.strictEqual(AiSdk.fromModel(model).model, "acme-1")
    for (const other of ["openai/gpt-5", { ...model, specificationVersion: "v2" }, undefined]) {
      assert.throws(() => AiSdk.fromModel(other as never), InvalidOption, /v3/)
    }
    assert.throws(() => AiSdk.fromModel(model, { setings: {} } as never), InvalidOption)
  })

  it.effect("gives a stream in the router's parts, and nothing for pings and preliminary results", () =>
    Effect.gen(function* () {
      const parts = yield* streamed({
        parts: [
          { type: "stream-start", warnings: [{ type: "unsupported", feature: "seed" }] },
          { type: "response-metadata", id: "r1", modelId: "acme-1b", timestamp: new Date(0) },
          { type: "ping" },
          { type: "reasoning-start", id: "0" },
          { type: "reasoning-delta", id: "0", delta: "hm", providerMetadata: { acme: { signature: "s" } } },
          { type: "reasoning-end", id: "0" },
          ...text("1", "a", "b"),
          { type: "raw", rawValue: 1 },
          { type: "tool-input-start", id: "c1", toolName: "Weather" },
          { type: "tool-input-delta", id: "c1", delta: '{"city":' },
          { type: "tool-call", toolCallId: "c1", toolName: "Weather", input: '{"city":"Oslo"}' },
          { type: "tool-result", toolCallId: "s1", toolName: "search", result: 1, preliminary: true },
          { type: "tool-result", toolCallId: "s1", toolName: "search", result: { hits: 2 } },
          { type: "source", sourceType: "url", id: "u", url: "https://a.example" },
          { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([1, 2, 3]) } },
          finish("tool-calls", "tool_use")
        ]
      })
      assert.deepStrictEqual(parts, [
        { type: "response-metadata", id: "r1", modelId: "acme-1b", timestamp: "1970-01-01T00:00:00.000Z" },
        { type: "reasoning-start", id: "0", metadata: { acme: { model: "acme-1" } } },
        { type: "reasoning-delta", id: "0", delta: "hm", metadata: { acme: { signature: "s", model: "acme-1" } } },
        { type: "reasoning-end", id: "0" },
        { type: "text-start", id: "1" },
        { type: "text-delta", id: "1", delta: "a" },
        { type: "text-delta", id: "1", delta: "b" },
        { type: "text-end", id: "1" },
        { type: "tool-params-start", id: "c1", name: "Weather" },
        { type: "tool-params-delta", id: "c1", delta: '{"city":' },
        { type: "tool-params-end", id: "c1" },
        { type: "tool-call", id: "c1", name: "Weather", params: { city: "Oslo" } },
        {
          type: "tool-result",
          id: "s1",
          name: "search",
          result: { hits: 2 },
          isFailure: false,
          providerExecuted: true
        },
        { type: "source", sourceType: "url", id: "u", url: "https://a.example", title: "https://a.example" },
        { type: "file", mediaType: "image/png", data: "AQID" },
        {
          type: "finish",
          reason: "tool-calls",
          usage: {
            inputTokens: { uncached: 6, total: 10, cacheRead: 4, cacheWrite: undefined },
            outputTokens: { total: 5, text: 3, reasoning: 2 }
          },
          metadata: {
            acme: { finishReason: "tool_use" },
            aiSdk: { warnings: [{ type: "unsupported", feature: "seed" }] }
          }
        }
      ])
    })
  )

  it.effect("gives a whole answer of a v3 model, warnings in the finish part", () =>
    Effect.gen(function* () {
      const { asked, model } = v3([])
      const parts = yield* generate(AiSdk.fromModel(model)).pipe(CallSettings.with({ reasoningEffort: "low", seed: 1 }))
      assert.deepStrictEqual(
        parts.map(({ type }) => type),
        ["response-metadata", "text", "file", "finish"]
      )
      assert.notProperty(asked[0], "reasoning")
      const warnings = parts.at(-1)?.metadata?.["aiSdk"] as { warnings: ReadonlyArray<{ feature: string }> }
      assert.deepStrictEqual(
        warnings.warnings.map(({ feature }) => feature),
        ["reasoning", "seed"]
      )
    })
  )

  it.effect("speaks v3 to a v3 model: plain file data, its own words for shown files", () =>
    Effect.gen(function* () {
      const { asked, model } = v3([
        { type: "text-delta", id: "0", delta: "a" },
        { type: "reasoning-start", id: "1", providerMetadata: { "acme-cloud": { signature: "s" } } },
        finish("stop")
      ])
      const png = new URL("https://a.example/x.png")
      const prompt: Prompt.RawInput = [
        { role: "user", content: [{ type: "file", mediaType: "image/png", data: "data:image/png;base64,AQID" }] },
        {
          role: "assistant",
          content: [
            {
              type: "reasoning",
              text: "mine",
              options: { "acme-cloud": { signature: "s" }, acme: { model: "acme-0" } }
            },
            { type: "tool-call", id: "c", name: "t", params: {} }
          ]
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              id: "c",
              name: "t",
              isFailure: false,
              result: 1,
              modelOutput: [
                { type: "text", text: "see" },
                { type: "file", mediaType: "image/png", data: png },
                { type: "file", mediaType: "application/pdf", data: new Uint8Array([1, 2, 3]) }
              ]
            }
          ]
        }
      ]
      const parts = yield* collect(AiSdk.fromModel(model), { prompt })
      // Blocks that were not opened are, and those that were not closed are closed.
      assert.deepStrictEqual(
        parts.map((part) => ("id" in part ? [part.type, part.id] : [part.type])),
        [
          ["response-metadata"],
          ["text-start", "0"],
          ["text-delta", "0"],
          ["reasoning-start", "1"],
          ["text-end", "0"],
          ["reasoning-end", "1"],
          ["finish"]
        ]
      )
      const started = parts.find(({ type }) => type === "reasoning-start")
      assert.deepStrictEqual(started?.metadata, { "acme-cloud": { signature: "s" }, acme: { model: "acme-0" } })
      const [user, assistant, tool] = asked[0]?.prompt ?? []
      assert.deepStrictEqual(user?.content[0], { type: "file", mediaType: "image/png", data: "AQID" })
      assert.strictEqual(assistant?.content.length, 2)
      const [result] = tool?.role === "tool" ? tool.content : []
      assert.deepStrictEqual(result?.type === "tool-result" ? result.output : undefined, {
        type: "content",
        value: [
          { type: "text", text: "see" },
          { type: "image-url", url: png.href },
          { type: "file-data", data: "AQID", mediaType: "application/pdf" }
        ]
      })
    })
  )

  it.effect("says everything the call says: prompt, tools, format, settings, the smaller cap", () =>
    Effect.gen(function* () {
      const { asked, model } = v4({})
      const target = AiSdk.fromModel(model, {
        settings: { maxTokens: 100, temperature: 1, topK: 3 },
        providerOptions: { acme: { tier: "flex" } }
      })
      const City = Schema.Struct({ name: Schema.String })
      const call = yield* options({
        prompt: [
          { role: "system", content: "be brief" },
          {
            role: "user",
            content: [
              { type: "text", text: "look" },
              { type: "file", mediaType: "image/png", data: new URL("https://a.example/x.png") }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "mine", options: { acme: { signature: "s" } } },
              { type: "reasoning", text: "foreign", options: { other: { signature: "t" } } },
              { type: "tool-call", id: "c1", name: "Weather", params: { city: "Oslo" } }
            ]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "c1", name: "Weather", isFailure: true, result: { bad: 1 } }]
          }
        ],
        tools: [Weather],
        toolChoice: { oneOf: ["Weather"], mode: "required" },
        responseFormat: { type: "json", objectName: "city", schema: City }
      })
      yield* target
        .generate(call, { maxOutputTokens: 50 })
        .pipe(CallSettings.with({ temperature: 0, presencePenalty: 0.5, frequencyPenalty: 0.25, stop: ["."] }))
      const { abortSignal, tools, responseFormat, ...rest } = asked[0] ?? { prompt: [] }
      assert.instanceOf(abortSignal, AbortSignal)
      assert.strictEqual(tools?.[0]?.type === "function" ? tools[0].description : "", "Weather by city")
      assert.deepStrictEqual(responseFormat?.type === "json" ? responseFormat.schema?.required : [], ["name"])
      assert.deepStrictEqual(rest, {
        prompt: [
          { role: "system", content: "be brief" },
          {
            role: "user",
            content: [
              { type: "text", text: "look" },
              { type: "file", mediaType: "image/png", data: { type: "url", url: new URL("https://a.example/x.png") } }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "mine", providerOptions: { acme: { signature: "s" } } },
              { type: "tool-call", toolCallId: "c1", toolName: "Weather", input: { city: "Oslo" } }
            ]
          },
          {
            role: "tool",
            content: [
              {
                type: "tool-result",
                toolCallId: "c1",
                toolName: "Weather",
                output: { type: "error-json", value: { bad: 1 } }
              }
            ]
          }
        ],
        toolChoice: { type: "required" },
        maxOutputTokens: 50,
        temperature: 0,
        topK: 3,
        presencePenalty: 0.5,
        frequencyPenalty: 0.25,
        stopSequences: ["."],
        providerOptions: { acme: { tier: "flex" } }
      })
    })
  )

  it.effect("names tools that the provider runs by their own names", () =>
    Effect.gen(function* () {
      const { asked, model } = v4({})
      const Search = Tool.providerDefined({
        id: "acme.search",
        customName: "AcmeSearch",
        providerName: "search",
        args: Schema.Struct({ depth: Schema.Number })
      })
      yield* generate(AiSdk.fromModel(model), { tools: [Search({ depth: 2 })], toolChoice: "auto" })
      assert.deepStrictEqual(asked[0]?.tools, [
        { type: "provider", id: "acme.search", name: "AcmeSearch", args: { depth: 2 } }
      ])
    })
  )

  it.effect("answers `generateObject` and runs tools through `LanguageModel` above it", () =>
    Effect.gen(function* () {
      const object = AiSdk.fromModel(v4({ content: [{ type: "text", text: '{"name":"Oslo"}' }] }).model)
      const service = yield* LanguageModel.make({ generateText: object.generate, streamText: object.stream })
      const { value } = yield* service.generateObject({ prompt: "?", schema: Schema.Struct({ name: Schema.String }) })
      assert.deepStrictEqual(value, { name: "Oslo" })

      const call = { type: "tool-call" as const, toolCallId: "c", toolName: "Weather", input: '{"city":"Oslo"}' }
      const caller = AiSdk.fromModel(v4({ parts: [call, finish("tool-calls")] }).model)
      const kit = Toolkit.make(Weather)
      const other = yield* LanguageModel.make({ generateText: caller.generate, streamText: caller.stream })
      const parts = yield* other
        .streamText({ prompt: "?", toolkit: kit })
        .pipe(
          Stream.runCollect,
          Effect.provide(kit.toLayer({ Weather: ({ city }) => Effect.succeed({ degrees: city.length }) }))
        )
      assert.deepStrictEqual(
        parts.flatMap((part) => (part.type === "tool-result" ? [part.result] : [])),
        [{ degrees: 4 }]
      )
    })
  )

  it.effect("fails a stream that is cut, interrupted, or holds an error; it never ends normally", () =>
    Effect.gen(function* () {
      const begun = text("1", "a")
      for (const parts of [begun, [...begun, finish("interrupted")]]) {
        const error = yield* failed({ parts })
        assert.strictEqual(Classifier.classify(error).errorType, "Truncated")
        assert.isTrue(Classifier.classify(error).sameTarget)
      }
      const busy = { type: "error" as const, error: { type: "overloaded_error", message: "the prompt: my secret" } }
      const error = yield* failed({ parts: [...begun, busy, finish("error")] })
      assert.strictEqual(Classifier.classify(error).errorType, "Overloaded")
      const limited = yield* failed({ parts: [{ type: "error", error: callError(429) }] })
      assert.strictEqual(limited.reason._tag, "RateLimitError")
      assert.notInclude(JSON.stringify([error, limited]), "secret")
    })
  )

  it.effect("never makes `{}` of arguments that cannot be read", () =>
    Effect.gen(function* () {
      const call = (input: string) => ({ type: "tool-call" as const, toolCallId: "c", toolName: "Weather", input })
      for (const input of ['{"city":', "[1]", "5"]) {
        for (const unified of ["tool-calls", "stop"]) {
          const error = yield* failed({ parts: [call(input), finish(unified)] })
          assert.strictEqual(error.reason._tag, "InvalidOutputError")
          const whole = v4({
            content: [call(input)],
            result: { finishReason: { unified: unified as "stop", raw: "" } }
          })
          assert.strictEqual(
            (yield* Effect.flip(generate(AiSdk.fromModel(whole.model)))).reason._tag,
            "InvalidOutputError"
          )
        }
      }
      for (const input of ['{"city":', ""]) {
        const cut = yield* streamed({ parts: [call(input), finish("length")] })
        assert.deepStrictEqual(
          cut.map(({ type }) => type),
          ["response-metadata", "finish"]
        )
      }
      // How many models say "no arguments".
      const bare = yield* streamed({ parts: [call(""), finish("tool-calls")] })
      assert.deepStrictEqual(
        bare.flatMap((part) => (part.type === "tool-call" ? [part.params] : [])),
        [{}]
      )
    })
  )

  it.effect("classifies what a model throws by status, headers and body, and quotes none of it", () =>
    Effect.gen(function* () {
      const table: ReadonlyArray<readonly [error: unknown, tag: string, type: string]> = [
        [callError(429, "", { "Retry-After": "7" }), "RateLimitError", "RateLimited"],
        [callError(402), "QuotaExhaustedError", "QuotaExhausted"],
        [callError(401, "my secret"), "AuthenticationError", "Auth"],
        [callError(400, '{"error":{"code":"context_length_exceeded"}}'), "InvalidRequestError", "ContextLength"],
        [callError(503), "InternalProviderError", "Overloaded"],
        [
          callError(200, '{"error":{"type":"overloaded_error","message":"my secret"}}'),
          "InternalProviderError",
          "Overloaded"
        ],
        [callError(200, "<html>"), "InvalidResponseError", "Protocol"],
        [callError(undefined), "NetworkError", "Network"],
        [new LoadAPIKeyError({ message: "sk-secret" }), "AuthenticationError", "Auth"],
        [new NoSuchModelError({ modelId: "m", modelType: "languageModel" }), "InvalidRequestError", "ModelNotFound"],
        [new UnsupportedFunctionalityError({ functionality: "x" }), "InvalidRequestError", "InvalidRequest"],
        [new JSONParseError({ text: "my secret", cause: undefined }), "InvalidResponseError", "Protocol"],
        [new TypeError("fetch failed", { cause: { code: "ECONNRESET" } }), "NetworkError", "Network"],
        [new Error("my secret"), "UnknownError", "_OTHER"]
      ]
      for (const [thrown, tag, type] of table) {
        const target = AiSdk.fromModel(v4({ error: thrown }).model)
        for (const error of [yield* Effect.flip(generate(target)), yield* Effect.flip(collect(target))]) {
          assert.strictEqual(error.reason._tag, tag)
          assert.strictEqual(Classifier.classify(error).errorType, type)
          assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "secret")
        }
      }
      const limited = yield* Effect.flip(generate(AiSdk.fromModel(v4({ error: table[0]?.[0] }).model)))
      assert.strictEqual(Duration.toMillis(limited.retryAfter ?? 0), 7000)
    })
  )

  it.effect("recognises errors of another copy of the package by their markers", () =>
    Effect.gen(function* () {
      const copy = Object.assign(new Error("my secret"), {
        [Symbol.for("vercel.ai.error.AI_APICallError")]: true,
        statusCode: 529,
        responseHeaders: {},
        responseBody: ""
      })
      assert.strictEqual((yield* failed({ error: copy })).reason._tag, "InternalProviderError")
    })
  )

  it.effect("fires the call's signal and lets go of the stream when it is interrupted", () =>
    Effect.gen(function* () {
      const { asked, cancelled, model } = v4({ parts: text("1", "a"), hang: true })
      const seen: Array<string> = []
      const fiber = yield* stream(AiSdk.fromModel(model)).pipe(
        Stream.runForEach((part) => Effect.sync(() => seen.push(part.type))),
        Effect.forkChild
      )
      while (!seen.includes("text-end")) yield* Effect.promise(() => new Promise<void>((go) => setImmediate(go)))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(asked[0]?.abortSignal?.aborted)
      assert.strictEqual(cancelled(), 1)

      let signal: AbortSignal | undefined
      const never = {
        ...model,
        doGenerate: (call: { abortSignal?: AbortSignal }) => {
          signal = call.abortSignal
          return new Promise<never>(() => {})
        }
      }
      const waiting = yield* Effect.forkChild(generate(AiSdk.fromModel(never)))
      while (signal === undefined) yield* Effect.promise(() => new Promise<void>((go) => setImmediate(go)))
      yield* Fiber.interrupt(waiting)
      assert.isTrue(signal.aborted)
    })
  )

  it.effect("does not mind what goes wrong after the finish", () =>
    Effect.gen(function* () {
      const parts = yield* streamed({ parts: [...text("1", "a"), finish("stop"), { type: "error", error: "late" }] })
      assert.strictEqual(parts.at(-1)?.type, "finish")
      assert.strictEqual(usage.outputTokens.total, 5)
    })
  )
})
