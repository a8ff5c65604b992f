import { assert, describe, it } from "@effect/vitest"
import { chunk, decode, finishOf, stream } from "./support/Fixtures.ts"

type Delta = Record<string, unknown>

const fn = (name: string | undefined, args: unknown, more: Delta = {}): Delta => ({
  ...more,
  function: { ...(name === undefined ? {} : { name }), ...(args === undefined ? {} : { arguments: args }) }
})

/** Decodes one delta per chunk (a list: several in one chunk), ended by `word`. */
const run = (deltas: ReadonlyArray<Delta | ReadonlyArray<Delta>>, word = "tool_calls") => {
  const chunks = deltas.map((delta) => chunk({ tool_calls: Array.isArray(delta) ? delta : [delta] }))
  const { parts, fault } = decode([stream(...chunks, chunk({}, word), "[DONE]")])
  const calls = parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name, part.params]] : []))
  const starts = parts.filter((part) => part.type === "tool-params-start").length
  const ends = parts.filter((part) => part.type === "tool-params-end").length
  assert.strictEqual(starts, ends)
  return { calls, fault, parts }
}

describe("tool calls", () => {
  it("are put together by index", () => {
    const { calls } = run([
      fn("F", '{"a"', { index: 0, id: "x" }),
      fn("G", "{", { index: 1, id: "y" }),
      fn(undefined, ":1}", { index: 0 }),
      fn(undefined, "}", { index: 1 })
    ])
    assert.deepStrictEqual(calls, [
      ["x", "F", { a: 1 }],
      ["y", "G", {}]
    ])
  })

  it("are put together by id when it stands on every delta and the index is missing", () => {
    const { calls } = run([
      fn("F", '{"a"', { id: "x" }),
      fn("G", '{"b"', { id: "y" }),
      fn("F", ":1}", { id: "x" }),
      fn("G", ":2}", { id: "y" })
    ])
    assert.deepStrictEqual(calls, [
      ["x", "F", { a: 1 }],
      ["y", "G", { b: 2 }]
    ])
  })

  it("go on over empty ids and blank names, as DashScope and Mistral send them", () => {
    const { calls } = run([
      fn("F", '{"a"', { index: 0, id: "x" }),
      fn("", ":", { index: 0, id: "" }),
      fn(" ", "1}", { index: 0, id: "" })
    ])
    assert.deepStrictEqual(calls, [["x", "F", { a: 1 }]])
  })

  it("go on without id, index and name when only one is open", () => {
    const { calls } = run([fn("F", "{", { id: "x" }), fn(undefined, "}")])
    assert.deepStrictEqual(calls, [["x", "F", {}]])
  })

  it("begin anew when an index is used again with another id and name", () => {
    const { calls } = run([fn("F", "{}", { index: 0, id: "x" }), fn("G", "{}", { index: 0, id: "y" })])
    assert.deepStrictEqual(calls, [
      ["x", "F", {}],
      ["y", "G", {}]
    ])
  })

  it("stay one call when the id changes on every delta of an index", () => {
    const { calls } = run([fn("F", "{", { index: 0, id: "x" }), fn(undefined, "}", { index: 0, id: "z" })])
    assert.deepStrictEqual(calls, [["x", "F", {}]])
  })

  it("are two when one id serves two calls, and then have two ids", () => {
    const { calls } = run([fn("F", '{"a":1}', { index: 0, id: "x" }), fn("F", '{"a":2}', { index: 1, id: "x" })])
    assert.deepStrictEqual(calls, [
      ["x", "F", { a: 1 }],
      ["call_made_0", "F", { a: 2 }]
    ])
  })

  it("are two when whole calls of one tool come without id and index, as Gemini sends them", () => {
    const { calls } = run([[fn("F", '{"a":1}', { id: "" }), fn("F", '{"a":2}', { id: "" })]])
    assert.deepStrictEqual(calls, [
      ["call_made_0", "F", { a: 1 }],
      ["call_made_1", "F", { a: 2 }]
    ])
  })

  it("stay one when name and id are repeated and the last delta is empty", () => {
    const { calls } = run([
      fn("F", '{"a":1}', { index: 0, id: "x" }),
      fn("F", "", { index: 0, id: "x" }),
      fn("F", "", { id: "x" })
    ])
    assert.deepStrictEqual(calls, [["x", "F", { a: 1 }]])
  })

  it("take a late name, an index that starts at 1 and arguments as an object", () => {
    const { calls } = run([fn(undefined, undefined, { index: 1, id: "x" }), fn("F", { a: 1 }, { index: 1 })])
    assert.deepStrictEqual(calls, [["x", "F", { a: 1 }]])
  })

  it("take the old function_call form", () => {
    const { parts } = decode([
      stream(
        chunk({ function_call: { name: "F", arguments: '{"a":' } }),
        chunk({ function_call: { arguments: "1}" } }),
        chunk({}, "function_call")
      )
    ])
    assert.deepInclude(
      parts.find((part) => part.type === "tool-call"),
      { name: "F", params: { a: 1 } }
    )
    assert.strictEqual(finishOf(parts).reason, "tool-calls")
  })

  it("have {} as parameters when the arguments are an empty text", () => {
    assert.deepStrictEqual(run([fn("F", "", { id: "x" })]).calls, [["x", "F", {}]])
  })

  it("end as tool-calls although the finish word is stop", () => {
    assert.strictEqual(finishOf(run([fn("F", "{}", { id: "x" })], "stop").parts).reason, "tool-calls")
  })

  for (const args of ['{"a":', "nonsense", "[1]", '"text"', "null", '{"__proto__":{"x":1}}']) {
    it(`are an error, never {}, when the arguments are ${args}`, () => {
      const { calls, fault } = run([fn("F", args, { id: "x" })])
      assert.deepStrictEqual(calls, [])
      assert.deepInclude(fault?.verdict, {
        reason: "InvalidOutput",
        health: "none",
        sameTarget: true,
        otherTarget: true
      })
    })
  }

  it("are left out when the answer was cut by its length, and the whole ones are kept", () => {
    const { calls, parts, fault } = run(
      [
        fn("F", '{"a":1}', { index: 0, id: "x" }),
        fn("F", '{"a":', { index: 1, id: "y" }),
        fn("F", "", { index: 2, id: "z" })
      ],
      "length"
    )
    assert.isUndefined(fault)
    assert.deepStrictEqual(calls, [["x", "F", { a: 1 }]])
    assert.strictEqual(finishOf(parts).reason, "length")
  })

  it("fail when a piece could belong to two of them", () => {
    const { fault } = run([fn("F", "{", { id: "x" }), fn("G", "{", { id: "y" }), fn(undefined, "}")])
    assert.strictEqual(fault?.verdict.reason, "InvalidResponse")
  })

  it("carry Google's extra content", () => {
    const extra_content = { google: { thought_signature: "s" } }
    const { parts } = run([fn("F", "{}", { id: "x", extra_content })])
    assert.deepInclude(
      parts.find((part) => part.type === "tool-call"),
      { metadata: { test: { extra: extra_content } } }
    )
  })
})
