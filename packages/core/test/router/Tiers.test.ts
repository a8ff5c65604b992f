/** Tiers that are busy, unavailable or on their way back; prompts that are too long; and the retry table at work. */
import { assert, describe, it } from "@effect/vitest"
import type { AttemptReason } from "@spillway/core/Cost"
import { Cause, Duration, Effect, Exit, Fiber, Random } from "effect"
import { AiError } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Trip from "../../src/gates/Trip.ts"
import * as RetryPolicy from "../../src/policies/RetryPolicy.ts"
import { inVirtualTime, overloaded, rateLimited } from "./fixture.ts"
import { reasonOf } from "./support/Provider.ts"
import * as World from "./support/World.ts"

type Id = "a" | "b" | "c" | "d" | "e"

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(Effect.exit(effect), { startImmediately: true })

/** How a call that was forked ended; fails the test when it did not. */
const endOf = <A, E>(fiber: Fiber.Fiber<Exit.Exit<A, E>>): string => {
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "never ended")
  if (exit === undefined || Exit.isFailure(exit)) return "interrupted"
  return Exit.isSuccess(exit.value) ? String(exit.value.value) : reasonOf(exit.value)
}

const errorOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

const only = <const Ids extends Id>(...ids: ReadonlyArray<Ids>) => ({
  needs: { allow: ({ id }: { readonly id: string }) => ids.some((one) => one === id) }
})

const setup = Effect.fnUntraced(function* <const Ids extends Id>(
  ids: ReadonlyArray<Ids>,
  options: World.WorldOptions<Ids> = {}
) {
  const world = yield* World.make(ids, options)
  /** Answered at once, by whom. */
  const send = (request: Parameters<typeof world.router.route>[0] = {}, ms = 0) =>
    fork(
      world.router.route(request, ({ target }) =>
        ms === 0 ? Effect.succeed(target.id) : Effect.as(Effect.sleep(Duration.millis(ms)), target.id)
      )
    )
  const hold = (target: Ids, ms: number) =>
    fork(world.router.route({ ...only(target), deadline: "1 hour" }, () => Effect.sleep(Duration.millis(ms))))
  const park = (target: Ids, seconds: number) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        world.router.route({ ...only(target), deadline: 1000 * seconds + 10_000 }, () =>
          Effect.fail(rateLimited(seconds))
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
    })
  return { ...world, hold, park, send }
})

const one = { limits: { maxInFlight: 1 } }
const two = { tiers: [["a"], ["b"]] } as const

describe("a busy tier", () => {
  it.effect("is waited for, and left for the next one only when a call has waited as long as it may", () =>
    Effect.gen(function* () {
      const { hold, problems, records, routerEvents, send } = yield* setup(["a", "b"], { ...one, ...two })
      yield* hold("a", 600)
      const served = yield* send()
      yield* TestClock.adjust(600)
      assert.strictEqual(endOf(served), "a")
      yield* hold("a", 5000)
      const spills = yield* send()
      yield* TestClock.adjust(999)
      assert.isUndefined(spills.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(endOf(spills), "b")
      assert.deepStrictEqual(
        records
          .filter(({ waitedMs }) => waitedMs > 0)
          .map(({ degraded, servedBy, waitedMs }) => [servedBy, degraded, waitedMs]),
        [
          ["a", false, 600],
          ["b", true, 1000]
        ]
      )
      yield* TestClock.adjust("10 seconds")
      // It was not left: the next call goes there first.
      assert.deepStrictEqual(routerEvents, [])
      assert.strictEqual(endOf(yield* send()), "a")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is left also by those behind whom others still wait", () =>
    Effect.gen(function* () {
      const { hold, problems, send } = yield* setup(["a", "b"], { ...one, ...two })
      yield* hold("a", 60_000)
      const first = yield* send()
      const second = yield* send()
      yield* TestClock.adjust(500)
      const third = yield* send()
      yield* TestClock.adjust(500)
      assert.deepStrictEqual([endOf(first), endOf(second)], ["b", "b"])
      assert.isUndefined(third.pollUnsafe())
      yield* TestClock.adjust(500)
      assert.strictEqual(endOf(third), "b")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is left at once when there is no place to wait for it", () =>
    Effect.gen(function* () {
      const { hold, problems, send } = yield* setup(["a", "b"], {
        ...one,
        ...two,
        admission: { maxQueued: 1, maxWait: "1 minute" }
      })
      yield* hold("a", 1000)
      const evicted = yield* send({ priority: "P3" })
      const urgent = yield* send({ priority: "P0" })
      assert.strictEqual(endOf(evicted), "b")
      const refused = yield* send({ priority: "P3" })
      assert.strictEqual(endOf(refused), "b")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(urgent), "a")
      yield* hold("a", 1000)
      yield* hold("b", 1000)
      const waiting = yield* send()
      assert.strictEqual(endOf(yield* send()), "Overloaded")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(waiting), "a")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is left after maxWait, though another target of it is back at a known time", () =>
    Effect.gen(function* () {
      const { hold, park, problems, send } = yield* setup(["a", "b", "c"], { ...one, tiers: [["a", "b"], ["c"]] })
      yield* park("b", 60)
      yield* hold("a", 20_000)
      const fiber = yield* send()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(fiber), "c")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("that becomes unavailable is left at once by those who wait for it", () =>
    Effect.gen(function* () {
      const { problems, router, routerEvents, send } = yield* setup(["a", "b"], { ...one, ...two })
      const failing = yield* fork(
        router.route({}, ({ target }) =>
          target.id === "a" ? Effect.delay(Effect.fail(rateLimited(60)), "100 millis") : Effect.succeed("b")
        )
      )
      const waiting = yield* send()
      yield* TestClock.adjust(100)
      assert.deepStrictEqual([endOf(failing), endOf(waiting)], ["b", "b"])
      assert.deepStrictEqual(
        routerEvents.map(({ _tag }) => _tag),
        ["Degraded"]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("and a busy one behind it: whoever comes free first serves, and the error names both", () =>
    Effect.gen(function* () {
      const { hold, problems, router, send } = yield* setup(["a", "b"], {
        ...one,
        ...two,
        admission: { maxWait: "2 seconds" }
      })
      yield* hold("a", 10_000)
      yield* hold("b", 1000)
      const later = yield* send()
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(endOf(later), "b")
      yield* hold("b", 10_000)
      const none = yield* fork(router.route({}, () => Effect.void))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(endOf(none), "NoCandidate")
      const exit = none.pollUnsafe()
      const error = exit !== undefined && Exit.isSuccess(exit) ? errorOf(exit.value) : undefined
      assert.deepStrictEqual(
        (
          error as { readonly reason: { readonly exclusions: ReadonlyArray<{ target: string; reason: string }> } }
        ).reason.exclusions.map(({ reason, target }) => `${target} ${reason}`),
        ["a BulkheadFull", "b BulkheadFull"]
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("in the middle is waited for too", () =>
    Effect.gen(function* () {
      const { hold, problems, router, send } = yield* setup(["a", "b", "c"], {
        ...one,
        tiers: [["a"], ["b"], ["c"]]
      })
      yield* router.isolate("a")
      yield* hold("b", 300)
      const waits = yield* send()
      yield* TestClock.adjust(300)
      assert.strictEqual(endOf(waits), "b")
      yield* hold("b", 5000)
      const spills = yield* send()
      yield* TestClock.adjust(1000)
      assert.strictEqual(endOf(spills), "c")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("an unavailable tier", () => {
  it.effect("is left at once, for ten seconds at least, and said to be", () =>
    Effect.gen(function* () {
      const { park, problems, records, routerEvents, send } = yield* setup(["a", "b"], two)
      yield* park("a", 2)
      for (let i = 0; i < 100; i++) {
        assert.strictEqual(endOf(yield* send()), "b")
        yield* TestClock.adjust(99)
      }
      assert.deepStrictEqual<ReadonlyArray<object>>(routerEvents, [
        { _tag: "Degraded", gate: "degradation", tier: 0, until: 10_000 }
      ])
      assert.isTrue(records.slice(1).every(({ degraded, waitedMs }) => degraded && waitedMs === 0))
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("gets its calls back step by step: a share that grows from a tenth to all in 30 seconds", () =>
    Effect.gen(function* () {
      const { park, problems, routerEvents, send } = yield* setup(["a", "b"], two)
      yield* park("a", 2)
      assert.strictEqual(endOf(yield* send()), "b")
      yield* TestClock.adjust("10 seconds")
      // 20 calls per step of 100 ms: 300 steps.
      const seconds = Array.from({ length: 31 }, () => ({ calls: 0, home: 0, expected: 0, variance: 0 }))
      for (let step = 0; step <= 300; step++) {
        const t = step / 10
        const share = Math.min(1, Math.max(0.1, Math.max(t, 1) / 30))
        const second = seconds[Math.floor(t)]
        for (let i = 0; i < 20 && second !== undefined; i++) {
          second.calls++
          second.expected += share
          second.variance += share * (1 - share)
          if (endOf(yield* send()) === "a") second.home++
        }
        yield* TestClock.adjust(100)
      }
      for (const [s, { calls, expected, home, variance }] of seconds.entries()) {
        assert.isAtMost(
          Math.abs(home - expected),
          5 * Math.sqrt(variance),
          `second ${s}: ${home} of ${calls}, expected ${expected}`
        )
      }
      assert.strictEqual(seconds[30]?.home, 20)
      assert.deepStrictEqual(
        routerEvents.map(({ _tag }) => _tag),
        ["Degraded", "Recovered"]
      )
      assert.deepStrictEqual(problems(), [])
    }).pipe(Random.withSeed("ramp"))
  )

  it.effect("that fails on its way back begins a new stay", () =>
    Effect.gen(function* () {
      const { core, park, problems, routerEvents, send } = yield* setup(["a", "b"], two)
      yield* park("a", 2)
      yield* send()
      yield* TestClock.adjust("10 seconds")
      yield* send()
      yield* TestClock.adjust("20 seconds")
      assert.isAbove(core.degradation.share(0, core.now()), 0.6)
      yield* park("a", 2)
      assert.strictEqual(endOf(yield* send()), "b")
      assert.strictEqual(core.degradation.share(0, core.now()), 0)
      yield* TestClock.adjust(9999)
      for (let i = 0; i < 20; i++) assert.strictEqual(endOf(yield* send()), "b")
      yield* TestClock.adjust(1)
      yield* send()
      assert.isAbove(core.degradation.share(0, core.now()), 0)
      assert.deepStrictEqual(
        routerEvents.map(({ _tag }) => _tag),
        ["Degraded"]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not made so by what one call cannot use", () =>
    Effect.gen(function* () {
      const { park, problems, routerEvents, send } = yield* setup(["a", "b", "c"], { tiers: [["a", "b"], ["c"]] })
      yield* park("b", 60)
      assert.strictEqual(endOf(yield* send(only("b", "c"))), "c")
      assert.strictEqual(endOf(yield* send()), "a")
      assert.deepStrictEqual(routerEvents, [])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not made so by what one call has tried", () =>
    Effect.gen(function* () {
      const { park, problems, router, routerEvents, send } = yield* setup(["a", "b", "c"], {
        tiers: [["a", "b"], ["c"]]
      })
      yield* park("b", 60)
      const failing = yield* fork(
        router.route({}, ({ target }) => (target.id === "a" ? Effect.fail(overloaded) : Effect.succeed(target.id)))
      )
      assert.strictEqual(endOf(failing), "c")
      assert.strictEqual(endOf(yield* send()), "a")
      assert.deepStrictEqual(routerEvents, [])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("on its way back is not sent away again by one call's constraints", () =>
    Effect.gen(function* () {
      const { core, park, problems, send } = yield* setup(["a", "b", "c"], { tiers: [["a", "b"], ["c"]] })
      yield* park("a", 2)
      yield* park("b", 60)
      assert.strictEqual(endOf(yield* send()), "c")
      yield* TestClock.adjust("10 seconds")
      yield* send()
      yield* TestClock.adjust("15 seconds")
      const before = core.degradation.share(0, core.now())
      assert.isAbove(before, 0.4)
      assert.strictEqual(endOf(yield* send(only("b", "c"))), "c")
      assert.strictEqual(core.degradation.share(0, core.now()), before)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("may still be asked when those after it cannot take the call", () =>
    Effect.gen(function* () {
      const { hold, park, problems, router, send } = yield* setup(["a", "b"], { ...two, ...one })
      yield* park("a", 2)
      assert.strictEqual(endOf(yield* send()), "b")
      yield* TestClock.adjust("3 seconds")
      yield* hold("b", 1000)
      assert.strictEqual(endOf(yield* send()), "a")
      yield* router.isolate("b")
      assert.strictEqual(endOf(yield* send()), "a")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is waited for when there is no other, and the call ends at once when that takes too long", () =>
    Effect.gen(function* () {
      const { park, problems, records, send } = yield* setup(["a", "b"], two)
      yield* park("a", 20)
      yield* park("b", 10)
      const short = yield* send({ deadline: "5 seconds" })
      assert.strictEqual(endOf(short), "NoCandidate")
      const long = yield* send()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(endOf(long), "b")
      assert.strictEqual(records[3]?.waitedMs, 10_000)
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("a target that comes back step by step", () => {
  const ramping = {
    gates: { breaker: { trip: Trip.consecutive(1), openFor: "1 second", rampFor: "30 seconds" } },
    retry: { maxAttempts: 1 }
  } as const
  /** Opens the breakers of all targets and closes them by a probe each. */
  const recover = Effect.fnUntraced(function* <Ids extends Id>(
    world: Effect.Success<ReturnType<typeof setup<Ids>>>,
    ids: ReadonlyArray<Ids>
  ) {
    for (const id of ids) yield* fork(world.router.route(only(id), () => Effect.fail(overloaded)))
    yield* TestClock.adjust("1200 millis")
    for (const id of ids) yield* fork(world.router.route(only(id), () => Effect.void))
  })

  it.effect("never refuses a call when it is the only one", () =>
    Effect.gen(function* () {
      const world = yield* setup(["a"], ramping)
      yield* recover(world, ["a"])
      for (let i = 0; i < 300; i++) {
        assert.strictEqual(endOf(yield* world.send({ idempotent: i % 2 === 0, deadline: 50 })), "a")
        yield* TestClock.adjust(100)
      }
      assert.isAbove(world.records.filter(({ attempts }) => attempts[0]?.notes.includes("Ramp")).length, 100)
      assert.deepStrictEqual(world.problems(), [])
    })
  )

  it.effect("nor when the call waits in the queue, or all targets come back at once", () =>
    Effect.gen(function* () {
      const world = yield* setup(["a", "b"], { ...ramping, ...one })
      yield* recover(world, ["a", "b"])
      const fibers: Array<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = []
      for (let i = 0; i < 40; i++) fibers.push(yield* world.send({}, 10))
      yield* TestClock.adjust(200)
      for (const fiber of fibers) assert.include(["a", "b"], endOf(fiber))
      assert.isTrue(world.records.slice(4).every(({ waitedMs }) => waitedMs <= 190))
      assert.deepStrictEqual(world.problems(), [])
    })
  )

  it.effect("is asked after all others, however many come back with it", () =>
    Effect.gen(function* () {
      const world = yield* setup(["a", "b", "c", "d", "e"], ramping)
      yield* recover(world, ["a", "b", "c", "d"])
      let spared = 0
      for (let i = 0; i < 400; i++) if (endOf(yield* world.send()) === "e") spared++
      // Each of four lets a tenth pass: 0.9 to the power of 4 of 400.
      const expected = 0.9 ** 4
      assert.isAtMost(Math.abs(spared - 400 * expected), 5 * Math.sqrt(400 * expected * (1 - expected)), String(spared))
      assert.deepStrictEqual(world.problems(), [])
    }).pipe(Random.withSeed("others first"))
  )

  it.effect("in the first tier lets the next one have the rest, and is not left for it", () =>
    Effect.gen(function* () {
      const world = yield* setup(["a", "b"], { ...ramping, ...two })
      yield* recover(world, ["a"])
      let home = 0
      for (let i = 0; i < 400; i++) if (endOf(yield* world.send()) === "a") home++
      assert.isAtMost(Math.abs(home - 40), 5 * Math.sqrt(400 * 0.1 * 0.9), String(home))
      yield* world.router.isolate("b")
      for (let i = 0; i < 100; i++) assert.strictEqual(endOf(yield* world.send()), "a")
      assert.deepStrictEqual(world.routerEvents, [])
      assert.deepStrictEqual(world.problems(), [])
    }).pipe(Random.withSeed("tiers ramp"))
  )
})

describe("a prompt that is too long", () => {
  const tooLong = AiError.make({
    module: "Test",
    method: "call",
    reason: new AiError.InvalidRequestError({
      description: "too long",
      metadata: { spillway: { errorType: "ContextLength", health: "none", otherTarget: true, sameTarget: false } }
    })
  })
  /** Answers where the prompt of so many tokens fits. */
  const takes =
    (tokens: number, asked: Array<string>) =>
    ({ target }: { readonly target: { readonly id: string; readonly contextWindow: number | undefined } }) =>
      Effect.suspend(() => {
        asked.push(target.id)
        return (target.contextWindow ?? 1_000_000) >= tokens ? Effect.succeed(target.id) : Effect.fail(tooLong)
      })
  const windows = {
    a: { contextWindow: 8000 },
    b: {},
    c: { contextWindow: 8000 },
    d: { contextWindow: 128_000 },
    e: { contextWindow: 1_000_000 }
  } as const

  it.effect("goes only where the window is known to be larger", () =>
    Effect.gen(function* () {
      const { core, problems, router } = yield* World.make(["a", "b", "c", "d", "e"], { specs: windows })
      const asked: Array<string> = []
      assert.strictEqual(yield* router.route({}, takes(100_000, asked)), "d")
      assert.strictEqual(yield* router.route({}, takes(500_000, asked)), "e")
      assert.deepStrictEqual(asked, ["a", "d", "a", "d", "e"])
      assert.isTrue(core.states.every(({ failed }) => failed === 0))
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is the caller's error when nobody's is, when the own one is unknown, or when the largest was asked", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const small = yield* World.make(["a", "b", "c"], { specs: windows })
      assert.strictEqual(yield* Effect.flip(small.router.route({}, takes(100_000, asked))), tooLong)
      const unknown = yield* World.make(["b", "e"], { specs: { e: windows.e } })
      assert.strictEqual(
        yield* Effect.flip(
          unknown.router.route({}, ({ target }) => {
            asked.push(target.id)
            return Effect.fail(tooLong)
          })
        ),
        tooLong
      )
      const large = yield* World.make(["a", "d"], { specs: { a: windows.a, d: windows.d } })
      assert.strictEqual(yield* Effect.flip(large.router.route({}, takes(500_000, asked))), tooLong)
      assert.deepStrictEqual(asked, ["a", "b", "a", "d"])
      assert.deepStrictEqual([...small.problems(), ...unknown.problems(), ...large.problems()], [])
    })
  )

  it.effect("is the caller's error when the request rules out who could take it", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "d"], { specs: { a: windows.a, d: windows.d } })
      const asked: Array<string> = []
      assert.strictEqual(yield* Effect.flip(router.route(only("a"), takes(100_000, asked))), tooLong)
      yield* router.isolate("d")
      assert.strictEqual(yield* Effect.flip(router.route({}, takes(100_000, asked))), tooLong)
      assert.deepStrictEqual(asked, ["a", "a"])
      assert.deepStrictEqual(
        records.map(({ errorType }) => errorType),
        ["ContextLength", "ContextLength"]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("waits for who could take it, when that one is only busy or parked", () =>
    Effect.gen(function* () {
      const { hold, park, problems, router } = yield* setup(["a", "d"], {
        specs: { a: windows.a, d: { ...windows.d, limits: { maxInFlight: 1 } } }
      })
      const asked: Array<string> = []
      yield* hold("d", 500)
      const busy = yield* fork(router.route({}, takes(100_000, asked)))
      yield* TestClock.adjust(500)
      assert.strictEqual(endOf(busy), "d")
      yield* park("d", 5)
      const parked = yield* fork(router.route({}, takes(100_000, asked)))
      yield* TestClock.adjust(6000)
      assert.strictEqual(endOf(parked), "d")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("goes on to a larger one also when a copy of the call ran elsewhere", () =>
    Effect.gen(function* () {
      const { problems, router } = yield* World.make(["a", "d", "e"], {
        specs: { a: windows.a, d: windows.d, e: windows.e },
        hedge: { after: 100, minPerSecond: 100 }
      })
      const ends = (d: number, a: number, tokens: number) =>
        fork(
          router.route({}, (attempt) =>
            Effect.delay(takes(tokens, [])(attempt), Duration.millis(attempt.target.id === "a" ? a : d))
          )
        )
      const smallLast = yield* ends(10, 300, 500_000)
      const smallFirst = yield* ends(300, 150, 500_000)
      const neither = yield* ends(10, 300, 5_000_000)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([endOf(smallLast), endOf(smallFirst)], ["e", "e"])
      assert.notInclude(["AttemptsExhausted", "NoCandidate"], endOf(neither))
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("the retry table", () => {
  /** When each attempt was made, by whom, and how the call ended. */
  const attempts = Effect.fnUntraced(function* <const Ids extends Id>(
    ids: ReadonlyArray<Ids>,
    retry: RetryPolicy.Options,
    errors: ReadonlyArray<unknown>,
    request: { readonly deadline?: Duration.Input } = {}
  ) {
    const { core, problems, router } = yield* World.make(ids, { retry, gates: { breaker: false } })
    const asked: Array<{ readonly at: number; readonly target: string; readonly reason: AttemptReason }> = []
    const startedAt = core.now()
    const exit = yield* inVirtualTime(
      Effect.exit(
        router.route(request, ({ reason, target }) =>
          Effect.suspend(() => {
            asked.push({ at: core.now() - startedAt, target: target.id, reason })
            const error = errors[Math.min(asked.length, errors.length) - 1]
            return error === undefined ? Effect.succeed("ok") : Effect.fail(error)
          })
        )
      )
    )
    assert.deepStrictEqual(problems(), [])
    return { asked, exit, waits: asked.slice(1).map(({ at }, i) => at - (asked[i]?.at ?? 0)) }
  })
  const limited = AiError.make({ module: "Test", method: "call", reason: new AiError.RateLimitError({}) })

  it.effect("of the rule for rate limits makes 5 calls, 1 s · 2^n + U(0, 1) s apart", () =>
    Effect.gen(function* () {
      const totals: Array<number> = []
      for (let i = 0; i < 40; i++) {
        const { asked, exit, waits } = yield* attempts(["a"], RetryPolicy.rateLimitRule, [limited])
        assert.strictEqual(asked.length, 5)
        assert.strictEqual(reasonOf(exit), "AttemptsExhausted")
        assert.deepInclude((errorOf(exit) as { readonly reason: object }).reason, { attempts: 5, maxAttempts: 5 })
        for (const [n, wait] of waits.entries()) {
          assert.isTrue(wait >= 1000 * 2 ** n && wait <= 1000 * 2 ** n + 1001, `wait ${n} took ${wait}`)
        }
        totals.push(waits.reduce((sum, wait) => sum + wait, 0))
      }
      const mean = totals.reduce((sum, total) => sum + total, 0) / totals.length
      // The first wait is never shorter than the second the target rests for, and a little of that again: 1.1 · U on top.
      assert.isTrue(mean > 16_500 && mean < 17_500, String(mean))
    }).pipe(Random.withSeed("rate limit rule"))
  )

  it.effect("of that rule asks another target before it sleeps, and counts all calls together", () =>
    Effect.gen(function* () {
      const { asked, waits } = yield* attempts(["a", "b"], RetryPolicy.rateLimitRule, [limited])
      assert.deepStrictEqual(
        asked.map(({ reason, target }) => `${target} ${reason}`),
        ["a primary", "b failover", "a retry", "b retry", "a retry"]
      )
      assert.deepStrictEqual([waits[0], waits[2]], [0, 0])
      assert.isAtLeast(waits[1] ?? 0, 1000)
      assert.isAtLeast(waits[3] ?? 0, 2000)
    })
  )

  it.effect("of that rule takes a Retry-After as floor, and does not sleep past the deadline", () =>
    Effect.gen(function* () {
      const floor = yield* attempts(["a"], RetryPolicy.rateLimitRule, [rateLimited(7), undefined])
      assert.isTrue((floor.waits[0] ?? 0) >= 7000 && (floor.waits[0] ?? 0) <= 7700)
      const late = yield* attempts(["a"], RetryPolicy.rateLimitRule, [rateLimited(7)], { deadline: "6 seconds" })
      assert.strictEqual(late.asked.length, 1)
      assert.strictEqual(reasonOf(late.exit), "NoCandidate")
      const some = yield* attempts(["a"], RetryPolicy.rateLimitRule, [limited], { deadline: "9 seconds" })
      assert.isTrue(some.asked.length >= 3 && some.asked.length <= 4 && (some.asked.at(-1)?.at ?? 0) < 9000)
    })
  )

  it.effect("bounds attempts by what the last one failed with", () =>
    Effect.gen(function* () {
      const retry: RetryPolicy.Options = {
        transient: { base: 10 },
        throttled: { base: 10 },
        reasons: { RateLimited: { maxAttempts: 5 }, Overloaded: { maxAttempts: 2 } }
      }
      const counts: Array<number> = []
      for (const errors of [
        [limited],
        [overloaded],
        [limited, limited, limited, overloaded],
        [overloaded, limited],
        [limited, overloaded]
      ]) {
        counts.push((yield* attempts(["a"], retry, errors)).asked.length)
      }
      assert.deepStrictEqual(
        counts,
        [5, 2, 4, 2, 2].map((count, i) => (i === 3 ? 5 : count))
      )
    })
  )

  it.effect("says where a call may go on, and with which back-off", () =>
    Effect.gen(function* () {
      const same = yield* attempts(
        ["a", "b"],
        { reasons: { Overloaded: { otherTarget: false, backoff: { jitter: "none", base: 300, factor: 1 } } } },
        [overloaded]
      )
      assert.deepStrictEqual(
        same.asked.map(({ at, target }) => [target, at]),
        [
          ["a", 0],
          ["a", 300],
          ["a", 600]
        ]
      )
      const other = yield* attempts(["a", "b"], { reasons: { Overloaded: { sameTarget: false } } }, [overloaded])
      assert.deepStrictEqual(
        other.asked.map(({ at, target }) => [target, at]),
        [
          ["a", 0],
          ["b", 0]
        ]
      )
      assert.strictEqual(reasonOf(other.exit), "AttemptsExhausted")
      const neither = yield* attempts(
        ["a", "b"],
        { reasons: { Overloaded: { otherTarget: false, sameTarget: false } } },
        [overloaded]
      )
      assert.strictEqual(errorOf(neither.exit), overloaded)
      assert.strictEqual(neither.asked.length, 1)
    })
  )

  it.effect("never tells of more attempts than there may be", () =>
    Effect.gen(function* () {
      const { exit } = yield* attempts(
        ["a", "b", "c", "d"],
        { maxAttempts: 2, reasons: { Overloaded: { maxAttempts: 9, sameTarget: false } } },
        [overloaded]
      )
      const { reason } = errorOf(exit) as {
        readonly reason: { readonly attempts: number; readonly maxAttempts: number }
      }
      assert.strictEqual(reason.attempts, 4)
      assert.isAtMost(reason.attempts, reason.maxAttempts)
    })
  )
})
