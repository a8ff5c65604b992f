/** Around a router: what the call holds stays with the call. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Handoff from "../../src/policies/Handoff.ts"
import type * as Router from "../../src/router/Router.ts"
import { overloaded, router } from "../router/fixture.ts"

const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Attempts in flight at the first target. */
const inFlight = <Id extends string>({ status }: Pick<Router.Router<Id, string>, "status">) =>
  Effect.map(status, ({ targets }) => targets[0]?.inFlight)

describe("Handoff of a routed call", () => {
  it.effect("answers what is fast, and keeps the permit of what is not until its end", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const routed = yield* router(["a"])
      let attempts = 0
      const call = (ms: number) =>
        handoff.run(
          routed.route({}, ({ target }) => {
            attempts++
            return Effect.as(Effect.sleep(ms), `${ms} by ${target.id}`)
          })
        )
      const fast = yield* begin(call(500))
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(yield* Fiber.join(fast), { _tag: "Done", value: "500 by a" })
      const slow = yield* begin(call(2000))
      yield* TestClock.adjust(600)
      const handed = yield* Fiber.join(slow)
      if (handed._tag !== "Accepted") assert.fail("was answered")
      assert.strictEqual(yield* inFlight(routed), 1)
      yield* TestClock.adjust(1400)
      const end = yield* handoff.await(handed.taskId)
      assert.strictEqual(end._tag === "Succeeded" && end.value, "2000 by a")
      assert.deepStrictEqual([yield* inFlight(routed), attempts], [0, 2])
    })
  )

  it.effect("lets a failover go on behind the hand-off, and gives back on cancel", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const routed = yield* router(["a", "b"])
      const asked: Array<string> = []
      const call = handoff.run(
        routed.route({}, ({ target }) => {
          asked.push(target.id)
          return target.id === "a"
            ? Effect.andThen(Effect.sleep(700), Effect.fail(overloaded))
            : Effect.as(Effect.sleep(100), "ok")
        })
      )
      const first = yield* begin(call)
      yield* TestClock.adjust(800)
      const handed = yield* Fiber.join(first)
      if (handed._tag !== "Accepted") assert.fail("was answered")
      const end = yield* handoff.await(handed.taskId)
      assert.strictEqual(end._tag === "Succeeded" && end.value, "ok")
      assert.deepStrictEqual(asked, ["a", "b"])
      const second = yield* begin(handoff.run(routed.route({}, () => Effect.never)))
      yield* TestClock.adjust(500)
      const hanging = yield* Fiber.join(second)
      if (hanging._tag !== "Accepted") assert.fail("was answered")
      assert.strictEqual(yield* inFlight(routed), 1)
      assert.isTrue(yield* handoff.cancel(hanging.taskId))
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )

  it.effect("keeps the permit of a stream with its reader, or with its task", () =>
    Effect.gen(function* () {
      const handoff = yield* Handoff.make()
      const routed = yield* router(["a"])
      const parts = (first: number) =>
        routed.stream({}, () =>
          Stream.concat(
            Stream.fromEffect(Effect.as(Effect.sleep(first), "a")),
            Stream.fromEffect(Effect.as(Effect.sleep(1000), "b"))
          )
        )
      const read = (first: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            const handed = yield* handoff.stream(parts(first))
            return handed._tag === "Started" ? yield* Stream.runCollect(handed.stream) : handed
          })
        )
      const started = yield* begin(read(500))
      yield* TestClock.adjust(600)
      assert.strictEqual(yield* inFlight(routed), 1)
      yield* TestClock.adjust(900)
      assert.deepStrictEqual(yield* Fiber.join(started), ["a", "b"])
      assert.strictEqual(yield* inFlight(routed), 0)
      const accepted = yield* begin(read(501))
      yield* TestClock.adjust(600)
      const handed = yield* Fiber.join(accepted)
      if (!("taskId" in handed)) assert.fail("was answered")
      assert.strictEqual(yield* inFlight(routed), 1)
      yield* TestClock.adjust(1000)
      const end = yield* handoff.await(handed.taskId)
      assert.deepStrictEqual(end._tag === "Succeeded" && end.value, ["a", "b"])
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )
})
