import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as RateLimit from "../../src/gates/RateLimit.ts"
import { isReject } from "../../src/model/Gate.ts"
import { failure, ignored, type Outcome, rateLimited, success, type Unused, unused } from "../../src/model/Outcome.ts"
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const quantity = (requests: number) => ({ requests, tokens: 0 })

/** Whatever was charged, in order; the TAT is worked out again from the beginning each time. */
class Model {
  readonly spacing: number
  readonly burst: number
  charges: Array<{ readonly at: number; readonly quantity: number }> = []

  constructor(requestsPerMinute: number, burst: number) {
    this.spacing = 60_000 / requestsPerMinute
    this.burst = burst
  }
  tat() {
    return this.charges.reduce(
      (tat, { at, quantity }) => Math.max(tat, at) + quantity * this.spacing,
      Number.NEGATIVE_INFINITY
    )
  }
  ahead(now: number) {
    return Math.max(0, this.tat() - now)
  }
  /** The moment from which on `quantity` more would end within the tolerance; `undefined` when it never would. */
  passesAt(quantity: number) {
    return quantity > this.burst ? undefined : this.tat() + (quantity - this.burst) * this.spacing
  }
}

const near = (actual: number | undefined, expected: number | undefined, slack = 1e-3) => {
  if (actual === undefined || expected === undefined) return assert.strictEqual(actual, expected)
  assert.isAtMost(Math.abs(actual - expected), slack, `${actual} is not ${expected}`)
}

describe("RateLimit", () => {
  obeysTheLaws({ make: () => RateLimit.make({ requestsPerMinute: 60, burst: 5 }) })

  // throttled/throttled, rate_test.go, TestRateLimit: one per second, limit 5 (MaxBurst 4).
  it("gives the vector of throttled: remaining, reset and retry of 15 requests", () => {
    const rows: ReadonlyArray<readonly [number, number, number, number, number | undefined, boolean]> = [
      [0, 6, 5, 0, undefined, true],
      [0, 1, 4, 1000, undefined, false],
      [0, 1, 3, 2000, undefined, false],
      [0, 1, 2, 3000, undefined, false],
      [0, 1, 1, 4000, undefined, false],
      [0, 1, 0, 5000, undefined, false],
      [0, 1, 0, 5000, 1000, true],
      [3000, 1, 2, 3000, undefined, false],
      [3100, 1, 1, 3900, undefined, false],
      [4000, 1, 1, 4000, undefined, false],
      [8000, 1, 4, 1000, undefined, false],
      [9500, 1, 4, 1000, undefined, false],
      [9500, 0, 4, 1000, undefined, false],
      [9500, 2, 2, 3000, undefined, false],
      [9500, 5, 2, 3000, 3000, true]
    ]
    const gate = RateLimit.make({ requestsPerMinute: 60, burst: 5 })
    for (const [now, volume, remaining, reset, retry, limited] of rows) {
      const answer = gate.admit(now, quantity(volume), half)
      const { aheadMs, left } = gate.snapshot(now)
      assert.deepStrictEqual(
        [
          isReject(answer),
          left,
          aheadMs,
          isReject(answer) && answer.retryAt !== undefined ? answer.retryAt - now : undefined
        ],
        [limited, remaining, reset, retry]
      )
    }
  })

  // brandur/redis-cell, README: CL.THROTTLE user123 15 30 60 answers 16 in all, 15 left, full again in 2 s. (The table of its
  // own tests is the one of throttled above.)
  it("gives the example of redis-cell: 30 a minute, 15 more at once", () => {
    const gate = RateLimit.make({ requestsPerMinute: 30, burst: 16 })
    admitted(gate, 0)
    assert.deepStrictEqual(gate.snapshot(0), { state: "free", left: 15, aheadMs: 2000 })
  })

  // rwz/redis-gcra, spec/redis_gcra_spec.rb: burst, units a minute, cost, times -> remaining, seconds until full again.
  it("gives the vectors of redis-gcra", () => {
    const rows: ReadonlyArray<readonly [number, number, number, number, number, number]> = [
      [300, 60, 1, 101, 199, 101],
      [300, 60, 2, 101, 98, 202],
      [300, 60, 1, 300, 0, 300],
      [1000, 1000, 2, 1, 998, 0.12],
      [1000, 1000, 200, 1, 800, 12],
      [1000, 1000, 200, 4, 200, 48],
      [1000, 1000, 200, 5, 0, 60],
      [1000, 1000, 1, 137, 863, 8.22],
      // Of its README, which gives 0.6 s for this: that is one unit, not the two it takes.
      [1000, 100, 2, 1, 998, 1.2]
    ]
    for (const [burst, requestsPerMinute, cost, times, left, reset] of rows) {
      const gate = RateLimit.make({ requestsPerMinute, burst })
      for (let n = 0; n < times; n++) admitted(gate, 0, quantity(cost))
      assert.strictEqual(gate.snapshot(0)["left"], left)
      near(Number(gate.snapshot(0)["aheadMs"]), reset * 1000)
    }
    const depleted = RateLimit.make({ requestsPerMinute: 60, burst: 300 })
    admitted(depleted, 0, quantity(299))
    // One is left, and the answer says so as throttled does; redis-gcra says 0 whenever it refuses.
    assert.strictEqual(refused(depleted, 0, quantity(2)).retryAt, 1000)
    assert.strictEqual(depleted.snapshot(0)["left"], 1)
    const none = RateLimit.make({ requestsPerMinute: 1000, burst: 1000 })
    assert.isUndefined(refused(none, 0, quantity(1001)).retryAt)
  })

  it("admits the whole burst at once, also where the spacing is no round number", () => {
    for (const requestsPerMinute of [7, 11, 13, 600.1, 35_999]) {
      const gate = RateLimit.make({ requestsPerMinute, burst: 9 })
      for (let n = 0; n < 9; n++) admitted(gate, 1234.567)
      const { retryAt } = refused(gate, 1234.567)
      near(retryAt, 1234.567 + 60_000 / requestsPerMinute)
      if (retryAt !== undefined) admitted(gate, retryAt)
    }
  })

  it("allows one second of its rate at once by default, and at least one request", () => {
    const burstOf = (requestsPerMinute: number) => {
      const gate = RateLimit.make({ requestsPerMinute })
      let n = 0
      while (!isReject(gate.admit(0, one, half))) n++
      return n
    }
    assert.deepStrictEqual([1, 60, 61, 600, 6000].map(burstOf), [1, 1, 2, 10, 100])
  })

  it("says what a recomputation from all charges says: yes or no, and when", () => {
    fc.assert(
      fc.property(
        fc.record({ rate: fc.double({ min: 0.5, max: 1e5, noNaN: true }), burst: fc.integer({ min: 1, max: 8 }) }),
        fc.array(
          fc.record({
            wait: fc.integer({ min: -500, max: 3000 }).map((permille) => permille / 1000),
            requests: fc.nat(9),
            outcome: fc.constantFrom<Outcome | Unused>(success, unused, ignored, rateLimited(5), failure("Network")),
            restart: fc.boolean()
          }),
          { maxLength: 50, size: "max" }
        ),
        ({ burst, rate }, commands) => {
          let gate = RateLimit.make({ requestsPerMinute: rate, burst })
          const model = new Model(rate, burst)
          let clock = 0
          let now = Number.NEGATIVE_INFINITY
          for (const { outcome, requests, restart, wait } of commands) {
            clock += wait * model.spacing
            now = Math.max(now, clock) // a clock that steps back
            assert.isTrue(isReject(gate.admit(clock, quantity(99), half)))
            const at = model.passesAt(requests)
            // Too close to the border to know what rounding does.
            if (at !== undefined && Math.abs(at - now) < 0.01) continue
            const verdict = gate.peek(clock, quantity(requests))
            const answer = gate.admit(clock, quantity(requests), half)
            assert.strictEqual(isReject(answer), at === undefined || at > now)
            if (isReject(answer)) {
              near(answer.retryAt, at, 1e-3 + now * 1e-12)
              assert.strictEqual(answer, verdict)
            } else {
              assert.isUndefined(verdict)
              // Handed back in the same moment, as a chain does, a permit leaves nothing behind.
              assert.deepStrictEqual(gate.settle(answer, outcome, clock), [])
              gate.settle(answer, unused, clock)
              if (outcome._tag !== "Unused") model.charges.push({ at: now, quantity: requests })
            }
            near(Number(gate.snapshot(clock)["aheadMs"]), model.ahead(now), 1e-3 + now * 1e-12)
            if (restart && clock === now) {
              const snapshot = gate.snapshot(now)
              gate = RateLimit.make({ requestsPerMinute: rate, burst })
              gate.restore(snapshot, now)
              near(Number(gate.snapshot(now)["aheadMs"]), Number(snapshot["aheadMs"]))
            }
          }
        }
      ),
      { numRuns: 1500 }
    )
  })

  it("gives back in any order never more than is right, and lets no window have more than burst + L/T", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(
          fc.record({ wait: fc.nat(1500), requests: fc.integer({ min: 1, max: 3 }), refund: fc.option(fc.nat(30)) }),
          { maxLength: 60, size: "max" }
        ),
        (burst, commands) => {
          const gate = RateLimit.make({ requestsPerMinute: 60, burst })
          const model = new Model(60, burst)
          const given: Array<{ readonly permit: RateLimit.Permit; readonly charge: { at: number; quantity: number } }> =
            []
          let now = 0
          for (const { refund, requests, wait } of commands) {
            now += wait
            const answer = gate.admit(now, quantity(requests), half)
            if (!isReject(answer)) {
              const charge = { at: now, quantity: requests }
              given.push({ permit: answer, charge })
              model.charges.push(charge)
            }
            const back = refund === null ? undefined : given[refund]
            if (back !== undefined) {
              gate.settle(back.permit, unused, now)
              model.charges = model.charges.filter((charge) => charge !== back.charge)
            }
            assert.isAtLeast(Number(gate.snapshot(now)["aheadMs"]), model.ahead(now) - 1e-6)
          }
          let excess = Number.NEGATIVE_INFINITY
          model.charges.forEach((first, i) => {
            let sum = 0
            for (const charge of model.charges.slice(i)) {
              sum += charge.quantity
              excess = Math.max(excess, sum - (burst + (charge.at - first.at) / 1000))
            }
          })
          assert.isAtMost(excess, 1e-6)
        }
      ),
      { numRuns: 1500 }
    )
  })

  it("gives a whole burst back, the first permit first or the last one first", () => {
    for (const order of [(list: Array<RateLimit.Permit>) => list, (list: Array<RateLimit.Permit>) => list.reverse()]) {
      const gate = RateLimit.make({ requestsPerMinute: 60, burst: 5 })
      for (const permit of order([0, 0, 0, 0, 0].map((now) => admitted(gate, now)))) gate.settle(permit, unused, 0)
      assert.deepStrictEqual(gate.snapshot(0), { state: "free", left: 5, aheadMs: 0 })
    }
  })

  it("gives no charge back that time has worked off already", () => {
    const gate = RateLimit.make({ requestsPerMinute: 60, burst: 2 })
    const early = admitted(gate, 0)
    admitted(gate, 3000)
    admitted(gate, 3000)
    gate.settle(early, unused, 3000)
    assert.strictEqual(refused(gate, 3000).retryAt, 4000)
  })

  it("keeps the charge of a permit from before a restore", () => {
    const gate = RateLimit.make({ requestsPerMinute: 60, burst: 2 })
    const before = admitted(gate, 0)
    gate.restore({ state: "limited", aheadMs: 2000 }, 0)
    gate.settle(before, unused, 0)
    assert.strictEqual(gate.peek(0, one)?.retryAt, 1000)
  })

  it("makes one rejection for all who ask until the time changes", () => {
    const gate = RateLimit.make({ requestsPerMinute: 60 })
    admitted(gate, 0)
    assert.strictEqual(gate.peek(1, one), gate.peek(2, one))
    assert.isUndefined(gate.peek(2, quantity(0)))
    assert.isUndefined(gate.peek(2, quantity(2))?.retryAt)
  })

  it("names option, range and value of a mistake", () => {
    assert.throws(
      () => RateLimit.make({ requestsPerMinute: 0 }),
      "RateLimit: requestsPerMinute must be a finite number > 0, got 0"
    )
    assert.throws(
      () => RateLimit.make({ requestsPerMinute: 60, burst: 0 }),
      "RateLimit: burst must be an integer >= 1, got 0"
    )
  })
})
