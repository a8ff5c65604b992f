import { assert, describe, it } from "@effect/vitest"
import type { Candidate, Load } from "@spillway/core/Candidate"
import type { Millis, Rng } from "@spillway/core/Gate"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { failure, type Outcome, success } from "@spillway/core/Outcome"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible, Picker, Settlement } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import { type Duration, Effect } from "effect"
import * as InFlight from "../src/loads/InFlight.ts"
import * as PowerOfTwo from "../src/PowerOfTwo.ts"
import { always, pickerOf } from "./support/pickerOf.ts"

const { candidate } = CandidateFixture

const pool = (candidates: ReadonlyArray<CandidateFixture.CandidateFixture>, load: Load) => {
  const picker = pickerOf(PowerOfTwo.make({ load }), candidates)
  const own = new Map<unknown, CandidateFixture.CandidateFixture>(candidates.map((candidate) => [candidate, candidate]))
  return (rng: Rng, eligible: Eligible = always) => own.get(picker.pick(RouteRequest.unspecified, eligible, 0, rng))
}

const many = (n: number) => Array.from({ length: n }, (_, i) => candidate(`t${i}`))

describe("PowerOfTwo", () => {
  it("takes the less loaded of two, whichever is drawn first", () => {
    const pick = pool([candidate("a", { inFlight: 4 }), candidate("b")], InFlight.load)
    for (let seed = 0; seed < 50; seed++) assert.strictEqual(pick(Seeded.rng(seed))?.target.id, "b")
  })

  it("takes the first drawn on a tie", () => {
    const pick = pool([candidate("a"), candidate("b"), candidate("c"), candidate("d")], InFlight.load)
    for (const [first, id] of [
      [0.1, "a"],
      [0.3, "b"],
      [0.6, "c"],
      [0.9, "d"]
    ] as const) {
      const draws = [first, (first + 0.5) % 1]
      assert.strictEqual(pick(() => draws.shift() ?? 0)?.target.id, id)
    }
  })

  it("weighs by the load of its default, latency and failures, and says so in its name", () => {
    const picker = (a: CandidateFixture.Values) =>
      pickerOf(PowerOfTwo.make(), [candidate("a", { latency: 1000, ...a }), candidate("b", { latency: 1100 })])
    const pick = (a: CandidateFixture.Values) =>
      picker(a).pick(RouteRequest.unspecified, always, 0, Seeded.rng(1))?.target.id
    assert.strictEqual(pick({}), "a")
    assert.strictEqual(pick({ latency: 1200 }), "b")
    assert.strictEqual(pick({ inFlight: 1 }), "b")
    assert.strictEqual(pick({ inFlight: 1, weight: 2 }), "a")
    assert.strictEqual(pick({ successRate: 0.9 }), "b")
    assert.strictEqual(PowerOfTwo.make().name, "p2c-tokens")
    assert.strictEqual(PowerOfTwo.make({ load: InFlight.load }).name, "p2c")
  })

  it("gives its load as the score", () => {
    const [a, b] = [candidate("a", { inFlight: 3 }), candidate("b", { inFlight: 3, weight: 2 })]
    const picker = pickerOf(PowerOfTwo.make({ load: InFlight.load }), [a, b])
    assert.strictEqual(picker.score?.(a, RouteRequest.unspecified, 0), 3)
    assert.strictEqual(picker.score?.(b, RouteRequest.unspecified, 0), 1.5)
  })

  // The load is asked for the second drawn and then for the first: that shows the pair.
  const pairs = (n: number, picks: number, eligible: Eligible) => {
    const asked: Array<string> = []
    const load: Load = ({ target }) => asked.push(target.id) * 0
    const pick = pool(many(n), load)
    const rng = Seeded.rng(99)
    const seen = new Map<string, number>()
    for (let i = 0; i < picks; i++) {
      pick(rng, eligible)
      const pair = asked.splice(0).reverse().join(">")
      seen.set(pair, (seen.get(pair) ?? 0) + 1)
    }
    return seen
  }

  it("draws two different candidates, every ordered pair of five equally often: 40,000 picks, five sigma", () => {
    const seen = pairs(5, 40_000, always)
    assert.strictEqual(seen.size, 20)
    for (const count of seen.values()) assert.isBelow(Math.abs(count - 2000), 5 * Math.sqrt((40_000 * 19) / 400))
  })

  it("does so too where only three neighbours of a hundred are eligible: 30,000 picks, five sigma", () => {
    const left = new Set(["t10", "t11", "t12"])
    const seen = pairs(100, 30_000, ({ target }) => left.has(target.id))
    assert.deepStrictEqual([...seen.keys()].sort(), ["t10>t11", "t10>t12", "t11>t10", "t11>t12", "t12>t10", "t12>t11"])
    for (const count of seen.values()) assert.isBelow(Math.abs(count - 5000), 5 * Math.sqrt((30_000 * 5) / 36))
  })

  it("keeps the fullest of 10,000 bins near ln ln n / ln 2, where one choice does not: 10,000 balls, 3 seeds", () => {
    // Mitzenmacher 2001: ln ln n / ln 2 + O(1) with two choices, here 3.2 + O(1); about ln n / ln ln n, here 4.1 and more,
    // with one: Raab and Steger 1998 put it at 6 to 8 for this n, two choices at 4.
    const n = 10_000
    const fullest = (pickOf: (bins: ReadonlyArray<CandidateFixture.CandidateFixture>) => ReturnType<typeof pool>) =>
      Array.from({ length: 3 }, (_, seed) => {
        const bins = many(n)
        const rng = Seeded.rng(seed)
        const pick = pickOf(bins)
        for (let ball = 0; ball < n; ball++) {
          const bin = pick(rng)
          if (bin !== undefined) bin.inFlight++
        }
        return Math.max(...bins.map((bin) => bin.inFlight))
      })
    const two = fullest((bins) => pool(bins, InFlight.load))
    const one = fullest((bins) => (rng) => bins[Seeded.int(rng, n)])
    const bound = Math.log(Math.log(n)) / Math.log(2)
    for (const max of two) assert.isAtMost(max, bound + 1)
    for (const max of one) assert.isAbove(max, Math.log(n) / Math.log(Math.log(n)) + 1)
    assert.isAbove(Math.min(...one), Math.max(...two))
  })

  // Not exactly: both draws are uniform, so a light target wins some ties that its weight alone would not give it.
  it("shares about by weight through the load: 60 in flight, 60,000 picks within a tenth; with one out; after a change", () => {
    const shares = (weights: ReadonlyArray<number>, out: ReadonlyArray<number> = []) => {
      const bins = weights.map((weight, i) => candidate(`t${i}`, { weight }))
      const gone = new Set<unknown>(out.map((i) => bins[i]))
      const pick = pool(bins, InFlight.load)
      const rng = Seeded.rng(4)
      const running: Array<CandidateFixture.CandidateFixture> = []
      const served = new Map<unknown, number>()
      for (let n = 0; n < 60_000; n++) {
        if (running.length === 60) {
          const [ended] = running.splice(Seeded.int(rng, 60), 1)
          if (ended !== undefined) ended.inFlight--
        }
        const picked = pick(rng, (asked) => !gone.has(asked))
        if (picked === undefined) continue
        picked.inFlight++
        running.push(picked)
        served.set(picked, (served.get(picked) ?? 0) + 1)
      }
      return bins.map((bin) => (served.get(bin) ?? 0) / 60_000)
    }
    const near = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>) => {
      for (const [i, share] of expected.entries()) assert.closeTo(actual[i] ?? Number.NaN, share, share / 10)
    }
    near(shares([3, 2, 1]), [3 / 6, 2 / 6, 1 / 6])
    near(shares([3, 2, 1, 4], [3]), [3 / 6, 2 / 6, 1 / 6, 0])
    near(shares([1, 2, 3]), [1 / 6, 2 / 6, 3 / 6])
  })

  it("asks about two or three candidates per pick, of 1000 that are eligible", () => {
    const pick = pool(many(1000), InFlight.load)
    const rng = Seeded.rng(8)
    let asked = 0
    for (let n = 0; n < 1000; n++) {
      pick(rng, () => {
        asked++
        return true
      })
    }
    assert.isAtLeast(asked, 2000)
    assert.isAtMost(asked, 2010)
  })

  it("finds the one eligible candidate among 1000", () => {
    const bins = many(1000)
    const pick = pool(bins, InFlight.load)
    for (let seed = 0; seed < 20; seed++) {
      assert.strictEqual(pick(Seeded.rng(seed), (c) => c === bins[777])?.target.id, "t777")
    }
  })

  describe("with a load that measures time", () => {
    const settlement: Settlement = {
      request: RouteRequest.unspecified,
      ms: 1000,
      firstContentMs: undefined,
      inputTokens: undefined,
      outputTokens: undefined,
      limits: undefined,
      costUsd: undefined
    }
    /** How often the first of two is picked in 1,000. */
    const share = (picker: Picker, candidates: ReadonlyArray<Candidate>, now: Millis) => {
      const rng = Seeded.rng(3)
      let first = 0
      for (let n = 0; n < 1000; n++)
        if (picker.pick(RouteRequest.unspecified, always, now, rng) === candidates[0]) first++
      return first
    }
    const heard = (picker: Picker, of: Candidate, now: Millis, outcome: Outcome = success) =>
      picker.settled?.(of, outcome, now, settlement)

    it("gives no preference to a target that nothing was heard of: half of the picks, five sigma; all once it is heard", () => {
      const [a, b] = [candidate("a", { latency: 50 }), candidate("b", { latency: 1000 })]
      const picker = pickerOf(PowerOfTwo.make(), [a, b])
      for (const own of [a, b]) heard(picker, own, 0)
      assert.strictEqual(share(picker, [a], 10_000), 1000)
      heard(picker, b, 20_000)
      assert.isBelow(Math.abs(share(picker, [a], 20_000) - 500), 5 * Math.sqrt(250))
      // A failure is no answer.
      heard(picker, a, 20_000, failure("Overloaded"))
      assert.isBelow(Math.abs(share(picker, [a], 20_000) - 500), 5 * Math.sqrt(250))
      heard(picker, a, 20_000)
      assert.strictEqual(share(picker, [a], 20_000), 1000)
    })

    it("gives none to one that has never answered either, and prefers neither to what has less in flight", () => {
      const [a, b] = [candidate("a"), candidate("b", { latency: 1000 })]
      const picker = pickerOf(PowerOfTwo.make(), [a, b])
      heard(picker, b, 0)
      assert.isBelow(Math.abs(share(picker, [a], 0) - 500), 5 * Math.sqrt(250))
      b.inFlight = 1
      assert.strictEqual(share(picker, [a], 0), 1000)
      a.inFlight = 1
      b.inFlight = 0
      assert.strictEqual(share(picker, [a], 0), 0)
    })

    it("remembers who was heard when the set changes", () => {
      const [a, b] = [candidate("a", { latency: 50 }), candidate("b", { latency: 1000 })]
      const before = pickerOf(PowerOfTwo.make(), [a, b])
      heard(before, a, 0)
      heard(before, b, 30_000)
      const picker = Effect.runSync(Effect.scoped(PowerOfTwo.make().make([b, a], before)))
      assert.isBelow(Math.abs(share(picker, [a], 30_000) - 500), 5 * Math.sqrt(250))
    })

    it("never forgets with staleAfter Infinity, and takes a time of your own", () => {
      const at = (staleAfter: Duration.Input, now: Millis) => {
        const [a, b] = [candidate("a", { latency: 50 }), candidate("b", { latency: 1000 })]
        const picker = pickerOf(PowerOfTwo.make({ staleAfter }), [a, b])
        for (const own of [a, b]) heard(picker, own, 0)
        return share(picker, [a], now)
      }
      assert.strictEqual(at("Infinity", 1e9), 1000)
      assert.strictEqual(at("1 second", 1000), 1000)
      assert.isBelow(at("1 second", 1001), 600)
    })

    it("reads a speed again after 50 ms and when an attempt has ended, attempts in flight at every look", () => {
      const [a, b] = [candidate("a", { latency: 1000 }), candidate("b", { latency: 1100 })]
      const picker = pickerOf(PowerOfTwo.make(), [a, b])
      assert.strictEqual(share(picker, [a], 0), 1000)
      a.set({ latency: 2000 })
      assert.strictEqual(share(picker, [a], 49), 1000)
      assert.strictEqual(share(picker, [a], 50), 0)
      a.set({ latency: 500 })
      assert.strictEqual(share(picker, [a], 60), 0)
      heard(picker, a, 60, failure("Overloaded"))
      assert.strictEqual(share(picker, [a], 60), 1000)
      a.inFlight = 2
      assert.strictEqual(share(picker, [a], 60), 0)
    })
  })

  it("refuses options that are none, and names them", () => {
    assert.throws(
      () => PowerOfTwo.make({ load: InFlight as never }),
      InvalidOption,
      /PowerOfTwo: load must be a function/
    )
    assert.throws(
      () => PowerOfTwo.make({ staleAfter: 0 }),
      InvalidOption,
      /PowerOfTwo: staleAfter must be a duration > 0/
    )
    assert.throws(() => PowerOfTwo.make({ loads: InFlight.load } as never), InvalidOption, /loads/)
  })
})
