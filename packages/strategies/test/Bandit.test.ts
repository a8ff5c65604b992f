import { assert, describe, it } from "@effect/vitest"
import { RouteRequest, type Strategy } from "@spillway/core"
import { failure, ignored, success } from "@spillway/core/Outcome"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Bandit } from "@spillway/strategies"
import { Effect } from "effect"
import { beta } from "../src/internal/beta.ts"

const always: Strategy.Eligible = () => true
const arms = (count: number) => Array.from({ length: count }, (_, i) => CandidateFixture.candidate(`t${i}`))
const pickerOf = (
  candidates: ReadonlyArray<CandidateFixture.CandidateFixture>,
  options?: Bandit.Options,
  before?: Strategy.Picker
) => Effect.runSync(Effect.scoped(Bandit.make(options).make(candidates, before)))

const settlement = (over: Partial<Strategy.Settlement> = {}): Strategy.Settlement => ({
  request: RouteRequest.unspecified,
  ms: 1000,
  firstContentMs: undefined,
  inputTokens: undefined,
  outputTokens: undefined,
  limits: undefined,
  costUsd: undefined,
  ...over
})

/** Plays calls one after the other, ten a second; counts who was picked from call `from` on. */
const play = (
  candidates: ReadonlyArray<CandidateFixture.CandidateFixture>,
  options: Bandit.Options,
  calls: number,
  rateOf: (index: number, call: number) => number,
  from = 0,
  picker = pickerOf(candidates, options)
) => {
  const rng = Seeded.rng(11)
  const luck = Seeded.rng(12)
  const counts = candidates.map(() => 0)
  for (let call = 0; call < calls; call++) {
    const now = call * 100
    const picked = picker.pick(RouteRequest.unspecified, always, now, rng)
    const index = (candidates as ReadonlyArray<unknown>).indexOf(picked)
    const one = candidates[index]
    if (one === undefined) throw new Error("nobody")
    if (call >= from) counts[index] = (counts[index] ?? 0) + 1
    const ok = luck() < rateOf(index, call)
    picker.settled?.(one, ok ? success : failure("Overloaded"), now, settlement())
  }
  return counts
}

describe("numbers from a beta distribution", () => {
  it("have its mean and variance, small shapes and large: 40,000 each, five sigma of the mean", () => {
    for (const [a, b] of [
      [0.5, 0.5],
      [1, 1],
      [2, 5],
      [80, 20],
      [1000, 3]
    ] as const) {
      const rng = Seeded.rng(a * 100 + b)
      const n = 40_000
      let sum = 0
      let squares = 0
      for (let i = 0; i < n; i++) {
        const x = beta(a, b, rng)
        assert.isTrue(x >= 0 && x <= 1)
        sum += x
        squares += x * x
      }
      const mean = a / (a + b)
      const variance = (a * b) / ((a + b) ** 2 * (a + b + 1))
      assert.closeTo(sum / n, mean, 5 * Math.sqrt(variance / n), `mean of ${a}, ${b}`)
      assert.closeTo(squares / n - (sum / n) ** 2, variance, 0.1 * variance, `variance of ${a}, ${b}`)
    }
  })
})

describe("Bandit", () => {
  const learning: Bandit.Options = { latencyWeight: 0, explore: 0, halfLife: "1 day" }

  it("finds the best of three: fewer than 2 % of the last 8,000 of 10,000 calls go elsewhere", () => {
    const counts = play(arms(3), learning, 10_000, (i) => [0.9, 0.8, 0.5][i] ?? 0, 2000)
    assert.isAbove((counts[0] ?? 0) / 8000, 0.98)
  })

  it("regrets with the logarithm of the calls: below the bound's order for 0.9 against 0.8", () => {
    // Lai and Robbins (1985): regret grows as ln(T) * gap / KL(0.8, 0.9); 10,000 calls: 9.21 * 0.1 / 0.0444 = 20.7.
    const counts = play(arms(2), learning, 10_000, (i) => (i === 0 ? 0.9 : 0.8))
    const regret = 0.1 * (counts[1] ?? 0)
    assert.isBelow(regret, 5 * 20.7)
    assert.isAbove(regret, 0.5)
  })

  it("notices within two half-lives that the best one has become the worst", () => {
    const options: Bandit.Options = { latencyWeight: 0, halfLife: "1 minute" }
    // Ten calls a second: 600 calls are a half-life. After call 6,000 the first target fails.
    const counts = play(arms(3), options, 9000, (i, call) => (i === 0 ? (call < 6000 ? 0.95 : 0.05) : 0.85), 7200)
    assert.isBelow((counts[0] ?? 0) / 1800, 0.06)
  })

  it("tries everybody with the share it was told: 20,000 picks of a bad one, five sigma above the floor", () => {
    const n = 20_000
    const counts = play(arms(2), { ...learning, explore: 0.1 }, n, (i) => (i === 0 ? 1 : 0))
    const floor = 0.05
    assert.isAbove((counts[1] ?? 0) / n, floor - 5 * Math.sqrt((floor * 0.95) / n))
    assert.isBelow((counts[1] ?? 0) / n, floor + 5 * Math.sqrt((floor * 0.95) / n) + 0.005)
  })

  it("weighs latency and cost as it was told: equal success, the faster or the cheaper one wins", () => {
    const candidates = arms(2)
    const winner = (options: Bandit.Options) => {
      const picker = pickerOf(candidates, { explore: 0, ...options })
      for (let i = 0; i < 500; i++) {
        candidates.forEach((one, n) => {
          const slowAndCheap = n === 0
          const seen = settlement({ ms: slowAndCheap ? 8000 : 500, costUsd: slowAndCheap ? 0.001 : 0.05 })
          picker.settled?.(one, success, i, seen)
        })
      }
      return picker.pick(RouteRequest.unspecified, always, 500, Seeded.rng(1))?.target.id
    }
    assert.strictEqual(winner({ latencyWeight: 0.5 }), "t1")
    assert.strictEqual(winner({ latencyWeight: 0, costWeight: 0.5 }), "t0")
  })

  it("learns each kind of call apart, and keeps a bounded number of kinds", () => {
    const candidates = arms(2)
    const picker = pickerOf(candidates, { ...learning, kindOf: ({ tags }) => tags["kind"] ?? "", maxKinds: 3 })
    const of = (kind: string) => RouteRequest.make({ tags: { kind } })
    const teach = (kind: string, good: number) => {
      for (let i = 0; i < 200; i++) {
        candidates.forEach((one, n) => {
          picker.settled?.(one, n === good ? success : failure("x"), i, settlement({ request: of(kind) }))
        })
      }
    }
    const best = (kind: string) => picker.pick(of(kind), always, 200, Seeded.rng(1))?.target.id
    teach("code", 0)
    teach("chat", 1)
    assert.deepStrictEqual([best("code"), best("chat")], ["t0", "t1"])
    for (let i = 0; i < 50; i++) teach(`kind ${i}`, 1)
    const [one] = candidates
    if (one === undefined) throw new Error("none")
    assert.strictEqual(picker.score?.(one, of("code"), 200), -0.5, "forgotten: nothing is known")
  })

  it("keeps what it learned over a change of the set, and what says nothing teaches nothing", () => {
    const [good, bad, late] = arms(3) as [
      CandidateFixture.CandidateFixture,
      CandidateFixture.CandidateFixture,
      CandidateFixture.CandidateFixture
    ]
    const first = pickerOf([good, bad], learning)
    for (let i = 0; i < 300; i++) {
      first.settled?.(good, success, i, settlement())
      first.settled?.(bad, failure("x"), i, settlement())
    }
    const next = pickerOf([good, bad, late], learning, first)
    const score = (one: typeof good) => next.score?.(one, RouteRequest.unspecified, 300) ?? Number.NaN
    assert.isBelow(score(good), -0.98)
    assert.isAbove(score(bad), -0.02)
    for (let i = 0; i < 50; i++) next.settled?.(late, ignored, 300, settlement())
    assert.strictEqual(score(late), -0.5)
  })

  it("keeps the laws of strategies in 40 worlds, and refuses options out of range", () => {
    for (let seed = 1; seed <= 40; seed++)
      StrategyLaws.check(Bandit.make(), { seed, targets: 1 + (seed % 12), picks: 60 })
    assert.throws(() => Bandit.make({ latencyWeight: 0.7, costWeight: 0.5 }), /must be at most 1 together, got 1.2/)
    assert.throws(() => Bandit.make({ halfLife: 0 }), /Bandit: halfLife must be a duration > 0/)
    // A reward would be no number, and no beta distribution has that shape.
    assert.throws(() => Bandit.make({ goodLatency: "Infinity" }), /Bandit: goodLatency must be a finite number > 0/)
    assert.throws(() => Bandit.make({ kindOf: "code" } as object), /Bandit: kindOf must be a function of a request/)
    assert.throws(() => Bandit.make({ choices: 1 }), /Bandit: choices must be an integer >= 2/)
  })
})
