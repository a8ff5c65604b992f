/** Nothing of a health check outlives its target or its router. */
import { assert, describe, it } from "@effect/vitest"
import { InvalidOption, Pipeline, Router, type Target } from "@spillway/core"
import { Deferred, Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Chain from "../../src/gates/Chain.ts"
import { resolve } from "../../src/model/Target.ts"
import * as HealthChecks from "../../src/router/HealthChecks.ts"
import { services } from "./fixture.ts"
import { type Client, hospital, router, steady, who } from "./support/Hospital.ts"

/** Gates that refuse a set with a target of that name. */
const picky = Pipeline.targetGates(
  "picky",
  Effect.succeed(
    Object.assign(() => [], {
      forTargets: () =>
        Object.assign(() => [], {
          check: (targets: ReadonlyArray<Target.Target>) => {
            for (const { id } of targets) {
              if (id === "refused") throw new InvalidOption.InvalidOption("id", "another one", id)
            }
          }
        })
    })
  )
)

describe("health checks", () => {
  it.effect("end with the router, also those that are under way", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const probe = () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      yield* router({ ...steady, probe, initial: "unhealthy" }, { a: {} }).pipe(Scope.provide(scope))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(interrupted)
    })
  )

  it.effect("follow the targets of a router whose set changes", () =>
    Effect.gen(function* () {
      const { ill, probe, times } = hospital()
      const asked: Array<string> = []
      const client = (name: string): Client => ({ probe: Effect.sync(() => void asked.push(name)) })
      const spec = (id: string, name = id, maxInFlight = 5) => ({ id, client: client(name), limits: { maxInFlight } })
      const a = spec("a")
      const made = yield* Router.makeDynamic({
        targets: [a, spec("b")],
        pipeline: Pipeline.make({
          call: [],
          attempt: [
            HealthChecks.part({
              ...steady,
              probe: (target) => Effect.andThen(probe(target), (target.client as Client).probe ?? Effect.void)
            }),
            picky
          ]
        })
      }).pipe(Effect.provide(services()))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([times("a").length, times("b").length], [2, 2])
      // a stays, b has another client, c joins.
      yield* made.reload({ targets: [a, spec("b", "new b"), spec("c")] })
      asked.length = 0
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(asked.toSorted(), ["a", "a", "c", "c", "new b", "new b"])
      // a has other limits and so another gate, which knows what the old one knew; b leaves.
      ill.add("a")
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* who(made), "b")
      yield* made.reload({ targets: [spec("a", "a", 6), spec("c")] })
      assert.strictEqual(yield* who(made), "c")
      const before = [times("a").length, times("b").length]
      yield* TestClock.adjust("100 seconds")
      const [moreOfA = 0, moreOfB] = [times("a").length - (before[0] ?? 0), times("b").length - (before[1] ?? 0)]
      assert.strictEqual(moreOfB, 0)
      assert.isTrue(moreOfA >= 10 && moreOfA <= 11, `${moreOfA}`)
      // A set that is refused takes nobody's checks away.
      const refused = yield* Effect.exit(made.reload({ targets: [spec("refused")] }))
      assert.isTrue(Exit.isFailure(refused))
      const untilNow = times("c").length
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(times("c").length - untilNow, 3)
      // Sets that come faster than checks do not keep them from being made.
      const c = times("c").length
      for (let i = 0; i < 60; i++) {
        yield* made.reload({ targets: [spec("a", "a", 7 + i), spec("c")] })
        yield* TestClock.adjust("1 second")
      }
      assert.isAtLeast(times("c").length - c, 6)
    })
  )

  it.effect("end when their target leaves, begin when it is back, and go on for the gate that takes its place", () =>
    Effect.gen(function* () {
      const { probe, times } = hospital()
      const gatesOf = yield* HealthChecks.part({ ...steady, probe, initial: "unhealthy" }).make
      const [target] = resolve("test", [{ id: "a", client: undefined }], undefined)
      if (target === undefined) return assert.fail("no target")
      const chain = Chain.make(gatesOf(target))
      yield* TestClock.adjust("30 seconds")
      assert.lengthOf(times("a"), 4)
      chain.inSet(false)
      yield* TestClock.adjust("30 seconds")
      assert.lengthOf(times("a"), 4)
      chain.inSet(true)
      chain.inSet(true)
      yield* TestClock.adjust("30 seconds")
      const before = times("a").length
      assert.isAtLeast(before, 6)
      const next = Chain.make(gatesOf(target))
      next.takeOver(chain, 0)
      yield* TestClock.adjust("100 seconds")
      assert.isAtMost(times("a").length - before, 11)
      next.inSet(false)
      const after = times("a").length
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(times("a"), after)
    })
  )
})
