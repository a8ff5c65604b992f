import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { Rng } from "../../src/model/Gate.ts"
import * as SuccessRate from "../../src/state/SuccessRate.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

interface Node {
  readonly rate: SuccessRate.SuccessRate
  readonly fails: boolean
  inFlight: number
  picks: number
}

type Load = (node: Node, now: number) => number

/**
 * The black hole: 20 calls a second for ten minutes over three targets. Two answer after a lognormal time with a median of
 * 1 s, one fails after 5 ms. The share of the calls that the failing one is sent.
 */
const shareOfTheFailing = (load: Load, choices: 2 | 3, rng: Rng): number => {
  const nodes: ReadonlyArray<Node> = [false, false, true].map((fails) => ({
    rate: SuccessRate.make(),
    fails,
    inFlight: 0,
    picks: 0
  }))
  const gauss = () => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng())
  let running: Array<{ readonly at: number; readonly node: Node }> = []
  let calls = 0
  for (let now = 0; now < 600_000; now += 50 * -Math.log(1 - rng())) {
    for (const { at, node } of running.filter((call) => call.at <= now).sort((a, b) => a.at - b.at)) {
      node.inFlight--
      node.rate.observe(!node.fails, at)
    }
    running = running.filter((call) => call.at > now)
    const drawn = Seeded.shuffle(rng, nodes).slice(0, choices)
    const node = drawn.reduce((best, other) => (load(other, now) < load(best, now) ? other : best))
    node.inFlight++
    node.picks++
    calls++
    running.push({ at: now + (node.fails ? 5 : 1000 * Math.exp(0.5 * gauss())), node })
  }
  return (nodes[2]?.picks ?? Number.NaN) / calls
}

describe("SuccessRate", () => {
  it("is 1 before the first attempt and goes a fifth of the way with each", () => {
    const rate = SuccessRate.make()
    assert.strictEqual(rate.value(0), 1)
    rate.observe(false, 0)
    assert.approximately(rate.value(0), 0.8, 1e-12)
    rate.observe(false, 0)
    assert.approximately(rate.value(0), 0.64, 1e-12)
    rate.observe(true, 0)
    assert.approximately(rate.value(0), 0.712, 1e-12)
  })

  it("comes back to 1 while nothing is heard", () => {
    const rate = SuccessRate.make()
    for (let n = 0; n < 100; n++) rate.observe(false, 0)
    assert.approximately(rate.value(30_000), 1 - Math.exp(-1), 1e-6)
    assert.isAbove(rate.value(300_000), 0.9999)
    assert.isAtMost(rate.value(1e15), 1)
  })

  it("is a weighted mean of what was heard and of a 1 that time adds", () => {
    const steps = fc.array(fc.record({ wait: fc.nat(20_000), succeeded: fc.boolean() }), { maxLength: 60, size: "max" })
    fc.assert(
      fc.property(steps, fc.constantFrom(0.1, 0.2, 1), fc.constantFrom(1000, 30_000), (steps, weight, tau) => {
        const rate = SuccessRate.make({ weight, tau })
        let now = 0
        // The distance to 1 is what each failure left, after all that came and passed since.
        const ends: Array<{ readonly at: number; readonly succeeded: boolean }> = []
        for (const { succeeded, wait } of steps) {
          now += wait
          rate.observe(succeeded, now)
          ends.push({ at: now, succeeded })
          const missing = ends.reduce((sum, end, i) => {
            const since = ends.length - 1 - i
            return end.succeeded ? sum : sum + weight * (1 - weight) ** since * Math.exp((end.at - now) / tau)
          }, 0)
          assert.approximately(rate.value(now), 1 - missing, 1e-9)
          assert.isAtLeast(rate.value(now), 0)
          assert.isAtMost(rate.value(now), 1)
          assert.isAtLeast(rate.value(now + 1000), rate.value(now))
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("does not drift when the clock steps back", () => {
    const rate = SuccessRate.make()
    rate.observe(false, 5000)
    assert.approximately(rate.value(0), 0.8, 1e-12)
    rate.observe(false, 0)
    assert.approximately(rate.value(5000), 0.64, 1e-12)
  })

  const busy: Load = (node) => node.inFlight + 1
  const busyAndFailing: Load = (node, now) => (node.inFlight + 1) / Math.max(0.01, node.rate.value(now)) ** 2

  it("leaves a target that fails at once less than 5 % of the traffic; least connections alone sends it nearly all", () => {
    const rng = Seeded.rng(20)
    assert.isAbove(shareOfTheFailing(busy, 3, rng), 0.8)
    assert.isBelow(shareOfTheFailing(busyAndFailing, 3, rng), 0.05)
  })

  it("leaves it less than 5 % with two random choices, too", () => {
    const rng = Seeded.rng(21)
    assert.isAbove(shareOfTheFailing(busy, 2, rng), 0.6)
    assert.isBelow(shareOfTheFailing(busyAndFailing, 2, rng), 0.05)
  })

  it("names option, range and value of a mistake", () => {
    assert.throws(() => SuccessRate.make({ weight: 0 }), "SuccessRate: weight must be a share in (0, 1], got 0")
    assert.throws(() => SuccessRate.make({ weight: 1.5 }), "SuccessRate: weight must be a share in (0, 1], got 1.5")
    assert.throws(
      () => SuccessRate.make({ tau: 0 }),
      `SuccessRate: tau must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got 0`
    )
  })
})
