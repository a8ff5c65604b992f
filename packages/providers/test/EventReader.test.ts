import { Sse } from "effect/encoding"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as BodyReader from "../src/internal/sse/BodyReader.ts"
import * as EventReader from "../src/internal/sse/EventReader.ts"

type Event = readonly [name: string, data: string]

const read = (texts: ReadonlyArray<string>, ended = true): Array<Event> => {
  const events: Array<Event> = []
  const reader = EventReader.make((name, data) => events.push([name, data]))
  for (const text of texts) assert.isTrue(reader.feed(text))
  if (ended) reader.end()
  return events
}

const witness = (texts: ReadonlyArray<string>): Array<Event> => {
  const events: Array<Event> = []
  const parser = Sse.makeParser((event) => {
    if (event._tag === "Event") events.push([event.event, event.data])
  })
  for (const text of texts) assert.isUndefined(parser.feed(text))
  return events
}

/** The witness calls an event without a name `message`. */
const named = (events: ReadonlyArray<Event>): Array<Event> => events.map(([name, data]) => [name || "message", data])

const pieces = [
  "\r",
  "\n",
  "\r\n",
  "\n\n",
  "\r\r",
  "\r\n\r\n",
  "\n\r",
  "\uFEFF",
  ":",
  ": ping",
  " ",
  "  ",
  "\t",
  "\0",
  "data",
  "data:",
  "data: ",
  "data:  x",
  " data: x",
  "data : x",
  "Data: x",
  "datax: 1",
  "data\uFEFF: x",
  "event",
  "event:",
  "event: x",
  "event:message",
  "retry:",
  "retry: 5",
  "retry: x",
  "id",
  "id: 1",
  "id: \0",
  "\u2028",
  "\u2029",
  "\u0085",
  "\v",
  "\f",
  "a:b",
  "é",
  "漢字",
  "👍",
  "\ud83d",
  "x",
  '{"a":"b: c"}'
]

const ends = fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n")
const someLine = fc.tuple(fc.constantFrom("data:", "data: {}", "data", "event: x", "event:", "id: 1", ": ping"), ends)
const someText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...pieces),
      someLine.map(([line, end]) => line + end)
    ),
    { maxLength: 40 }
  )
  .map((all) => all.join(""))
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })

const cut = <A>(length: number, shares: ReadonlyArray<number>, slice: (from: number, to: number) => A): Array<A> => {
  const at = [0, ...shares.map((share) => Math.floor(share * length)).sort((a, b) => a - b), length]
  return at.slice(1).map((end, i) => slice(at[i] ?? 0, end))
}

const splitText = (text: string, shares: ReadonlyArray<number>) =>
  cut(text.length, shares, (from, to) => text.slice(from, to))

describe("EventReader", () => {
  it("tells the events that Effect's parser tells, at any split", () => {
    let told = 0
    fc.assert(
      fc.property(someText, cuts, (text, shares) => {
        const expected = witness([text])
        told += expected.length
        assert.deepStrictEqual(named(read([text], false)), expected)
        assert.deepStrictEqual(named(read(splitText(text, shares), false)), expected)
        assert.deepStrictEqual(named(read(text.split(""), false)), expected)
      }),
      { numRuns: 300 }
    )
    assert.isAbove(told, 100, "the texts hold events")
  })

  it("tells an unterminated event at the end, as if its blank line had come", () => {
    fc.assert(
      fc.property(someText, cuts, (text, shares) => {
        assert.deepStrictEqual(named(read(splitText(text, shares))), witness([text, "\n", "\n"]))
      }),
      { numRuns: 200 }
    )
    assert.deepStrictEqual(read(["data: a\n\ndata: b"]), [
      ["", "a"],
      ["", "b"]
    ])
    assert.deepStrictEqual(read(["data: a\n\nevent: b"]), [["", "a"]])
  })

  it("takes CR LF across a split for one line end, and two CRs for two", () => {
    assert.deepStrictEqual(read(["data: a\r", "\ndata: b\r", "\n\r", "\n"], false), [["", "a\nb"]])
    assert.deepStrictEqual(read(["data: a\r", "\rdata: b\r", "", "\n\n"], false), [
      ["", "a"],
      ["", "b"]
    ])
    assert.deepStrictEqual(read(["data: a\r", "", "\ndata: b\n\n"], false), [["", "a\nb"]])
  })

  it("drops one byte order mark, at the beginning only", () => {
    assert.deepStrictEqual(read(["", "\uFEFF", "data: a\n\n"]), [["", "a"]])
    assert.deepStrictEqual(read(["\uFEFF\uFEFFdata: a\n\ndata: b\n\n"]), [["", "b"]])
    assert.deepStrictEqual(read(["data: a\n\n\uFEFFdata: b\n\ndata: \uFEFFc\n\n"]), [
      ["", "a"],
      ["", "\uFEFFc"]
    ])
  })

  it("leaves a name behind with its event, told or not", () => {
    assert.deepStrictEqual(
      read(["event: a\ndata: 1\n\ndata: 2\n\nevent: b\n\ndata: 3\n\nevent: c\nevent:\ndata: 4\n\n"]),
      [
        ["a", "1"],
        ["", "2"],
        ["", "3"],
        ["", "4"]
      ]
    )
  })

  it("tells a field `error` as an event of that name", () => {
    assert.deepStrictEqual(read(['error: {"code":500}\n\n', "event: x\nerror:y\n\n", "data: z\n\n"]), [
      ["error", '{"code":500}'],
      ["error", "y"],
      ["", "z"]
    ])
    assert.deepStrictEqual(witness(["error: x\n\n"]), [], "the witness does not know it")
  })

  it("says when an event is longer than an event can be, in one line or in many", () => {
    const piece = "x".repeat(1024 * 1024)
    for (const [first, next] of [
      ["data: ", piece],
      ["data:\n", `data: ${piece}\n`]
    ] as const) {
      const reader = EventReader.make(() => assert.fail("no event has ended"))
      assert.isTrue(reader.feed(first))
      for (let i = 0; i < 9; i++) assert.isTrue(reader.feed(next))
      assert.isFalse(reader.feed(next) && reader.feed(next))
    }
    let events = 0
    const reader = EventReader.make(() => events++)
    for (let i = 0; i < 12; i++) assert.isTrue(reader.feed(`data: ${piece}\n\n`), "many events may be longer together")
    assert.strictEqual(events, 12)
  })

  it("looks at each character once, whatever ends the lines", () => {
    for (const text of [
      "\r".repeat(20_000),
      `${"\n".repeat(20_000)}\r`,
      `${"\r".repeat(20_000)}\n`,
      "x\r\n".repeat(10_000)
    ]) {
      let searched = 0
      const counting = new Proxy(Object(text) as object, {
        get: (target, key) => {
          if (key === "indexOf") {
            return (what: string, from: number) => {
              const at = text.indexOf(what, from)
              searched += (at < 0 ? text.length : at) - from
              return at
            }
          }
          const value = Reflect.get(target, key, target) as unknown
          return typeof value === "function" ? value.bind(text) : value
        }
      }) as unknown as string
      EventReader.make(() => assert.fail("no event is here")).feed(counting)
      assert.isAbove(searched, 0)
      assert.isAtMost(searched, 2 * text.length)
    }
  })
})

describe("BodyReader", () => {
  const readBytes = (chunks: ReadonlyArray<Uint8Array>) => {
    const seen: Array<unknown> = []
    const reader = BodyReader.make({
      event: (name, data, last) => seen.push(last ? [name, data, "last"] : [name, data]),
      json: (text) => seen.push({ json: JSON.parse(text) }),
      html: () => seen.push("html"),
      tooLarge: () => seen.push("too large")
    })
    for (const chunk of chunks) reader.feed(chunk)
    reader.end()
    return seen
  }
  const bytes = (text: string) => new TextEncoder().encode(text)

  it("reads the same at every split, also within a byte order mark and within a character", () => {
    for (const [text, expected] of [
      [
        "\uFEFFdata: é漢👍\n\ndata: b",
        [
          ["", "é漢👍"],
          ["", "b", "last"]
        ]
      ],
      ["\n\n \uFEFFdata: a\r\n\r\n", [["", "a"]]],
      ['\uFEFF{"a":"👍"}', [{ json: { a: "👍" } }]],
      ['\r\n\n\uFEFF [{"a":1}]\n', [{ json: [{ a: 1 }] }]],
      ["\uFEFF<html>", ["html"]],
      ["\n \r\uFEFF", []]
    ] as const) {
      const all = bytes(text)
      for (let at = 0; at <= all.length; at++) {
        assert.deepStrictEqual(readBytes([all.subarray(0, at), all.subarray(at)]), [...expected], `${text} at ${at}`)
      }
      assert.deepStrictEqual(readBytes(Array.from(all, (byte) => Uint8Array.of(byte))), [...expected])
    }
  })

  it("tells the events of the text, at any split of the bytes", () => {
    fc.assert(
      fc.property(someText, cuts, (text, shares) => {
        const all = bytes(`data: begin\n${text}`)
        const expected = named(read([new TextDecoder().decode(all)]))
        const split = readBytes(cut(all.length, shares, (from, to) => all.subarray(from, to)))
        assert.deepStrictEqual(
          named(split.map((event) => (event as Array<string>).slice(0, 2) as unknown as Event)),
          expected
        )
      }),
      { numRuns: 200 }
    )
  })
})
