import { assert, describe, it } from "@effect/vitest"
import { Latency } from "@spillway/providers/testing"
import fc from "fast-check"
import { generator, hash } from "../../src/testing/internal/Chance.ts"

const draws = (latency: Latency.Latency, n: number, seed = 7) => {
  const rng = generator(seed)
  return Array.from({ length: n }, () => latency(rng)).sort((a, b) => a - b)
}

describe("Latency", () => {
  it("constant is always the same, in any unit", () => {
    assert.deepStrictEqual(draws(Latency.constant("1.5 seconds"), 3), [1500, 1500, 1500])
  })

  it("uniform stays between its ends and covers them evenly", () => {
    const n = 10_000
    const all = draws(Latency.uniform(100, 300), n)
    assert.isAtLeast(all[0] ?? 0, 100)
    assert.isBelow(all[n - 1] ?? 0, 300)
    const low = all.filter((value) => value < 150).length / n
    assert.closeTo(low, 0.25, 5 * Math.sqrt((0.25 * 0.75) / n)) // five sigma
  })

  it("logNormal has the median and the tail that its parameters say", () => {
    const n = 20_000
    const all = draws(Latency.logNormal(200, 0.5), n)
    const below = (limit: number) => all.filter((value) => value < limit).length / n
    assert.closeTo(below(200), 0.5, 5 * Math.sqrt(0.25 / n)) // five sigma
    // one standard deviation of the logarithm: P(Z < 1) = 0.8413
    assert.closeTo(below(200 * Math.exp(0.5)), 0.8413, 5 * Math.sqrt((0.8413 * 0.1587) / n))
  })

  it("mixture takes the rare one as often as it says", () => {
    const n = 10_000
    const rare = draws(Latency.mixture(0.1, 1000, 10), n).filter((value) => value === 1000).length / n
    assert.closeTo(rare, 0.1, 5 * Math.sqrt((0.1 * 0.9) / n)) // five sigma
  })

  it("a distribution of your own never goes below zero", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        assert.isAtLeast(
          Latency.from("test", () => value)(() => 0.5),
          0
        )
      })
    )
  })

  it("names the option that is wrong", () => {
    assert.throws(() => Latency.constant(-1), /Latency.constant: duration must be a duration >= 0/)
    assert.throws(() => Latency.constant(Number.NaN), /Latency.constant: duration/)
    assert.throws(() => Latency.uniform(5, 4), /Latency.uniform: maximum/)
    assert.throws(() => Latency.logNormal(5, -1), /Latency.logNormal: sigma/)
    assert.throws(() => Latency.mixture(1.5, 1, 1), /Latency.mixture: probability/)
  })
})

describe("Chance", () => {
  it("mulberry32 agrees with its definition in unbounded integers", () => {
    // T. Ettinger's C, with its 32-bit wrap written out as a mask.
    const reference = (seed: bigint) => {
      const mask = 0xffffffffn
      const state = (seed + 0x6d2b79f5n) & mask
      let bits = ((state ^ (state >> 15n)) * (state | 1n)) & mask
      bits ^= (bits + (((bits ^ (bits >> 7n)) * (bits | 61n)) & mask)) & mask
      return Number((bits ^ (bits >> 14n)) & mask) / 2 ** 32
    }
    for (const seed of [0, 1, 42, 0xffffffff]) assert.strictEqual(generator(seed)(), reference(BigInt(seed)))
  })

  it("hash tells neighbours apart in every bit", () => {
    const n = 2000
    const ones = new Array<number>(32).fill(0)
    for (let i = 0; i < n; i++) {
      const bits = hash(`1/m/${i}`)
      for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] ?? 0) + ((bits >>> bit) & 1)
    }
    for (const count of ones) assert.closeTo(count / n, 0.5, 5 * Math.sqrt(0.25 / n)) // five sigma
  })
})
