import { assert, describe, it } from "@effect/vitest"
import { Classifier } from "@spillway/core"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel, OpenAiStructuredOutput, type Response, Tool, Toolkit } from "effect/ai"
import * as CallSettings from "../src/CallSettings.ts"
import * as EffectModel from "../src/EffectModel.ts"
import { collect, generate, options, stream, Weather } from "./support/Calls.ts"

const finish: Response.FinishPartEncoded = {
  type: "finish",
  reason: "stop",
  usage: { inputTokens: { total: 3 }, outputTokens: { total: 2 } }
}
const call: Response.ToolCallPartEncoded = { type: "tool-call", id: "c", name: "Weather", params: { city: "Oslo" } }
const named = { provider: "acme", model: "acme-1" }

/** A model of `effect/ai` that somebody else made. */
const foreign = (script: {
  readonly parts?: Array<Response.PartEncoded>
  readonly stream?: ReadonlyArray<Response.StreamPartEncoded>
  readonly error?: AiError.AiError
  readonly codecTransformer?: LanguageModel.CodecTransformer
}) => {
  const asked: Array<LanguageModel.ProviderOptions> = []
  const service = LanguageModel.make({
    codecTransformer: script.codecTransformer,
    generateText: (options) => {
      asked.push(options)
      return script.error === undefined ? Effect.succeed(script.parts ?? []) : Effect.fail(script.error)
    },
    streamText: (options) => {
      asked.push(options)
      const parts = Stream.fromIterable(script.stream ?? [])
      return script.error === undefined ? parts : Stream.concat(parts, Stream.fail(script.error))
    }
  })
  return Effect.map(service, (service) => ({ service, asked, target: EffectModel.fromLanguageModel(service, named) }))
}

const error = (status: number, reason: "Unknown" | "RateLimit", body = "", headers = {}) => {
  const fields = { http: { response: { status, headers }, body }, description: "said no" }
  return AiError.make({
    module: "Acme",
    method: "generateText",
    reason: reason === "Unknown" ? new AiError.UnknownError(fields) : new AiError.RateLimitError(fields)
  })
}

describe("a LanguageModel of effect/ai as a target", () => {
  it.effect("gives parts back in encoded form: times, bytes, addresses, metadata", () =>
    Effect.gen(function* () {
      const parts: Array<Response.PartEncoded> = [
        { type: "response-metadata", id: "r", modelId: "m", timestamp: "2026-11-22T00:00:00.000Z" },
        { type: "reasoning", text: "hm", metadata: { acme: { signature: "s" } } },
        { type: "text", text: "hello" },
        { type: "file", mediaType: "image/png", data: "AQID" },
        { type: "source", sourceType: "url", id: "u", url: "https://a.example/x", title: "x" },
        finish
      ]
      const { target } = yield* foreign({ parts })
      assert.deepStrictEqual(yield* generate(target), parts)
      assert.strictEqual(target.provider, "acme")
    })
  )

  it.effect("hands tools over without running them, and `LanguageModel` above runs each once", () =>
    Effect.gen(function* () {
      const { asked, target } = yield* foreign({ parts: [call, finish], stream: [call, finish] })
      const parts = yield* generate(target, { tools: [Weather], toolChoice: "auto" })
      assert.deepStrictEqual(parts, [call, finish])
      assert.strictEqual(asked[0]?.tools[0]?.name, "Weather")

      let runs = 0
      const kit = Toolkit.make(Weather)
      const outer = yield* LanguageModel.make({ generateText: target.generate, streamText: target.stream })
      const handlers = kit.toLayer({ Weather: ({ city }) => Effect.sync(() => ({ degrees: city.length + runs++ })) })
      const answer = yield* outer.generateText({ prompt: "?", toolkit: kit }).pipe(Effect.provide(handlers))
      assert.deepStrictEqual(answer.toolResults[0]?.result, { degrees: 4 })
      yield* outer.streamText({ prompt: "?", toolkit: kit }).pipe(Stream.runDrain, Effect.provide(handlers))
      assert.strictEqual(runs, 2)
    })
  )

  it.effect("gives parameters as the model wrote them, whatever the schema makes of them", () =>
    Effect.gen(function* () {
      const Count = Tool.make("Count", { parameters: Schema.Struct({ n: Schema.NumberFromString }) })
      const count: Response.ToolCallPartEncoded = { type: "tool-call", id: "c", name: "Count", params: { n: "5" } }
      const { target } = yield* foreign({ parts: [count, finish], stream: [count, finish] })
      const asked = { tools: [Count], toolChoice: "auto" as const }
      assert.deepStrictEqual(yield* generate(target, asked), [count, finish])
      assert.deepStrictEqual(yield* collect(target, asked), [{ type: "response-metadata" }, count, finish])
    })
  )

  it.effect("asks for objects in the service's own codec and gives them in the schema's", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({ name: Schema.String, tags: Schema.optionalKey(Schema.String) })
      const { target } = yield* foreign({
        // OpenAI's codec: what is optional is there, and null.
        parts: [{ type: "text", text: '{"name":"Oslo","tags":null}' }, finish],
        codecTransformer: OpenAiStructuredOutput.toCodecOpenAI
      })
      const format = { responseFormat: { type: "json" as const, objectName: "city", schema } }
      const whole = yield* generate(target, format)
      assert.deepStrictEqual(whole, [{ type: "text", text: '{"name":"Oslo"}' }, finish])
      const parts = yield* collect(target, format)
      assert.deepStrictEqual(
        parts.map((part) => (part.type === "text-delta" ? part.delta : part.type)),
        ["text-start", '{"name":"Oslo"}', "text-end", "finish"]
      )
    })
  )

  it.effect("streams up to the finish part, and fails without one", () =>
    Effect.gen(function* () {
      const begun: ReadonlyArray<Response.StreamPartEncoded> = [
        { type: "text-start", id: "0" },
        { type: "text-delta", id: "0", delta: "a" }
      ]
      const { target } = yield* foreign({ stream: [...begun, finish, { type: "text-end", id: "0" }] })
      const parts = yield* collect(target)
      assert.deepStrictEqual(parts, [{ type: "response-metadata" }, ...begun, finish])
      for (const rest of [[], [{ type: "error" as const, error: { type: "overloaded_error" } }, finish]]) {
        const cut = yield* foreign({ stream: [...begun, ...rest] })
        const failure = yield* Effect.flip(collect(cut.target))
        assert.strictEqual(Classifier.classify(failure).errorType, rest.length === 0 ? "Truncated" : "Overloaded")
      }
    })
  )

  it.effect("hints what the error does not say, and drops the answer's body", () =>
    Effect.gen(function* () {
      const table: ReadonlyArray<readonly [AiError.AiError, string, string]> = [
        [error(402, "Unknown"), "UnknownError", "QuotaExhausted"],
        [error(404, "Unknown"), "UnknownError", "ModelNotFound"],
        [error(413, "Unknown"), "UnknownError", "ContextLength"],
        [error(429, "RateLimit", '{"error":{"type":"insufficient_quota"}}'), "RateLimitError", "QuotaExhausted"],
        [error(429, "RateLimit", "the prompt: my secret", { "retry-after": "3" }), "RateLimitError", "RateLimited"]
      ]
      for (const [given, tag, type] of table) {
        const { target } = yield* foreign({ error: given })
        for (const failed of [yield* Effect.flip(generate(target)), yield* Effect.flip(collect(target))]) {
          assert.strictEqual(failed.reason._tag, tag)
          assert.strictEqual(Classifier.classify(failed).errorType, type)
          assert.notInclude(JSON.stringify(failed), "secret")
          assert.isTrue(AiError.isAiError(failed))
        }
      }
      const { outcome } = Classifier.classify(
        yield* Effect.flip(
          generate((yield* foreign({ error: error(429, "RateLimit", "", { "retry-after": "3" }) })).target)
        )
      )
      assert.strictEqual(outcome._tag === "Failure" ? undefined : JSON.stringify(outcome).includes("3000"), true)
    })
  )

  it.effect("says the settings of a call and the smaller cap in the provider's own configuration", () =>
    Effect.gen(function* () {
      const Config = Context.Reference<object>("test/EffectModel/Config", { defaultValue: () => ({}) })
      const seen: Array<object> = []
      const note = Effect.map(Effect.service(Config), (config) => void seen.push(config))
      const service = yield* LanguageModel.make({
        generateText: () => Effect.as(note, [finish]),
        streamText: () => Stream.unwrap(Effect.as(note, Stream.make(finish)))
      })
      const target = EffectModel.fromLanguageModel(service, {
        ...named,
        configure: ({ maxTokens, temperature }) => Context.make(Config, { max: maxTokens, heat: temperature })
      })
      const call = yield* options()
      const settings = { maxTokens: 9, temperature: 1 }
      yield* target.generate(call, { maxOutputTokens: 4 }).pipe(CallSettings.with(settings))
      yield* Stream.runDrain(Stream.provideService(target.stream(call), CallSettings.CurrentCallSettings, settings))
      assert.deepStrictEqual(seen, [
        { max: 4, heat: 1 },
        { max: 9, heat: 1 }
      ])
    })
  )

  it.effect("is built once from a layer and released with the scope", () =>
    Effect.gen(function* () {
      let open = 0
      const { service } = yield* foreign({ parts: [{ type: "text", text: "hi" }, finish] })
      const layer = Layer.effect(
        LanguageModel.LanguageModel,
        Effect.acquireRelease(
          Effect.sync(() => {
            open++
            return service
          }),
          () => Effect.sync(() => open--)
        )
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const target = yield* EffectModel.fromLayer(layer, named)
          yield* generate(target)
          yield* Stream.runDrain(stream(target)).pipe(Effect.ignore)
          assert.strictEqual(open, 1)
        })
      )
      assert.strictEqual(open, 0)
    })
  )

  it.effect("refuses what is no model or has no name", () =>
    Effect.gen(function* () {
      const { service } = yield* foreign({})
      assert.throws(() => EffectModel.fromLanguageModel(service, { ...named, provider: "" }), InvalidOption, /provider/)
      assert.throws(() => EffectModel.fromLanguageModel(service, { ...named, modell: "x" } as never), InvalidOption)
      assert.throws(() => EffectModel.fromLanguageModel(Layer.empty as never, named), InvalidOption, /fromLayer/)
    })
  )
})
