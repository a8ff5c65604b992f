import { assert, describe, it } from "@effect/vitest"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import fc from "fast-check"
import * as WeightedRandom from "../src/WeightedRandom.ts"
import { always, pickerOf } from "./support/pickerOf.ts"

const pool = (weights: ReadonlyArray<number>, seed = 1) => {
  const candidates = weights.map((weight, i) => CandidateFixture.candidate(`t${i}`, { weight }))
  const picker = pickerOf(WeightedRandom.make(), candidates)
  const rng = Seeded.rng(seed)
  const indexOf = new Map<unknown, number>(candidates.map((candidate, i) => [candidate, i]))
  return {
    candidates,
    picker,
    counts: (n: number, eligible: Eligible = always) => {
      const counts = weights.map(() => 0)
      for (let k = 0; k < n; k++) {
        const i = indexOf.get(picker.pick(RouteRequest.unspecified, eligible, 0, rng)) ?? -1
        counts[i] = (counts[i] ?? 0) + 1
      }
      return counts
    }
  }
}

/** Each count within five sigma of its share, and all together by chi-square: mean d, variance 2d, five sigma again. */
const assertShares = (weights: ReadonlyArray<number>, counts: ReadonlyArray<number>) => {
  const n = counts.reduce((a, b) => a + b, 0)
  const total = weights.reduce((a, b) => a + b, 0)
  let chi = 0
  let taking = -1
  weights.forEach((weight, i) => {
    const p = weight / total
    const off = (counts[i] ?? 0) - n * p
    if (weight === 0) {
      assert.strictEqual(counts[i], 0)
      return
    }
    assert.isAtMost(Math.abs(off), 5 * Math.sqrt(n * p * (1 - p)), `${counts[i]} of ${n} at ${p}`)
    chi += off ** 2 / (n * p)
    taking++
  })
  assert.isAtMost(chi, taking + 5 * Math.sqrt(2 * taking))
}

describe("WeightedRandom", () => {
  it("picks by weight: 100,000 picks of 5/3/2, of equal weights, of 1 to 50, five sigma", () => {
    for (const weights of [
      [5, 3, 2],
      [1, 1, 1, 1, 1, 1, 1],
      Array.from({ length: 50 }, (_, i) => i + 1),
      [1000, 1, 0.5]
    ]) {
      assertShares(weights, pool(weights).counts(100_000))
    }
  })

  it("picks by weight among the rest, exactly, with some out: 60,000 picks each, five sigma", () => {
    // One of three; the heaviest by far, so that nearly every draw is in vain; all but two.
    const cases: ReadonlyArray<readonly [weights: ReadonlyArray<number>, out: ReadonlyArray<number>]> = [
      [[5, 3, 2], [0]],
      [[1000, 3, 2, 1], [0]],
      [Array.from({ length: 40 }, (_, i) => 1 + (i % 4)), Array.from({ length: 38 }, (_, i) => i)]
    ]
    for (const [weights, out] of cases) {
      const { candidates, counts } = pool(weights, 7)
      const gone = new Set<unknown>(out.map((i) => candidates[i]))
      assertShares(
        weights.map((weight, i) => (out.includes(i) ? 0 : weight)),
        counts(60_000, (candidate) => !gone.has(candidate))
      )
    }
  })

  it("follows a change of weights: 60,000 picks before and after, five sigma", () => {
    assertShares([5, 3, 2], pool([5, 3, 2], 3).counts(60_000))
    assertShares([1, 3, 6], pool([1, 3, 6], 3).counts(60_000))
  })

  it("follows any weights: 4,000 picks each, six sigma for a hundred tries of eight", () => {
    const weight = fc.double({ min: 0.05, max: 20, noNaN: true })
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 8 }), fc.integer(), (weights, seed) => {
        const total = weights.reduce((a, b) => a + b, 0)
        pool(weights, seed)
          .counts(4000)
          .forEach((count, i) => {
            const p = (weights[i] ?? 0) / total
            assert.isAtMost(Math.abs(count - 4000 * p), 6 * Math.sqrt(4000 * p * (1 - p)) + 3)
          })
      }),
      { numRuns: 100, seed: 1 }
    )
  })

  it("draws once and asks once per pick while all are eligible, of ten thousand as of three", () => {
    for (const n of [3, 10_000]) {
      const { picker } = pool(Array.from({ length: n }, (_, i) => 1 + (i % 9)))
      let draws = 0
      let asked = 0
      const rng = Seeded.rng(2)
      for (let k = 0; k < 100; k++) {
        picker.pick(
          RouteRequest.unspecified,
          () => ++asked > 0,
          0,
          () => {
            draws++
            return rng()
          }
        )
      }
      assert.deepStrictEqual([draws, asked], [100, 100])
    }
  })

  it("scores heavier targets lower", () => {
    const { candidates, picker } = pool([2, 5])
    const scores = candidates.map((candidate) => picker.score?.(candidate, RouteRequest.unspecified, 0))
    assert.deepStrictEqual(scores, [-2, -5])
  })
})
