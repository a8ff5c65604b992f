import { assert, describe, it } from "@effect/vitest"
import { RouteRequest, type Strategy } from "@spillway/core"
import { success } from "@spillway/core/Outcome"
import { CandidateFixture, Seeded, StrategyLaws } from "@spillway/core/testing"
import { Failover, NearestRegion } from "@spillway/strategies"
import { Effect } from "effect"
import fc from "fast-check"
import { loadsOf } from "../src/internal/priorities.ts"

const always: Strategy.Eligible = () => true
const request = RouteRequest.unspecified
const inRegion = (region: string, count: number) =>
  Array.from({ length: count }, (_, i) => CandidateFixture.candidate(`${region}-${i}`, { target: { region } }))
const pickerOf = (
  candidates: ReadonlyArray<CandidateFixture.CandidateFixture>,
  options?: NearestRegion.Options,
  before?: Strategy.Picker
) => Effect.runSync(Effect.scoped(NearestRegion.make(options).make(candidates, before)))

/** Share of each region in `n` picks at one moment. */
const shares = (picker: Strategy.Picker, n: number, now = 0, eligible = always): Readonly<Record<string, number>> => {
  const rng = Seeded.rng(6)
  const counts: Record<string, number> = {}
  for (let i = 0; i < n; i++) {
    const region = picker.pick(request, eligible, now, rng)?.target.region ?? "none"
    counts[region] = (counts[region] ?? 0) + 1 / n
  }
  return counts
}

const settlement = (ms: number): Strategy.Settlement => ({
  request,
  ms,
  firstContentMs: undefined,
  inputTokens: undefined,
  outputTokens: undefined,
  limits: undefined,
  costUsd: undefined
})

describe("loads of priority levels", () => {
  const loads = (...healthy: ReadonlyArray<number>) => {
    const out = new Float64Array(healthy.length)
    loadsOf(
      healthy.map((_, i) => i),
      Float64Array.from(healthy, (percent) => percent / 100),
      1.4,
      out
    )
    return [...out].map((load) => Math.round(load * 100))
  }

  // Percent of healthy endpoints and of traffic, from the tables in Envoy's "Priority levels" (two and three levels).
  it("are those of Envoy's tables for two levels", () => {
    assert.deepStrictEqual(loads(100, 100), [100, 0])
    assert.deepStrictEqual(loads(72, 72), [100, 0])
    assert.deepStrictEqual(loads(71, 71), [99, 1])
    assert.deepStrictEqual(loads(50, 50), [70, 30])
    assert.deepStrictEqual(loads(25, 100), [35, 65])
    assert.deepStrictEqual(loads(25, 25), [50, 50])
    assert.deepStrictEqual(loads(0, 100), [0, 100])
  })

  it("are those of Envoy's tables for three levels", () => {
    assert.deepStrictEqual(loads(100, 100, 100), [100, 0, 0])
    assert.deepStrictEqual(loads(72, 72, 100), [100, 0, 0])
    assert.deepStrictEqual(loads(71, 71, 100), [99, 1, 0])
    assert.deepStrictEqual(loads(50, 50, 100), [70, 30, 0])
    assert.deepStrictEqual(loads(25, 100, 100), [35, 65, 0])
    assert.deepStrictEqual(loads(25, 25, 100), [35, 35, 30])
    // Envoy reckons in whole percents, and the last level has what is left: 36, 36, 28. Here fractions stay: 35.7, 35.7, 28.6.
    assert.deepStrictEqual(loads(25, 25, 20), [36, 36, 29])
  })

  it("add up to one, and never give a level more than its health while all together are well", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 6 }), (healthy) => {
        const out = new Float64Array(healthy.length)
        const order = healthy.map((_, i) => i).reverse()
        loadsOf(
          order,
          Float64Array.from(healthy, (h) => h / 100),
          1.4,
          out
        )
        assert.closeTo(
          out.reduce((sum, load) => sum + load, 0),
          1,
          1e-9
        )
        const health = order.map((i) => Math.min(1, (1.4 * (healthy[i] ?? 0)) / 100))
        if (health.reduce((sum, one) => sum + one, 0) < 1) return
        out.forEach((load, place) => {
          assert.isAtMost(load, (health[place] ?? 0) + 1e-9)
        })
      }),
      { seed: 8, numRuns: 1000 }
    )
  })
})

describe("NearestRegion with an order", () => {
  const options = { order: ["eu", ["us", "ca"]], minSuccessRate: 0.5 } as const

  it("sends everything to the first region while two of seven targets or fewer are ill there", () => {
    const eu = inRegion("eu", 7)
    const all = [...inRegion("us", 3), ...eu, ...inRegion("ca", 2)]
    for (const one of eu.slice(0, 2)) one.set({ successRate: 0.1 })
    assert.deepStrictEqual(Object.keys(shares(pickerOf(all, options), 1000)), ["eu"])
  })

  it("spills by Envoy's formula: half of the region gone sends 30 % on, 20,000 picks, five sigma", () => {
    const eu = inRegion("eu", 4)
    for (const one of eu.slice(0, 2)) one.set({ successRate: 0.1 })
    const found = shares(pickerOf([...eu, ...inRegion("us", 2)], options), 20_000)
    assert.closeTo(found["us"] ?? 0, 0.3, 5 * Math.sqrt((0.3 * 0.7) / 20_000))
  })

  it("asks the next region in the same pick when nobody in the nearest may be picked, and comes back", () => {
    const picker = pickerOf([...inRegion("us", 2), ...inRegion("eu", 2)], options)
    const elsewhere = shares(picker, 100, 0, ({ target }) => target.region !== "eu")
    assert.deepStrictEqual(Object.keys(elsewhere), ["us"])
    assert.deepStrictEqual(Object.keys(shares(picker, 100, 0)), ["eu"])
  })

  it("looks at the health of a region no more than once in `refresh`", () => {
    let looks = 0
    const [one] = inRegion("eu", 1)
    if (one === undefined) throw new Error("none")
    const counted = new Proxy(one, {
      get: (of, key) => {
        if (key === "verdict") looks++
        const value: unknown = Reflect.get(of, key, of)
        return typeof value === "function" ? value.bind(of) : value
      }
    })
    const picker = pickerOf([counted, ...inRegion("us", 1)], { ...options, within: Failover.make() })
    for (let now = 0; now < 5000; now += 10) picker.pick(request, always, now, Seeded.rng(1))
    assert.strictEqual(looks, 5)
  })

  it("puts targets without a region, and regions that are not named, last", () => {
    const nowhere = CandidateFixture.candidate("nowhere")
    const picker = pickerOf([nowhere, ...inRegion("mars", 1), ...inRegion("us", 1)], options)
    assert.deepStrictEqual(Object.keys(shares(picker, 100)), ["us"])
    const [far, near] = [nowhere, ...inRegion("us", 1)].map((one) => picker.score?.(one, request, 0) ?? Number.NaN)
    assert.isTrue((far ?? 0) > 0.5 && near === Number.POSITIVE_INFINITY)
  })
})

describe("NearestRegion that measures", () => {
  const [eu, us] = [...inRegion("eu", 1), ...inRegion("us", 1)] as const
  if (eu === undefined || us === undefined) throw new Error("none")

  it("finds the fastest region, and explores the others with the share it was told: 20,000 picks, five sigma", () => {
    const picker = pickerOf([us, eu], { explore: 0.05 })
    for (let i = 0; i < 100; i++) {
      picker.settled?.(us, success, i, settlement(300))
      picker.settled?.(eu, success, i, settlement(100))
    }
    const found = shares(picker, 20_000, 5000)
    assert.closeTo(found["us"] ?? 0, 0.05, 5 * Math.sqrt((0.05 * 0.95) / 20_000))
  })

  it("lets another region overtake only when it is faster by the hysteresis, and keeps what it measured over a change", () => {
    const picker = pickerOf([eu, us], { explore: 0, hysteresis: 0.2 })
    const measure = (of: typeof eu, ms: number, on = picker) => {
      for (let i = 0; i < 300; i++) on.settled?.(of, success, i, settlement(ms))
    }
    measure(eu, 100)
    measure(us, 85)
    assert.deepStrictEqual(Object.keys(shares(picker, 50, 2000)), ["eu"])
    measure(us, 75)
    assert.deepStrictEqual(Object.keys(shares(picker, 50, 4000)), ["us"])
    const [third] = inRegion("jp", 1)
    const next = pickerOf(third === undefined ? [] : [eu, us, third], { explore: 0, hysteresis: 0.2 }, picker)
    measure(third ?? eu, 500, next)
    assert.deepStrictEqual(Object.keys(shares(next, 50, 6000)), ["us"])
  })

  it("keeps the order over a change of the set while the difference stays within the hysteresis", () => {
    const measure = (on: Strategy.Picker, of: typeof eu, ms: number) => {
      for (let i = 0; i < 300; i++) on.settled?.(of, success, i, settlement(ms))
    }
    const options = { explore: 0, hysteresis: 0.2 }
    const picker = pickerOf([eu, us], options)
    measure(picker, eu, 100)
    measure(picker, us, 75)
    assert.deepStrictEqual(Object.keys(shares(picker, 50, 2000)), ["us"])
    // 75 against 85 is less than a fifth: no reason to change, either way round.
    measure(picker, eu, 85)
    assert.deepStrictEqual(Object.keys(shares(picker, 50, 4000)), ["us"])
    const [third] = inRegion("jp", 1)
    if (third === undefined) throw new Error("none")
    const grown = pickerOf([eu, us, third], options, picker)
    measure(grown, third, 500)
    assert.deepStrictEqual(Object.keys(shares(grown, 50, 6000)), ["us"])
    const shrunk = pickerOf([eu, us], options, grown)
    assert.deepStrictEqual(Object.keys(shares(shrunk, 50, 8000)), ["us"])
    // Kept, not frozen: who is faster by more overtakes.
    measure(shrunk, eu, 50)
    assert.deepStrictEqual(Object.keys(shares(shrunk, 50, 10_000)), ["eu"])
  })

  it("finds the fastest of regions that are each within the hysteresis of the next", () => {
    const regions = [100, 85, 72, 61].map((ms) => ({ ms, one: inRegion(`r${ms}`, 1)[0] ?? eu }))
    const picker = pickerOf(
      regions.map(({ one }) => one),
      { explore: 0, hysteresis: 0.2 }
    )
    for (const { ms, one } of regions) picker.settled?.(one, success, 0, settlement(ms))
    const places = (now: number) => {
      picker.pick(request, always, now, Seeded.rng(1))
      return regions.map(({ one }) => Math.floor(picker.score?.(one, request, now) ?? Number.NaN))
    }
    // 72 beats 100 and 61 beats 85; of 72 and 61, and of 100 and 85, neither beats the other.
    const order = places(1000)
    assert.isBelow(order[2] ?? Number.NaN, order[0] ?? Number.NaN)
    assert.isBelow(order[3] ?? Number.NaN, order[1] ?? Number.NaN)
    assert.isBelow(order[3] ?? Number.NaN, order[0] ?? Number.NaN)
    // Nothing new is known, so nobody moves.
    assert.deepStrictEqual(places(9000), order)
  })

  it("puts a region that joins where its times belong, and targets without a region last", () => {
    const nowhere = CandidateFixture.candidate("nowhere")
    const options = { explore: 0 }
    const picker = pickerOf([nowhere, eu], options)
    for (let i = 0; i < 300; i++) picker.settled?.(eu, success, i, settlement(100))
    assert.deepStrictEqual(Object.keys(shares(picker, 50, 2000)), ["eu"])
    const grown = pickerOf([nowhere, eu, us], options, picker)
    for (let i = 0; i < 300; i++) grown.settled?.(us, success, i, settlement(50))
    assert.deepStrictEqual(Object.keys(shares(grown, 50, 4000)), ["us"])
    assert.deepStrictEqual(
      [us, eu, nowhere].map((one) => Math.floor(grown.score?.(one, request, 4000) ?? Number.NaN)),
      [0, 1, 2]
    )
  })
})

describe("NearestRegion", () => {
  it("keeps apart a region whose name looks like a list of two others", () => {
    const [odd, plain] = [inRegion("a, b", 1)[0], inRegion("a", 1)[0]]
    if (odd === undefined || plain === undefined) throw new Error("none")
    const picker = pickerOf([plain, odd], { order: ["a, b", ["a", "b"]] })
    assert.deepStrictEqual(
      [odd, plain].map((one) => Math.floor(picker.score?.(one, request, 0) ?? Number.NaN)),
      [0, 1]
    )
  })

  it("keeps the laws of strategies in 40 worlds, and refuses an order that names a region twice", () => {
    for (let seed = 1; seed <= 40; seed++) {
      StrategyLaws.check(NearestRegion.make(), { seed, targets: 1 + (seed % 6), picks: 60 })
      StrategyLaws.check(NearestRegion.make({ order: ["eu"] }), { seed, targets: 1 + (seed % 6), picks: 60 })
    }
    assert.throws(
      () => NearestRegion.make({ order: ["eu", ["us", "eu"]] }),
      /order\[1\] must be made of regions that are named once, got "eu"/
    )
    assert.throws(() => NearestRegion.make({ order: "eu" } as object), /order must be a list of regions.*got "eu"/)
    assert.throws(() => NearestRegion.make({ within: {} } as object), /NearestRegion: within must be a strategy/)
    assert.throws(() => NearestRegion.make({ order: [[]] }), /order\[0\] must be a region, or a list of at least one/)
    assert.throws(() => NearestRegion.make({ overprovisioning: 0.5 }), /overprovisioning must be a number >= 1/)
  })
})
