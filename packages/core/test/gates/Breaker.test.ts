import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Breaker from "../../src/gates/Breaker.ts"
import { isReject, type Millis } from "../../src/model/Gate.ts"
import {
  failure,
  ignored,
  misconfigured,
  type Outcome,
  rateLimited,
  slow,
  success,
  type Unused,
  unused
} from "../../src/model/Outcome.ts"
import { BreakerModel, type Rules } from "./BreakerModel.ts"
import { admitted, attempt, obeysTheLaws, one, refused, tags } from "./support.ts"

const failed = failure("Overloaded")
const hinted = (retryAfter: number) => failure("Overloaded", { retryAfter })

/** A breaker that one failure opens. Its periods are 5, 10, 20, 40, 60, 60 … seconds with the middle of the jitter. */
const brittle = (options: Breaker.Options = {}) => Breaker.make({ minCalls: 1, failureRate: 1, ...options })

/** A brittle breaker that opened at 0 and waits for a probe from 5000 on. */
const opened = (options: Breaker.Options = {}) => {
  const gate = brittle(options)
  attempt(gate, 0, failed)
  return gate
}

const until = (gate: Breaker.Breaker, now: Millis) => refused(gate, now).retryAt

describe("Breaker", () => {
  obeysTheLaws({ make: () => Breaker.make({ minCalls: 4 }) })
  describe("with several probes", () => {
    obeysTheLaws({ make: () => Breaker.make({ minCalls: 2, probes: 3, successesToClose: 2 }) })
  })

  it("does what its rules say, written out over full histories", () => {
    const outcome = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<Outcome | Unused>(success, slow, failed, failed) },
      {
        weight: 2,
        arbitrary: fc.constantFrom<Outcome | Unused>(ignored, unused, rateLimited(50), misconfigured("Auth"))
      },
      { weight: 1, arbitrary: fc.nat(3000).map(hinted) }
    )
    const command = fc.record({
      do: fc.constantFrom("admit", "admit", "admit", "settle", "settle", "settle", "again", "restart"),
      wait: fc.oneof({ weight: 3, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.nat(1500) }),
      which: fc.nat(6),
      outcome
    })
    const rules: fc.Arbitrary<Rules> = fc.record({
      failureRate: fc.constantFrom(0, 0.3, 0.5, 1),
      window: fc.constantFrom(100, 1000),
      buckets: fc.constantFrom(1, 5, 10),
      minCalls: fc.integer({ min: 1, max: 4 }),
      openFor: fc.constantFrom(100, 400),
      maxOpenFor: fc.constantFrom(400, 1000),
      maxHint: fc.constant(2000),
      probes: fc.integer({ min: 1, max: 3 }),
      successesToClose: fc.integer({ min: 1, max: 3 }),
      probeLease: fc.constantFrom(150, 700, 5000)
    })
    fc.assert(
      fc.property(rules, fc.array(command, { maxLength: 80, size: "max" }), (rules, commands) => {
        let draws = 0
        const chance = (n: number) => ((n * 37) % 101) / 101
        const rng = () => chance(draws++)
        let gate = Breaker.make(rules)
        const model = new BreakerModel(rules)
        let modelDraws = 0
        const draw = () => chance(modelDraws++)
        let held: Array<{ readonly real: Breaker.Permit; readonly modelled: number }> = []
        let done: ReadonlyArray<Breaker.Permit> = []
        let now = 0
        for (const command of commands) {
          now += command.wait
          const expected = model.copy().admit(now, () => 0.5)
          const verdict = gate.peek(now, one)
          assert.strictEqual(verdict?.reason, "refused" in expected ? expected.refused : undefined)
          if (command.do === "admit") {
            const answer = gate.admit(now, one, rng)
            const wanted = model.admit(now, draw)
            if ("refused" in wanted || isReject(answer)) {
              assert.isTrue("refused" in wanted && isReject(answer))
              if (!isReject(answer) || !("refused" in wanted)) return
              assert.strictEqual(answer.reason, wanted.refused)
              assert.deepStrictEqual(answer, verdict)
              if (wanted.until === undefined) assert.isUndefined(answer.retryAt)
              else assert.approximately(answer.retryAt ?? Number.NaN, wanted.until, 1e-6)
            } else held.push({ real: answer, modelled: wanted.permit })
          } else if (command.do === "settle") {
            const [permit] = held.splice(command.which, 1)
            if (permit === undefined) continue
            const events = gate.settle(permit.real, command.outcome, now)
            const wanted = model.settle(permit.modelled, command.outcome, now)
            assert.deepStrictEqual(tags(events), tags(wanted))
            events.forEach((event, i) => {
              const until = wanted[i]?.until
              if (until === undefined) assert.isUndefined(event.until)
              else assert.approximately(event.until ?? Number.NaN, until, 1e-6)
            })
            done = [...done, permit.real]
          } else if (command.do === "again") {
            const permit = done[command.which]
            if (permit !== undefined) assert.deepStrictEqual(gate.settle(permit, command.outcome, now), [])
          } else {
            const snapshot = gate.snapshot(now)
            gate = Breaker.make(rules)
            gate.restore(JSON.parse(JSON.stringify(snapshot)), now)
            const restored = gate.snapshot(now)
            for (const key of Object.keys(snapshot)) {
              const [was, is] = [snapshot[key], restored[key]]
              if (typeof was === "number") assert.approximately(Number(is), was, 1e-6, key)
              else assert.strictEqual(is, was)
            }
            model.restart(now)
            held = []
            done = []
          }
          const { failures, state, successes } = gate.snapshot(now)
          const looked = model.look(now)
          assert.strictEqual(state, looked.state)
          if (state === "closed") assert.deepStrictEqual([successes, failures], [looked.good, looked.bad])
          assert.strictEqual(draws, modelDraws)
        }
      }),
      { numRuns: 1500 }
    )
  })

  describe("closed", () => {
    it("opens at half of twenty outcomes, not before, and not below half", () => {
      const gate = Breaker.make()
      for (let n = 0; n < 9; n++) attempt(gate, n, success)
      for (let n = 0; n < 10; n++) assert.deepStrictEqual(attempt(gate, n, failed), [])
      assert.isUndefined(gate.peek(20, one))
      assert.deepStrictEqual(tags(attempt(gate, 20, success)), ["BreakerOpened"])
      const below = Breaker.make()
      for (let n = 0; n < 11; n++) attempt(below, n, success)
      for (let n = 0; n < 10; n++) assert.deepStrictEqual(attempt(below, n, failed), [])
    })

    it("opens at exactly its share, whatever binary fractions make of it", () => {
      for (const percent of [7, 14, 28, 29, 55, 56, 57, 58]) {
        const gate = Breaker.make({ failureRate: percent / 100, minCalls: 100 })
        for (let n = 0; n < 100 - percent; n++) attempt(gate, 0, success)
        for (let n = 1; n < percent; n++) attempt(gate, 0, failed)
        assert.strictEqual(gate.snapshot(0).state, "closed")
        assert.deepStrictEqual(tags(attempt(gate, 0, failed)), ["BreakerOpened"], `${percent} %`)
      }
    })

    it("never opens without a failure, even at a share of 0", () => {
      const gate = Breaker.make({ failureRate: 0, minCalls: 1 })
      for (let n = 0; n < 50; n++) assert.deepStrictEqual(attempt(gate, n, n % 2 === 0 ? success : slow), [])
    })

    // connor4312/cockatiel#64: its window moves one bucket per call, so an idle hour ages nothing.
    it("has forgotten four failures after an hour without calls", () => {
      const gate = Breaker.make({ minCalls: 5 })
      for (let n = 0; n < 4; n++) attempt(gate, n, failed)
      assert.deepStrictEqual(attempt(gate, 3_600_000, failed), [])
      assert.strictEqual(gate.snapshot(3_600_000)["failures"], 1)
    })

    // opossum divides by what was begun: 15 of 15 failed with 20 more in flight was 43 %.
    it("divides by what has ended, not by what is in flight", () => {
      const gate = Breaker.make({ minCalls: 15 })
      for (let n = 0; n < 20; n++) admitted(gate, 0)
      for (let n = 0; n < 14; n++) attempt(gate, 0, failed)
      assert.deepStrictEqual(tags(attempt(gate, 0, failed)), ["BreakerOpened"])
    })

    it("counts neither rate limits nor mistakes of ours or of the caller", () => {
      const gate = brittle()
      for (const outcome of [rateLimited(1000), misconfigured("Auth"), ignored, unused]) {
        assert.deepStrictEqual(attempt(gate, 0, outcome), [])
      }
      assert.deepInclude(gate.snapshot(0), { state: "closed", successes: 0, failures: 0 })
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
      const gate = brittle({ minCalls: 2 })
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
      assert.deepInclude(gate.snapshot(5001), { state: "closed", successes: 0, failures: 0 })
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

    // App-vNext/Polly#1979, nodeshift/opossum#276: a probe without a verdict closed the circuit, or held it for ever.
    it("gives the slot of a probe that says nothing to the next one", () => {
      const gate = opened()
      for (const outcome of [ignored, unused, rateLimited(10), misconfigured("Auth")]) {
        const events = attempt(gate, 5000, outcome)
        assert.isFalse(tags(events).includes("BreakerClosed"))
        assert.strictEqual(gate.snapshot(5000).state, "half-open")
        assert.isUndefined(gate.peek(5000, one))
      }
    })

    // diegosouzapw/OmniRoute#13836: a probe that never came back held the breaker half-open for six days.
    it("takes a probe whose lease ran out for a failure at that moment, also when nobody looked for hours", () => {
      for (const look of ["peek", "admit", "snapshot"] as const) {
        const gate = opened({ probeLease: "30 seconds" })
        admitted(gate, 5000)
        assert.strictEqual(gate.peek(34_999, one)?.reason, "BreakerProbing")
        if (look === "peek") assert.strictEqual(gate.peek(35_000, one)?.retryAt, 45_000)
        if (look === "admit") assert.strictEqual(until(gate, 44_999), 45_000)
        if (look === "snapshot") assert.deepInclude(gate.snapshot(40_000), { state: "open", retryInMs: 5000, opens: 2 })
        assert.isUndefined(gate.peek(45_000, one))
        admitted(gate, 7_200_000)
      }
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

  describe("generations", () => {
    // cockatiel: a late failure made a successful probe leave the circuit open. opossum: a success begun before closed it.
    it("keeps what began before the trip away from the probe and from the closed breaker after it", () => {
      const gate = brittle()
      const [early, earlier, earliest] = [admitted(gate, 0), admitted(gate, 0), admitted(gate, 0)]
      attempt(gate, 0, failed)
      const probe = admitted(gate, 5000)
      assert.deepStrictEqual(tags(gate.settle(early, success, 5001)), ["BreakerHalfOpened", "StaleOutcome"])
      assert.strictEqual(gate.snapshot(5001).state, "half-open")
      gate.settle(earlier, failed, 5002)
      assert.deepStrictEqual(tags(gate.settle(probe, success, 5003)), ["BreakerClosed"])
      assert.deepStrictEqual(tags(gate.settle(earliest, failed, 5004)), ["StaleOutcome"])
      assert.deepInclude(gate.snapshot(5004), { state: "closed", successes: 0, failures: 0 })
    })

    // denoland/std#7306: a stale request freed a slot it never held.
    it("frees no probe slot for a permit that is no probe", () => {
      const gate = brittle()
      const early = admitted(gate, 0)
      attempt(gate, 0, failed)
      admitted(gate, 5000)
      assert.deepStrictEqual(tags(gate.settle(early, ignored, 5001)), ["BreakerHalfOpened"])
      assert.strictEqual(gate.peek(5001, one)?.reason, "BreakerProbing")
    })
  })

  // sony/gobreaker, gobreaker_test.go, TestCustomCircuitBreaker: 3 requests, ratio 0.6, interval 30 s, timeout 90 s.
  it("goes the way of gobreaker's test", () => {
    const gate = Breaker.make({
      failureRate: 0.6,
      minCalls: 3,
      window: "30 seconds",
      buckets: 1,
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
    const gate = Breaker.make({ minCalls: 2 })
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
    assert.deepInclude(fresh.snapshot(0), { state: "closed", opens: 0, successes: 0, failures: 0 })
  })

  it("names option, range and value of a mistake", () => {
    const message = (options: Breaker.Options, expected: string) => assert.throws(() => Breaker.make(options), expected)
    const duration = `must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got`
    message({ failureRate: 1.5 }, "Breaker: failureRate must be a share in [0, 1], got 1.5")
    message({ window: 0 }, `Breaker: window ${duration} 0`)
    message({ window: "Infinity" }, "Breaker: window must be a finite number > 0, got Infinity")
    message({ buckets: 0 }, "Breaker: buckets must be an integer >= 1, got 0")
    message({ minCalls: 2.5 }, "Breaker: minCalls must be an integer >= 1, got 2.5")
    message({ openFor: -1 }, `Breaker: openFor ${duration} -1`)
    message(
      { openFor: 2000, maxOpenFor: 1000 },
      "Breaker: maxOpenFor must be a duration >= openFor (2000 ms), got 1000"
    )
    message({ maxHint: 0 }, `Breaker: maxHint ${duration} 0`)
    message({ probes: 0 }, "Breaker: probes must be an integer >= 1, got 0")
    message({ successesToClose: 0 }, "Breaker: successesToClose must be an integer >= 1, got 0")
    message({ probeLease: 0 }, `Breaker: probeLease ${duration} 0`)
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
