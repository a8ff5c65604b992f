import { assert, describe, it } from "@effect/vitest"
import { RouteRequest, type Strategy } from "@spillway/core"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { MostHeadroom } from "@spillway/strategies"
import { Effect } from "effect"

const always: Strategy.Eligible = () => true
const left = (id: string, headroom: number | undefined, successRate = 1) =>
  CandidateFixture.candidate(id, { headroom, successRate })
const pickerOf = (candidates: ReadonlyArray<CandidateFixture.CandidateFixture>, options?: MostHeadroom.Options) =>
  Effect.runSync(Effect.scoped(MostHeadroom.make(options).make(candidates)))
const pick = (picker: Strategy.Picker, rng = Seeded.rng(1)) => picker.pick(RouteRequest.unspecified, always, 0, rng)

describe("MostHeadroom", () => {
  it("takes the target with the largest share left; one without limits counts as half used", () => {
    assert.strictEqual(pick(pickerOf([left("a", 0.2), left("b", 0.6), left("c", undefined)]))?.target.id, "b")
    assert.strictEqual(pick(pickerOf([left("a", 0.2), left("b", 0.4), left("c", undefined)]))?.target.id, "c")
  })

  it("is not drawn to one that fails, however little it uses", () => {
    assert.strictEqual(pick(pickerOf([left("idle", 1, 0.3), left("busy", 0.2)]))?.target.id, "busy")
  })

  it("gives equals the same chance: 30,000 picks among three, five sigma", () => {
    const picker = pickerOf([left("a", 0.5), left("b", 0.5), left("c", 0.5)])
    const rng = Seeded.rng(9)
    const counts: Record<string, number> = {}
    const n = 30_000
    for (let i = 0; i < n; i++) {
      const id = pick(picker, rng)?.target.id ?? ""
      counts[id] = (counts[id] ?? 0) + 1
    }
    for (const id of ["a", "b", "c"]) assert.closeTo((counts[id] ?? 0) / n, 1 / 3, 5 * Math.sqrt(2 / 9 / n), id)
  })

  it("uses limits of different sizes up together", () => {
    const sizes = { small: 100, middle: 300, large: 600 }
    const targets = Object.keys(sizes).map((id) => left(id, 1))
    const used: Record<string, number> = { small: 0, middle: 0, large: 0 }
    const picker = pickerOf(targets)
    const rng = Seeded.rng(4)
    for (let i = 0; i < 800; i++) {
      const picked = pick(picker, rng)
      const target = targets.find((one) => one === picked)
      if (target === undefined) continue
      const { id } = target.target
      used[id] = (used[id] ?? 0) + 1
      target.set({ headroom: 1 - (used[id] ?? 0) / sizes[id as keyof typeof sizes] })
    }
    for (const [id, size] of Object.entries(sizes)) assert.closeTo((used[id] ?? 0) / size, 0.8, 0.01, id)
  })

  it("looks at three of many: the best of 100 is not everybody's", () => {
    const picker = pickerOf(Array.from({ length: 100 }, (_, i) => left(`t${i}`, 1 - i / 200)))
    const rng = Seeded.rng(2)
    const n = 10_000
    let best = 0
    for (let i = 0; i < n; i++) if (pick(picker, rng)?.target.id === "t0") best++
    assert.closeTo(best / n, 0.03, 5 * Math.sqrt((0.03 * 0.97) / n))
  })

  it("keeps the laws of strategies in 60 worlds, and refuses options out of range", () => {
    for (let seed = 1; seed <= 60; seed++) {
      StrategyLaws.check(MostHeadroom.make(), { seed, targets: 1 + (seed % 12), picks: 60 })
    }
    assert.throws(() => MostHeadroom.make({ choices: 1 }), /MostHeadroom: choices must be an integer >= 2, got 1/)
    assert.throws(
      () => MostHeadroom.make({ unlimited: 2 }),
      /MostHeadroom: unlimited must be a share in \[0, 1\], got 2/
    )
  })
})
