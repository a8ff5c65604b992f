import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { bytes, chunk, decode, decoder, event, finishOf, joined, stream, textOf } from "./support/Fixtures.ts"

const fixtures = ["deepseek-reasoning.sse", "openai-tools.sse", "azure-text.sse", "odd-framing.sse"]
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

describe("AnswerDecoder", () => {
  it("reads reasoning, text, usage and finish of DeepSeek between keep-alives", () => {
    const { parts, fault } = decode([bytes("deepseek-reasoning.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(joined(parts), [
      {
        type: "response-metadata",
        id: "0b1f6f4e",
        modelId: "deepseek-flash",
        timestamp: "2025-11-22T08:26:40.000Z"
      },
      { type: "reasoning-start", id: "reasoning-0", metadata: { test: { model: "m" } } },
      { type: "reasoning-delta", id: "reasoning-0", delta: "Größe: 7 × 6 \u2028= 42" },
      { type: "reasoning-end", id: "reasoning-0" },
      { type: "text-start", id: "text-1" },
      { type: "text-delta", id: "text-1", delta: "答案是 42 🎉" },
      { type: "text-end", id: "text-1" },
      {
        type: "finish",
        reason: "stop",
        usage: {
          inputTokens: { total: 20, uncached: 8, cacheRead: 12, cacheWrite: undefined },
          outputTokens: { total: 15, text: 6, reasoning: 9 }
        },
        metadata: { test: { finishReason: "stop", systemFingerprint: "fp_1" } }
      }
    ])
  })

  it("gives out interleaved tool calls when they are whole", () => {
    const { parts, fault } = decode([bytes("openai-tools.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(
      parts.filter((part) => part.type === "tool-call"),
      [
        { type: "tool-call", id: "call_a", name: "Weather", params: { city: "Tromsø" } },
        { type: "tool-call", id: "call_b", name: "Weather", params: { city: "Bergen" } }
      ]
    )
    const finish = finishOf(parts)
    assert.strictEqual(finish.reason, "tool-calls")
    assert.deepStrictEqual(finish.usage.inputTokens, { total: 50, uncached: 14, cacheRead: 32, cacheWrite: 4 })
    assert.deepStrictEqual(finish.usage.outputTokens, { total: 30, text: 20, reasoning: 10 })
  })

  it("introduces an Azure answer by its first chunk that has a name", () => {
    const { parts } = decode([bytes("azure-text.sse")])
    assert.strictEqual(textOf(parts), "Hello")
    assert.deepInclude(parts[0], { type: "response-metadata", id: "chatcmpl-az" })
    assert.strictEqual(finishOf(parts).reason, "stop")
  })

  it("reads mixed line ends, several data lines, retry fields and an end without a blank line", () => {
    const { parts, fault } = decode([bytes("odd-framing.sse")])
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "one two three")
    assert.strictEqual(finishOf(parts).reason, "stop")
  })

  for (const name of fixtures) {
    it(`gives the same parts for every split of ${name} into two`, () => {
      const whole = bytes(name)
      const expected = joined(decode([whole]).parts)
      for (let at = 0; at <= whole.length; at++) {
        const { parts, fault } = decode([whole.subarray(0, at), whole.subarray(at)])
        assert.isUndefined(fault, `split at ${at}`)
        assert.deepStrictEqual(joined(parts), expected, `split at ${at}`)
      }
    })

    it(`gives the same parts for ${name} byte by byte`, () => {
      const whole = bytes(name)
      const { parts } = decode(Array.from(whole, (byte) => Uint8Array.of(byte)))
      assert.deepStrictEqual(joined(parts), joined(decode([whole]).parts))
    })
  }

  it("ends a stream of any cut with a fault or with the whole answer", () => {
    for (const name of fixtures) {
      const whole = bytes(name)
      const expected = joined(decode([whole]).parts)
      for (let at = 0; at < whole.length; at++) {
        for (const broken of [false, true]) {
          const { parts, fault } = decode([whole.subarray(0, at)], broken)
          if (fault === undefined) {
            // The terminal fact had come: all but the usage that was cut off is there.
            const without = (all: ReadonlyArray<unknown>) => JSON.stringify(all.slice(0, -1))
            assert.strictEqual(without(joined(parts)), without(expected), `${name} cut at ${at}`)
            finishOf(parts)
          } else {
            assert.strictEqual(fault.verdict.errorType, "Truncated", `${name} cut at ${at}`)
            assert.isFalse(parts.some((part) => part.type === "finish" || part.type === "tool-call"))
          }
        }
      }
    }
  })

  it("always closes blocks, also before a fault", () => {
    const cut = decode([
      stream(
        chunk({ content: "Hi" }),
        chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "F", arguments: "{" } }] })
      )
    ])
    assert.deepStrictEqual(
      cut.parts.map((part) => part.type),
      [
        "response-metadata",
        "text-start",
        "text-delta",
        "text-end",
        "tool-params-start",
        "tool-params-delta",
        "tool-params-end"
      ]
    )
    assert.strictEqual(cut.fault?.verdict.errorType, "Truncated")
  })

  it("fuzzed bytes end in a fault or in one finish, and never throw", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ maxLength: 40 }),
      fc.constantFrom(
        event(chunk({ content: "x" })),
        event(chunk({}, "stop")),
        event(chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "F", arguments: '{"a"' } }] })),
        event(chunk({ tool_calls: [{ function: { arguments: ":1}" } }] })),
        event({ choices: [], usage }),
        event("[DONE]"),
        event({ error: { message: "no", code: 500 } }),
        "retry: 1\n",
        "error: {}\n\n",
        ": comment\n",
        "data",
        "\uFEFF",
        "\r"
      ),
      fc.json().map((json) => `data: ${json}\n\n`),
      fc.json()
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, broken) => {
        const { parts, fault } = decode(pieces, broken)
        const finishes = parts.filter((part) => part.type === "finish").length
        assert.strictEqual(finishes, fault === undefined ? 1 : 0)
        if (fault === undefined) assert.strictEqual(parts.at(-1)?.type, "finish")
        const open = new Set<string>()
        for (const part of parts) {
          if (part.type.endsWith("-start")) open.add("id" in part ? String(part.id) : "")
          if (part.type.endsWith("-end")) assert.isTrue(open.delete("id" in part ? String(part.id) : ""))
        }
        assert.strictEqual(open.size, 0)
      }),
      { numRuns: 2000 }
    )
  })

  describe("terminal facts", () => {
    it("fails as truncated when the bytes end without a finish word", () => {
      const { fault } = decode([stream(chunk({ content: "Hi" }))])
      assert.strictEqual(fault?.verdict.errorType, "Truncated")
      assert.isTrue(fault?.verdict.sameTarget)
      assert.isTrue(fault?.verdict.otherTarget)
    })

    it("takes [DONE] without a finish word after content as an unknown end", () => {
      const { parts, fault } = decode([stream(chunk({ content: "Hi" }), "[DONE]")])
      assert.isUndefined(fault)
      assert.strictEqual(finishOf(parts).reason, "unknown")
    })

    it("fails on [DONE] when nothing came", () => {
      assert.strictEqual(decode([stream("[DONE]")]).fault?.verdict.errorType, "Truncated")
    })

    it("ends without [DONE] and without usage", () => {
      const finish = finishOf(decode([stream(chunk({ content: "Hi" }), chunk({}, "length"))]).parts)
      assert.strictEqual(finish.reason, "length")
      assert.isUndefined(finish.usage.inputTokens.total)
    })

    it("is complete when the connection breaks after the finish word", () => {
      const { parts, fault } = decode([stream(chunk({ content: "Hi" }, "stop"))], true)
      assert.isUndefined(fault)
      assert.strictEqual(finishOf(parts).reason, "stop")
    })

    it("ignores everything after [DONE] and asks for no more bytes", () => {
      const machine = decoder()
      const all = stream(chunk({ content: "Hi" }, "stop"), "[DONE]", chunk({ content: "more" }), {
        error: { code: 500 }
      })
      const parts = machine.feed(new TextEncoder().encode(all))
      assert.strictEqual(textOf(parts), "Hi")
      assert.isTrue(machine.ended())
      assert.strictEqual(finishOf(parts).reason, "stop")
    })

    it("gives out the finish part with the usage chunk, before [DONE]", () => {
      const machine = decoder()
      const feed = (value: unknown) => machine.feed(new TextEncoder().encode(event(value))).map((part) => part.type)
      feed(chunk({ content: "Hi" }))
      assert.deepStrictEqual(feed(chunk({}, "stop")), ["text-end"])
      assert.deepStrictEqual(feed({ id: "c1", choices: [], usage }), ["finish"])
      assert.isFalse(machine.ended())
      assert.deepStrictEqual(feed("[DONE]"), [])
      assert.isTrue(machine.ended())
    })

    for (const word of ["error", "abort", "insufficient_system_resource"]) {
      it(`fails on the finish word ${word}`, () => {
        const { fault, parts } = decode([stream(chunk({ content: "Hi" }), chunk({}, word), "[DONE]")])
        assert.strictEqual(fault?.verdict.reason, "InternalProvider")
        assert.strictEqual(fault?.verdict.health, "fault")
        assert.isFalse(parts.some((part) => part.type === "finish"))
      })
    }

    it("keeps an unknown finish word and calls it other", () => {
      const finish = finishOf(decode([stream(chunk({ content: "Hi" }, "tired"))]).parts)
      assert.strictEqual(finish.reason, "other")
      assert.deepStrictEqual(finish.metadata, { test: { finishReason: "tired" } })
    })

    it("reads two finish chunks and empty finish words as SGLang sends them", () => {
      const { parts } = decode([
        stream(chunk({ content: "Hi" }, ""), chunk({}, "stop"), chunk({ content: "" }, "stop"))
      ])
      assert.strictEqual(finishOf(parts).reason, "stop")
    })

    it("reports a refusal as text that the content filter ended", () => {
      const { parts } = decode([stream(chunk({ refusal: "I cannot" }), chunk({}, "stop"))])
      assert.strictEqual(textOf(parts), "I cannot")
      assert.strictEqual(finishOf(parts).reason, "content-filter")
    })
  })

  describe("errors inside a 200", () => {
    it("takes an error object before content, and classifies it by its words", () => {
      const { fault, parts } = decode([stream({ error: { message: "slow down", type: "rate_limit_error" } })])
      assert.strictEqual(fault?.verdict.reason, "RateLimit")
      assert.deepStrictEqual(parts, [])
    })

    it("takes OpenRouter's error chunk with its numeric code", () => {
      const { fault } = decode([
        stream({
          id: "gen-1",
          error: { code: 502, message: "x" },
          choices: [{ index: 0, delta: {}, finish_reason: "error" }]
        })
      ])
      assert.strictEqual(fault?.status, 502)
    })

    it("takes llama.cpp's error field at every split", () => {
      const text = `${stream(chunk({ content: "Hi" }))}error: {"code":503,"message":"loading","type":"unavailable_error"}\n\n`
      for (let at = 0; at <= text.length; at++) {
        const { fault, parts } = decode([text.slice(0, at), text.slice(at)])
        assert.strictEqual(fault?.status, 503, `split at ${at}`)
        assert.strictEqual(textOf(parts), "Hi")
      }
    })

    it("takes an event named error, vLLM's flat error object and an error in a list", () => {
      assert.strictEqual(decode(["event: error\ndata: oops\n\n"]).fault?.verdict.reason, "InternalProvider")
      assert.strictEqual(decode([stream({ object: "error", message: "bad", code: 400 })]).fault?.status, 400)
      assert.strictEqual(decode([stream([{ error: { code: 429, message: "x" } }])]).fault?.verdict.reason, "RateLimit")
    })

    it("does not mind `error: null` on every chunk", () => {
      const { fault } = decode([stream(chunk({ content: "Hi" }, "stop", { error: null }), "[DONE]")])
      assert.isUndefined(fault)
    })

    it("does not mind the words error: inside the text", () => {
      const { parts } = decode([stream(chunk({ content: "a\nerror: b" }, "stop"))])
      assert.strictEqual(textOf(parts), "a\nerror: b")
    })

    it("fails on malformed JSON instead of leaving a hole", () => {
      const { fault } = decode([
        `${stream(chunk({ content: "Hi" }))}data: {"choices":[{\n\n${stream(chunk({}, "stop"))}`
      ])
      assert.deepInclude(fault?.verdict, {
        reason: "InvalidResponse",
        health: "fault",
        otherTarget: true,
        sameTarget: false
      })
    })

    it("goes on after events it does not know", () => {
      const { parts } = decode([
        `event: ping\ndata: now\n\n${stream({ type: "status", n: 1 }, chunk({ content: "Hi" }, "stop"))}`
      ])
      assert.strictEqual(textOf(parts), "Hi")
    })
  })

  describe("other bodies than SSE", () => {
    it("turns a JSON answer into stream parts", () => {
      const { parts } = decode(["\n \n", bytes("openai-completion.json")])
      assert.deepStrictEqual(
        parts.map((part) => part.type),
        ["response-metadata", "text-start", "text-delta", "text-end", "finish"]
      )
    })

    it("takes a JSON error with status 200", () => {
      const { fault } = decode([`{"error":{"code":400,"type":"exceed_context_size_error","n_ctx":4096}}`])
      assert.strictEqual(fault?.verdict.errorType, "ContextLength")
    })

    it("refuses a web page, JSON without choices and JSON that is none", () => {
      for (const body of ["<!doctype html><p>502</p>", "{}", `{"choices":[]}`, "{nonsense}"]) {
        assert.strictEqual(decode([body]).fault?.verdict.reason, "InvalidResponse", body)
      }
    })

    it("calls an empty body and a cut one truncated", () => {
      for (const body of ["", "\n\n", `{"choices":[{"message":{"content":"Hel`]) {
        assert.strictEqual(decode([body]).fault?.verdict.errorType, "Truncated", JSON.stringify(body))
      }
    })
  })

  it("leaves the answer's own byte order marks alone, but for the first", () => {
    const { parts } = decode([`\uFEFF${stream(chunk({ content: "\uFEFFx" }, "stop"))}`])
    assert.strictEqual(textOf(parts), "\uFEFFx")
  })

  it("reads Mistral's thinking parts and vLLM's reasoning field", () => {
    const { parts } = decode([
      stream(
        chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }),
        chunk({ reasoning: "m", reasoning_content: "m" }),
        chunk({ content: [{ type: "text", text: "Hi" }] }, "stop")
      )
    ])
    const reasoning = parts.map((part) => (part.type === "reasoning-delta" ? part.delta : "")).join("")
    assert.strictEqual(reasoning, "hmm")
    assert.strictEqual(textOf(parts), "Hi")
  })

  it("reads only the first choice", () => {
    const { parts } = decode([
      stream(
        { id: "c", choices: [{ index: 1, delta: { content: "other" }, finish_reason: "stop" }] },
        chunk({ content: "Hi" }, "stop")
      )
    ])
    assert.strictEqual(textOf(parts), "Hi")
  })

  it("refuses an answer that never ends", () => {
    const machine = decoder()
    const line = new TextEncoder().encode(`: ${"x".repeat(1 << 20)}\n`)
    for (let n = 0; n < 100 && !machine.ended(); n++) machine.feed(line)
    assert.strictEqual(machine.fault()?.verdict.reason, "InvalidResponse")
  })
})
