import { assert, describe, it } from "@effect/vitest"
import type { Candidate, Load } from "@spillway/core/Candidate"
import type { Rng } from "@spillway/core/Gate"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import * as InFlight from "../src/loads/InFlight.ts"
import * as PowerOfTwo from "../src/PowerOfTwo.ts"
import { always, pickerOf } from "./support/pickerOf.ts"

const { candidate } = CandidateFixture

const pool = (candidates: ReadonlyArray<CandidateFixture.CandidateFixture>, load: Load) => {
  const picker = pickerOf(PowerOfTwo.make({ load }), candidates)
  return (rng: Rng, eligible: Eligible = always) => {
    const picked = picker.pick(RouteRequest.unspecified, eligible, 0, rng)
    return candidates.find((own) => own === picked)
  }
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
    assert.strictEqual(PowerOfTwo.make().name, "p2c-peak-ewma")
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

  it("keeps the fullest of 1000 bins near ln ln n / ln 2, where one choice does not: 1000 balls, 20 seeds", () => {
    // Mitzenmacher 2001: ln ln n / ln 2 + O(1) with two choices, here 2.8 + O(1); about ln n / ln ln n, here 3.6 and more,
    // with one. Constant terms put them at 4 and 5 to 6.
    const fullest = (
      pick: (bins: ReadonlyArray<CandidateFixture.CandidateFixture>, rng: Rng) => Candidate | undefined
    ) =>
      Array.from({ length: 20 }, (_, seed) => {
        const bins = many(1000)
        const rng = Seeded.rng(seed)
        for (let ball = 0; ball < 1000; ball++) {
          const picked = pick(bins, rng)
          const bin = bins.find((own) => own === picked)
          if (bin !== undefined) bin.inFlight++
        }
        return Math.max(...bins.map((bin) => bin.inFlight))
      })
    const two = fullest((bins, rng) =>
      pickerOf(PowerOfTwo.make({ load: InFlight.load }), bins).pick(RouteRequest.unspecified, always, 0, rng)
    )
    const one = fullest((bins, rng) => bins[Seeded.int(rng, bins.length)])
    const bound = Math.log(Math.log(1000)) / Math.log(2)
    for (const max of two) assert.isAtMost(max, bound + 2)
    const mean = (all: ReadonlyArray<number>) => all.reduce((a, b) => a + b, 0) / all.length
    assert.isAbove(mean(one), mean(two) + 1)
  })

  // Not exactly: both draws are uniform, so a light target wins some ties that its weight alone would not give it.
  it("shares about by weight through the load: 60 in flight on 3/2/1, 60,000 picks within a tenth", () => {
    const bins = [candidate("a", { weight: 3 }), candidate("b", { weight: 2 }), candidate("c", { weight: 1 })]
    const pick = pool(bins, InFlight.load)
    const rng = Seeded.rng(4)
    const running: Array<CandidateFixture.CandidateFixture> = []
    const served = new Map<string, number>()
    for (let n = 0; n < 60_000; n++) {
      if (running.length === 60) {
        const [ended] = running.splice(Seeded.int(rng, 60), 1)
        if (ended !== undefined) ended.inFlight--
      }
      const picked = pick(rng)
      if (picked === undefined) continue
      picked.inFlight++
      running.push(picked)
      served.set(picked.target.id, (served.get(picked.target.id) ?? 0) + 1)
    }
    for (const [id, share] of [
      ["a", 3 / 6],
      ["b", 2 / 6],
      ["c", 1 / 6]
    ] as const) {
      assert.closeTo((served.get(id) ?? 0) / 60_000 / share, 1, 0.1, id)
    }
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
})
