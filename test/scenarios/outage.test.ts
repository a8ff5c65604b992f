/** A tier that is down for minutes, in virtual time: how many attempts that costs, and how it comes back. */
import { assert, describe, it } from "@effect/vitest"
import { Defaults, type RouteError, Router } from "@spillway/core"
import { PowerOfTwo } from "@spillway/strategies"
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"

const perSecond = 20

const world = Effect.gen(function* () {
  const state = { down: false, upstream: { main: 0, spare: 0 }, answered: { main: 0, spare: 0 }, failed: 0, offered: 0 }
  const router = yield* Router.make({
    targets: [
      { id: "main-1", client: "main" },
      { id: "main-2", client: "main" },
      { id: "spare", client: "spare" }
    ],
    tiers: [["main-1", "main-2"], ["spare"]]
  })
  const call = ({ client }: Router.Attempt<string, "main" | "spare">) =>
    Effect.gen(function* () {
      state.upstream[client]++
      const luck = yield* Random.next
      if (client === "main" && state.down) {
        yield* Effect.sleep(50)
        return yield* Effect.fail(new Error("down"))
      }
      yield* Effect.sleep(500 + 1000 * luck)
      state.answered[client]++
      return "answer"
    })
  const traffic = Effect.fnUntraced(function* (seconds: number) {
    for (let i = 0; i < seconds * perSecond; i++) {
      state.offered++
      const one = Effect.catch(router.route({}, call), (_error: Error | RouteError.RouteError) =>
        Effect.sync(() => state.failed++)
      )
      yield* Effect.forkChild(one, { startImmediately: true })
      yield* TestClock.adjust(1000 / perSecond)
    }
  })
  const reset = () =>
    Object.assign(state, { upstream: { main: 0, spare: 0 }, answered: { main: 0, spare: 0 }, failed: 0, offered: 0 })
  return { router, state, traffic, reset }
})

describe("a tier that is down", () => {
  it.effect("costs at most a fifth more attempts than calls, loses no call, and is not flooded when it is back", () =>
    Effect.gen(function* () {
      const { reset, state, traffic } = yield* world
      yield* traffic(30)
      assert.strictEqual(state.upstream.spare, 0)
      reset()
      state.down = true
      yield* traffic(300)
      yield* TestClock.adjust("5 seconds")
      assert.isAtMost((state.upstream.main + state.upstream.spare) / state.offered, 1.2)
      assert.strictEqual(state.failed, 0)
      assert.strictEqual(state.answered.spare, state.offered)
      state.down = false
      reset()
      yield* traffic(10)
      // Step by step: a tier that was away for minutes is not given everything at once.
      assert.isAbove(state.answered.spare, state.offered / 2)
      yield* traffic(170)
      reset()
      yield* traffic(30)
      assert.isAtLeast(state.upstream.main / state.offered, 0.99)
      assert.strictEqual(state.failed, 0)
    }).pipe(Effect.scoped, Effect.provide([PowerOfTwo.layer(), Defaults.layer]), Random.withSeed("outage"))
  )

  it.effect("costs at most a fifth more attempts than calls also where there is nothing else", () =>
    Effect.gen(function* () {
      const router = yield* Router.make({
        targets: [
          { id: "a", client: 0 },
          { id: "b", client: 0 }
        ]
      })
      let upstream = 0
      let failed = 0
      const offered = 300 * perSecond
      const call = () =>
        Effect.gen(function* () {
          upstream++
          yield* Effect.sleep(50)
          return yield* Effect.fail(new Error("down"))
        })
      for (let i = 0; i < offered; i++) {
        const one = Effect.catch(router.route({}, call), () => Effect.sync(() => failed++))
        yield* Effect.forkChild(one, { startImmediately: true })
        yield* TestClock.adjust(1000 / perSecond)
      }
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(failed, offered)
      assert.isAtMost(upstream / offered, 1.2)
    }).pipe(Effect.scoped, Effect.provide([PowerOfTwo.layer(), Defaults.layer]), Random.withSeed("all down"))
  )
})
