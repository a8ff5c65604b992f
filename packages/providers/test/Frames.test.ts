import { EventStreamCodec, Int64 } from "@smithy/eventstream-codec"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { crc32 } from "../src/internal/frames/Crc32.ts"
import * as FrameReader from "../src/internal/frames/FrameReader.ts"
import * as EventStream from "./support/EventStream.ts"

interface Seen {
  readonly frames: Array<{ readonly headers: Record<string, unknown>; readonly payload: Uint8Array }>
  readonly damage: Array<string>
}

const read = (pieces: ReadonlyArray<Uint8Array>): Seen => {
  const seen: Seen = { frames: [], damage: [] }
  const reader = FrameReader.make({
    // A payload is on loan: the reader uses its memory again.
    frame: ({ headers, payload }) =>
      seen.frames.push({ headers: Object.fromEntries(headers), payload: payload.slice() }),
    damaged: (what) => seen.damage.push(what)
  })
  for (const piece of pieces) reader.feed(piece)
  return seen
}

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === "string" ? bytes : Buffer.from(bytes as Uint8Array).toString("utf8")),
  (text) => new Uint8Array(Buffer.from(text))
)

/** A header as the witness writes it. */
const forWitness = (header: EventStream.Header) => {
  switch (header.type) {
    case "long": {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(header.value)
      return { type: "long" as const, value: new Int64(new Uint8Array(bytes)) }
    }
    case "timestamp":
      return { type: "timestamp" as const, value: new Date(Number(header.value)) }
    default:
      return header as never
  }
}

/** What the witness read, in the words of our reader. */
const ofWitness = (headers: ReturnType<EventStreamCodec["decode"]>["headers"]) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, { type, value }]) => {
      if (type === "timestamp") return [name, BigInt(value.getTime())]
      return [name, value instanceof Int64 ? Buffer.from(value.bytes).readBigInt64BE() : value]
    })
  )

const header: fc.Arbitrary<EventStream.Header> = fc.oneof(
  fc.record({ type: fc.constant("boolean" as const), value: fc.boolean() }),
  fc.record({ type: fc.constant("byte" as const), value: fc.integer({ min: -128, max: 127 }) }),
  fc.record({ type: fc.constant("short" as const), value: fc.integer({ min: -32768, max: 32767 }) }),
  fc.record({ type: fc.constant("integer" as const), value: fc.integer() }),
  fc.record({ type: fc.constant("long" as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ type: fc.constant("timestamp" as const), value: fc.bigInt({ min: 0n, max: 4_102_444_800_000n }) }),
  fc.record({ type: fc.constant("binary" as const), value: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ type: fc.constant("string" as const), value: fc.string({ unit: "grapheme", maxLength: 40 }) }),
  fc.record({ type: fc.constant("uuid" as const), value: fc.uuid() })
)
const name = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 }).filter((text) => text !== "__proto__")
const message = fc.record({
  headers: fc.uniqueArray(fc.tuple(name, header), { maxLength: 6, selector: ([name]) => name }),
  payload: fc.uint8Array({ maxLength: 200 })
})

const frames = [EventStream.event("one", { a: 1 }), EventStream.frame([], ""), EventStream.event("three", "ünï")]
const three = EventStream.join(...frames)
/** Where each frame ends. */
const ends = frames.map((_, i) => EventStream.join(...frames.slice(0, i + 1)).length)

describe("frames", () => {
  it("have the checksum of zip", () => {
    assert.strictEqual(crc32(Buffer.from("123456789")), 0xcbf43926)
    assert.strictEqual(crc32(new Uint8Array(0)), 0)
  })

  it("are read as AWS's codec writes and reads them", () => {
    fc.assert(
      fc.property(message, ({ headers, payload }) => {
        const wanted = Object.fromEntries(headers.map(([name, header]) => [name, forWitness(header)]))
        const written = codec.encode({ headers: wanted, body: payload })
        // The witness writes in the order of an object: names that are numbers come first.
        const ours = EventStream.frame(Object.entries(Object.fromEntries(headers)), payload)
        assert.deepStrictEqual(Buffer.from(ours), Buffer.from(written))
        const decoded = codec.decode(ours)
        assert.deepStrictEqual(read([written]), {
          frames: [{ headers: ofWitness(decoded.headers), payload }],
          damage: []
        })
      }),
      { numRuns: 100 }
    )
  })

  it("are the same at every split", () => {
    const whole = read([three])
    assert.strictEqual(whole.frames.length, 3)
    assert.strictEqual(Buffer.from(whole.frames[2]?.payload ?? []).toString(), "ünï")
    for (let first = 0; first <= three.length; first++) {
      for (let second = first; second <= three.length; second += 29) {
        const pieces = [three.slice(0, first), three.slice(first, second), three.slice(second)]
        assert.deepStrictEqual(read(pieces), whole, `${first}, ${second}`)
      }
    }
    assert.deepStrictEqual(read(Array.from(three, (byte) => Uint8Array.of(byte))), whole)
  })

  it("end at the first damage, told once, whichever byte it hits", () => {
    for (let at = 0; at < three.length; at++) {
      for (const bit of [0, 7]) {
        const bytes = three.slice()
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
        const whole = read([bytes])
        assert.strictEqual(whole.damage.length, 1, `byte ${at}`)
        assert.strictEqual(whole.frames.length, ends.filter((end) => end <= at).length, `byte ${at}`)
        assert.deepStrictEqual(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), whole, `byte ${at}`)
      }
    }
  })

  it("that are cut are neither given out nor damaged", () => {
    const one = EventStream.event("one", { a: 1 })
    for (let end = 0; end < one.length; end++) {
      assert.deepStrictEqual(read([one.slice(0, end)]), { frames: [], damage: [] })
    }
  })

  it("of a length nobody believes are refused before more of them has come", () => {
    const refused = (announced: number) =>
      read([EventStream.frameOf(new Uint8Array(0), new Uint8Array(0), announced).slice(0, 12)]).damage
    for (const announced of [16 * 1024 * 1024 + 1, 0x7fffffff, 0xffffffff]) {
      assert.deepStrictEqual(refused(announced), ["A frame is larger than a frame can be"])
    }
    for (const announced of [0, 15]) assert.deepStrictEqual(refused(announced), ["A frame's lengths do not add up"])
    assert.deepStrictEqual(refused(16 * 1024 * 1024), [])
    const headers = EventStream.frameOf(new Uint8Array(40), new Uint8Array(0), 55)
    assert.deepStrictEqual(read([headers.slice(0, 12)]).damage, ["A frame's lengths do not add up"])
    const long = EventStream.frameOf(new Uint8Array(128 * 1024 + 1), new Uint8Array(0))
    assert.deepStrictEqual(read([long]).damage, ["A frame is larger than a frame can be"])
  })

  it("with headers that cannot be read are damage", () => {
    const bad: ReadonlyArray<ReadonlyArray<number>> = [
      [5, 97],
      [1, 97],
      [1, 97, 10],
      [1, 97, 255, 0],
      [1, 97, 4, 0, 0],
      [1, 97, 7, 0],
      [1, 97, 7, 0, 5, 98],
      [1, 97, 9, 1, 2],
      [1, 0xff, 0],
      [1, 97, 7, 0, 1, 0xff]
    ]
    for (const headers of bad) {
      const seen = read([EventStream.frameOf(Uint8Array.from(headers), new Uint8Array(3))])
      assert.deepStrictEqual(seen, { frames: [], damage: ["A frame has headers that cannot be read"] }, `${headers}`)
    }
    const proto = EventStream.frame([["__proto__", { type: "string", value: "x" }]], "")
    assert.strictEqual(read([proto]).damage.length, 0)
  })

  it("of a megabyte come together from small chunks", () => {
    const payload = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31) & 0xff)
    const bytes = EventStream.join(EventStream.frameOf(new Uint8Array(0), payload), three)
    const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) =>
      bytes.slice(i * 1000, (i + 1) * 1000)
    )
    const seen = read(pieces)
    assert.strictEqual(seen.frames.length, 4)
    assert.isTrue(Buffer.from(payload).equals(seen.frames[0]?.payload ?? new Uint8Array(0)))
  })
})
