import { assert, describe, it } from "@effect/vitest"
import type { StreamPart } from "@spillway/core/ProviderModel"
import * as EventDecoder from "../src/internal/engine/EventDecoder.ts"
import { collapse } from "../src/internal/parts/Collapse.ts"
import { ResponsesStream } from "../src/internal/responses/ResponsesStream.ts"
import { assertBlocksMatch, decodesAtEverySplit, survivesDamage } from "./support/DecoderLaws.ts"
import { counter, decodeWith, finishOf, joined, textOf } from "./support/Decoding.ts"
import { bytes, stream } from "./support/Fixtures.ts"

const decoder = (store = false) =>
  EventDecoder.make(new ResponsesStream({ owner: "openai", model: "m", store, makeId: counter() }))

const decode = (pieces: ReadonlyArray<Uint8Array | string>, broken = false) => {
  const decoded = decodeWith(decoder, pieces, broken)
  assertBlocksMatch(decoded.parts)
  return decoded
}

/** Events of one answer, as an unnamed SSE stream. */
const run = (...events: ReadonlyArray<object>) => decode([stream(...events)])

const fixtures = ["responses-reasoning.sse", "responses-tools.sse", "responses-partial.sse", "responses-whole.json"]
const completed = { type: "response.completed", response: { id: "r", model: "m", status: "completed" } }
const delta = (text: string, more: object = {}) => ({ type: "response.output_text.delta", delta: text, ...more })
const done = (item: object, more: object = {}) => ({ type: "response.output_item.done", item, ...more })
const message = (text: string, more: object = {}) => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text }],
  ...more
})
const call = (args: string, more: object = {}) => ({
  type: "function_call",
  call_id: "call_1",
  name: "F",
  arguments: args,
  ...more
})
const callsOf = (parts: ReadonlyArray<StreamPart>) =>
  parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name, part.params]] : []))

describe("ResponsesStream", () => {
  it("reads reasoning, its seal, text, a source, usage and the end", () => {
    const { fault, parts } = decode([bytes("responses-reasoning.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(joined(parts), [
      {
        type: "response-metadata",
        id: "resp_1",
        modelId: "gpt-5.2",
        timestamp: "2025-11-22T08:26:40.000Z"
      },
      { type: "reasoning-start", id: "reasoning-0", metadata: { openai: { model: "m" } } },
      { type: "reasoning-delta", id: "reasoning-0", delta: "Größe: 7 × 6" },
      { type: "reasoning-end", id: "reasoning-0", metadata: { openai: { model: "m", id: "rs_1" } } },
      { type: "reasoning-start", id: "reasoning-1", metadata: { openai: { model: "m" } } },
      { type: "reasoning-delta", id: "reasoning-1", delta: "So 42." },
      {
        type: "reasoning-end",
        id: "reasoning-1",
        metadata: { openai: { model: "m", id: "rs_1", encryptedContent: "gAAA" } }
      },
      { type: "text-start", id: "text-2" },
      { type: "text-delta", id: "text-2", delta: "答案是 42 🎉" },
      { type: "text-end", id: "text-2", metadata: { openai: { model: "m", id: "msg_1" } } },
      { type: "source", sourceType: "url", id: "source_made_0", url: "https://example.com/42", title: "42" },
      {
        type: "finish",
        reason: "stop",
        usage: {
          inputTokens: { total: 30, uncached: 15, cacheRead: 12, cacheWrite: 3 },
          outputTokens: { total: 25, text: 16, reasoning: 9 }
        },
        metadata: { openai: { finishReason: "completed", serviceTier: "default" } }
      }
    ])
  })

  it("gives out interleaved calls when they are whole, by call_id", () => {
    const { fault, parts } = decode([bytes("responses-tools.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(
      parts.filter((part) => part.type === "tool-call"),
      [
        {
          type: "tool-call",
          id: "call_a",
          name: "Weather",
          params: { city: "Tromsø" },
          metadata: { openai: { model: "m", id: "fc_0" } }
        },
        {
          type: "tool-call",
          id: "call_b",
          name: "Weather",
          params: { city: "Bergen" },
          metadata: { openai: { model: "m", id: "fc_1" } }
        }
      ]
    )
    const finish = finishOf(parts)
    assert.strictEqual(finish.reason, "tool-calls")
    assert.deepStrictEqual(finish.usage.outputTokens, { total: 30, text: 20, reasoning: 10 })
    assert.deepStrictEqual(finish.usage.inputTokens, {
      total: 50,
      uncached: 50,
      cacheRead: undefined,
      cacheWrite: undefined
    })
  })

  it("reads a server without ids, indexes and most events; the item's end brings what deltas did not, nothing twice", () => {
    const { fault, parts } = decode([bytes("responses-partial.sse")])
    assert.isUndefined(fault)
    assert.deepStrictEqual(collapse(parts), [
      { type: "reasoning", text: "Let me think. Done.", metadata: { openai: { model: "m", id: "rs_9", raw: true } } },
      { type: "text", text: "Hello there" },
      { type: "response-metadata", id: "r9", modelId: "deepseek-flash" },
      { type: "tool-call", id: "call_1", name: "Now", params: {} },
      {
        type: "finish",
        reason: "tool-calls",
        usage: {
          inputTokens: { total: 5, uncached: 5, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 7, text: 7, reasoning: undefined }
        },
        metadata: { openai: { finishReason: "completed" } }
      }
    ])
  })

  it("reads a whole answer, and keeps the items of tools the vendor ran, so that they can return", () => {
    const { fault, parts } = decode([bytes("responses-whole.json")])
    assert.isUndefined(fault)
    const answer = collapse(parts)
    assert.deepStrictEqual(
      answer.map((part) => part.type),
      ["response-metadata", "reasoning", "reasoning", "text", "tool-call", "finish"]
    )
    assert.deepStrictEqual(answer[1], {
      type: "reasoning",
      text: "",
      metadata: { openai: { model: "m", id: "rs_1", encryptedContent: "gAAB" } }
    })
    assert.deepStrictEqual(answer[2]?.metadata, {
      openai: {
        model: "m",
        item: {
          id: "ws_1",
          type: "web_search_call",
          status: "completed",
          action: { type: "search", query: "weather" }
        }
      }
    })
    assert.deepStrictEqual(answer[3], {
      type: "text",
      text: "Hello there",
      metadata: { openai: { model: "m", id: "msg_1", phase: "commentary" } }
    })
    assert.strictEqual(finishOf(parts).reason, "tool-calls")
  })

  for (const name of fixtures) {
    decodesAtEverySplit(name, decoder, bytes(name))
    survivesDamage(name, decoder, bytes(name))
  }
})

describe("the text of a Responses answer", () => {
  it("is not doubled by the end of the item or of the answer, however the server counts and names its items", () => {
    const text = "Hello there"
    const item = message(text)
    const addressed: ReadonlyArray<readonly [object, object, object]> = [
      [{}, item, {}],
      [{ item_id: "a" }, { ...item, id: "a" }, {}],
      [{ item_id: "a", output_index: 0 }, { ...item, id: "b" }, { output_index: 0 }],
      [{ item_id: "a" }, { ...item, id: "b" }, {}],
      [{ output_index: 3 }, { ...item, id: "b" }, { output_index: 3 }]
    ]
    for (const [of, full, more] of addressed) {
      const end = { type: "response.completed", response: { status: "completed", output: [full] } }
      for (const events of [
        [delta("Hello", of), delta(" there", of), done(full, more), end],
        [delta("Hello", of), done(full, more), end],
        [done(full, more), end],
        [end]
      ]) {
        const { fault, parts } = run(...events)
        assert.isUndefined(fault)
        assert.strictEqual(textOf(parts), text, JSON.stringify(events))
      }
    }
  })

  it("comes from the terminal event where no other event brought it", () => {
    const output = [message("one "), call('{"a":1}'), message("two")]
    const { parts } = run({ type: "response.completed", response: { status: "completed", output } })
    assert.strictEqual(textOf(parts), "one two")
    assert.deepStrictEqual(callsOf(parts), [["call_1", "F", { a: 1 }]])
  })

  it("is one block per item", () => {
    const { parts } = run(
      delta("one", { item_id: "a", output_index: 0 }),
      done(message("one", { id: "a" }), { output_index: 0 }),
      delta("two", { item_id: "b", output_index: 1 }),
      done(message("two", { id: "b" }), { output_index: 1 }),
      completed
    )
    assert.deepStrictEqual(
      collapse(parts).flatMap((part) => (part.type === "text" ? [[part.text, part.metadata]] : [])),
      [
        ["one", { openai: { model: "m", id: "a" } }],
        ["two", { openai: { model: "m", id: "b" } }]
      ]
    )
  })

  it("stays what the deltas said when the end of the item says something else", () => {
    const { parts } = run(delta("Hello"), done(message("Goodbye, friend")), completed)
    assert.strictEqual(textOf(parts), "Hello")
  })

  it("holds a refusal, and the answer ends with content-filter, streamed or whole", () => {
    const refusal = { type: "message", role: "assistant", content: [{ type: "refusal", refusal: "I can't." }] }
    for (const events of [
      [{ type: "response.refusal.delta", delta: "I can't." }, done(refusal), completed],
      [done(refusal), completed]
    ]) {
      const { parts } = run(...events)
      assert.strictEqual(textOf(parts), "I can't.")
      assert.strictEqual(finishOf(parts).reason, "content-filter")
    }
  })

  it("cites pages and files once; a URL that is none is left out", () => {
    const annotations = [
      { type: "url_citation", url: "https://a.example/x", title: "A" },
      { type: "url_citation", url: "https://a.example/x", title: "A again" },
      { type: "url_citation", url: "not a url" },
      { type: "file_citation", file_id: "file-1", filename: "notes.pdf", index: 3 },
      { type: "odd" }
    ]
    const item = { type: "message", content: [{ type: "output_text", text: "x", annotations }] }
    const { parts } = run(done(item), completed)
    assert.deepStrictEqual(
      parts.filter((part) => part.type === "source"),
      [
        { type: "source", sourceType: "url", id: "source_made_0", url: "https://a.example/x", title: "A" },
        {
          type: "source",
          sourceType: "document",
          id: "source_made_1",
          mediaType: "application/octet-stream",
          title: "notes.pdf",
          fileName: "notes.pdf"
        }
      ]
    )
  })

  it("may have a picture beside it", () => {
    const { parts } = run(done({ type: "image_generation_call", result: "aGk=", output_format: "webp" }), completed)
    assert.deepStrictEqual(parts[0], { type: "file", mediaType: "image/webp", data: "aGk=" })
  })

  it("goes on over events and items nobody knows", () => {
    const { fault, parts } = run(
      { type: "response.queued", response: { id: "r", status: "queued" } },
      { type: "response.web_search_call.searching", item_id: "ws" },
      { type: "response.something.new", message: "of no concern", code: "x" },
      done({ type: "new_kind_of_call", id: "n" }),
      delta("x"),
      completed
    )
    assert.isUndefined(fault)
    assert.strictEqual(textOf(parts), "x")
  })
})

describe("calls of a Responses answer", () => {
  it("take their arguments from the deltas, from arguments.done, from the item's end or from the answer's list", () => {
    const added = {
      type: "response.output_item.added",
      output_index: 0,
      item: { type: "function_call", id: "fc", call_id: "c", name: "F", arguments: "" }
    }
    const piece = (text: string) => ({
      type: "response.function_call_arguments.delta",
      item_id: "fc",
      output_index: 0,
      delta: text
    })
    const args = { type: "response.function_call_arguments.done", item_id: "fc", output_index: 0, arguments: '{"a":1}' }
    const item = { type: "function_call", id: "fc", call_id: "c", name: "F", arguments: '{"a":1}' }
    for (const events of [
      [added, piece('{"a"'), piece(":1}"), completed],
      [added, args, completed],
      [added, piece('{"a"'), args, done({ ...item, arguments: "" }), completed],
      [added, piece('{"a"'), done(item, { output_index: 0 }), completed],
      [done(item), completed],
      [added, { type: "response.completed", response: { output: [item] } }]
    ]) {
      const { fault, parts } = run(...events)
      assert.isUndefined(fault)
      assert.deepStrictEqual(callsOf(parts), [["c", "F", { a: 1 }]], JSON.stringify(events))
      const shown = parts.map((part) => (part.type === "tool-params-delta" ? part.delta : "")).join("")
      assert.strictEqual(shown, '{"a":1}')
      assert.strictEqual(finishOf(parts).reason, "tool-calls")
    }
  })

  it("get an id where the server sent none, or one that is taken", () => {
    const { parts } = run(
      done({ type: "function_call", name: "F", arguments: "{}", status: "completed" }),
      done(call("{}", { status: "completed" })),
      done(call("{}", { status: "completed" })),
      completed
    )
    assert.deepStrictEqual(
      callsOf(parts).map(([id]) => id),
      ["call_made_0", "call_1", "call_made_1"]
    )
  })

  it("without arguments have {} when the answer is complete", () => {
    assert.deepStrictEqual(callsOf(run(done(call("")), completed).parts), [["call_1", "F", {}]])
    assert.deepStrictEqual(callsOf(run(done(call("", { status: "completed" })), completed).parts), [
      ["call_1", "F", {}]
    ])
  })

  it("that were cut are left out, and never {}", () => {
    const cut = {
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }
    }
    for (const event of [
      done(call('{"a":', { status: "incomplete" })),
      done(call('{"a":')),
      done(call("")),
      done(call('{"a":1}', { status: "incomplete" }))
    ]) {
      const { fault, parts } = run(event, cut)
      assert.isUndefined(fault)
      assert.deepStrictEqual(callsOf(parts), [])
      assert.strictEqual(finishOf(parts).reason, "length")
    }
  })

  it("with arguments that are no object are the model's mistake, and nothing is called", () => {
    for (const args of ["{", "[1]", "12", '{"__proto__":{"x":1}}']) {
      const { fault, parts } = run(done(call(args, { status: "completed" })), completed)
      assert.strictEqual(fault?.verdict.errorType, "InvalidOutput", args)
      assert.deepStrictEqual(callsOf(parts), [])
    }
    assert.strictEqual(run(done({ type: "function_call" }), completed).fault?.verdict.errorType, "InvalidOutput")
  })
})

describe("the end of a Responses answer", () => {
  it("has a reason of effect/ai and the vendor's own word", () => {
    const ends: ReadonlyArray<readonly [object, string, string]> = [
      [{ status: "completed" }, "stop", "completed"],
      [{ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }, "length", "max_output_tokens"],
      [{ status: "incomplete", incomplete_details: { reason: "content_filter" } }, "content-filter", "content_filter"],
      [{ status: "incomplete", incomplete_details: { reason: "max_messages" } }, "other", "max_messages"],
      [{ status: "incomplete", incomplete_details: { reason: "steered" } }, "other", "steered"],
      [{ status: "incomplete", incomplete_details: null }, "other", "incomplete"]
    ]
    for (const [response, reason, word] of ends) {
      const streamed = run(delta("x"), { type: `response.${(response as { status: string }).status}`, response })
      const whole = decode([JSON.stringify({ id: "r", output: [message("x")], ...response })])
      for (const { parts } of [streamed, whole]) {
        assert.strictEqual(finishOf(parts).reason, reason)
        assert.deepStrictEqual(finishOf(parts).metadata, { openai: { finishReason: word } })
      }
    }
    assert.strictEqual(finishOf(decode([JSON.stringify({ output: [message("x")] })]).parts).reason, "stop")
  })

  it("is a failure when the bytes end without it, and [DONE] is no end either", () => {
    assert.strictEqual(run(delta("x"), done(message("x"))).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([stream(delta("x"))], true).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([""]).fault?.verdict.errorType, "Truncated")
    const nothing = stream({ type: "response.created", response: {} }, "[DONE]")
    assert.strictEqual(decode([nothing]).fault?.verdict.errorType, "Truncated")
    assert.strictEqual(decode([stream(delta("x"), "[DONE]")]).fault?.verdict.errorType, "Truncated")
  })

  it("is not waited for where a whole answer is still under way", () => {
    for (const body of [{ status: "queued", output: [] }, { status: "in_progress" }, { id: "r" }, []]) {
      assert.strictEqual(decode([JSON.stringify(body)]).fault?.verdict.errorType, "Protocol")
    }
  })

  it("counts; what comes after it does not", () => {
    const { fault, parts } = run(delta("x"), completed, { type: "error", code: "server_error", message: "late" })
    assert.isUndefined(fault)
    assert.strictEqual(finishOf(parts).reason, "stop")
  })

  it("keeps the id on every part where the vendor keeps the answer, so that a call can go on from it", () => {
    const { parts } = decodeWith(
      () => decoder(true),
      [
        stream(
          { type: "response.created", response: { id: "resp_7" } },
          done({ type: "reasoning", id: "rs", summary: [] }),
          done(message("x", { id: "msg" })),
          done(call("{}", { id: "fc", status: "completed" })),
          { type: "response.completed", response: { id: "resp_7", status: "completed" } }
        )
      ]
    )
    assert.deepStrictEqual(
      collapse(parts).flatMap((part) => (part.type === "finish" ? [] : [part.metadata?.["openai"]])),
      [
        undefined,
        { model: "m", id: "rs", responseId: "resp_7" },
        { model: "m", id: "msg", responseId: "resp_7" },
        { model: "m", id: "fc", responseId: "resp_7" }
      ]
    )
  })
})

describe("a failure inside a Responses stream", () => {
  const failures: ReadonlyArray<readonly [string, string, number]> = [
    ["rate_limit_exceeded", "RateLimited", 429],
    ["slow_down", "RateLimited", 429],
    ["insufficient_quota", "QuotaExhausted", 429],
    ["project_spend_limit_exceeded", "QuotaExhausted", 500],
    ["context_length_exceeded", "ContextLength", 500],
    ["content_policy_violation", "ContentFilter", 500],
    ["image_content_policy_violation", "ContentFilter", 400],
    ["invalid_prompt", "InvalidRequest", 400],
    ["image_file_not_found", "InvalidRequest", 400],
    ["previous_response_not_found", "InvalidRequest", 400],
    ["invalid_encrypted_content", "InvalidRequest", 400],
    ["model_not_found", "ModelNotFound", 404],
    ["server_is_overloaded", "Overloaded", 503],
    ["vector_store_timeout", "Overloaded", 504],
    ["server_error", "Overloaded", 500]
  ]

  it("is told by its words, in each of the shapes", () => {
    for (const [code, errorType, status] of failures) {
      const error = { code, message: "m", param: null }
      for (const { fault } of [
        run({ type: "error", ...error, sequence_number: 3 }),
        run({ type: "error", error: { type: "server_error_of_some_kind", ...error } }),
        run({ type: "response.failed", response: { id: "r", status: "failed", error } }),
        run({ error }),
        decode([`event: error\ndata: ${JSON.stringify({ error })}\n\n`]),
        decode([JSON.stringify({ id: "r", object: "response", status: "failed", error, output: [] })]),
        decode([JSON.stringify({ error })])
      ]) {
        assert.deepStrictEqual([fault?.verdict.errorType, fault?.status, fault?.words.code], [errorType, status, code])
      }
    }
  })

  it("without words is the server's", () => {
    const events = [
      { type: "response.failed", response: { status: "failed", error: null } },
      { type: "response.failed" },
      { type: "response.cancelled", response: { status: "cancelled" } }
    ]
    for (const event of events) assert.strictEqual(run(event).fault?.verdict.errorType, "Overloaded")
  })

  it("by a flagged prompt is the content policy's", () => {
    const { fault } = run({
      type: "error",
      code: "invalid_prompt",
      message: "Your prompt was flagged as potentially violating our usage policy."
    })
    assert.strictEqual(fault?.verdict.errorType, "ContentFilter")
    assert.strictEqual(fault?.verdict.otherTarget, false)
  })

  it("closes what is open, and a call that was announced", () => {
    const { fault, parts } = run(
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { type: "function_call", id: "fc", call_id: "c", name: "F" }
      },
      { type: "response.function_call_arguments.delta", output_index: 0, delta: "{" },
      delta("x", { output_index: 1 }),
      { type: "error", code: "server_error" }
    )
    assert.isDefined(fault)
    assert.deepStrictEqual(
      parts.map((part) => part.type),
      ["tool-params-start", "tool-params-delta", "text-start", "text-delta", "text-end", "tool-params-end"]
    )
  })

  it("is told for a piece that is no text, and for an event that is no object", () => {
    assert.strictEqual(
      run({ type: "response.output_text.delta", delta: { a: 1 } }).fault?.verdict.errorType,
      "Protocol"
    )
    assert.strictEqual(decode([stream([1])]).fault?.verdict.errorType, "Protocol")
    assert.isUndefined(run({ type: "response.output_text.delta" }, delta("x"), completed).fault)
  })
})
