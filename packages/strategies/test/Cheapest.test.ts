import { assert, describe, it } from "@effect/vitest"
import { Cost, RouteRequest, type Strategy } from "@spillway/core"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Cheapest, InFlight } from "@spillway/strategies"
import { Effect } from "effect"

const priced = (id: string, input: number, output: number) =>
  CandidateFixture.candidate(id, { target: { price: { input, output } } })
const always: Strategy.Eligible = () => true

const pickerOf = (candidates: ReadonlyArray<CandidateFixture.CandidateFixture>, options?: Cheapest.Options) =>
  Effect.runSync(Effect.scoped(Cheapest.make({ load: InFlight.load, ...options }).make(candidates)))

const call = (input: number, output: number) => RouteRequest.make({ estimatedTokens: { input, output } })

describe("Cheapest", () => {
  it("reckons with the tokens of the call: long prompts and long answers have different cheapest targets", () => {
    const reader = priced("reader", 1, 20)
    const writer = priced("writer", 4, 8)
    const picker = pickerOf([reader, writer])
    const pick = (request: RouteRequest.RouteRequest) => picker.pick(request, always, 0, Seeded.rng(1))?.target.id
    assert.strictEqual(pick(call(10_000, 100)), "reader")
    assert.strictEqual(pick(call(100, 10_000)), "writer")
    // Nothing said: a quarter is output, 0.75 * 1 + 0.25 * 20 = 5.75 against 5.
    assert.strictEqual(pick(RouteRequest.unspecified), "writer")
    assert.strictEqual(picker.score?.(writer, RouteRequest.unspecified, 0), 5)
  })

  it("takes an answer without a cap for one of unknown length, not for none, and counts no prompt for it", () => {
    const reader = priced("reader", 1, 100)
    const plain = priced("plain", 2, 4)
    const picker = pickerOf([reader, plain])
    let counts = 0
    const counted = (maxOutput: number | undefined) => ({
      ...RouteRequest.unspecified,
      cost: Cost.withEstimate(RouteRequest.unspecified.cost, maxOutput, () => {
        counts++
        return 900
      })
    })
    // A quarter is output: 0.75 * 1 + 0.25 * 100 = 25.75 against 0.75 * 2 + 0.25 * 4 = 2.5.
    assert.strictEqual(picker.score?.(reader, counted(undefined), 0), 25.75)
    assert.strictEqual(picker.pick(counted(undefined), always, 0, Seeded.rng(1)), plain)
    assert.strictEqual(counts, 0)
    // A tenth is output: 0.9 * 1 + 0.1 * 100.
    assert.closeTo(picker.score?.(reader, counted(100), 0) ?? Number.NaN, 10.9, 1e-9)
    // No answer at all, as for an embedding.
    assert.strictEqual(picker.pick(counted(0), always, 0, Seeded.rng(1)), reader)
  })

  it("spreads the calls over all within a tenth of the lowest price, by load", () => {
    const targets = [priced("a", 10, 10), priced("b", 10.9, 10.9), priced("c", 12, 12)]
    const picker = pickerOf(targets)
    const counts: Record<string, number> = {}
    const rng = Seeded.rng(3)
    for (let i = 0; i < 1000; i++) {
      const next = picker.pick(call(1, 1), always, 0, rng)
      const picked = targets.find((one) => one === next)
      if (picked === undefined) continue
      picked.inFlight++
      counts[picked.target.id] = (counts[picked.target.id] ?? 0) + 1
    }
    // The load evens out what is drawn: no more than one apart.
    assert.closeTo(counts["a"] ?? 0, 500, 1)
    assert.isUndefined(counts["c"])
  })

  it("takes a dearer one while the limits of the cheap one are nearly used up, and the fullest last", () => {
    const [cheap, dear] = [priced("cheap", 1, 1), priced("dear", 5, 5)]
    const pick = (keepFree?: number) =>
      pickerOf([cheap, dear], keepFree === undefined ? {} : { keepFree }).pick(call(1, 1), always, 0, () => 0)
    cheap.set({ headroom: 0.1 })
    assert.strictEqual(pick(), cheap)
    cheap.set({ headroom: 0.09 })
    assert.strictEqual(pick(), dear)
    assert.strictEqual(pick(0), cheap)
    dear.set({ headroom: 0.05 })
    assert.strictEqual(pick(), cheap)
  })

  it("takes a target whose price is not known only when there is no other", () => {
    const unknown = CandidateFixture.candidate("unknown")
    const dear = priced("dear", 1000, 1000)
    const picker = pickerOf([unknown, dear])
    for (let i = 0; i < 20; i++) assert.strictEqual(picker.pick(call(1, 1), always, 0, Seeded.rng(i)), dear)
    assert.strictEqual(
      picker.pick(call(1, 1), (one) => one === unknown, 0, Seeded.rng(1)),
      unknown
    )
    assert.strictEqual(pickerOf([unknown]).pick(call(1, 1), always, 0, Seeded.rng(1)), unknown)
  })

  it("counts a price per success: one that fails half of its calls costs twice as much", () => {
    const [flaky, sound] = [priced("flaky", 3, 3), priced("sound", 5, 5)]
    const picker = pickerOf([flaky, sound])
    assert.strictEqual(
      picker.pick(call(1, 1), always, 0, () => 0),
      flaky
    )
    flaky.set({ successRate: 0.5 })
    assert.strictEqual(
      picker.pick(call(1, 1), always, 0, () => 0),
      sound
    )
  })

  it("takes anybody with an infinite spread, also beside a target that is free", () => {
    const both = [priced("free", 0, 0), priced("dear", 5, 5)]
    const picker = pickerOf(both, { spread: Number.POSITIVE_INFINITY })
    const rng = Seeded.rng(4)
    const picked = new Set<string | undefined>()
    for (const one of both) {
      for (const other of both) other.set({ inFlight: other === one ? 0 : 5 })
      picked.add(picker.pick(call(1, 1), always, 0, rng)?.target.id)
    }
    assert.deepStrictEqual([...picked], ["free", "dear"])
  })

  it("does not go on with a free target that fails", () => {
    const [free, paid] = [priced("free", 0, 0), priced("paid", 5, 5)]
    const picker = pickerOf([free, paid])
    assert.strictEqual(
      picker.pick(call(1, 1), always, 0, () => 0),
      free
    )
    free.set({ successRate: 0.1 })
    assert.strictEqual(
      picker.pick(call(1, 1), always, 0, () => 0),
      paid
    )
    assert.strictEqual(
      picker.pick(
        call(1, 1),
        (one) => one === free,
        0,
        () => 0
      ),
      free
    )
  })

  it("keeps the laws of strategies in 60 worlds, and refuses options out of range", () => {
    for (let seed = 1; seed <= 60; seed++)
      StrategyLaws.check(Cheapest.make(), { seed, targets: 1 + (seed % 6), picks: 60 })
    assert.throws(() => Cheapest.make({ load: 1 } as object), /Cheapest: load must be a function/)
    assert.throws(() => Cheapest.make({ spread: -1 }), /Cheapest: spread must be a number >= 0, got -1/)
    assert.throws(() => Cheapest.make({ keepFree: 2 }), /Cheapest: keepFree must be a share in \[0, 1\], got 2/)
    assert.throws(() => Cheapest.make({ spraed: 1 } as object), /Cheapest must be made of .*got "spraed"/)
  })
})
