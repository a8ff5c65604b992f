import { assert, describe, it } from "@effect/vitest"
import { RouteRequest, SlowStart, type Strategy } from "@spillway/core"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Effect } from "effect"

/** Uniformly among those that are eligible, asking about each of them three times. */
const uniform: Strategy.Strategy = {
  name: "uniform",
  make: (candidates) =>
    Effect.succeed({
      pick: (_request, eligible, _now, rng) => {
        const left = candidates.filter((one) => eligible(one) && eligible(one) && eligible(one))
        return left[Math.floor(rng() * left.length)]
      },
      score: ({ inFlight }) => inFlight
    })
}

const newestFirst: Strategy.Strategy = {
  name: "newest-first",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.findLast(eligible) })
}

const always = () => true
const old = CandidateFixture.candidate("old")
const newcomer = CandidateFixture.candidate("new", { since: 1000 })
const second = 1000

const pickerOf = (strategy: Strategy.Strategy, ...candidates: ReadonlyArray<typeof old | typeof newcomer>) =>
  Effect.runSync(Effect.scoped(strategy.make(candidates)))

/** Share of the newcomer in `n` picks at one moment. */
const shareAt = (strategy: Strategy.Strategy, ms: number, n: number): number => {
  const picker = pickerOf(strategy, old, newcomer)
  const rng = Seeded.rng(7)
  let picks = 0
  for (let i = 0; i < n; i++) {
    if (picker.pick(RouteRequest.unspecified, always, 1000 + ms, rng) === newcomer) picks++
  }
  return picks / n
}

describe("SlowStart.wrap", () => {
  it("gives a newcomer the ramp's part of its share: 20,000 picks a moment, five sigma", () => {
    const strategy = SlowStart.wrap(uniform)
    const n = 20_000
    // Envoy: max(10 %, (elapsed / window)^(1 / aggression)), of the half that is its full share.
    for (const [ms, ramp] of [
      [0, 0.1],
      [3 * second, 0.1],
      [6 * second, 0.2],
      [15 * second, 0.5],
      [24 * second, 0.8],
      [30 * second, 1],
      [300 * second, 1]
    ] as const) {
      const expected = ramp / 2
      const sigma = Math.sqrt((expected * (1 - expected)) / n)
      assert.closeTo(shareAt(strategy, ms, n), expected, 5 * sigma, `after ${ms} ms`)
    }
  })

  it("rises faster at first with an aggression above 1", () => {
    const fast = shareAt(SlowStart.wrap(uniform, { aggression: 2 }), 7.5 * second, 20_000)
    assert.closeTo(fast, 0.25, 5 * Math.sqrt((0.25 * 0.75) / 20_000)) // (1/4)^(1/2) of a half
  })

  it("moves a key to the newcomer once, and with the ramp's part of the keys: 4,000 keys, five sigma", () => {
    const picker = pickerOf(SlowStart.wrap(newestFirst), old, newcomer)
    const rng = Seeded.rng(3)
    const n = 4000
    let at15 = 0
    for (let i = 0; i < n; i++) {
      const request = RouteRequest.make({ affinityKey: `key ${i}` })
      const served = [3, 6, 9, 12, 15, 18, 21, 24, 27, 30].map((seconds) => {
        return picker.pick(request, always, 1000 + seconds * second, rng) === newcomer
      })
      assert.deepStrictEqual(served, served.toSorted()) // false, then true for good
      if (served[4] === true) at15++
    }
    assert.closeTo(at15 / n, 0.5, 5 * Math.sqrt(0.25 / n))
  })

  it("leaves nobody unserved: a newcomer that is the only one left takes every call", () => {
    const picker = pickerOf(SlowStart.wrap(uniform), old, newcomer)
    const rng = Seeded.rng(1)
    for (let i = 0; i < 200; i++) {
      assert.strictEqual(
        picker.pick(RouteRequest.unspecified, (one) => one === newcomer, 1000, rng),
        newcomer
      )
    }
  })

  it("is the strategy itself while all have been there from the beginning", () => {
    let made: Strategy.Picker | undefined
    const spied: Strategy.Strategy = {
      name: "spied",
      make: (candidates) => Effect.tap(uniform.make(candidates), (picker) => Effect.sync(() => (made = picker)))
    }
    assert.strictEqual(pickerOf(SlowStart.wrap(spied), old), made)
  })

  it("hands the strategy its own last picker when the set changes", () => {
    const given: Array<unknown> = []
    const own: Strategy.Strategy = {
      name: "own",
      make: (candidates, before) => {
        given.push(before)
        return uniform.make(candidates)
      }
    }
    const strategy = SlowStart.wrap(own)
    const first = Effect.runSync(Effect.scoped(strategy.make([old, newcomer])))
    Effect.runSync(Effect.scoped(strategy.make([old], first)))
    assert.notStrictEqual(given[1], first)
    assert.strictEqual((given[1] as Strategy.Picker).score?.(old, RouteRequest.unspecified, 0), 0)
  })

  it("keeps every law of the strategy, its name and what it names", () => {
    const strategy = SlowStart.wrap({ ...uniform, targets: ["old"] as const })
    assert.strictEqual(strategy.name, "uniform")
    assert.deepStrictEqual(strategy.targets, ["old"])
    for (let seed = 1; seed <= 50; seed++) StrategyLaws.check(strategy, { seed })
  })

  it("refuses a window that is none", () => {
    assert.throws(() => SlowStart.wrap(uniform, { window: 0 }), /SlowStart: window must be a duration > 0/)
    assert.throws(() => SlowStart.wrap(uniform, { aggression: 0 }), /SlowStart: aggression must be a finite number > 0/)
  })
})
