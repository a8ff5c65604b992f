import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Seeded from "../../src/testing/Seeded.ts"

describe("Seeded", () => {
  it("gives the published numbers of xoshiro128**", () => {
    // rand_xoshiro, xoshiro128starstar.rs, test `reference`: made with the authors' xoshiro128starstar.c 1.1.
    const next = Seeded.uint32([1, 2, 3, 4])
    assert.deepStrictEqual(
      Array.from({ length: 10 }, next),
      [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]
    )
  })

  it("repeats itself for a seed, stays in [0, 1) and differs between neighbouring seeds", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const [one, same, other] = [Seeded.rng(seed), Seeded.rng(seed), Seeded.rng(seed + 1)]
        const draws = Array.from({ length: 50 }, one)
        assert.deepStrictEqual(Array.from({ length: 50 }, same), draws)
        assert.notDeepEqual(Array.from({ length: 50 }, other), draws)
        assert.isTrue(draws.every((x) => x >= 0 && x < 1))
      })
    )
  })

  it("is uniform over 16 bins: 160,000 draws, five sigma, also over the first draws of neighbouring seeds", () => {
    const n = 160_000
    const sigma = Math.sqrt((n * 1 * 15) / (16 * 16))
    const next = Seeded.rng(7)
    for (const draw of [next, (seed: number) => Seeded.rng(seed)()]) {
      const bins = new Array<number>(16).fill(0)
      for (let i = 0; i < n; i++) {
        const bin = Math.floor(draw(i) * 16)
        bins[bin] = (bins[bin] ?? 0) + 1
      }
      for (const count of bins) assert.isBelow(Math.abs(count - n / 16), 5 * sigma)
    }
  })

  it("shuffles into every order equally often: 60,000 times three items, five sigma", () => {
    const n = 60_000
    const next = Seeded.rng(3)
    const seen = new Map<string, number>()
    for (let i = 0; i < n; i++) {
      const order = Seeded.shuffle(next, ["a", "b", "c"]).join("")
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    assert.deepStrictEqual([...seen.keys()].sort(), ["abc", "acb", "bac", "bca", "cab", "cba"])
    for (const count of seen.values()) assert.isBelow(Math.abs(count - n / 6), 5 * Math.sqrt((n * 5) / 36))
  })
})
