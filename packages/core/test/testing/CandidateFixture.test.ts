import { assert, describe, it } from "@effect/vitest"
import { reject } from "../../src/model/Gate.ts"
import { candidate } from "../../src/testing/CandidateFixture.ts"

const cost = { requests: 1, tokens: 0 }

describe("CandidateFixture", () => {
  it("is idle, healthy and never asked unless told otherwise", () => {
    const a = candidate("a")
    assert.strictEqual(a.target.id, "a")
    assert.strictEqual(a.target.weight, 1)
    assert.strictEqual(a.target.tier, 0)
    assert.strictEqual(a.inFlight, 0)
    assert.isUndefined(a.latency(0))
    assert.isUndefined(a.timeToFirstContent(0))
    assert.strictEqual(a.successRate(0), 1)
    assert.isUndefined(a.verdict(0, cost))
  })

  it("takes every number at the start", () => {
    const full = reject("BulkheadFull")
    const a = candidate("a", {
      weight: 5,
      tier: 1,
      inFlight: 3,
      latency: 800,
      timeToFirstContent: 90,
      successRate: 0.5,
      verdict: full,
      target: { region: "eu" }
    })
    assert.deepStrictEqual(
      [a.target.weight, a.target.tier, a.target.region, a.inFlight, a.latency(9), a.timeToFirstContent(9)],
      [5, 1, "eu", 3, 800, 90]
    )
    assert.strictEqual(a.successRate(9), 0.5)
    assert.strictEqual(a.verdict(9, cost), full)
  })

  it("changes what is set and leaves the rest", () => {
    const a = candidate("a", { latency: 800, inFlight: 1 })
    a.inFlight++
    a.set({ successRate: 0.25 })
    assert.deepStrictEqual([a.inFlight, a.latency(0), a.successRate(0)], [2, 800, 0.25])
    a.set({ latency: undefined, inFlight: 0 })
    assert.deepStrictEqual([a.inFlight, a.latency(0), a.successRate(0)], [0, undefined, 0.25])
  })

  it("shares nothing with another candidate", () => {
    const [a, b] = [candidate("a"), candidate("b")]
    a.inFlight = 9
    a.set({ latency: 5 })
    assert.deepStrictEqual([b.inFlight, b.latency(0)], [0, undefined])
  })
})
