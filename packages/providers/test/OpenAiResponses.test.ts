import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { LanguageModel, Prompt, Tool } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as CallSettings from "../src/CallSettings.ts"
import { collapse } from "../src/internal/parts/Collapse.ts"
import * as OpenAiResponses from "../src/OpenAiResponses.ts"
import { collect, generate, key, Weather } from "./support/Calls.ts"
import { text } from "./support/Fixtures.ts"
import { type Received, reply, replySse, type Server, serve } from "./support/Server.ts"

const secret = Redacted.value(key)
const answer = reply(200, text("responses-whole.json"))

const at = (url: string, more: Partial<OpenAiResponses.Options> = {}) =>
  OpenAiResponses.make({ model: "gpt-5.2", apiKey: key, baseUrl: `${url}/v1`, ...more }).pipe(
    Effect.provide(FetchHttpClient.layer)
  )

type More = Parameters<typeof generate>[1]

/** The request that a call leads to. */
const requestOf = (
  options: Partial<OpenAiResponses.Options> = {},
  more?: More,
  settings: CallSettings.CallSettings = {}
): Effect.Effect<Received> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    yield* generate(yield* at(server.url, options), more).pipe(CallSettings.with(settings), Effect.orDie)
    return server.received[0] ?? (yield* Effect.die("no request"))
  }).pipe(Effect.scoped)

const inputAt = ({ received }: Server, n: number) => (received.at(n)?.body["input"] ?? []) as ReadonlyArray<unknown>

const inputOf = (options: Partial<OpenAiResponses.Options>, prompt: Prompt.RawInput) =>
  Effect.map(
    requestOf(options, { prompt }),
    ({ body }) => body["input"] as ReadonlyArray<Readonly<Record<string, unknown>>>
  )

const own = (fields: Schema.JsonObject, model = "gpt-5.2") => ({ options: { openai: { model, ...fields } } })

const WebSearch = Tool.providerDefined({
  id: "openai.web_search",
  customName: "Search",
  providerName: "web_search",
  args: Schema.Struct({ search_context_size: Schema.String })
})({ search_context_size: "low" })

describe("a Responses request", () => {
  it.effect("uses the dialect's names, and keeps nothing at the vendor", () =>
    Effect.gen(function* () {
      const { body, headers, method, url } = yield* requestOf(
        {
          organization: "org",
          project: "proj",
          reasoningSummary: "auto",
          verbosity: "low",
          serviceTier: "flex",
          promptCacheKey: "k",
          truncation: "auto"
        },
        { prompt: [{ role: "system", content: "Be brief." }, ...Prompt.make("hi").content] },
        {
          maxTokens: 100,
          temperature: 0.5,
          topP: 0.9,
          topK: 5,
          stop: ["END"],
          seed: 7,
          presencePenalty: 1,
          reasoningEffort: "max",
          userId: "user-1",
          headers: { "x-trace": "t" }
        }
      )
      assert.deepStrictEqual([method, url], ["POST", "/v1/responses"])
      assert.deepInclude(headers, {
        authorization: `Bearer ${secret}`,
        "openai-organization": "org",
        "openai-project": "proj",
        "x-trace": "t"
      })
      assert.deepStrictEqual(body, {
        model: "gpt-5.2",
        input: [
          { role: "developer", content: "Be brief." },
          { role: "user", content: [{ type: "input_text", text: "hi" }] }
        ],
        text: { verbosity: "low" },
        reasoning: { effort: "max", summary: "auto" },
        max_output_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        safety_identifier: "user-1",
        service_tier: "flex",
        prompt_cache_key: "k",
        truncation: "auto",
        store: false,
        include: ["reasoning.encrypted_content"]
      })
    })
  )

  it.effect("says little by itself, and asks a model that does not reason for no seal", () =>
    Effect.gen(function* () {
      const { body } = yield* requestOf({ capabilities: ["tools"] })
      assert.deepStrictEqual(Object.keys(body), ["model", "input", "store"])
      const stored = yield* requestOf({ store: true })
      assert.strictEqual(stored.body["store"], true)
      assert.notProperty(stored.body, "include")
    })
  )

  it.effect("to a compatible server has its names, needs no key, and may carry it in another header", () =>
    Effect.gen(function* () {
      const prompt = [{ role: "system" as const, content: "s" }, ...Prompt.make("hi").content]
      const { body, headers } = yield* requestOf({ provider: "xai", auth: "api-key" }, { prompt }, { userId: "u" })
      assert.deepInclude(body["input"] as ReadonlyArray<unknown>, { role: "system", content: "s" })
      assert.strictEqual(body["user"], "u")
      assert.strictEqual(headers["api-key"], secret)
      assert.notProperty(headers, "authorization")
      assert.notProperty((yield* requestOf({ apiKey: undefined })).headers, "authorization")
    })
  )

  it.effect("has flat functions that are strict only if they say so, and a choice by flat name", () =>
    Effect.gen(function* () {
      const Strict = Weather.annotate(Tool.Strict, true)
      const parameters = {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: true
      }
      const { body } = yield* requestOf({}, { tools: [Weather], toolChoice: "auto" })
      assert.deepStrictEqual(body["tools"], [
        { type: "function", name: "Weather", description: "Weather by city", parameters, strict: false }
      ])
      assert.notProperty(body, "tool_choice")
      const strict = yield* requestOf({}, { tools: [Strict], toolChoice: { tool: "Weather" } })
      assert.deepInclude((strict.body["tools"] as ReadonlyArray<object>)[0], {
        strict: true,
        parameters: { ...parameters, additionalProperties: false }
      })
      assert.deepStrictEqual(strict.body["tool_choice"], { type: "function", name: "Weather" })
      for (const choice of ["none", "required"] as const) {
        const { body } = yield* requestOf({}, { tools: [Weather], toolChoice: choice })
        assert.strictEqual(body["tool_choice"], choice)
      }
      const oneOf = yield* requestOf({}, { tools: [Weather], toolChoice: { mode: "required", oneOf: ["Weather"] } })
      assert.strictEqual(oneOf.body["tool_choice"], "required")
    })
  )

  it.effect("passes on the tools OpenAI runs, and refuses another vendor's before sending", () =>
    Effect.gen(function* () {
      const { body } = yield* requestOf({}, { tools: [WebSearch], toolChoice: { tool: "Search" } })
      assert.deepStrictEqual(body["tools"], [{ type: "web_search", search_context_size: "low" }])
      assert.deepStrictEqual(body["tool_choice"], { type: "web_search" })
      const foreign = Tool.providerDefined({ id: "google.search", customName: "S", providerName: "s" })(undefined)
      const server = yield* serve(answer)
      const error = yield* Effect.flip(generate(yield* at(server.url), { tools: [foreign] }))
      assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "tools" })
      assert.strictEqual(server.received.length, 0)
    })
  )

  it.effect("asks for structured output by a strict schema, a loose one, or in words", () =>
    Effect.gen(function* () {
      const json = (schema: Schema.Top) => ({ type: "json" as const, objectName: "my answer", schema })
      const strict = yield* requestOf({}, { responseFormat: json(Schema.Struct({ n: Schema.Finite })) })
      assert.deepInclude((strict.body["text"] as Record<string, unknown>)["format"] as object, {
        type: "json_schema",
        name: "my_answer",
        strict: true
      })
      const optional = Schema.Struct({ n: Schema.optionalKey(Schema.Finite) })
      const loose = yield* requestOf({}, { responseFormat: json(optional) })
      assert.deepInclude((loose.body["text"] as Record<string, unknown>)["format"] as object, { strict: false })
      const words = yield* requestOf({ provider: "deepseek", capabilities: [] }, { responseFormat: json(optional) })
      assert.deepStrictEqual(words.body["text"], { format: { type: "json_object" } })
      const [first] = words.body["input"] as ReadonlyArray<Record<string, unknown>>
      assert.strictEqual(first?.["role"], "system")
      assert.include(first?.["content"], "JSON")
    })
  )

  it.effect("has images, files and addresses in the dialect's words; sound is refused before sending", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | Uint8Array | URL, fileName?: string) =>
        Prompt.filePart({ mediaType, data, fileName })
      const [user] = yield* inputOf({}, [
        {
          role: "user",
          content: [
            Prompt.textPart({ text: "" }),
            Prompt.textPart({ text: "look" }),
            file("image/*", Uint8Array.of(104, 105)),
            file("image/png", new URL("https://example.com/a.png")),
            file("application/pdf", "aGk=", "a.pdf"),
            file("application/pdf", new URL("https://example.com/a.pdf"))
          ]
        }
      ])
      assert.deepStrictEqual(user?.["content"], [
        { type: "input_text", text: "look" },
        { type: "input_image", image_url: "data:image/jpeg;base64,aGk=" },
        { type: "input_image", image_url: "https://example.com/a.png" },
        { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" },
        { type: "input_file", file_url: "https://example.com/a.pdf" }
      ])
      const model = yield* at("http://localhost:1")
      const prompt = [{ role: "user" as const, content: [file("audio/wav", "aGk=")] }]
      const error = yield* Effect.flip(generate(model, { prompt }))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
    })
  )

  it.effect("repairs a history of another vendor", () =>
    Effect.gen(function* () {
      const long = "toolu_".padEnd(80, "x")
      const foreign = { options: { anthropic: { signature: "s", id: "a" } } }
      const result = (id: string, value: unknown) => ({
        type: "tool-result" as const,
        id,
        name: "F",
        isFailure: false,
        result: value
      })
      const input = yield* inputOf({}, [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "signed elsewhere", ...foreign },
            { type: "text", text: "Let me ", ...foreign },
            { type: "text", text: "see." },
            { type: "text", text: "" },
            { type: "tool-call", id: long, name: "get weather!", params: { city: "Oslo" } },
            { type: "tool-call", id: "call_2", name: "F", params: {} }
          ]
        },
        { role: "tool", content: [result(long, { degrees: 4 }), result("call_9", "nobody asked")] },
        { role: "user", content: "" },
        { role: "assistant", content: "4 degr" }
      ])
      assert.deepStrictEqual(input, [
        { role: "user", content: [{ type: "input_text", text: "Weather?" }] },
        { role: "assistant", content: "Let me see." },
        {
          type: "function_call",
          call_id: "call_of_history_0",
          name: "get_weather_",
          arguments: '{"city":"Oslo"}'
        },
        { type: "function_call", call_id: "call_2", name: "F", arguments: "{}" },
        { type: "function_call_output", call_id: "call_of_history_0", output: '{"degrees":4}' },
        { type: "function_call_output", call_id: "call_2", output: "The call was not executed." },
        { role: "assistant", content: "4 degr" }
      ])
    })
  )

  it.effect("shows a tool's own words for the model, with pictures where there are some", () =>
    Effect.gen(function* () {
      const withOutput = (...modelOutput: ReadonlyArray<Prompt.ToolModelOutputPart>) =>
        inputOf({}, [
          { role: "assistant", content: [{ type: "tool-call", id: "c", name: "F", params: {} }] },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "c", name: "F", isFailure: false, result: {}, modelOutput }]
          }
        ])
      const words = Prompt.textPart({ text: "4 degrees" })
      const picture = Prompt.filePart({ mediaType: "image/png", data: "aGk=" })
      assert.strictEqual((yield* withOutput(words))[1]?.["output"], "4 degrees")
      assert.deepStrictEqual((yield* withOutput(words, picture))[1]?.["output"], [
        { type: "input_text", text: "4 degrees" },
        { type: "input_image", image_url: "data:image/png;base64,aGk=" }
      ])
    })
  )
})

describe("what travels back to a Responses model", () => {
  it.effect("are reasoning, calls and texts of two turns, as they came, to the same model only", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const model = yield* at(server.url)
      const first = yield* generate(model)
      const metadataOf = (part: (typeof first)[number]) => ({ ...(part.metadata && { options: part.metadata }) })
      const content = first.flatMap((part): Array<Prompt.AssistantMessagePartEncoded> => {
        if (part.type === "text" || part.type === "reasoning") {
          return [{ type: part.type, text: part.text, ...metadataOf(part) }]
        }
        if (part.type !== "tool-call") return []
        return [{ type: "tool-call", id: part.id, name: part.name, params: part.params, ...metadataOf(part) }]
      })
      const prompt = [...Prompt.make("hi").content, { role: "assistant" as const, content }]
      yield* generate(model, { prompt })
      const sent = inputAt(server, 1)
      const { output } = JSON.parse(text("responses-whole.json")) as { output: ReadonlyArray<Record<string, unknown>> }
      const { status: _, ...call } = output[3] ?? {}
      assert.deepStrictEqual(sent.slice(1), [
        output[0],
        output[1],
        output[2],
        call,
        { type: "function_call_output", call_id: "call_a", output: "The call was not executed." }
      ])
      for (const other of [yield* at(server.url, { model: "gpt-4.1" }), yield* at(server.url, { provider: "xai" })]) {
        yield* generate(other, { prompt })
        assert.deepStrictEqual(inputAt(server, -1).slice(1, 3), [
          { role: "assistant", content: "Hello there" },
          { type: "function_call", call_id: "call_a", name: "Weather", arguments: '{"city":"Oslo"}' }
        ])
      }
    })
  )

  it.effect(
    "is one reasoning item with all its summaries; one without a seal or with nothing behind it stays away",
    () =>
      Effect.gen(function* () {
        const reasoning = (text: string, fields: Schema.JsonObject) =>
          ({ type: "reasoning", text, ...own(fields) }) as const
        const turn = (...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>) => [
          { role: "assistant" as const, content }
        ]
        const done = { type: "text", text: "42" } as const
        const sealed = { id: "rs", encryptedContent: "e" }
        assert.deepStrictEqual(yield* inputOf({}, turn(reasoning("a", { id: "rs" }), reasoning("b", sealed), done)), [
          {
            type: "reasoning",
            id: "rs",
            summary: [
              { type: "summary_text", text: "a" },
              { type: "summary_text", text: "b" }
            ],
            encrypted_content: "e"
          },
          { role: "assistant", content: "42" }
        ])
        assert.deepStrictEqual(yield* inputOf({}, turn(reasoning("a", { id: "rs" }), done)), [
          { role: "assistant", content: "42" }
        ])
        assert.strictEqual((yield* inputOf({ store: true }, turn(reasoning("a", { id: "rs" }), done))).length, 2)
        assert.deepStrictEqual(yield* inputOf({}, turn(reasoning("raw", { raw: true }), done)), [
          { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "raw" }] },
          { role: "assistant", content: "42" }
        ])
        assert.deepStrictEqual(yield* inputOf({}, turn(done, reasoning("b", sealed))), [
          { role: "assistant", content: "42" }
        ])
      })
  )

  it.effect("is an earlier answer's id, only where answers are kept and this owner gave it", () =>
    Effect.gen(function* () {
      const turn = (options: Prompt.ProviderOptions): Prompt.Prompt =>
        Prompt.make([
          { role: "system", content: "s" },
          { role: "assistant", content: [{ type: "tool-call", id: "c", name: "F", params: {}, options }] },
          { role: "tool", content: [{ type: "tool-result", id: "c", name: "F", isFailure: false, result: 1 }] }
        ])
      const sent = (store: boolean, options: Prompt.ProviderOptions) => {
        const prompt = turn(options)
        const incrementalPrompt = Prompt.fromMessages(prompt.content.slice(2))
        return requestOf({ store }, { prompt, previousResponseId: "resp_1", incrementalPrompt })
      }
      const ofUs = { openai: { model: "gpt-5.2", responseId: "resp_1" } }
      const { body } = yield* sent(true, ofUs)
      assert.strictEqual(body["previous_response_id"], "resp_1")
      assert.deepStrictEqual(body["input"], [{ type: "function_call_output", call_id: "c", output: "1" }])
      for (const whole of [
        yield* sent(false, ofUs),
        yield* sent(true, { openai: { responseId: "resp_0" } }),
        yield* sent(true, { xai: { responseId: "resp_1" } })
      ]) {
        assert.notProperty(whole.body, "previous_response_id")
        assert.strictEqual((whole.body["input"] as ReadonlyArray<unknown>).length, 3)
      }
    })
  )
})

describe("a Responses model over a socket", () => {
  it.effect("streams and answers at once with the same parts", () =>
    Effect.gen(function* () {
      const server = yield* serve((response, received) =>
        received.body["stream"] === true
          ? replySse(text("responses-reasoning.sse"))(response, received)
          : reply(200, text("responses-reasoning.sse"))(response, received)
      )
      const model = yield* at(server.url)
      const withoutIds = (part: object) => (part as { type: string }).type !== "source"
      const streamed = collapse(yield* collect(model)).filter(withoutIds)
      assert.deepStrictEqual((yield* generate(model)).filter(withoutIds), streamed)
      assert.strictEqual(streamed.at(-1)?.type, "finish")
      assert.deepStrictEqual(model.capabilities, new Set(["tools", "vision", "json-schema", "reasoning", "streaming"]))
    })
  )

  it.effect("is a LanguageModel of effect/ai, whose parts all decode", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(text("responses-reasoning.sse")))
      const layer = OpenAiResponses.layer({ model: "m", apiKey: key, baseUrl: server.url }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "hi" })).pipe(Effect.provide(layer))
      assert.strictEqual(parts.at(-1)?.type, "finish")
      assert.isTrue(parts.some((part) => part.type === "source"))
    })
  )

  it.effect("tells what a status and its words mean, without the key and the prompt", () =>
    Effect.gen(function* () {
      const echo = `${secret} my-private-prompt`
      const refusals: ReadonlyArray<readonly [number, object, string]> = [
        [400, { code: "previous_response_not_found", message: echo }, "InvalidRequestError"],
        [400, { code: "invalid_encrypted_content", message: echo }, "InvalidRequestError"],
        [401, { code: "invalid_api_key", message: echo }, "AuthenticationError"],
        [429, { type: "insufficient_quota", message: secret }, "QuotaExhaustedError"],
        [429, { type: "tokens", code: "rate_limit_exceeded", message: secret }, "RateLimitError"],
        [503, { code: "slow_down", message: secret }, "RateLimitError"],
        [500, { type: "server_error", message: echo }, "InternalProviderError"],
        [200, { code: "rate_limit_exceeded", message: secret }, "RateLimitError"]
      ]
      for (const [status, error, tag] of refusals) {
        const server = yield* serve(reply(status, { error }))
        const model = yield* at(server.url)
        for (const failed of [
          yield* Effect.flip(generate(model, { prompt: "my-private-prompt" })),
          yield* Effect.flip(collect(model, { prompt: "my-private-prompt" }))
        ]) {
          assert.strictEqual(failed.reason._tag, tag)
          assert.strictEqual(failed.module, "OpenAiResponses")
          const printed = `${inspect(failed, { depth: 20 })}${JSON.stringify(failed)}`
          assert.notInclude(printed, secret)
          assert.notInclude(printed, "my-private-prompt")
        }
      }
    })
  )

  it.effect("stays in rotation when it does not know an earlier answer", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(404, { error: { code: "previous_response_not_found", message: "m" } }))
      const error = yield* Effect.flip(generate(yield* at(server.url)))
      assert.deepInclude((error.reason as { metadata: Record<string, object> }).metadata["spillway"], {
        health: "none",
        sameTarget: false,
        otherTarget: true
      })
    })
  )

  it.effect("is asked for its health where that costs nothing", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, { id: "m" }))
      yield* (yield* at(server.url)).probe ?? Effect.die("no probe")
      yield* (yield* at(server.url, { provider: "xai" })).probe ?? Effect.die("no probe")
      assert.deepStrictEqual(
        server.received.map(({ method, url }) => [method, url]),
        [
          ["GET", "/v1/models/gpt-5.2"],
          ["GET", "/v1/models"]
        ]
      )
    })
  )
})

describe("options of OpenAiResponses", () => {
  it("that are wrong are named, without the key", () => {
    const make = (more: object) => () => OpenAiResponses.make({ model: "m", apiKey: key, ...more })
    const all: Required<OpenAiResponses.Options> = {
      ...{ model: "m", apiKey: key, baseUrl: "https://h/v1", organization: "o", project: "p", store: true },
      ...{ reasoningSummary: "auto", verbosity: "low", serviceTier: "flex", promptCacheKey: "k", truncation: "auto" },
      ...{ provider: "p", auth: "api-key", headers: {}, settings: {}, capabilities: [] }
    }
    assert.doesNotThrow(make(all))
    const bad: ReadonlyArray<readonly [string, () => unknown]> = [
      ["apiKey", () => OpenAiResponses.model({ model: "m" })],
      ["apiKey", () => OpenAiResponses.model({ model: "m", apiKey: Redacted.make(`${secret}\n`) })],
      ["model", () => OpenAiResponses.make({ model: "", apiKey: key })],
      ["provider", () => OpenAiResponses.make({ model: "m", apiKey: key, provider: "" })],
      ["promptCacheKey", () => OpenAiResponses.make({ model: "m", apiKey: key, promptCacheKey: "x".repeat(65) })],
      ["promptCacheKey", make({ promptCacheKey: 7 })],
      ["reasoningSummary", make({ reasoningSummary: "full" })],
      ["verbosity", make({ verbosity: "short" })],
      ["serviceTier", make({ serviceTier: "" })],
      ["truncation", make({ truncation: true })],
      ["store", make({ store: "no" })],
      ["organization", make({ organization: "" })],
      ["project", make({ project: 1 })],
      ["auth", make({ auth: "" })],
      ["", make({ reasoning: "low" })],
      ["baseUrl", () => OpenAiResponses.make({ model: "m", apiKey: key, baseUrl: "ftp://h" })]
    ]
    for (const [option, make] of bad) {
      try {
        make()
        assert.fail(`${option} was taken`)
      } catch (error) {
        assert.instanceOf(error, InvalidOption)
        assert.strictEqual(
          (error as InvalidOption).option,
          option === "" ? "OpenAiResponses" : `OpenAiResponses: ${option}`
        )
        assert.notInclude(inspect(error), secret)
      }
    }
  })
})
