import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import * as RouteRequest from "@spillway/core/RouteRequest"
import type { Eligible, Picker } from "@spillway/core/Strategy"
import { CandidateFixture, Seeded } from "@spillway/core/testing"
import { Effect } from "effect"
import fc from "fast-check"
import * as EdfWeightedRoundRobin from "../src/EdfWeightedRoundRobin.ts"
import { always } from "./support/pickerOf.ts"

type Fixture = CandidateFixture.CandidateFixture

const fixtures = (weights: ReadonlyArray<number>): ReadonlyArray<Fixture> =>
  weights.map((weight, i) => CandidateFixture.candidate(`t${i}`, { weight }))

const rotation = (
  candidates: ReadonlyArray<Fixture>,
  seed = 1,
  options: EdfWeightedRoundRobin.Options = {},
  before?: Picker
) => {
  const picker = Effect.runSync(Effect.scoped(EdfWeightedRoundRobin.make(options).make(candidates, before)))
  const rng = Seeded.rng(seed)
  const indexOf = new Map<unknown, number>(candidates.map((candidate, i) => [candidate, i]))
  const pick = (eligible: Eligible = always) => {
    const picked = picker.pick(RouteRequest.unspecified, eligible, 0, rng)
    return picked === undefined ? -1 : (indexOf.get(picked) ?? Number.NaN)
  }
  return {
    picker,
    pick,
    counts: (k: number, eligible: Eligible = always) => {
      const counts = candidates.map(() => 0)
      for (let n = 0; n < k; n++) {
        const i = pick(eligible)
        counts[i] = (counts[i] ?? 0) + 1
      }
      return counts
    }
  }
}

const sum = (list: ReadonlyArray<number>) => list.reduce((a, b) => a + b, 0)
const weightsOf = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0.01, max: 50, noNaN: true })), {
  minLength: 1,
  maxLength: 12
})

/** Golestani 1994, for packets of one size: |n_i / w_i - n_j / w_j| <= 1 / w_i + 1 / w_j. A rounding error is allowed. */
const assertFair = (
  weights: ReadonlyArray<number>,
  counts: ReadonlyArray<number>,
  which = weights.map((_, i) => i)
) => {
  for (const i of which) {
    for (const j of which) {
      const [v = 1, w = 1, m = 0, n = 0] = [weights[i], weights[j], counts[i], counts[j]]
      assert.isAtMost(Math.abs(m / v - n / w), (1 / v + 1 / w) * (1 + 1e-9), `${m} of weight ${v}, ${n} of weight ${w}`)
    }
  }
}

describe("EdfWeightedRoundRobin", () => {
  it("never lets two targets differ by more than one step of each, after any number of picks and in any window", () => {
    fc.assert(
      fc.property(
        weightsOf,
        fc.integer(),
        fc.nat({ max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        (weights, seed, before, k) => {
          const { counts } = rotation(fixtures(weights), seed)
          counts(before)
          assertFair(weights, counts(k))
        }
      )
    )
  })

  it("gives each target its share of k picks within 1 + share * (n - 2): of two targets, within one", () => {
    fc.assert(
      fc.property(weightsOf, fc.integer(), fc.integer({ min: 1, max: 400 }), (weights, seed, k) => {
        const n = weights.length
        rotation(fixtures(weights), seed)
          .counts(k)
          .forEach((count, i) => {
            const share = (weights[i] ?? 0) / sum(weights)
            assert.isAtMost(Math.abs(count - k * share), 1 + share * Math.max(0, n - 2) + 1e-6)
          })
      })
    )
  })

  it("hands out exact shares of 5/3/2 in every round of ten", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { counts } = rotation(fixtures([5, 3, 2]), seed)
      for (let round = 0; round < 5; round++) assert.deepStrictEqual(counts(10), [5, 3, 2])
    }
  })

  it("shares 200,000 picks of 500 targets within its bound: precision is not lost with time", () => {
    const weights = Array.from({ length: 500 }, (_, i) => 1 + (i % 7) / 3)
    const k = 200_000
    rotation(fixtures(weights))
      .counts(k)
      .forEach((count, i) => {
        const share = (weights[i] ?? 0) / sum(weights)
        assert.isAtMost(Math.abs(count - k * share), 1 + share * 498)
      })
  })

  it("keeps the others' order while some are out, as if nobody were: no share of theirs changes hands", () => {
    fc.assert(
      fc.property(
        weightsOf,
        fc.integer(),
        fc.nat({ max: 50 }),
        fc.integer({ min: 1, max: 200 }),
        (weights, seed, lead, k) => {
          const candidates = fixtures([...weights, 40, 3])
          const out = new Set<unknown>(candidates.slice(-2))
          const eligible: Eligible = (candidate) => !out.has(candidate)
          const [all, some] = [rotation(candidates, seed), rotation(candidates, seed)]
          all.counts(lead)
          some.counts(lead)
          const expected: Array<number> = []
          while (expected.length < k) {
            const i = all.pick()
            if (i < weights.length) expected.push(i)
          }
          assert.deepStrictEqual(
            Array.from({ length: k }, () => some.pick(eligible)),
            expected
          )
        }
      )
    )
  })

  it("does not catch up: whoever returns gets its share and at most one step more, at once and in any window", () => {
    fc.assert(
      fc.property(
        weightsOf,
        fc.integer(),
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 200 }),
        (weights, seed, out, k) => {
          const candidates = fixtures([...weights, 5])
          const gone = candidates.at(-1)
          const { counts } = rotation(candidates, seed)
          counts(7)
          counts(out, (candidate) => candidate !== gone)
          assertFair([...weights, 5], counts(k))
        }
      )
    )
  })

  it("is fair among the few of a hundred that are left, the heavy ones out, and asks about each once at most", () => {
    const weights = Array.from({ length: 100 }, (_, i) => (i < 97 ? 50 : i - 95))
    const candidates = fixtures(weights)
    const { counts, pick } = rotation(candidates, 3)
    const left = new Set<unknown>(candidates.slice(97))
    const few = counts(3000, (candidate) => left.has(candidate))
    assertFair(weights, few, [97, 98, 99])
    assert.strictEqual(sum(few.slice(97)), 3000)
    for (const most of [100, 0]) {
      const asked: Array<unknown> = []
      pick((candidate) => {
        asked.push(candidate)
        return most > 0 && left.has(candidate)
      })
      assert.strictEqual(new Set(asked).size, asked.length)
    }
    assertFair(weights, counts(5000))
  })

  it("asks about little more than one per pick while nine of ten are eligible: 1,000 targets, 10,000 picks", () => {
    const candidates = fixtures(Array.from({ length: 1000 }, (_, i) => 1 + (i % 3)))
    const { pick } = rotation(candidates)
    const out = new Set<unknown>(candidates.filter((_, i) => i % 10 === 0))
    let asked = 0
    for (let n = 0; n < 10_000; n++) {
      pick((candidate) => {
        asked++
        return !out.has(candidate)
      })
    }
    assert.isBelow(asked, 11_500)
  })

  it("loses nobody when asking about one throws, or when nobody may be picked", () => {
    const candidates = fixtures([3, 2, 1])
    const { counts, pick } = rotation(candidates)
    for (let n = 0; n < 50; n++) {
      let asked = 0
      assert.throws(() =>
        pick(() => {
          if (++asked > n % 3) throw new Error("not now")
          return false
        })
      )
      assert.strictEqual(
        pick(() => false),
        -1
      )
    }
    assert.deepStrictEqual(counts(60), [30, 20, 10])
  })

  it("begins anywhere: the first pick of 10,000 rotations over five equal targets is each a fifth, five sigma", () => {
    const n = 10_000
    const firsts = [0, 0, 0, 0, 0]
    for (let seed = 0; seed < n; seed++) {
      const i = rotation(fixtures([2, 2, 2, 2, 2]), seed).pick()
      firsts[i] = (firsts[i] ?? 0) + 1
    }
    for (const count of firsts) assert.isBelow(Math.abs(count - n / 5), 5 * Math.sqrt((n * 4) / 25))
  })

  it("follows weights that change: after at most four picks for each, and from where each stands", () => {
    const weights = [1, 1, 1, 1]
    const candidates = fixtures([9, 9, 9, 9])
    const { counts } = rotation(candidates, 5, {
      weightOf: (candidate) => weights[candidates.indexOf(candidate as Fixture)]
    })
    assert.deepStrictEqual(counts(400), [100, 100, 100, 100])
    weights.splice(0, 4, 6, 2, 1, 1)
    counts(16)
    const changed = counts(1000)
    assertFair(weights, changed)
    weights.splice(0, 4, 0.0001, 1, 1, 1)
    counts(300)
    // From next to nothing to as much as the others: not after its long step, but now.
    weights.splice(0, 4, 1, 1, 1, 1)
    counts(16)
    assertFair(weights, counts(40))
  })

  it("bounds what it is told of weights, and takes the target's own where nothing is known", () => {
    const told: ReadonlyArray<number | undefined> = [undefined, 0, -3, Number.NaN, 2]
    const candidates = fixtures([4, 1, 1, 1, 1])
    const { counts } = rotation(candidates, 2, {
      weightOf: (candidate) => told[candidates.indexOf(candidate as Fixture)]
    })
    const [own = 0, ...others] = counts(3000)
    assert.closeTo(own, 2000, 4)
    assert.isAtMost(sum(others.slice(0, 3)), 3)
    assert.throws(
      () => EdfWeightedRoundRobin.make({ weightOf: 3 as never }),
      InvalidOption,
      /weightOf must be a function/
    )
    assert.throws(() => EdfWeightedRoundRobin.make({ weights: [] } as never), InvalidOption, /weights/)
  })

  it("keeps places when the set changes: those that stay go on, a newcomer gets its share and no more", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat({ max: 60 }), (seed, k) => {
        const [a, b, c, d] = fixtures([5, 3, 2, 4]) as [Fixture, Fixture, Fixture, Fixture]
        const last = rotation([a, b, c], seed)
        const before = last.counts(k)
        const next = rotation([a, b, d], seed + 1, {}, last.picker)
        const after = next.counts(120)
        assertFair([5, 3, 4], after)
        // Over both lives: nobody who stayed had two turns too many or too few against the other.
        assertFair([5, 3], [(before[0] ?? 0) + (after[0] ?? 0), (before[1] ?? 0) + (after[1] ?? 0)])
        // The old one lives on unharmed until it is closed.
        assertFair([5, 3, 2], last.counts(100))
      })
    )
  })

  it("scores by the way to the next turn: the lowest is picked next", () => {
    const candidates = fixtures([5, 3, 2])
    const { pick, picker } = rotation(candidates, 9)
    const scores = () =>
      candidates.map((candidate) => picker.score?.(candidate, RouteRequest.unspecified, 0) ?? Number.NaN)
    assert.deepStrictEqual(scores(), [1 / 10, 1 / 6, 1 / 4])
    pick()
    for (let n = 0; n < 30; n++) {
      const before = scores()
      assert.strictEqual(pick(), before.indexOf(Math.min(...before)))
    }
    const stranger = CandidateFixture.candidate("other")
    assert.strictEqual(picker.score?.(stranger, RouteRequest.unspecified, 0), Number.POSITIVE_INFINITY)
  })
})
