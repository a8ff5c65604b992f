import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Ewma from "../../src/state/Ewma.ts"

const samples = fc.array(
  fc.record({
    wait: fc.oneof(fc.nat(500), fc.nat(30_000)),
    ms: fc.nat(600_000).map((tenths) => tenths / 10),
    read: fc.boolean()
  }),
  { minLength: 1, maxLength: 40, size: "max" }
)

describe("Ewma", () => {
  it("knows nothing before the first sample", () => {
    assert.isUndefined(Ewma.make().value(1e9))
  })

  // Finagle's PeakEwma, decay time 10 s: a cost of .1 s is .036788 s after 10 s without a sample.
  it("decays to 1/e after its time constant", () => {
    const average = Ewma.make()
    average.observe(100, 0)
    assert.strictEqual(average.value(0), 100)
    assert.approximately(average.value(10_000) ?? 0, 36.788, 5e-4)
    assert.approximately(average.value(20_000) ?? 0, 13.534, 5e-4)
  })

  // tower-rs/tower, load/peak_ewma.rs, tests: decay 1 s, seconds and milliseconds as there; loads divided by pending + 1.
  it("gives the vectors of tower's compound_decay", () => {
    const average = Ewma.make({ tau: "1 second" })
    average.observe(20, 0)
    assert.strictEqual(average.value(0), 20)
    average.observe(200, 300)
    assert.strictEqual(average.value(300), 200)
    average.observe(200, 400)
    assert.strictEqual(average.value(400), 200)
    assert.isBelow(average.value(1400) ?? Number.NaN, 100)
    assert.isBelow(average.value(11_400) ?? Number.NaN, 0.1)
  })

  it("is replaced by a sample above it and pulled down by one below it, the more the longer ago the last one was", () => {
    const average = Ewma.make()
    average.observe(100, 0)
    average.observe(900, 1)
    assert.strictEqual(average.value(1), 900)
    average.observe(100, 1001)
    assert.approximately(average.value(1001) ?? 0, 900 * Math.exp(-0.1) + 100 * (1 - Math.exp(-0.1)), 1e-9)
    average.observe(100, 61_001)
    assert.approximately(average.value(61_001) ?? 0, 100, 3)
  })

  it("is what Finagle computes when it is read right before each sample, and reading changes nothing", () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 60_000 }), (samples, tau) => {
        const average = Ewma.make({ tau })
        const unread = Ewma.make({ tau })
        let cost = 0
        let stamp = 0
        let now = 0
        // One rule, applied twice: with 0 as the read, then with the sample.
        const finagle = (rtt: number) => {
          const w = Math.exp(-(now - stamp) / tau)
          cost = rtt > cost ? rtt : cost * w + rtt * (1 - w)
          stamp = now
        }
        let last = 0
        for (const { ms, read, wait } of samples) {
          const before = now
          now += wait
          finagle(0)
          const read0 = cost
          // The sample takes its weight from the time since the last one, not since the read.
          const w = Math.exp(-(now - last) / tau)
          cost = ms > read0 ? ms : read0 + ms * (1 - w)
          last = now
          if (read) average.value((before + now) / 2)
          average.observe(ms, now)
          unread.observe(ms, now)
          assert.approximately(average.value(now) ?? Number.NaN, cost, 1e-6)
          assert.strictEqual(average.value(now), unread.value(now))
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("is never below the last sample when it comes in, never above the highest, and only falls while nothing is heard", () => {
    fc.assert(
      fc.property(samples, (samples) => {
        const average = Ewma.make()
        let now = 0
        let highest = 0
        for (const { ms, wait } of samples) {
          now += wait
          highest = Math.max(highest, ms)
          average.observe(ms, now)
          const value = average.value(now) ?? Number.NaN
          assert.isAtLeast(value, ms * (1 - 1e-12))
          assert.isAtMost(value, highest * (1 + 1e-12))
          assert.isAtMost(average.value(now + 500) ?? Number.NaN, value)
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("decays nothing when the clock steps back", () => {
    const average = Ewma.make()
    average.observe(100, 5000)
    assert.strictEqual(average.value(1000), 100)
    average.observe(50, 1000)
    assert.strictEqual(average.value(1000), 100)
    assert.strictEqual(average.value(5000), 100)
  })

  it("keeps the peak when its time constant has no end", () => {
    const average = Ewma.make({ tau: "Infinity" })
    average.observe(100, 0)
    average.observe(10, 1e9)
    assert.strictEqual(average.value(1e12), 100)
  })

  it("names option, range and value of a mistake", () => {
    assert.throws(
      () => Ewma.make({ tau: 0 }),
      `Ewma: tau must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got 0`
    )
  })
})
