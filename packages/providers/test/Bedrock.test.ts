import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Cause, ConfigProvider, Effect, Layer, Redacted, Stream } from "effect"
import { type AiError, LanguageModel, Prompt, type Response, Toolkit } from "effect/ai"
import { FetchHttpClient, HttpClient, type HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { type Signer, SigningError } from "../src/aws/Signer.ts"
import * as SigV4 from "../src/aws/SigV4.ts"
import * as Bedrock from "../src/Bedrock.ts"
import { complaint } from "./support/AwsSignature.ts"
import { collect, generate, key, Weather } from "./support/Calls.ts"
import { event, exception, fixture, join } from "./support/EventStream.ts"
import { bytes } from "./support/Fixtures.ts"
import { type Handler, reply, serve } from "./support/Server.ts"

const secret = Redacted.value(key)
const secretAccessKey = "wJalr/very+secret=access"
const sessionToken = "IQoJb3JpZ2lu/very+secret=token"
const signer = SigV4.make({
  credentials: {
    accessKeyId: Redacted.make("AKIDSECRETID"),
    secretAccessKey: Redacted.make(secretAccessKey),
    sessionToken: Redacted.make(sessionToken)
  }
})

const base = { model: "eu.anthropic.claude-x-v1:0", region: "eu-central-1" }

const modelAt = (baseUrl: string, more: Partial<Bedrock.Options> = { apiKey: key }) =>
  Bedrock.make({ ...base, baseUrl, ...more }).pipe(Effect.provide(FetchHttpClient.layer))

const frames =
  (body: Uint8Array): Handler =>
  (response) => {
    response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" })
    response.end(body)
  }

/** Answers as the path asks: frames for a stream, else JSON. */
const answer: Handler = (response, received) =>
  received.url.endsWith("-stream")
    ? frames(fixture("converse-tools.jsonl"))(response, received)
    : reply(200, new TextDecoder().decode(bytes("converse-answer.json")))(response, received)

const Kit = Toolkit.make(Weather)
const handlers = Kit.toLayer({ Weather: ({ city }) => Effect.succeed({ degrees: city.length }) })

const printed = (value: unknown): string =>
  [
    String(value),
    inspect(value, { depth: 20, showHidden: true }),
    JSON.stringify(value),
    Cause.pretty(Cause.fail(value))
  ].join("\n")

describe("Bedrock", () => {
  it.effect("is a LanguageModel, streamed and whole, with tools", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const layer = Bedrock.layer({ ...base, baseUrl: server.url, apiKey: key }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const parts = yield* LanguageModel.streamText({ prompt: "?", toolkit: Kit }).pipe(
        Stream.runCollect,
        Effect.provide([layer, handlers])
      )
      const results = parts.flatMap((part) => (part.type === "tool-result" ? [part.result] : []))
      assert.deepStrictEqual(results, [{ degrees: 6 }, { degrees: 6 }])
      const whole = yield* LanguageModel.generateText({ prompt: "?", toolkit: Kit }).pipe(
        Effect.provide([layer, handlers])
      )
      assert.strictEqual(whole.text, "Let me look.")
      assert.deepStrictEqual(whole.toolResults[0]?.result, { degrees: 4 })
    })
  )

  it.effect("brings its reasoning back in the next turn, through effect/ai's own prompt", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const layer = Bedrock.layer({ ...base, baseUrl: server.url, apiKey: key }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const first = yield* LanguageModel.streamText({ prompt: "?", toolkit: Kit }).pipe(
        Stream.runCollect,
        Effect.provide([layer, handlers])
      )
      const prompt = Prompt.concat(Prompt.make("?"), Prompt.fromResponseParts(first as ReadonlyArray<Response.AnyPart>))
      yield* LanguageModel.generateText({ prompt, toolkit: Kit }).pipe(Effect.provide([layer, handlers]))
      const messages = server.received[1]?.body["messages"] as ReadonlyArray<{
        role: string
        content: ReadonlyArray<unknown>
      }>
      assert.deepStrictEqual(messages[1], {
        role: "assistant",
        content: [
          { reasoningContent: { reasoningText: { text: "Two cities, two calls.", signature: "c2lnbmVk" } } },
          { reasoningContent: { redactedContent: "aGlkZGVu" } },
          { text: "Let me look." },
          { toolUse: { toolUseId: "tooluse_a", name: "Weather", input: { city: "Zürich" } } },
          { toolUse: { toolUseId: "tooluse_b", name: "Weather", input: { city: "Bergen" } } }
        ]
      })
      assert.strictEqual(messages[2]?.content.length, 2)
    })
  )

  it.effect("signs each request, so that the receiver finds it right", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 22, 21, 0, 0))
      const server = yield* serve(answer)
      const arn = "arn:aws:bedrock:eu-central-1:1:application-inference-profile/a b(c)!"
      for (const more of [
        { signer },
        { signer, model: arn },
        { signer, headers: { "x-amzn-note": " a  b ", authorization: "mine" } }
      ]) {
        const model = yield* modelAt(server.url, more)
        yield* generate(model, { prompt: "größer 🎉" })
        yield* collect(model)
      }
      const proxied = yield* modelAt(`${server.url}/proxy/?b=2&a=1%2F`, { signer })
      yield* generate(proxied)
      assert.strictEqual(server.received.length, 7)
      for (const received of server.received) {
        assert.isUndefined(complaint(received, secretAccessKey), received.url)
        assert.include(
          received.headers.authorization,
          "Credential=AKIDSECRETID/20261122/eu-central-1/bedrock/aws4_request"
        )
        assert.strictEqual(received.headers["x-amz-security-token"], sessionToken)
        assert.isDefined(complaint({ ...received, text: `${received.text} ` }, secretAccessKey))
        assert.isDefined(complaint({ ...received, url: received.url.replace("converse", "invoke") }, secretAccessKey))
        assert.isDefined(complaint(received, "another"))
      }
    })
  )

  it.effect("sends nothing that could not be signed", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const cases = [
        ["CredentialsInvalid", "InvalidKey", { health: "config", sameTarget: false, otherTarget: true }],
        ["CredentialsExpired", "ExpiredKey", { health: "config", sameTarget: false, otherTarget: true }],
        ["CredentialsUnavailable", "MissingKey", { health: "fault", sameTarget: true, otherTarget: true }]
      ] as const
      for (const [reason, kind, hints] of cases) {
        const model = yield* modelAt(server.url, { signer: () => Effect.fail(new SigningError({ reason })) })
        for (const error of [yield* Effect.flip(generate(model)), yield* Effect.flip(collect(model))]) {
          assert.deepInclude(error.reason, { _tag: "AuthenticationError", kind })
          assert.deepInclude((error.reason as AiError.AuthenticationError).metadata["spillway"], hints)
        }
      }
      assert.deepStrictEqual(server.received, [])
    })
  )

  it.effect("takes key or signer, and the region, from configuration", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const ask = (options: Bedrock.ConfigOptions, env: object) =>
        LanguageModel.generateText({ prompt: "?", toolkit: Kit }).pipe(
          Effect.provide([
            Bedrock.layerConfig(options).pipe(
              Layer.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))])
            ),
            handlers
          ])
        )
      const options = { model: base.model, baseUrl: server.url }
      yield* ask(options, { AWS_REGION: "us-west-2", AWS_BEARER_TOKEN_BEDROCK: "b-key" })
      assert.strictEqual(server.received[0]?.headers.authorization, "Bearer b-key")
      const keys = { AWS_REGION: "us-west-2", AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "s3cret" }
      yield* ask({ ...options, signer: SigV4.config }, keys)
      const signed = server.received[1]
      assert.isUndefined(signed === undefined ? "no request" : complaint(signed, "s3cret"))
      assert.include(signed?.headers.authorization, "/us-west-2/bedrock/")
      yield* ask({ ...options, region: "eu-west-1", signer }, {})
      assert.include(server.received[2]?.headers.authorization, "/eu-west-1/bedrock/")
      for (const env of [{}, { AWS_REGION: "us-west-2" }]) {
        assert.strictEqual((yield* Effect.flip(ask(options, env)))._tag, "ConfigError")
      }
    })
  )

  it.effect("has a default address, and no probe", () =>
    Effect.gen(function* () {
      const model = yield* Bedrock.make({ ...base, apiKey: key })
      assert.deepStrictEqual(model.server, { address: "bedrock-runtime.eu-central-1.amazonaws.com", port: 443 })
      assert.strictEqual(model.provider, "aws.bedrock")
      assert.isUndefined(model.probe)
      assert.deepStrictEqual([...model.capabilities], ["tools", "vision", "reasoning", "streaming"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it("refuses options it cannot work with", () => {
    const bad: ReadonlyArray<Partial<Bedrock.Options>> = [
      {},
      { apiKey: key, signer },
      { apiKey: key, region: "" },
      { apiKey: key, region: `evil.example.com/#${secret}` },
      { apiKey: key, model: " " },
      { apiKey: key, model: ".." },
      { apiKey: key, model: "m?x" },
      { signer: {} as never },
      { apiKey: key, effort: "low" as never },
      { apiKey: key, latency: "fast" as never },
      { apiKey: key, serviceTier: "" },
      { apiKey: key, additionalModelRequestFields: [] as never },
      { apiKey: key, cachePoints: true as never },
      { apiKey: key, cachePoints: {} as never },
      { apiKey: key, cachePoints: { after: [] } },
      { apiKey: key, cachePoints: { after: ["all" as never] } },
      { apiKey: key, cachePoints: { after: ["tools"], ttl: "2h" as never } },
      { apiKey: key, guardrail: { identifier: "g" } as never },
      { apiKey: key, guardrail: { identifier: "", version: "1" } },
      { apiKey: key, guardrail: { identifier: "g", version: 1 as never } },
      { apiKey: key, guardrail: { identifier: "g", version: "latest" } },
      { apiKey: key, guardrail: { identifier: "g", version: "DRAFT", trace: "on" as never } },
      { apiKey: key, guardrail: { identifier: "g", version: "1", streamMode: "sync" } as never },
      { apiKey: key, latencies: "standard" } as never,
      { apiKey: Redacted.make(`${secret}\n`) },
      { apiKey: secret as never }
    ]
    for (const options of bad) {
      let error: unknown
      try {
        Bedrock.make({ ...base, ...options })
      } catch (caught) {
        error = caught
      }
      assert.instanceOf(error, InvalidOption)
      if (options.region === undefined) assert.notInclude(printed(error), secret)
    }
    assert.throws(() => Bedrock.make(base), /apiKey must be given, or signer, and not both, got neither/)
    assert.throws(() => Bedrock.make({ ...base, apiKey: key, signer }), /and not both, got both/)
    const good: ReadonlyArray<Partial<Bedrock.Options>> = [
      { model: "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.m-v1:0", signer },
      { guardrail: { identifier: "g", version: "DRAFT", trace: "enabled_full", streamProcessingMode: "async" } },
      { latency: "optimized", serviceTier: "flex", cachePoints: { after: ["tools", "system", "messages"], ttl: "1h" } },
      { additionalModelRequestFields: { top_k: 1 }, effort: () => undefined }
    ]
    for (const more of good) {
      assert.doesNotThrow(() =>
        Bedrock.make({ ...base, ...(more.signer === undefined ? { apiKey: key } : {}), ...more })
      )
    }
  })
})

describe("errors of Bedrock", () => {
  type Row = readonly [
    status: number,
    type: string,
    message: string,
    reason: string,
    errorType: string,
    same: boolean,
    other: boolean,
    health: string
  ]
  const rows: ReadonlyArray<Row> = [
    [
      429,
      "ThrottlingException",
      "Too many requests, please wait before trying again.",
      "RateLimitError",
      "RateLimited",
      true,
      true,
      "throttle"
    ],
    [400, "ThrottlingException", "Rate exceeded", "RateLimitError", "RateLimited", true, true, "throttle"],
    [
      429,
      "ThrottlingException",
      "Too many tokens per day, please wait before trying again.",
      "QuotaExhaustedError",
      "QuotaExhausted",
      false,
      true,
      "throttle"
    ],
    [
      429,
      "ModelNotReadyException",
      "Model is not ready for inference.",
      "InternalProviderError",
      "Overloaded",
      true,
      true,
      "fault"
    ],
    [
      400,
      "ServiceQuotaExceededException",
      "Quota exceeded",
      "QuotaExhaustedError",
      "QuotaExhausted",
      false,
      true,
      "throttle"
    ],
    [
      400,
      "ValidationException",
      "Input is too long for requested model.",
      "InvalidRequestError",
      "ContextLength",
      false,
      true,
      "none"
    ],
    [
      400,
      "ValidationException",
      "The model returned the following errors: prompt is too long: 1 tokens > 0 maximum",
      "InvalidRequestError",
      "ContextLength",
      false,
      true,
      "none"
    ],
    [
      400,
      "ValidationException",
      "The provided model identifier is invalid.",
      "InvalidRequestError",
      "ModelNotFound",
      false,
      true,
      "config"
    ],
    [
      400,
      "ValidationException",
      "Invocation of model ID x with on-demand throughput isn’t supported.",
      "InvalidRequestError",
      "ModelNotFound",
      false,
      true,
      "config"
    ],
    [
      400,
      "ValidationException",
      "This model doesn't support tool use.",
      "InvalidRequestError",
      "InvalidRequest",
      false,
      true,
      "none"
    ],
    [
      400,
      "ValidationException",
      "The text field in the ContentBlock is blank.",
      "InvalidRequestError",
      "InvalidRequest",
      false,
      false,
      "none"
    ],
    [
      400,
      "ValidationException",
      "Image size exceeds the maximum of 5 MB",
      "InvalidRequestError",
      "InvalidRequest",
      false,
      false,
      "none"
    ],
    [400, "GuardrailIntervenedException", "Blocked", "ContentPolicyError", "ContentFilter", false, false, "none"],
    [
      403,
      "AccessDeniedException",
      "You don't have access to the model with the specified model ID.",
      "AuthenticationError",
      "Auth",
      false,
      true,
      "config"
    ],
    [
      403,
      "AccessDeniedException",
      "Authentication failed: Please make sure your API Key is valid.",
      "AuthenticationError",
      "Auth",
      false,
      true,
      "config"
    ],
    [
      403,
      "ExpiredTokenException",
      "The security token included in the request is expired",
      "AuthenticationError",
      "Auth",
      false,
      true,
      "config"
    ],
    [
      403,
      "UnrecognizedClientException",
      "The security token included in the request is invalid.",
      "AuthenticationError",
      "Auth",
      false,
      true,
      "config"
    ],
    [
      403,
      "InvalidSignatureException",
      "Signature expired: 20261122T210000Z is now earlier than",
      "AuthenticationError",
      "Auth",
      false,
      true,
      "config"
    ],
    [
      404,
      "ResourceNotFoundException",
      "Model use case details have not been submitted for this account.",
      "InvalidRequestError",
      "ModelNotFound",
      false,
      true,
      "config"
    ],
    [
      408,
      "ModelTimeoutException",
      "The request took too long to process.",
      "InternalProviderError",
      "Overloaded",
      true,
      true,
      "fault"
    ],
    [424, "ModelErrorException", "The model said no", "InternalProviderError", "Overloaded", true, true, "fault"],
    [
      500,
      "InternalServerException",
      "Something went wrong",
      "InternalProviderError",
      "Overloaded",
      true,
      true,
      "fault"
    ],
    [
      503,
      "ServiceUnavailableException",
      "Too many connections",
      "InternalProviderError",
      "Overloaded",
      true,
      true,
      "fault"
    ]
  ]

  it.effect("are told by the header, or by the type in the body", () =>
    Effect.gen(function* () {
      let next: Handler = answer
      const server = yield* serve((response, received) => next(response, received))
      const model = yield* modelAt(server.url)
      for (const [status, type, message, reason, errorType, sameTarget, otherTarget, health] of rows) {
        const id = { "x-amzn-requestid": "req-1" }
        const ways = [
          reply(status, { message }, { ...id, "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/` }),
          reply(status, { __type: type, Message: message }, id)
        ]
        for (const way of ways) {
          next = way
          const error = yield* Effect.flip(generate(model))
          assert.strictEqual(error.reason._tag, reason, `${type}: ${message}`)
          const { metadata } = error.reason as AiError.InternalProviderError
          assert.deepInclude(
            metadata["spillway"],
            { errorType, sameTarget, otherTarget, health },
            `${type}: ${message}`
          )
          assert.deepStrictEqual(metadata["bedrock"], { status, type, requestId: "req-1" })
          assert.notInclude(printed(error), message)
        }
      }
    })
  )

  it.effect("tell a key that is over from one that is wrong and one that may not", () =>
    Effect.gen(function* () {
      let next: Handler = answer
      const server = yield* serve((response, received) => next(response, received))
      const model = yield* modelAt(server.url)
      const kinds = [
        ["ExpiredTokenException", "", "ExpiredKey"],
        ["AccessDeniedException", "Bearer Token has expired", "ExpiredKey"],
        ["InvalidSignatureException", "Signature expired: 2026", "InvalidKey"],
        ["UnrecognizedClientException", "", "InvalidKey"],
        ["AccessDeniedException", "Please make sure your API Key is valid.", "InvalidKey"],
        ["AccessDeniedException", "not authorized to perform: bedrock:InvokeModel", "InsufficientPermissions"]
      ] as const
      for (const [type, message, kind] of kinds) {
        next = reply(403, { message }, { "x-amzn-errortype": type })
        assert.deepInclude((yield* Effect.flip(generate(model))).reason, { kind }, `${type}: ${message}`)
      }
    })
  )

  it.effect("inside a stream say whether output had been given out", () =>
    Effect.gen(function* () {
      const text = event("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hel" } })
      const failing = exception("modelStreamErrorException", { message: "m", originalStatusCode: 500 })
      for (const [body, afterOutput] of [
        [failing, false],
        [join(text, failing), true]
      ] as const) {
        const server = yield* serve(frames(body))
        const error = yield* Effect.flip(collect(yield* modelAt(server.url)))
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        const { metadata } = error.reason as AiError.InternalProviderError
        assert.deepInclude(metadata["spillway"], { errorType: "Overloaded", afterOutput })
        assert.deepInclude(metadata["bedrock"], { status: 424, type: "modelStreamErrorException" })
      }
    })
  )

  it.effect("hold no key, no token, no prompt", () =>
    Effect.gen(function* () {
      const echo = `${secret} ${secretAccessKey} ${sessionToken} AKIDSECRETID my-private-prompt`
      const handlers: ReadonlyArray<Handler> = [
        ...[400, 403, 404, 424, 429, 500, 503].map((status) =>
          reply(status, { message: echo }, { "x-amzn-errortype": echo })
        ),
        reply(403, { __type: "InvalidSignatureException", message: `The Canonical String should have been ${echo}` }),
        reply(429, { __type: echo, message: echo }),
        reply(200, { message: echo }),
        frames(exception("throttlingException", { message: echo })),
        frames(exception(echo, { message: echo })),
        frames(event("messageStart", echo))
      ]
      const secrets = [secret, secretAccessKey, sessionToken, "AKIDSECRETID", "my-private-prompt"]
      for (const handler of handlers) {
        const server = yield* serve(handler)
        for (const own of [{ apiKey: key }, { signer }]) {
          const model = yield* modelAt(server.url, own)
          for (const hidden of secrets) assert.notInclude(printed(model), hidden)
          for (const error of [
            yield* Effect.flip(generate(model, { prompt: "my-private-prompt" })),
            yield* Effect.flip(collect(model, { prompt: "my-private-prompt" }))
          ]) {
            for (const hidden of secrets) assert.notInclude(printed(error), hidden)
          }
        }
      }
    })
  )

  it.effect("and requests on their way show neither signature nor token", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* serve(answer)
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
      const own: Signer = () => Effect.succeed({ "x-of-a-sidecar": Redacted.make(sessionToken) })
      for (const by of [signer, own]) {
        const model = yield* Bedrock.make({ ...base, baseUrl: server.url, signer: by }).pipe(Effect.provide(watching))
        yield* generate(model)
      }
      assert.strictEqual(server.received[1]?.headers["x-of-a-sidecar"], sessionToken)
      assert.strictEqual(seen.length, 4)
      for (const line of seen) {
        for (const hidden of [sessionToken, "AKIDSECRETID", "Signature="]) assert.notInclude(line, hidden)
      }
    })
  )
})
