import { assert, describe, it } from "@effect/vitest"
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as EventDecoder from "../src/internal/engine/EventDecoder.ts"
import { MessagesStream } from "../src/internal/messages/MessagesStream.ts"
import * as Usage from "../src/internal/messages/Usage.ts"
import { collapse } from "../src/internal/parts/Collapse.ts"
import { assertBlocksMatch, decodesAtEverySplit, survivesDamage } from "./support/DecoderLaws.ts"
import { counter, decodeWith, finishOf, joined, textOf } from "./support/Decoding.ts"
import { bytes, stream, text } from "./support/Fixtures.ts"

const decoder = () => EventDecoder.make(new MessagesStream({ owner: "anthropic", model: "m", makeId: counter() }))

const decode = (pieces: ReadonlyArray<Uint8Array | string>, broken = false) => {
  const decoded = decodeWith(decoder, pieces, broken)
  assertBlocksMatch(decoded.parts)
  return decoded
}

/** Events of one answer, as an unnamed SSE stream. */
const run = (...events: ReadonlyArray<object>) => decode([stream(...events)])

const fixtures = [
  "messages-thinking.sse",
  "messages-tools.sse",
  "messages-server-tools.sse",
  "messages-spliced.sse",
  "messages-whole.json"
]

const start = (content_block: object, index = 0) => ({ type: "content_block_start", index, content_block })
const delta = (delta: object, index = 0) => ({ type: "content_block_delta", index, delta })
const stop = (index = 0) => ({ type: "content_block_stop", index })
const words = (text: string, index = 0) => delta({ type: "text_delta", text }, index)
const args = (partial_json: unknown, index = 0) => delta({ type: "input_json_delta", partial_json }, index)
const call = (more: object = {}) => start({ type: "tool_use", id: "t", name: "F", input: {}, ...more })
const end = (stop_reason: string, more: object = {}) => ({
  type: "message_delta",
  delta: { stop_reason, ...more },
  usage: { output_tokens: 1 }
})
const whole = (content: unknown, more: object = {}) => JSON.stringify({ type: "message", id: "w", content, ...more })
const callsOf = (parts: ReadonlyArray<StreamPart>) =>
  parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name, part.params]] : []))
const mark = (fields: object = {}) => ({ anthropic: { model: "m", ...fields } })

describe("MessagesStream", () => {
  it("reads thinking and its signature, text, a citation, the corrected usage and the end", () => {
    const { fault, parts } = decode([bytes("messages-thinking.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(joined(parts), [
      { type: "response-metadata", id: "msg_01", modelId: "claude-opus-5-20260801" },
      { type: "reasoning-start", id: "reasoning-0", metadata: mark() },
      { type: "reasoning-delta", id: "reasoning-0", delta: "Größe: 7 × 6" },
      { type: "reasoning-end", id: "reasoning-0", metadata: mark({ signature: "EqoBsig+/=" }) },
      { type: "text-start", id: "text-1" },
      { type: "text-delta", id: "text-1", delta: "答案是 42 🎉" },
      { type: "text-end", id: "text-1" },
      {
        type: "source",
        sourceType: "document",
        id: "source_made_0",
        mediaType: "application/octet-stream",
        title: "The Guide"
      },
      {
        type: "finish",
        reason: "stop",
        usage: {
          inputTokens: { total: 2114, uncached: 14, cacheRead: 2000, cacheWrite: 100 },
          outputTokens: { total: 40, text: 10, reasoning: 30 }
        },
        metadata: {
          anthropic: {
            finishReason: "end_turn",
            serviceTier: "standard",
            usage: {
              input_tokens: 14,
              cache_creation_input_tokens: 100,
              cache_read_input_tokens: 2000,
              output_tokens: 40,
              service_tier: "standard",
              output_tokens_details: { thinking_tokens: 30 }
            }
          }
        }
      }
    ])
  })

  it("gives out calls at the stop reason, padded arguments and no arguments alike", () => {
    const { fault, parts } = decode([bytes("messages-tools.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(callsOf(parts), [
      ["toolu_a", "Weather", { city: "Tromsø" }],
      ["toolu_b", "Now", {}]
    ])
    assert.strictEqual(finishOf(parts).reason, "tool-calls")
    const beforeTheEnd = text("messages-tools.sse").split("event: message_delta")[0] ?? ""
    assert.deepStrictEqual(callsOf(decode([beforeTheEnd]).parts), [])
  })

  it("marks what the vendor ran as its own, with all that has to travel back", () => {
    const { fault, parts } = decode([bytes("messages-server-tools.sse")])
    assert.isUndefined(fault)
    const content = [
      {
        type: "web_search_result",
        url: "https://example.com/oslo",
        title: "Oslo",
        encrypted_content: "Eo8C",
        page_age: null
      }
    ]
    assert.deepStrictEqual(collapse(parts).slice(1, -1), [
      { type: "reasoning", text: "", metadata: mark({ redactedData: "EmwKAhgB" }) },
      {
        type: "tool-call",
        id: "srvtoolu_1",
        name: "web_search",
        params: { query: "oslo" },
        providerExecuted: true,
        metadata: mark()
      },
      {
        type: "tool-result",
        id: "srvtoolu_1",
        name: "web_search",
        result: content,
        isFailure: false,
        providerExecuted: true,
        metadata: mark({ block: { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content } })
      },
      { type: "text", text: "Oslo is a city." },
      { type: "source", sourceType: "url", id: "source_made_0", url: "https://example.com/oslo", title: "Oslo" }
    ])
    // What the vendor ran is no work for the caller.
    assert.strictEqual(finishOf(parts).reason, "stop")
    assert.strictEqual(finishOf(parts).usage.inputTokens.total, 900)
  })

  it("tells failures of the vendor's own tools, and names results whose call stands in the turn before", () => {
    const content = { type: "web_fetch_tool_result_error", error_code: "url_not_accessible" }
    const { parts } = run(start({ type: "web_fetch_tool_result", tool_use_id: "s", content }), stop(), end("end_turn"))
    const result = parts.find((part) => part.type === "tool-result")
    assert.deepInclude(result, { id: "s", name: "web_fetch", isFailure: true, result: content })
  })

  it("reads a server without indexes, ends, ids and usage, and a second beginning", () => {
    const { fault, parts } = decode([bytes("messages-spliced.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(collapse(parts), [
      { type: "response-metadata", id: "msg_01", modelId: "claude-opus-5-20260801" },
      { type: "reasoning", text: "Hm.", metadata: mark() },
      { type: "text", text: "Hello there" },
      { type: "tool-call", id: "toolu_made_0", name: "Weather", params: { city: "Bergen" } },
      {
        type: "finish",
        reason: "tool-calls",
        usage: {
          inputTokens: { total: 7, uncached: 7, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 1, text: 1, reasoning: undefined }
        },
        metadata: { anthropic: { finishReason: "end_turn", usage: { input_tokens: 7, output_tokens: 1 } } }
      }
    ])
  })

  it("reads a whole answer, and who called where the model's code did", () => {
    const { fault, parts } = decode([bytes("messages-whole.json")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(collapse(parts).slice(1, -1), [
      { type: "reasoning", text: "Weather, then.", metadata: mark({ signature: "EqoBsig" }) },
      { type: "text", text: "Let me look." },
      {
        type: "tool-call",
        id: "toolu_c",
        name: "Weather",
        params: { city: "Tromsø" },
        metadata: mark({ caller: { type: "code_execution_20250825", tool_id: "srvtoolu_9" } })
      }
    ])
    assert.deepStrictEqual(finishOf(parts).usage.inputTokens, { total: 27, uncached: 20, cacheRead: 0, cacheWrite: 7 })
  })

  for (const name of fixtures) {
    decodesAtEverySplit(name, decoder, bytes(name))
    survivesDamage(name, decoder, bytes(name))
  }

  it("keeps the signature of thinking without words", () => {
    const { parts } = run(
      start({ type: "thinking", thinking: "", signature: "" }),
      delta({ type: "signature_delta", signature: "sig" }),
      stop(),
      end("end_turn")
    )
    assert.deepStrictEqual(collapse(parts).at(0), {
      type: "reasoning",
      text: "",
      metadata: mark({ signature: "sig" })
    })
  })

  it("never gives out cut arguments, and no `{}` in their place", () => {
    for (const [pieces, word] of [
      [['{"a":'], "max_tokens"],
      [[], "max_tokens"],
      [[""], "refusal"],
      [['{"a":1'], "model_context_window_exceeded"],
      [[], "some_new_word"]
    ] as const) {
      const { fault, parts } = run(call(), ...pieces.map((piece) => args(piece)), stop(), end(word))
      assert.isUndefined(fault)
      assert.deepStrictEqual(callsOf(parts), [], word)
    }
    const kept = run(call(), args('{"a":1}'), stop(), end("max_tokens"))
    assert.deepStrictEqual(callsOf(kept.parts), [["t", "F", { a: 1 }]])
    assert.strictEqual(finishOf(kept.parts).reason, "length")
  })

  it("fails on arguments that are no object, where nothing was cut", () => {
    for (const json of ['{"a":', "[1]", "7", '{"__proto__":{"x":1}}']) {
      const { fault, parts } = run(call(), args(json), stop(), end("tool_use"))
      assert.strictEqual(fault?.verdict.reason, "InvalidOutput", json)
      assert.deepStrictEqual(callsOf(parts), [])
    }
    assert.strictEqual(run(call({ name: "" }), stop(), end("tool_use")).fault?.verdict.reason, "InvalidOutput")
    const asText = decode([
      whole([{ type: "tool_use", id: "t", name: "F", input: '{"a":' }], { stop_reason: "tool_use" })
    ])
    assert.strictEqual(asText.fault?.verdict.reason, "InvalidOutput")
  })

  it("takes the arguments of the start where no pieces come, and a new id where one is taken", () => {
    const two = run(
      call({ input: { a: 1 } }),
      stop(),
      { ...call(), index: 1 },
      args('{"b":2}', 1),
      stop(1),
      end("tool_use")
    )
    assert.deepStrictEqual(callsOf(two.parts), [
      ["t", "F", { a: 1 }],
      ["toolu_made_0", "F", { b: 2 }]
    ])
  })

  it("knows every stop reason, and keeps the raw word", () => {
    for (const [word, reason] of [
      ["end_turn", "stop"],
      ["stop_sequence", "stop"],
      ["max_tokens", "length"],
      ["model_context_window_exceeded", "length"],
      ["tool_use", "tool-calls"],
      ["pause_turn", "pause"],
      ["refusal", "content-filter"],
      ["compaction", "other"],
      ["some_new_word", "other"],
      ["constructor", "other"]
    ]) {
      const { parts } = run(start({ type: "text", text: "" }), words("x"), stop(), end(word ?? ""))
      assert.strictEqual(finishOf(parts).reason, reason, word)
      assert.deepInclude(finishOf(parts).metadata?.["anthropic"], { finishReason: word })
    }
    for (const word of ["error", "abort", "insufficient_system_resource"]) {
      assert.strictEqual(run(words("x"), end(word)).fault?.verdict.reason, "InternalProvider", word)
    }
  })

  it("keeps a refusal's details, the words before it, and the stop sequence", () => {
    const stop_details = { type: "refusal", category: "cyber" }
    const { parts } = run(words("I can"), end("refusal", { stop_details }))
    assert.strictEqual(textOf(parts), "I can")
    assert.deepInclude(finishOf(parts).metadata?.["anthropic"], { stopDetails: stop_details })
    const stopped = run(words("a"), end("stop_sequence", { stop_sequence: "END" }))
    assert.deepInclude(finishOf(stopped.parts).metadata?.["anthropic"], { stopSequence: "END" })
  })

  it("ends with a fault where the stop reason never came, and well where only `message_stop` did not", () => {
    for (const broken of [false, true]) {
      const cut = decode([stream(start({ type: "text", text: "" }), words("half"))], broken)
      assert.strictEqual(cut.fault?.verdict.errorType, "Truncated")
      const late = { type: "message_delta", delta: { stop_reason: "end_turn" } }
      const ended = decode([stream(words("all"), late)], broken)
      assert.isUndefined(ended.fault)
      assert.strictEqual(finishOf(ended.parts).reason, "stop")
    }
    assert.strictEqual(decode([""]).fault?.verdict.description, "The answer had no body")
    assert.strictEqual(run({ type: "message_stop" }).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([stream(words("x"), "[DONE]")]).fault?.verdict.errorType, "Truncated")
    const reason = { type: "message_delta", delta: { stop_reason: "end_turn" } }
    assert.strictEqual(finishOf(decode([stream(words("x"), reason, "[DONE]")]).parts).reason, "stop")
    assert.strictEqual(decode([stream("[DONE]")]).fault?.verdict.errorType, "Truncated")
  })

  it("takes the usage that comes after the stop reason, and no content after it", () => {
    const bare = { type: "message_delta", delta: { stop_reason: "end_turn" } }
    const { fault, parts } = run(words("x"), bare, words("y"), { type: "message_delta", usage: { output_tokens: 9 } })
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "x")
    assert.strictEqual(finishOf(parts).usage.outputTokens.total, 9)
    const failed = run(words("x"), bare, { type: "error", error: { type: "api_error" } })
    assert.isUndefined(failed.fault)
  })

  it("fails on every shape of an error inside a 200, by its type as if it were the status", () => {
    const error = (type: string, more: object = {}) => ({ type: "error", error: { type, message: "…", ...more } })
    for (const [type, status, reason, errorType] of [
      ["overloaded_error", 529, "InternalProvider", "Overloaded"],
      ["api_error", 500, "InternalProvider", "Overloaded"],
      ["timeout_error", 504, "InternalProvider", "Overloaded"],
      ["rate_limit_error", 429, "RateLimit", "RateLimited"],
      ["authentication_error", 401, "Authentication", "Auth"],
      ["billing_error", 402, "QuotaExhausted", "QuotaExhausted"],
      ["permission_error", 403, "Authentication", "Auth"],
      ["not_found_error", 404, "InvalidRequest", "ModelNotFound"],
      ["conflict_error", 409, "InternalProvider", "Overloaded"],
      ["request_too_large", 413, "InvalidRequest", "ContextLength"],
      ["invalid_request_error", 400, "InvalidRequest", "InvalidRequest"],
      ["some_new_error", 500, "InternalProvider", "Overloaded"]
    ] as const) {
      for (const { fault } of [
        run(error(type)),
        run(start({ type: "text", text: "" }), words("x"), error(type)),
        decode([`event: error\ndata: ${JSON.stringify({ error: { type } })}\n\n`]),
        decode([JSON.stringify(error(type))])
      ]) {
        assert.deepStrictEqual(
          [fault?.status, fault?.verdict.reason, fault?.verdict.errorType],
          [status, reason, errorType]
        )
      }
    }
    const spend = run(error("rate_limit_error", { details: { error_code: "enforced_spend_limit_reached" } }))
    assert.strictEqual(spend.fault?.verdict.reason, "QuotaExhausted")
    assert.strictEqual(decode(["event: error\ndata: overloaded\n\n"]).fault?.verdict.reason, "InternalProvider")
  })

  it("fails where something cannot be read, and goes on where something is only new", () => {
    for (const events of [
      [words("x"), delta({ type: "text_delta", text: 7 })],
      [delta({ type: "thinking_delta", thinking: ["x"] })],
      [call(), args({ a: 1 })],
      [args('{"a":1}')],
      [[1]]
    ]) {
      assert.strictEqual(run(...events).fault?.verdict.reason, "InvalidResponse")
    }
    for (const body of ["[]", '{"x":1}', whole("text"), whole(undefined)]) {
      assert.strictEqual(decode([body]).fault?.verdict.reason, "InvalidResponse", body)
    }
    const { fault, parts } = run(
      start({ type: "some_block", input: 1 }),
      args('{"a":1}'),
      delta({ type: "some_delta" }),
      stop(),
      { type: "some_event" },
      stop(9),
      words("x", 1),
      delta({ type: "citations_delta", citation: { url: "no url" } }, 1),
      delta({ type: "citations_delta", citation: null }, 1),
      stop(1),
      end("end_turn")
    )
    assert.isUndefined(fault)
    assert.deepStrictEqual(
      collapse(parts).map(({ type }) => type),
      ["text", "finish"]
    )
  })

  it("reads a whole answer where a stream was asked for, also as an event, and ends one without a stop reason", () => {
    const content = [{ type: "text", text: "all" }]
    for (const body of [
      whole(content, { stop_reason: "end_turn" }),
      `[${whole(content, { stop_reason: "end_turn" })}]`,
      `data: ${whole(content, { stop_reason: "end_turn" })}\n\n`
    ]) {
      const { fault, parts } = decode([body])
      assert.isUndefined(fault)
      assert.strictEqual(textOf(parts), "all")
      assert.strictEqual(finishOf(parts).reason, "stop")
    }
    assert.strictEqual(decode([whole(content)]).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([`data: ${whole([])}\n\n`]).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(finishOf(decode([whole([], { stop_reason: "end_turn" })]).parts).reason, "stop")
  })

  it("keeps interleaved blocks apart, and signs no thinking that was torn", () => {
    const { fault, parts } = run(
      start({ type: "thinking", thinking: "" }, 0),
      start({ type: "text", text: "" }, 1),
      delta({ type: "thinking_delta", thinking: "a" }, 0),
      words("b", 1),
      delta({ type: "thinking_delta", thinking: "c" }, 0),
      delta({ type: "signature_delta", signature: "sig" }, 0),
      stop(0),
      words("d", 1),
      stop(1),
      end("end_turn")
    )
    assert.isUndefined(fault)
    assert.deepStrictEqual(collapse(parts).slice(0, 4), [
      { type: "reasoning", text: "a", metadata: mark() },
      { type: "text", text: "b" },
      { type: "reasoning", text: "c", metadata: mark() },
      { type: "text", text: "d" }
    ])
  })
})

describe("usage of Messages", () => {
  const of = (usage: Record<string, unknown> | undefined) => {
    const { inputTokens: input, outputTokens: output } = Usage.normalize(usage)
    return [input.total, input.uncached, input.cacheRead, input.cacheWrite, output.total, output.text, output.reasoning]
  }

  it("adds up input from its three kinds; what was not said is undefined, what is no count too", () => {
    const none = undefined
    assert.deepStrictEqual(of(undefined), [none, none, none, none, none, none, none])
    assert.deepStrictEqual(of({}), [none, none, none, none, none, none, none])
    assert.deepStrictEqual(of({ input_tokens: 5, output_tokens: 2 }), [5, 5, none, none, 2, 2, none])
    assert.deepStrictEqual(
      of({ input_tokens: 5.9, cache_read_input_tokens: 3, cache_creation_input_tokens: 2, output_tokens: 0 }),
      [10, 5, 3, 2, 0, 0, none]
    )
    assert.deepStrictEqual(of({ input_tokens: -1, output_tokens: "7", cache_read_input_tokens: 3 }), [
      ...[none, none, 3, none],
      ...[none, none, none]
    ])
  })

  it("lets the later word count, field by field, but not null", () => {
    const first = { input_tokens: 5, cache_read_input_tokens: 1, output_tokens: 1 }
    assert.deepStrictEqual(Usage.merge(first, { input_tokens: 8, cache_read_input_tokens: null, output_tokens: 4 }), {
      input_tokens: 8,
      cache_read_input_tokens: 1,
      output_tokens: 4
    })
    assert.strictEqual(Usage.merge(undefined, first), first)
    assert.strictEqual(Usage.merge(first, undefined), first)
  })
})
