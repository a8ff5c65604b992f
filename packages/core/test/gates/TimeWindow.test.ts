import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as TimeWindow from "../../src/gates/TimeWindow.ts"

/** Everything ever counted, and the rule of the window written out: a bucket is gone once its start is `ms` old. */
class Model {
  readonly ms: number
  readonly width: number
  lastSeen = Number.NEGATIVE_INFINITY
  entries: Array<{ readonly counter: number; readonly amount: number; readonly at: number }> = []

  constructor(ms: number, buckets: number) {
    this.ms = ms
    this.width = ms / buckets
  }
  see(now: number) {
    this.lastSeen = Math.max(this.lastSeen, now)
    return this.lastSeen
  }
  add(counter: number, amount: number, now: number) {
    this.entries.push({ counter, amount, at: this.see(now) })
  }
  sum(counter: number, now: number) {
    const seen = this.see(now)
    return this.entries
      .filter((entry) => entry.counter === counter)
      .filter((entry) => seen - Math.floor(entry.at / this.width) * this.width < this.ms)
      .reduce((total, entry) => total + entry.amount, 0)
  }
}

// Mostly waits that are short beside the window: the ring has to go round without being emptied.
const wait = fc
  .oneof(
    { weight: 12, arbitrary: fc.nat(400) },
    { weight: 2, arbitrary: fc.integer({ min: -300, max: 0 }) },
    { weight: 1, arbitrary: fc.integer({ min: 500, max: 20_000 }) }
  )
  .map((permille) => permille / 1000)
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      counter: fc.nat(2),
      amount: fc.integer({ min: -9, max: 9 })
    })
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("wait" as const), windows: wait }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("sum" as const), counter: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const) }) }
)

describe("TimeWindow", () => {
  it("counts what a list of everything counts, whatever the clock does", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: -2000, max: 2000 }),
        fc.array(command, { maxLength: 80, size: "max" }),
        (buckets, width, start, commands) => {
          const ms = buckets * width
          const window = TimeWindow.make({ ms, buckets, counters: 3 })
          const model = new Model(ms, buckets)
          let now = start
          for (const step of commands) {
            if (step.do === "wait") now += Math.round(step.windows * ms)
            else if (step.do === "add") {
              window.add(step.counter, step.amount, now)
              model.add(step.counter, step.amount, now)
            } else if (step.do === "sum") {
              assert.strictEqual(window.sum(step.counter, now), model.sum(step.counter, now))
            } else {
              window.clear()
              model.entries = []
            }
          }
          for (const counter of [0, 1, 2]) assert.strictEqual(window.sum(counter, now), model.sum(counter, now))
        }
      ),
      { numRuns: 2000 }
    )
  })

  it("reaches back at least ms - ms / buckets and at most ms, also where a bucket is a fraction of a millisecond", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: 0, max: 8000 }),
        (buckets, ms, at, later) => {
          const window = TimeWindow.make({ ms, buckets })
          window.add(0, 1, at)
          const seen = window.sum(0, at + later)
          if (later >= ms) assert.strictEqual(seen, 0)
          if (later < ms - ms / buckets) assert.strictEqual(seen, 1)
        }
      ),
      { numRuns: 2000 }
    )
  })

  // twitter/util, WindowedAdderTest: a window of 3 seconds in 3 slices.
  describe("the vectors of Finagle's WindowedAdder", () => {
    const adder = () => {
      const window = TimeWindow.make({ ms: 3000, buckets: 3 })
      let now = 0
      return {
        add: (amount: number) => window.add(0, amount, now),
        sum: () => window.sum(0, now),
        advance: (seconds: number) => {
          now += seconds * 1000
        }
      }
    }

    it("sums things up when time stands still", () => {
      const { add, sum } = adder()
      add(1)
      assert.strictEqual(sum(), 1)
      add(1)
      assert.strictEqual(sum(), 2)
      add(3)
      assert.strictEqual(sum(), 5)
    })

    it("maintains a sliding window", () => {
      const { add, advance, sum } = adder()
      add(1)
      advance(1)
      add(2)
      assert.strictEqual(sum(), 3)
      advance(1)
      assert.strictEqual(sum(), 3)
      advance(1)
      assert.strictEqual(sum(), 2)
      advance(1)
      assert.strictEqual(sum(), 0)
    })

    it("maintains a sliding window when slices are skipped", () => {
      const { add, advance, sum } = adder()
      add(1)
      advance(1)
      add(2)
      advance(1)
      add(1)
      assert.strictEqual(sum(), 4)
      advance(2)
      assert.strictEqual(sum(), 1)
      advance(100)
      assert.strictEqual(sum(), 0)
      add(100)
      advance(1)
      assert.strictEqual(sum(), 100)
      add(100)
      advance(1)
      add(100)
      assert.strictEqual(sum(), 300)
      advance(100)
      assert.strictEqual(sum(), 0)
    })

    it("maintains negative sums", () => {
      const { add, advance, sum } = adder()
      add(-2)
      add(4)
      assert.strictEqual(sum(), 2)
      advance(1)
      add(-2)
      add(-2)
      assert.strictEqual(sum(), -2)
      advance(1)
      add(-2)
      assert.strictEqual(sum(), -4)
      advance(1)
      assert.strictEqual(sum(), -6)
      advance(1)
      assert.strictEqual(sum(), -2)
      advance(1)
      assert.strictEqual(sum(), 0)
    })
  })

  it("counts into the newest bucket when the clock steps back", () => {
    const window = TimeWindow.make({ ms: 1000, buckets: 10 })
    window.add(0, 1, 5000)
    window.add(0, 1, 100)
    assert.strictEqual(window.sum(0, 0), 2)
    assert.strictEqual(window.sum(0, 5999), 2)
    assert.strictEqual(window.sum(0, 6000), 0)
  })

  it("names option, range and value of a mistake", () => {
    assert.throws(() => TimeWindow.make({ ms: 0, buckets: 10 }), "TimeWindow: ms must be a finite number > 0, got 0")
    assert.throws(
      () => TimeWindow.make({ ms: 10, buckets: 1.5 }),
      "TimeWindow: buckets must be an integer >= 1, got 1.5"
    )
    assert.throws(
      () => TimeWindow.make({ ms: 10, buckets: 1, counters: 0 }),
      "TimeWindow: counters must be an integer >= 1, got 0"
    )
  })
})
