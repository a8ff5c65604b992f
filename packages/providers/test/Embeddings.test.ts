import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Defaults, RoutedEmbedding, Strategy } from "@spillway/core"
import { classify } from "@spillway/core/Classifier"
import type { ProviderEmbedding } from "@spillway/core/ProviderEmbedding"
import { Config, ConfigProvider, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { EmbeddingModel } from "effect/ai"
import { Base64 } from "effect/encoding"
import { FetchHttpClient, type HttpClient } from "effect/http"
import * as AzureOpenAi from "../src/AzureOpenAi.ts"
import * as CallSettings from "../src/CallSettings.ts"
import * as DashScope from "../src/DashScope.ts"
import * as GeminiEmbeddings from "../src/GeminiEmbeddings.ts"
import * as LlamaCpp from "../src/LlamaCpp.ts"
import * as Mistral from "../src/Mistral.ts"
import * as Ollama from "../src/Ollama.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import * as SgLang from "../src/SgLang.ts"
import * as SiliconFlow from "../src/SiliconFlow.ts"
import * as Together from "../src/Together.ts"
import * as VLlm from "../src/VLlm.ts"
import { key } from "./support/Calls.ts"
import { bearer, sentBy } from "./support/Elsewhere.ts"
import { type Handler, reply, replySse, serve } from "./support/Server.ts"

type Made = Effect.Effect<ProviderEmbedding, never, HttpClient.HttpClient>

const keyed = { model: "embed-1", apiKey: key }
const base64 = (...numbers: ReadonlyArray<number>) => Base64.encode(new Uint8Array(Float32Array.from(numbers).buffer))
const item = (index: number | undefined, embedding: unknown) => ({ object: "embedding", index, embedding })
const answerOf = (data: ReadonlyArray<unknown>, usage: unknown = { prompt_tokens: 4, total_tokens: 4 }) => ({
  object: "list",
  model: "embed-1",
  data,
  usage
})
const two = answerOf([item(1, base64(0.5, -2)), item(0, base64(1, 0.25))])
const geminiTwo = { embeddings: [{ values: [1, 0.25] }, { values: [0.5, -2] }] }
const expected = [
  [1, 0.25],
  [0.5, -2]
]

const at = (baseUrl: string, more: Partial<OpenAiCompatible.EmbeddingOptions> = {}) =>
  OpenAiCompatible.embeddings({ ...keyed, baseUrl, ...more }).pipe(Effect.provide(FetchHttpClient.layer))

/** Vendor, its model, where a call goes, and what the body says beside model and texts. */
const vendors: ReadonlyArray<readonly [string, Made, string, object, space: string, provider: string]> = [
  [
    "OpenAi",
    OpenAi.embeddings({ ...keyed, dimensions: 2 }),
    "https://api.openai.com/v1/embeddings",
    { encoding_format: "base64", dimensions: 2 },
    "embed-1@2",
    "openai"
  ],
  [
    "AzureOpenAi",
    AzureOpenAi.embeddings({ ...keyed, resource: "res", space: "text-embedding-3-small" }),
    "https://res.openai.azure.com/openai/v1/embeddings",
    { encoding_format: "base64" },
    "text-embedding-3-small",
    "azure.ai.openai"
  ],
  [
    "AzureOpenAi, older path",
    AzureOpenAi.embeddings({ ...keyed, resource: "res", apiVersion: "2024-10-21" }),
    "https://res.openai.azure.com/openai/deployments/embed-1/embeddings?api-version=2024-10-21",
    { encoding_format: "base64" },
    "embed-1",
    "azure.ai.openai"
  ],
  [
    "Mistral",
    Mistral.embeddings({ ...keyed, dimensions: 2 }),
    "https://api.mistral.ai/v1/embeddings",
    { output_dimension: 2 },
    "embed-1@2",
    "mistral_ai"
  ],
  [
    "DashScope",
    DashScope.embeddings({ ...keyed, region: "international" }),
    "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/embeddings",
    {},
    "embed-1",
    "dashscope"
  ],
  [
    "SiliconFlow",
    SiliconFlow.embeddings(keyed),
    "https://api.siliconflow.cn/v1/embeddings",
    { encoding_format: "base64" },
    "embed-1",
    "siliconflow"
  ],
  ["Together", Together.embeddings(keyed), "https://api.together.xyz/v1/embeddings", {}, "embed-1", "together_ai"],
  ["Ollama", Ollama.embeddings(keyed), "http://localhost:11434/v1/embeddings", {}, "embed-1", "ollama"],
  [
    "VLlm",
    VLlm.embeddings(keyed),
    "http://localhost:8000/v1/embeddings",
    { encoding_format: "base64" },
    "embed-1",
    "vllm"
  ],
  [
    "SgLang",
    SgLang.embeddings({ ...keyed, dimensions: 2 }),
    "http://localhost:30000/v1/embeddings",
    { dimensions: 2 },
    "embed-1@2",
    "sglang"
  ],
  ["LlamaCpp", LlamaCpp.embeddings(keyed), "http://localhost:8080/v1/embeddings", {}, "embed-1", "llama_cpp"],
  [
    "OpenAiCompatible",
    OpenAiCompatible.embeddings({ ...keyed, baseUrl: "https://a.example/v1?x=1", provider: "acme" }),
    "https://a.example/v1/embeddings?x=1",
    {},
    "embed-1",
    "acme"
  ]
]

describe("embeddings", () => {
  for (const [name, made, address, fields, space, provider] of vendors) {
    it.effect(`${name}: asks at its address, in its words`, () =>
      Effect.gen(function* () {
        const [sent] = yield* sentBy(
          reply(200, two),
          Effect.gen(function* () {
            const model = yield* made
            assert.deepInclude(model, { model: "embed-1", space, provider })
            assert.deepStrictEqual([...model.capabilities], ["embeddings"])
            assert.deepStrictEqual(yield* model.embed(["a", "b"]), { vectors: expected, inputTokens: 4 })
          }).pipe(Effect.orDie)
        )
        assert.strictEqual(sent?.address, address)
        assert.deepStrictEqual(sent?.body, { model: "embed-1", input: ["a", "b"], ...fields })
        const azure = name.startsWith("Azure")
        assert.strictEqual(sent?.headers["authorization"], azure ? undefined : bearer)
        assert.strictEqual(sent?.headers["api-key"], azure ? Redacted.value(key) : undefined)
      })
    )
  }

  it.effect("Gemini: one request per text in a batch, at its address, in its words", () =>
    Effect.gen(function* () {
      const [sent] = yield* sentBy(
        reply(200, { ...geminiTwo, usageMetadata: { promptTokenCount: 5 } }),
        Effect.gen(function* () {
          const model = yield* GeminiEmbeddings.make({ ...keyed, dimensions: 2, taskType: "RETRIEVAL_QUERY" })
          assert.deepInclude(model, { provider: "gcp.gemini", space: "embed-1@2" })
          assert.deepStrictEqual(yield* model.embed(["a", "b"]), { vectors: expected, inputTokens: 5 })
        }).pipe(Effect.orDie)
      )
      assert.strictEqual(
        sent?.address,
        "https://generativelanguage.googleapis.com/v1beta/models/embed-1:batchEmbedContents"
      )
      assert.strictEqual(sent?.headers["x-goog-api-key"], Redacted.value(key))
      assert.notProperty(sent?.headers, "authorization")
      const one = { model: "models/embed-1", taskType: "RETRIEVAL_QUERY", outputDimensionality: 2 }
      assert.deepStrictEqual(sent?.body, {
        requests: ["a", "b"].map((text) => ({ ...one, content: { parts: [{ text }] } }))
      })
    })
  )

  it.effect("read plain numbers and base64, in the order of the index or as they stand", () =>
    Effect.gen(function* () {
      for (const data of [
        [item(0, [1, 0.25]), item(1, [0.5, -2])],
        [item(1, [0.5, -2]), item(0, base64(1, 0.25))],
        [item(undefined, [1, 0.25]), item(undefined, [0.5, -2])]
      ]) {
        const server = yield* serve(reply(200, answerOf(data)))
        assert.deepStrictEqual((yield* (yield* at(server.url)).embed(["a", "b"])).vectors, expected)
      }
    }).pipe(Effect.orDie)
  )

  it.effect("read what usage there is, as whole numbers", () =>
    Effect.gen(function* () {
      const tokens = (usage: unknown) =>
        Effect.gen(function* () {
          const server = yield* serve(reply(200, answerOf([item(0, [1])], usage)))
          return (yield* (yield* at(server.url)).embed(["a"])).inputTokens
        })
      assert.strictEqual(yield* tokens({ prompt_tokens: 3.7 }), 3)
      assert.strictEqual(yield* tokens({ total_tokens: 9 }), 9)
      for (const none of [[], null, {}, { prompt_tokens: -1 }, "many"]) assert.isUndefined(yield* tokens(none))
    }).pipe(Effect.orDie)
  )

  it.effect("fail rather than give a vector that is missing, odd, doubled or of another length", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<ReadonlyArray<unknown>> = [
        [],
        [item(0, [1, 1])],
        [item(0, [1, 1]), item(0, [1, 1])],
        [item(0, [1, 1]), item(2, [1, 1])],
        [item(0, [1, 1]), item(1, [1, 1]), item(2, [1, 1])],
        [item(0, [1, 1]), item(1, [1, "2"])],
        [item(0, [1, 1]), item(1, [])],
        [item(0, [1, 1]), item(1, null)],
        [item(0, [1, 1]), item(1, "%%%%")],
        [item(0, [1, 1]), item(1, "AAAA")],
        [item(0, [1, 1]), item(1, base64(1, Number.NaN))],
        [item(0, [1, 1]), item(1, [1, 1, 1])]
      ]
      for (const data of bad) {
        const server = yield* serve(reply(200, answerOf(data)))
        const error = yield* Effect.flip((yield* at(server.url, { dimensions: 2 })).embed(["a", "b"]))
        assert.strictEqual(error.reason._tag, "InvalidResponseError", JSON.stringify(data))
        assert.deepInclude(classify(error), { errorType: "Protocol", otherTarget: true })
        const gemini = yield* GeminiEmbeddings.make({ ...keyed, baseUrl: server.url }).pipe(
          Effect.provide(FetchHttpClient.layer)
        )
        assert.strictEqual((yield* Effect.flip(gemini.embed(["a"]))).reason._tag, "InvalidResponseError")
      }
    })
  )

  it.effect("Gemini: fail on too few vectors and on other dimensions", () =>
    Effect.gen(function* () {
      for (const body of [
        { embeddings: [{ values: [1] }] },
        { embeddings: [{ values: [1, 2] }, { values: [1, "2"] }] },
        geminiTwo
      ]) {
        const server = yield* serve(reply(200, body))
        const dimensions = body === geminiTwo ? { dimensions: 3 } : {}
        const model = yield* GeminiEmbeddings.make({ ...keyed, baseUrl: server.url, ...dimensions }).pipe(
          Effect.provide(FetchHttpClient.layer)
        )
        assert.strictEqual((yield* Effect.flip(model.embed(["a", "b"]))).reason._tag, "InvalidResponseError")
      }
    })
  )

  it.effect("fail as everything over HTTP does, with neither key nor text in the error, after one request", () =>
    Effect.gen(function* () {
      const echo = `${Redacted.value(key)} my-private-text`
      const failing: ReadonlyArray<readonly [Handler, string, string]> = [
        [
          reply(429, { error: { message: "slow", type: "tokens" } }, { "retry-after": "2" }),
          "RateLimitError",
          "RateLimited"
        ],
        [reply(401, { error: { message: echo } }), "AuthenticationError", "Auth"],
        [reply(400, { error: { message: echo, code: echo } }), "InvalidRequestError", "InvalidRequest"],
        [
          reply(400, { error: { message: "This model's maximum context length is 8192" } }),
          "InvalidRequestError",
          "ContextLength"
        ],
        [reply(500, echo), "InternalProviderError", "Overloaded"],
        [
          reply(302, "", { location: `https://example.com/?key=${echo.slice(0, 8)}` }),
          "InvalidRequestError",
          "InvalidRequest"
        ],
        [reply(200, { error: { message: echo, type: "rate_limit_error" } }), "RateLimitError", "RateLimited"],
        [reply(200, [{ error: { code: 503, message: "busy" } }]), "InternalProviderError", "Overloaded"],
        [reply(200, `<html>${echo}`), "InvalidResponseError", "Protocol"],
        [reply(200, "\n\n"), "InternalProviderError", "Truncated"],
        [reply(200, '"text"'), "InvalidResponseError", "Protocol"],
        [replySse("data: {}\n\n"), "InvalidResponseError", "Protocol"],
        [
          (response) => {
            response.writeHead(200, { "content-length": "1000" })
            response.write('{"data":[', () => response.destroy())
          },
          "InternalProviderError",
          "Truncated"
        ],
        [(response) => response.destroy(), "NetworkError", "Network"]
      ]
      for (const [handler, reason, errorType] of failing) {
        const server = yield* serve(handler)
        const error = yield* Effect.flip((yield* at(server.url)).embed(["my-private-text"]))
        assert.strictEqual(error.reason._tag, reason)
        assert.strictEqual(classify(error).errorType, errorType)
        assert.deepInclude(error, { module: "OpenAiCompatible", method: "embed" })
        const printed = `${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}${String(error)}`
        for (const secret of [Redacted.value(key), "my-private-text"]) assert.notInclude(printed, secret)
        assert.strictEqual(server.received.length, 1)
      }
    })
  )

  it.effect("send nothing for no texts, and nothing where the vendor takes fewer", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, two))
      const model = yield* DashScope.embeddings({ ...keyed, baseUrl: server.url })
      assert.deepStrictEqual(yield* model.embed([]), { vectors: [], inputTokens: undefined })
      const error = yield* Effect.flip(model.embed(Array.from({ length: 11 }, String)))
      assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "input" })
      assert.deepInclude(classify(error), { otherTarget: true, sameTarget: false })
      assert.strictEqual(server.received.length, 0)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("take headers of the call, of the model, and tokens of Azure", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, two))
      const model = yield* AzureOpenAi.embeddings({
        model: "m",
        baseUrl: server.url,
        token: Effect.succeed(Redacted.make("entra")),
        headers: { "x-model": "m" }
      })
      yield* model.embed(["a", "b"]).pipe(CallSettings.with({ headers: { "x-call": "c" } }))
      assert.deepInclude(server.received[0]?.headers, { "x-model": "m", "x-call": "c", authorization: "Bearer entra" })
      const error = yield* Effect.flip(model.embed(["a"]).pipe(CallSettings.with({ headers: { "x-call": "a\nb" } })))
      assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "headers" })
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.orDie)
  )

  it.live("abort the request when they are interrupted", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const server = yield* serve(() => Deferred.doneUnsafe(arrived, Effect.void))
      const fiber = yield* Effect.forkChild((yield* at(server.url)).embed(["a"]), { startImmediately: true })
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => server.closed(0))
    })
  )

  it.effect("are an EmbeddingModel on their own, which asks for many texts in several requests", () =>
    Effect.gen(function* () {
      const server = yield* serve((response, received) => {
        const input = received.body["input"] as ReadonlyArray<string>
        const data = input.map((text, i) => item(i, [Number(text)])).reverse()
        reply(200, answerOf(data, { prompt_tokens: input.length }))(response, received)
      })
      const env = ConfigProvider.layer(ConfigProvider.fromUnknown({ DASHSCOPE_API_KEY: "k1", MY_KEY: "k2" }))
      const layer = DashScope.layerEmbeddingConfig({ model: "m", baseUrl: server.url })
      const texts = Array.from({ length: 23 }, (_, i) => String(i))
      const answer = yield* Effect.flatMap(EmbeddingModel.EmbeddingModel, (model) => model.embedMany(texts)).pipe(
        Effect.provide(layer.pipe(Layer.provide([FetchHttpClient.layer, env])))
      )
      assert.deepStrictEqual(
        answer.embeddings.map(({ vector }) => vector[0]),
        texts.map(Number)
      )
      assert.strictEqual(answer.usage.inputTokens, 23)
      assert.deepStrictEqual(
        server.received.map(({ body, headers }) => [
          (body["input"] as ReadonlyArray<string>).length,
          headers["authorization"]
        ]),
        [
          [10, "Bearer k1"],
          [10, "Bearer k1"],
          [3, "Bearer k1"]
        ]
      )
      const own = OpenAiCompatible.layerEmbeddingConfig({
        model: "m",
        baseUrl: server.url,
        apiKey: Config.Redacted("MY_KEY")
      })
      // Single calls share a request, but not with those that send other headers.
      yield* Effect.gen(function* () {
        const model = yield* EmbeddingModel.EmbeddingModel
        const other = CallSettings.with({ headers: { "x-call": "c" } })
        const vectors = yield* Effect.all([model.embed("1"), other(model.embed("2")), model.embed("3")], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(
          vectors.map(({ vector }) => vector[0]),
          [1, 2, 3]
        )
      }).pipe(Effect.provide(own.pipe(Layer.provide([FetchHttpClient.layer, env]))))
      const last = server.received.slice(3).map(({ body, headers }) => [body["input"], headers["x-call"]])
      assert.sameDeepMembers(last, [
        [["1", "3"], undefined],
        [["2"], "c"]
      ])
    }).pipe(Effect.orDie)
  )

  it.live("are targets of a router, which moves on to another of the same space", () =>
    Effect.gen(function* () {
      const busy = yield* serve(reply(503, { error: { message: "busy" } }, { "x-should-retry": "false" }))
      const well = yield* serve(reply(200, two))
      const routed = RoutedEmbedding.layer({
        targets: [
          { id: "openai", client: yield* OpenAi.embeddings({ ...keyed, baseUrl: busy.url }) },
          { id: "vllm", client: yield* VLlm.embeddings({ ...keyed, baseUrl: well.url }) }
        ],
        tiers: [["openai"], ["vllm"]]
      }).pipe(
        Layer.provide(
          Layer.merge(
            Defaults.make(),
            Layer.succeed(Strategy.CurrentStrategy, {
              name: "first",
              make: (all) => Effect.succeed({ pick: (_request, eligible) => all.find(eligible) })
            })
          )
        )
      )
      const answer = yield* Effect.flatMap(EmbeddingModel.EmbeddingModel, (model) => model.embedMany(["a", "b"])).pipe(
        Effect.provide(routed)
      )
      assert.deepStrictEqual(
        answer.embeddings.map(({ vector }) => [...vector]),
        expected
      )
      assert.strictEqual(answer.usage.inputTokens, 4)
      assert.deepStrictEqual([busy.received.length, well.received.length], [1, 1])
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.orDie)
  )

  it("refuse options that make no sense", () => {
    const wrong: ReadonlyArray<readonly [() => unknown, RegExp]> = [
      [() => OpenAi.embeddingModel({ ...keyed, dimensions: 0 }), /^OpenAi: dimensions must be an integer >= 1/],
      [() => OpenAi.embeddingModel({ ...keyed, model: "" }), /^OpenAi: model must be a non-empty string/],
      [() => OpenAi.embeddingModel({ model: "m" } as typeof keyed), /^OpenAi: apiKey must be a Redacted string/],
      [() => Mistral.embeddingModel({ ...keyed, space: "" }), /^Mistral: space must be a non-empty string/],
      [
        () => OpenAiCompatible.embeddingModel({ ...keyed, baseUrl: "http://h", maxTexts: 0 }),
        /maxTexts must be an integer/
      ],
      [() => GeminiEmbeddings.model({ ...keyed, dimensions: 1.5 }), /^GeminiEmbeddings: dimensions must be/],
      [() => AzureOpenAi.embeddingModel({ model: "m", resource: "r" }), /^AzureOpenAi: apiKey must be given, or else/],
      [() => SiliconFlow.embeddingModel({ ...keyed, site: "x" as "cn" }), /^SiliconFlow: site must be one of/]
    ]
    for (const [make, message] of wrong) assert.throws(make, message)
  })
})
