import { assert, describe, it } from "@effect/vitest"
import * as Hash from "@spillway/core/Hash"
import { Seeded } from "@spillway/core/testing"
import fc from "fast-check"

const utf8 = (text: string) => {
  const [a, b] = Hash.bytes(new TextEncoder().encode(text))
  return (b & 0x1f_ffff) * 2 ** 32 + a
}

describe("Hash", () => {
  it("is MurmurHash3 x86_128: the verification value of SMHasher (Murmur3C, 0xB3ECE62A)", () => {
    // SMHasher, main.cpp and KeysetTest.cpp: keys {0, 1, ..., i-1} with seed 256-i, their hashes hashed with seed 0.
    const keys = Uint8Array.from({ length: 256 }, (_, i) => i)
    const hashes = new DataView(new ArrayBuffer(256 * 16))
    for (let i = 0; i < 256; i++) {
      Hash.bytes(keys.subarray(0, i), 256 - i).forEach((word, k) => {
        hashes.setUint32(i * 16 + k * 4, word, true)
      })
    }
    assert.strictEqual(Hash.bytes(new Uint8Array(hashes.buffer))[0], 0xb3ece62a)
  })

  it("hashes a text by its UTF-8, whatever its length and characters", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "grapheme", maxLength: 80 }), fc.string({ unit: "binary-ascii", maxLength: 80 })),
        (text) => {
          assert.strictEqual(Hash.text(text), utf8(text))
        }
      ),
      { numRuns: 200 }
    )
    for (const length of [39, 40, 41, 1365, 1366, 5000]) {
      for (const unit of ["a", "é", "€"]) {
        const text = unit.repeat(length)
        assert.strictEqual(Hash.text(text), utf8(text), `${length} of ${unit}`)
      }
    }
  })

  it("leaves nothing of one text in the next", () => {
    const before = ["", "abc", "a".repeat(33), "ü"].map((text) => Hash.text(text))
    Hash.text("€".repeat(3000))
    Hash.text("z".repeat(1300))
    assert.deepStrictEqual(
      ["", "abc", "a".repeat(33), "ü"].map((text) => Hash.text(text)),
      before
    )
  })

  it("is an integer in [0, 2^53), and another one with another seed", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer(), (a, b, seed) => {
        for (const hash of [Hash.text(a, seed), Hash.mix(Hash.text(a), Hash.text(b))]) {
          assert.isTrue(Number.isSafeInteger(hash) && hash >= 0)
          assert.strictEqual(Hash.high(hash) * 2 ** 32 + Hash.low(hash), hash)
          assert.isTrue(Hash.unit(hash) > 0 && Hash.unit(hash) < 1)
        }
        assert.notStrictEqual(Hash.text(a, seed), Hash.text(a, seed + 1))
      }),
      { numRuns: 200 }
    )
  })

  const flipped = (a: number, b: number): Array<number> => {
    const low = Hash.low(a) ^ Hash.low(b)
    const high = Hash.high(a) ^ Hash.high(b)
    return Array.from({ length: 53 }, (_, i) => (i < 32 ? (low >>> i) & 1 : (high >>> (i - 32)) & 1))
  }

  /** Every bit of the hash changes with every second flipped bit of the input: n flips each, five sigma. */
  const avalanche = (n: number, pair: () => readonly [number, number]) => {
    const changes = new Array<number>(53).fill(0)
    for (let i = 0; i < n; i++) {
      flipped(...pair()).forEach((bit, k) => {
        changes[k] = (changes[k] ?? 0) + bit
      })
    }
    for (const [bit, count] of changes.entries()) {
      assert.isBelow(Math.abs(count - n / 2), 5 * Math.sqrt(n / 4), `bit ${bit}`)
    }
  }

  it("turns half of its bits when one bit of the text turns: 8,000 flips, five sigma for each bit", () => {
    const rng = Seeded.rng(1)
    avalanche(8_000, () => {
      const codes = Array.from({ length: 1 + Seeded.int(rng, 24) }, () => Seeded.int(rng, 128))
      const other = [...codes]
      const at = Seeded.int(rng, codes.length)
      other[at] = (codes[at] ?? 0) ^ (1 << Seeded.int(rng, 7))
      return [Hash.text(String.fromCharCode(...codes)), Hash.text(String.fromCharCode(...other))]
    })
  })

  it("mixes as well: one bit of either hash turns half of the bits, and order matters", () => {
    const rng = Seeded.rng(2)
    const hash = () => Seeded.int(rng, 2 ** 21) * 2 ** 32 + Seeded.int(rng, 2 ** 32)
    const turned = (of: number) => {
      const bit = Seeded.int(rng, 53)
      const [low, high] = [Hash.low(of), Hash.high(of)]
      return bit < 32 ? high * 2 ** 32 + ((low ^ (1 << bit)) >>> 0) : (high ^ (1 << (bit - 32))) * 2 ** 32 + low
    }
    for (const which of [0, 1]) {
      avalanche(8_000, () => {
        const [a, b] = [hash(), hash()]
        return [Hash.mix(a, b), which === 0 ? Hash.mix(turned(a), b) : Hash.mix(a, turned(b))]
      })
    }
    const [a, b] = [hash(), hash()]
    assert.notStrictEqual(Hash.mix(a, b), Hash.mix(b, a))
  })

  it("spreads keys that look alike evenly: 40,000 into 64 buckets by each end of the hash, five sigma", () => {
    const buckets = 64
    const n = 40_000
    for (const of of [Hash.low, Hash.high, (hash: number) => Math.floor(Hash.unit(hash) * 2 ** 20)]) {
      const counts = new Array<number>(buckets).fill(0)
      for (let i = 0; i < n; i++) {
        const bucket = of(Hash.text(`user-${i}`)) % buckets
        counts[bucket] = (counts[bucket] ?? 0) + 1
      }
      const mean = n / buckets
      // Chi-squared with 63 degrees of freedom: mean 63, variance 126.
      const chi = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
      assert.isBelow(Math.abs(chi - (buckets - 1)), 5 * Math.sqrt(2 * (buckets - 1)))
    }
  })
})
