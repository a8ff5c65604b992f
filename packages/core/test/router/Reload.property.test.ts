/** Random sets against calls in flight, beside a model that only counts: nothing is lost, nobody is picked who is not there. */
import { assert, describe, it } from "@effect/vitest"
import { Defaults, Router, Strategy } from "@spillway/core"
import { Deferred, Effect, Exit, Fiber, Layer } from "effect"
import fc from "fast-check"
import { inOrder } from "./fixture.ts"

const ids = ["a", "b", "c", "d"] as const

type Step =
  | { readonly _tag: "Call" }
  | { readonly _tag: "End"; readonly which: number; readonly interrupt: boolean }
  | { readonly _tag: "Reload"; readonly order: ReadonlyArray<string>; readonly limits: ReadonlyArray<number> }
  | { readonly _tag: "Break"; readonly order: ReadonlyArray<string> }

const order = fc.shuffledSubarray([...ids], { minLength: 1 })
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant({ _tag: "Call" as const }) },
    {
      weight: 3,
      arbitrary: fc.record({ _tag: fc.constant("End" as const), which: fc.nat(20), interrupt: fc.boolean() })
    },
    {
      weight: 3,
      arbitrary: fc.record({
        _tag: fc.constant("Reload" as const),
        order,
        limits: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 })
      })
    },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Break" as const), order }) }
  ),
  { minLength: 5, maxLength: 40 }
)

const setOf = (order: ReadonlyArray<string>, limits: ReadonlyArray<number>) => ({
  targets: order.map((id, i) => ({ id, client: `${id}`, limits: { maxInFlight: limits[i] ?? 1 } }))
})

const run = (steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const first = setOf(ids, [2, 2, 2, 2])
    const router = yield* Router.makeDynamic<string>({ ...first, slowStart: false }).pipe(
      Effect.provide(
        Layer.merge(
          Defaults.make({ admission: { maxQueued: 0 }, gates: { ejection: {}, headroom: 0 } }),
          Layer.succeed(Strategy.CurrentStrategy, inOrder)
        )
      )
    )
    let set = first.targets
    const running: Array<{ id: string; end: Deferred.Deferred<void>; fiber: Fiber.Fiber<string, unknown> }> = []
    const inFlight = (id: string) => running.filter((call) => call.id === id).length

    const agree = Effect.gen(function* () {
      const { targets } = yield* router.status
      const gone = [...new Set(running.map(({ id }) => id))].filter((id) => !set.some((one) => one.id === id))
      assert.deepStrictEqual(
        targets.filter(({ state }) => state !== "leaving").map(({ id }) => id),
        set.map(({ id }) => id)
      )
      assert.sameMembers(
        targets.filter(({ state }) => state === "leaving").map(({ id }) => id),
        gone
      )
      for (const { gates, id, inFlight: counted } of targets) {
        assert.strictEqual(counted, inFlight(id), `in flight at ${id}`)
        assert.strictEqual(gates["bulkhead"]?.["inFlight"], inFlight(id), `permits of ${id}`)
      }
    })

    for (const step of steps) {
      switch (step._tag) {
        case "Call": {
          const end = yield* Deferred.make<void>()
          let picked: string | undefined
          const call = router.route({}, ({ target }) => {
            picked = target.id
            return Effect.as(Deferred.await(end), target.id)
          })
          const fiber = yield* Effect.forkChild(call, { startImmediately: true })
          assert.strictEqual(picked, set.find(({ id, limits }) => inFlight(id) < limits.maxInFlight)?.id)
          if (picked !== undefined) running.push({ id: picked, end, fiber })
          else assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
          break
        }
        case "End": {
          const [call] = running.splice(step.which % Math.max(1, running.length), 1)
          if (call === undefined) break
          if (step.interrupt) yield* Fiber.interrupt(call.fiber)
          else {
            yield* Deferred.succeed(call.end, undefined)
            assert.strictEqual(yield* Fiber.join(call.fiber), call.id)
          }
          break
        }
        case "Reload": {
          const next = setOf(step.order, step.limits)
          const report = yield* router.reload(next)
          assert.sameMembers([...report.added, ...report.changed, ...report.kept], [...step.order])
          assert.sameMembers(
            [...report.removed],
            set.map(({ id }) => id).filter((id) => !step.order.includes(id))
          )
          set = next.targets
          break
        }
        case "Break": {
          const wrong = { ...setOf(step.order, [9, 9, 9, 9]), tiers: [["nobody"]] }
          assert.isTrue(Exit.isFailure(yield* Effect.exit(router.reload(wrong))))
        }
      }
      yield* agree
    }
    for (const { end, fiber, id } of running.splice(0)) {
      yield* Deferred.succeed(end, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), id)
    }
    yield* agree
  })

describe("sets that change under calls in flight", () => {
  it("lose no attempt and no permit, and pick nobody who is not there", () =>
    fc.assert(
      fc.asyncProperty(steps, (steps) => Effect.runPromise(Effect.scoped(run(steps)))),
      { numRuns: 200, seed: 16 }
    ))
})
