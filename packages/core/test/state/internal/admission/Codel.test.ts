import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Codel } from "../../../../src/state/internal/admission/Codel.ts"

/** Somebody is served at `now` while the oldest has waited for `delay`. */
const served = (codel: Codel, now: number, delay: number) => {
  codel.judge(now, delay)
  codel.observe(delay)
  return codel.overloaded
}

describe("Codel", () => {
  // The delays and times of facebook/folly, folly/executors/test/CodelTest.cpp, test Basic (target 5 ms, interval 100 ms).
  // There the first interval has no length and the first delay of each interval is never dropped; the state is the same.
  it("is overloaded after folly's delays, and recovers by one that is short", () => {
    const codel = new Codel(5, 100)
    codel.began(0)
    assert.isFalse(codel.overloaded)
    assert.isTrue(served(codel, 110, 100)) // folly: "This interval is overloaded"
    assert.isTrue(served(codel, 200, 50))
    assert.isTrue(served(codel, 200, 50)) // folly: true, dropped
    assert.isTrue(served(codel, 310, 2)) // folly: "Previous interval is overloaded, but 2ms isn't enough to fail"
    assert.isTrue(served(codel, 400, 20)) // folly: true, 20 ms > twice the target
    assert.isFalse(served(codel, 411, 20), "the shortest delay of the interval before was 2 ms")
  })

  it("is not overloaded by a burst, a delay of exactly the target, or before an interval has passed", () => {
    const codel = new Codel(100, 1000)
    codel.began(0)
    assert.isFalse(served(codel, 500, 50))
    assert.isFalse(served(codel, 999, 900))
    assert.isFalse(served(codel, 1000, 100), "50 ms was the shortest")
    assert.isFalse(served(codel, 1999, 500))
    assert.isFalse(served(codel, 2000, 101), "100 ms was")
    assert.isFalse(served(codel, 2999, 500))
    assert.isTrue(served(codel, 3000, 0), "the delay of now belongs to the next interval")
  })

  it("judges an interval in which nobody was served by who waits at its end", () => {
    const codel = new Codel(100, 1000)
    codel.began(0)
    codel.judge(5000, 5000)
    assert.isTrue(codel.overloaded)
    codel.judge(6000, 100)
    assert.isFalse(codel.overloaded)
  })

  it("forgets everything when the queue is empty", () => {
    const codel = new Codel(100, 1000)
    codel.began(0)
    assert.isTrue(served(codel, 1000, 1000))
    codel.emptied()
    assert.isFalse(codel.overloaded)
    codel.judge(10_000, 0)
    codel.began(10_000)
    assert.isFalse(served(codel, 10_900, 900))
    assert.strictEqual(codel.endsAt, 11_000)
  })

  it("says what a log of all delays says", () => {
    const event = fc.record({ wait: fc.nat(80), delay: fc.nat(60), is: fc.constantFrom("served", "served", "looked") })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60, size: "max" }), (events) => {
        const codel = new Codel(20, 100)
        codel.began(0)
        let now = 0
        let begins = 0
        let verdict = false
        const log: Array<{ readonly at: number; readonly delay: number }> = []
        let judged = 0
        for (const { delay, is, wait } of events) {
          now += wait
          if (now >= begins + 100) {
            const delays = log.slice(judged).map((entry) => entry.delay)
            verdict = (delays.length === 0 ? [delay] : delays).every((each) => each > 20)
            judged = log.length
            begins = now
          }
          if (is === "served") {
            log.push({ at: now, delay })
            served(codel, now, delay)
          } else codel.judge(now, delay)
          assert.strictEqual(codel.overloaded, verdict)
          assert.strictEqual(codel.endsAt, begins + 100)
        }
      }),
      { numRuns: 1000 }
    )
  })
})
