import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { LanguageModel, Prompt, Tool } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as CallSettings from "../src/CallSettings.ts"
import * as Gemini from "../src/Gemini.ts"
import { collapse } from "../src/internal/parts/Collapse.ts"
import { collect, generate, key, Weather } from "./support/Calls.ts"
import { text } from "./support/Fixtures.ts"
import { type Received, reply, replySse, type Server, serve } from "./support/Server.ts"

const secret = Redacted.value(key)
const answer = reply(200, text("gemini-whole.json"))
const newer = "gemini-3-flash"
const older = "gemini-2.5-flash"

const at = (url: string, more: Partial<Gemini.Options> = {}) =>
  Gemini.make({ model: newer, apiKey: key, baseUrl: `${url}/v1beta`, ...more }).pipe(
    Effect.provide(FetchHttpClient.layer)
  )

type More = Parameters<typeof generate>[1]

/** The request that a call leads to. */
const requestOf = (
  options: Partial<Gemini.Options> = {},
  more?: More,
  settings: CallSettings.CallSettings = {}
): Effect.Effect<Received> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    yield* generate(yield* at(server.url, options), more).pipe(CallSettings.with(settings), Effect.orDie)
    return server.received[0] ?? (yield* Effect.die("no request"))
  }).pipe(Effect.scoped)

const contentsOf = (prompt: Prompt.RawInput, options: Partial<Gemini.Options> = {}) =>
  Effect.map(requestOf(options, { prompt }), ({ body }) => body["contents"] as ReadonlyArray<unknown>)

const contentsAt = ({ received }: Server, n: number) =>
  (received.at(n)?.body["contents"] ?? []) as ReadonlyArray<unknown>

const generationOf = (
  options: Partial<Gemini.Options>,
  settings: CallSettings.CallSettings = {},
  more?: More
): Effect.Effect<unknown> => Effect.map(requestOf(options, more, settings), ({ body }) => body["generationConfig"])

const call = (id: string, name = "F", params: unknown = {}, fields?: Schema.JsonObject) => ({
  type: "tool-call" as const,
  id,
  name,
  params,
  ...(fields && { options: { google: fields } })
})

const result = (id: string, value: unknown, more: object = {}) => ({
  type: "tool-result" as const,
  id,
  name: "F",
  isFailure: false,
  result: value,
  ...more
})

const Search = Tool.providerDefined({
  id: "google.google_search",
  customName: "Search",
  providerName: "google_search"
})(undefined)

describe("a Gemini request", () => {
  it.effect("uses the dialect's names; the key is a header and in no address", () =>
    Effect.gen(function* () {
      const safetySettings = [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }]
      const { body, headers, method, url } = yield* requestOf(
        {
          thinking: { level: "low", includeThoughts: true },
          safetySettings,
          cachedContent: "cachedContents/abc",
          responseModalities: ["TEXT", "IMAGE"]
        },
        {
          prompt: [
            { role: "system", content: "Be brief." },
            { role: "user", content: "hi" },
            { role: "system", content: "And kind." }
          ]
        },
        {
          maxTokens: 100,
          temperature: 0.5,
          topP: 0.9,
          topK: 5,
          stop: ["END"],
          seed: 7,
          presencePenalty: 1,
          frequencyPenalty: -1,
          userId: "user-1",
          headers: { "x-trace": "t" }
        }
      )
      assert.deepStrictEqual([method, url], ["POST", `/v1beta/models/${newer}:generateContent`])
      assert.deepInclude(headers, { "x-goog-api-key": secret, "x-trace": "t" })
      assert.notProperty(headers, "authorization")
      assert.deepStrictEqual(body, {
        contents: [{ role: "user", parts: [{ text: "hi" }] }],
        systemInstruction: { parts: [{ text: "Be brief." }, { text: "And kind." }] },
        generationConfig: {
          maxOutputTokens: 100,
          temperature: 0.5,
          topP: 0.9,
          topK: 5,
          stopSequences: ["END"],
          seed: 7,
          presencePenalty: 1,
          frequencyPenalty: -1,
          thinkingConfig: { thinkingLevel: "low", includeThoughts: true },
          responseModalities: ["TEXT", "IMAGE"]
        },
        safetySettings,
        cachedContent: "cachedContents/abc"
      })
    })
  )

  it.effect("says nothing nobody asked for, and goes to a tuned model's own folder", () =>
    Effect.gen(function* () {
      const { body, url } = yield* requestOf({ model: "tunedModels/a b" })
      assert.deepStrictEqual(Object.keys(body), ["contents"])
      assert.strictEqual(url, "/v1beta/tunedModels/a%20b:generateContent")
    })
  )

  it.effect("maps the effort to a level, and to a budget for models before Gemini 3", () =>
    Effect.gen(function* () {
      const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const
      const thinking = (model: string, options: Partial<Gemini.Options> = {}): Effect.Effect<ReadonlyArray<unknown>> =>
        Effect.forEach(efforts, (reasoningEffort) => generationOf({ model, ...options }, { reasoningEffort }))
      assert.deepStrictEqual(
        yield* thinking(newer),
        ["minimal", "minimal", "low", "medium", "high", "high", "high"].map((thinkingLevel) => ({
          thinkingConfig: { thinkingLevel }
        }))
      )
      assert.deepStrictEqual(
        yield* thinking(older, { thinking: { budget: 5, includeThoughts: true } }),
        [0, 1024, 1024, 8192, 24_576, 24_576, 24_576].map((thinkingBudget) => ({
          thinkingConfig: { thinkingBudget, includeThoughts: true }
        }))
      )
      // The larger models cannot think less than a little.
      const least = (model: string) => generationOf({ model }, { reasoningEffort: "none" })
      assert.deepStrictEqual(yield* least("gemini-3.1-pro"), { thinkingConfig: { thinkingLevel: "low" } })
      assert.deepStrictEqual(yield* least("gemini-2.5-pro"), { thinkingConfig: { thinkingBudget: 128 } })
      assert.deepStrictEqual(yield* generationOf({ thinking: { budget: -1 } }), {
        thinkingConfig: { thinkingBudget: -1 }
      })
    })
  )

  it.effect("declares functions, and has a mode for each choice", () =>
    Effect.gen(function* () {
      const parametersJsonSchema = {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: true
      }
      const declared = { name: "Weather", description: "Weather by city", parametersJsonSchema }
      const sent = (toolChoice: NonNullable<More>["toolChoice"] & {}) =>
        Effect.map(requestOf({}, { tools: [Weather, Tool.make("Now")], toolChoice }), ({ body }) => body)
      const body = yield* sent("auto")
      assert.deepStrictEqual(body["tools"], [{ functionDeclarations: [declared, { name: "Now" }] }])
      assert.notProperty(body, "toolConfig")
      const modes = [
        ["none", { mode: "NONE" }],
        ["required", { mode: "ANY" }],
        [{ tool: "Weather" }, { mode: "ANY", allowedFunctionNames: ["Weather"] }],
        [{ mode: "required", oneOf: ["Weather", "Now"] }, { mode: "ANY" }]
      ] as const
      for (const [choice, functionCallingConfig] of modes) {
        assert.deepStrictEqual((yield* sent(choice))["toolConfig"], { functionCallingConfig })
      }
    })
  )

  it.effect("passes on the tools Google runs, and refuses another vendor's before sending", () =>
    Effect.gen(function* () {
      const alone = yield* requestOf({}, { tools: [Search], toolChoice: "auto" })
      assert.deepStrictEqual(alone.body["tools"], [{ googleSearch: {} }])
      assert.notProperty(alone.body, "toolConfig")
      const both = yield* requestOf({}, { tools: [Search, Tool.make("Now")], toolChoice: { tool: "Search" } })
      assert.deepStrictEqual(both.body["tools"], [{ googleSearch: {} }, { functionDeclarations: [{ name: "Now" }] }])
      assert.deepStrictEqual(both.body["toolConfig"], { includeServerSideToolInvocations: true })
      const foreign = Tool.providerDefined({ id: "openai.web_search", customName: "S", providerName: "s" })(undefined)
      const server = yield* serve(answer)
      const error = yield* Effect.flip(generate(yield* at(server.url), { tools: [foreign] }))
      assert.deepInclude(error.reason, { _tag: "InvalidRequestError", parameter: "tools" })
      assert.strictEqual(server.received.length, 0)
    })
  )

  it.effect("asks for structured output by a schema cut to what Gemini reads, or in words", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({
        kind: Schema.Literal("a"),
        word: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^x/))),
        pair: Schema.Tuple([Schema.Finite, Schema.String]),
        more: Schema.Record(Schema.String, Schema.Finite)
      })
      const responseFormat = { type: "json" as const, objectName: "answer", schema }
      const config = (yield* generationOf({}, {}, { responseFormat })) as Record<string, Record<string, unknown>>
      assert.strictEqual(config["responseMimeType"] as unknown, "application/json")
      assert.deepInclude(config["responseJsonSchema"], { type: "object", required: ["kind", "pair", "more"] })
      assert.notInclude(JSON.stringify(config), "pattern")
      assert.include(JSON.stringify(config), '"enum":["a"]')
      const words = yield* requestOf({ capabilities: [] }, { responseFormat })
      assert.deepStrictEqual(words.body["generationConfig"], { responseMimeType: "application/json" })
      assert.include(JSON.stringify(words.body["systemInstruction"]), "JSON Schema")
      const beside = yield* requestOf({ model: older }, { responseFormat, tools: [Weather], toolChoice: "auto" })
      assert.notProperty(beside.body, "generationConfig")
      assert.include(JSON.stringify(beside.body["systemInstruction"]), "JSON Schema")
    })
  )

  it.effect("has data inline and files by their address", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | Uint8Array | URL) => Prompt.filePart({ mediaType, data })
      const contents = yield* contentsOf([
        {
          role: "user",
          content: [
            Prompt.textPart({ text: "" }),
            Prompt.textPart({ text: "look" }),
            file("image/*", Uint8Array.of(104, 105)),
            file("audio/wav", "data:audio/wav;base64,aGk="),
            file("video/mp4", new URL("https://example.com/a.mp4")),
            file("application/pdf", new URL("data:application/pdf;base64,aGk="))
          ]
        },
        { role: "user", content: "" }
      ])
      assert.deepStrictEqual(contents, [
        {
          role: "user",
          parts: [
            { text: "look" },
            { inlineData: { mimeType: "image/jpeg", data: "aGk=" } },
            { inlineData: { mimeType: "audio/wav", data: "aGk=" } },
            { fileData: { mimeType: "video/mp4", fileUri: "https://example.com/a.mp4" } },
            { inlineData: { mimeType: "application/pdf", data: "aGk=" } }
          ]
        }
      ])
    })
  )

  it.effect("repairs a history of another vendor: results in the order of the calls, each call answered", () =>
    Effect.gen(function* () {
      const foreign = { options: { anthropic: { signature: "s" } } }
      const history: Prompt.RawInput = [
        { role: "user", content: "Weather?" },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "signed elsewhere", ...foreign },
            { type: "text", text: "Let me see." },
            call("toolu_1", "get weather!", { city: "Oslo" }),
            call("toolu_2", "1st"),
            call("toolu_3")
          ]
        },
        { role: "tool", content: [result("toolu_2", "fine"), result("nobody", "asked")] },
        { role: "tool", content: [result("toolu_1", "broken", { isFailure: true })] },
        { role: "user", content: "And?" },
        { role: "assistant", content: "4 degr" }
      ]
      const functionCall = (name: string, args = {}) => ({ functionCall: { name, args } })
      const functionResponse = (name: string, response: object) => ({ functionResponse: { name, response } })
      const contents = yield* contentsOf(history, { model: older })
      assert.deepStrictEqual(contents, [
        { role: "user", parts: [{ text: "Weather?" }] },
        {
          role: "model",
          parts: [
            { text: "Let me see." },
            functionCall("get_weather_", { city: "Oslo" }),
            functionCall("_1st"),
            functionCall("F")
          ]
        },
        {
          role: "user",
          parts: [
            functionResponse("get_weather_", { error: "broken" }),
            functionResponse("_1st", { output: "fine" }),
            functionResponse("F", { error: "The call was not executed." })
          ]
        },
        { role: "user", parts: [{ text: "And?" }] },
        { role: "model", parts: [{ text: "4 degr" }] }
      ])
      // From Gemini 3 on the first call of a step has to be signed, and only that one.
      const [, turn] = (yield* contentsOf(history)) as ReadonlyArray<{ parts: ReadonlyArray<Record<string, unknown>> }>
      assert.deepStrictEqual(
        turn?.parts.map((part) => part["thoughtSignature"]),
        [undefined, "skip_thought_signature_validator", undefined, undefined]
      )
    })
  )

  it.effect("shows a tool's own words for the model, with pictures where the model takes them", () =>
    Effect.gen(function* () {
      const modelOutput = [
        Prompt.textPart({ text: "4 degrees" }),
        Prompt.filePart({ mediaType: "image/png", data: "aGk=" })
      ]
      const prompt: Prompt.RawInput = [
        { role: "assistant", content: [call("c")] },
        { role: "tool", content: [result("c", {}, { modelOutput })] }
      ]
      const shown = (model: string) => Effect.map(contentsOf(prompt, { model }), (contents) => contents.at(-1))
      assert.deepStrictEqual(yield* shown(newer), {
        role: "user",
        parts: [
          {
            functionResponse: {
              name: "F",
              response: { output: "4 degrees" },
              parts: [{ inlineData: { mimeType: "image/png", data: "aGk=" } }]
            }
          }
        ]
      })
      assert.include(JSON.stringify(yield* shown(older)), "image/png omitted")
    })
  )
})

describe("what travels back to a Gemini model", () => {
  it.effect("are the parts of two turns as they came, signatures on the same parts, to the same model only", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const model = yield* at(server.url)
      const first = yield* generate(model)
      const content = first.flatMap((part): Array<Prompt.AssistantMessagePartEncoded> => {
        const options = part.metadata && { options: part.metadata }
        if (part.type === "text" || part.type === "reasoning") return [{ type: part.type, text: part.text, ...options }]
        if (part.type !== "tool-call") return []
        return [{ type: "tool-call", id: part.id, name: part.name, params: part.params, ...options }]
      })
      const prompt = [
        { role: "user" as const, content: "hi" },
        { role: "assistant" as const, content },
        { role: "tool" as const, content: [result("fc-1", { degrees: 4 })] }
      ]
      yield* generate(model, { prompt })
      const { candidates } = JSON.parse(text("gemini-whole.json"))
      const response = { id: "fc-1", name: "Weather", response: { degrees: 4 } }
      assert.deepStrictEqual(contentsAt(server, 1).slice(1), [
        { role: "model", parts: candidates[0].content.parts },
        { role: "user", parts: [{ functionResponse: response }] }
      ])
      yield* generate(yield* at(server.url, { model: "gemini-3-pro" }), { prompt })
      assert.deepStrictEqual(contentsAt(server, 2)[1], {
        role: "model",
        parts: [
          { text: "Searching." },
          { text: "Hello there" },
          {
            functionCall: { id: "fc-1", name: "Weather", args: { city: "Oslo" } },
            thoughtSignature: "skip_thought_signature_validator"
          }
        ]
      })
    })
  )

  it.effect("is a signature without text, too, and a signed picture; thoughts without a signature stay away", () =>
    Effect.gen(function* () {
      const own = { options: { google: { model: newer, thoughtSignature: "s" } } }
      const [, turn] = yield* contentsOf([
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "a thought", options: { google: { model: newer } } },
            { type: "reasoning", text: "signed", ...own },
            { type: "text", text: "42" },
            { type: "text", text: "", ...own },
            { type: "text", text: "" },
            { type: "file", mediaType: "image/png", data: "aGk=", ...own }
          ]
        }
      ])
      assert.deepStrictEqual(turn, {
        role: "model",
        parts: [
          { text: "signed", thought: true, thoughtSignature: "s" },
          { text: "42" },
          { text: "", thoughtSignature: "s" },
          { inlineData: { mimeType: "image/png", data: "aGk=" }, thoughtSignature: "s" }
        ]
      })
    })
  )
})

describe("a Gemini model over a socket", () => {
  it.effect("streams by SSE or by a list, and answers at once with the same parts", () =>
    Effect.gen(function* () {
      const server = yield* serve((response, received) => {
        if (received.url.endsWith(":streamGenerateContent?alt=sse")) {
          return replySse(text("gemini-thinking.sse"))(response, received)
        }
        reply(200, text("gemini-thinking.sse"))(response, received)
      })
      const model = yield* at(server.url)
      const streamed = collapse(yield* collect(model))
      assert.deepStrictEqual(yield* generate(model), streamed)
      assert.deepStrictEqual(
        server.received.map(({ url }) => url),
        [`/v1beta/models/${newer}:streamGenerateContent?alt=sse`, `/v1beta/models/${newer}:generateContent`]
      )
      assert.deepStrictEqual([model.provider, model.model], ["gcp.gemini", newer])
      assert.deepStrictEqual(model.capabilities, new Set(["tools", "vision", "json-schema", "reasoning", "streaming"]))
      const listed = yield* serve(reply(200, text("gemini-array.json")))
      assert.deepInclude(collapse(yield* collect(yield* at(listed.url))), { type: "text", text: "Hello there" })
    })
  )

  it.effect("is a LanguageModel of effect/ai, whose parts all decode", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(text("gemini-thinking.sse")))
      const layer = Gemini.layer({ model: newer, apiKey: key, baseUrl: server.url }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "hi" })).pipe(Effect.provide(layer))
      assert.strictEqual(parts.at(-1)?.type, "finish")
    })
  )

  it.effect("tells what a status and its words mean, without the key and the prompt", () =>
    Effect.gen(function* () {
      const echo = `${secret} my-private-prompt`
      const reason = (reason: string) => [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason }]
      const quota = (quotaId: string, retryDelay: string) => [
        { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ quotaId }] },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay }
      ]
      const hint = { health: "throttle", retryAfter: 34_400 }
      const perDay = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "34.4s")
      const perMinute = quota("GenerateRequestsPerMinutePerProjectPerModel", "34.4s")
      const limit0 = `${"You exceeded your current quota. ".repeat(10)}limit: 0, model: x`
      const refusals: ReadonlyArray<readonly [number, string, string, ReadonlyArray<object>, string, object]> = [
        [400, "INVALID_ARGUMENT", echo, reason("API_KEY_INVALID"), "AuthenticationError", { health: "config" }],
        [400, "INVALID_ARGUMENT", "API key expired.", [], "AuthenticationError", { health: "config" }],
        [400, "INVALID_ARGUMENT", "API key not valid.", [], "AuthenticationError", { health: "config" }],
        [400, "INVALID_ARGUMENT", echo, [], "InvalidRequestError", { health: "none", otherTarget: false }],
        [
          400,
          "INVALID_ARGUMENT",
          "The input token count (9) exceeds the maximum number of tokens allowed (8).",
          [],
          "InvalidRequestError",
          { errorType: "ContextLength", otherTarget: true }
        ],
        [400, "INVALID_ARGUMENT", "Function call is missing a thought_signature", [], "InvalidRequestError", {}],
        [400, "FAILED_PRECONDITION", "User location is not supported", [], "AuthenticationError", { health: "config" }],
        [400, "FAILED_PRECONDITION", "Please enable billing", [], "QuotaExhaustedError", { health: "config" }],
        [403, "PERMISSION_DENIED", echo, [], "AuthenticationError", { health: "config" }],
        [404, "NOT_FOUND", echo, [], "InvalidRequestError", { errorType: "ModelNotFound" }],
        [429, "RESOURCE_EXHAUSTED", "slow", perMinute, "RateLimitError", hint],
        [429, "RESOURCE_EXHAUSTED", "slow", perDay, "QuotaExhaustedError", hint],
        [429, "RESOURCE_EXHAUSTED", limit0, perDay, "QuotaExhaustedError", { health: "config" }],
        [429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", [], "QuotaExhaustedError", {}],
        [499, "CANCELLED", echo, [], "InternalProviderError", { sameTarget: true }],
        [500, "INTERNAL", echo, [], "InternalProviderError", { health: "fault" }],
        [503, "UNAVAILABLE", "The model is overloaded.", [], "InternalProviderError", { errorType: "Overloaded" }],
        [504, "DEADLINE_EXCEEDED", echo, [], "InternalProviderError", { sameTarget: true }]
      ]
      let next = 0
      const server = yield* serve((response, received) => {
        const [code, status, message, details] = refusals[next++ >> 1] ?? refusals[0] ?? []
        reply(code ?? 500, { error: { code, message, status, details } })(response, received)
      })
      const model = yield* at(`${server.url}`)
      for (const [status, word, , , tag, hints] of refusals) {
        for (const failed of [
          yield* Effect.flip(generate(model, { prompt: "my-private-prompt" })),
          yield* Effect.flip(collect(model, { prompt: "my-private-prompt" }))
        ]) {
          const { metadata } = failed.reason as { metadata: Record<string, Record<string, unknown>> }
          assert.strictEqual(failed.reason._tag, tag, `${status} ${word}`)
          assert.deepInclude(metadata["spillway"], hints)
          assert.deepInclude(metadata["google"], { status, type: word })
          assert.strictEqual(failed.module, "Gemini")
          const printed = `${inspect(failed, { depth: 20 })}${JSON.stringify(failed)}`
          assert.notInclude(printed, secret)
          assert.notInclude(printed, "my-private-prompt")
        }
      }
    })
  )

  it.effect("is asked for its health where that costs nothing", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, { name: `models/${newer}` }))
      yield* (yield* at(server.url)).probe ?? Effect.die("no probe")
      assert.deepStrictEqual(
        server.received.map(({ headers, method, url }) => [method, url, headers["x-goog-api-key"]]),
        [["GET", `/v1beta/models/${newer}`, secret]]
      )
    })
  )
})

describe("options of Gemini", () => {
  it("that are wrong are named, without the key", () => {
    const make = (more: Partial<Gemini.Options>) => () => Gemini.model({ model: newer, apiKey: key, ...more })
    const safety = { category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }
    const good: ReadonlyArray<Partial<Gemini.Options>> = [
      { model: "tunedModels/m-1.5", thinking: { budget: -1, includeThoughts: true } },
      { thinking: { level: "minimal" }, safetySettings: [safety], responseModalities: ["TEXT", "IMAGE"] },
      { cachedContent: "cachedContents/abc", baseUrl: "https://h/", headers: {}, settings: {}, capabilities: [] }
    ]
    for (const more of good) assert.doesNotThrow(make(more))
    const bad: ReadonlyArray<readonly [string, () => unknown]> = [
      ["apiKey", () => Gemini.model({ model: "m", apiKey: secret as unknown as Redacted.Redacted<string> })],
      ["model", make({ model: " " })],
      ["thinking.budget", make({ thinking: { budget: -2 } })],
      ["thinking.budget", make({ thinking: { budget: 0.5 } })],
      ["thinking", make({ thinking: { budget: 1, level: "low" } })],
      ["thinking.budget", make({ thinking: { budget: 1e9 } })],
      ["thinking.budget", make({ thinking: { budget: "1" as never } })],
      ["thinking.level", make({ thinking: { level: "ultra" as never } })],
      ["thinking.includeThoughts", make({ thinking: { includeThoughts: 1 as never } })],
      ["thinking", make({ thinking: { effort: "low" } as never })],
      ["thinking", make({ thinking: true as never })],
      ["safetySettings", make({ safetySettings: {} as never })],
      ["safetySettings[1]", make({ safetySettings: [safety, null as never] })],
      ["safetySettings[0].threshold", make({ safetySettings: [{ ...safety, threshold: "high" }] })],
      ["safetySettings[0].category", make({ safetySettings: [{ threshold: "OFF" } as never] })],
      ["responseModalities", make({ responseModalities: ["VIDEO" as never] })],
      ["responseModalities", make({ responseModalities: "TEXT" as never })],
      ["responseModalities", make({ responseModalities: [] })],
      ["", make({ temprature: 1 } as never)],
      ...["../../x?key=1", "..", "tunedModels/../x", "./m", "m#x", "m?key=1"].map(
        (model) => ["model", make({ model })] as const
      ),
      ["cachedContent", make({ cachedContent: "abc" })],
      ["baseUrl", make({ baseUrl: `https://user:${secret}@h/` })]
    ]
    for (const [option, make] of bad) {
      try {
        make()
        assert.fail(`${option} was taken`)
      } catch (error) {
        assert.instanceOf(error, InvalidOption)
        assert.strictEqual((error as InvalidOption).option, option === "" ? "Gemini" : `Gemini: ${option}`)
        assert.notInclude(inspect(error), secret)
      }
    }
  })
})
