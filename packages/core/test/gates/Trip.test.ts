import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Trip from "../../src/gates/Trip.ts"
import type { Measured, Millis } from "../../src/model/Gate.ts"
import { Log, numbersOf, policyOf, type Rule } from "./BreakerModel.ts"

const succeeded: Trip.Counted = { _tag: "Success" }
const slow: Trip.Counted = { _tag: "Slow" }
const failed: Trip.Counted = {
  _tag: "Failure",
  kind: "Overloaded",
  afterFirstContent: false,
  retryAfter: undefined
}

const nothing: Measured = {
  ms: 100,
  firstContentMs: undefined,
  inputTokens: undefined,
  outputTokens: undefined,
  limits: undefined
}

/** A tally, told one letter after another: S and F, L for slow, and whether it trips after the last. */
const told = (trip: Trip.Trip, outcomes: string, now: Millis = 0) => {
  const tally = trip.make()
  const tell = (more: string, now: Millis) => {
    let tripped: string | undefined
    for (const letter of more) {
      tally.record(letter === "F" ? failed : letter === "L" ? slow : succeeded, now, undefined)
      tripped = tally.tripped(now)
    }
    return tripped !== undefined
  }
  return { tally, tell, tripped: tell(outcomes, now) }
}

describe("Trip", () => {
  it("counts what lists of everything count, each policy and several together, through clears and restarts", () => {
    const among = fc.oneof(
      fc.record({ last: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ window: fc.constantFrom(100, 1000), buckets: fc.constantFrom(1, 5, 10) })
    )
    const share = {
      rate: fc.constantFrom(0, 0.07, 0.25, 0.5, 0.6, 1),
      minCalls: fc.integer({ min: 1, max: 8 }),
      among
    }
    const limit = fc.constantFrom(undefined, 20, 60)
    const rule: fc.Arbitrary<Rule> = fc.oneof(
      fc.record({ is: fc.constant("inARow" as const), n: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ is: fc.constant("failed" as const), ...share }),
      fc.record({ is: fc.constant("slow" as const), ...share, firstContent: limit, perToken: limit })
    )
    const measured = fc.option(
      fc.record({
        ms: fc.integer({ min: 40, max: 400 }),
        firstContentMs: fc.constantFrom(undefined, 0, 20, 21, 40),
        inputTokens: fc.constant(undefined),
        outputTokens: fc.constantFrom(undefined, 0, 1, 4, 10),
        limits: fc.constant(undefined)
      }),
      { nil: undefined }
    )
    const step = fc.record({
      do: fc.oneof(
        { weight: 30, arbitrary: fc.constant("record" as const) },
        { weight: 1, arbitrary: fc.constantFrom("clear" as const, "restart" as const) }
      ),
      wait: fc.oneof({ weight: 8, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(2000) }),
      outcome: fc.constantFrom(succeeded, succeeded, slow, failed),
      measured,
      clock: fc.integer({ min: -5000, max: 5000 })
    })
    let trips = 0
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 4 }),
        fc.array(step, { maxLength: 80, size: "max" }),
        (rules, steps) => {
          const policy = policyOf(rules)
          let tally = policy.make()
          let logs = rules.map((rule) => new Log(rule))
          let now = 0
          for (const step of steps) {
            now += step.wait
            if (step.do === "record") {
              const against = logs.some((log) => log.judge(step.outcome, step.measured) === true)
              assert.strictEqual(tally.against(step.outcome, step.measured), against)
              tally.record(step.outcome, now, step.measured)
              for (const log of logs) log.note(step.outcome, step.measured, now)
              const first = rules.findIndex((_rule, i) => logs[i]?.trips(now) === true)
              const rule = rules[first]
              if (rule !== undefined) trips++
              assert.strictEqual(tally.tripped(now), rule === undefined ? undefined : policyOf([rule]).name)
            } else if (step.do === "clear") {
              tally.clear()
              logs = rules.map((rule) => new Log(rule))
            } else {
              const numbers = JSON.parse(JSON.stringify(tally.snapshot(now)))
              const later = now + step.clock
              tally = policy.make()
              tally.restore(numbers, later)
              for (const log of logs) log.restart(now, later)
              now = later
            }
            assert.deepStrictEqual(tally.snapshot(now), numbersOf(logs, now))
          }
        }
      ),
      { numRuns: 1000 }
    )
    assert.isAtLeast(trips, 500)
  })

  describe("consecutive", () => {
    // twitter/finagle, FailureAccrualPolicyTest: three failures, with a success or a revival in between.
    it("goes the way of Finagle's tests", () => {
      const { tally, tell, tripped } = told(Trip.consecutive(3), "FF")
      assert.isFalse(tripped)
      assert.isTrue(tell("F", 0))
      tally.clear()
      assert.isFalse(tell("F", 0))
      tally.clear()
      assert.isFalse(tell("FF", 0))
      assert.isTrue(tell("F", 0))
      assert.isFalse(told(Trip.consecutive(3), "FSFF").tripped)
      assert.isTrue(told(Trip.consecutive(3), "FSFFF").tripped)
    })

    it("is ended by a slow answer too, and does not age", () => {
      assert.isFalse(told(Trip.consecutive(2), "FLF").tripped)
      const { tell } = told(Trip.consecutive(2), "F")
      assert.isTrue(tell("F", 1e9))
    })
  })

  describe("countWindow", () => {
    const counts = (tally: Trip.Tally) => {
      const { failures, successes } = tally.snapshot(0)
      return [successes, failures]
    }

    // resilience4j, CircuitBreakerMetricsTest.testCircuitBreakerMetrics: the last 10, at least 10.
    it("goes the way of resilience4j's breaker metrics", () => {
      const { tally, tell, tripped } = told(Trip.countWindow({ size: 10, minCalls: 10, failureRate: 0.5 }), "SSFF")
      assert.isFalse(tripped)
      assert.deepStrictEqual(counts(tally), [2, 2])
      assert.isTrue(tell("FFFFSSSS", 0))
      assert.deepStrictEqual(counts(tally), [4, 6])
      assert.isFalse(tell("SSS", 0))
      assert.deepStrictEqual(counts(tally), [7, 3])
    })

    // resilience4j, FixedSizeSlidingWindowMetricsTest.testSlidingWindowMetrics: the last 4.
    it("goes the way of resilience4j's sliding window", () => {
      const { tally, tell } = told(Trip.countWindow({ size: 4 }), "F")
      const seen = [counts(tally)]
      for (let n = 0; n < 4; n++) {
        tell("S", 0)
        seen.push(counts(tally))
      }
      assert.deepStrictEqual(seen, [
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 0]
      ])
    })

    it("opens at exactly its share, whatever binary fractions make of it", () => {
      for (const percent of [7, 14, 28, 29, 55, 56, 57, 58]) {
        const trip = Trip.countWindow({ failureRate: percent / 100, size: 100, minCalls: 100 })
        const most = "S".repeat(100 - percent) + "F".repeat(percent - 1)
        assert.isTrue(told(trip, `${most}F`).tripped, `${percent} %`)
        assert.isFalse(told(trip, `${most}S`).tripped, `${percent} %`)
      }
    })

    it("takes up counts without their order: the failures stand evenly among the successes", () => {
      const tally = Trip.countWindow({ size: 8 }).make()
      tally.restore({ successes: 6, failures: 2 }, 0)
      const left = []
      for (let n = 0; n < 8; n++) {
        left.push(tally.snapshot(0)["failures"])
        tally.record(succeeded, 0, undefined)
      }
      assert.deepStrictEqual(left, [2, 2, 2, 2, 1, 1, 1, 1])
    })

    it("keeps the failures first when a snapshot holds more than the window does, and reads nonsense as nothing", () => {
      const tally = Trip.countWindow({ size: 4 }).make()
      tally.restore({ successes: 1e300, failures: 3.9 }, 0)
      assert.deepStrictEqual(counts(tally), [1, 3])
      tally.restore({ successes: -5 }, 0)
      assert.deepStrictEqual(counts(tally), [0, 0])
    })
  })

  describe("timeWindow", () => {
    // resilience4j, SlidingTimeWindowMetricsTest.testSlidingTimeWindowMetrics: 5 buckets of a second, on a whole second.
    it("goes the way of resilience4j's time window", () => {
      const { tally, tell } = told(Trip.timeWindow({ window: "5 seconds", buckets: 5 }), "F")
      const seen = []
      for (const [now, outcome] of [
        [100, "S"],
        [200, "S"],
        [1200, "S"],
        [2200, "S"],
        [3200, "F"],
        [4200, "S"],
        [5200, "S"],
        [6200, "S"],
        [11_200, "S"]
      ] as const) {
        tell(outcome, now)
        const { failures, successes } = tally.snapshot(now)
        seen.push([successes, failures])
      }
      assert.deepStrictEqual(seen, [
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 1],
        [4, 2],
        [5, 2],
        [4, 1],
        [4, 1],
        [1, 0]
      ])
    })

    it("opens at half of twenty by default, not before, not below, not with those of eleven seconds ago", () => {
      assert.isFalse(told(Trip.timeWindow(), `${"FS".repeat(9)}F`).tripped)
      assert.isTrue(told(Trip.timeWindow(), "FS".repeat(10)).tripped)
      assert.isFalse(told(Trip.timeWindow(), "SFS".repeat(7)).tripped)
      assert.isFalse(told(Trip.timeWindow(), "F".repeat(19)).tell("F", 11_000))
    })

    it("never opens without a failure, even at a share of 0", () => {
      const trip = Trip.timeWindow({ failureRate: 0, minCalls: 1 })
      assert.isFalse(told(trip, "SL".repeat(50)).tripped)
      assert.isTrue(told(trip, "SLF").tripped)
    })
  })

  describe("slowCalls", () => {
    /** What one answer is to the policy: slow, fast, or nothing. */
    const judged = (options: Trip.SlowCallsOptions, outcome: Trip.Counted, measured?: Partial<Measured>) => {
      const tally = Trip.slowCalls(options).make()
      tally.record(outcome, 0, measured === undefined ? undefined : { ...nothing, ...measured })
      const { fastAnswers, slowAnswers } = tally.snapshot(0)
      return slowAnswers === 1 ? "slow" : fastAnswers === 1 ? "fast" : "nothing"
    }

    it("asks for the time to first content, and longer than the limit is slow", () => {
      const options = { firstContent: "2 seconds" } as const
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 2000, ms: 600_000 }), "fast")
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 2000.001 }), "slow")
      assert.strictEqual(judged(options, succeeded, { ms: 600_000 }), "nothing")
    })

    it("asks for the pace of the tokens: of a stream from its first content on, of a whole answer from its beginning", () => {
      const options = { perOutputToken: "50 millis" } as const
      // 100 tokens in 5 s, after 30 s of waiting, which are not its matter.
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 30_000, ms: 35_000, outputTokens: 100 }), "fast")
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 30_000, ms: 35_001, outputTokens: 100 }), "slow")
      assert.strictEqual(judged(options, succeeded, { ms: 5000, outputTokens: 100 }), "fast")
      assert.strictEqual(judged(options, succeeded, { ms: 5001, outputTokens: 100 }), "slow")
      for (const outputTokens of [undefined, 0, -1, Number.NaN]) {
        assert.strictEqual(judged(options, succeeded, { ms: 600_000, outputTokens }), "nothing")
      }
    })

    it("never looks at the total time: ten minutes for a long answer are fast", () => {
      const options = { firstContent: "2 seconds", perOutputToken: "50 millis" } as const
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 500, ms: 600_000, outputTokens: 20_000 }), "fast")
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 2500, ms: 3000, outputTokens: 20_000 }), "slow")
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 500, ms: 2000, outputTokens: 10 }), "slow")
      assert.strictEqual(judged(options, succeeded, { firstContentMs: 500, ms: 600_000 }), "fast")
      assert.strictEqual(judged(options, succeeded, { ms: 600_000, outputTokens: 20_000 }), "fast")
    })

    it("takes `Slow` for slow whatever was measured, leaves failures out, and without limits takes a success for fast", () => {
      const options = { firstContent: "2 seconds" } as const
      assert.strictEqual(judged(options, slow, { firstContentMs: 1 }), "slow")
      assert.strictEqual(judged(options, slow), "slow")
      assert.strictEqual(judged(options, failed, { firstContentMs: 9999 }), "nothing")
      assert.strictEqual(judged(options, succeeded), "nothing")
      assert.strictEqual(judged({}, succeeded), "fast")
      assert.strictEqual(judged({}, slow), "slow")
    })

    it("has a share and a least number of its own, over calls or over a minute", () => {
      assert.isTrue(told(Trip.slowCalls({ size: 5, slowRate: 0.4, minCalls: 5 }), "LSSSL").tripped)
      assert.isFalse(told(Trip.slowCalls({ size: 5, slowRate: 0.4, minCalls: 5 }), "LSSL").tripped)
      assert.isFalse(told(Trip.slowCalls({ size: 5, slowRate: 0.4 }), "LSSSS").tripped)
      assert.isFalse(told(Trip.slowCalls({ size: 5, slowRate: 0 }), "SSSSS").tripped)
      const timed = told(Trip.slowCalls({}), "L".repeat(19))
      assert.isFalse(timed.tripped)
      assert.isTrue(timed.tell("L", 53_000))
      assert.isFalse(told(Trip.slowCalls({}), "L".repeat(19)).tell("L", 60_000))
    })
  })

  describe("or", () => {
    it("trips when any does, says which, and shows the numbers of all", () => {
      const policy = Trip.or(
        Trip.countWindow({ size: 4, minCalls: 4, failureRate: 1 }),
        Trip.consecutive(3),
        Trip.or(Trip.timeWindow(), Trip.slowCalls({ size: 2 }))
      )
      const { tally, tell } = told(policy, "SFF")
      assert.isFalse(told(policy, "SFF").tripped)
      tell("F", 0)
      assert.strictEqual(tally.tripped(0), "3 failures in a row")
      const numbers = {
        ...{ successes: 1, failures: 3, failuresInARow: 3 },
        ...{ successes2: 1, failures2: 3, fastAnswers: 1, slowAnswers: 0 }
      }
      assert.deepStrictEqual(tally.snapshot(0), numbers)
      const other = policy.make()
      other.restore({ ...numbers, successes2: 9, failures2: 8 }, 77)
      assert.deepStrictEqual(other.snapshot(77), { ...numbers, successes2: 9, failures2: 8 })
    })

    it("gives each target a tally of its own", () => {
      const [first, second] = [Trip.standard.make(), Trip.standard.make()]
      first.record(failed, 0, undefined)
      assert.deepStrictEqual(second.snapshot(0), { failuresInARow: 0, successes: 0, failures: 0 })
    })
  })

  it("says in words what it is", () => {
    const names = [
      Trip.consecutive(1),
      Trip.countWindow({ failureRate: 0.07, size: 5 }),
      Trip.slowCalls({ window: "90 seconds" }),
      Trip.standard
    ].map(({ name }) => name)
    assert.deepStrictEqual(names, [
      "1 failure",
      "7 % failed of the last 5, at least 5",
      "50 % slow in 90 s, at least 20",
      "5 failures in a row, or 50 % failed in 10 s, at least 20"
    ])
  })

  it("names option, range and value of a mistake", () => {
    const duration = `must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got`
    for (const [make, message] of [
      [() => Trip.consecutive(0), "Trip.consecutive: failures must be an integer >= 1, got 0"],
      [() => Trip.timeWindow({ failureRate: 1.5 }), "Trip.timeWindow: failureRate must be a share in [0, 1], got 1.5"],
      [() => Trip.timeWindow({ window: 0 }), `Trip.timeWindow: window ${duration} 0`],
      [
        () => Trip.timeWindow({ window: "Infinity" }),
        "Trip.timeWindow: window must be a finite number > 0, got Infinity"
      ],
      [() => Trip.timeWindow({ buckets: 0 }), "Trip.timeWindow: buckets must be an integer >= 1, got 0"],
      [() => Trip.timeWindow({ minCalls: 2.5 }), "Trip.timeWindow: minCalls must be an integer >= 1, got 2.5"],
      [() => Trip.countWindow({ size: 0 }), "Trip.countWindow: size must be an integer >= 1, got 0"],
      [
        () => Trip.countWindow({ size: 5, minCalls: 6 }),
        "Trip.countWindow: minCalls must be an integer in [1, size (5)], got 6"
      ],
      [() => Trip.slowCalls({ firstContent: 0 }), `Trip.slowCalls: firstContent ${duration} 0`],
      [() => Trip.slowCalls({ perOutputToken: -1 }), `Trip.slowCalls: perOutputToken ${duration} -1`],
      [() => Trip.slowCalls({ slowRate: -1 }), "Trip.slowCalls: slowRate must be a share in [0, 1], got -1"],
      [
        () => Trip.slowCalls({ size: 5, window: "1 second" } as unknown as Trip.SlowCallsOptions),
        "Trip.slowCalls: size must be given without window and buckets, got 5"
      ],
      [() => Trip.or(), "Trip.or must be given at least one policy, got a list of 0"]
    ] as const) {
      assert.throws(make, message)
    }
  })
})
