import { assert, describe, it } from "@effect/vitest"
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as EventDecoder from "../src/internal/engine/EventDecoder.ts"
import { GeminiStream } from "../src/internal/gemini/GeminiStream.ts"
import { normalize } from "../src/internal/gemini/Usage.ts"
import { collapse } from "../src/internal/parts/Collapse.ts"
import { assertBlocksMatch, decodesAtEverySplit, survivesDamage } from "./support/DecoderLaws.ts"
import { counter, decodeWith, finishOf, joined, textOf } from "./support/Decoding.ts"
import { bytes, stream } from "./support/Fixtures.ts"

const decoder = () => EventDecoder.make(new GeminiStream({ owner: "google", model: "m", makeId: counter() }))

const decode = (pieces: ReadonlyArray<Uint8Array | string>, broken = false) => {
  const decoded = decodeWith(decoder, pieces, broken)
  assertBlocksMatch(decoded.parts)
  return decoded
}

const run = (...events: ReadonlyArray<unknown>) => decode([stream(...events)])

const chunk = (parts: ReadonlyArray<object>, finishReason?: string, more: object = {}) => ({
  candidates: [{ content: { parts, role: "model" }, index: 0, ...(finishReason && { finishReason }), ...more }]
})
const text = (words: string, finishReason?: string) => chunk([{ text: words }], finishReason)
const callsOf = (parts: ReadonlyArray<StreamPart>) =>
  parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name, part.params]] : []))

const fixtures = ["gemini-thinking.sse", "gemini-calls.sse", "gemini-array.json", "gemini-whole.json"]

describe("GeminiStream", () => {
  it("reads thoughts, text, a signature of its own, usage and the end", () => {
    const { fault, parts } = decode([bytes("gemini-thinking.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(joined(parts), [
      { type: "response-metadata", id: "r-1", modelId: "gemini-3-flash" },
      { type: "reasoning-start", id: "reasoning-0", metadata: { google: { model: "m" } } },
      { type: "reasoning-delta", id: "reasoning-0", delta: "Größe: 7 × 6" },
      { type: "reasoning-end", id: "reasoning-0" },
      { type: "text-start", id: "text-1" },
      { type: "text-delta", id: "text-1", delta: "答案是 42 🎉" },
      { type: "text-end", id: "text-1" },
      { type: "text-start", id: "text-2" },
      { type: "text-end", id: "text-2", metadata: { google: { model: "m", thoughtSignature: "c2ln" } } },
      {
        type: "finish",
        reason: "stop",
        usage: {
          inputTokens: { total: 20, uncached: 12, cacheRead: 8, cacheWrite: undefined },
          outputTokens: { total: 15, text: 6, reasoning: 9 }
        },
        metadata: { google: { finishReason: "STOP" } }
      }
    ])
  })

  it("makes ids for calls that come without one, and keeps the signature on the call it came with", () => {
    const { fault, parts } = decode([bytes("gemini-calls.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(
      parts.filter((part) => part.type === "tool-call"),
      [
        {
          type: "tool-call",
          id: "call_made_0",
          name: "Weather",
          params: { city: "Tromsø" },
          metadata: { google: { model: "m", thoughtSignature: "c2lnQQ==" } }
        },
        { type: "tool-call", id: "call_made_1", name: "Weather", params: { city: "Bergen" } }
      ]
    )
    const finish = finishOf(parts)
    assert.strictEqual(finish.reason, "tool-calls")
    assert.strictEqual(finish.usage.inputTokens.total, 55)
  })

  it("reads a list of events, which is what comes without alt=sse", () => {
    const { fault, parts } = decode([bytes("gemini-array.json")])
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "Hello there")
    assert.strictEqual(finishOf(parts).usage.outputTokens.total, 2)
    assert.strictEqual(decode([JSON.stringify([text("x")])]).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(
      decode([JSON.stringify([text("x"), { error: { code: 503, message: "m", status: "UNAVAILABLE" } }])]).fault
        ?.verdict.errorType,
      "Overloaded"
    )
  })

  it("reads a whole answer, with what Google's tools did in its place and sources before the end", () => {
    const { fault, parts } = decode([bytes("gemini-whole.json")])
    assert.isUndefined(fault)
    const ours = (fields: object) => ({ google: { model: "m", ...fields } })
    const done = { outcome: "OUTCOME_OK", output: "2" }
    assert.deepStrictEqual(collapse(parts).slice(1, -1), [
      { type: "text", text: "Searching.", metadata: ours({ thoughtSignature: "dGV4dA==" }) },
      {
        type: "reasoning",
        text: "",
        metadata: ours({ part: { executableCode: { language: "PYTHON", code: "1+1" } } })
      },
      { type: "reasoning", text: "", metadata: ours({ part: { codeExecutionResult: done } }) },
      { type: "text", text: "Hello there" },
      {
        type: "tool-call",
        id: "fc-1",
        name: "Weather",
        params: { city: "Oslo" },
        metadata: ours({ id: "fc-1", thoughtSignature: "Y2FsbA==" })
      },
      { type: "source", sourceType: "url", id: "source_made_0", url: "https://example.com/a", title: "A" }
    ])
    assert.strictEqual(finishOf(parts).reason, "tool-calls")
  })

  for (const name of fixtures) {
    decodesAtEverySplit(name, decoder, bytes(name))
    survivesDamage(name, decoder, bytes(name))
  }
})

describe("the parts of a Gemini answer", () => {
  it("that are signed are blocks of their own, so that no signature is lost or moves", () => {
    const signed = (words: string, thoughtSignature: string, more: object = {}) => ({
      text: words,
      thoughtSignature,
      ...more
    })
    const { parts } = run(
      chunk([{ text: "a" }]),
      chunk([signed("b", "s1"), signed("c", "s2")]),
      chunk([{ text: "d" }, { text: "e" }]),
      chunk([signed("t", "s3", { thought: true })]),
      chunk([{ text: "f" }], "STOP")
    )
    assert.deepStrictEqual(
      collapse(parts)
        .slice(0, -1)
        .map((part) => ("text" in part ? [part.text, part.metadata?.["google"]] : part)),
      [
        ["a", undefined],
        ["b", { model: "m", thoughtSignature: "s1" }],
        ["c", { model: "m", thoughtSignature: "s2" }],
        ["de", undefined],
        ["t", { model: "m", thoughtSignature: "s3" }],
        ["f", undefined]
      ]
    )
  })

  it("may be pictures; a draft in a thought is none", () => {
    const data = { mimeType: "image/png", data: "aGk=" }
    const { parts } = run(
      chunk([{ inlineData: data, thought: true }, { inlineData: data, thoughtSignature: "s" }, { inlineData: {} }]),
      text("", "STOP")
    )
    assert.deepStrictEqual(parts.slice(0, -1), [
      {
        type: "file",
        mediaType: "image/png",
        data: "aGk=",
        metadata: { google: { model: "m", thoughtSignature: "s" } }
      }
    ])
  })

  it("may be missing, empty or unknown", () => {
    const { fault, parts } = run(
      { usageMetadata: { promptTokenCount: 3 } },
      { candidates: [{ index: 0 }] },
      { candidates: [{ index: 0, content: {} }] },
      { candidates: [{ content: { role: "model" } }] },
      { candidates: [{ index: 1, content: { parts: [{ text: "another answer" }] } }] },
      chunk([{}, { videoMetadata: {} }, { text: "x" }]),
      { candidates: [{ finishReason: "STOP" }] }
    )
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "x")
    assert.strictEqual(finishOf(parts).usage.inputTokens.total, 3)
  })

  it("that are text but no string end the answer: a hole would be worse", () => {
    assert.strictEqual(run(chunk([{ text: { a: 1 } }])).fault?.verdict.errorType, "Protocol")
    assert.strictEqual(run(5).fault?.verdict.errorType, "Protocol")
  })

  it("rest on pages, files and works, each named once", () => {
    const groundingChunks = [
      { web: { uri: "https://a.example/", title: "A" } },
      { web: { uri: "https://a.example/", title: "A" } },
      { retrievedContext: { title: "notes" } },
      { maps: { uri: "https://maps.example/x" } },
      { odd: {} }
    ]
    const citationMetadata = { citationSources: [{ uri: "https://c.example/" }] }
    const { parts } = run(
      chunk([{ text: "x" }], undefined, { groundingMetadata: { groundingChunks } }),
      chunk([{ text: "y" }], "STOP", { groundingMetadata: { groundingChunks }, citationMetadata })
    )
    assert.strictEqual(textOf(parts), "xy")
    assert.deepStrictEqual(
      parts.flatMap((part) => (part.type === "source" ? [[part.sourceType, part.title]] : [])),
      [
        ["url", "A"],
        ["document", "notes"],
        ["url", "https://maps.example/x"],
        ["url", "https://c.example/"]
      ]
    )
  })
})

describe("calls of a Gemini answer", () => {
  it("without arguments have {}, and an id that is taken is made anew", () => {
    const { parts } = run(
      chunk(
        [{ functionCall: { id: "a", name: "F" } }, { functionCall: { id: "a", name: "F", args: { b: 1 } } }],
        "STOP"
      )
    )
    assert.deepStrictEqual(callsOf(parts), [
      ["a", "F", {}],
      ["call_made_0", "F", { b: 1 }]
    ])
  })

  it("that are no calls, or only pieces of one, are the model's mistake, and nothing is called", () => {
    for (const functionCall of [
      { args: {} },
      { name: "F", args: "{}" },
      { name: "F", args: [1] },
      { name: "F", partialArgs: [{ jsonPath: "$.a", stringValue: "b" }], willContinue: true },
      { name: "F", willContinue: true }
    ]) {
      const { fault, parts } = run(chunk([{ functionCall }]), text("", "STOP"))
      assert.strictEqual(fault?.verdict.errorType, "InvalidOutput")
      assert.deepStrictEqual(callsOf(parts), [])
    }
  })
})

describe("the end of a Gemini answer", () => {
  it("has a reason of effect/ai and the vendor's own word", () => {
    const words: Readonly<Record<string, string>> = {
      STOP: "stop",
      MAX_TOKENS: "length",
      CONTINUATION: "other",
      SAFETY: "content-filter",
      RECITATION: "content-filter",
      BLOCKLIST: "content-filter",
      PROHIBITED_CONTENT: "content-filter",
      SPII: "content-filter",
      IMAGE_SAFETY: "content-filter",
      IMAGE_RECITATION: "content-filter",
      MALFORMED_FUNCTION_CALL: "error",
      UNEXPECTED_TOOL_CALL: "error",
      LANGUAGE: "other",
      OTHER: "other",
      toString: "other"
    }
    for (const [word, reason] of Object.entries(words)) {
      for (const { parts } of [run(text("x", word)), decode([JSON.stringify(text("x", word))])]) {
        assert.strictEqual(finishOf(parts).reason, reason, word)
        assert.deepStrictEqual(finishOf(parts).metadata, { google: { finishReason: word } })
      }
    }
  })

  it("is content-filter where the prompt was blocked and there are no candidates", () => {
    const blocked = { promptFeedback: { blockReason: "SAFETY" }, usageMetadata: { promptTokenCount: 4 } }
    for (const { fault, parts } of [run(blocked), decode([JSON.stringify(blocked)])]) {
      assert.isUndefined(fault)
      assert.strictEqual(finishOf(parts).reason, "content-filter")
      assert.deepStrictEqual(finishOf(parts).metadata, { google: { finishReason: "SAFETY" } })
      assert.strictEqual(finishOf(parts).usage.inputTokens.total, 4)
    }
  })

  it("is that of the last word, for models that say STOP on every event", () => {
    const { parts } = run(text("a", "STOP"), text("b", "STOP"), text("c", "MAX_TOKENS"))
    assert.strictEqual(textOf(parts), "abc")
    assert.strictEqual(finishOf(parts).reason, "length")
  })

  it("is a failure when the bytes end without a word; a break after the word is none", () => {
    assert.strictEqual(run(text("x")).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([stream(text("x"))], true).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([""]).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode(["{}"]).fault?.verdict.errorType, "Protocol")
    assert.strictEqual(run("[DONE]").fault?.verdict.errorType, "Truncated")
    assert.isUndefined(decode([stream(text("x", "STOP"))], true).fault)
    assert.isUndefined(run(text("x", "STOP"), "[DONE]").fault)
    assert.strictEqual(run(text("x"), "[DONE]").fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([JSON.stringify(text("x"))]).fault?.verdict.errorType, "Truncated")
  })
})

describe("a failure inside a Gemini stream", () => {
  it("is told by its number and its word, as an event, a list or an object", () => {
    const failures: ReadonlyArray<readonly [number | undefined, string, string, number]> = [
      [429, "RESOURCE_EXHAUSTED", "RateLimited", 429],
      [undefined, "RESOURCE_EXHAUSTED", "RateLimited", 429],
      [503, "UNAVAILABLE", "Overloaded", 503],
      [undefined, "UNAVAILABLE", "Overloaded", 503],
      [500, "INTERNAL", "Overloaded", 500],
      [undefined, "INTERNAL", "Overloaded", 500],
      [undefined, "DEADLINE_EXCEEDED", "Overloaded", 504],
      [499, "CANCELLED", "Overloaded", 499],
      [undefined, "CANCELLED", "Overloaded", 499],
      [400, "INVALID_ARGUMENT", "InvalidRequest", 400],
      [undefined, "FAILED_PRECONDITION", "Auth", 400],
      [403, "PERMISSION_DENIED", "Auth", 403],
      [undefined, "UNAUTHENTICATED", "Auth", 401],
      [404, "NOT_FOUND", "ModelNotFound", 404]
    ]
    for (const [code, status, errorType, http] of failures) {
      const body = { error: { ...(code && { code }), message: "m", status } }
      for (const { fault } of [
        run(body),
        run(text("x"), body),
        decode([`event: error\ndata: ${JSON.stringify(body)}\n\n`]),
        decode([JSON.stringify(body)]),
        decode([JSON.stringify([body])])
      ]) {
        assert.deepStrictEqual([fault?.verdict.errorType, fault?.status], [errorType, http], status)
      }
    }
  })
})

describe("Gemini's usage", () => {
  it("adds thoughts to the output and what tools brought to the input; the last event counts", () => {
    const usageMetadata = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 4,
      cachedContentTokenCount: 6,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 7,
      totalTokenCount: 26
    }
    const first = { ...text("x"), usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 1 } }
    const { parts } = run(first, { ...text("y", "STOP"), usageMetadata })
    assert.deepStrictEqual(finishOf(parts).usage, {
      inputTokens: { total: 14, uncached: 8, cacheRead: 6, cacheWrite: undefined },
      outputTokens: { total: 12, text: 5, reasoning: 7 }
    })
  })

  it("says undefined for what is missing, and gives whole numbers >= 0", () => {
    for (const usage of [undefined, {}, { promptTokenCount: "3", candidatesTokenCount: -1 }]) {
      const { inputTokens, outputTokens } = normalize(usage)
      assert.deepStrictEqual([inputTokens.total, inputTokens.uncached], [undefined, undefined])
      assert.deepStrictEqual([outputTokens.total, outputTokens.text], [undefined, undefined])
    }
    assert.deepStrictEqual(normalize({ promptTokenCount: 3.7, cachedContentTokenCount: 9 }).inputTokens, {
      total: 3,
      uncached: 0,
      cacheRead: 9,
      cacheWrite: undefined
    })
    assert.strictEqual(normalize({ thoughtsTokenCount: 7 }).outputTokens.total, 7)
  })
})
