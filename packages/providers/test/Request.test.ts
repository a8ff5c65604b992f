import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema, Stream } from "effect"
import { Prompt, Tool } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as CallSettings from "../src/CallSettings.ts"
import * as DeepSeek from "../src/DeepSeek.ts"
import * as OpenAi from "../src/OpenAi.ts"
import { collect, compatible, generate, key, options, stream, Weather } from "./support/Calls.ts"
import { text } from "./support/Fixtures.ts"
import { type Received, reply, replySse, serve } from "./support/Server.ts"

const answer = reply(200, text("openai-completion.json"))

/** The request that a call leads to. */
const requestOf = (
  make: (url: string) => ReturnType<typeof compatible>,
  more?: Parameters<typeof generate>[1],
  settings: CallSettings.CallSettings = {}
): Effect.Effect<Received> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    const model = yield* make(server.url)
    yield* generate(model, more).pipe(CallSettings.with(settings), Effect.orDie)
    return server.received[0] ?? (yield* Effect.die("no request"))
  }).pipe(Effect.scoped)

const openAi =
  (more: Partial<OpenAi.Options> = {}) =>
  (url: string) =>
    OpenAi.make({ model: "gpt-5.2", apiKey: key, baseUrl: `${url}/v1`, ...more }).pipe(
      Effect.provide(FetchHttpClient.layer)
    )

const deepSeek =
  (more: Partial<DeepSeek.Options> = {}) =>
  (url: string) =>
    DeepSeek.make({ model: "deepseek-flash", apiKey: key, baseUrl: url, ...more }).pipe(
      Effect.provide(FetchHttpClient.layer)
    )

const settings: CallSettings.CallSettings = {
  maxTokens: 100,
  temperature: 0.5,
  topP: 0.9,
  stop: ["END"],
  seed: 7,
  reasoningEffort: "medium",
  userId: "user-1",
  headers: { "x-trace": "t" }
}

const history = Prompt.make([
  { role: "system", content: "Be brief." },
  { role: "user", content: [{ type: "text", text: "Weather in Oslo?" }] },
  {
    role: "assistant",
    content: [
      { type: "reasoning", text: "Let me look." },
      { type: "tool-call", id: "call_1", name: "Weather", params: { city: "Oslo" } },
      { type: "tool-call", id: "call_2", name: "Weather", params: { city: "Bergen" } }
    ]
  },
  {
    role: "tool",
    content: [
      { type: "tool-result", id: "call_1", name: "Weather", isFailure: false, result: { degrees: 4 } },
      { type: "tool-result", id: "call_9", name: "Weather", isFailure: false, result: "nobody asked" }
    ]
  },
  { role: "assistant", content: "4 degrees." },
  { role: "user", content: "Thanks" }
])

const messages = (received: Received) => received.body["messages"] as ReadonlyArray<Record<string, unknown>>

describe("a request", () => {
  it.effect("to OpenAI uses its names", () =>
    Effect.gen(function* () {
      const received = yield* requestOf(openAi({ organization: "org", project: "proj" }), { prompt: history }, settings)
      assert.strictEqual(received.method, "POST")
      assert.strictEqual(received.url, "/v1/chat/completions")
      assert.deepInclude(received.headers, {
        authorization: `Bearer ${Redacted.value(key)}`,
        "openai-organization": "org",
        "openai-project": "proj",
        "x-trace": "t",
        "content-type": "application/json"
      })
      const { messages: sent, ...rest } = received.body
      assert.deepStrictEqual(rest, {
        model: "gpt-5.2",
        max_completion_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        stop: ["END"],
        seed: 7,
        reasoning_effort: "medium",
        safety_identifier: "user-1"
      })
      assert.deepInclude((sent as ReadonlyArray<unknown>)[0], { role: "developer", content: "Be brief." })
    })
  )

  it.effect("to DeepSeek has no seed, maps the effort and can switch thinking off", () =>
    Effect.gen(function* () {
      const { body } = yield* requestOf(deepSeek(), {}, settings)
      assert.deepInclude(body, { max_tokens: 100, reasoning_effort: "high", user_id: "user-1" })
      assert.notProperty(body, "seed")
      assert.notProperty(body, "thinking")
      const effort = (word: NonNullable<CallSettings.CallSettings["reasoningEffort"]>) =>
        Effect.map(
          requestOf(deepSeek(), {}, { reasoningEffort: word }),
          (received) => received.body["reasoning_effort"]
        )
      assert.deepStrictEqual(yield* Effect.all([effort("minimal"), effort("low"), effort("xhigh"), effort("max")]), [
        "low",
        "low",
        "max",
        "max"
      ])
      const on = yield* requestOf(deepSeek({ thinking: true }))
      assert.deepStrictEqual(on.body["thinking"], { type: "enabled" })
      const off = yield* requestOf(deepSeek({ thinking: false, settings: { reasoningEffort: "high" } }))
      assert.deepStrictEqual(off.body["thinking"], { type: "disabled" })
      assert.notProperty(off.body, "reasoning_effort")
      const none = yield* requestOf(deepSeek(), {}, { reasoningEffort: "none" })
      assert.deepStrictEqual(none.body["thinking"], { type: "disabled" })
    })
  )

  it.effect("answers open tool calls and leaves out results nobody asked for", () =>
    Effect.gen(function* () {
      const sent = messages(yield* requestOf((url) => compatible(url), { prompt: history }))
      assert.deepStrictEqual(sent, [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Weather in Oslo?" },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "call_1", type: "function", function: { name: "Weather", arguments: '{"city":"Oslo"}' } },
            { id: "call_2", type: "function", function: { name: "Weather", arguments: '{"city":"Bergen"}' } }
          ]
        },
        { role: "tool", tool_call_id: "call_1", content: '{"degrees":4}' },
        { role: "tool", tool_call_id: "call_2", content: "The call was not executed." },
        { role: "assistant", content: "4 degrees." },
        { role: "user", content: "Thanks" }
      ])
    })
  )

  it.effect("sends reasoning back to DeepSeek on every assistant turn, but not another vendor's", () =>
    Effect.gen(function* () {
      const mine = messages(yield* requestOf(deepSeek(), { prompt: history }))
      assert.deepStrictEqual(
        mine.filter((message) => message["role"] === "assistant").map((message) => message["reasoning_content"]),
        ["Let me look.", ""]
      )
      const foreign = Prompt.make([
        { role: "user", content: "a" },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "signed", options: { anthropic: { signature: "s" } } },
            { type: "text", text: "b" }
          ]
        },
        { role: "user", content: "c" }
      ])
      const sent = messages(yield* requestOf(deepSeek(), { prompt: foreign }))
      assert.deepStrictEqual(sent[1], { role: "assistant", content: "b", reasoning_content: "" })
      const dropped = messages(yield* requestOf(openAi(), { prompt: foreign }))
      assert.deepStrictEqual(dropped[1], { role: "assistant", content: "b" })
    })
  )

  it.effect("carries images, audio and files", () =>
    Effect.gen(function* () {
      const prompt = Prompt.make([
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2]) },
            { type: "file", mediaType: "image/*", data: new URL("https://example.com/a.png") },
            { type: "file", mediaType: "audio/mpeg", data: "AAAA" },
            { type: "file", mediaType: "application/pdf", fileName: "a.pdf", data: "JVBE" }
          ]
        }
      ])
      const [message] = messages(yield* requestOf((url) => compatible(url), { prompt }))
      assert.deepStrictEqual(message?.["content"], [
        { type: "text", text: "look" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AQI=" } },
        { type: "image_url", image_url: { url: "https://example.com/a.png" } },
        { type: "input_audio", input_audio: { data: "AAAA", format: "mp3" } },
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" } }
      ])
    })
  )

  it.effect("carries tools and the choice among them", () =>
    Effect.gen(function* () {
      const withChoice = (
        toolChoice:
          | "auto"
          | "none"
          | "required"
          | { tool: string }
          | { oneOf: ReadonlyArray<string>; mode?: "required" }
      ) =>
        Effect.map(
          requestOf((url) => compatible(url), { tools: [Weather], toolChoice }),
          (received) => received.body
        )
      const auto = yield* withChoice("auto")
      assert.deepStrictEqual(auto["tools"], [
        {
          type: "function",
          function: { name: "Weather", description: "Weather by city", parameters: Tool.getJsonSchema(Weather) }
        }
      ])
      assert.notProperty(auto, "tool_choice")
      assert.strictEqual((yield* withChoice("required"))["tool_choice"], "required")
      assert.strictEqual((yield* withChoice("none"))["tool_choice"], "none")
      assert.strictEqual((yield* withChoice({ oneOf: ["Weather"], mode: "required" }))["tool_choice"], "required")
      assert.deepStrictEqual((yield* withChoice({ tool: "Weather" }))["tool_choice"], {
        type: "function",
        function: { name: "Weather" }
      })
      assert.notProperty((yield* requestOf((url) => compatible(url))).body, "tools")
    })
  )

  it.effect("asks for structured output by schema, strictly where the schema can be", () =>
    Effect.gen(function* () {
      const format = (schema: Schema.Top) =>
        Effect.map(
          requestOf(openAi(), { responseFormat: { type: "json", objectName: "City", schema } }),
          (received) => received.body["response_format"] as { json_schema: Record<string, unknown> }
        )
      const strict = yield* format(Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.Int) }))
      assert.deepStrictEqual(strict.json_schema, {
        name: "City",
        strict: true,
        schema: {
          type: "object",
          properties: { name: { type: "string" }, tags: { type: "array", items: { type: "integer" } } },
          required: ["name", "tags"],
          additionalProperties: false
        }
      })
      const loose = yield* format(Schema.Struct({ name: Schema.optionalKey(Schema.String) }))
      assert.isFalse(loose.json_schema["strict"])
    })
  )

  it.effect("asks DeepSeek for JSON in words", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({ name: Schema.String })
      const received = yield* requestOf(deepSeek(), {
        responseFormat: { type: "json", objectName: "City", schema },
        prompt: history
      })
      assert.deepStrictEqual(received.body["response_format"], { type: "json_object" })
      const [system] = messages(received)
      assert.strictEqual(system?.["role"], "system")
      assert.match(String(system?.["content"]), /^Be brief\.\n\n.*JSON.*\n\{.*"name"/s)
    })
  )

  it.effect("asks for usage in a stream, unless the server refuses that", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(text("azure-text.sse")))
      yield* collect(yield* compatible(server.url))
      yield* collect(yield* compatible(server.url, { profile: { streamUsage: false } }))
      assert.deepStrictEqual(server.received[0]?.body["stream_options"], { include_usage: true })
      assert.isTrue(server.received[1]?.body["stream"])
      assert.notProperty(server.received[1]?.body, "stream_options")
    }).pipe(Effect.orDie)
  )

  it.effect("follows the profile: effort in an object, another seed, a bare key, fixed fields", () =>
    Effect.gen(function* () {
      const received = yield* requestOf(
        (url) =>
          compatible(`${url}/openai/v1/?api-version=2026-10-01`, {
            headers: { "x-title": "t", "x-internal": Redacted.make("hidden") },
            profile: { effort: "reasoning", seed: "random_seed", auth: "api-key", extraBody: { enable_thinking: true } }
          }),
        {},
        settings
      )
      assert.strictEqual(received.url, "/openai/v1/chat/completions?api-version=2026-10-01")
      assert.strictEqual(received.headers["api-key"], Redacted.value(key))
      assert.strictEqual(received.headers["x-internal"], "hidden")
      assert.notProperty(received.headers, "authorization")
      assert.deepInclude(received.body, { random_seed: 7, reasoning: { effort: "medium" }, enable_thinking: true })
    })
  )

  it.effect("merges settings: the model's, then the outer ones, then the inner ones", () =>
    Effect.gen(function* () {
      const { body } = yield* requestOf(
        (url) => compatible(url, { settings: { maxTokens: 1, temperature: 1, topP: 1 } }),
        {},
        { temperature: 0 }
      ).pipe(CallSettings.with({ topP: 0.5, temperature: 0.5 }))
      assert.deepInclude(body, { max_tokens: 1, temperature: 0, top_p: 0.5 })
    })
  )

  it.effect("takes settings for a stream too", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(text("azure-text.sse")))
      const parts = stream(yield* compatible(server.url))
      yield* Stream.runDrain(Stream.provideService(parts, CallSettings.CurrentCallSettings, { maxTokens: 5 }))
      assert.strictEqual(server.received[0]?.body["max_tokens"], 5)
    }).pipe(Effect.orDie)
  )

  it.effect("is not sent when it cannot be said in this dialect", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const model = yield* compatible(server.url)
      const search = Tool.providerDefined({
        id: "vendor.search",
        customName: "Search",
        providerName: "search",
        parameters: Schema.Struct({}),
        success: Schema.String
      })()
      const tools = yield* Effect.flip(generate(model, { tools: [search], toolChoice: "auto" }))
      assert.deepInclude(tools.reason, { _tag: "InvalidRequestError", parameter: "tools" })
      const header = yield* Effect.flip(generate(model).pipe(CallSettings.with({ headers: { "x-a": "b\nc" } })))
      assert.deepInclude(header.reason, { _tag: "InvalidRequestError", parameter: "headers" })
      assert.strictEqual(server.received.length, 0)
    })
  )

  it.effect("keeps its options when it is made twice", () =>
    Effect.gen(function* () {
      const server = yield* serve(answer)
      const model = yield* compatible(server.url)
      const same = yield* options()
      yield* model.generate(same)
      yield* model.generate(same)
      assert.strictEqual(server.received[0]?.text, server.received[1]?.text)
    }).pipe(Effect.orDie)
  )
})
