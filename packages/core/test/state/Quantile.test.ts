import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Quantile from "../../src/state/Quantile.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

/** The sample of rank ⌈p·n/100⌉: in whole numbers, so that nothing is rounded. */
const exact = (samples: ReadonlyArray<number>, percent: number) => {
  const rank = Math.max(1, Math.floor((percent * samples.length + 99) / 100))
  return samples.toSorted((a, b) => a - b)[rank - 1]
}

const within = (actual: number | undefined, expected: number | undefined, error: number) => {
  if (actual === undefined || expected === undefined) return assert.strictEqual(actual, expected)
  assert.isAtMost(Math.abs(actual - expected), error * expected * (1 + 1e-9), `${actual} for ${expected}`)
}

const command = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("observe" as const),
      // From a hundredth of a millisecond to a quarter of a year, evenly over the orders of magnitude.
      ms: fc.integer({ min: -200, max: 2300 }).map((e) => 10 ** (e / 250)),
      times: fc.integer({ min: 1, max: 4 })
    })
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("wait" as const), permille: fc.nat(350) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait" as const), permille: fc.integer({ min: -300, max: 2500 }) })
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("read" as const), percent: fc.nat(100) }) }
)

describe("Quantile", () => {
  it("is within its error of an exact sort of what the window holds, whatever the clock does", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom(0.001, 0.01, 0.05, 0.2, 0.5),
        fc.integer({ min: -5000, max: 5000 }),
        fc.array(command, { maxLength: 60, size: "max" }),
        (slices, width, relativeError, start, commands) => {
          const window = slices * width
          const quantile = Quantile.make({ window, slices, relativeError, shortest: 1, longest: "1 hour" })
          const samples: Array<{ readonly ms: number; readonly at: number }> = []
          let now = start
          let seen = Number.NEGATIVE_INFINITY
          const live = () =>
            samples.filter(({ at }) => seen - Math.floor(at / width) * width < window).map(({ ms }) => ms)
          for (const step of commands) {
            if (step.do === "wait") {
              now += Math.round((step.permille * window) / 1000)
              continue
            }
            seen = Math.max(seen, now)
            if (step.do === "observe") {
              for (let i = 0; i < step.times; i++) {
                quantile.observe(step.ms, now)
                samples.push({ ms: Math.min(3_600_000, Math.max(1, step.ms)), at: seen })
              }
            } else {
              assert.strictEqual(quantile.count(now), live().length)
              within(quantile.value(step.percent / 100, now), exact(live(), step.percent), relativeError)
            }
          }
          seen = Math.max(seen, now)
          assert.strictEqual(quantile.count(now), live().length)
          for (const percent of [0, 50, 95, 100]) {
            within(quantile.value(percent / 100, now), exact(live(), percent), relativeError)
          }
        }
      ),
      { numRuns: 2000 }
    )
  })

  // DataDog/sketches-js and sketches-py, tests of DDSketch: data sets, sizes, quantiles and accuracy (0.05). There the rank
  // of q is ⌊1 + q(n - 1)⌋, here ⌈q·n⌉, so the exact answer is computed anew.
  it("keeps the accuracy of DDSketch on its data sets", () => {
    const rng = Seeded.rng(3)
    const normal = () => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng())
    const sets: Record<string, (i: number, n: number) => number> = {
      increasing: (i) => i + 1,
      decreasing: (i, n) => n - i,
      constant: () => 42,
      random: () => 1 + rng() * 999,
      integers: () => 1 + Math.floor(rng() * 500),
      exponential: () => 1 - 100 * Math.log(1 - rng()),
      lognormal: () => 1 + Math.exp(normal()) * 100,
      bimodal: () => Math.max(1, (rng() < 0.5 ? 17.3 : 2000) + normal()),
      trimodal: () => Math.max(1, (rng() < 1 / 3 ? 5 : rng() < 0.5 ? 150 : 9000) + normal())
    }
    for (const [name, sample] of Object.entries(sets)) {
      for (const n of [3, 5, 10, 100, 1000, 5000]) {
        const quantile = Quantile.make()
        const samples = Array.from({ length: n }, (_, i) => sample(i, n))
        for (const ms of samples) quantile.observe(ms, 0)
        for (const permille of [0, 100, 250, 500, 750, 900, 950, 990, 999, 1000]) {
          const rank = Math.max(1, Math.floor((permille * n + 999) / 1000))
          const expected = samples.toSorted((a, b) => a - b)[rank - 1]
          within(quantile.value(permille / 1000, 0), expected, 0.05)
          assert.isDefined(expected, name)
        }
      }
    }
  })

  // DataDog/sketches-go: 1 % of accuracy over 80 microseconds to 1 year.
  it("covers DDSketch's range from 80 microseconds to a year", () => {
    const year = 365 * 86_400_000
    const quantile = Quantile.make({ shortest: 0.08, longest: year, relativeError: 0.01, window: 10, slices: 1 })
    for (let ms = 0.08, at = 0; ms < year; ms *= 1.87, at += 10) {
      quantile.observe(ms, at)
      assert.strictEqual(quantile.count(at), 1)
      within(quantile.value(0.5, at), ms, 0.01)
    }
  })

  // By hand: γ = 1.05/0.95; 100 ms lie in bin 47, from γ^46 = 99.87 to γ^47 = 110.38, whose middle is 99.87 · 1.05.
  it("answers with the middle of a bin", () => {
    const quantile = Quantile.make()
    quantile.observe(100, 0)
    assert.approximately(quantile.value(0.5, 0) ?? 0, (1.05 / 0.95) ** 46 * 1.05, 1e-9)
    assert.approximately(quantile.value(0.5, 0) ?? 0, 104.86, 0.01)
    quantile.observe(110, 0)
    assert.strictEqual(quantile.value(0, 0), quantile.value(1, 0))
    quantile.observe(111, 0)
    assert.approximately((quantile.value(1, 0) ?? 0) / (quantile.value(0, 0) ?? 0), 1.05 / 0.95, 1e-9)
  })

  it("takes the 19th of 20 for 95 %, and the last one only above that", () => {
    const quantile = Quantile.make()
    for (let i = 0; i < 19; i++) quantile.observe(10, 0)
    quantile.observe(1000, 0)
    within(quantile.value(0.95, 0), 10, 0.05)
    within(quantile.value(0.951, 0), 1000, 0.05)
  })

  it("knows nothing before the first sample, and forgets the last one with its window", () => {
    const quantile = Quantile.make({ window: "10 seconds", slices: 5 })
    assert.isUndefined(quantile.value(0.5, 0))
    quantile.observe(100, 0)
    quantile.observe(9000, 2000)
    within(quantile.value(0.5, 9999), 100, 0.05)
    within(quantile.value(0.5, 10_000), 9000, 0.05)
    assert.strictEqual(quantile.count(11_999), 1)
    assert.isUndefined(quantile.value(0.5, 12_000))
  })

  it("counts what is shorter or longer than it can tell as the shortest and the longest, and no wait as none", () => {
    const quantile = Quantile.make({ shortest: 10, longest: 1000 })
    for (const ms of [Number.NaN, -1]) quantile.observe(ms, 0)
    assert.strictEqual(quantile.count(0), 0)
    for (const ms of [0, 1, 9.99, 10]) quantile.observe(ms, 0)
    assert.strictEqual(quantile.value(1, 0), 10)
    for (const ms of [1001, 1e9, Number.POSITIVE_INFINITY]) quantile.observe(ms, 0)
    assert.strictEqual(quantile.count(0), 7)
    within(quantile.value(1, 0), 1000, 0.05)
    assert.isAtMost(quantile.value(1, 0) ?? Number.NaN, 1000)
  })

  // n = 20,000 samples of U(0, 1000): the count below the exact p-quantile is binomial, five sigma; the bin adds its error.
  it("finds the quantiles of a distribution", () => {
    const n = 20_000
    const rng = Seeded.rng(9)
    const quantile = Quantile.make()
    for (let i = 0; i < n; i++) quantile.observe(rng() * 1000, 0)
    for (const p of [0.5, 0.9, 0.95, 0.99]) {
      const sigma = 1000 * Math.sqrt((p * (1 - p)) / n)
      const value = quantile.value(p, 0) ?? Number.NaN
      assert.approximately(value, 1000 * p, 0.05 * 1000 * p + 5 * sigma)
    }
  })

  it("names option, range and value of a mistake", () => {
    const message = (options: Quantile.Options, expected: string) =>
      assert.throws(() => Quantile.make(options), expected)
    message({ window: "Infinity" }, "Quantile: window must be a finite number > 0, got Infinity")
    message({ slices: 0 }, "Quantile: slices must be an integer >= 1, got 0")
    message({ relativeError: 0 }, "Quantile: relativeError must be a share in [0.001, 0.5], got 0")
    message({ shortest: 10, longest: 10 }, "Quantile: longest must be a duration > shortest (10 ms), got 10")
  })
})
