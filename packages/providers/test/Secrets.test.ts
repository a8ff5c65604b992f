import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Cause, ConfigProvider, Effect, Layer, Redacted, Tracer } from "effect"
import { LanguageModel } from "effect/ai"
import { FetchHttpClient, HttpClient, type HttpClientRequest } from "effect/http"
import * as DeepSeek from "../src/DeepSeek.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import { collect, compatible, generate, key } from "./support/Calls.ts"
import { text } from "./support/Fixtures.ts"
import { reply, replySse, serve } from "./support/Server.ts"

const secret = Redacted.value(key)

/** Everything an application might print of a value. */
const printed = (value: unknown): string =>
  [
    String(value),
    inspect(value, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(value),
    Cause.pretty(Cause.fail(value)),
    value instanceof Error ? `${value.stack}${inspect(value.cause, { depth: 20, showHidden: true })}` : ""
  ].join("\n")

describe("secrets", () => {
  it.effect("are in no error of a call, and the prompt is not either", () =>
    Effect.gen(function* () {
      const echo = `${secret} my-private-prompt`
      const handlers = [
        reply(400, { error: { message: echo, param: echo, code: echo } }),
        reply(401, { error: { message: `Incorrect API key provided: ${secret}` } }),
        reply(500, echo, { "x-request-id": secret }),
        reply(302, "", { location: `https://example.com/?key=${secret}` }),
        reply(200, { error: { message: echo, type: echo } }),
        reply(200, `<html>${echo}`),
        replySse(`data: {"error":{"message":${JSON.stringify(echo)}}}\n\n`),
        replySse(`data: ${echo}\n\n`)
      ]
      for (const handler of handlers) {
        const server = yield* serve(handler)
        const model = yield* compatible(`${server.url}/v1?key=${secret}`)
        for (const error of [
          yield* Effect.flip(generate(model, { prompt: "my-private-prompt" })),
          yield* Effect.flip(collect(model, { prompt: "my-private-prompt" }))
        ]) {
          assert.notInclude(printed(error), secret)
          assert.notInclude(printed(error), "my-private-prompt")
        }
      }
      const closed = yield* serve((response) => response.destroy())
      const error = yield* Effect.flip(generate(yield* compatible(`${closed.url}?key=${secret}`)))
      assert.notInclude(printed(error), secret)
    })
  )

  it.effect("are not in the model", () =>
    Effect.gen(function* () {
      const model = yield* compatible("http://localhost/v1")
      assert.notInclude(printed(model), secret)
    })
  )

  it.effect("go to the vendor as one header, without trace context, and no client span is made", () =>
    Effect.gen(function* () {
      const names: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          names.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      const server = yield* serve(replySse(text("azure-text.sse")))
      const model = yield* compatible(server.url)
      yield* generate(model).pipe(Effect.withSpan("caller"), Effect.withTracer(tracer))
      const headers = server.received[0]?.headers ?? {}
      for (const name of ["traceparent", "tracestate", "b3", "x-b3-traceid", "baggage", "cookie", "api-key"]) {
        assert.notProperty(headers, name)
      }
      const holding = Object.keys(headers).filter((name) => String(headers[name]).includes(secret))
      assert.deepStrictEqual(holding, ["authorization"])
      assert.notInclude(server.received[0]?.text ?? "", secret)
      assert.notInclude(server.received[0]?.url ?? "", secret)
      assert.deepStrictEqual(
        names.filter((name) => name !== "caller" && name !== "test"),
        []
      )
    }).pipe(Effect.orDie)
  )

  it.effect("are redacted wherever the request is printed on its way", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* serve(reply(200, text("openai-completion.json")))
      const watching = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, (client) =>
          HttpClient.transform(client, (effect, request: HttpClientRequest.HttpClientRequest) =>
            Effect.andThen(
              Effect.sync(() => seen.push(inspect(request), JSON.stringify(request))),
              effect
            )
          )
        )
      ).pipe(Layer.provide(FetchHttpClient.layer))
      for (const auth of [
        "bearer",
        "api-key",
        "x-goog-api-key",
        "x-amz-security-token",
        "x-api-key",
        "x-of-their-own"
      ]) {
        const model = yield* OpenAiCompatible.make({
          model: "m",
          baseUrl: server.url,
          apiKey: key,
          profile: { auth }
        }).pipe(Effect.provide(watching))
        yield* generate(model)
      }
      assert.strictEqual(seen.length, 12)
      for (const line of seen) assert.notInclude(line, secret)
    }).pipe(Effect.orDie)
  )

  it("are in no complaint about options", () => {
    const bad: ReadonlyArray<() => unknown> = [
      () => OpenAi.make({ model: "m", apiKey: secret as unknown as Redacted.Redacted<string> }),
      () => OpenAi.make({ model: "m", apiKey: Redacted.make(`${secret}\n`) }),
      () => OpenAi.make({ model: "m", apiKey: Redacted.make("") }),
      () => DeepSeek.make({ model: "m", apiKey: undefined as unknown as Redacted.Redacted<string> }),
      () => DeepSeek.make({ model: "", apiKey: key }),
      () => DeepSeek.make({ model: "m", apiKey: key, settings: { userId: "a b" } }),
      () => OpenAi.make({ model: "m", apiKey: key, baseUrl: secret }),
      () => OpenAi.make({ model: "m", apiKey: key, baseUrl: `https://user:${secret}@example.com/v1?key=${secret}` }),
      () => OpenAi.make({ model: "m", apiKey: key, baseUrl: `ftp://example.com/${secret}` }),
      () => OpenAi.make({ model: "m", apiKey: key, baseUrl: "/v1" }),
      () => OpenAi.make({ model: "m", apiKey: key, baseUrl: "" }),
      () => OpenAiCompatible.make({ model: "m", apiKey: key, baseUrl: "http://h/", headers: { "x-a": `${secret}\n` } }),
      () => OpenAiCompatible.model({ model: "m", apiKey: Redacted.make(" "), baseUrl: "http://h/" }),
      () => OpenAiCompatible.layer({ model: "m", baseUrl: "example.com/v1" })
    ]
    for (const make of bad) {
      let error: unknown
      try {
        make()
      } catch (caught) {
        error = caught
      }
      assert.instanceOf(error, InvalidOption)
      assert.notInclude(printed(error), secret)
    }
  })

  it.effect("come from configuration", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, text("openai-completion.json")))
      const env = ConfigProvider.layer(
        ConfigProvider.fromUnknown({ DEEPSEEK_API_KEY: "d-key", OPENAI_API_KEY: "o-key" })
      )
      for (const layer of [
        DeepSeek.layerConfig({ model: "deepseek-flash", baseUrl: server.url }),
        OpenAi.layerConfig({ model: "gpt-5.2", baseUrl: server.url })
      ]) {
        const answer = yield* LanguageModel.generateText({ prompt: "hi" }).pipe(
          Effect.provide(layer.pipe(Layer.provide([FetchHttpClient.layer, env])))
        )
        assert.strictEqual(answer.text, "Hello there")
      }
      assert.deepStrictEqual(
        server.received.map((received) => received.headers.authorization),
        ["Bearer d-key", "Bearer o-key"]
      )
      const missing = yield* Effect.flip(
        LanguageModel.generateText({ prompt: "hi" }).pipe(
          Effect.provide(OpenAi.layerConfig({ model: "m" }).pipe(Layer.provide(FetchHttpClient.layer))),
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
        )
      )
      assert.strictEqual(missing._tag, "ConfigError")
    })
  )
})
