import { assert, describe, it } from "@effect/vitest"
import type { ModelOptions } from "@spillway/core/ProviderModel"
import { Effect, Schema } from "effect"
import { type Prompt, Tool } from "effect/ai"
import type { CallSettings } from "../src/CallSettings.ts"
import * as OutputSchema from "../src/internal/messages/OutputSchema.ts"
import * as Request from "../src/internal/messages/Request.ts"
import { options, Weather } from "./support/Calls.ts"

const plain: Request.Fixed = {
  model: "m",
  owner: "anthropic",
  unsigned: false,
  prefill: false,
  schemas: true,
  maxTokens: 100,
  sampling: false,
  thinking: undefined,
  cache: undefined,
  serviceTier: undefined
}

type Given = Partial<Omit<ModelOptions, "prompt">> & {
  readonly prompt?: Prompt.RawInput
  readonly settings?: CallSettings
  readonly streamed?: boolean
}

const made = ({ settings = {}, streamed = false, ...given }: Given, fixed: Partial<Request.Fixed> = {}) =>
  Effect.map(options(given), (options) => Request.body({ ...plain, ...fixed }, { options, settings, streamed }))

const body = (given: Given, fixed: Partial<Request.Fixed> = {}) =>
  Effect.map(made(given, fixed), (text): Record<string, unknown> => {
    if (typeof text !== "string") throw new Error(text.verdict.description)
    return JSON.parse(text)
  })

const fault = (given: Given, fixed: Partial<Request.Fixed> = {}) =>
  Effect.map(made(given, fixed), (text) => {
    if (typeof text === "string") throw new Error(text)
    return text.verdict
  })

type JsonFormat = Extract<ModelOptions["responseFormat"], { readonly type: "json" }>

const messages = (prompt: Prompt.RawInput, fixed: Partial<Request.Fixed> = {}) =>
  Effect.map(body({ prompt }, fixed), (sent) => sent["messages"])

const user = (text: string) => ({ role: "user" as const, content: [{ type: "text" as const, text }] })
const assistant = (...content: ReadonlyArray<Prompt.AssistantMessagePartEncoded>) => ({
  role: "assistant" as const,
  content
})
const words = (text: string) => ({ type: "text" as const, text })
const call = (id: string, more: object = {}) => ({
  type: "tool-call" as const,
  id,
  name: "Weather",
  params: { city: "Oslo" },
  ...more
})
const result = (id: string, more: object = {}) => ({
  type: "tool-result" as const,
  id,
  name: "Weather",
  isFailure: false,
  result: { degrees: 4 },
  ...more
})
const tool = (...content: ReadonlyArray<ReturnType<typeof result>>) => ({ role: "tool" as const, content })
const thinking = (text: string, options: object = { model: "m", signature: "sig" }) => ({
  type: "reasoning" as const,
  text,
  options: { anthropic: { ...options } }
})
const toolUse = (id: string) => ({ type: "tool_use", id, name: "Weather", input: { city: "Oslo" } })

const WebSearch = Tool.providerDefined({
  id: "anthropic.web_search_20250305",
  customName: "web_search",
  providerName: "web_search",
  args: Schema.Struct({ max_uses: Schema.Int })
})({ max_uses: 3 })

describe("the body of Messages", () => {
  it.effect("holds a model, a cap and the messages, and nothing that was not asked for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* body({ prompt: "hi" }), {
        model: "m",
        max_tokens: 100,
        messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }]
      })
      assert.deepInclude(yield* body({ streamed: true }), { stream: true })
    })
  )

  it.effect("says the settings in the dialect's words and leaves out what it has no word for", () =>
    Effect.gen(function* () {
      const settings: CallSettings = {
        maxTokens: 50,
        temperature: 1.4,
        topP: 0.9,
        topK: 5,
        presencePenalty: 1,
        frequencyPenalty: 1,
        stop: ["END", "\n"],
        seed: 7,
        reasoningEffort: "minimal",
        userId: "u-1"
      }
      const { messages: _, ...newer } = yield* body({ settings }, { serviceTier: "standard_only" })
      const common = {
        model: "m",
        max_tokens: 50,
        stop_sequences: ["END"],
        metadata: { user_id: "u-1" },
        output_config: { effort: "low" },
        service_tier: "standard_only"
      }
      assert.deepStrictEqual(newer, common)
      const { messages: __, ...older } = yield* body({ settings }, { serviceTier: "standard_only", sampling: true })
      assert.deepStrictEqual(older, { ...common, temperature: 1, top_p: 0.9, top_k: 5 })
      assert.notProperty(yield* body({ settings: { stop: [" "] } }), "stop_sequences")
      for (const effort of ["low", "medium", "high", "xhigh", "max"] as const) {
        const sent = yield* body({ settings: { reasoningEffort: effort } })
        assert.deepStrictEqual(sent["output_config"], { effort })
      }
    })
  )

  it.effect("thinks as it was told to, as far as the cap has room", () =>
    Effect.gen(function* () {
      const enabled = { type: "enabled", budgetTokens: 2000, display: "omitted" } as const
      const sent = (thinking: NonNullable<Request.Fixed["thinking"]>, given: Given = {}) =>
        Effect.map(body(given, { thinking, sampling: true }), (sent) => [sent["thinking"], sent["max_tokens"]])
      const asked = { type: "enabled", budget_tokens: 2000, display: "omitted" }
      assert.deepStrictEqual(yield* sent(enabled), [asked, 2100])
      assert.deepStrictEqual(yield* sent(enabled, { settings: { maxTokens: 1500 } }), [
        { ...asked, budget_tokens: 1499 },
        1500
      ])
      assert.deepStrictEqual(yield* sent(enabled, { settings: { maxTokens: 1024 } }), [undefined, 1024])
      assert.deepStrictEqual(yield* sent(enabled, { settings: { reasoningEffort: "none" } }), [
        { type: "disabled" },
        100
      ])
      assert.deepStrictEqual(yield* sent({ type: "adaptive", display: "summarized" }), [
        { type: "adaptive", display: "summarized" },
        100
      ])
      assert.deepStrictEqual(yield* sent({ type: "between_tools" }), [{ type: "between_tools" }, 100])
      assert.deepStrictEqual(yield* sent({ type: "disabled" }), [{ type: "disabled" }, 100])
      for (const toolChoice of ["required", { tool: "Weather" }] as const) {
        assert.deepStrictEqual(yield* sent({ type: "adaptive" }, { tools: [Weather], toolChoice }), [undefined, 100])
      }
      const settings = { temperature: 0.5 }
      assert.notProperty(yield* body({ settings }, { thinking: enabled, sampling: true }), "temperature")
      const quiet = yield* body({ settings }, { thinking: { type: "disabled" }, sampling: true })
      assert.strictEqual(quiet["temperature"], 0.5)
    })
  )

  it.effect("goes out without a budget of thinking in a loop of tools that began without thinking", () =>
    Effect.gen(function* () {
      const enabled = { type: "enabled", budgetTokens: 2000 } as const
      const thinks = (prompt: Prompt.RawInput, thinking: NonNullable<Request.Fixed["thinking"]> = enabled) =>
        Effect.map(body({ prompt }, { thinking }), (sent) => sent["thinking"] !== undefined)
      const foreign = [user("?"), assistant(call("a")), tool(result("a"))]
      const own = [user("?"), assistant(thinking("Hm."), call("a")), tool(result("a"))]
      assert.isFalse(yield* thinks(foreign))
      assert.isTrue(yield* thinks(foreign, { type: "adaptive" }))
      assert.isTrue(yield* thinks(own))
      assert.isTrue(yield* thinks([...own, assistant(call("b")), tool(result("b"))]))
      assert.isTrue(yield* thinks([...foreign, assistant(words("4 degrees")), user("and now?")]))
    })
  )

  it.effect("sends tools, the tools Anthropic runs, and the choice between them", () =>
    Effect.gen(function* () {
      const None = Tool.make("None", {})
      const sent = yield* body({ tools: [Weather, None, WebSearch], toolChoice: "auto" })
      const [weather, none, search] = sent["tools"] as ReadonlyArray<Record<string, unknown>>
      assert.deepInclude(weather, { name: "Weather", description: "Weather by city" })
      assert.deepInclude(weather?.["input_schema"], { type: "object", required: ["city"] })
      assert.notProperty(weather, "strict")
      assert.deepInclude(none?.["input_schema"], { type: "object" })
      assert.deepStrictEqual(search, { type: "web_search_20250305", name: "web_search", max_uses: 3 })
      assert.notProperty(sent, "tool_choice")
      for (const [toolChoice, wire] of [
        ["none", { type: "none" }],
        ["required", { type: "any" }],
        [{ tool: "Weather" }, { type: "tool", name: "Weather" }],
        [{ mode: "required", oneOf: ["Weather"] }, { type: "any" }],
        [{ oneOf: ["Weather"] }, undefined]
      ] as const) {
        const { tool_choice } = yield* body({ tools: [Weather], toolChoice })
        assert.deepStrictEqual(tool_choice, wire)
      }
      const Strict = Weather.annotate(Tool.Strict, true)
      const [strict] = (yield* body({ tools: [Strict] }))["tools"] as ReadonlyArray<Record<string, unknown>>
      assert.deepInclude(strict, { strict: true })
      assert.deepInclude(strict?.["input_schema"], { additionalProperties: false })
    })
  )

  it.effect("refuses tools it cannot say, for another target to take", () =>
    Effect.gen(function* () {
      const foreign = Tool.providerDefined({ id: "openai.web_search", customName: "a", providerName: "a" })()
      const renamed = Tool.providerDefined({ id: "anthropic.x_1", customName: "MyX", providerName: "x" })()
      const handled = Tool.providerDefined({
        id: "anthropic.bash_20250124",
        customName: "bash",
        providerName: "bash",
        requiresHandler: true
      })({})
      for (const tool of [foreign, renamed, handled]) {
        const verdict = yield* fault({ tools: [tool] })
        assert.deepInclude(verdict, { reason: "InvalidRequest", otherTarget: true, parameter: "tools" })
      }
    })
  )

  it.effect("asks for JSON by schema where the vendor takes it, else in words", () =>
    Effect.gen(function* () {
      const City = Schema.Struct({
        name: Schema.String.check(Schema.isMinLength(2)),
        population: Schema.optionalKey(Schema.Int)
      })
      const format = (schema: JsonFormat["schema"]) => ({
        responseFormat: { type: "json" as const, objectName: "city", schema }
      })
      const native = yield* body({ ...format(City), settings: { reasoningEffort: "low" } })
      assert.deepStrictEqual(native["output_config"], {
        effort: "low",
        format: {
          type: "json_schema",
          schema: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, population: { type: "integer" } },
            additionalProperties: false
          }
        }
      })
      assert.notProperty(native, "system")
      const inWords = yield* body(format(City), { schemas: false })
      assert.notProperty(inWords, "output_config")
      assert.include(JSON.stringify(inWords["system"]), "JSON Schema")
      const Dictionary = Schema.Struct({ all: Schema.Record(Schema.String, Schema.Int) })
      const fallback = yield* body({
        ...format(Dictionary),
        prompt: [{ role: "system", content: "Be brief." }, user("?")]
      })
      assert.notProperty(fallback, "output_config")
      assert.deepInclude(fallback["system"], { type: "text", text: "Be brief." })
      assert.lengthOf(fallback["system"] as ReadonlyArray<unknown>, 2)
    })
  )

  it("narrows a schema to what the vendor takes, and no recursive one", () => {
    const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more })
    assert.deepStrictEqual(
      OutputSchema.narrow(
        object(
          {
            a: { $ref: "#/$defs/A" },
            b: { oneOf: [{ const: 1 }, { type: "null" }] },
            c: { type: "array", items: { enum: ["x"] } }
          },
          { $defs: { A: object({ d: { type: "number", minimum: 3 } }, { required: ["d"] }) } }
        )
      ),
      object(
        {
          a: { $ref: "#/$defs/A" },
          b: { anyOf: [{ const: 1 }, { type: "null" }] },
          c: { type: "array", items: { enum: ["x"] } }
        },
        {
          additionalProperties: false,
          $defs: { A: object({ d: { type: "number" } }, { required: ["d"], additionalProperties: false }) }
        }
      )
    )
    const tree = { $defs: { T: object({ next: { $ref: "#/$defs/T" } }) } }
    for (const schema of [
      object({ t: { $ref: "#/$defs/T" } }, tree),
      object({ t: { $ref: "#/$defs/Unknown" } }, tree),
      object({ t: { $ref: "#" } }),
      object({}, { additionalProperties: { type: "string" } }),
      object({ a: {} }),
      object({ a: { type: "array", prefixItems: [{ type: "string" }] } }),
      object({ a: { anyOf: [] } }),
      object({}, { anyOf: [object({})] }),
      { type: "string" }
    ]) {
      assert.isUndefined(OutputSchema.narrow(schema), JSON.stringify(schema))
    }
  })

  it.effect("marks tools, system text and the last user message for the cache", () =>
    Effect.gen(function* () {
      const prompt = [
        { role: "system" as const, content: "One." },
        { role: "system" as const, content: "Two." },
        user("first"),
        assistant(words("answer")),
        { role: "user" as const, content: [words("a"), words("b")] }
      ]
      const given: Given = { prompt, tools: [Weather, WebSearch] }
      const mark = { cache_control: { type: "ephemeral", ttl: "1h" } }
      const sent = yield* body(given, { cache: "1h" })
      const tools = sent["tools"] as ReadonlyArray<object>
      assert.notProperty(tools[0], "cache_control")
      assert.deepInclude(tools[1], mark)
      assert.deepStrictEqual(sent["system"], [words("One."), { ...words("Two."), ...mark }])
      assert.deepStrictEqual(sent["messages"], [
        user("first"),
        { role: "assistant", content: [words("answer")] },
        { role: "user", content: [words("a"), { ...words("b"), ...mark }] }
      ])
      const short = JSON.stringify(yield* body(given, { cache: "5m" }))
      assert.strictEqual(short.split('"cache_control":{"type":"ephemeral"}').length, 4)
      assert.notInclude(JSON.stringify(yield* body(given)), "cache_control")
    })
  )

  it.effect("refuses what is no JSON", () =>
    Effect.gen(function* () {
      for (const turn of [
        [assistant(call("a", { params: { n: 1n } })), tool(result("a"))],
        [assistant(call("a")), tool(result("a", { result: 1n }))]
      ]) {
        const verdict = yield* fault({ prompt: [user("?"), ...turn] })
        assert.deepInclude(verdict, { reason: "InvalidRequest", otherTarget: false, parameter: "prompt" })
      }
    })
  )
})

describe("a history in Messages", () => {
  it.effect("puts system text on top, merges roles, leaves blank text out, and begins with a user", () =>
    Effect.gen(function* () {
      const sent = yield* body({
        prompt: [
          assistant(words("Hello!")),
          user("a"),
          { role: "system", content: "Be brief." },
          user(" \n"),
          user("b"),
          assistant(words("")),
          user("c"),
          { role: "system", content: "" }
        ]
      })
      assert.deepStrictEqual(sent["system"], [words("Be brief.")])
      assert.deepStrictEqual(sent["messages"], [
        user("(start of the conversation)"),
        { role: "assistant", content: [words("Hello!")] },
        { role: "user", content: [words("a"), words("b"), words("c")] }
      ])
      assert.deepStrictEqual(yield* messages([{ role: "system", content: "s" }]), [user("(start of the conversation)")])
    })
  )

  it.effect("puts all results of a turn right after it, makes up those that miss and drops those without a call", () =>
    Effect.gen(function* () {
      const missing = { type: "tool_result", content: "The call was not executed.", is_error: true }
      const prompt = [
        user("?"),
        assistant(call("a"), call("b"), call("c")),
        tool(result("b", { isFailure: true, result: "no" }), result("zzz")),
        tool(result("a"), result("a")),
        user("go on"),
        tool(result("c"))
      ]
      assert.deepStrictEqual(yield* messages(prompt), [
        user("?"),
        { role: "assistant", content: [toolUse("a"), toolUse("b"), toolUse("c")] },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "b", content: "no", is_error: true },
            { type: "tool_result", tool_use_id: "a", content: '{"degrees":4}' },
            { ...missing, tool_use_id: "c" },
            words("go on")
          ]
        }
      ])
      const ended = (yield* messages([user("?"), assistant(call("a"))])) as ReadonlyArray<unknown>
      assert.deepStrictEqual(ended[2], { role: "user", content: [{ ...missing, tool_use_id: "a" }] })
    })
  )

  it.effect("sends what a tool shows the model, files included", () =>
    Effect.gen(function* () {
      const show = (modelOutput: ReadonlyArray<object>, more: object = {}) =>
        Effect.map(
          messages([user("?"), assistant(call("a")), tool(result("a", { modelOutput, ...more }))]),
          (sent) => (sent as ReadonlyArray<{ content: ReadonlyArray<unknown> }>)[2]?.content[0]
        )
      const image = { type: "file", mediaType: "image/png", data: "AAAA" }
      assert.deepStrictEqual(yield* show([words("seen")]), { type: "tool_result", tool_use_id: "a", content: "seen" })
      assert.deepStrictEqual(yield* show([words("seen"), words(""), image]), {
        type: "tool_result",
        tool_use_id: "a",
        content: [words("seen"), { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }]
      })
      assert.deepStrictEqual(yield* show([words(" ")]), { type: "tool_result", tool_use_id: "a" })
      assert.deepStrictEqual(yield* show([]), { type: "tool_result", tool_use_id: "a" })
    })
  )

  it.effect("renames ids the vendor would refuse, in call and result alike, also where a vendor counts anew", () =>
    Effect.gen(function* () {
      const odd = "call:1/ü"
      const sent = JSON.stringify(
        yield* messages([
          user("?"),
          assistant(call("0"), call(odd, { name: "my tool" })),
          tool(result("0"), result(odd)),
          assistant(call("0")),
          tool(result("0")),
          assistant(call("0")),
          tool(result("0"))
        ])
      )
      const ids = [...sent.matchAll(/"(?:id|tool_use_id)":"([^"]*)"/g)].map((match) => match[1])
      assert.deepStrictEqual(ids, ["0", "call_1__", "0", "call_1__", "0_2", "0_2", "0_3", "0_3"])
      assert.include(sent, '"name":"my_tool"')
    })
  )

  it.effect("returns thinking as it came, to the model that signed it and to no other", () =>
    Effect.gen(function* () {
      const turn = (...reasoning: ReadonlyArray<ReturnType<typeof thinking>>) => [
        user("?"),
        assistant(...reasoning, words("x"), call("a")),
        tool(result("a"))
      ]
      const content = (prompt: Prompt.RawInput, fixed: Partial<Request.Fixed> = {}) =>
        Effect.map(messages(prompt, fixed), (sent) =>
          (sent as ReadonlyArray<{ content: ReadonlyArray<unknown> }>)[1]?.content.slice(0, -2)
        )
      assert.deepStrictEqual(
        yield* content(turn(thinking(" Hm. "), thinking(""), thinking("", { model: "m", redactedData: "R" }))),
        [
          { type: "thinking", thinking: " Hm. ", signature: "sig" },
          { type: "thinking", thinking: "", signature: "sig" },
          { type: "redacted_thinking", data: "R" }
        ]
      )
      const foreign = { type: "reasoning" as const, text: "Hm.", options: { openai: { model: "m", signature: "s" } } }
      for (const reasoning of [
        thinking("Hm.", { model: "other", signature: "sig" }),
        thinking("Hm.", { model: "m" }),
        thinking("Hm.", {}),
        foreign as unknown as ReturnType<typeof thinking>
      ]) {
        assert.deepStrictEqual(yield* content(turn(reasoning)), [])
      }
      assert.deepStrictEqual(yield* content(turn(thinking("Hm.", { model: "m" })), { unsigned: true }), [
        { type: "thinking", thinking: "Hm.", signature: "" }
      ])
      // Nothing stands behind it: the vendor refuses such a turn.
      assert.deepStrictEqual(yield* messages([user("a"), assistant(thinking("Hm.")), user("b")]), [
        { role: "user", content: [words("a"), words("b")] }
      ])
    })
  )

  it.effect("returns what the vendor's tools did, and the caller of a call, to the same model", () =>
    Effect.gen(function* () {
      const block = { type: "web_search_tool_result", tool_use_id: "s", content: [{ encrypted_content: "E" }] }
      const search = (model: string) => ({
        ...call("s", { name: "web_search", params: { query: "q" } }),
        providerExecuted: true,
        options: { anthropic: { model } }
      })
      const found = (model: string) => ({
        ...result("s", { name: "web_search", result: null }),
        providerExecuted: true,
        options: { anthropic: { model, block } }
      })
      const serverCall = { type: "server_tool_use", id: "s", name: "web_search", input: { query: "q" } }
      const own = [user("?"), assistant(search("m"), found("m"), words("x")), user("more")]
      const asOwn = [user("?"), { role: "assistant", content: [serverCall, block, words("x")] }, user("more")]
      assert.deepStrictEqual(yield* messages(own), asOwn)
      // A paused turn and what went on stand in two messages of a history.
      assert.deepStrictEqual(
        yield* messages([user("?"), assistant(search("m")), assistant(found("m"), words("x")), user("more")]),
        asOwn
      )
      assert.deepStrictEqual(yield* messages([user("?"), assistant(search("m"))]), [
        user("?"),
        { role: "assistant", content: [serverCall] }
      ])
      for (const turn of [
        [search("n"), found("n")],
        [search("m"), found("n")],
        [search("n"), found("m")]
      ]) {
        assert.deepStrictEqual(yield* messages([user("?"), assistant(...turn, words("x")), user("more")]), [
          user("?"),
          { role: "assistant", content: [words("x")] },
          user("more")
        ])
      }
      const caller = { type: "code_execution_20250825", tool_id: "s" }
      const called = yield* messages([
        user("?"),
        assistant({ ...call("a"), options: { anthropic: { model: "m", caller } } }),
        tool(result("a"))
      ])
      assert.deepInclude(called, { role: "assistant", content: [{ ...toolUse("a"), caller }] })
    })
  )

  it.effect("goes on with an answer that was begun where the model can, else another target may", () =>
    Effect.gen(function* () {
      const begun = [user("?"), assistant(thinking("Hm."), words("One, "), words("two \n"))]
      assert.deepInclude(yield* fault({ prompt: begun }), { otherTarget: true, parameter: "prompt" })
      assert.deepStrictEqual(yield* messages(begun, { prefill: true }), [
        user("?"),
        { role: "assistant", content: [words("One, "), words("two")] }
      ])
      const thoughtful = yield* body({ prompt: begun }, { prefill: true, thinking: { type: "adaptive" } })
      assert.notProperty(thoughtful, "thinking")
      for (const nothing of [assistant(words(" ")), assistant(thinking("Hm."))]) {
        assert.deepStrictEqual(yield* messages([user("?"), nothing]), [user("?")])
      }
    })
  )

  it.effect("sends images, PDF and text, as data or by address, and refuses the rest", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | Uint8Array | URL, fileName?: string) => [
        {
          role: "user" as const,
          content: [{ type: "file" as const, mediaType, data, ...(fileName === undefined ? {} : { fileName }) }]
        }
      ]
      for (const [prompt, block] of [
        [
          file("image/jpg", new Uint8Array([0, 1])),
          { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAE=" } }
        ],
        [
          file("image/*", "data:image/png;base64,iVBORw0KGgoA"),
          { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgoA" } }
        ],
        [
          file("image/*", "AAE="),
          { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAE=" } }
        ],
        [
          file("image/png", new URL("https://example.com/a.png"), "a.png"),
          { type: "image", source: { type: "url", url: "https://example.com/a.png" } }
        ],
        [
          file("application/pdf", "AAE=", "a.pdf"),
          { type: "document", source: { type: "base64", media_type: "application/pdf", data: "AAE=" }, title: "a.pdf" }
        ],
        [
          file("application/pdf", "https://example.com/a.pdf"),
          { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } }
        ],
        [
          file("text/csv", new TextEncoder().encode("a,ü")),
          { type: "document", source: { type: "text", media_type: "text/plain", data: "a,ü" } }
        ],
        [
          file("text/plain", "aGk="),
          { type: "document", source: { type: "text", media_type: "text/plain", data: "hi" } }
        ],
        [
          file("text/plain", "no base64!"),
          { type: "document", source: { type: "text", media_type: "text/plain", data: "no base64!" } }
        ]
      ] as const) {
        assert.deepStrictEqual(yield* messages(prompt), [{ role: "user", content: [block] }])
      }
      for (const prompt of [
        file("audio/wav", "AAE="),
        file("video/mp4", "AAE="),
        file("application/zip", "AAE="),
        file("image/png", new URL("gs://bucket/a.png"))
      ]) {
        assert.deepInclude(yield* fault({ prompt }), { otherTarget: true, parameter: "prompt" })
      }
    })
  )
})
