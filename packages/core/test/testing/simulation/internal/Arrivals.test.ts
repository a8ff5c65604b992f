import { assert, describe, it } from "@effect/vitest"
import { rng } from "../../../../src/testing/Seeded.ts"
import * as Arrivals from "../../../../src/testing/simulation/internal/Arrivals.ts"
import { millis } from "../../../../src/testing/simulation/internal/options.ts"

const monday = Date.parse("2024-01-01")
const hour = 3_600_000

/** All arrivals before `until`. */
const timesOf = (arrivals: Arrivals.Open, until: number, seed = 7): ReadonlyArray<number> => {
  const next = Arrivals.make(arrivals, (input) => millis("test", input, "zero"), monday, rng(seed))
  const times: Array<number> = []
  for (let at = next(0); at !== undefined && at < until; at = next(at)) times.push(at)
  return times
}

const between = (times: ReadonlyArray<number>, from: number, to: number) =>
  times.filter((at) => at >= from && at < to).length

/** A Poisson count within five sigma of what is expected. */
const expected = (count: number, mean: number) =>
  assert.isBelow(Math.abs(count - mean), 5 * Math.sqrt(mean) + 1, `${count} instead of ${mean}`)

describe("Arrivals", () => {
  it("are ascending and as many as a Poisson process of the rate has, its gaps exponential (n = 20,000, five sigma)", () => {
    const times = timesOf({ kind: "poisson", perSecond: 20 }, 1_000_000)
    expected(times.length, 20_000)
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    assert.isTrue(gaps.every((gap) => gap >= 0))
    const longer = gaps.filter((gap) => gap > 50).length
    const p = Math.exp(-1)
    assert.isBelow(Math.abs(longer - gaps.length * p), 5 * Math.sqrt(gaps.length * p * (1 - p)))
  })

  it("come evenly at a constant rate", () => {
    assert.deepStrictEqual(timesOf({ kind: "constant", perSecond: 4 }, 1000), [0, 250, 500, 750])
  })

  it("have their own rate in bursts and between them (n = 6,000 and 3,000, five sigma)", () => {
    const arrivals = {
      kind: "bursts",
      perSecond: 5,
      burstPerSecond: 50,
      every: 60_000,
      lasting: 10_000,
      from: 30_000
    } as const
    const times = timesOf(arrivals, 30_000 + 12 * 60_000)
    let inBursts = 0
    for (let n = 0; n < 12; n++) inBursts += between(times, 30_000 + n * 60_000, 40_000 + n * 60_000)
    expected(inBursts, 12 * 10 * 50)
    expected(times.length - inBursts, 30 * 5 + 12 * 50 * 5)
  })

  it("follow a rate per interval, from the beginning again after the last (five sigma)", () => {
    const times = timesOf({ kind: "rates", every: 100_000, perSecond: [10, 0, 30] }, 600_000)
    for (const [i, mean] of [1000, 0, 3000, 1000, 0, 3000].entries()) {
      expected(between(times, i * 100_000, (i + 1) * 100_000), mean)
    }
  })

  it("have the mean, the peak and the weekend that a diurnal load names (five sigma)", () => {
    const load = { kind: "diurnal", perSecond: 0.2, peakToMean: 3, peakHour: 14, weekendFactor: 0.25 } as const
    const times = timesOf(load, 7 * 24 * hour)
    expected(between(times, 0, 5 * 24 * hour), 86_400)
    expected(between(times, 5 * 24 * hour, 7 * 24 * hour), 0.4 * 86_400 * 0.25)
    // Half an hour around the peak: the curve falls by less than 2 % there.
    let peak = 0
    for (let n = 0; n < 5; n++) peak += between(times, (n * 24 + 13.75) * hour, (n * 24 + 14.25) * hour)
    const mean = 1800 * 3
    assert.isBelow(Math.abs(peak - mean), 5 * Math.sqrt(mean) + 0.02 * mean)
  })

  it("are a trace as it was recorded", () => {
    assert.deepStrictEqual(timesOf({ kind: "times", at: [0, 5, 5, 900] }, 800), [0, 5, 5])
  })

  it("do not begin at a rate of 0", () => {
    assert.deepStrictEqual(timesOf({ kind: "poisson", perSecond: 0 }, 1e9), [])
    assert.deepStrictEqual(timesOf({ kind: "diurnal", perSecond: 0, peakToMean: 2, peakHour: 0 }, 1e9), [])
  })
})
