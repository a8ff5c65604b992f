import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Cause, ConfigProvider, Duration, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { type AiError, LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as Anthropic from "../src/Anthropic.ts"
import * as CallSettings from "../src/CallSettings.ts"
import { noWords } from "../src/internal/errors/ErrorBody.ts"
import { classify } from "../src/internal/errors/ErrorTable.ts"
import { rules } from "../src/internal/messages/Errors.ts"
import { collect, generate, key, Weather } from "./support/Calls.ts"
import { finishOf, textOf } from "./support/Decoding.ts"
import { bytes, text } from "./support/Fixtures.ts"
import { reply, replySse, serve } from "./support/Server.ts"

const secret = Redacted.value(key)
const settings = (baseUrl: string, more: Partial<Anthropic.Options> = {}): Anthropic.Options => ({
  model: "claude-opus-5",
  apiKey: key,
  baseUrl,
  ...more
})
const model = (baseUrl: string, more: Partial<Anthropic.Options> = {}) =>
  Anthropic.make(settings(baseUrl, more)).pipe(Effect.provide(FetchHttpClient.layer))
const layer = (baseUrl: string, more: Partial<Anthropic.Options> = {}) =>
  Anthropic.layer(settings(baseUrl, more)).pipe(Layer.provide(FetchHttpClient.layer))

const message = (content: ReadonlyArray<object>, stop_reason = "end_turn") => ({
  ...{ type: "message", id: "msg_1", role: "assistant", model: "claude-opus-5", content, stop_reason },
  usage: { input_tokens: 3, output_tokens: 4 }
})

const anthropicError = (type: string, message: string, more: object = {}) => ({
  type: "error",
  error: { type, message, ...more },
  request_id: "req_7"
})

describe("Anthropic over a socket", () => {
  it.effect("answers whole and streamed, with the key where the vendor looks for it", () =>
    Effect.gen(function* () {
      const server = yield* serve((response, received) =>
        (received.body["stream"] === true
          ? replySse(bytes("messages-thinking.sse"))
          : reply(200, text("messages-whole.json")))(response, received)
      )
      const claude = yield* model(`${server.url}/v1/`, { beta: ["one-2026-01-01", "two-2026-01-01"] })
      const whole = yield* generate(claude)
      assert.deepInclude(whole.at(-1), { type: "finish", reason: "tool-calls" })
      const streamed = yield* collect(claude)
      assert.strictEqual(textOf(streamed), "答案是 42 🎉")
      assert.strictEqual(finishOf(streamed).usage.inputTokens.total, 2114)
      for (const { headers, method, url } of server.received) {
        assert.deepStrictEqual([method, url], ["POST", "/v1/messages"])
        assert.strictEqual(headers["x-api-key"], secret)
        assert.strictEqual(headers["anthropic-version"], "2026-10-21")
        assert.strictEqual(headers["anthropic-beta"], "one-2026-01-01,two-2026-01-01")
        assert.notProperty(headers, "authorization")
      }
      assert.deepStrictEqual(
        [claude.provider, claude.model, [...claude.capabilities].sort()],
        ["anthropic", "claude-opus-5", ["json-schema", "reasoning", "streaming", "tools", "vision"]]
      )
      const [first] = server.received
      assert.deepStrictEqual(first?.body, {
        model: "claude-opus-5",
        max_tokens: 8192,
        messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }]
      })
    })
  )

  it.effect("speaks to compatible servers under their own name, with a bearer key or none", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, message([{ type: "text", text: "hi" }])))
      const compatible = yield* model(`${server.url}/anthropic/v1`, {
        ...{ provider: "deepseek", auth: "bearer", version: "2023-06-01" },
        settings: { temperature: 0.3 }
      })
      const parts = yield* generate(compatible)
      const [received] = server.received
      assert.strictEqual(received?.url, "/anthropic/v1/messages")
      assert.strictEqual(received?.headers["authorization"], `Bearer ${secret}`)
      assert.notProperty(received?.headers, "x-api-key")
      assert.strictEqual(received?.headers["anthropic-version"], "2023-06-01")
      assert.strictEqual(received?.body["temperature"], 0.3)
      assert.strictEqual(compatible.provider, "deepseek")
      assert.deepInclude(parts.at(-1)?.metadata, {
        anthropic: { finishReason: "end_turn", usage: { input_tokens: 3, output_tokens: 4 } }
      })
      assert.notProperty(compatible, "probe")
      yield* generate(
        yield* Anthropic.make({ model: "m", baseUrl: server.url }).pipe(Effect.provide(FetchHttpClient.layer))
      )
      assert.notProperty(server.received[1]?.headers, "x-api-key")
    })
  )

  it.effect("asks for the model's own page as a probe", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, { id: "x", type: "model" }))
      const claude = yield* model(server.url, { model: "a/b" })
      yield* claude.probe ?? Effect.die("no probe")
      assert.deepStrictEqual([server.received[0]?.method, server.received[0]?.url], ["GET", "/models/a%2Fb"])
      const gone = yield* serve(reply(404, anthropicError("not_found_error", "model: a/b")))
      const error = yield* Effect.flip((yield* model(gone.url)).probe ?? Effect.die("no probe"))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
    })
  )

  it.effect("takes settings of a call and the key from configuration", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, message([{ type: "text", text: "hi" }])))
      const configured = Anthropic.layerConfig({ model: "m", baseUrl: server.url }).pipe(
        Layer.provide([
          FetchHttpClient.layer,
          ConfigProvider.layer(ConfigProvider.fromUnknown({ ANTHROPIC_API_KEY: secret }))
        ])
      )
      yield* LanguageModel.generateText({ prompt: "hi" }).pipe(
        CallSettings.with({ maxTokens: 7, reasoningEffort: "high" }),
        Effect.provide(configured)
      )
      assert.strictEqual(server.received[0]?.headers["x-api-key"], secret)
      assert.deepInclude(server.received[0]?.body, { max_tokens: 7, output_config: { effort: "high" } })
    })
  )
})

describe("Anthropic as LanguageModel", () => {
  const Kit = Toolkit.make(Weather)
  const handlers = Kit.toLayer({ Weather: ({ city }) => Effect.succeed({ degrees: city.length }) })

  it.effect("generates an object by the vendor's own schema mode", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, message([{ type: "text", text: '{"name":"Oslo"}' }])))
      const City = Schema.Struct({ name: Schema.String, population: Schema.optionalKey(Schema.Int) })
      const { value } = yield* LanguageModel.generateObject({ prompt: "A city", schema: City }).pipe(
        Effect.provide(layer(server.url))
      )
      assert.deepStrictEqual(value, { name: "Oslo" })
      assert.property(server.received[0]?.body["output_config"], "format")
    })
  )

  it.effect("returns thinking, call and result over two turns, whole and streamed", () =>
    Effect.gen(function* () {
      const [thinking, use] = [
        { type: "thinking", thinking: "Weather, then.", signature: "EqoBsig" },
        { type: "tool_use", id: "toolu_1", name: "Weather", input: { city: "Oslo" } }
      ]
      const streamed = [
        { type: "message_start", message: message([], "") },
        { type: "content_block_start", index: 0, content_block: { ...thinking, thinking: "", signature: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: thinking?.thinking } },
        { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: thinking?.signature } },
        { type: "content_block_stop", index: 0 },
        { type: "content_block_start", index: 1, content_block: { ...use, input: {} } },
        {
          ...{ type: "content_block_delta", index: 1 },
          delta: { type: "input_json_delta", partial_json: JSON.stringify(use?.input) }
        },
        { type: "content_block_stop", index: 1 },
        { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } }
      ]
      const server = yield* serve((response, received) =>
        (received.body["stream"] === true
          ? replySse(streamed.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(""))
          : reply(200, message([thinking ?? {}, use ?? {}], "tool_use")))(response, received)
      )
      const first = { prompt: "Weather?", toolkit: Kit }
      yield* Effect.gen(function* () {
        const whole = yield* LanguageModel.generateText(first)
        const parts = yield* Stream.runCollect(LanguageModel.streamText(first))
        for (const content of [whole.content, parts]) {
          const prompt = Prompt.concat(Prompt.make("Weather?"), Prompt.fromResponseParts(content))
          yield* LanguageModel.generateText({ prompt, toolkit: Kit })
        }
      }).pipe(Effect.provide([layer(server.url), handlers]))
      const back = [
        { role: "user", content: [{ type: "text", text: "Weather?" }] },
        { role: "assistant", content: [thinking, use] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: '{"degrees":4}' }] }
      ]
      assert.deepStrictEqual(server.received[2]?.body["messages"], back)
      assert.deepStrictEqual(server.received[3]?.body["messages"], back)
    })
  )

  it.effect("takes the results of a tool that Anthropic ran, and sends them back with the history", () =>
    Effect.gen(function* () {
      const Search = Tool.providerDefined({
        id: "anthropic.web_search_20250305",
        customName: "web_search",
        providerName: "web_search",
        parameters: Schema.Unknown,
        success: Schema.Unknown,
        failure: Schema.Unknown
      })()
      const kit = Toolkit.make(Search)
      const server = yield* serve(replySse(bytes("messages-server-tools.sse")))
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "?", toolkit: kit })).pipe(
        Effect.provide(layer(server.url))
      )
      assert.deepStrictEqual(
        parts.flatMap((part) => (part.type === "tool-result" ? [part.providerExecuted] : [])),
        [true]
      )
      const prompt = Prompt.concat(Prompt.fromResponseParts(parts), Prompt.make("more"))
      yield* Stream.runCollect(LanguageModel.streamText({ prompt, toolkit: kit })).pipe(
        Effect.provide(layer(server.url))
      )
      const sent = server.received[1]?.body["messages"] as ReadonlyArray<{
        content: ReadonlyArray<{ type: string; tool_use_id?: string }>
      }>
      assert.deepStrictEqual(
        sent[1]?.content.map(({ type }) => type),
        ["redacted_thinking", "server_tool_use", "web_search_tool_result", "text"]
      )
      assert.deepInclude(sent[1]?.content[2], { tool_use_id: "srvtoolu_1" })
    })
  )
})

describe("errors of Anthropic", () => {
  type Expected = readonly [
    status: number,
    body: object | string,
    reason: string,
    errorType: string,
    same: boolean,
    other: boolean,
    health: string
  ]
  const table: ReadonlyArray<Expected> = [
    [400, anthropicError("invalid_request_error", "…"), "InvalidRequestError", "InvalidRequest", false, false, "none"],
    [
      ...([400, anthropicError("invalid_request_error", "prompt is too long: 210000 tokens > 200000")] as const),
      ...(["InvalidRequestError", "ContextLength", false, true, "none"] as const)
    ],
    [
      400,
      anthropicError("invalid_request_error", "input length and `max_tokens` exceed context limit: 198000 + 8192"),
      ...(["InvalidRequestError", "ContextLength", false, true, "none"] as const)
    ],
    [
      ...([400, anthropicError("invalid_request_error", "Your credit balance is too low")] as const),
      ...(["QuotaExhaustedError", "QuotaExhausted", false, true, "config"] as const)
    ],
    [
      ...([400, anthropicError("invalid_request_error", "You have reached your specified API usage limits.")] as const),
      ...(["QuotaExhaustedError", "QuotaExhausted", false, true, "config"] as const)
    ],
    [
      ...([400, anthropicError("invalid_request_error", "Output blocked by content filtering policy")] as const),
      ...(["ContentPolicyError", "ContentFilter", false, false, "none"] as const)
    ],
    [
      400,
      anthropicError("invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block"),
      ...(["InvalidRequestError", "InvalidRequest", false, true, "none"] as const)
    ],
    [
      400,
      anthropicError("invalid_request_error", "This model does not support assistant message prefill."),
      ...(["InvalidRequestError", "InvalidRequest", false, true, "none"] as const)
    ],
    [401, anthropicError("authentication_error", "…"), "AuthenticationError", "Auth", false, true, "config"],
    [402, anthropicError("billing_error", "…"), "QuotaExhaustedError", "QuotaExhausted", false, true, "config"],
    [403, anthropicError("permission_error", "…"), "AuthenticationError", "Auth", false, true, "config"],
    [404, anthropicError("not_found_error", "…"), "InvalidRequestError", "ModelNotFound", false, true, "config"],
    [409, anthropicError("conflict_error", "…"), "InternalProviderError", "Overloaded", true, true, "none"],
    [413, "<html>too large</html>", "InvalidRequestError", "ContextLength", false, true, "none"],
    [429, anthropicError("rate_limit_error", "…"), "RateLimitError", "RateLimited", true, true, "throttle"],
    [500, anthropicError("api_error", "…"), "InternalProviderError", "Overloaded", true, true, "fault"],
    [504, anthropicError("timeout_error", "…"), "InternalProviderError", "Overloaded", true, true, "fault"],
    [529, anthropicError("overloaded_error", "…"), "InternalProviderError", "Overloaded", true, true, "fault"]
  ]

  it.effect("say what is wrong, and who may try again", () =>
    Effect.gen(function* () {
      for (const [status, body, reason, errorType, sameTarget, otherTarget, health] of table) {
        const server = yield* serve(reply(status, body))
        const { reason: got } = yield* Effect.flip(generate(yield* model(server.url)))
        assert.strictEqual(got._tag, reason, JSON.stringify(body))
        assert.deepInclude(metadataOf(got)["spillway"], { errorType, sameTarget, otherTarget, health })
      }
    })
  )

  it("know the limits that hide behind a rate: those of money, and that of a ramp", () => {
    for (const [limit, reason] of [
      ["enforced_spend_limit_reached", "QuotaExhausted"],
      ["contract_spend_limit_reached", "QuotaExhausted"],
      ["linked_organization_spend_limit", "QuotaExhausted"],
      ["ramp_limit_exceeded", "RateLimit"]
    ] as const) {
      assert.strictEqual(classify(429, { ...noWords, type: "rate_limit_error", limit }, rules).reason, reason)
    }
  })

  it.effect("carry the vendor's hint, its request id and its advice", () =>
    Effect.gen(function* () {
      const date = "Sun, 22 Nov 2026 10:00:00 GMT"
      const limited = yield* serve(
        reply(429, anthropicError("rate_limit_error", "slow"), {
          date,
          "request-id": "req_header",
          "anthropic-ratelimit-input-tokens-remaining": "0",
          "anthropic-ratelimit-input-tokens-reset": "2026-11-22T10:00:30Z"
        })
      )
      const { reason } = yield* Effect.flip(generate(yield* model(limited.url)))
      assert.strictEqual(reason._tag, "RateLimitError")
      if (reason._tag === "RateLimitError") {
        assert.strictEqual(reason.retryAfter === undefined ? 0 : Duration.toMillis(reason.retryAfter), 30_000)
      }
      assert.deepInclude(metadataOf(reason)["anthropic"], { type: "rate_limit_error", requestId: "req_header" })
      const advised = yield* serve(
        reply(529, anthropicError("overloaded_error", "busy"), { "x-should-retry": "false" })
      )
      const busy = yield* Effect.flip(generate(yield* model(advised.url)))
      assert.deepInclude(metadataOf(busy.reason)["spillway"], { sameTarget: false })
      assert.deepInclude(metadataOf(busy.reason)["anthropic"], { requestId: "req_7" })
    })
  )

  it.effect("hold no key, prompt or answer", () =>
    Effect.gen(function* () {
      const echo = `${secret} my-private-prompt`
      const handlers = [
        reply(400, anthropicError("invalid_request_error", echo)),
        reply(400, anthropicError(echo, echo, { details: { error_code: echo } })),
        reply(401, anthropicError("authentication_error", `invalid x-api-key ${secret}`)),
        reply(500, echo, { "request-id": secret }),
        reply(200, anthropicError("api_error", echo)),
        // Words about load are quoted, but never a key in them.
        reply(529, anthropicError("overloaded_error", secret)),
        reply(200, `<html>${echo}`),
        replySse(`event: error\ndata: ${JSON.stringify(anthropicError("api_error", echo))}\n\n`),
        replySse(`data: ${echo}\n\n`)
      ]
      for (const handler of handlers) {
        const server = yield* serve(handler)
        const claude = yield* model(`${server.url}/v1?key=${secret}`)
        for (const error of [
          yield* Effect.flip(generate(claude, { prompt: "my-private-prompt" })),
          yield* Effect.flip(collect(claude, { prompt: "my-private-prompt" }))
        ]) {
          assert.notInclude(printed(error), secret)
          assert.notInclude(printed(error), "my-private-prompt")
        }
        assert.notInclude(printed(claude), secret)
      }
    })
  )

  const metadataOf = (reason: AiError.AiErrorReason): Record<string, unknown> =>
    "metadata" in reason ? { ...reason.metadata } : {}
})

const printed = (value: unknown): string =>
  [
    String(value),
    inspect(value, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(value),
    Cause.pretty(Cause.fail(value))
  ].join("\n")

describe("options of Anthropic", () => {
  it("name the option, the range and the value where one is wrong, and never the key", () => {
    const refused = (more: object): string => {
      try {
        Anthropic.model({ model: "m", apiKey: key, ...more })
      } catch (error) {
        if (error instanceof InvalidOption) return error.message
        throw error
      }
      return "taken"
    }
    for (const [more, words] of [
      [{ model: " " }, "Anthropic: model must be a non-empty string"],
      [{ apiKey: undefined }, "Anthropic: apiKey must be a Redacted string"],
      [{ apiKey: secret }, "Anthropic: apiKey must be a Redacted string"],
      [{ baseUrl: "ftp://x" }, "Anthropic: baseUrl must be an absolute http or https URL"],
      [{ version: "2024-01-01" }, 'Anthropic: version must be one of 2023-06-01, 2026-10-21, got "2024-01-01"'],
      [{ maxTokens: 0 }, "Anthropic: maxTokens must be an integer >= 1, got 0"],
      [
        { thinking: { type: "enabled", budgetTokens: 1023 } },
        "Anthropic: thinking.budgetTokens must be an integer >= 1024"
      ],
      [
        { thinking: { type: "enabled", budgetTokens: 1e9 } },
        "Anthropic: thinking.budgetTokens must be at most 1000000, got 1000000000"
      ],
      [
        { thinking: { type: "enabled", budgetTokens: 2048 }, settings: { maxTokens: 2048 } },
        "Anthropic: thinking.budgetTokens must be below settings.maxTokens, which is 2048"
      ],
      [{ thinking: true }, "Anthropic: thinking must be an object of type, budgetTokens, display, got true"],
      [{ thinking: {} }, "Anthropic: thinking.type must be one of enabled, adaptive"],
      [
        { thinking: { type: "on" } },
        'Anthropic: thinking.type must be one of enabled, adaptive, between_tools, disabled, got "on"'
      ],
      [
        { thinking: { type: "adaptive", display: "all" } },
        "Anthropic: thinking.display must be one of summarized, omitted"
      ],
      [{ thinking: { type: "adaptive", budgetTokens: 2048 } }, "Anthropic: thinking must be made of type, display"],
      [{ thinking: { type: "disabled", display: "omitted" } }, "Anthropic: thinking must be made of type, got"],
      [{ cacheControl: "10m" }, 'Anthropic: cacheControl must be one of 5m, 1h, got "10m"'],
      [{ serviceTier: "priority" }, "Anthropic: serviceTier must be one of auto, standard_only"],
      [{ auth: "basic" }, 'Anthropic: auth must be one of x-api-key, bearer, got "basic"'],
      [{ beta: "x" }, 'Anthropic: beta must be a list of names, got "x"'],
      [{ settings: { stop: "END" } }, 'Anthropic: settings.stop must be a list of non-empty texts, got "END"'],
      [{ maxToken: 5 }, "Anthropic must be made of model, apiKey, baseUrl"],
      [{ provider: "" }, "Anthropic: provider must be a non-empty string"],
      [{ beta: ["one", "two\n"] }, "Anthropic: beta must be made of"],
      [{ headers: { "bad name": "x" } }, "Anthropic: headers must be"]
    ] as const) {
      assert.include(refused(more), words)
      assert.notInclude(refused(more), secret)
    }
    assert.strictEqual(refused({}), "taken")
    const all: Required<Anthropic.Options> = {
      ...{ model: "m", apiKey: key, baseUrl: "https://h/v1", auth: "bearer", version: "2023-06-01", beta: ["a-1"] },
      ...{ maxTokens: 9, thinking: { type: "enabled", budgetTokens: 2048, display: "omitted" }, cacheControl: "1h" },
      ...{ serviceTier: "auto", provider: "p", headers: {}, settings: { maxTokens: 4096 }, capabilities: ["tools"] }
    }
    assert.strictEqual(refused(all), "taken")
  })
})
