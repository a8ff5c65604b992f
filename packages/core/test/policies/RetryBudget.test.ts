import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as RetryBudget from "../../src/policies/RetryBudget.ts"

/** Everything ever paid in and out. An entry counts until its tenth of `ttl` is `span` old. */
const remembered = (entries: ReadonlyArray<number>, width: number, span: number, now: number) =>
  entries.filter((at) => now - Math.floor(at / width) * width < span).length

describe("RetryBudget", () => {
  // twitter/finagle, RetryBudgetTest, testBudget: 10,000 requests in one moment, each followed by a wish to retry.
  it("gives the vectors of Finagle: a share of all requests plus the reserve", () => {
    for (const [ttl, minPerSecond, ratio] of [
      [60, 0, 0.1],
      [60, 0, 0.5],
      [60, 0, 0.25],
      [60, 0, 0.75],
      [60, 0, 0.99],
      [60, 0, 0.999],
      [60, 0, 0.9999],
      [60, 0, 0.01],
      [60, 0, 0.001],
      [60, 0, 0.0001],
      [1, 10, 0],
      [2, 5, 0],
      [1, 10, 0.1],
      [2, 5, 0.5]
    ] as const) {
      const budget = RetryBudget.make({ ttl: ttl * 1000, minPerSecond, ratio })
      const reserve = ttl * minPerSecond
      assert.strictEqual(budget.snapshot(0).balance, reserve)
      let retried = 0
      for (let i = 0; i < 10_000; i++) {
        budget.deposit(0)
        if (budget.tryWithdraw(0)) retried++
        else assert.strictEqual(budget.snapshot(0).balance, 0)
      }
      assert.strictEqual(retried, Math.round(10_000 * ratio) + reserve)
    }
  })

  it("allows by default a fifth of the calls and ten per second in ten seconds", () => {
    const budget = RetryBudget.make()
    for (let i = 0; i < 50; i++) budget.deposit(0)
    assert.deepStrictEqual(budget.snapshot(0), { calls: 50, extras: 0, balance: 110 })
    for (let i = 0; i < 110; i++) assert.isTrue(budget.tryWithdraw(0))
    assert.isFalse(budget.tryWithdraw(0))
    assert.deepStrictEqual(budget.snapshot(0), { calls: 50, extras: 110, balance: 0 })
  })

  it("takes ten deposits of a tenth for a whole extra, at any share of a hundredth", () => {
    for (let percent = 1; percent <= 100; percent++) {
      const budget = RetryBudget.make({ ratio: percent / 100, minPerSecond: 0 })
      for (let i = 0; i < 100; i++) budget.deposit(0)
      assert.strictEqual(budget.snapshot(0).balance, percent)
    }
  })

  it("lets calls expire, and gives the reserve back when what was withdrawn is old", () => {
    const budget = RetryBudget.make({ ratio: 1, minPerSecond: 1, ttl: "10 seconds" })
    for (let i = 0; i < 5; i++) budget.deposit(0)
    assert.strictEqual(budget.snapshot(9999).balance, 15)
    assert.strictEqual(budget.snapshot(10_000).balance, 10)
    for (let i = 0; i < 10; i++) assert.isTrue(budget.tryWithdraw(10_000))
    assert.isFalse(budget.tryWithdraw(20_999))
    assert.isTrue(budget.tryWithdraw(21_000))
  })

  it("leaves the balance alone when it says no, and never allows anything without calls and reserve", () => {
    const budget = RetryBudget.make({ ratio: 0.5, minPerSecond: 0 })
    assert.isFalse(budget.tryWithdraw(0))
    budget.deposit(0)
    assert.isFalse(budget.tryWithdraw(0))
    budget.deposit(0)
    assert.isTrue(budget.tryWithdraw(0))
    const empty = RetryBudget.make({ ratio: 0, minPerSecond: 0 })
    for (let i = 0; i < 100; i++) empty.deposit(i)
    assert.isFalse(empty.tryWithdraw(100))
  })

  const history = fc.array(
    fc.record({
      wait: fc.oneof(
        { weight: 5, arbitrary: fc.nat(150) },
        { weight: 1, arbitrary: fc.integer({ min: -500, max: 6000 }) }
      ),
      calls: fc.nat(4),
      wishes: fc.nat(6)
    }),
    { maxLength: 80, size: "max" }
  )
  const options = fc.record({
    ratio: fc.constantFrom(0, 0.1, 0.2, 0.5, 1),
    minPerSecond: fc.constantFrom(0, 0.5, 1, 3),
    ttl: fc.constantFrom(1000, 2500, 10_000)
  })

  it("keeps its law at each withdrawal: extras of the last ttl <= ratio · calls of the last ttl + reserve", () => {
    fc.assert(
      fc.property(options, history, (options, steps) => {
        const budget = RetryBudget.make(options)
        const calls: Array<number> = []
        const extras: Array<number> = []
        let now = Number.NEGATIVE_INFINITY
        let clock = 0
        for (const step of steps) {
          clock += step.wait
          if (step.calls + step.wishes > 0) now = Math.max(now, clock) // a time nobody mentions is not seen
          for (let i = 0; i < step.calls; i++) {
            budget.deposit(clock)
            calls.push(now)
          }
          for (let i = 0; i < step.wishes; i++) {
            if (!budget.tryWithdraw(clock)) continue
            extras.push(now)
            const within = (list: ReadonlyArray<number>) => list.filter((at) => at > now - options.ttl).length
            const allowed = options.ratio * within(calls) + (options.minPerSecond * options.ttl) / 1000
            assert.isAtMost(within(extras), allowed + 1e-6)
          }
        }
      }),
      { numRuns: 2000 }
    )
  })

  it("says what an account of everything ever paid says", () => {
    fc.assert(
      fc.property(options, history, (options, steps) => {
        const { minPerSecond, ratio, ttl } = options
        const budget = RetryBudget.make(options)
        const calls: Array<number> = []
        const extras: Array<number> = []
        let now = 0
        for (const step of steps) {
          now += Math.max(0, step.wait)
          for (let i = 0; i < step.calls; i++) {
            budget.deposit(now)
            calls.push(now)
          }
          for (let i = 0; i < step.wishes; i++) {
            const paidIn = remembered(calls, ttl / 10, ttl, now)
            const paidOut = remembered(extras, ttl / 10, (ttl * 11) / 10, now)
            const left = Math.floor(ratio * paidIn + (minPerSecond * ttl) / 1000 - paidOut + 1e-6)
            assert.deepStrictEqual(budget.snapshot(now), { calls: paidIn, extras: paidOut, balance: Math.max(0, left) })
            const yes = budget.tryWithdraw(now)
            assert.strictEqual(yes, left >= 1)
            if (yes) extras.push(now)
          }
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("names option, range and value of a mistake", () => {
    const message = (options: RetryBudget.Options, expected: string) =>
      assert.throws(() => RetryBudget.make(options), expected)
    message({ ratio: 1.1 }, "RetryBudget: ratio must be a share in [0, 1], got 1.1")
    message({ minPerSecond: -1 }, "RetryBudget: minPerSecond must be a finite number >= 0, got -1")
    message({ minPerSecond: Number.NaN }, "RetryBudget: minPerSecond must be a finite number >= 0, got NaN")
    message({ ttl: 999 }, "RetryBudget: ttl must be a duration from 1 to 60 seconds, got 999")
    message({ ttl: "61 seconds" }, 'RetryBudget: ttl must be a duration from 1 to 60 seconds, got "61 seconds"')
  })
})
