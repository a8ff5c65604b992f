import { assert, describe, it } from "@effect/vitest"
import { rng } from "../../../../src/testing/Seeded.ts"
import { derive, uniform } from "../../../../src/testing/simulation/internal/Chance.ts"
import { compile, weighted, zipf } from "../../../../src/testing/simulation/internal/Distribution.ts"
import { normalQuantile } from "../../../../src/testing/simulation/internal/normal.ts"
import { Sketch } from "../../../../src/testing/simulation/internal/Sketch.ts"

const n = 100_000

describe("Distribution", () => {
  it("inverts the normal distribution to the digits of the published tables", () => {
    // M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", table 26.5.
    for (const [p, z] of [
      [0.5, 0],
      [0.9, 1.2815515655],
      [0.95, 1.644853627],
      [0.975, 1.9599639845],
      [0.99, 2.326347874],
      [0.999, 3.0902323062],
      [0.000001, -4.7534243088]
    ] as const) {
      assert.closeTo(normalQuantile(p), z, 1e-9)
    }
  })

  it("has the quantiles that were asked for", () => {
    const lognormal = compile("test", { kind: "lognormal", median: 200, p95: 900 })
    assert.closeTo(lognormal(0.5), 200, 1e-9)
    assert.closeTo(lognormal(0.95), 900, 1e-6)
    const uniformly = compile("test", { kind: "uniform", from: 10, to: 30 })
    assert.deepStrictEqual([0, 0.25, 1].map(uniformly), [10, 15, 30])
    const points = compile("test", {
      kind: "quantiles",
      points: [
        [0, 5],
        [0.5, 10],
        [1, 110]
      ]
    })
    assert.deepStrictEqual([0, 0.25, 0.5, 0.75, 1].map(points), [5, 7.5, 10, 60, 110])
    assert.strictEqual(compile("test", { kind: "exponential", mean: 40 })(1 - Math.exp(-1)), 40)
    assert.strictEqual(compile("test", 7)(0.3), 7)
  })

  it(`draws keys in proportion to 1 / k^s (n = ${n}, five sigma)`, () => {
    const draw = zipf("test", { count: 50, exponent: 1.2 })
    const seen = new Array<number>(50).fill(0)
    for (let i = 0; i < n; i++) {
      const key = draw(uniform(derive(3, i), 0))
      seen[key] = (seen[key] ?? 0) + 1
    }
    const sum = seen.reduce((sum, _, k) => sum + (k + 1) ** -1.2, 0)
    for (const [k, count] of seen.entries()) {
      const p = (k + 1) ** -1.2 / sum
      assert.isBelow(Math.abs(count - n * p), 5 * Math.sqrt(n * p * (1 - p)), `key ${k}`)
    }
  })

  it("never draws what has no weight", () => {
    const draw = weighted("test", (i) => [0, 3, 0, 1, 0][i] ?? 0, 5)
    const seen = new Set<number>()
    for (let i = 0; i < 1000; i++) seen.add(draw(uniform(derive(3, i), 0)))
    assert.deepStrictEqual([...seen].sort(), [1, 3])
  })

  it(`hashes calls to numbers that are uniform, along a call and across calls (n = ${n}, five sigma)`, () => {
    for (const at of [(i: number) => uniform(derive(11, i), 4), (i: number) => uniform(99, i)]) {
      const bins = new Array<number>(100).fill(0)
      let product = 0
      for (let i = 0; i < n; i++) {
        const u = at(i)
        bins[Math.floor(u * 100)] = (bins[Math.floor(u * 100)] ?? 0) + 1
        product += (u - 0.5) * (at(i + 1) - 0.5)
      }
      const mean = n / 100
      // Chi-square with 99 degrees of freedom: mean 99, sigma √198.
      const chi = bins.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
      assert.isBelow(Math.abs(chi - 99), 5 * Math.sqrt(198))
      // Neighbours have nothing in common: the covariance has sigma 1/12 / √n.
      assert.isBelow(Math.abs(product / n), (5 / 12) * (1 / Math.sqrt(n)))
    }
  })
})

describe("Sketch", () => {
  it("gives quantiles within 1 % of the sample of that rank, and the exact mean and maximum, also when merged", () => {
    const next = rng(5)
    const draw = compile("test", { kind: "lognormal", median: 300, p95: 4000 })
    const samples = Array.from({ length: 5000 }, () => draw(Math.max(1e-9, next())))
    const whole = new Sketch()
    const halves = [new Sketch(), new Sketch()] as const
    for (const [i, ms] of samples.entries()) {
      whole.add(ms)
      halves[i % 2 === 0 ? 0 : 1].add(ms)
    }
    halves[0].merge(halves[1])
    const sorted = samples.toSorted((a, b) => a - b)
    for (const q of [0.01, 0.5, 0.95, 0.99, 1]) {
      const exact = sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN
      assert.isAtMost(Math.abs((whole.quantile(q) ?? Number.NaN) / exact - 1), 0.0101)
    }
    const { max, mean, ...quantiles } = whole.times()
    const merged = halves[0].times()
    assert.strictEqual(max, sorted.at(-1))
    assert.closeTo(mean ?? Number.NaN, samples.reduce((sum, ms) => sum + ms, 0) / samples.length, 1e-6)
    assert.deepStrictEqual({ ...merged, max: 0, mean: 0 }, { ...quantiles, max: 0, mean: 0 })
  })

  it("says nothing of no samples", () => {
    const nothing = { count: 0, mean: null, p50: null, p95: null, p99: null, max: null }
    const sketch = new Sketch()
    assert.deepStrictEqual(sketch.times(), nothing)
    sketch.add(5)
    sketch.clear()
    assert.deepStrictEqual(sketch.times(), nothing)
  })
})
