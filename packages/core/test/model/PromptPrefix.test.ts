import { assert, describe, it } from "@effect/vitest"
import * as Hash from "@spillway/core/Hash"
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as PromptPrefix from "@spillway/core/PromptPrefix"
import fc from "fast-check"

const small = { blockSize: 8 }
const blocks = (texts: ReadonlyArray<string>, options: PromptPrefix.Options = small) =>
  PromptPrefix.of(texts, options).blocks()

const shared = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => {
  let n = 0
  while (n < a.length && a[n] === b[n]) n++
  return n
}

/** A prompt as one list: its characters, and a mark at the end of each text. */
const marks = (texts: ReadonlyArray<string>) => texts.flatMap((text) => [...text.split(""), "end of text"])

const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 })

describe("PromptPrefix", () => {
  it("shares hashes exactly as far as two prompts are equal, in whole blocks", () => {
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 6 }),
        fc.array(text, { maxLength: 4 }),
        fc.array(text, { maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        (head, one, other, blockSize) => {
          const [a, b] = [
            [...head, ...one],
            [...head, ...other]
          ]
          const [x, y] = [marks(a), marks(b)]
          let equal = 0
          while (equal < x.length && equal < y.length && x[equal] === y[equal]) equal++
          assert.strictEqual(shared(blocks(a, { blockSize }), blocks(b, { blockSize })), Math.floor(equal / blockSize))
        }
      ),
      { numRuns: 300 }
    )
  })

  it("never has equal hashes again once two prompts have parted", () => {
    const a = blocks(["one beginning, and the same long end of both"])
    const b = blocks(["two beginning, and the same long end of both"])
    assert.isEmpty(a.filter((hash) => b.includes(hash)))
  })

  it("grows with a conversation: earlier blocks stay", () => {
    const turns = ["You are helpful.", "What is the capital of France?", "Paris.", "And of Spain?"]
    const all = turns.map((_, n) => blocks(turns.slice(0, n + 1)))
    for (const [n, before] of all.slice(0, -1).entries())
      assert.strictEqual(shared(before, all[n + 1] ?? []), before.length)
  })

  it("tells emoji apart that a block boundary would cut", () => {
    const a = blocks(["1234567\u{1F600} and then more"])
    const b = blocks(["1234567\u{1F680} and then more"])
    assert.strictEqual(shared(a, b), 0)
    assert.strictEqual(a.length, b.length)
  })

  it("counts whole blocks only, 256 of 256 characters at most", () => {
    assert.deepStrictEqual(blocks([]), [])
    assert.deepStrictEqual(blocks(["1234567"], { blockSize: 9 }), [])
    assert.lengthOf(blocks(["x".repeat(255)], {}), 1)
    assert.lengthOf(blocks(["x".repeat(1_000_000)], {}), 256)
    assert.lengthOf(blocks(["x".repeat(1_000_000)], { maxBlocks: 3 }), 3)
  })

  it("reads nothing before somebody asks, once then, and not beyond the last block it keeps", () => {
    const read: Array<number> = []
    const prefix = PromptPrefix.of(
      function* () {
        for (let n = 0; n < 100; n++) {
          read.push(n)
          yield "x".repeat(7)
        }
      },
      { blockSize: 8, maxBlocks: 3 }
    )
    assert.isEmpty(read)
    const first = prefix.blocks()
    assert.deepStrictEqual(read, [0, 1, 2])
    assert.strictEqual(prefix.blocks(), first)
    assert.lengthOf(read, 3)
  })

  it("shows no text to whoever prints it", () => {
    const prefix = PromptPrefix.of(["a secret"])
    assert.strictEqual(JSON.stringify(prefix), "{}")
    assert.isFalse(Object.values(prefix).some((value) => String(value).includes("secret")))
  })

  it("gives the same hashes in every process", () => {
    assert.deepStrictEqual(blocks(["12345678", "x"]), [Hash.mix(0, Hash.text("12345678"))])
    assert.deepStrictEqual(blocks(["abcdefgh"], { blockSize: 9 }), [vector])
  })

  it("refuses sizes that are none", () => {
    for (const options of [{ blockSize: 0 }, { maxBlocks: 0 }, { blockSize: 1.5 }, { size: 1 }]) {
      assert.throws(() => PromptPrefix.of([], options), InvalidOption)
    }
  })
})

/** Of this version: where it changes, processes of two versions do not agree. */
const vector = 7503581492108472
