import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "../../src/gates/Breaker.ts"
import * as Trip from "../../src/gates/Trip.ts"
import type { Millis } from "../../src/model/Gate.ts"
import {
  failure,
  ignored,
  misconfigured,
  type Outcome,
  rateLimited,
  slow,
  success,
  unused
} from "../../src/model/Outcome.ts"
import { admitted, attempt, obeysTheLaws, one, refused, tags } from "./support.ts"

const failed = failure("Overloaded")
const hinted = (retryAfter: number) => failure("Overloaded", { retryAfter })

/**
 * A breaker that one failure opens and that has no ramp. Its periods are 5, 10, 20, 40, 60, 60 … seconds with the middle of
 * the jitter.
 */
const brittle = (options: Breaker.Options = {}) =>
  Breaker.make({ trip: Trip.consecutive(1), rampFor: false, ...options })

/** A brittle breaker that opened at 0 and waits for a probe from 5000 on. */
const opened = (options: Breaker.Options = {}) => {
  const gate = brittle(options)
  attempt(gate, 0, failed)
  return gate
}

const until = (gate: Breaker.Breaker, now: Millis) => refused(gate, now).retryAt

describe("Breaker", () => {
  describe("by its defaults", () => {
    obeysTheLaws({ make: () => Breaker.make(), probabilistic: true })
  })
  describe("with a time window and no ramp", () => {
    obeysTheLaws({ make: () => Breaker.make({ trip: Trip.timeWindow({ minCalls: 4 }), rampFor: 0 }) })
  })
  describe("with a count window and several probes", () => {
    const trip = Trip.countWindow({ size: 5, minCalls: 2 })
    obeysTheLaws({ make: () => Breaker.make({ trip, probes: 3, successesToClose: 2, rampFor: 0 }) })
  })
  describe("that opens for slow answers, with a short lease and a long ramp", () => {
    const trip = Trip.or(Trip.slowCalls({ size: 4, minCalls: 2 }), Trip.consecutive(2))
    obeysTheLaws({
      make: () => Breaker.make({ trip, probeLease: 5000, rampFor: "5 minutes", aggression: 2 }),
      probabilistic: true
    })
  })
  describe("that never refuses", () => {
    obeysTheLaws({ make: () => Breaker.make({ trip: Trip.consecutive(2), metricsOnly: true }) })
  })

  describe("closed", () => {
    it("opens by default at five failures in a row, and at half of twenty outcomes, not before and not below half", () => {
      const inARow = Breaker.make()
      for (let n = 0; n < 4; n++) assert.deepStrictEqual(attempt(inARow, n, failed), [])
      assert.deepStrictEqual(tags(attempt(inARow, 5, failed)), ["BreakerOpened"])
      assert.strictEqual(inARow.snapshot(5)["openedBy"], "5 failures in a row")
      const share = Breaker.make()
      for (let n = 0; n < 19; n++) assert.deepStrictEqual(attempt(share, n, n % 2 === 0 ? failed : success), [])
      assert.isUndefined(share.peek(20, one))
      assert.deepStrictEqual(tags(attempt(share, 20, success)), ["BreakerOpened"])
      assert.strictEqual(share.snapshot(20)["openedBy"], "50 % failed in 10 s, at least 20")
      const below = Breaker.make()
      attempt(below, 0, success)
      for (let n = 0; n < 20; n++) assert.deepStrictEqual(attempt(below, n, n % 2 === 0 ? success : failed), [])
    })

    // opossum divides by what was begun: 15 of 15 failed with 20 more in flight was 43 %.
    it("divides by what has ended, not by what is in flight", () => {
      const gate = Breaker.make({ trip: Trip.timeWindow({ minCalls: 15 }) })
      for (let n = 0; n < 20; n++) admitted(gate, 0)
      for (let n = 0; n < 14; n++) attempt(gate, 0, failed)
      assert.deepStrictEqual(tags(attempt(gate, 0, failed)), ["BreakerOpened"])
    })

    it("counts neither rate limits nor mistakes of ours or of the caller", () => {
      const gate = brittle()
      for (const outcome of [rateLimited(1000), misconfigured("Auth"), ignored, unused]) {
        assert.deepStrictEqual(attempt(gate, 0, outcome), [])
      }
      assert.deepInclude(gate.snapshot(0), { state: "closed", failuresInARow: 0 })
      const windowed = Breaker.make({ trip: Trip.or(Trip.timeWindow(), Trip.slowCalls({})) })
      for (const outcome of [rateLimited(1000), misconfigured("Auth"), ignored, unused]) attempt(windowed, 0, outcome)
      assert.deepInclude(windowed.snapshot(0), { successes: 0, failures: 0, fastAnswers: 0, slowAnswers: 0 })
    })
  })

  describe("open", () => {
    it("refuses until its period is over and says until when", () => {
      const gate = brittle()
      assert.deepStrictEqual(attempt(gate, 1000, failed), [{ _tag: "BreakerOpened", gate: "breaker", until: 6000 }])
      assert.deepStrictEqual(refused(gate, 5999), { _tag: "LocalReject", reason: "BreakerOpen", retryAt: 6000 })
      assert.strictEqual(gate.peek(1000, one), gate.peek(5999, one))
      assert.isUndefined(gate.peek(6000, one))
      assert.strictEqual(gate.snapshot(6000).state, "open")
      admitted(gate, 6000)
      assert.strictEqual(gate.snapshot(6000).state, "half-open")
    })

    it("doubles its period with each failed probe, up to a minute", () => {
      const gate = brittle()
      let now = 0
      const periods = Array.from({ length: 7 }, () => {
        const [opened] = attempt(gate, now, failed).slice(-1)
        const period = (opened?.until ?? Number.NaN) - now
        now += period
        return period
      })
      assert.deepStrictEqual(periods, [5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
    })

    it("moves each period by up to a tenth, with one draw for each", () => {
      for (const [draw, period] of [
        [0, 4500],
        [0.5, 5000],
        [1 - 2 ** -53, 5500]
      ] as const) {
        let draws = 0
        const gate = brittle()
        const rng = () => {
          draws++
          return draw
        }
        for (let n = 0; n < 10; n++) admitted(gate, 0, one, rng)
        assert.approximately(attempt(gate, 0, failed, rng)[0]?.until ?? Number.NaN, period, 1e-6)
        assert.strictEqual(draws, 1)
        admitted(gate, 5500, one, rng)
        assert.strictEqual(draws, 2)
      }
    })

    it("stays open as long as the target asked, not shorter than its own period, not longer than it believes", () => {
      for (const [hint, expected] of [
        [30_000, 30_000],
        [100, 5000],
        [Number.NaN, 5000],
        [86_400_000, 600_000]
      ] as const) {
        const gate = brittle()
        attempt(gate, 0, hinted(hint))
        assert.strictEqual(until(gate, 0), expected)
      }
    })

    it("remembers what an earlier failure asked for when a later one opens it", () => {
      const gate = brittle({ trip: Trip.consecutive(2) })
      attempt(gate, 0, hinted(20_000))
      attempt(gate, 1000, failed)
      assert.strictEqual(until(gate, 1000), 20_000)
    })

    it("is lengthened, never shortened, by the hint of a failure that arrives late, and by nothing else of it", () => {
      const gate = brittle()
      const late = [0, 0, 0].map((now) => admitted(gate, now))
      attempt(gate, 0, failed)
      const hear = (outcome: Outcome) => gate.settle(late.pop() ?? assert.fail(), outcome, 1000)
      assert.deepStrictEqual(hear(hinted(2000)), [{ _tag: "StaleOutcome", gate: "breaker" }])
      assert.strictEqual(until(gate, 1000), 5000)
      assert.deepStrictEqual(hear(hinted(9000)), [{ _tag: "StaleOutcome", gate: "breaker", until: 10_000 }])
      assert.strictEqual(until(gate, 1000), 10_000)
      assert.deepStrictEqual(tags(hear(success)), ["StaleOutcome"])
      assert.strictEqual(until(gate, 1000), 10_000)
    })

    it("begins with the first period again once it stayed closed for as long as it was open", () => {
      for (const [closedFor, next] of [
        [9999.5, 20_000],
        [10_000, 5000]
      ] as const) {
        const gate = opened()
        attempt(gate, 5000, failed) // the second period: 10 s
        attempt(gate, 15_000, success)
        attempt(gate, 15_000 + closedFor, failed)
        assert.strictEqual(until(gate, 15_000 + closedFor), 15_000 + closedFor + next)
      }
    })
  })

  describe("half-open", () => {
    it("lets one probe through and refuses the others at once, without a time", () => {
      const gate = opened()
      const probe = admitted(gate, 5000)
      assert.deepStrictEqual(refused(gate, 5000), { _tag: "LocalReject", reason: "BreakerProbing", retryAt: undefined })
      assert.deepStrictEqual(tags(gate.settle(probe, success, 5001)), ["BreakerHalfOpened", "BreakerClosed"])
      assert.deepInclude(gate.snapshot(5001), { state: "closed", failuresInARow: 0 })
    })

    it("runs as many probes at once as it may and closes after enough successes", () => {
      const gate = opened({ probes: 3, successesToClose: 4 })
      const probes = [5000, 5000, 5000].map((now) => admitted(gate, now))
      assert.strictEqual(gate.peek(5000, one)?.reason, "BreakerProbing")
      for (const probe of probes) gate.settle(probe, success, 5001)
      assert.strictEqual(gate.snapshot(5001).state, "half-open")
      assert.deepStrictEqual(tags(attempt(gate, 5002, slow)), ["BreakerClosed"])
    })

    it("opens again at the first failure, and the other probes are of the past", () => {
      const gate = opened({ probes: 2, successesToClose: 2 })
      const [first, second] = [admitted(gate, 5000), admitted(gate, 5000)]
      gate.settle(first, failed, 5001)
      assert.strictEqual(until(gate, 5001), 15_001)
      assert.deepStrictEqual(tags(gate.settle(second, success, 5002)), ["StaleOutcome"])
      assert.strictEqual(gate.snapshot(5002).state, "open")
    })

    it("fences the late result of a probe whose lease ran out", () => {
      const gate = opened({ probeLease: 1000 })
      const probe = admitted(gate, 5000)
      assert.deepStrictEqual(gate.settle(probe, success, 6000), [
        { _tag: "BreakerHalfOpened", gate: "breaker" },
        { _tag: "BreakerOpened", gate: "breaker", until: 16_000 },
        { _tag: "StaleOutcome", gate: "breaker" }
      ])
      assert.strictEqual(until(gate, 6000), 16_000)
    })
  })

  // sony/gobreaker, gobreaker_test.go, TestCustomCircuitBreaker: 3 requests, ratio 0.6, interval 30 s, timeout 90 s.
  it("goes the way of gobreaker's test", () => {
    const gate = Breaker.make({
      trip: Trip.timeWindow({ failureRate: 0.6, minCalls: 3, window: "30 seconds", buckets: 1 }),
      openFor: "90 seconds",
      successesToClose: 3
    })
    const counts = (now: Millis) => {
      const { failures, successes } = gate.snapshot(now)
      return [successes, failures]
    }
    for (let n = 0; n < 5; n++) {
      attempt(gate, 0, success)
      attempt(gate, 0, failed)
    }
    assert.deepStrictEqual(counts(0), [5, 5])
    attempt(gate, 29_000, success)
    assert.deepStrictEqual(counts(29_000), [6, 5])
    attempt(gate, 30_000, failed)
    assert.deepStrictEqual(counts(30_000), [0, 1])
    attempt(gate, 30_000, success)
    assert.deepStrictEqual(tags(attempt(gate, 30_000, failed)), ["BreakerOpened"])
    refused(gate, 119_999)
    attempt(gate, 120_000, success)
    attempt(gate, 120_000, success)
    assert.strictEqual(gate.snapshot(120_000).state, "half-open")
    const third = admitted(gate, 120_000)
    refused(gate, 120_050)
    assert.deepStrictEqual(tags(gate.settle(third, success, 120_100)), ["BreakerClosed"])
    assert.deepStrictEqual(counts(120_100), [0, 0])
  })

  it("is closed and without a past once a person says so", () => {
    const gate = opened()
    attempt(gate, 5000, failed)
    const before = admitted(gate, 15_000)
    gate.clear(15_001)
    assert.deepInclude(gate.snapshot(15_001), { state: "closed", opens: 0 })
    assert.deepStrictEqual(tags(gate.settle(before, failed, 15_002)), [
      "BreakerHalfOpened",
      "BreakerClosed",
      "StaleOutcome"
    ])
    attempt(gate, 15_003, failed)
    assert.strictEqual(until(gate, 15_003), 20_003)
  })

  it("forgets its counts but keeps its attempts when it is cleared while closed", () => {
    const gate = Breaker.make({ trip: Trip.countWindow({ size: 2 }) })
    const running = admitted(gate, 0)
    attempt(gate, 0, failed)
    gate.clear(0)
    assert.deepStrictEqual(gate.settle(running, failed, 0), [])
    assert.strictEqual(gate.snapshot(0)["failures"], 1)
  })

  it("takes up a snapshot on another clock, and reads nonsense as a fresh start", () => {
    const gate = opened()
    const fresh = brittle()
    fresh.restore(JSON.parse(JSON.stringify(gate.snapshot(2000))), 1_000_000)
    assert.strictEqual(until(fresh, 1_000_000), 1_003_000)
    attempt(fresh, 1_003_000, failed)
    assert.strictEqual(until(fresh, 1_003_000), 1_013_000)
    fresh.restore({ state: "melted", opens: "many", retryInMs: -5 }, 0)
    assert.deepInclude(fresh.snapshot(0), { state: "closed", opens: 0, failuresInARow: 0, rampLeftMs: 0 })
  })

  it("lives by the clock of the snapshot's taker, also when that one is far behind what it has seen", () => {
    const gate = Breaker.make({ trip: Trip.timeWindow({ minCalls: 3 }) })
    attempt(gate, 1_000_000, failed)
    attempt(gate, 1_000_000, failed)
    gate.restore(gate.snapshot(1_000_000), 0)
    assert.strictEqual(gate.snapshot(8999)["failures"], 2)
    assert.strictEqual(gate.snapshot(10_000)["failures"], 0)
    for (let n = 0; n < 3; n++) attempt(gate, 10_000, failed)
    assert.strictEqual(until(gate, 10_000), 15_000)
    admitted(gate, 15_000)
  })

  it("names option, range and value of a mistake", () => {
    const message = (options: Breaker.Options, expected: string) => assert.throws(() => Breaker.make(options), expected)
    const duration = `must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got`
    message(
      { trip: "consecutive" as unknown as Trip.Trip },
      'Breaker: trip must be a policy of Trip, got "consecutive"'
    )
    message({ openFor: -1 }, `Breaker: openFor ${duration} -1`)
    message(
      { openFor: 2000, maxOpenFor: 1000 },
      "Breaker: maxOpenFor must be a duration >= openFor (2000 ms), got 1000"
    )
    message({ maxHint: 0 }, `Breaker: maxHint ${duration} 0`)
    message({ probes: 0 }, "Breaker: probes must be an integer >= 1, got 0")
    message({ successesToClose: 0 }, "Breaker: successesToClose must be an integer >= 1, got 0")
    message({ probeLease: 0 }, `Breaker: probeLease ${duration} 0`)
    message({ rampFor: -1 }, `Breaker: rampFor ${duration} -1`)
    message({ rampFor: "Infinity" }, "Breaker: rampFor must be a finite number > 0, got Infinity")
    message({ aggression: 0 }, "Breaker: aggression must be a finite number > 0, got 0")
  })

  it("counts what a late hint added as time it was open, when it decides whether to begin with the first period", () => {
    const gate = brittle()
    const late = admitted(gate, 0)
    attempt(gate, 0, failed)
    gate.settle(late, hinted(8000), 1000)
    attempt(gate, 9000, success)
    attempt(gate, 17_999, failed)
    assert.strictEqual(until(gate, 17_999), 27_999)
  })

  it("keeps through a restart how often it opened, until it has stayed closed long enough", () => {
    for (const [closedFor, next] of [
      [4999, 10_000],
      [5000, 5000]
    ] as const) {
      const gate = opened()
      attempt(gate, 5000, success)
      const fresh = brittle()
      fresh.restore(gate.snapshot(6000), 0)
      const now = closedFor - 1000
      attempt(fresh, now, failed)
      assert.strictEqual(until(fresh, now), now + next)
    }
  })

  it("hears no permit from before a restore", () => {
    const gate = brittle()
    const before = admitted(gate, 0)
    gate.restore(brittle().snapshot(0), 0)
    assert.deepStrictEqual(tags(gate.settle(before, failed, 1)), ["StaleOutcome"])
    assert.isUndefined(gate.peek(1, one))
  })

  it("lets the longest period follow a longer first one", () => {
    const gate = opened({ openFor: "2 minutes" })
    assert.strictEqual(until(gate, 0), 120_000)
  })
})
