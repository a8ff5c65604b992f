import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { type AiError, Prompt, Tool } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as Bedrock from "../src/Bedrock.ts"
import * as CallSettings from "../src/CallSettings.ts"
import { collect, generate, key, Weather } from "./support/Calls.ts"
import { fixture } from "./support/EventStream.ts"
import { bytes } from "./support/Fixtures.ts"
import { type Handler, type Received, serve } from "./support/Server.ts"

const claude = "eu.anthropic.claude-x-v1:0"

const answer: Handler = (response, { url }) => {
  const streamed = url.endsWith("/converse-stream")
  response.writeHead(200, { "content-type": streamed ? "application/vnd.amazon.eventstream" : "application/json" })
  response.end(streamed ? fixture("converse-text.jsonl") : bytes("converse-answer.json"))
}

type More = Parameters<typeof generate>[1]

const call = (more: More, own: Partial<Bedrock.Options>, settings: CallSettings.CallSettings, streamed: boolean) =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    const model = yield* Bedrock.make({
      model: claude,
      region: "eu-central-1",
      apiKey: key,
      baseUrl: server.url,
      ...own
    }).pipe(Effect.provide(FetchHttpClient.layer))
    const called: Effect.Effect<unknown, AiError.AiError> = streamed ? collect(model, more) : generate(model, more)
    const failure = yield* Effect.result(called.pipe(CallSettings.with(settings)))
    return { failure, received: server.received[0] }
  }).pipe(Effect.scoped)

/** The request that a call leads to. */
const requestOf = (
  more?: More,
  own: Partial<Bedrock.Options> = {},
  settings: CallSettings.CallSettings = {},
  streamed = false
): Effect.Effect<Received> =>
  Effect.flatMap(call(more, own, settings, streamed), ({ received }) =>
    received === undefined ? Effect.die("no request") : Effect.succeed(received)
  )

const bodyOf = (more?: More, own?: Partial<Bedrock.Options>, settings?: CallSettings.CallSettings) =>
  Effect.map(requestOf(more, own, settings), ({ body }) => body)

const messagesOf = (
  prompt: Prompt.RawInput,
  more: More = { tools: [Weather], toolChoice: "auto" },
  own?: Partial<Bedrock.Options>
) =>
  Effect.map(
    bodyOf({ ...more, prompt }, own),
    (body) => body["messages"] as ReadonlyArray<{ role: string; content: ReadonlyArray<unknown> }>
  )

const user = (text: string) => ({ role: "user" as const, content: [{ type: "text" as const, text }] })
const toolCall = (id: string, name = "Weather", params: unknown = { city: "Oslo" }) => ({
  type: "tool-call" as const,
  id,
  name,
  params,
  providerExecuted: false
})
const toolResult = (id: string, result: unknown, more: object = {}) => ({
  role: "tool" as const,
  content: [{ type: "tool-result" as const, id, name: "Weather", isFailure: false, result, ...more }]
})

describe("a request to Bedrock", () => {
  it.effect("goes to the model's own path, percent-encoded, with the key", () =>
    Effect.gen(function* () {
      const arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-x-v1:0"
      const whole = yield* requestOf({}, { model: arn })
      assert.strictEqual(
        whole.url,
        "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-x-v1%3A0/converse"
      )
      assert.deepInclude(whole.headers, {
        authorization: `Bearer ${Redacted.value(key)}`,
        accept: "application/json",
        "content-type": "application/json"
      })
      const streamed = yield* requestOf({}, { headers: { "x-amzn-trace": "t" } }, {}, true)
      assert.strictEqual(streamed.url, "/model/eu.anthropic.claude-x-v1%3A0/converse-stream")
      assert.deepInclude(streamed.headers, {
        accept: "application/vnd.amazon.eventstream, application/json",
        "x-amzn-trace": "t"
      })
      assert.deepStrictEqual(streamed.body, { messages: [{ role: "user", content: [{ text: "hi" }] }] })
    })
  )

  it.effect("says settings in Converse's words and leaves out what it lacks", () =>
    Effect.gen(function* () {
      const settings: CallSettings.CallSettings = {
        maxTokens: 100,
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        stop: ["END"],
        seed: 7,
        presencePenalty: 1,
        reasoningEffort: "medium",
        userId: "user-1"
      }
      const { messages, ...rest } = yield* bodyOf({}, {}, settings)
      assert.isArray(messages)
      assert.deepStrictEqual(rest, {
        inferenceConfig: { maxTokens: 100, temperature: 0.5, topP: 0.9, stopSequences: ["END"] },
        additionalModelRequestFields: { top_k: 40 },
        requestMetadata: { userId: "user-1" }
      })
      const other = yield* bodyOf({}, { model: "meta.llama-x" }, { topK: 40, userId: "{}", stop: [] })
      assert.deepStrictEqual(Object.keys(other), ["messages"])
    })
  )

  it.effect("carries the vendor's own options", () =>
    Effect.gen(function* () {
      const own: Partial<Bedrock.Options> = {
        additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2048 } },
        effort: (effort) => ({ reasoning_effort: effort }),
        guardrail: { identifier: "gr-1", version: "DRAFT", trace: "enabled", streamProcessingMode: "async" },
        latency: "optimized",
        serviceTier: "flex"
      }
      const whole = yield* requestOf({}, own, { reasoningEffort: "high" })
      const common = {
        additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2048 }, reasoning_effort: "high" },
        performanceConfig: { latency: "optimized" },
        serviceTier: { type: "flex" }
      }
      const guardrailConfig = { guardrailIdentifier: "gr-1", guardrailVersion: "DRAFT", trace: "enabled" }
      const messages = [{ role: "user", content: [{ text: "hi" }] }]
      assert.deepStrictEqual(whole.body, { messages, ...common, guardrailConfig })
      const streamed = yield* requestOf({}, own, { reasoningEffort: "high" }, true)
      assert.deepStrictEqual(streamed.body, {
        messages,
        ...common,
        guardrailConfig: { ...guardrailConfig, streamProcessingMode: "async" }
      })
    })
  )

  it.effect("marks what should be cached only when asked to", () =>
    Effect.gen(function* () {
      const prompt = Prompt.make([
        { role: "system", content: "Be brief." },
        user("hi"),
        { role: "assistant", content: "He" }
      ])
      const more: More = { prompt, tools: [Weather], toolChoice: "auto" }
      const point = { cachePoint: { type: "default", ttl: "1h" } }
      const body = yield* bodyOf(more, { cachePoints: { after: ["tools", "system", "messages", "system"], ttl: "1h" } })
      const { tools } = body["toolConfig"] as { tools: ReadonlyArray<unknown> }
      assert.deepStrictEqual([tools.length, tools[1]], [2, point])
      assert.deepStrictEqual(body["system"], [{ text: "Be brief." }, point])
      assert.deepStrictEqual(body["messages"], [
        { role: "user", content: [{ text: "hi" }, point] },
        { role: "assistant", content: [{ text: "He" }] }
      ])
      const bare = yield* bodyOf({ prompt: "hi" }, { cachePoints: { after: ["tools", "system"] } })
      assert.deepStrictEqual(Object.keys(bare), ["messages"])
      assert.notInclude(JSON.stringify(yield* bodyOf(more)), "cachePoint")
    })
  )

  it.effect("names tools and the choice between them", () =>
    Effect.gen(function* () {
      const Strict = Tool.make("Strict", { parameters: Schema.Struct({}) }).annotate(Tool.Strict, true)
      const closed = { type: "object", properties: {}, required: [], additionalProperties: false }
      const body = yield* bodyOf({ tools: [Weather, Strict], toolChoice: "auto" })
      assert.deepStrictEqual(body["toolConfig"], {
        tools: [
          {
            toolSpec: {
              name: "Weather",
              description: "Weather by city",
              inputSchema: { json: Tool.getJsonSchema(Weather) }
            }
          },
          { toolSpec: { name: "Strict", inputSchema: { json: closed }, strict: true } }
        ]
      })
      const choice = (toolChoice: NonNullable<More>["toolChoice"]) =>
        Effect.map(
          bodyOf({ tools: [Weather], toolChoice: toolChoice ?? "auto" }),
          (body) => (body["toolConfig"] as { toolChoice?: unknown } | undefined)?.toolChoice
        )
      assert.deepStrictEqual(yield* choice("required"), { any: {} })
      assert.deepStrictEqual(yield* choice({ tool: "Weather" }), { tool: { name: "Weather" } })
      assert.deepStrictEqual(yield* choice({ mode: "required", oneOf: ["Weather"] }), { any: {} })
      assert.isUndefined(yield* choice({ oneOf: ["Weather"] }))
      assert.notProperty(yield* bodyOf({ tools: [Weather], toolChoice: "none" }), "toolConfig")
    })
  )

  it.effect("asks for structured output by a schema where the model takes one, else in words", () =>
    Effect.gen(function* () {
      const City = Schema.Struct({ name: Schema.NonEmptyString, founded: Schema.optionalKey(Schema.Int) })
      const responseFormat = { type: "json" as const, objectName: "A city", schema: City }
      const native = { capabilities: ["json-schema" as const] }
      const body = yield* bodyOf({ responseFormat }, native)
      const { textFormat } = body["outputConfig"] as {
        textFormat: { type: string; structure: { jsonSchema: { name: string; schema: string } } }
      }
      assert.strictEqual(textFormat.type, "json_schema")
      assert.strictEqual(textFormat.structure.jsonSchema.name, "A_city")
      assert.deepStrictEqual(JSON.parse(textFormat.structure.jsonSchema.schema), {
        type: "object",
        properties: { name: { type: "string" }, founded: { type: "integer" } },
        required: ["name"],
        additionalProperties: false
      })
      assert.notProperty(body, "system")
      const prompt = Prompt.make([{ role: "system", content: "Be brief." }, user("hi")])
      const Tree = Schema.Struct({
        value: Schema.String,
        get children() {
          return Schema.Array(Schema.suspend((): Schema.Codec<unknown> => Tree))
        }
      }) as unknown as typeof City
      const Scores = Schema.Struct({ scores: Schema.Record(Schema.String, Schema.Int) }) as unknown as typeof City
      for (const [schema, own] of [
        [City, {}],
        [Tree, native],
        [Scores, native]
      ] as const) {
        const inWords = yield* bodyOf({ responseFormat: { ...responseFormat, schema }, prompt }, own)
        assert.notProperty(inWords, "outputConfig")
        const system = inWords["system"] as ReadonlyArray<{ text: string }>
        assert.strictEqual(system[0]?.text, "Be brief.")
        assert.match(system[1]?.text ?? "", /^Answer with one JSON object .*"properties"/s)
      }
    })
  )

  it.effect("is not sent when Converse cannot say it", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | URL) =>
        Prompt.make([{ role: "user", content: [{ type: "file", mediaType, data }] }])
      const Search = Tool.providerDefined({ id: "x.search", customName: "Search", providerName: "search" })()
      const cannot: ReadonlyArray<readonly [parameter: string, more: More]> = [
        ["tools", { tools: [Search], toolChoice: "auto" }],
        ["prompt", { prompt: file("image/png", new URL("https://example.com/a.png")) }],
        ["prompt", { prompt: file("image/png", "http://example.com/a.png") }],
        ["prompt", { prompt: file("audio/mpeg", "AAAA") }],
        ["prompt", { prompt: file("image/tiff", "AAAA") }]
      ]
      for (const [parameter, more] of cannot) {
        const { failure, received } = yield* call(more, {}, {}, false)
        assert.isUndefined(received)
        const reason = failure._tag === "Failure" ? failure.failure.reason : assert.fail("was sent")
        assert.deepInclude(reason, { _tag: "InvalidRequestError", parameter })
        assert.deepInclude((reason as AiError.InvalidRequestError).metadata["spillway"], {
          otherTarget: true,
          health: "none"
        })
      }
    })
  )
})

describe("a history for Bedrock", () => {
  it.effect("alternates, begins with the user, keeps system texts apart and drops blank ones", () =>
    Effect.gen(function* () {
      const prompt = Prompt.make([
        { role: "assistant", content: "Welcome." },
        { role: "system", content: "One." },
        user(" \n"),
        { role: "assistant", content: "Well?" },
        { role: "system", content: " " },
        user("First."),
        { role: "system", content: "Two." },
        user("Second.")
      ])
      const body = yield* bodyOf({ prompt })
      assert.deepStrictEqual(body["system"], [{ text: "One." }, { text: "Two." }])
      assert.deepStrictEqual(body["messages"], [
        { role: "user", content: [{ text: "Begin." }] },
        { role: "assistant", content: [{ text: "Welcome." }, { text: "Well?" }] },
        { role: "user", content: [{ text: "First." }, { text: "Second." }] }
      ])
      assert.deepStrictEqual(yield* messagesOf([{ role: "system", content: "Go." }]), [
        { role: "user", content: [{ text: "Begin." }] }
      ])
    })
  )

  it.effect("ends with a prefill that has no blanks at its end", () =>
    Effect.gen(function* () {
      const messages = yield* messagesOf([user("hi"), { role: "assistant", content: "He \n" }])
      assert.deepStrictEqual(messages.at(-1), { role: "assistant", content: [{ text: "He" }] })
    })
  )

  it.effect("answers every call right after it, and drops results nobody asked for", () =>
    Effect.gen(function* () {
      const messages = yield* messagesOf([
        user("Weather?"),
        { role: "assistant", content: [{ type: "text", text: "Let me see." }, toolCall("a"), toolCall("b")] },
        toolResult("a", { degrees: 4 }),
        toolResult("z", "nobody asked"),
        user("And now?"),
        { role: "assistant", content: [toolCall("c")] },
        toolResult("c", "", { isFailure: true })
      ])
      const use = (toolUseId: string) => ({ toolUse: { toolUseId, name: "Weather", input: { city: "Oslo" } } })
      const result = (toolUseId: string, text: string, more: object = {}) => ({
        toolResult: { toolUseId, content: [{ text }], ...more }
      })
      assert.deepStrictEqual(messages, [
        { role: "user", content: [{ text: "Weather?" }] },
        { role: "assistant", content: [{ text: "Let me see." }, use("a"), use("b")] },
        {
          role: "user",
          content: [
            result("a", '{"degrees":4}'),
            result("b", "The call was not executed.", { status: "error" }),
            { text: "And now?" }
          ]
        },
        { role: "assistant", content: [use("c")] },
        { role: "user", content: [result("c", "(no output)", { status: "error" })] }
      ])
      const llama = yield* messagesOf(
        [user("?"), { role: "assistant", content: [toolCall("a")] }, toolResult("a", "no", { isFailure: true })],
        undefined,
        {
          model: "meta.llama-x"
        }
      )
      assert.deepStrictEqual(llama.at(-1)?.content, [result("a", "no")])
    })
  )

  it.effect("gets ids and names that Converse takes, each id once", () =>
    Effect.gen(function* () {
      const odd = "call:1/ä"
      const messages = yield* messagesOf([
        user("?"),
        {
          role: "assistant",
          content: [toolCall(odd, "weather.now"), toolCall("x".repeat(65)), toolCall("same"), toolCall("same")]
        },
        toolResult("same", "first"),
        toolResult(odd, "odd"),
        toolResult("same", "second"),
        toolResult("x".repeat(65), "long"),
        { role: "assistant", content: [toolCall("same")] },
        toolResult("same", "third")
      ])
      const uses = messages.flatMap(({ content }) =>
        content.flatMap((block) =>
          "toolUse" in (block as object) ? [(block as { toolUse: { toolUseId: string; name: string } }).toolUse] : []
        )
      )
      const results = new Map(
        messages.flatMap(({ content }) =>
          content.flatMap((block) => {
            const { toolResult } = block as { toolResult?: { toolUseId: string; content: [{ text: string }] } }
            return toolResult === undefined ? [] : [[toolResult.toolUseId, toolResult.content[0].text] as const]
          })
        )
      )
      for (const { toolUseId } of uses) assert.match(toolUseId, /^[\w-]{1,64}$/)
      assert.strictEqual(new Set(uses.map(({ toolUseId }) => toolUseId)).size, 5)
      assert.strictEqual(uses[0]?.name, "weather_now")
      assert.deepStrictEqual(
        uses.map(({ toolUseId }) => results.get(toolUseId)),
        ["odd", "long", "first", "second", "third"]
      )
    })
  )

  it.effect("tells calls and results in words when the request has no tools", () =>
    Effect.gen(function* () {
      const messages = yield* messagesOf(
        [user("?"), { role: "assistant", content: [toolCall("a")] }, toolResult("a", "4 degrees"), user("So?")],
        {}
      )
      assert.deepStrictEqual(messages, [
        { role: "user", content: [{ text: "?" }] },
        { role: "assistant", content: [{ text: '[Called the tool Weather with {"city":"Oslo"}]' }] },
        { role: "user", content: [{ text: "[The tool Weather answered:]" }, { text: "4 degrees" }, { text: "So?" }] }
      ])
    })
  )

  it.effect("takes signed reasoning back to the model that made it, wherever that runs, and to no other", () =>
    Effect.gen(function* () {
      const reasoning = (text: string, bedrock: object | undefined, owner = "bedrock") => ({
        type: "reasoning" as const,
        text,
        options: bedrock === undefined ? {} : { [owner]: bedrock as Record<string, string> }
      })
      const model = "anthropic.claude-x-v1:0"
      const history = [
        user("?"),
        {
          role: "assistant" as const,
          content: [
            reasoning("mine", { model, signature: "s" }),
            reasoning("", { model, redactedContent: "r" }),
            reasoning("unsigned", { model }),
            reasoning("another model's", { model: "anthropic.claude-y", signature: "s" }),
            reasoning("another vendor's", { model, signature: "s" }, "anthropic"),
            reasoning("nobody's", undefined),
            { type: "text" as const, text: "Done." }
          ]
        },
        user("Go on")
      ]
      const own = [
        { reasoningContent: { reasoningText: { text: "mine", signature: "s" } } },
        { reasoningContent: { redactedContent: "r" } },
        { text: "Done." }
      ]
      const arn = `arn:aws:bedrock:us-east-1:1:inference-profile/us.${model}`
      for (const id of [`eu.${model}`, model, `global.${model}`, arn]) {
        assert.deepStrictEqual((yield* messagesOf(history, {}, { model: id }))[1]?.content, own)
      }
      assert.deepStrictEqual((yield* messagesOf(history, {}, { model: "amazon.nova-x-v1:0" }))[1]?.content, [
        { text: "Done." }
      ])
    })
  )

  it.effect("carries images, documents and videos", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | Uint8Array | URL, fileName?: string) => ({
        type: "file" as const,
        mediaType,
        data,
        ...(fileName === undefined ? {} : { fileName })
      })
      const messages = yield* messagesOf([
        {
          role: "user",
          content: [
            file("image/jpg", Uint8Array.of(1, 2, 3)),
            file("image/*", "iVBORw0KGgo="),
            file("image/webp", "data:image/webp;base64,UklGRg=="),
            file("image/gif", new URL("s3://bucket/a.gif")),
            file("application/pdf", "JVBERi0=", "My report_v2.pdf"),
            file("text/x-log", new URL("data:text/x-log;base64,QQ=="), "My report_v2.txt"),
            file("text/markdown; charset=utf-8", "QQ=="),
            file("video/mp4", "AAAA")
          ]
        }
      ])
      const bytes = (base64: string) => ({ source: { bytes: base64 } })
      assert.deepStrictEqual(messages[0]?.content, [
        { image: { format: "jpeg", ...bytes("AQID") } },
        { image: { format: "png", ...bytes("iVBORw0KGgo=") } },
        { image: { format: "webp", ...bytes("UklGRg==") } },
        { image: { format: "gif", source: { s3Location: { uri: "s3://bucket/a.gif" } } } },
        { document: { format: "pdf", name: "My report v2", ...bytes("JVBERi0=") } },
        { document: { format: "txt", name: "My report v2 (2)", ...bytes("QQ==") } },
        { document: { format: "md", name: "document", ...bytes("QQ==") } },
        { video: { format: "mp4", ...bytes("AAAA") } },
        { text: "See the document." }
      ])
      const modelOutput = [{ type: "text" as const, text: "A map:" }, file("image/png", "iVBOR")]
      const shown = yield* messagesOf([
        user("?"),
        { role: "assistant", content: [toolCall("a")] },
        toolResult("a", "x", { modelOutput })
      ])
      assert.deepStrictEqual(shown.at(-1)?.content, [
        {
          toolResult: { toolUseId: "a", content: [{ text: "A map:" }, { image: { format: "png", ...bytes("iVBOR") } }] }
        }
      ])
    })
  )
})
