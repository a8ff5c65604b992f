/** Twice the load that the targets can carry, in virtual time: who is served, who is turned away, and who first. */
import { assert, describe, it } from "@effect/vitest"
import { type Cost, Defaults, Router } from "@spillway/core"
import { PowerOfTwo } from "@spillway/strategies"
import { Effect, Exit, Random } from "effect"
import { TestClock } from "effect/testing"

const classes: ReadonlyArray<{ readonly priority: Cost.Priority; readonly share: number }> = [
  { priority: "P0", share: 0.2 },
  { priority: "P1", share: 0.3 },
  { priority: "P2", share: 0.25 },
  { priority: "P3", share: 0.25 }
]

const draw = (luck: number): Cost.Priority => {
  let sum = 0
  for (const { priority, share } of classes) {
    sum += share
    if (luck < sum) return priority
  }
  return "P3"
}

// Two targets, ten calls at once each, a second per call: 20 calls a second.
const capacity = 20
const deadlineMs = 5000

const run = (options: { readonly load: number; readonly seconds: number }) =>
  Effect.gen(function* () {
    const router = yield* Router.make({
      targets: [
        { id: "a", client: 0, limits: { maxInFlight: 10 } },
        { id: "b", client: 0, limits: { maxInFlight: 10 } }
      ]
    })
    const tally: Record<Cost.Priority, { offered: number; inTime: number }> = {
      P0: { offered: 0, inTime: 0 },
      P1: { offered: 0, inTime: 0 },
      P2: { offered: 0, inTime: 0 },
      P3: { offered: 0, inTime: 0 }
    }
    const call = Effect.gen(function* () {
      const luck = yield* Random.next
      // Half a second to one and a half, one on average.
      yield* Effect.sleep(500 + 1000 * luck)
      return "answer"
    })
    const arrivals = options.load * capacity * options.seconds
    for (let i = 0; i < arrivals; i++) {
      const priority = draw(yield* Random.next)
      tally[priority].offered++
      const one = Effect.exit(router.route({ priority, deadline: deadlineMs }, () => call)).pipe(
        Effect.tap((exit) =>
          Effect.sync(() => {
            if (Exit.isSuccess(exit)) tally[priority].inTime++
          })
        )
      )
      yield* Effect.forkChild(one, { startImmediately: true })
      yield* TestClock.adjust(1000 / (options.load * capacity))
    }
    yield* TestClock.adjust("1 minute")
    const { targets } = yield* router.status
    assert.deepStrictEqual(
      targets.map((target) => target.inFlight),
      [0, 0]
    )
    const served = (priority: Cost.Priority) => tally[priority].inTime / tally[priority].offered
    const all = classes.reduce((sum, { priority }) => sum + tally[priority].inTime, 0)
    return { served, all, arrivals }
  })

describe("offered load at twice the capacity", () => {
  for (const maxQueued of [20, 1000]) {
    it.effect(`serves P0 in time and turns P3 away first (a queue of ${maxQueued})`, () =>
      Effect.gen(function* () {
        const { all, arrivals, served } = yield* run({ load: 2, seconds: 120 })
        assert.isAtLeast(served("P0"), 0.99)
        assert.isAtLeast(served("P1"), 0.95)
        assert.isBelow(served("P3"), 0.05)
        assert.isBelow(served("P3"), served("P2"))
        // Nothing is wasted: what the targets can carry is carried.
        assert.isAtLeast(all / (arrivals / 2), 0.95)
      }).pipe(
        Effect.scoped,
        Effect.provide([PowerOfTwo.layer(), Defaults.make({ admission: { maxQueued, maxWait: "5 seconds" } })]),
        Random.withSeed("overload")
      )
    )
  }

  it.effect("turns nobody away while the load is four fifths of the capacity", () =>
    Effect.gen(function* () {
      const { served } = yield* run({ load: 0.8, seconds: 60 })
      for (const { priority } of classes) assert.strictEqual(served(priority), 1, priority)
    }).pipe(
      Effect.scoped,
      Effect.provide([PowerOfTwo.layer(), Defaults.make({ admission: { maxWait: "5 seconds" } })]),
      Random.withSeed("calm")
    )
  )
})
