/** What gates say is left of what they limit: strategies that use limits up together read it. */
import { assert, describe, it } from "@effect/vitest"
import {
  AdaptiveBulkhead,
  Bulkhead,
  Chain,
  Cooldown,
  type Cost,
  type Gate,
  MultiLimit,
  Outcome,
  RateLimit,
  SlidingWindow
} from "@spillway/core"
import fc from "fast-check"

const cost: Cost.Cost = { requests: 1, tokens: 100, outputTokens: 40 }
const rng = () => 0.5
const admit = (gate: Gate.Gate, now: number) => {
  const permit = gate.admit(now, cost, rng)
  return "_tag" in permit ? undefined : permit
}
const left = (gate: Gate.Gate, now: number) => gate.headroom?.(now) ?? Number.NaN

describe("Gate.headroom", () => {
  it("is what is left of a bulkhead, and comes back with the permit", () => {
    for (const gate of [Bulkhead.make({ maxInFlight: 4 }), AdaptiveBulkhead.make({ initial: 4, min: 1, max: 10 })]) {
      assert.strictEqual(left(gate, 0), 1)
      const permit = admit(gate, 0)
      assert.strictEqual(left(gate, 0), 0.75)
      if (permit !== undefined) (gate as Gate.Gate).settle(permit, Outcome.success, 1)
      assert.strictEqual(left(gate, 1), 1)
    }
  })

  it("is what is left of a burst, and fills up at the rate of the limit", () => {
    const gate = RateLimit.make({ requestsPerMinute: 60, burst: 10 })
    for (let i = 0; i < 5; i++) admit(gate, 0)
    assert.closeTo(left(gate, 0), 0.5, 1e-9)
    assert.closeTo(left(gate, 2000), 0.7, 1e-9)
    assert.closeTo(left(gate, 60_000), 1, 1e-9)
  })

  it("is what is left of a window", () => {
    const gate = SlidingWindow.make({ limit: 4, window: "10 seconds" })
    admit(gate, 0)
    assert.closeTo(left(gate, 0), 0.75, 1e-9)
    assert.closeTo(left(gate, 20_001), 1, 1e-9)
  })

  it("is that of the scarcest of several limits, reported ones among them", () => {
    const gate = MultiLimit.make({ requestsPerMinute: 100, tokensPerMinute: 1000, maxInFlight: 50 })
    assert.closeTo(left(gate, 0), 1, 1e-9)
    const permit = admit(gate, 0)
    assert.isBelow(left(gate, 0), 0.91) // 100 of 1,000 tokens; how much of a burst that is depends on the algorithm
    if (permit !== undefined) {
      ;(gate as Gate.Gate).settle(permit, Outcome.success, 10, {
        ms: 10,
        firstContentMs: undefined,
        inputTokens: 60,
        outputTokens: 40,
        limits: [{ resource: "requests", limit: 100, remaining: 5, resetMs: 30_000 }]
      })
    }
    assert.closeTo(left(gate, 10), 0.05, 1e-9)
    assert.isAbove(left(gate, 60_000), 0.9)
  })

  it("of a chain is the least of its gates, and unknown when none of them counts", () => {
    const bulkhead = Bulkhead.make({ maxInFlight: 2 })
    const chain = Chain.make([Cooldown.make(), bulkhead, RateLimit.make({ requestsPerMinute: 60, burst: 10 })])
    chain.admit(0, cost, rng)
    assert.strictEqual(chain.headroom(0), 0.5)
    assert.isUndefined(Chain.make([Cooldown.make()]).headroom(0))
  })

  it("stays in [0, 1] and is changed by no question, whatever is admitted and settled", () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 30_000 }), settle: fc.boolean(), used: fc.nat(400) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const gates = [
          Bulkhead.make({ maxInFlight: 3 }),
          RateLimit.make({ requestsPerMinute: 30, burst: 3 }),
          SlidingWindow.make({ limit: 5, window: "30 seconds" }),
          MultiLimit.make({ requestsPerMinute: 20, tokensPerMinute: 900, learn: true })
        ]
        let now = 0
        const out = gates.map((): Array<object> => [])
        for (const { settle, used, wait } of steps) {
          now += wait
          gates.forEach((gate, i) => {
            const permit = admit(gate, now)
            if (permit !== undefined) out[i]?.push(permit)
            const first = settle ? out[i]?.shift() : undefined
            const measured = {
              ms: 1,
              firstContentMs: undefined,
              inputTokens: used,
              outputTokens: used,
              limits: undefined
            }
            if (first !== undefined) (gate as Gate.Gate).settle(first, Outcome.success, now, measured)
            const one = left(gate, now)
            assert.isTrue(one >= 0 && one <= 1, `${gate.name} says ${one}`)
            assert.strictEqual(left(gate, now), one)
          })
        }
      }),
      { seed: 3, numRuns: 300 }
    )
  })
})
