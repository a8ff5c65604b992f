import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Shedder from "../../src/gates/Shedder.ts"
import type { AttemptReason, Cost, Priority } from "../../src/model/Cost.ts"
import { type Gate, type GateEvent, isReject, type Millis, type Rng } from "../../src/model/Gate.ts"
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
import { int, rng, shuffle } from "../../src/testing/Seeded.ts"
import { admitted, obeysTheLaws, one, tags } from "./support.ts"

const failed = failure("Overloaded")
const of = (priority: Priority, reason: AttemptReason = "primary"): Cost => ({ ...one, priority, reason })
/** A chance at which every gate that decides by chance refuses, or admits. */
const unlucky: Rng = () => 1 - Number.EPSILON
const lucky: Rng = () => 0

/** `n` attempts that end as `outcome`; retries, so that none is refused and none is an arrival. */
const feed = <P extends object>(
  gate: Gate<P>,
  n: number,
  outcome: Outcome | Unused,
  now: Millis
): ReadonlyArray<GateEvent> => {
  const events: Array<GateEvent> = []
  for (let i = 0; i < n; i++) {
    events.push(...gate.settle(admitted(gate, now, of("P1", "retry"), unlucky), outcome, now))
  }
  return events
}

/** A shedder that has seen 90 successes and 10 failures at `now`, and sheds. */
const shedding = (options: Shedder.Options = {}, now: Millis = 0) => {
  const gate = Shedder.make(options)
  feed(gate, 90, success, now)
  feed(gate, 10, failed, now)
  assert.strictEqual(gate.snapshot(now).state, "shedding")
  return gate
}

const step = (gate: Shedder.Shedder, now: Millis) => gate.snapshot(now)["step"]

/** How many of `n` requests of each class were asked for and refused. */
const refusals = <P extends object>(gate: Gate<P>, classes: Iterable<Priority>, now: Millis, chance: Rng) => {
  const count = { P0: 0, P1: 0, P2: 0, P3: 0, all: 0 }
  for (const priority of classes) {
    if (!isReject(gate.admit(now, of(priority), chance))) continue
    count[priority]++
    count.all++
  }
  return count
}

const many = (n: number, priority: Priority): ReadonlyArray<Priority> => Array.from({ length: n }, () => priority)

describe("Shedder", () => {
  obeysTheLaws({ make: () => Shedder.make({ minSamples: 3 }), probabilistic: true })
  describe("with steps, evenly", () => {
    const steps = [
      { above: 0.05, clearBelow: 0.03, reject: 0.1 },
      { above: 0.2, clearBelow: 0.12, reject: 0.5 }
    ]
    obeysTheLaws({ make: () => Shedder.make({ minSamples: 3, choice: "stratified", steps }), probabilistic: true })
  })
  describe("asked by an exempt class, which it never refuses", () => {
    obeysTheLaws({ make: () => Shedder.make({ minSamples: 3 }), cost: of("P0") })
  })

  describe("turns on", () => {
    it("above 5 % failures of the last 10 seconds, and not at exactly 5 %", () => {
      const gate = Shedder.make()
      assert.deepStrictEqual(feed(gate, 95, success, 0), [])
      assert.deepStrictEqual(feed(gate, 5, failed, 0), [])
      assert.deepInclude(gate.snapshot(0), { state: "open", errorRate: 0.05, samples: 100, rejectShare: 0 })
      assert.deepStrictEqual(feed(gate, 1, failed, 0), [{ _tag: "ShedStarted", gate: "shedder", until: 5000 }])
      assert.deepInclude(gate.snapshot(0), { state: "shedding", step: 1, samples: 101, failures: 6, rejectShare: 0.1 })
    })

    it("at no number of samples for exactly 5 %, however the division rounds", () => {
      for (let n = 100; n <= 500; n += 20) {
        const gate = Shedder.make()
        assert.deepStrictEqual(feed(gate, (n / 20) * 19, success, 0), [])
        assert.deepStrictEqual(feed(gate, n / 20, failed, 0), [], `${n}`)
        assert.deepStrictEqual(tags(feed(gate, 1, failed, 0)), ["ShedStarted"], `${n}`)
      }
    })

    it("with at least 100 samples", () => {
      const gate = Shedder.make()
      assert.deepStrictEqual(feed(gate, 99, failed, 0), [])
      assert.deepStrictEqual(tags(feed(gate, 1, failed, 0)), ["ShedStarted"])
    })

    it("for failures only: what is no answer from the target is no sample", () => {
      for (const outcome of [rateLimited(1000), rateLimited(), misconfigured("Auth"), ignored, unused]) {
        const gate = Shedder.make()
        assert.deepStrictEqual(feed(gate, 200, outcome, 0), [])
        assert.strictEqual(gate.snapshot(0)["samples"], 0, outcome._tag)
      }
      const gate = Shedder.make()
      feed(gate, 200, slow, 0)
      assert.deepInclude(gate.snapshot(0), { samples: 200, failures: 0 })
    })

    it("for what happened within the window, after an idle hour too", () => {
      const gate = Shedder.make()
      feed(gate, 99, failed, 0)
      assert.deepStrictEqual(feed(gate, 99, failed, 3_600_000), [])
      assert.strictEqual(gate.snapshot(3_600_000)["samples"], 99)
    })

    it("and does not count what it refused itself", () => {
      const gate = shedding({ steps: [{ above: 0.05, clearBelow: 0.03, reject: 0.9 }] })
      assert.strictEqual(refusals(gate, many(500, "P1"), 0, unlucky).all, 500)
      assert.deepInclude(gate.snapshot(0), { samples: 100, failures: 10, rejected: 500 })
    })
  })

  describe("turns off", () => {
    it("at 3 % failures, and not before it has been on for 5 seconds", () => {
      const gate = shedding()
      feed(gate, 300, success, 4000)
      assert.deepInclude(gate.snapshot(4999), { state: "shedding", errorRate: 0.025, holdInMs: 1 })
      assert.deepInclude(gate.snapshot(5000), { state: "open", step: 0, holdInMs: 0 })
      assert.deepStrictEqual(feed(gate, 1, success, 4999), [])
      assert.deepStrictEqual(feed(gate, 1, success, 5000), [{ _tag: "ShedEnded", gate: "shedder" }])
    })

    it("at exactly 3 %, and not a failure above", () => {
      const gate = shedding({ window: "1 minute" })
      feed(gate, 233, success, 6000) // 10 of 333
      assert.strictEqual(step(gate, 6000), 1)
      assert.deepStrictEqual(feed(gate, 187, success, 6000).length, 1)
      assert.strictEqual(gate.snapshot(6000)["samples"], 520)

      const exact = Shedder.make({ window: "1 minute" })
      feed(exact, 88, success, 0)
      feed(exact, 12, failed, 0)
      feed(exact, 299, success, 6000)
      assert.deepInclude(exact.snapshot(6000), { step: 1, samples: 399 }) // 3.008 %
      assert.deepStrictEqual(tags(feed(exact, 1, success, 6000)), ["ShedEnded"]) // 12 of 400
    })

    it("not between the two limits, where it would not have turned on", () => {
      const gate = shedding({ window: "1 minute" })
      feed(gate, 150, success, 0) // 10 of 250: 4 %
      assert.deepInclude(gate.snapshot(59_999), { state: "shedding", errorRate: 0.04 })
      const fresh = Shedder.make()
      feed(fresh, 240, success, 0)
      feed(fresh, 10, failed, 0)
      assert.deepInclude(fresh.snapshot(0), { state: "open", errorRate: 0.04 })
    })

    it("when the samples become too few", () => {
      const gate = shedding()
      assert.strictEqual(step(gate, 9999), 1)
      assert.strictEqual(step(gate, 10_000), 0)
      // Seen by the next admission, heard with the next settle.
      const permit = admitted(gate, 10_000, of("P1"), unlucky)
      assert.deepStrictEqual(tags(gate.settle(permit, success, 10_000)), ["ShedEnded"])
    })

    it("by hand, and begins with no samples", () => {
      const gate = shedding()
      gate.clear()
      assert.deepInclude(gate.snapshot(0), { state: "open", samples: 0, rejectShare: 0 })
      assert.strictEqual(refusals(gate, many(100, "P3"), 0, unlucky).all, 0)
      assert.deepStrictEqual(tags(feed(gate, 1, success, 0)), ["ShedEnded"])
    })

    it("and tells each change once, in order, when failures come and go", () => {
      const gate = Shedder.make()
      const told: Array<string> = []
      const rates = [0, 10, 4, 2, 4, 6, 6, 0, 0, 0]
      rates.forEach((rate, minute) => {
        const now = minute * 60_000
        // 4 % keeps it on only if it was on: the window of the minute before has passed, so it was not.
        for (const { _tag } of [...feed(gate, 100 - rate, success, now), ...feed(gate, rate, failed, now)]) {
          told.push(`${minute}: ${_tag}`)
        }
      })
      assert.deepStrictEqual(told, [
        "1: ShedStarted",
        "2: ShedEnded",
        "5: ShedStarted",
        "6: ShedEnded",
        "6: ShedStarted",
        "7: ShedEnded"
      ])
    })
  })

  describe("with several steps", () => {
    const steps = [
      { above: 0.05, clearBelow: 0.03, reject: 0.1 },
      { above: 0.2, clearBelow: 0.12, reject: 0.5 },
      { above: 0.5, clearBelow: 0.3, reject: 0.8 }
    ]
    const options = { steps, window: "1 minute", order: "all" } as const

    it("goes up at once, to the highest step it is above", () => {
      const gate = Shedder.make(options)
      feed(gate, 80, success, 0)
      assert.deepStrictEqual(feed(gate, 20, failed, 0), [{ _tag: "ShedStarted", gate: "shedder", until: 5000 }])
      assert.deepStrictEqual(feed(gate, 1, failed, 1), [{ _tag: "ShedStepChanged", gate: "shedder", until: 5001 }])
      assert.deepInclude(gate.snapshot(1), { step: 2, rejectShare: 0.5 })
      assert.deepStrictEqual(tags(feed(gate, 80, failed, 2)), ["ShedStepChanged"])
      assert.deepInclude(gate.snapshot(2), { step: 3, rejectShare: 0.8 })

      const steep = Shedder.make(options)
      assert.deepStrictEqual(tags(feed(steep, 100, failed, 0)), ["ShedStarted"])
      assert.strictEqual(step(steep, 0), 3)
    })

    it("goes down to the highest step it has not cleared, and holds there again", () => {
      const gate = Shedder.make(options)
      feed(gate, 60, failed, 0) // too few samples yet
      feed(gate, 40, success, 0)
      assert.strictEqual(step(gate, 0), 3)
      feed(gate, 100, success, 1000) // 30 %: clears the third, not the second
      assert.strictEqual(step(gate, 4999), 3)
      assert.deepStrictEqual(feed(gate, 1, success, 5000), [
        { _tag: "ShedStepChanged", gate: "shedder", until: 10_000 }
      ])
      assert.strictEqual(step(gate, 5000), 2)
      feed(gate, 2000, success, 6000) // 2.8 %: clears all
      assert.strictEqual(step(gate, 9999), 2)
      assert.deepStrictEqual(tags(feed(gate, 1, success, 10_000)), ["ShedEnded"])
    })

    it("goes up while it is held", () => {
      const gate = Shedder.make(options)
      feed(gate, 90, success, 0)
      feed(gate, 10, failed, 0)
      assert.strictEqual(step(gate, 0), 1)
      feed(gate, 100, failed, 100)
      assert.strictEqual(step(gate, 100), 3)
    })

    it("refuses the share of the step it is on", () => {
      for (const [failures, share] of [
        [10, 0.1],
        [30, 0.5],
        [60, 0.8]
      ] as const) {
        const gate = Shedder.make({ ...options, choice: "stratified" })
        feed(gate, 100 - failures, success, 0)
        feed(gate, failures, failed, 0)
        assert.strictEqual(refusals(gate, many(1000, "P1"), 0, lucky).all, 1000 * share)
      }
    })
  })

  describe("of 10,000 requests", () => {
    it("refuses exactly 1,000 evenly, and at any time a tenth of those so far", () => {
      for (const order of ["all", "lowestFirst"] as const) {
        const gate = shedding({ choice: "stratified", order })
        let refused = 0
        for (let k = 1; k <= 10_000; k++) {
          if (isReject(gate.admit(0, of("P1"), lucky))) refused++
          if (refused !== Math.floor(k / 10)) assert.fail(`${refused} of ${k}`)
        }
        assert.strictEqual(refused, 1000)
        assert.strictEqual(gate.snapshot(0)["rejected"], 1000)
      }
    })

    it("refuses 1,000 by chance, give or take five sigma of 30", () => {
      for (const order of ["all", "lowestFirst"] as const) {
        for (let seed = 1; seed <= 3; seed++) {
          const gate = shedding({ order })
          assert.approximately(refusals(gate, many(10_000, "P1"), 0, rng(seed)).all, 1000, 150, `seed ${seed}`)
        }
      }
    })

    it("refuses none before it is on", () => {
      const gate = Shedder.make()
      assert.strictEqual(refusals(gate, many(10_000, "P3"), 0, unlucky).all, 0)
    })
  })

  it("refuses exactly ⌊p·k⌋ of any k, whatever the share", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 250 }), (percent, k) => {
        const steps = [{ above: 0.05, clearBelow: 0.03, reject: percent / 100 }]
        const gate = Shedder.make({ choice: "stratified", minSamples: 1, steps })
        feed(gate, 1, failed, 0)
        // In whole numbers: ⌊0.29 · 100⌋ of floating points is 28.
        assert.strictEqual(refusals(gate, many(k, "P2"), 0, lucky).all, Math.floor((percent * k) / 100))
      }),
      { numRuns: 1000 }
    )
  })

  describe("by class", () => {
    /** `n` arrivals in these parts of a hundred, one after the other as even as can be, before it sheds. */
    const mix = (shares: Readonly<Partial<Record<Priority, number>>>, n = 100): ReadonlyArray<Priority> => {
      const one: ReadonlyArray<Priority> = (["P0", "P1", "P2", "P3"] as const).flatMap((name) =>
        many(shares[name] ?? 0, name)
      )
      const order = shuffle(rng(7), one)
      return Array.from({ length: n }, (_, i) => order[i % 100] ?? "P1")
    }
    const arrived = (gate: Shedder.Shedder, shares: Readonly<Partial<Record<Priority, number>>>) => {
      for (const priority of mix(shares)) gate.settle(admitted(gate, 0, of(priority), unlucky), ignored, 0)
      feed(gate, 90, success, 0)
      feed(gate, 10, failed, 0)
      return gate
    }

    it("refuses all of P3 and nothing else when P3 is a tenth of the arrivals", () => {
      const gate = arrived(Shedder.make(), { P0: 20, P1: 40, P2: 30, P3: 10 })
      assert.deepInclude(gate.snapshot(0), { arrivalsP0: 20, arrivalsP1: 40, arrivalsP2: 30, arrivalsP3: 10 })
      // At the first request of each class, with the worst and the best of chances.
      for (const chance of [lucky, unlucky]) {
        const answers = (["P0", "P1", "P2", "P3"] as const).map((priority) => {
          const again = arrived(Shedder.make(), { P0: 20, P1: 40, P2: 30, P3: 10 })
          return isReject(again.admit(0, of(priority), chance))
        })
        assert.deepStrictEqual(answers, [false, false, false, true])
      }
    })

    it("refuses all of P3 and a share of P2 when P3 is 4 %: 6 % of all, which is 3/8 of a P2 of 16 %", () => {
      const shares = { P0: 50, P1: 30, P2: 16, P3: 4 }
      const gate = arrived(Shedder.make({ choice: "stratified" }), shares)
      const n = 10_000
      const refused = refusals(gate, mix(shares, n), 0, lucky)
      assert.deepStrictEqual({ ...refused, P2: 0, all: 0 }, { P0: 0, P1: 0, P2: 0, P3: 400, all: 0 })
      // The shares of arrivals move a little with each one of them.
      assert.approximately(refused.P2, 600, 12)
    })

    it("keeps the share of all under random arrivals, from the lowest class up", () => {
      const shares = { P0: 50, P1: 30, P2: 16, P3: 4 }
      const classes = mix(shares)
      for (let seed = 1; seed <= 3; seed++) {
        const chance = rng(seed)
        const gate = arrived(Shedder.make(), shares)
        const n = 20_000
        const asked = { P0: 0, P1: 0, P2: 0, P3: 0 }
        const random = Array.from({ length: n }, () => classes[int(chance, 100)] ?? "P1")
        for (const priority of random) asked[priority]++
        const refused = refusals(gate, random, 0, chance)
        assert.strictEqual(refused.P3, asked.P3)
        assert.strictEqual(refused.P1 + refused.P0, 0)
        // The cut compensates for the chance of the classes: what is left is that of the choice, √(n · .16 · 3/8 · 5/8) = 27,
        // and that of the arrivals themselves.
        assert.approximately(refused.all, n / 10, 5 * Math.sqrt(n * 0.1 * 0.9))
        assert.approximately(refused.P2, 0.06 * n, 5 * Math.sqrt(n * 0.06 * 0.94))
      }
    })

    it("cuts between two classes where the shares say so, whatever rounding leaves", () => {
      const counted = (counts: Readonly<Partial<Record<Priority, number>>>, reject: number) => {
        const arrivals = Shedder.arrivals()
        for (const [name, n] of Object.entries(counts)) arrivals.count(0, name as Priority, n)
        return shedding({ arrivals, steps: [{ above: 0.05, clearBelow: 0.03, reject }] })
      }
      // .29 · 100 is a little less than 29 in floating point, .07 · 100 a little more than 7.
      assert.strictEqual(counted({ P1: 71, P3: 29 }, 0.29).peek(0, of("P3"))?.reason, "Shed")
      assert.isFalse(isReject(counted({ P1: 92, P2: 1, P3: 7 }, 0.07).admit(0, of("P2"), unlucky)))
    })

    it("counts what it refuses as arrivals, or the class would seem to have gone away", () => {
      const shares = { P1: 90, P3: 10 }
      const gate = arrived(Shedder.make(), shares)
      // Ten seconds of shedding: the window has forgotten everything that came before.
      for (let now = 0; now < 20_000; now += 100) {
        feed(gate, 9, success, now)
        feed(gate, 1, failed, now)
        const { P1, P3 } = refusals(gate, ["P3", ...many(9, "P1")], now, unlucky)
        assert.deepStrictEqual({ P1, P3 }, { P1: 0, P3: 1 }, `${now}`)
      }
      assert.deepInclude(gate.snapshot(19_900), { arrivalsP1: 900, arrivalsP3: 100 })
    })

    it("gives an exempt class no part of it: 10 % of all are a fifth of the others", () => {
      const gate = arrived(Shedder.make({ choice: "stratified" }), { P0: 50, P1: 50 })
      const refused = refusals(gate, mix({ P0: 50, P1: 50 }, 10_000), 0, lucky)
      assert.strictEqual(refused.P0, 0)
      assert.approximately(refused.P1, 1000, 10)
    })

    it("refuses no more than there is besides the exempt", () => {
      const gate = arrived(Shedder.make({ choice: "stratified" }), { P0: 95, P1: 3, P3: 2 })
      const refused = refusals(gate, mix({ P0: 95, P1: 3, P3: 2 }, 10_000), 0, lucky)
      assert.deepStrictEqual(refused, { P0: 0, P1: 300, P2: 0, P3: 200, all: 500 })
    })

    it("never refuses P0, unless told to", () => {
      const gate = shedding()
      assert.strictEqual(refusals(gate, many(1000, "P0"), 0, unlucky).all, 0)
      const strict = shedding({ exempt: [] })
      assert.strictEqual(refusals(strict, many(1000, "P0"), 0, unlucky).all, 1000)
      const mild = shedding({ exempt: ["P0", "P1", "P2", "P3"] })
      assert.strictEqual(refusals(mild, many(1000, "P3"), 0, unlucky).all, 0)
    })

    it("refuses the same share of every class with `all`", () => {
      const gate = shedding({ order: "all" })
      const n = 10_000
      for (const priority of ["P1", "P2", "P3"] as const) {
        assert.approximately(refusals(gate, many(n, priority), 0, rng(3)).all, n / 10, 150)
      }
      assert.strictEqual(refusals(gate, many(n, "P0"), 0, unlucky).all, 0)
    })

    it("takes a request that says nothing for a new one of class P1", () => {
      const gate = arrived(Shedder.make(), { P0: 90, P1: 10 })
      assert.strictEqual(gate.peek(0, one)?.reason, "Shed")
      assert.isUndefined(gate.peek(0, of("P0")))
    })
  })

  it("lets retries, failovers and hedges pass, and does not count them as arrivals", () => {
    const gate = shedding()
    for (const reason of ["retry", "failover", "hedge"] as const) {
      for (let i = 0; i < 100; i++) {
        assert.isUndefined(gate.peek(0, of("P3", reason)))
        admitted(gate, 0, of("P3", reason), unlucky)
      }
    }
    assert.deepInclude(gate.snapshot(0), { arrivalsP3: 0, rejected: 0 })
  })

  describe("peek", () => {
    it("says no to a class that is refused altogether, and yes where chance decides", () => {
      const gate = shedding()
      for (let i = 0; i < 9; i++) gate.admit(0, of("P1"), lucky)
      gate.admit(0, of("P3"), lucky)
      assert.strictEqual(gate.peek(0, of("P3"))?.reason, "Shed")
      assert.isUndefined(gate.peek(0, of("P1")))
      assert.isUndefined(gate.peek(0, of("P0")))
      // A second of ten is more than a tenth: some of them pass.
      gate.admit(0, of("P3"), lucky)
      assert.isUndefined(gate.peek(0, of("P3")))
    })

    it("does not start what nobody else would have seen: it looks, and nothing is written", () => {
      const gate = Shedder.make({ minSamples: 5 })
      feed(gate, 95, success, 0)
      feed(gate, 5, failed, 5000) // exactly 5 %, until the successes are too old
      assert.strictEqual(step(gate, 10_000), 1)
      gate.peek(10_000, of("P3"))
      // Had it been on since then, it would be held now.
      assert.strictEqual(step(gate, 14_999), 1)
      assert.strictEqual(step(gate, 15_000), 0)
      assert.deepStrictEqual(feed(gate, 1, success, 15_000), [])
    })

    it("says until when at least, as long as that is known, and makes no second object of it", () => {
      const gate = shedding({ order: "all", steps: [{ above: 0.05, clearBelow: 0.03, reject: 0.9 }] })
      const first = gate.admit(0, of("P1"), unlucky)
      assert.deepStrictEqual(first, { _tag: "LocalReject", reason: "Shed", retryAt: 5000 })
      assert.strictEqual(gate.admit(4999, of("P1"), unlucky), first)
      assert.deepStrictEqual(gate.admit(5000, of("P1"), unlucky), {
        _tag: "LocalReject",
        reason: "Shed",
        retryAt: undefined
      })
    })
  })

  it("with arrivals counted for all targets together, sees those that never ask it", () => {
    const arrivals = Shedder.arrivals()
    const gate = shedding({ arrivals })
    for (const priority of [...many(4, "P3"), ...many(16, "P2"), ...many(80, "P1")]) arrivals.count(0, priority)
    assert.strictEqual(gate.peek(0, of("P3"))?.reason, "Shed")
    // Its own admissions are not arrivals then: 3/8 of P2 remain 3/8.
    const refused = refusals(gate, many(10_000, "P2"), 0, rng(1)).all
    assert.approximately(refused, 3750, 5 * Math.sqrt(10_000 * 0.375 * 0.625))
    assert.strictEqual(arrivals.of(2, 0), 16)
    assert.notProperty(gate.snapshot(0), "arrivalsP2")
  })

  it("takes an unused permit back: it has not arrived and has not had its turn", () => {
    const gate = shedding({ choice: "stratified" })
    for (let i = 0; i < 500; i++) {
      const permit = gate.admit(0, of("P1"), lucky)
      assert.isFalse(isReject(permit))
      if (!isReject(permit)) gate.settle(permit, unused, 0)
    }
    assert.deepInclude(gate.snapshot(0), { arrivalsP1: 0, carry: 0, rejected: 0 })
  })

  it("survives a clock that steps back", () => {
    const gate = shedding({}, 60_000)
    assert.deepInclude(gate.snapshot(0), { state: "shedding", samples: 100 })
    feed(gate, 300, success, 0)
    assert.deepInclude(gate.snapshot(64_999), { state: "shedding", samples: 400 })
    assert.strictEqual(step(gate, 65_000), 0)
  })

  it("goes on after a restart with its step, what is left of its hold, its samples and its arrivals", () => {
    const gate = shedding({ choice: "stratified" })
    for (let i = 0; i < 19; i++) gate.admit(3000, of("P2"), lucky)
    const snapshot = gate.snapshot(3000)
    assert.approximately(Number(snapshot["carry"]), 0.9, 1e-9)
    assert.deepInclude(snapshot, {
      state: "shedding",
      step: 1,
      rejectShare: 0.1,
      errorRate: 0.1,
      samples: 100,
      failures: 10,
      holdInMs: 2000,
      rejected: 1,
      arrivalsP2: 19
    })
    const fresh = Shedder.make({ choice: "stratified" })
    fresh.restore(JSON.parse(JSON.stringify(snapshot)), 1_000_000)
    assert.deepStrictEqual(fresh.snapshot(1_000_000), snapshot)
    assert.isTrue(isReject(fresh.admit(1_000_000, of("P2"), lucky)), "the twentieth")
    feed(fresh, 900, success, 1_000_000)
    assert.strictEqual(step(fresh, 1_001_999), 1)
    assert.strictEqual(step(fresh, 1_002_000), 0)
  })

  it("makes the best of a snapshot of fewer steps, or a broken one", () => {
    const gate = Shedder.make()
    gate.restore({ state: "shedding", step: 7, samples: 100, failures: 100, holdInMs: 10 }, 0)
    assert.deepInclude(gate.snapshot(0), { step: 1, rejectShare: 0.1 })
    gate.restore({ state: "odd", step: -1, samples: Number.NaN, failures: 3 }, 0)
    assert.deepInclude(gate.snapshot(0), { state: "open", step: 0, samples: 3, failures: 3 })
  })

  it("names option, range and value of a mistake", () => {
    const bad = (options: Shedder.Options, message: string) => assert.throws(() => Shedder.make(options), message)
    const fine = { above: 0.05, clearBelow: 0.03, reject: 0.1 }
    bad({ minSamples: 0 }, "Shedder: minSamples must be an integer >= 1, got 0")
    bad({ window: "Infinity" }, "Shedder: window must be a finite number > 0, got Infinity")
    bad({ hold: 0 }, `Shedder: hold must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got 0`)
    bad({ buckets: 0.5 }, "Shedder: buckets must be an integer >= 1, got 0.5")
    bad({ steps: [] }, "Shedder: steps must be a list with at least one step, got a list of 0")
    bad({ steps: [{ ...fine, above: 1 }] }, "Shedder: steps[0].above must be a share in [0, 1), got 1")
    bad({ steps: [{ ...fine, above: Number.NaN }] }, "Shedder: steps[0].above must be a share in [0, 1), got NaN")
    bad(
      { steps: [{ ...fine, clearBelow: 0.06 }] },
      "Shedder: steps[0].clearBelow must be a share in [0, 0.05], its `above`, got 0.06"
    )
    bad({ steps: [{ ...fine, reject: 1 }] }, "Shedder: steps[0].reject must be a share in (0, 1), got 1")
    bad({ steps: [{ ...fine, reject: 0 }] }, "Shedder: steps[0].reject must be a share in (0, 1), got 0")
    bad({ steps: [fine, fine] }, "Shedder: steps[1].above must be a share in (0.05, 1), got 0.05")
    bad({ steps: [fine, { ...fine, above: 0.2 }] }, "Shedder: steps[1].reject must be a share in (0.1, 1), got 0.1")
    // As plain JavaScript may call it.
    bad(JSON.parse(`{ "order": "P3" }`), `Shedder: order must be one of lowestFirst, all, got "P3"`)
    bad(JSON.parse(`{ "choice": "fair" }`), `Shedder: choice must be one of bernoulli, stratified, got "fair"`)
    bad(JSON.parse(`{ "exempt": ["P4"] }`), `Shedder: exempt must be one of P0, P1, P2, P3, got "P4"`)
    assert.throws(() => Shedder.arrivals({ buckets: 0 }), "Arrivals: buckets must be an integer >= 1, got 0")
  })
})
