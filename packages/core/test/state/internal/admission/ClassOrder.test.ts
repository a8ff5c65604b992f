import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import {
  byClass,
  byDueTime,
  byShare,
  type ClassOrder,
  type Level
} from "../../../../src/state/internal/admission/ClassOrder.ts"

const levels: ReadonlyArray<Level> = [0, 1, 2, 3]

/** Serves once; every class of `waiting` has somebody. */
const serve = (order: ClassOrder, waiting: ReadonlyArray<Level>, oldest: (level: Level) => number = () => 0): Level => {
  const scores = waiting.map((level) => order.score(level, oldest(level), 0))
  const lowest = Math.min(...scores)
  const level = waiting[scores.indexOf(lowest)] ?? 0
  order.served?.(level, lowest)
  return level
}

describe("ClassOrder", () => {
  // R. and A. Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", figure 9.3: tickets 100, 50 and 250.
  it("gives the trace of stride scheduling that is printed", () => {
    const order = byShare([100, 50, 250, 1])
    const waiting: ReadonlyArray<Level> = [0, 1, 2]
    for (const level of waiting) order.began?.(level)
    const trace = Array.from({ length: 8 }, () => "ABC"[serve(order, waiting)]).join(" ")
    assert.strictEqual(trace, "A B C C C A C C")
  })

  // By hand: strides 1/8, 1/4, 1/2, 1; on a tie the more urgent class.
  it("gives 8, 4, 2 and 1 of fifteen, evenly spread", () => {
    const order = byShare([8, 4, 2, 1])
    for (const level of levels) order.began?.(level)
    const trace = Array.from({ length: 30 }, () => serve(order, levels)).join("")
    assert.strictEqual(trace, "012300100120010".repeat(2))
  })

  it("keeps shares within one service of the weights, for any weights and at any time", () => {
    const weight = fc.integer({ min: 1, max: 20 })
    fc.assert(
      fc.property(fc.tuple(weight, weight, weight, weight), fc.integer({ min: 1, max: 200 }), (weights, n) => {
        const order = byShare(weights)
        for (const level of levels) order.began?.(level)
        const counts = [0, 0, 0, 0]
        for (let i = 0; i < n; i++) {
          const level = serve(order, levels)
          counts[level] = (counts[level] ?? 0) + 1
          // Waldspurger and Weihl: the relative error of any two is at most one service.
          const least = Math.min(...levels.map((other) => (counts[other] ?? 0) / weights[other]))
          const ahead = Math.max(...levels.map((other) => (counts[other] ?? 0) - least * weights[other]))
          if (ahead > 1 + 1e-9) assert.fail(`${counts} after ${i + 1} services by ${weights}`)
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("neither pays out nor charges a class for the time in which it had nobody waiting", () => {
    const order = byShare([1, 1, 1, 1])
    order.began?.(0)
    for (let i = 0; i < 100; i++) serve(order, [0])
    order.began?.(3)
    // P3 is not owed a hundred turns.
    const trace = Array.from({ length: 6 }, () => serve(order, [0, 3])).join("")
    assert.strictEqual(trace, "303030")
    // Coming back at once does not let P3 skip what it has used: it is as far as it was.
    order.began?.(3)
    assert.strictEqual(serve(order, [0, 3]), 3)
    order.began?.(3)
    assert.strictEqual(serve(order, [0, 3]), 0)
  })

  it("looks ahead by as much as serving will move it", () => {
    const order = byShare([3, 7, 11, 13])
    order.began?.(1)
    for (let ahead = 0; ahead < 50; ahead++) {
      const foreseen = order.score(1, 0, 50 - ahead)
      for (let i = 0; i < 50 - ahead; i++) order.served?.(1, order.score(1, 0, 0))
      assert.strictEqual(order.score(1, 0, 0), foreseen)
    }
  })

  it("puts class before time, or due time before class", () => {
    assert.strictEqual(
      serve(byClass(), [1, 3], (level) => (level === 3 ? -1e9 : 0)),
      1
    )
    const due = byDueTime([0, 5, 30, 120])
    const arrived = (at: Record<Level, number>) => (level: Level) => at[level]
    assert.strictEqual(serve(due, levels, arrived({ 0: 121, 1: 116, 2: 91, 3: 0 })), 3)
    assert.strictEqual(serve(due, levels, arrived({ 0: 120, 1: 115, 2: 90, 3: 0 })), 0)
    assert.strictEqual(serve(due, levels, arrived({ 0: 200, 1: 115, 2: 90, 3: 0 })), 1)
  })
})
