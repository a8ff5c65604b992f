import type { FinishReason } from "effect/ai/Response"
import { assert, describe, it } from "vitest"
import { ConverseStream } from "../src/internal/converse/ConverseStream.ts"
import { rules } from "../src/internal/converse/ErrorRows.ts"
import * as FrameDecoder from "../src/internal/frames/FrameDecoder.ts"
import { assertBlocksMatch, decodesAtEverySplit, survivesDamage } from "./support/DecoderLaws.ts"
import { counter, decodeWith, finishOf, joined, textOf } from "./support/Decoding.ts"
import { error, event, exception, fixture, frame, join } from "./support/EventStream.ts"
import { bytes } from "./support/Fixtures.ts"

const decoder = () =>
  FrameDecoder.make(
    new ConverseStream({ owner: "bedrock", model: "eu.anthropic.claude-x-v1:0", makeId: counter() }),
    rules
  )

const decode = (...pieces: ReadonlyArray<Uint8Array | string>) => decodeWith(decoder, pieces)

const delta = (delta: object, contentBlockIndex = 0) => event("contentBlockDelta", { contentBlockIndex, delta })
const stop = (contentBlockIndex = 0) => event("contentBlockStop", { contentBlockIndex })
const end = (stopReason = "end_turn") => event("messageStop", { stopReason })
const usage = event("metadata", { usage: { inputTokens: 1, outputTokens: 2 } })
const tool = (input: string, index = 0, toolUse: object = { toolUseId: "t1", name: "Weather" }) =>
  join(
    event("contentBlockStart", { contentBlockIndex: index, start: { toolUse } }),
    delta({ toolUse: { input } }, index)
  )

const whole = (content: ReadonlyArray<object>, more: object = {}) =>
  JSON.stringify({ output: { message: { role: "assistant", content } }, stopReason: "end_turn", ...more })

const callsOf = (parts: ReturnType<typeof decode>["parts"]) =>
  parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name, part.params]] : []))

describe("an answer of Converse", () => {
  for (const name of ["converse-text.jsonl", "converse-tools.jsonl"]) {
    decodesAtEverySplit(name, decoder, fixture(name))
    survivesDamage(name, decoder, fixture(name))
  }
  decodesAtEverySplit("converse-answer.json", decoder, bytes("converse-answer.json"))
  survivesDamage("converse-answer.json", decoder, bytes("converse-answer.json"))

  it("streams text, with usage in Effect's form", () => {
    const { fault, parts } = decode(fixture("converse-text.jsonl"))
    assert.isUndefined(fault)
    assert.deepStrictEqual(joined(parts), [
      { type: "text-start", id: "text-0" },
      { type: "text-delta", id: "text-0", delta: "Größe: 答案是 42 🎉" },
      { type: "text-end", id: "text-0" },
      {
        type: "finish",
        reason: "stop",
        usage: {
          inputTokens: { total: 130, uncached: 10, cacheRead: 100, cacheWrite: 20 },
          outputTokens: { total: 7, text: 7, reasoning: undefined }
        },
        metadata: { bedrock: { finishReason: "end_turn", latencyMs: 812, serviceTier: "default" } }
      }
    ])
  })

  it("streams reasoning with its signatures, and tool calls when they are complete", () => {
    const mark = { model: "anthropic.claude-x-v1:0" }
    const { parts } = decode(fixture("converse-tools.jsonl"))
    assertBlocksMatch(parts)
    assert.deepStrictEqual(joined(parts).slice(0, -1), [
      { type: "reasoning-start", id: "reasoning-0", metadata: { bedrock: mark } },
      { type: "reasoning-delta", id: "reasoning-0", delta: "Two cities, two calls." },
      { type: "reasoning-end", id: "reasoning-0", metadata: { bedrock: { signature: "c2lnbmVk" } } },
      { type: "reasoning-start", id: "reasoning-1", metadata: { bedrock: mark } },
      { type: "reasoning-end", id: "reasoning-1", metadata: { bedrock: { redactedContent: "aGlkZGVu" } } },
      { type: "text-start", id: "text-2" },
      { type: "text-delta", id: "text-2", delta: "Let me look." },
      { type: "text-end", id: "text-2" },
      { type: "tool-params-start", id: "tooluse_a", name: "Weather" },
      { type: "tool-params-delta", id: "tooluse_a", delta: '{"city": "Zürich"}' },
      { type: "tool-params-end", id: "tooluse_a" },
      { type: "tool-params-start", id: "tooluse_b", name: "Weather" },
      { type: "tool-params-delta", id: "tooluse_b", delta: '{"city":"Bergen"}' },
      { type: "tool-params-end", id: "tooluse_b" },
      { type: "tool-call", id: "tooluse_a", name: "Weather", params: { city: "Zürich" } },
      { type: "tool-call", id: "tooluse_b", name: "Weather", params: { city: "Bergen" } }
    ])
    const finish = finishOf(parts)
    assert.strictEqual(finish.reason, "tool-calls")
    assert.strictEqual(finish.usage.inputTokens.total, 50)
  })

  it("comes whole, also where a stream was asked for, after blanks and a byte order mark", () => {
    const { parts } = decode("\uFEFF \r\n", bytes("converse-answer.json"))
    assertBlocksMatch(parts)
    assert.strictEqual(textOf(parts), "Let me look.")
    assert.deepStrictEqual(callsOf(parts), [["tooluse_a", "Weather", { city: "Oslo" }]])
    assert.strictEqual(finishOf(parts).reason, "tool-calls")
    const signed = parts.find((part) => part.type === "reasoning-end")
    assert.deepStrictEqual(signed?.metadata, { bedrock: { signature: "c2lnbmVk" } })
  })

  it("ends with Effect's reason for every word, and keeps the word", () => {
    const words: ReadonlyArray<readonly [string, FinishReason]> = [
      ["end_turn", "stop"],
      ["stop_sequence", "stop"],
      ["tool_use", "tool-calls"],
      ["max_tokens", "length"],
      ["model_context_window_exceeded", "length"],
      ["guardrail_intervened", "content-filter"],
      ["content_filtered", "content-filter"],
      ["malformed_model_output", "error"],
      ["malformed_tool_use", "error"],
      ["of_tomorrow", "other"],
      ["toString", "other"]
    ]
    for (const [word, reason] of words) {
      for (const { parts } of [decode(end(word), usage), decode(whole([{ text: "x" }], { stopReason: word }))]) {
        assert.strictEqual(finishOf(parts).reason, reason, word)
        assert.deepStrictEqual(finishOf(parts).metadata, { bedrock: { finishReason: word } })
      }
    }
    assert.strictEqual(finishOf(decode(event("messageStop", {}), usage).parts).reason, "unknown")
    assert.strictEqual(finishOf(decode(tool("{}"), stop(), end("end_turn"), usage).parts).reason, "tool-calls")
  })

  it("waits for the usage after its end, and does without", () => {
    const machine = decoder()
    machine.feed(delta({ text: "x" }))
    assert.deepStrictEqual(
      machine.feed(end()).map(({ type }) => type),
      ["text-end"]
    )
    assert.deepStrictEqual(
      machine.feed(usage).map(({ type }) => type),
      ["finish"]
    )
    const without = finishOf(decode(delta({ text: "x" }), end()).parts)
    assert.strictEqual(without.reason, "stop")
    assert.isUndefined(without.usage.inputTokens.total)
    const before = decoder()
    before.feed(usage)
    assert.deepStrictEqual(
      before.feed(end()).map(({ type }) => type),
      ["finish"]
    )
  })

  it("counts what is said, whole, and knows nothing of the rest", () => {
    const counts = (usage: object) => finishOf(decode(end(), event("metadata", { usage })).parts).usage
    const none = {
      inputTokens: { total: undefined, uncached: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: undefined, text: undefined, reasoning: undefined }
    }
    assert.deepStrictEqual(counts({}), none)
    assert.deepStrictEqual(counts({ inputTokens: "7", outputTokens: -1, cacheReadInputTokens: null }), none)
    assert.deepStrictEqual(counts({ inputTokens: 7.9, outputTokens: 0 }), {
      inputTokens: { total: 7, uncached: 7, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 0, text: 0, reasoning: undefined }
    })
    assert.deepStrictEqual(counts({ cacheReadInputTokens: 5 }).inputTokens, {
      ...none.inputTokens,
      cacheRead: 5
    })
  })

  it("is cut when the bytes end before the end was said", () => {
    const text = delta({ text: "Hel" })
    for (const broken of [false, true]) {
      for (const pieces of [[text], [text, stop()], [text, end().slice(0, 20)], [text, usage]]) {
        const { fault, parts } = decodeWith(decoder, pieces, broken)
        assert.strictEqual(fault?.verdict.errorType, "Truncated")
        assertBlocksMatch(parts)
      }
      assert.strictEqual(decodeWith(decoder, [], broken).fault?.verdict.description, "The answer had no body")
      assert.strictEqual(decodeWith(decoder, ['{"output":{'], broken).fault?.verdict.errorType, "Truncated")
    }
    const ended = decodeWith(decoder, [text, end(), usage.slice(0, 9)], true)
    assert.isUndefined(ended.fault)
    assert.strictEqual(finishOf(ended.parts).reason, "stop")
  })

  it("is undecodable where it is none", () => {
    const none = [
      "<html>502</html>",
      'data: {"x":1}\n\n',
      '{"output":{}}',
      '{"output":',
      "[]",
      '{"a" 1}',
      join(delta({ text: "x" }), frame([[":message-type", { type: "string", value: "event" }]], "no JSON")),
      join(event("contentBlockDelta", [1])),
      join(delta({ toolUse: { input: "{}" } }, 3))
    ]
    for (const body of none) {
      const { fault, parts } = decode(body)
      assert.include(["Protocol", "Truncated"], fault?.verdict.errorType, String(body))
      assertBlocksMatch(parts)
    }
    const damaged = join(delta({ text: "Hello" }), end(), usage)
    damaged[40] = (damaged[40] ?? 0) ^ 1
    const { fault, parts } = decode(damaged)
    assert.deepInclude(fault?.verdict, { reason: "InvalidResponse", errorType: "Protocol", otherTarget: true })
    assert.deepStrictEqual(parts, [])
  })

  it("passes over what it does not know", () => {
    const { fault, parts } = decode(
      event("initial-response", {}),
      frame([[":message-type", { type: "string", value: "of-tomorrow" }]], "?"),
      frame([], "?"),
      event("messageStart", { role: "assistant" }),
      event("audioDelta", { data: "?" }),
      event("contentBlockStart", { contentBlockIndex: 0, start: { hologram: {} } }),
      delta({ hologram: "?", text: null }),
      delta({ text: "Hello" }),
      end(),
      delta({ text: " and more" }, 1),
      event("metadata", { usage: { inputTokens: 1 }, trace: { promptRouter: { invokedModelId: "m" } } })
    )
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "Hello")
    assert.deepStrictEqual(finishOf(parts).metadata, { bedrock: { finishReason: "end_turn", invokedModelId: "m" } })
  })
})

describe("tool calls of Converse", () => {
  it("without arguments have none", () => {
    const { parts } = decode(tool(""), stop(), end("tool_use"), usage)
    assert.deepStrictEqual(callsOf(parts), [["t1", "Weather", {}]])
    assert.deepStrictEqual(callsOf(decode(whole([{ toolUse: { toolUseId: "t", name: "N" } }])).parts), [["t", "N", {}]])
  })

  it("that may have been cut are left out, unless they are whole", () => {
    for (const word of ["max_tokens", "guardrail_intervened", "malformed_tool_use", "of_tomorrow"]) {
      for (const args of ["", '{"city":"Os', '{"city":"Oslo"'] as const) {
        const { fault, parts } = decode(
          tool('{"city":"Rome"}', 0),
          stop(0),
          tool(args, 1, { toolUseId: "t2", name: "W" }),
          end(word),
          usage
        )
        assert.isUndefined(fault)
        assert.deepStrictEqual(callsOf(parts), [["t1", "Weather", { city: "Rome" }]])
        assertBlocksMatch(parts)
      }
    }
  })

  it("with arguments that are no object are the model's mistake", () => {
    for (const args of ["{", "[1]", "null", '"x"', '{"__proto__":{"a":1}}']) {
      const { fault, parts } = decode(tool(args), stop(), end("tool_use"), usage)
      assert.strictEqual(fault?.verdict.errorType, "InvalidOutput", args)
      assert.deepStrictEqual(callsOf(parts), [])
      assertBlocksMatch(parts)
    }
    assert.strictEqual(
      decode(tool("{}", 0, { toolUseId: "t" }), end("tool_use")).fault?.verdict.errorType,
      "InvalidOutput"
    )
  })

  it("get an id where none came, or one that is taken", () => {
    const { parts } = decode(tool("{}", 0), tool("{}", 1), tool("{}", 2, { name: "N" }), end("tool_use"), usage)
    assert.deepStrictEqual(
      callsOf(parts).map(([id]) => id),
      ["t1", "tooluse_made_0", "tooluse_made_1"]
    )
  })

  it("that ran at the vendor bring their results along, and are not the caller's", () => {
    const toolUse = { toolUseId: "s1", name: "nova_grounding", type: "server_tool_use" }
    const { parts } = decode(
      tool('{"q":"x"}', 0, toolUse),
      stop(0),
      event("contentBlockStart", {
        contentBlockIndex: 1,
        start: { toolResult: { toolUseId: "s1", status: "success" } }
      }),
      delta({ toolResult: [{ json: { found: 1 } }] }, 1),
      stop(1),
      delta({ text: "Found." }, 2),
      delta({ citation: { title: "T", location: { web: { url: "https://example.com/a" } } } }, 2),
      delta({ citation: { location: { web: { url: "no url" } } } }, 2),
      end(),
      usage
    )
    assert.deepStrictEqual(
      parts.filter(({ type }) => type.startsWith("tool-call") || type.startsWith("tool-result") || type === "source"),
      [
        { type: "tool-call", id: "s1", name: "nova_grounding", params: { q: "x" }, providerExecuted: true },
        {
          type: "tool-result",
          id: "s1",
          name: "nova_grounding",
          isFailure: false,
          result: { found: 1 },
          providerExecuted: true
        },
        { type: "source", sourceType: "url", id: "source-0", url: "https://example.com/a", title: "T" }
      ]
    )
    assert.strictEqual(finishOf(parts).reason, "stop")
    const cited = decode(whole([{ citationsContent: { content: [{ text: "A" }, { text: "B" }], citations: [] } }]))
    assert.strictEqual(textOf(cited.parts), "AB")
  })
})

describe("errors inside a 200 of Converse", () => {
  const cases: ReadonlyArray<readonly [name: string, status: number, errorType: string]> = [
    ["throttlingException", 429, "RateLimited"],
    ["modelStreamErrorException", 424, "Overloaded"],
    ["internalServerException", 500, "Overloaded"],
    ["serviceUnavailableException", 503, "Overloaded"],
    ["modelTimeoutException", 408, "Overloaded"],
    ["validationException", 400, "InvalidRequest"],
    ["accessDeniedException", 403, "Auth"],
    ["resourceNotFoundException", 404, "ModelNotFound"],
    ["expiredTokenException", 403, "Auth"],
    ["somethingNew", 500, "Overloaded"]
  ]

  it("are told by the name of the frame, before and after output", () => {
    for (const [name, status, errorType] of cases) {
      for (const failing of [exception(name, { message: "m" }), exception(name, "no JSON"), exception(name, "")]) {
        const { fault, parts } = decode(delta({ text: "x" }), failing, end(), usage)
        assert.deepInclude(fault, { status }, name)
        assert.strictEqual(fault?.verdict.errorType, errorType, name)
        assert.strictEqual(fault?.words.type, name)
        assertBlocksMatch(parts)
        assert.strictEqual(textOf(parts), "x")
      }
    }
    const long = decode(exception("validationException", { message: "Input is too long for requested model." }))
    assert.strictEqual(long.fault?.verdict.errorType, "ContextLength")
    const first = decoder()
    first.feed(exception("throttlingException", {}))
    assert.isFalse(first.hasContent())
    assert.isTrue(first.ended())
  })

  it("come as frames of the type error, as a body, and as an event", () => {
    const both = [
      decode(error("ThrottlingException", "slow down")),
      decode('{"__type":"com.amazon.coral.availability#ThrottlingException","message":"slow down"}'),
      decode('{"error":{"type":"throttling","message":"slow down"}}'),
      decode(event("error", { error: { type: "ThrottlingException" } }))
    ]
    for (const { fault } of both) assert.strictEqual(fault?.verdict.errorType, "RateLimited")
    assert.strictEqual(decode('{"message":"what?"}').fault?.verdict.errorType, "Overloaded")
    assert.strictEqual(decode(error("InternalFailure", "")).fault?.status, 500)
  })

  it("do not matter after the end", () => {
    const { fault, parts } = decode(delta({ text: "x" }), end(), exception("internalServerException", {}))
    assert.isUndefined(fault)
    assert.strictEqual(finishOf(parts).reason, "stop")
  })
})
