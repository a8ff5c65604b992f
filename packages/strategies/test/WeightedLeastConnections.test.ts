import { assert, describe, it } from "@effect/vitest"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import fc from "fast-check"
import * as WeightedLeastConnections from "../src/WeightedLeastConnections.ts"
import { always, pickerOf } from "./support/pickerOf.ts"

const fromFirst = { randomStart: false }

const pool = (weights: ReadonlyArray<number>, options: WeightedLeastConnections.Options = fromFirst) => {
  const candidates = weights.map((weight, i) => CandidateFixture.candidate(String.fromCharCode(97 + i), { weight }))
  const picker = pickerOf(WeightedLeastConnections.make(options), candidates)
  return {
    candidates,
    pick: (eligible: Eligible = always, rng = Seeded.rng(1)) => {
      const picked = picker.pick(RouteRequest.unspecified, eligible, 0, rng)
      return candidates.find((candidate) => candidate === picked)
    },
    score: (i: number) => {
      const candidate = candidates[i]
      return candidate === undefined ? undefined : picker.score?.(candidate, RouteRequest.unspecified, 0)
    }
  }
}

/** nginx's rule as prose: fractions compared as whole numbers, equals by a rotation kept in a map. */
class Naive {
  readonly owed = new Map<string, number>()
  pick(candidates: ReadonlyArray<CandidateFixture.CandidateFixture>): string | undefined {
    const less = (a: CandidateFixture.CandidateFixture, b: CandidateFixture.CandidateFixture) =>
      BigInt(a.inFlight) * BigInt(b.target.weight) < BigInt(b.inFlight) * BigInt(a.target.weight)
    const tied = candidates.filter((one) => !candidates.some((other) => less(other, one)))
    for (const { target } of tied) this.owed.set(target.id, (this.owed.get(target.id) ?? 0) + target.weight)
    const most = Math.max(...tied.map(({ target }) => this.owed.get(target.id) ?? 0))
    const winner = tied.find(({ target }) => this.owed.get(target.id) === most)
    if (winner === undefined) return undefined
    const id = winner.target.id
    this.owed.set(id, most - tied.reduce((sum, { target }) => sum + target.weight, 0))
    return id
  }
}

const weightsOf = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 7 })

describe("WeightedLeastConnections", () => {
  it("does what a naive model of nginx's rule does, under any order of picks, ends and eligibility", () => {
    const step = fc.record({
      ends: fc.array(fc.nat({ max: 6 }), { maxLength: 3 }),
      out: fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 4 }),
      stays: fc.boolean()
    })
    fc.assert(
      fc.property(weightsOf, fc.array(step, { maxLength: 120 }), fc.boolean(), (weights, steps, failureWeighting) => {
        const { candidates, pick } = pool(weights, { failureWeighting, randomStart: false })
        const naive = new Naive()
        for (const { ends, out, stays } of steps) {
          for (const end of ends) {
            const ended = candidates[end]
            if (ended !== undefined && ended.inFlight > 0) ended.inFlight--
          }
          const left = candidates.filter((_, i) => !out.includes(i))
          const picked = pick((candidate) => left.some((own) => own === candidate))
          assert.strictEqual(picked?.target.id, naive.pick(left))
          if (picked !== undefined && stays) picked.inFlight++
        }
      }),
      { numRuns: 300 }
    )
  })

  it("turns by weight while idle: the sequence of smooth weighted round robin", () => {
    const { pick } = pool([5, 3, 2])
    assert.strictEqual(Array.from({ length: 10 }, () => pick()?.target.id).join(" "), "a b c a a b a c b a")
  })

  it("fills up in the ratio of the weights, exactly after each whole round", () => {
    fc.assert(
      fc.property(weightsOf, fc.integer({ min: 1, max: 5 }), fc.integer(), (weights, rounds, seed) => {
        const { candidates, pick } = pool(weights, {})
        const rng = Seeded.rng(seed)
        const total = weights.reduce((a, b) => a + b, 0)
        for (let n = 0; n < rounds * total; n++) {
          const picked = pick(always, rng)
          if (picked !== undefined) picked.inFlight++
        }
        assert.deepStrictEqual(
          candidates.map((candidate) => candidate.inFlight),
          weights.map((weight) => rounds * weight)
        )
      })
    )
  })

  it("sees a tie where the fractions are equal, however large or crooked the weights", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 0, max: 1000 }),
        (weights, k) => {
          const { candidates, pick } = pool(weights)
          for (const candidate of candidates) candidate.inFlight = k * candidate.target.weight
          const idle = pool(weights)
          for (let n = 0; n < 20; n++) assert.strictEqual(pick()?.target.id, idle.pick()?.target.id)
        }
      )
    )
    // 1/3 = 2/6 is no round number in binary.
    const { candidates, pick } = pool([3, 6])
    candidates[0]?.set({ inFlight: 1 })
    candidates[1]?.set({ inFlight: 2 })
    assert.deepStrictEqual([pick()?.target.id, pick()?.target.id, pick()?.target.id], ["b", "a", "b"])
  })

  it("gives a target that is three times as slow a third of the calls", () => {
    // A closed loop in turns: 40 calls run; every turn the fast ones end with chance 0.3, the slow ones with 0.1.
    const { candidates, pick } = pool([1, 1])
    const rng = Seeded.rng(11)
    const served = [0, 0]
    let running = 0
    for (let turn = 0; turn < 20_000; turn++) {
      candidates.forEach((candidate, i) => {
        for (let n = candidate.inFlight; n > 0; n--) {
          if (rng() >= (i === 0 ? 0.3 : 0.1)) continue
          candidate.inFlight--
          running--
          served[i] = (served[i] ?? 0) + 1
        }
      })
      for (; running < 40; running++) {
        const picked = pick()
        if (picked !== undefined) picked.inFlight++
      }
    }
    const [fast = 0, slow = 0] = served
    // About 160,000 ends; five sigma of the ratio of two counts.
    assert.isBelow(Math.abs(fast / slow - 3), 5 * 3 * Math.sqrt(1 / fast + 1 / slow))
  })

  it("counts a failing target as busier: (n + 1) / rate², rounded down, less one", () => {
    const { candidates, score } = pool([1, 4])
    const expected: ReadonlyArray<readonly [rate: number, inFlight: number, counted: number]> = [
      [1, 0, 0],
      [1, 7, 7],
      [0.9, 0, 0], // 1.23
      [0.71, 0, 0], // 1.98
      [0.7, 0, 1], // 2.04
      [0.5, 0, 3], // 4
      [0.9, 10, 12], // 13.58
      [0.1, 0, 99],
      [0, 0, 9999],
      [0, 1, 19_999]
    ]
    for (const [successRate, inFlight, counted] of expected) {
      for (const candidate of candidates) candidate.set({ successRate, inFlight })
      assert.closeTo(score(0) ?? Number.NaN, counted, 1, `rate ${successRate}`)
      assert.strictEqual(score(0), Math.floor(score(0) ?? Number.NaN))
      assert.strictEqual((score(1) ?? 0) * 4, score(0))
    }
  })

  it("passes over an idle target that fails, until the others are that busy", () => {
    const { candidates, pick } = pool([1, 1])
    candidates[0]?.set({ successRate: 0.5 })
    candidates[1]?.set({ inFlight: 2 })
    assert.strictEqual(pick()?.target.id, "b")
    candidates[1]?.set({ inFlight: 4 })
    assert.strictEqual(pick()?.target.id, "a")
  })

  it("lets a target that failed a little take its turns again while idle", () => {
    const { candidates, pick } = pool([1, 1])
    candidates[0]?.set({ successRate: 0.999 })
    const picks = Array.from({ length: 10 }, () => pick()?.target.id)
    assert.strictEqual(picks.filter((id) => id === "a").length, 5)
  })

  it("knows nothing of failures without failure weighting", () => {
    const { candidates, pick, score } = pool([1, 1], { failureWeighting: false, randomStart: false })
    candidates[0]?.set({ successRate: 0 })
    candidates[1]?.set({ inFlight: 1 })
    assert.strictEqual(pick()?.target.id, "a")
    assert.deepStrictEqual([score(0), score(1)], [0, 1])
  })

  it("starts anywhere by default: the first pick of 20,000 idle pools is 5/3/2, five sigma", () => {
    const n = 20_000
    const rng = Seeded.rng(5)
    const first = Array.from({ length: n }, () => pool([5, 3, 2], {}).pick(always, rng)?.target.id)
    for (const [id, p] of [
      ["a", 0.5],
      ["b", 0.3],
      ["c", 0.2]
    ] as const) {
      assert.isBelow(Math.abs(first.filter((x) => x === id).length - n * p), 5 * Math.sqrt(n * p * (1 - p)))
    }
  })

  it("asks once about each candidate per pick", () => {
    const { pick } = pool(new Array<number>(50).fill(1))
    let asked = 0
    for (let n = 0; n < 20; n++) {
      pick(() => {
        asked++
        return true
      })
    }
    assert.strictEqual(asked, 20 * 50)
  })
})
