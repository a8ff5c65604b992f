/** Who is asked when, and what that changes for calls. */
import { assert, describe, it } from "@effect/vitest"
import { Pipeline, Router } from "@spillway/core"
import { Context, Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as HealthChecks from "../../src/router/HealthChecks.ts"
import { inVirtualTime, overloaded, services } from "./fixture.ts"
import { events, hospital, router, steady, who } from "./support/Hospital.ts"

describe("health checks", () => {
  it.effect("take a target out that fails three in a row, and bring it back after two that pass", () =>
    Effect.gen(function* () {
      const { ill, probe } = hospital()
      const made = yield* router({ ...steady, probe })
      yield* TestClock.adjust("10 seconds")
      ill.add("a")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* who(made), "a")
      // The answer ended the row: three more.
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(events, [])
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* who(made), "b")
      ill.clear()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* who(made), "b")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* who(made), "a")
      assert.deepStrictEqual(
        events.map(([id, { _tag }]) => [id, _tag]),
        [
          ["a", "TargetUnhealthy"],
          ["a", "TargetHealthy"]
        ]
      )
    })
  )

  it.effect("say in a rejection when the next one is due", () =>
    Effect.gen(function* () {
      const { ill, probe } = hospital()
      ill.add("a")
      const made = yield* router({ ...steady, probe, unhealthyAfter: 1, unhealthyInterval: "40 seconds" })
      yield* TestClock.adjust("10 seconds")
      const { candidates } = yield* made.explain()
      const [a, other] = candidates
      assert.deepStrictEqual([a?.excluded, other?.excluded], ["Unhealthy", undefined])
      assert.isTrue(a?.retryInMs !== undefined && a.retryInMs > 30_000 && a.retryInMs <= 40_000)
      const [event] = events
      assert.strictEqual(event?.[1]._tag, "TargetUnhealthy")
      assert.isAbove(event?.[1].until ?? 0, 40_000)
      assert.isAtMost(event?.[1].until ?? 0, 50_000)
    })
  )

  it.effect("come at their interval, at another one while a target is unhealthy, spread over the first", () =>
    Effect.gen(function* () {
      const { ill, probe, times } = hospital()
      yield* router({ ...steady, probe, unhealthyInterval: "2 seconds" })
      yield* TestClock.adjust("40 seconds")
      const [first = 0] = times("a")
      const pauses = times("a").map((time) => Math.round(time - first)) // whole: sums of fractions are not exact
      assert.deepStrictEqual(pauses, [0, 10_000, 20_000, 30_000])
      assert.notStrictEqual(times("b")[0], first)
      ill.add("b")
      yield* TestClock.adjust("30 seconds")
      const before = times("b").length
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(times("b").length - before, 10)
    })
  )

  it.effect("are later by chance, up to the jitter", () =>
    Effect.gen(function* () {
      const { probe, times } = hospital()
      yield* router({ probe, interval: "10 seconds", jitter: 0.5 })
      yield* TestClock.adjust("20 minutes")
      const at = times("a")
      const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0))
      assert.isAtLeast(Math.min(...pauses), 10_000)
      assert.isAtMost(Math.max(...pauses), 15_001)
      assert.isAbove(Math.max(...pauses) - Math.min(...pauses), 3000)
    })
  )

  it.effect("are not made of a target that is answering calls", () =>
    Effect.gen(function* () {
      const { ill, probe, times } = hospital()
      ill.add("a")
      const made = yield* router({ ...steady, probe })
      for (let second = 0; second < 120; second += 5) {
        assert.strictEqual(yield* who(made), "a")
        yield* TestClock.adjust("5 seconds")
      }
      assert.deepStrictEqual(times("a"), [])
      assert.lengthOf(times("b"), 12)
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* who(made), "b")
    })
  )

  it.effect("are made of a target whose calls fail", () =>
    Effect.gen(function* () {
      const { probe, times } = hospital()
      const made = yield* router({ ...steady, probe })
      for (let second = 0; second < 30; second += 5) {
        yield* inVirtualTime(
          Effect.exit(made.route({ deadline: "2 seconds" }, () => Effect.fail(overloaded))),
          "5 seconds"
        )
      }
      assert.isAtLeast(times("a").length, 2)
    })
  )

  it.effect("count a time out, a defect and a failure as failed, and go on", () =>
    Effect.gen(function* () {
      const made = yield* router(
        { ...steady, timeout: "2 seconds", unhealthyAfter: 1 },
        {
          hangs: { probe: Effect.never },
          dies: { probe: Effect.die(new Error("bug")) },
          fails: { probe: Effect.fail("no") },
          passes: { probe: Effect.void }
        }
      )
      yield* TestClock.adjust("13 seconds")
      assert.strictEqual(yield* who(made), "passes")
      assert.deepStrictEqual(events.map(([id]) => id).sort(), ["dies", "fails", "hangs"])
    })
  )

  it.effect("are made only of targets that can be asked", () =>
    Effect.gen(function* () {
      const made = yield* router({ ...steady, unhealthyAfter: 1 }, { a: {}, b: { probe: Effect.fail("no") }, c: {} })
      yield* TestClock.adjust("1 minute")
      const { targets } = yield* made.status
      const gates = targets.map(({ gates, id }) => [id, "health" in gates])
      assert.deepStrictEqual(gates, [
        ["a", false],
        ["b", true],
        ["c", false]
      ])
    })
  )

  it.effect("leave everybody in when nobody passes", () =>
    Effect.gen(function* () {
      const { ill, probe } = hospital()
      ill.add("a").add("b")
      const made = yield* router({ ...steady, probe })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        events.map(([, { _tag }]) => _tag),
        ["TargetUnhealthy", "TargetUnhealthy"]
      )
      assert.strictEqual(yield* who(made), "a")
    })
  )

  it.effect("may come before the first call: who has not passed one is asked at once, and not used", () =>
    Effect.gen(function* () {
      const { ill, probe, times } = hospital()
      ill.add("a")
      const made = yield* router({ ...steady, probe, initial: "unhealthy" })
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(times("a"), [0])
      assert.strictEqual(yield* who(made), "b")
    })
  )

  it.effect("may need services, which the router then asks for", () =>
    Effect.gen(function* () {
      class Pinger extends Context.Service<Pinger, { readonly ping: (id: string) => Effect.Effect<void, string> }>()(
        "test/Pinger"
      ) {}
      const made = Router.make({
        targets: [
          { id: "a", client: 1 },
          { id: "b", client: 2 }
        ],
        pipeline: Pipeline.make({
          call: [],
          attempt: [HealthChecks.part({ ...steady, probe: ({ id }) => Pinger.use(({ ping }) => ping(id)) })]
        })
      }).pipe(Effect.provide(services()))
      // @ts-expect-error: the pinger is missing
      const without: Effect.Effect<unknown, never, Scope.Scope> = made
      assert.isDefined(without)
      const ping = (id: string) => (id === "a" ? Effect.fail("no") : Effect.void)
      const router = yield* Effect.provideService(made, Pinger, { ping })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* router.route({}, ({ target }) => Effect.succeed(target.id)), "b")
    })
  )

  it.effect("are few at once", () =>
    Effect.gen(function* () {
      let running = 0
      let most = 0
      let done = 0
      const probe = () =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            most = Math.max(most, ++running)
          }),
          () => Effect.sleep("1 second"),
          () =>
            Effect.sync(() => {
              running--
              done++
            })
        )
      const clients = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`t${i}`, {}]))
      yield* router({ ...steady, probe, initial: "unhealthy", maxConcurrent: 3 }, clients)
      yield* TestClock.adjust("7 seconds")
      assert.deepStrictEqual([most, done], [3, 20])
    })
  )

  it.effect("are no attempts", () =>
    Effect.gen(function* () {
      const { ill, probe } = hospital()
      ill.add("a")
      const made = yield* router({ ...steady, probe })
      yield* TestClock.adjust("10 minutes")
      const { targets } = yield* made.status
      assert.deepStrictEqual(
        targets.map(({ attempts, failed, successRate }) => [attempts, failed, successRate]),
        [
          [0, 0, 1],
          [0, 0, 1]
        ]
      )
    })
  )

  it("need options that make sense", () => {
    const wrong = (options: object) => () => HealthChecks.part(options as HealthChecks.Options)
    assert.throws(wrong({ interval: 0 }), /HealthChecks: interval must be a duration > 0/)
    assert.throws(wrong({ timeout: "soon" }), /HealthChecks: timeout must be a duration > 0/)
    assert.throws(wrong({ jitter: 2 }), /HealthChecks: jitter must be a share/)
    assert.throws(wrong({ maxConcurrent: 0 }), /HealthChecks: maxConcurrent must be an integer >= 1/)
    assert.throws(wrong({ unhealthyAfter: 0 }), /HealthCheck: unhealthyAfter must be an integer >= 1/)
    assert.throws(wrong({ probe: Effect.void }), /HealthChecks: probe must be a function/)
    assert.throws(wrong({ intervall: 5 }), /HealthChecks must be made of probe, interval/)
  })
})
