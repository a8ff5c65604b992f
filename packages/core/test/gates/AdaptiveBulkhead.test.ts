import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as AdaptiveBulkhead from "../../src/gates/AdaptiveBulkhead.ts"
import { isReject, type Measured } from "../../src/model/Gate.ts"
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
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const { aimd, gradient, make } = AdaptiveBulkhead

const firstContent = (ms: number): Measured => ({
  ms: 60_000,
  firstContentMs: ms,
  inputTokens: undefined,
  outputTokens: undefined,
  limits: undefined
})

/** `inFlight` attempts are out; the last of them ends so, and the others leave without a word. */
const endAt = (gate: AdaptiveBulkhead.AdaptiveBulkhead, inFlight: number, outcome: Outcome, measured?: Measured) => {
  const others = Array.from({ length: inFlight - 1 }, () => admitted(gate, 0))
  const events = gate.settle(admitted(gate, 0), outcome, 0, measured)
  for (const permit of others) gate.settle(permit, unused, 0)
  return events
}

describe("AdaptiveBulkhead", () => {
  // One attempt must try the limit enough to raise it again, or the law of a whole capacity could not hold.
  obeysTheLaws({ make: () => make({ initial: 2, max: 8 }) })
  describe("by gradient", () => {
    obeysTheLaws({ make: () => make({ algorithm: gradient(), min: 2, max: 8, initial: 2 }) })
  })

  it("admits as many as its limit, and gives back whatever the end", () => {
    const ends = [success, slow, ignored, unused, failure("Network"), misconfigured("Auth")]
    for (const outcome of ends) {
      const gate = make({ initial: 2 })
      const [first] = [admitted(gate, 0), admitted(gate, 0)]
      assert.deepStrictEqual(refused(gate, 0), { _tag: "LocalReject", reason: "BulkheadFull", retryAt: undefined })
      assert.deepInclude(gate.snapshot(0), { state: "full", inFlight: 2, limit: 2 })
      assert.deepStrictEqual(gate.settle(first, outcome, 1), [])
      assert.isUndefined(gate.peek(1, one))
    }
  })

  describe("aimd", () => {
    // Netflix/concurrency-limits, AIMDLimitTest: testDefault, increaseOnSuccess, decreaseOnDrops, successOverflow;
    // decreaseOnTimeoutExceeded of helidon-io/helidon, AimdLimitTest.
    it("moves as in the tests of its source", () => {
      assert.strictEqual(make({ initial: 10 }).limit(), 10)
      const up = make({ initial: 20 })
      endAt(up, 10, success)
      assert.strictEqual(up.limit(), 21)
      const down = make({ initial: 30 })
      endAt(down, 1, rateLimited())
      assert.strictEqual(down.limit(), 27)
      const top = make({ initial: 21, max: 21 })
      endAt(top, 11, success)
      assert.strictEqual(top.limit(), 21)
      const late = make({ initial: 30 })
      endAt(late, 1, failure("TimeoutAttempt"))
      assert.strictEqual(late.limit(), 27)
    })

    it("rises only by an attempt that was at least half the limit", () => {
      for (const [limit, inFlight, next] of [
        [20, 9, 20],
        [20, 10, 21],
        [21, 10, 21],
        [21, 11, 22],
        [1, 1, 2]
      ] as const) {
        const gate = make({ initial: limit })
        endAt(gate, inFlight, success)
        assert.strictEqual(gate.limit(), next, `${inFlight} of ${limit}`)
      }
    })

    it("speaks of the load at admission, not at the end", () => {
      const gate = make({ initial: 4 })
      const [first, second, third] = [admitted(gate, 0), admitted(gate, 0), admitted(gate, 0)]
      gate.settle(first, success, 1)
      assert.strictEqual(gate.limit(), 4)
      gate.settle(second, ignored, 1)
      gate.settle(third, success, 2)
      assert.strictEqual(gate.limit(), 5)
    })

    it("falls by what says `too much`, and by nothing else", () => {
      for (const outcome of [
        rateLimited(1000),
        failure("Overloaded"),
        failure("TimeoutAttempt"),
        failure("TimeoutHeaders"),
        failure("TimeoutFirstContent"),
        failure("TimeoutIdle", { afterFirstContent: true })
      ]) {
        const gate = make()
        assert.deepStrictEqual<ReadonlyArray<object>>(endAt(gate, 1, outcome), [
          { _tag: "LimitLowered", gate: "adaptive-bulkhead", limit: 18 }
        ])
      }
      for (const outcome of [
        failure("Network"),
        failure("Protocol"),
        failure("_OTHER"),
        misconfigured("Auth"),
        slow,
        ignored
      ]) {
        const gate = make()
        assert.deepStrictEqual(endAt(gate, 20, outcome), [])
        assert.strictEqual(gate.limit(), 20)
      }
    })

    it("hears as overload what it is told to", () => {
      const overloaded = (outcome: Outcome) => outcome._tag === "Slow"
      const gate = make({ algorithm: aimd({ overloaded, backoff: 0.5 }) })
      endAt(gate, 20, rateLimited())
      assert.strictEqual(gate.limit(), 20)
      endAt(gate, 20, slow)
      assert.strictEqual(gate.limit(), 10)
    })

    it("falls to the integer below nine tenths, whatever binary fractions make of it", () => {
      for (const percent of [90, 57, 58, 55, 99]) {
        for (let limit = 2; limit <= 400; limit++) {
          const gate = make({ algorithm: aimd({ backoff: percent / 100 }), initial: limit, max: 400 })
          endAt(gate, 1, rateLimited())
          assert.strictEqual(gate.limit(), Math.max(1, Math.floor((limit * percent) / 100)), `${percent} % of ${limit}`)
        }
      }
    })

    it("believes a burst of refusals once, and the next generation once more", () => {
      const gate = make({ initial: 40 })
      const burst = Array.from({ length: 40 }, () => admitted(gate, 0))
      const events = burst.flatMap((permit) => gate.settle(permit, rateLimited(), 1))
      assert.strictEqual(gate.limit(), 36)
      assert.lengthOf(events, 1)
      const next = Array.from({ length: 36 }, () => admitted(gate, 2))
      for (const permit of next) gate.settle(permit, rateLimited(), 3)
      assert.strictEqual(gate.limit(), 32)
    })

    it("hears no praise for the limit it has just lowered", () => {
      const gate = make({ initial: 40 })
      const burst = Array.from({ length: 40 }, () => admitted(gate, 0))
      burst.forEach((permit, i) => {
        gate.settle(permit, i === 0 ? rateLimited() : success, 1)
      })
      assert.strictEqual(gate.limit(), 36)
    })

    it("interrupts nobody when it falls below what is in flight", () => {
      const gate = make({ initial: 10 })
      const running = Array.from({ length: 10 }, () => admitted(gate, 0))
      for (const permit of running.slice(0, 1)) gate.settle(permit, rateLimited(), 1)
      assert.deepInclude(gate.snapshot(1), { limit: 9, inFlight: 9, state: "full" })
      refused(gate, 1)
      for (const permit of running.slice(1, 2)) gate.settle(permit, success, 1)
      admitted(gate, 1)
      refused(gate, 1)
    })

    it("finds a new target by one per success, and its edge by one per round", () => {
      const gate = make({ initial: 2 })
      const successes = (to: number) => {
        let n = 0
        for (; gate.limit() < to; n++) endAt(gate, gate.limit(), success)
        return n
      }
      assert.strictEqual(successes(50), 48)
      endAt(gate, 50, rateLimited())
      assert.strictEqual(gate.limit(), 45)
      assert.deepStrictEqual([successes(46), successes(47), successes(48)], [45, 46, 47])
      // Two overloads in a row: back to where the run began by one each.
      endAt(gate, 48, rateLimited())
      endAt(gate, 43, rateLimited())
      assert.strictEqual(gate.limit(), 38)
      assert.strictEqual(successes(43), 5)
      assert.strictEqual(successes(44), 43)
    })

    it("goes fast again once it is well beyond where it was refused", () => {
      const gate = make({ initial: 10 })
      endAt(gate, 10, rateLimited())
      assert.strictEqual(gate.limit(), 9)
      let n = 0
      for (; gate.limit() < 16; n++) endAt(gate, gate.limit(), success)
      assert.strictEqual(n, 9 + 10 + 11 + 12 + 13 + 14 + 15)
      for (; gate.limit() < 100; n++) endAt(gate, gate.limit(), success)
      assert.strictEqual(n, 84 + 84)
    })

    it("never leaves its bounds", () => {
      const gate = make({ min: 3, initial: 4, max: 5 })
      for (let n = 0; n < 10; n++) endAt(gate, 1, rateLimited())
      assert.strictEqual(gate.limit(), 3)
      assert.deepStrictEqual(endAt(gate, 1, rateLimited()), [])
      for (let n = 0; n < 50; n++) endAt(gate, gate.limit(), success)
      assert.strictEqual(gate.limit(), 5)
    })

    it("does what its rules say, told again from the first attempt at every step", () => {
      const outcomes: ReadonlyArray<Outcome | Unused> = [
        success,
        success,
        success,
        slow,
        rateLimited(),
        failure("Overloaded"),
        failure("Network"),
        ignored,
        unused
      ]
      const command = fc.record({
        settle: fc.boolean(),
        which: fc.nat(30),
        outcome: fc.oneof(
          { weight: 2, arbitrary: fc.constant<Outcome | Unused>(success) },
          { weight: 1, arbitrary: fc.constantFrom(...outcomes) }
        )
      })
      fc.assert(
        fc.property(
          fc.record({
            min: fc.integer({ min: 1, max: 3 }),
            initial: fc.integer({ min: 3, max: 8 }),
            max: fc.integer({ min: 8, max: 12 }),
            backoff: fc.constantFrom(0.5, 0.7, 0.9)
          }),
          fc.array(command, { maxLength: 60, size: "max" }),
          ({ backoff, ...bounds }, commands) => {
            const gate = make({ ...bounds, algorithm: aimd({ backoff }) })
            const history: Array<Turn> = []
            const permits = new Map<number, AdaptiveBulkhead.Permit>()
            let limit = bounds.initial
            let lowered = 0
            for (const command of [...commands, undefined]) {
              const expected = retell(history, bounds, backoff)
              assert.strictEqual(gate.limit(), expected.limit)
              assert.strictEqual(lowered, expected.limit < limit ? 1 : 0)
              limit = expected.limit
              lowered = 0
              const yes = expected.open.length < limit
              assert.strictEqual(gate.peek(0, one) === undefined, yes)
              if (command === undefined) break
              const turn = command.settle ? expected.open[command.which % Math.max(1, expected.open.length)] : undefined
              const permit = turn === undefined ? undefined : permits.get(turn)
              if (turn !== undefined && permit !== undefined) {
                lowered = gate.settle(permit, command.outcome, 0).length
                assert.deepStrictEqual(gate.settle(permit, rateLimited(), 0), [])
                history.push({ ends: turn, outcome: command.outcome })
              } else {
                const answer = gate.admit(0, one, half)
                assert.strictEqual(isReject(answer), !yes)
                if (isReject(answer)) continue
                permits.set(history.length, answer)
                history.push("begins")
              }
            }
          }
        ),
        { numRuns: 1000 }
      )
    })
  })

  it("learns nothing from work that was cancelled, wherever it is mixed in", () => {
    const ends = fc.array(fc.constantFrom<Outcome>(success, success, slow, rateLimited(), failure("TimeoutIdle")), {
      maxLength: 15,
      size: "max"
    })
    for (const algorithm of [aimd(), gradient()]) {
      fc.assert(
        fc.property(ends, fc.infiniteStream(fc.nat(3)), (outcomes, gaps) => {
          const options = { algorithm, min: 1, initial: 5, max: 10 }
          const [plain, mixed] = [make(options), make(options)]
          for (const outcome of outcomes) {
            const measured = firstContent(300)
            for (let n = gaps.next().value ?? 0; n > 0; n--) {
              for (const cancelled of [ignored, unused]) {
                assert.deepStrictEqual(mixed.settle(admitted(mixed, 0), cancelled, 0, firstContent(30_000)), [])
              }
            }
            endAt(plain, plain.limit(), outcome, measured)
            endAt(mixed, mixed.limit(), outcome, measured)
            assert.deepStrictEqual(mixed.snapshot(0), plain.snapshot(0))
          }
        }),
        { numRuns: 1000 }
      )
    }
  })

  describe("gradient", () => {
    const of = (options?: AdaptiveBulkhead.GradientOptions, bounds: AdaptiveBulkhead.Options = {}) =>
      make({ ...bounds, algorithm: gradient(options) })
    const estimate = (gate: AdaptiveBulkhead.AdaptiveBulkhead) => Number(gate.snapshot(0)["estimate"])
    const sample = (gate: AdaptiveBulkhead.AdaptiveBulkhead, ms: number, inFlight = gate.limit()) =>
      endAt(gate, inFlight, success, firstContent(ms))

    // Netflix/concurrency-limits, ExpAvgMeasurementTest.testWarmup: window 100, samples 10 to 19, then 100.
    it("averages as in the test of its source", () => {
      const gate = of({ longWindow: 100 })
      const expected = [10, 10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14, 14.5]
      expected.forEach((average, i) => {
        sample(gate, 10 + i)
        assert.approximately(Number(gate.snapshot(0)["longMs"]), average, 0.01)
      })
      sample(gate, 100)
      assert.approximately(Number(gate.snapshot(0)["longMs"]), 16.2, 0.1)
    })

    // By hand from the formula of Gradient2Limit: .8 * 20 + .2 * (20 + 4), and so on.
    it("rises by a fifth of the queue size while the time is as ever, up to its bound", () => {
      const gate = of()
      sample(gate, 400)
      assert.approximately(estimate(gate), 20.8, 1e-9)
      sample(gate, 600) // long 500, short 600: within the tolerance of 1.5
      assert.approximately(estimate(gate), 21.6, 1e-9)
      for (let n = 0; n < 300; n++) sample(gate, 500)
      assert.strictEqual(gate.limit(), 200)
    })

    it("falls when the time grows, by no more than a half taken at a fifth", () => {
      const gate = of({}, { initial: 100 })
      sample(gate, 100)
      assert.approximately(estimate(gate), 100.8, 1e-9)
      // long (100 + 300) / 2 = 200, slope 1.5 * 200 / 300 = 1
      sample(gate, 300)
      assert.approximately(estimate(gate), 101.6, 1e-9)
      // long (400 + 500) / 3 = 300, slope 0.9: .8 * 101.6 + .2 * (101.6 * .9 + 4)
      sample(gate, 500)
      assert.approximately(estimate(gate), 101.6 * 0.98 + 0.8, 1e-9)
      const before = estimate(gate)
      // long 1225, slope 1.5 * 1225 / 4000 = .459 -> .5
      sample(gate, 4000)
      assert.approximately(estimate(gate), before * 0.9 + 0.8, 1e-9)
    })

    it("rests where growth and slope are even: queueSize / (1 - slope)", () => {
      const gate = of({ tolerance: 1, longWindow: 1_000_000 }, { min: 1, initial: 20 })
      for (let n = 0; n < 10; n++) sample(gate, 800)
      for (let n = 0; n < 400; n++) sample(gate, 1000)
      assert.approximately(estimate(gate), 4 / (1 - 0.8), 0.1)
    })

    it("cuts a memory of worse times by a twentieth per sample", () => {
      const gate = of()
      for (let n = 0; n < 10; n++) sample(gate, 1000)
      sample(gate, 100)
      const long = 1000 - (2 / 601) * 900
      assert.approximately(Number(gate.snapshot(0)["longMs"]), long * 0.95, 1e-9)
    })

    it("holds while less than half the limit is used, and goes on averaging", () => {
      const gate = of()
      sample(gate, 400, 9)
      assert.deepInclude(gate.snapshot(0), { estimate: 20, longMs: 400 })
      sample(gate, 400, 10)
      assert.approximately(estimate(gate), 20.8, 1e-9)
    })

    it("looks at no total duration and at no time that is none", () => {
      const gate = of()
      endAt(gate, 20, success)
      for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) sample(gate, ms, 20)
      endAt(gate, 20, failure("Network"), firstContent(400))
      assert.deepInclude(gate.snapshot(0), { estimate: 20, samples: 0 })
      endAt(gate, 20, slow, firstContent(400))
      assert.deepInclude(gate.snapshot(0), { samples: 1 })
    })

    it("hears the target's `too much` once per generation, and no praise from before it", () => {
      const gate = of({}, { initial: 100 })
      const burst = Array.from({ length: 100 }, () => admitted(gate, 0))
      burst.forEach((permit, i) => {
        gate.settle(permit, i < 50 ? rateLimited() : success, 1, firstContent(400))
      })
      assert.strictEqual(gate.limit(), 90)
    })

    it("stays between 20 and 200 unless it is told otherwise", () => {
      const gate = of()
      for (let n = 0; n < 50; n++) endAt(gate, 1, rateLimited())
      assert.strictEqual(gate.limit(), 20)
      assert.strictEqual(of({}, { max: 8 }).limit(), 8)
    })
  })

  it("takes what it learned to the next process, within the bounds there", () => {
    for (const [algorithm, samples] of [
      [aimd(), 30],
      [gradient(), 3],
      [gradient(), 30]
    ] as const) {
      const gate = make({ algorithm, min: 1 })
      for (let n = 0; n < samples; n++) endAt(gate, gate.limit(), success, firstContent(500))
      endAt(gate, 1, rateLimited())
      const snapshot = JSON.parse(JSON.stringify(gate.snapshot(0)))
      const next = make({ algorithm, min: 1 })
      next.restore(snapshot, 0)
      assert.deepStrictEqual(next.snapshot(0), gate.snapshot(0))
      for (let n = 0; n < 60; n++) {
        for (const each of [gate, next]) endAt(each, each.limit(), success, firstContent(700))
        assert.deepStrictEqual(next.snapshot(0), gate.snapshot(0))
      }
      const small = make({ algorithm, min: 1, max: 5 })
      small.restore(snapshot, 0)
      assert.strictEqual(small.limit(), 5)
      const broken = make({ algorithm })
      broken.restore({ state: "free", limit: "many", estimate: -4, longMs: Number.NaN }, 0)
      assert.strictEqual(broken.limit(), 20)
      broken.restore({ state: "free" }, 0)
      assert.strictEqual(broken.limit(), 20)
    }
  })

  it("hears nothing of attempts from before a restore, and keeps their places until they end", () => {
    const gate = make({ initial: 10 })
    const before = admitted(gate, 0)
    gate.restore({ state: "free", limit: 4 }, 0)
    assert.strictEqual(gate.snapshot(0)["inFlight"], 1)
    assert.deepStrictEqual(gate.settle(before, rateLimited(), 1), [])
    assert.deepInclude(gate.snapshot(1), { limit: 4, inFlight: 0 })
  })

  it("is at least as open as at first when a person says so", () => {
    for (const algorithm of [aimd(), gradient()]) {
      const gate = make({ algorithm, min: 1 })
      for (let n = 0; n < 20; n++) endAt(gate, 1, rateLimited())
      gate.clear(0)
      assert.strictEqual(gate.limit(), 20)
      for (let n = 0; n < 40; n++) endAt(gate, gate.limit(), success, firstContent(500))
      const learned = gate.limit()
      gate.clear(0)
      assert.isAbove(learned, 20)
      assert.strictEqual(gate.limit(), learned)
    }
  })

  it("names option, range and value of a mistake", () => {
    const message = (body: () => unknown, text: string) => assert.throws(body, text)
    message(() => make({ min: 0 }), "AdaptiveBulkhead: min must be an integer >= 1, got 0")
    message(() => make({ max: 1.5 }), "AdaptiveBulkhead: max must be an integer >= 1, got 1.5")
    message(() => make({ min: 5, max: 4 }), "AdaptiveBulkhead: max must be an integer >= min (5), got 4")
    message(() => make({ initial: 0 }), "AdaptiveBulkhead: initial must be an integer in [1, 200], got 0")
    message(() => make({ initial: 201 }), "AdaptiveBulkhead: initial must be an integer in [1, 200], got 201")
    message(() => aimd({ backoff: 1 }), "AdaptiveBulkhead.aimd: backoff must be a share in [0.5, 1), got 1")
    message(() => aimd({ backoff: 0.4 }), "AdaptiveBulkhead.aimd: backoff must be a share in [0.5, 1), got 0.4")
    const where = "AdaptiveBulkhead.gradient"
    message(() => gradient({ backoff: 2 }), `${where}: backoff must be a share in [0.5, 1), got 2`)
    message(() => gradient({ tolerance: 0.9 }), `${where}: tolerance must be a finite number >= 1, got 0.9`)
    message(() => gradient({ smoothing: 0 }), `${where}: smoothing must be a share in (0, 1], got 0`)
    message(() => gradient({ queueSize: -1 }), `${where}: queueSize must be a finite number >= 0, got -1`)
    message(() => gradient({ longWindow: 0 }), `${where}: longWindow must be an integer >= 1, got 0`)
    assert.strictEqual(make({ min: 300 }).limit(), 300)
    assert.strictEqual(make({ max: 7 }).limit(), 7)
  })
})

type Turn = "begins" | { readonly ends: number; readonly outcome: Outcome | Unused }

/** Additive increase, multiplicative decrease, told from the first turn on: who was out when, and what the limit was then. */
const retell = (
  history: ReadonlyArray<Turn>,
  { initial, max, min }: { readonly min: number; readonly max: number; readonly initial: number },
  backoff: number
): { readonly limit: number; readonly open: ReadonlyArray<number> } => {
  const open: Array<number> = []
  const loads = new Map<number, number>()
  const limits = [initial]
  const limit = () => limits.at(-1) ?? Number.NaN
  const loweredAt: Array<number> = []
  /** What the first overload of each run left. */
  const runs: Array<number> = []
  let inRun = false
  let counted = 0
  history.forEach((turn, at) => {
    if (turn === "begins") {
      open.push(at)
      loads.set(at, open.length)
      return
    }
    open.splice(open.indexOf(turn.ends), 1)
    const { outcome } = turn
    if (loweredAt.some((lowered) => lowered > turn.ends)) return
    if (outcome._tag === "RateLimited" || (outcome._tag === "Failure" && outcome.kind === "Overloaded")) {
      const next = Math.max(min, Math.floor(limit() * backoff + 1e-9))
      if (!inRun) runs.push(next)
      inRun = true
      counted = 0
      if (next < limit()) loweredAt.push(at)
      limits.push(next)
    } else if (outcome._tag === "Success" && (loads.get(turn.ends) ?? 0) / limit() >= 0.5 && limit() < max) {
      const refusedAt = runs.at(-1)
      const edge = refusedAt !== undefined && limit() >= refusedAt && limit() <= refusedAt * 1.25 + 4
      counted++
      if (edge && counted < limit()) return
      counted = 0
      inRun = false
      limits.push(limit() + 1)
    }
  })
  return { limit: limit(), open }
}
