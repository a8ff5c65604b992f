/** What each vendor's answers are like: recorded-style streams through the one decoder, and what goes back in the next turn. */
import { assert, describe, it } from "@effect/vitest"
import type { StreamPart } from "@spillway/core/ProviderModel"
import { Effect, Stream } from "effect"
import { LanguageModel, Prompt, Toolkit } from "effect/ai"
import { FetchHttpClient } from "effect/http"
import * as DashScope from "../src/DashScope.ts"
import { ChatStream } from "../src/internal/chat/ChatStream.ts"
import * as EventDecoder from "../src/internal/engine/EventDecoder.ts"
import * as Mistral from "../src/Mistral.ts"
import * as Moonshot from "../src/Moonshot.ts"
import * as OpenAiCompatible from "../src/OpenAiCompatible.ts"
import * as OpenRouter from "../src/OpenRouter.ts"
import * as Profile from "../src/Profile.ts"
import * as VLlm from "../src/VLlm.ts"
import * as XAi from "../src/XAi.ts"
import { generate, key, Weather } from "./support/Calls.ts"
import { decodesAtEverySplit, survivesDamage } from "./support/DecoderLaws.ts"
import { counter, decodeWith, finishOf, textOf } from "./support/Decoding.ts"
import { bytes, chunk, event, stream, text } from "./support/Fixtures.ts"
import { reply, replySse, type Server, serve } from "./support/Server.ts"

const decoderOf =
  (profile: Profile.Profile = Profile.generic) =>
  () =>
    EventDecoder.make(
      new ChatStream({
        provider: profile.provider,
        model: "m",
        reasoningTokens: profile.reasoningTokens,
        thinkTags: profile.thinkTags,
        makeId: counter()
      })
    )

const decode = (given: string | Uint8Array, profile?: Profile.Profile) => decodeWith(decoderOf(profile), [given])
const ofType = <T extends StreamPart["type"]>(parts: ReadonlyArray<StreamPart>, type: T) =>
  parts.filter((part): part is Extract<StreamPart, { readonly type: T }> => part.type === type)
const reasoningOf = (parts: ReadonlyArray<StreamPart>) =>
  ofType(parts, "reasoning-delta")
    .map(({ delta }) => delta)
    .join("")
const callsOf = (parts: ReadonlyArray<StreamPart>) =>
  ofType(parts, "tool-call").map(({ id, name, params }) => [id, name, params])

const tagged = { ...Profile.generic, thinkTags: true }
const fixtures: ReadonlyArray<readonly [string, Profile.Profile]> = [
  ["chat-openrouter.sse", OpenRouter.profile],
  ["chat-groq.sse", Profile.generic],
  ["chat-mistral.sse", Mistral.profile],
  ["chat-dashscope.sse", DashScope.profile],
  ["chat-gemini.sse", Profile.generic],
  ["chat-local-think.sse", tagged]
]

describe("answers of compatible servers", () => {
  for (const [name, profile] of fixtures) {
    decodesAtEverySplit(name, decoderOf(profile), bytes(name))
    survivesDamage(name, decoderOf(profile), bytes(name))
  }

  it("OpenRouter: reasoning blocks whole and in order, cost, upstream, the native finish word", () => {
    const { fault, parts } = decode(bytes("chat-openrouter.sse"), OpenRouter.profile)
    assert.isUndefined(fault)
    assert.strictEqual(reasoningOf(parts), "Let me look.")
    assert.strictEqual(textOf(parts), "I'll check.")
    assert.deepStrictEqual(
      ofType(parts, "reasoning-end").map(({ metadata }) => metadata),
      [
        {
          openrouter: {
            reasoning_details: [
              {
                type: "reasoning.text",
                text: "Let me look.",
                signature: "c2ln",
                format: "anthropic-claude-v1",
                index: 0
              }
            ]
          }
        },
        {
          openrouter: {
            reasoning_details: [
              { type: "reasoning.encrypted", data: "ZW5j", id: "toolu_1", format: "google-gemini-v1", index: 0 }
            ]
          }
        }
      ]
    )
    assert.deepStrictEqual(callsOf(parts), [["toolu_1", "Weather", { city: "Oslo" }]])
    const finish = finishOf(parts)
    assert.strictEqual(finish.reason, "tool-calls")
    assert.deepStrictEqual(finish.metadata, {
      openrouter: {
        finishReason: "tool_calls",
        upstreamProvider: "Anthropic",
        nativeFinishReason: "tool_use",
        cost: 0.0012
      }
    })
    assert.deepStrictEqual(finish.usage.outputTokens, { total: 20, text: 14, reasoning: 6 })
  })

  it("OpenRouter: an error in the middle, by its numeric code", () => {
    const { fault, parts } = decode(
      stream(chunk({ content: "Hi" }), {
        id: "gen-1",
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
        error: { code: 429, message: "upstream", metadata: { provider_name: "x" } }
      })
    )
    assert.strictEqual(textOf(parts), "Hi")
    assert.deepInclude(fault?.verdict, { reason: "RateLimit", sameTarget: true, otherTarget: true })
  })

  it("Groq: reasoning in its own field, usage twice and once only in the answer", () => {
    const { parts } = decode(bytes("chat-groq.sse"))
    assert.strictEqual(reasoningOf(parts), "Short.")
    assert.strictEqual(textOf(parts), "Yes ✓")
    const { metadata, usage } = finishOf(parts)
    assert.deepStrictEqual(usage.outputTokens, { total: 12, text: 8, reasoning: 4 })
    assert.deepInclude(metadata?.["openai-compatible"], { serviceTier: "on_demand", systemFingerprint: "fp_g" })
  })

  it("Mistral: content as a list, deltas of calls without index, with blank names, its own place for cached tokens", () => {
    const { parts } = decode(bytes("chat-mistral.sse"), Mistral.profile)
    assert.strictEqual(reasoningOf(parts), "Où? Oslo.")
    assert.strictEqual(textOf(parts), "Looking.")
    assert.deepStrictEqual(callsOf(parts), [["D681PevKs", "Weather", { city: "Oslo" }]])
    assert.strictEqual(finishOf(parts).usage.inputTokens.cacheRead, 16)
    const cut = finishOf(decode(stream(chunk({ content: "x" }, "model_length")), Mistral.profile).parts)
    assert.strictEqual(cut.reason, "length")
  })

  it("DashScope: continuations with an empty id, cache writes inside the prompt", () => {
    const { parts } = decode(bytes("chat-dashscope.sse"), DashScope.profile)
    assert.strictEqual(reasoningOf(parts), "好的,")
    assert.deepStrictEqual(callsOf(parts), [["call_d1", "Weather", { city: "奥斯陆" }]])
    assert.deepStrictEqual(finishOf(parts).usage.inputTokens, {
      total: 200,
      uncached: 50,
      cacheRead: 100,
      cacheWrite: 50
    })
  })

  it("Gemini's compatible endpoint: calls without index, and a signature that travels back", () => {
    const { parts } = decode(bytes("chat-gemini.sse"))
    assert.deepStrictEqual(callsOf(parts), [
      ["function-call-1", "Weather", { city: "Oslo" }],
      ["function-call-2", "Weather", { city: "Bergen" }]
    ])
    assert.deepStrictEqual(ofType(parts, "tool-call")[0]?.metadata, {
      "openai-compatible": { extra: { google: { thought_signature: "c2lnMQ==" } } }
    })
    const finish = finishOf(parts)
    assert.strictEqual(finish.reason, "tool-calls")
    assert.deepStrictEqual(finish.usage.outputTokens, { total: 22, text: 10, reasoning: 12 })
  })

  it("xAI: reasoning beside the completion, and never less than no uncached tokens", () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 12 },
      completion_tokens_details: { reasoning_tokens: 7 }
    }
    const finish = finishOf(decode(stream(chunk({ content: "x" }, "stop", { usage })), XAi.profile).parts)
    assert.deepStrictEqual(finish.usage.outputTokens, { total: 12, text: 5, reasoning: 7 })
    assert.strictEqual(finish.usage.inputTokens.uncached, 0)
  })

  it("vLLM: the last text and the finish word together, a dropped request is a failure though [DONE] follows", () => {
    const last = { id: "v", choices: [{ index: 0, delta: { content: "d" }, finish_reason: "stop", stop_reason: 7 }] }
    const { parts } = decode(stream(chunk({ content: "en" }), last, "[DONE]"), VLlm.profile)
    assert.strictEqual(textOf(parts), "end")
    const aborted = decode(stream(chunk({ content: "en" }), chunk({}, "abort"), "[DONE]"), VLlm.profile)
    assert.deepInclude(aborted.fault?.verdict, { reason: "InternalProvider", health: "fault", sameTarget: true })
  })

  it("vLLM: usage on every chunk, the last one counts", () => {
    const usage = (n: number) => ({ usage: { prompt_tokens: 3, completion_tokens: n, total_tokens: 3 + n } })
    const { parts } = decode(
      stream(
        chunk({ content: "a" }, null, usage(1)),
        chunk({ content: "b" }, "stop", usage(2)),
        { choices: [], ...usage(2) },
        "[DONE]"
      ),
      VLlm.profile
    )
    assert.strictEqual(finishOf(parts).usage.outputTokens.total, 2)
  })

  it("SGLang: a full queue inside a 200, two finish chunks, blank finish words on the way", () => {
    const full = { error: { object: "error", message: "The request queue is full.", type: "abort", code: 503 } }
    const { fault } = decode(stream(full, "[DONE]"))
    assert.deepInclude(fault?.verdict, { errorType: "Overloaded", sameTarget: true, otherTarget: true })
    const { parts } = decode(
      stream(chunk({ content: "Hi" }, ""), chunk({}, "stop", { matched_stop: 1 }), chunk({ content: "" }, "stop"))
    )
    assert.strictEqual(finishOf(parts).reason, "stop")
  })

  it("llama.cpp: an error field in the stream, an error as JSON with status 200", () => {
    const context = `{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}`
    assert.strictEqual(decode(`error: ${context}\n\n`).fault?.verdict.errorType, "ContextLength")
    assert.strictEqual(decode(context).fault?.verdict.errorType, "ContextLength")
  })

  it("Moonshot: usage inside of the choice, cached tokens at its top", () => {
    const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11, cached_tokens: 5 }
    const { parts } = decode(
      stream({ id: "k", choices: [{ index: 0, delta: { content: "x" }, finish_reason: "stop", usage }] }),
      Moonshot.profile
    )
    assert.deepInclude(finishOf(parts).usage.inputTokens, { total: 9, cacheRead: 5, uncached: 4 })
  })

  it("Azure: content-filter annotations after the finish chunk change nothing", () => {
    const late = { choices: [{ index: 0, finish_reason: null, content_filter_results: { hate: {} } }], id: "" }
    const { parts, fault } = decode(stream(chunk({ content: "x" }, "stop"), late, "[DONE]"))
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "x")
    assert.strictEqual(finishOf(parts).reason, "stop")
  })

  it("OpenAI: obfuscation is not read, sources are told once each", () => {
    const cited = { annotations: [{ type: "url_citation", url_citation: { url: "https://a.example", title: "A" } }] }
    const { parts } = decode(
      stream(chunk({ content: "x" }, null, { obfuscation: "zzzz" }), chunk(cited), chunk(cited), chunk({}, "stop"))
    )
    assert.deepStrictEqual(ofType(parts, "source"), [
      { type: "source", sourceType: "url", id: "source_made_0", url: "https://a.example", title: "A" }
    ])
    assert.notInclude(JSON.stringify(parts), "zzzz")
  })

  it("local servers without a parser: tags at the start are reasoning where that is asked for", () => {
    const { parts } = decode(bytes("chat-local-think.sse"), tagged)
    assert.strictEqual(reasoningOf(parts), "\nA <b> is no tag 🎈")
    assert.strictEqual(textOf(parts), "Use </think> so.")
    const untouched = decode(bytes("chat-local-think.sse"))
    assert.strictEqual(textOf(untouched.parts), "\n<think>\nA <b> is no tag 🎈</think>\n\nUse </think> so.")
    assert.deepStrictEqual(ofType(untouched.parts, "reasoning-start"), [])
  })
})

/** Of the last request. */
const messagesOf = ({ received }: Server) =>
  (received.at(-1)?.body["messages"] ?? []) as ReadonlyArray<Readonly<Record<string, unknown>>>

describe("reasoning over two turns", () => {
  const ask = (made: ReturnType<typeof OpenRouter.make>, prompt: Prompt.RawInput) =>
    Effect.flatMap(made, (model) => generate(model, { prompt }))

  it.effect("OpenRouter gets its blocks back as they came, from a stream as from a whole answer", () =>
    Effect.gen(function* () {
      const whole = {
        id: "gen-2",
        choices: [
          {
            index: 0,
            finish_reason: "stop",
            message: {
              content: "Hi",
              reasoning: "Sum. Raw.",
              reasoning_details: [
                { type: "reasoning.summary", summary: "Sum.", id: "rs_1", format: "openai-responses-v1", index: 0 },
                { type: "reasoning.text", text: " Raw.", signature: null, index: 1 },
                { type: "reasoning.encrypted", data: "ZW5j", id: "rs_1", index: 2 }
              ]
            }
          }
        ]
      }
      const streamed = yield* serve(replySse(bytes("chat-openrouter.sse")))
      const answered = yield* serve(reply(200, whole))
      const at = (baseUrl: string, model = "m") => OpenRouter.make({ model, apiKey: key, baseUrl })
      const layerAt = (baseUrl: string) => Effect.provide(OpenRouter.layer({ model: "m", apiKey: key, baseUrl }))
      const call = { prompt: "hi", toolkit: Toolkit.make(Weather), disableToolCallResolution: true } as const
      const said = Stream.runCollect(LanguageModel.streamText(call)).pipe(layerAt(streamed.url))
      const told = Effect.map(LanguageModel.generateText(call), ({ content }) => content).pipe(layerAt(answered.url))
      const histories = [
        Prompt.concat(Prompt.make("hi"), Prompt.fromResponseParts(yield* said)),
        Prompt.concat(Prompt.make("hi"), Prompt.fromResponseParts(yield* told))
      ]
      const second = (history: Prompt.Prompt | undefined, model?: string) =>
        Effect.map(
          ask(at(answered.url, model), Prompt.concat(history ?? Prompt.empty, Prompt.make("and?"))),
          () => messagesOf(answered)[1] ?? {}
        )
      const fromStream = yield* second(histories[0])
      const fromWhole = yield* second(histories[1])
      assert.deepStrictEqual(fromStream["reasoning_details"], [
        { type: "reasoning.text", text: "Let me look.", signature: "c2ln", format: "anthropic-claude-v1", index: 0 },
        { type: "reasoning.encrypted", data: "ZW5j", id: "toolu_1", format: "google-gemini-v1", index: 0 }
      ])
      assert.deepStrictEqual(fromWhole["reasoning_details"], whole.choices[0]?.message.reasoning_details)
      // Another model must not see what this one signed; the words alone are no harm.
      const other = yield* second(histories[0], "other")
      assert.notProperty(other, "reasoning_details")
      assert.strictEqual(other["reasoning"], "Let me look.")
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.orDie)
  )

  it.effect("others get it in their own field, and only their own", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, text("openai-completion.json")))
      const turn = (owner: string) =>
        Prompt.make([
          { role: "user", content: "a" },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "Hm.", options: { [owner]: { model: "m" } } },
              { type: "text", text: "b" }
            ]
          },
          { role: "user", content: "c" }
        ])
      const sent = (made: ReturnType<typeof OpenRouter.make>, owner: string) =>
        Effect.map(ask(made, turn(owner)), () => messagesOf(server)[1])
      const at = { model: "m", apiKey: key, baseUrl: server.url }
      const plain = { role: "assistant", content: "b" }
      assert.deepStrictEqual(yield* sent(VLlm.make(at), "vllm"), { ...plain, reasoning: "Hm." })
      assert.deepStrictEqual(yield* sent(VLlm.make(at), "deepseek"), plain)
      assert.deepStrictEqual(yield* sent(Moonshot.make(at), "moonshot_ai"), { ...plain, reasoning_content: "Hm." })
      assert.deepStrictEqual(yield* sent(Moonshot.make(at), "vllm"), { ...plain, reasoning_content: "" })
      assert.deepStrictEqual(yield* sent(Mistral.make(at), "mistral_ai"), plain)
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.orDie)
  )
})

describe("histories of other vendors", () => {
  const called = (ids: ReadonlyArray<string>) =>
    Prompt.make([
      {
        role: "user",
        content: [
          { type: "text", text: "" },
          { type: "text", text: "go" }
        ]
      },
      {
        role: "assistant",
        content: ids.map((id) => ({ type: "tool-call" as const, id, name: "F", params: {}, providerExecuted: false }))
      },
      {
        role: "tool",
        content: ids.map((id) => ({ type: "tool-result" as const, id, name: "F", isFailure: false, result: id }))
      }
    ])

  /** The ids that go out for these, after a look at the results, which have to bear the same. */
  const idsSent = (made: ReturnType<typeof Mistral.make>, server: Server, ids: ReadonlyArray<string>) =>
    Effect.map(
      Effect.flatMap(made, (model) => generate(model, { prompt: called(ids) })),
      () => {
        const [user, assistant, ...results] = messagesOf(server)
        assert.deepStrictEqual(user, { role: "user", content: "go" })
        const calls = ((assistant?.["tool_calls"] ?? []) as ReadonlyArray<{ readonly id: string }>).map(({ id }) => id)
        assert.deepStrictEqual(
          results.map((result) => [result["tool_call_id"], result["content"]]),
          calls.map((id, i) => [id, ids[i]])
        )
        return calls
      }
    )

  it.effect("have ids of calls in the vendor's form, call and result alike, the same every time", () =>
    Effect.gen(function* () {
      const server = yield* serve(reply(200, text("openai-completion.json")))
      const at = { model: "m", apiKey: key, baseUrl: server.url }
      const many = Array.from({ length: 300 }, (_, i) => `toolu_01A09q90qw90lq917835lq${i}`)
      const ids = ["D681PevKs", "call_abc", "call_abd", "", ...many]
      const nine = yield* idsSent(Mistral.make(at), server, ids)
      assert.strictEqual(new Set(nine).size, ids.length)
      for (const id of nine) assert.match(id, /^[A-Za-z0-9]{9}$/)
      assert.strictEqual(nine[0], "D681PevKs")
      assert.deepStrictEqual(yield* idsSent(Mistral.make(at), server, ids), nine)
      assert.deepStrictEqual(yield* idsSent(Mistral.make(at), server, ids.slice(1, 3)), nine.slice(1, 3))
      const long = "x".repeat(64)
      const short = yield* idsSent(OpenAiCompatible.make({ ...at, profile: { toolIds: "up-to-40" } }), server, [
        "call_1",
        long
      ])
      assert.strictEqual(short[0], "call_1")
      assert.match(short[1] ?? "", /^\w{24}$/)
      assert.deepStrictEqual(yield* idsSent(VLlm.make(at), server, [long]), [long])
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.orDie)
  )
})

describe("models that only stream", () => {
  it.effect("answer whole calls all the same", () =>
    Effect.gen(function* () {
      const server = yield* serve(replySse(`${stream(chunk({ content: "Hi" }), chunk({}, "stop"))}${event("[DONE]")}`))
      const model = yield* DashScope.make({
        model: "m",
        apiKey: key,
        baseUrl: server.url,
        profile: { streamOnly: true }
      })
      const parts = yield* generate(model)
      assert.deepStrictEqual(
        parts.map((part) => (part.type === "text" ? part.text : part.type)),
        ["response-metadata", "Hi", "finish"]
      )
      assert.deepInclude(server.received[0]?.body, { stream: true, stream_options: { include_usage: true } })
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.orDie)
  )
})
