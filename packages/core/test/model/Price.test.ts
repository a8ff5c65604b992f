import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { InvalidOption } from "../../src/model/InvalidOption.ts"
import { check, costOf, type Price, type Rule, type Usage } from "../../src/model/Price.ts"

const weekdays = [1, 2, 3, 4, 5]
/** Dearer in the peak, on weekdays from 1 to 4 and from 6 to 10 UTC: written as a discount for the other hours. */
const discount = { input: 0.15, cacheRead: 0.003, output: 0.6 }
const peak: Price = {
  input: 0.3,
  cacheRead: 0.006,
  output: 1.2,
  rules: [
    {
      hours: [
        { days: weekdays, from: 0, to: 1 },
        { days: weekdays, from: 4, to: 6 },
        { days: weekdays, from: 10, to: 24 },
        { days: [0, 6], from: 0, to: 24 }
      ],
      ...discount
    }
  ]
}
const tiered: Price = {
  input: 1.2,
  output: 6,
  rules: [
    { inputAbove: 128_000, input: 3, output: 15 },
    { inputAbove: 32_000, input: 2.4, output: 12 }
  ]
}
const million = { inputTokens: 1_000_000, outputTokens: 1_000_000 }
const noon = Date.UTC(2026, 10, 18, 12)

const tokens = fc.integer({ min: 0, max: 2_000_000 })
const rate = fc.double({ min: 0, max: 100, noNaN: true })
const usage = fc.record({
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadTokens: fc.option(tokens, { nil: undefined }),
  cacheWriteTokens: fc.option(tokens, { nil: undefined }),
  reasoningTokens: fc.option(tokens, { nil: undefined })
})
const flat = fc.record({ input: rate, output: rate }, { requiredKeys: ["input", "output"] })
const priced: fc.Arbitrary<Price> = fc.record(
  { input: rate, output: rate, cacheRead: rate, cacheWrite: rate, reasoning: rate },
  { requiredKeys: ["input", "output"] }
)

describe("the cost of an answer", () => {
  it("is what its tokens cost by their kind", () => {
    const price: Price = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, reasoning: 20 }
    const cases: ReadonlyArray<readonly [Usage, number]> = [
      [{ inputTokens: 1000, outputTokens: 200 }, 0.006],
      // 600 * 3 + 300 * 0.3 + 100 * 3.75 + 200 * 15 = 5265
      [{ inputTokens: 1000, cacheReadTokens: 300, cacheWriteTokens: 100, outputTokens: 200 }, 0.005265],
      // 1000 * 3 + 50 * 15 + 150 * 20 = 6750
      [{ inputTokens: 1000, outputTokens: 200, reasoningTokens: 150 }, 0.00675],
      [{ inputTokens: 0, outputTokens: 0 }, 0]
    ]
    for (const [usage, usd] of cases) assert.approximately(costOf(price, usage, noon) ?? Number.NaN, usd, 1e-12)
    const plain = { input: 3, output: 15 }
    const all = {
      inputTokens: 1000,
      cacheReadTokens: 300,
      cacheWriteTokens: 100,
      outputTokens: 200,
      reasoningTokens: 9
    }
    assert.approximately(costOf(plain, all, noon) ?? Number.NaN, 0.006, 1e-12)
  })

  it("is unknown, and not 0, where the price or a total is", () => {
    assert.isUndefined(costOf(undefined, million, noon))
    assert.isUndefined(costOf(peak, undefined, noon))
    assert.isUndefined(costOf(peak, {}, noon))
    assert.isUndefined(costOf(peak, { inputTokens: 5 }, noon))
    assert.isUndefined(costOf(peak, { outputTokens: 5 }, noon))
    assert.isUndefined(costOf(peak, { inputTokens: Number.NaN, outputTokens: 5 }, noon))
    assert.isUndefined(costOf(peak, { inputTokens: 5, outputTokens: -1 }, noon))
    assert.strictEqual(costOf({ input: 0, output: 0 }, million, noon), 0)
  })

  it("follows the hour of the week, to the millisecond", () => {
    const at = (day: number, hour: number, before = 0) => Date.UTC(2026, 10, day, hour) - before
    // 16 November 2026 is a Monday.
    const cases: ReadonlyArray<readonly [number, "peak" | "off"]> = [
      [at(16, 0), "off"],
      [at(16, 1, 1), "off"],
      [at(16, 1), "peak"],
      [at(16, 4, 1), "peak"],
      [at(16, 4), "off"],
      [at(16, 6, 1), "off"],
      [at(16, 6), "peak"],
      [at(20, 10, 1), "peak"],
      [at(20, 10), "off"],
      [at(21, 0, 1), "off"],
      [at(21, 2), "off"],
      [at(22, 7), "off"],
      [at(22, 24, 1), "off"],
      [at(23, 1), "peak"]
    ]
    for (const [at, which] of cases) {
      const usd = costOf(peak, { ...million, cacheReadTokens: 500_000 }, at)
      // Half of the input from the cache: 0.15 + 0.003 + 1.2, or half of that.
      const expected = which === "peak" ? 1.353 : 0.6765
      assert.approximately(usd ?? Number.NaN, expected, 1e-12, new Date(at).toISOString())
    }
  })

  it("knows the days of the week before 1970 too", () => {
    const only = (day: number): Price => ({
      input: 1,
      output: 1,
      rules: [{ hours: [{ days: [day], from: 0, to: 24 }], input: 2 }]
    })
    for (let day = -400; day < 400; day++) {
      const at = day * 86_400_000 + 5
      assert.strictEqual(costOf(only(new Date(at).getUTCDay()), { inputTokens: 1e6, outputTokens: 0 }, at), 2)
    }
  })

  it("of a large request is that of its tier for all of its tokens", () => {
    const of = (inputTokens: number) => costOf(tiered, { inputTokens, outputTokens: 1000 }, noon)
    assert.approximately(of(32_000) ?? 0, 0.0384 + 0.006, 1e-12)
    assert.approximately(of(32_001) ?? 0, 0.0768024 + 0.012, 1e-12)
    assert.approximately(of(128_000) ?? 0, 0.3072 + 0.012, 1e-12)
    assert.approximately(of(128_001) ?? 0, 0.384003 + 0.015, 1e-12)
  })

  it("takes the first rule that holds, and keeps the rates it does not name", () => {
    const rules: ReadonlyArray<Rule> = [
      { inputAbove: 10, hours: [{ from: 12, to: 13 }], input: 9 },
      { inputAbove: 10, output: 9 }
    ]
    const price: Price = { input: 1, output: 2, rules }
    assert.strictEqual(costOf(price, million, noon), 11)
    assert.strictEqual(costOf(price, million, noon - 1), 10)
    assert.strictEqual(costOf(price, { inputTokens: 10, outputTokens: 1e6 }, noon), 2.00001)
  })

  it("is a number >= 0, whatever the parts of a usage claim to be", () => {
    fc.assert(
      fc.property(priced, usage, fc.integer({ min: -1e12, max: 4e12 }), (price, usage, at) => {
        const usd = costOf(price, usage, at)
        assert.isTrue(usd !== undefined && Number.isFinite(usd) && usd >= 0)
      }),
      { numRuns: 300 }
    )
  })

  it("never falls when more tokens were read or written", () => {
    fc.assert(
      fc.property(flat, usage, tokens, tokens, (price, usage, moreIn, moreOut) => {
        const more = { ...usage, inputTokens: usage.inputTokens + moreIn, outputTokens: usage.outputTokens + moreOut }
        assert.isAtLeast((costOf(price, more, noon) ?? 0) + 1e-9, costOf(price, usage, noon) ?? Number.NaN)
      }),
      { numRuns: 300 }
    )
  })
})

describe("a price", () => {
  it("that is none gets a message that names what is wrong", () => {
    const ok = { input: 1, output: 1 }
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [null, "p must be an object, got null"],
      [{ input: 1 }, "p.output must be a finite number >= 0 (USD per million tokens), got undefined"],
      [{ ...ok, cacheRead: -1 }, "p.cacheRead must be a finite number >= 0"],
      [
        { ...ok, cachRead: 1 },
        `p must be made of input, output, cacheRead, cacheWrite, reasoning, rules, asOf, got "cachRead"`
      ],
      [{ ...ok, asOf: "yesterday" }, "p.asOf must be a day"],
      [{ ...ok, rules: {} }, "p.rules must be a list, got an object"],
      [{ ...ok, rules: [{ input: 2 }] }, "p.rules[0] must be given hours or inputAbove"],
      [{ ...ok, rules: [{ inputAbove: 1.5 }] }, "p.rules[0].inputAbove must be an integer >= 0, got 1.5"],
      [{ ...ok, rules: [{ hours: [{ from: 22, to: 4 }] }] }, "p.rules[0].hours[0].to must be hours in (22, 24], got 4"],
      [
        { ...ok, rules: [{ hours: [{ from: 24, to: 25 }] }] },
        "p.rules[0].hours[0].from must be hours in [0, 24), got 24"
      ],
      [
        { ...ok, rules: [{ hours: [{ from: 0, to: 1, days: [7] }] }] },
        "p.rules[0].hours[0].days must be a list of days"
      ],
      [
        { ...ok, rules: [{ hours: [{ from: 0, to: 1, days: [] }] }] },
        "p.rules[0].hours[0].days must be a list of days"
      ],
      [{ ...ok, rules: [{ inputAbove: 1, output: Number.NaN }] }, "p.rules[0].output must be a finite number >= 0"]
    ]
    for (const [price, message] of cases) {
      assert.throws(() => check("p", price as Price), InvalidOption, message)
    }
    for (const price of [ok, peak, tiered, { ...ok, asOf: "2026-11-22" }]) assert.strictEqual(check("p", price), price)
  })
})
