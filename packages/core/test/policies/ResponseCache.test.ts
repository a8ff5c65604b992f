import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { InvalidOption } from "../../src/model/InvalidOption.ts"
import * as CacheKey from "../../src/policies/CacheKey.ts"
import * as ResponseCache from "../../src/policies/ResponseCache.ts"
import { cache, counted, key, mapStore, upstream } from "./ResponseCacheSupport.ts"

const a = key("a")
const virtual = Effect.map(Clock.Clock, (clock) => () => clock.currentTimeMillisUnsafe())

describe("a cached answer", () => {
  it.effect("is fetched once, then answers from memory until its time is over", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.get(
        a,
        counted(
          runs,
          Effect.sync(() => runs.started)
        )
      )
      assert.deepStrictEqual(yield* ask, { value: 1, source: "miss", ageMs: 0 })
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(yield* ask, { value: 1, source: "hit", ageMs: 240_000 })
      yield* TestClock.adjust(59_999)
      assert.strictEqual((yield* ask).source, "hit")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* ask, { value: 2, source: "miss", ageMs: 0 })
    })
  )

  it.effect("lives for ttl give or take a tenth, evenly spread", () =>
    Effect.gen(function* () {
      const answers = yield* Random.withSeed(ResponseCache.make({ ttl: 1000 }), "jitter")
      const n = 2000
      for (let i = 0; i < n; i++) yield* answers.get(key(`${i}`), Effect.succeed(i))
      const alive: Array<number> = []
      const times = [899, 901, 950, 1000, 1050, 1099, 1101]
      for (const at of times) {
        yield* TestClock.adjust(at - (yield* Clock.currentTimeMillis))
        let count = 0
        for (let i = 0; i < n; i++) if ((yield* answers.peek(key(`${i}`))) !== undefined) count++
        alive.push(count)
      }
      assert.strictEqual(alive[0], n)
      assert.strictEqual(alive[6], 0)
      // Uniform: the share that is over at t is (t - 900) / 200. Five sigma of a binomial.
      for (const [i, at] of times.entries()) {
        const p = Math.min(1, Math.max(0, (1100 - at) / 200))
        assert.closeTo(alive[i] ?? Number.NaN, n * p, 5 * Math.sqrt(n * p * (1 - p)) + 1e-9)
      }
    })
  )

  it.effect("is never a failure, a defect or an interruption", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: "1 hour" })
      const runs = upstream()
      const ends: ReadonlyArray<Effect.Effect<string, string>> = [
        Effect.fail("no"),
        Effect.die("bug"),
        Effect.interrupt,
        Effect.succeed("yes")
      ]
      const exits: Array<string> = []
      for (const end of ends) exits.push((yield* Effect.exit(answers.get(a, counted(runs, end))))._tag)
      assert.deepStrictEqual(exits, ["Failure", "Failure", "Failure", "Success"])
      assert.strictEqual(runs.started, 4)
      assert.strictEqual((yield* answers.get(a, counted(runs, Effect.succeed("other")))).value, "yes")
      assert.strictEqual((yield* answers.snapshot).stored, 1)
    })
  )

  it.effect("fails as its lookup does", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const exit = yield* Effect.exit(answers.get(a, Effect.fail({ why: "no" } as const)))
      assert.deepStrictEqual(exit, Exit.fail({ why: "no" } as const))
      const defect = yield* Effect.exit(answers.get(a, Effect.die("bug")))
      assert.strictEqual(Exit.isFailure(defect) && Cause.squash(defect.cause), "bug")
    })
  )

  it.effect("is not kept when it says of itself that it is not whole", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const ask = (reason: string) =>
        answers.get(a, Effect.succeed(reason), { isComplete: (value) => value === "stop" })
      assert.deepStrictEqual((yield* ask("length")).source, "miss")
      assert.deepStrictEqual((yield* ask("stop")).source, "miss")
      assert.deepStrictEqual(yield* ask("length"), { value: "stop", source: "hit", ageMs: 0 })
      const throws = answers.get(key("b"), Effect.succeed(1), {
        isComplete: () => {
          throw new Error("bug")
        }
      })
      assert.strictEqual((yield* throws).value, 1)
      assert.strictEqual((yield* throws).source, "miss")
      // Nobody is asked about an answer that never came.
      const leaving = yield* Effect.forkChild(answers.get(key("c"), Effect.never, { isComplete: () => true }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(leaving)
      assert.strictEqual(yield* answers.peek(key("c")), undefined)
    })
  )

  it.effect("is only shared while it is under way when ttl is 0", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 0 })
      const runs = upstream()
      const ask = answers.get(a, counted(runs, Effect.delay(Effect.succeed("x"), 100)))
      const both = yield* Effect.forkChild(Effect.all([ask, ask], { concurrency: 2 }), { startImmediately: true })
      yield* TestClock.adjust(100)
      const sources = (yield* Fiber.join(both)).map(({ source }) => source)
      assert.deepStrictEqual(sources, ["miss", "coalesced"])
      assert.strictEqual((yield* answers.snapshot).entries, 0)
    })
  )

  it.effect("may say for itself how long it lives", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000 })
      yield* answers.get(a, Effect.succeed(1), { ttl: "Infinity" })
      yield* answers.get(key("b"), Effect.succeed(1))
      yield* TestClock.adjust("365 days")
      assert.strictEqual((yield* answers.get(a, Effect.succeed(2))).value, 1)
      assert.strictEqual((yield* answers.get(key("b"), Effect.succeed(2))).value, 2)
    })
  )

  it.effect("does not come back to life when the clock steps back", () =>
    Effect.gen(function* () {
      let now = 0
      const clock: Clock.Clock = { ...(yield* Clock.Clock), monotonicTimeNanosUnsafe: () => BigInt(now * 1e6) }
      const answers = yield* Effect.provideService(cache({ ttl: 1000 }), Clock.Clock, clock)
      yield* answers.get(a, Effect.succeed(1))
      now = 1000
      assert.strictEqual((yield* answers.get(a, Effect.succeed(2))).value, 2)
      now = 500
      assert.deepStrictEqual(yield* answers.get(a, Effect.succeed(3)), { value: 2, source: "hit", ageMs: 0 })
      now = 1999
      assert.strictEqual((yield* answers.get(a, Effect.succeed(3))).value, 2)
      now = 2000
      assert.strictEqual((yield* answers.get(a, Effect.succeed(3))).value, 3)
    })
  )

  it.effect("is kept apart from a stream of the same key", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      yield* answers.get(a, Effect.succeed("whole"))
      assert.strictEqual(yield* answers.peekParts(a), undefined)
      assert.deepStrictEqual(yield* answers.peek(a), { value: "whole", source: "hit", ageMs: 0 })
    })
  )
})

describe("callers who ask at the same time", () => {
  it.effect("share one run, and it fails for all of them when it fails", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = Effect.exit(answers.get(a, counted(runs, Effect.delay(Effect.fail("no"), 100))))
      const all = yield* Effect.forkChild(Effect.all([ask, ask, ask], { concurrency: 3 }), { startImmediately: true })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* Fiber.join(all), [Exit.fail("no"), Exit.fail("no"), Exit.fail("no")])
      assert.strictEqual(runs.started, 1)
      assert.strictEqual((yield* answers.snapshot).inFlight, 0)
    })
  )

  // bucketeer-io/bucketeer#2551: the first caller's cancellation killed everybody's call.
  it.effect("keep the run when the one who began it leaves, at once", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const slow = Effect.onInterrupt(Effect.delay(Effect.succeed("x"), 1000), () => Effect.never)
      const fork = () => Effect.forkChild(answers.get(a, counted(runs, slow)), { startImmediately: true })
      const first = yield* fork()
      const second = yield* fork()
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(first) // would hang if it took the run with it
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(yield* Fiber.join(second), { value: "x", source: "coalesced", ageMs: 0 })
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 0 })
    })
  )

  it.effect("take the run with them when the last one leaves, and wait until it has let go", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const letGo = yield* Deferred.make<void>()
      const lookup = Effect.onInterrupt(Effect.never, () => Deferred.await(letGo))
      const fork = () => Effect.forkChild(answers.get(a, counted(runs, lookup)), { startImmediately: true })
      const [first, second] = [yield* fork(), yield* fork()]
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(runs, { started: 1, ended: 0, interrupted: 0 })
      const leaving = yield* Effect.forkChild(Fiber.interrupt(second), { startImmediately: true })
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(runs, { started: 1, ended: 0, interrupted: 0 })
      assert.strictEqual(leaving.pollUnsafe(), undefined)
      // Nobody joins a run that is dying.
      const third = yield* fork()
      assert.strictEqual(runs.started, 2)
      yield* Deferred.succeed(letGo, undefined)
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(runs, { started: 2, ended: 1, interrupted: 1 })
      assert.strictEqual(third.pollUnsafe(), undefined)
      // The end of the old run does not hide the new one.
      const fourth = yield* fork()
      assert.strictEqual(runs.started, 2)
      yield* Fiber.interrupt(third)
      assert.strictEqual(fourth.pollUnsafe(), undefined)
      yield* Fiber.interrupt(fourth)
      assert.deepStrictEqual(runs, { started: 2, ended: 2, interrupted: 2 })
      assert.strictEqual((yield* answers.snapshot).inFlight, 0)
    })
  )

  it.effect("are served by a run with the services of the one who began it, in a scope of its own", () =>
    Effect.gen(function* () {
      class Who extends Context.Service<Who, string>()("test/Who") {}
      const answers = yield* cache()
      const closed: Array<string> = []
      const lookup = Effect.gen(function* () {
        const who = yield* Who
        yield* Effect.addFinalizer(() => Effect.sync(() => closed.push(who)))
        yield* Effect.sleep(100)
        return who
      })
      const ask = (who: string) => Effect.scoped(Effect.provideService(answers.get(a, lookup), Who, who))
      const first = yield* Effect.forkChild(ask("first"), { startImmediately: true })
      const second = yield* Effect.forkChild(ask("second"), { startImmediately: true })
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(closed, [])
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(second)).value, "first")
      assert.deepStrictEqual(closed, ["first"])
    })
  )

  it.effect("of different tenants never do", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = Effect.fnUntraced(function* (tenant: string | undefined) {
        const key = yield* CacheKey.of(tenant, "what is in my mailbox?")
        return (yield* answers.get(key, counted(runs, Effect.delay(Effect.succeed(`mail of ${tenant}`), 100)))).value
      })
      const tenants = ["a", "b", "a ", "", undefined, "undefined"]
      const all = yield* Effect.forkChild(Effect.all(tenants.map(ask), { concurrency: 9 }), { startImmediately: true })
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(
        yield* Fiber.join(all),
        tenants.map((tenant) => `mail of ${tenant}`)
      )
      assert.strictEqual(runs.started, tenants.length)
      const again = yield* Effect.all(tenants.map(ask))
      assert.deepStrictEqual(
        again,
        tenants.map((tenant) => `mail of ${tenant}`)
      )
      assert.strictEqual(runs.started, tenants.length)
    })
  )
})

describe("stale-while-revalidate", () => {
  it.effect("gives the old answer at once and fetches one new one in the background", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleFor: 500 })
      const runs = upstream()
      const ask = answers.get(
        a,
        counted(
          runs,
          Effect.delay(
            Effect.sync(() => runs.started),
            100
          )
        )
      )
      const first = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(first)).value, 1)
      yield* TestClock.adjust(1200)
      // t = 1200 after it was stored: three callers, one refresh, nobody waits.
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* ask, { value: 1, source: "stale", ageMs: 1200 })
      assert.strictEqual(runs.started, 2)
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(yield* ask, { value: 1, source: "stale", ageMs: 1299 })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* ask, { value: 2, source: "hit", ageMs: 0 })
      assert.strictEqual(runs.started, 2)
      // Past both windows the caller waits for the new one.
      yield* TestClock.adjust(1500)
      const last = yield* Effect.forkChild(ask, { startImmediately: true })
      assert.strictEqual(last.pollUnsafe(), undefined)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* Fiber.join(last), { value: 3, source: "miss", ageMs: 0 })
      const { refreshes, stale } = yield* answers.snapshot
      assert.deepStrictEqual([refreshes, stale], [1, 4])
    })
  )

  it.effect("refreshes for whoever asked, also when that one has gone", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleFor: 5000 })
      const runs = upstream()
      const ask = answers.get(
        a,
        counted(
          runs,
          Effect.delay(
            Effect.sync(() => runs.started),
            100
          )
        )
      )
      yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust(1500)
      const asker = yield* Effect.forkChild(Effect.andThen(ask, Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(asker)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(runs, { started: 2, ended: 2, interrupted: 0 })
      assert.deepStrictEqual((yield* ask).value, 2)
    })
  )

  it.effect("keeps the old answer when the refresh fails, and does not hammer", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleFor: 10_000 })
      const runs = upstream()
      yield* answers.get(a, Effect.succeed("old"))
      const ask = answers.get(a, counted(runs, Effect.fail("down")))
      yield* TestClock.adjust(1500)
      for (let i = 0; i < 10; i++) {
        assert.strictEqual((yield* ask).value, "old")
        yield* TestClock.adjust(100)
      }
      assert.strictEqual(runs.started, 1)
      assert.strictEqual((yield* ask).source, "stale") // one second after the refresh that failed
      assert.strictEqual(runs.started, 2)
      assert.strictEqual((yield* answers.snapshot).refreshFailures, 2)
    })
  )

  it.effect("lets callers join the refresh once the old answer is too old to give, and leave again", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleFor: 500 })
      const runs = upstream()
      yield* answers.get(a, Effect.succeed("old"))
      const ask = answers.get(a, counted(runs, Effect.delay(Effect.succeed("new"), 1000)))
      yield* TestClock.adjust(1400)
      assert.strictEqual((yield* ask).value, "old")
      yield* TestClock.adjust(200)
      const one = yield* Effect.forkChild(ask, { startImmediately: true })
      const other = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* Fiber.interrupt(one)
      yield* Fiber.interrupt(other)
      yield* TestClock.adjust(800)
      assert.deepStrictEqual(runs, { started: 1, ended: 1, interrupted: 0 })
      assert.deepStrictEqual(yield* ask, { value: "new", source: "hit", ageMs: 0 })
    })
  )

  it.effect("may begin early, by chance that grows with the cost and towards the end", () =>
    Effect.gen(function* () {
      // The chance at age t is exp((t - ttl) / (β · took)): here exp(-1) at 900 ms and exp(-3) at 700 ms.
      const n = 2000
      const ages = [
        [700, Math.exp(-3)],
        [900, Math.exp(-1)]
      ] as const
      for (const [age, p] of ages) {
        const answers = yield* Random.withSeed(cache({ ttl: 1000, earlyRefresh: 1 }), "early")
        for (let i = 0; i < n; i++) {
          yield* Effect.forkChild(answers.get(key(`${i}`), Effect.delay(Effect.succeed(1), 100)), {
            startImmediately: true
          })
        }
        yield* TestClock.adjust(100 + age)
        for (let i = 0; i < n; i++) {
          assert.strictEqual((yield* answers.get(key(`${i}`), Effect.never)).source, "hit")
        }
        const { refreshes } = yield* answers.snapshot
        assert.closeTo(refreshes, n * p, 5 * Math.sqrt(n * p * (1 - p)))
      }
    })
  )
})

describe("stale-if-error", () => {
  it.effect("gives an old answer for an eligible failure within its window, else the failure", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleIfError: 5000 })
      const fails = (error: string): Effect.Effect<Exit.Exit<ResponseCache.Cached<string>, string>> =>
        Effect.exit(answers.get(a, Effect.fail(error), { staleOn: (error) => error !== "your fault" }))
      assert.deepStrictEqual(yield* fails("down"), Exit.fail("down"))
      yield* answers.get(a, Effect.succeed("old"))
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(
        yield* fails("down"),
        Exit.succeed({ value: "old", source: "stale", ageMs: 1000 } as const)
      )
      assert.deepStrictEqual(yield* fails("your fault"), Exit.fail("your fault"))
      yield* TestClock.adjust(4999)
      assert.deepStrictEqual(
        yield* fails("down"),
        Exit.succeed({ value: "old", source: "stale", ageMs: 5999 } as const)
      )
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* fails("down"), Exit.fail("down"))
    })
  )

  it.effect("is no cover for a defect, an interruption or a question that throws", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleIfError: 5000 })
      yield* answers.get(a, Effect.succeed("old"))
      yield* TestClock.adjust(1000)
      assert.isTrue(Exit.hasDies(yield* Effect.exit(answers.get(a, Effect.die("bug")))))
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(answers.get(a, Effect.interrupt))))
      const throwing = () => {
        throw new Error("bug")
      }
      assert.deepStrictEqual(
        yield* Effect.exit(answers.get(a, Effect.fail("down"), { staleOn: throwing })),
        Exit.fail("down")
      )
    })
  )

  it.effect("asks each of those who wait, and replaces the old answer as soon as there is a new one", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleIfError: 5000 })
      yield* answers.get(a, Effect.succeed("old"))
      yield* TestClock.adjust(2000)
      const lookup = Effect.delay(Effect.fail("down"), 100)
      const ask = (wants: boolean) => Effect.exit(answers.get(a, lookup, { staleOn: () => wants }))
      const both = yield* Effect.forkChild(Effect.all([ask(false), ask(true)], { concurrency: 2 }), {
        startImmediately: true
      })
      yield* TestClock.adjust(100)
      const [one, other] = yield* Fiber.join(both)
      assert.deepStrictEqual(one, Exit.fail("down"))
      assert.deepStrictEqual(Exit.isSuccess(other) && other.value.source, "stale")
      assert.strictEqual((yield* answers.get(a, Effect.succeed("new"))).value, "new")
      assert.deepStrictEqual(yield* answers.get(a, Effect.fail("down")), { value: "new", source: "hit", ageMs: 0 })
    })
  )

  it.effect("can be looked for by hand, as a last rung", () =>
    Effect.gen(function* () {
      const answers = yield* cache({ ttl: 1000, staleIfError: 5000 })
      assert.strictEqual(yield* answers.peek(a), undefined)
      yield* answers.get(a, Effect.succeed("old"))
      assert.deepStrictEqual(yield* answers.peek<string>(a), { value: "old", source: "hit", ageMs: 0 })
      yield* TestClock.adjust(5999)
      assert.deepStrictEqual(yield* answers.peek<string>(a), { value: "old", source: "stale", ageMs: 5999 })
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* answers.peek(a), undefined)
    })
  )
})

describe("what is invalidated", () => {
  it.effect("is fetched anew, and a run under way brings its answer only to those who wait for it", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const runs = upstream()
      const ask = answers.get(
        a,
        counted(
          runs,
          Effect.delay(
            Effect.sync(() => runs.started),
            100
          )
        )
      )
      const before = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust(50)
      yield* answers.invalidate(a)
      const after = yield* Effect.forkChild(ask, { startImmediately: true })
      assert.strictEqual(runs.started, 2)
      yield* TestClock.adjust(50)
      // The first run counts runs at its end, when the second has begun.
      assert.deepStrictEqual(yield* Fiber.join(before), { value: 2, source: "miss", ageMs: 0 })
      assert.strictEqual(yield* answers.peek(a), undefined)
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(after)).source, "miss")
      assert.strictEqual((yield* ask).source, "hit")
      yield* answers.invalidate(a)
      assert.strictEqual(yield* answers.peek(a), undefined)
    })
  )

  it.effect("can be all that belongs to one tenant", () =>
    Effect.gen(function* () {
      const answers = yield* cache()
      const ask = Effect.fnUntraced(function* (tenant: string, what: number) {
        return (yield* answers.get(yield* CacheKey.of(tenant, what), Effect.succeed(what))).source
      })
      for (const tenant of ["a", "b"]) for (const what of [1, 2]) yield* ask(tenant, what)
      yield* answers.invalidatePrefix(yield* CacheKey.prefix("a"))
      const sources: Array<string> = []
      for (const tenant of ["a", "b"]) for (const what of [1, 2]) sources.push(yield* ask(tenant, what))
      assert.deepStrictEqual(sources, ["miss", "miss", "hit", "hit"])
    })
  )
})

describe("a store behind the memory", () => {
  it.effect("answers what another process fetched, with its age, and is asked once for all who wait", () =>
    Effect.gen(function* () {
      const shared = mapStore(yield* virtual)
      const mine = yield* cache({ ttl: 1000 }, shared.store)
      const theirs = yield* cache({ ttl: 1000 }, shared.store)
      const runs = upstream()
      const ask = (answers: ResponseCache.Service) => answers.get(a, counted(runs, Effect.succeed("x")))
      assert.strictEqual((yield* ask(theirs)).source, "miss")
      yield* TestClock.adjust(400)
      shared.asked.length = 0
      assert.deepStrictEqual(yield* ask(mine), { value: "x", source: "hit", ageMs: 400 })
      assert.deepStrictEqual(yield* ask(mine), { value: "x", source: "hit", ageMs: 400 })
      assert.strictEqual(shared.asked.length, 1)
      yield* TestClock.adjust(599)
      assert.strictEqual((yield* ask(mine)).source, "hit")
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* ask(mine)).source, "miss")
      assert.strictEqual(runs.started, 2)
      const { hits, misses } = yield* mine.snapshot
      assert.deepStrictEqual([hits, misses], [3, 1])
    })
  )

  it.effect("gives old answers too: at once while one is fetched, or when none can be had", () =>
    Effect.gen(function* () {
      const shared = mapStore(yield* virtual)
      const windows = { ttl: 1000, staleFor: 1000, staleIfError: 4000 }
      yield* (yield* cache(windows, shared.store)).get(a, Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      const stale = yield* cache(windows, shared.store)
      const runs = upstream()
      const lookup = counted(runs, Effect.delay(Effect.succeed("new"), 100))
      assert.deepStrictEqual(yield* stale.get(a, lookup), { value: "old", source: "stale", ageMs: 1500 })
      assert.strictEqual(runs.started, 1)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* stale.get(a, lookup), { value: "new", source: "hit", ageMs: 0 })
      // The refresh is in the store as well; then it grows too old for anything but an error.
      yield* TestClock.adjust(3000)
      for (const maxEntries of [100, 0]) {
        const late = yield* cache({ ...windows, maxEntries }, shared.store)
        assert.deepStrictEqual(yield* late.get(a, Effect.fail("down")), { value: "new", source: "stale", ageMs: 3000 })
        assert.deepStrictEqual(yield* late.peek<string>(a), { value: "new", source: "stale", ageMs: 3000 })
      }
    })
  )

  it.effect("never gives what is past all its windows, whatever it says", () =>
    Effect.gen(function* () {
      const shared = mapStore(yield* virtual)
      const dead = { parts: ["dead"], weight: 1, freshMs: 10, staleMs: 0, errorMs: 0, tookMs: 0 }
      const answers = yield* cache({}, { ...shared.store, get: () => Effect.succeed({ entry: dead, ageMs: 10 }) })
      assert.strictEqual(yield* answers.peek(a), undefined)
      assert.strictEqual((yield* answers.get(a, Effect.succeed("x"))).value, "x")
    })
  )

  it.effect("that fails is no store: the answer is fetched, and the failures are counted", () =>
    Effect.gen(function* () {
      const broken: ResponseCache.StoreShape = {
        get: () => Effect.fail("gone"),
        set: () => Effect.die("gone"),
        delete: () => {
          throw new Error("gone")
        },
        deletePrefix: () => Effect.fail("gone")
      }
      const answers = yield* cache({}, broken)
      assert.strictEqual((yield* answers.get(a, Effect.succeed(1))).source, "miss")
      assert.strictEqual((yield* answers.get(a, Effect.succeed(2))).value, 1)
      yield* answers.invalidate(a)
      yield* answers.invalidatePrefix("a")
      assert.strictEqual(yield* answers.peek(a), undefined)
      assert.strictEqual((yield* answers.snapshot).storeFailures, 6)
    })
  )

  it.effect("forgets what is invalidated", () =>
    Effect.gen(function* () {
      const shared = mapStore(yield* virtual)
      const answers = yield* cache({}, shared.store)
      yield* answers.get(key("ab"), Effect.succeed(1))
      yield* answers.get(key("ac"), Effect.succeed(1))
      yield* answers.invalidate(key("ab"))
      assert.strictEqual(shared.entries.size, 1)
      yield* answers.invalidatePrefix("a")
      assert.strictEqual(shared.entries.size, 0)
      assert.strictEqual((yield* answers.get(key("ac"), Effect.succeed(2))).value, 2)
    })
  )

  it.effect("is a layer", () =>
    Effect.gen(function* () {
      const shared = mapStore(yield* virtual)
      const layer = ResponseCache.layerStore({ ttl: 1000 }).pipe(
        Layer.provide(Layer.succeed(ResponseCache.Store, shared.store))
      )
      yield* ResponseCache.ResponseCache.use((answers) => answers.get(a, Effect.succeed(1))).pipe(Effect.provide(layer))
      assert.strictEqual(shared.entries.size, 1)
    })
  )
})

describe("the end of the cache", () => {
  it.effect("is the end of its runs; calls after it pass", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const answers = yield* Scope.provide(cache({ ttl: 1000, staleFor: 1000 }), scope)
      const runs = upstream()
      yield* answers.get(a, Effect.succeed("old"))
      yield* TestClock.adjust(1000)
      yield* answers.get(a, counted(runs, Effect.never))
      const waiting = yield* Effect.forkChild(answers.get(key("b"), counted(runs, Effect.never)), {
        startImmediately: true
      })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(runs, { started: 2, ended: 2, interrupted: 2 })
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
      assert.deepStrictEqual(yield* answers.get(a, Effect.succeed("new")), { value: "new", source: "miss", ageMs: 0 })
    })
  )
})

describe("options", () => {
  it.effect("that mean nothing are defects that say what is taken", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [ResponseCache.Options, string]> = [
        [
          { ttl: -1 },
          `ResponseCache: ttl must be a duration >= 0, such as "30 seconds" or 1500 (milliseconds), got -1`
        ],
        [{ staleFor: "5s" as never }, "ResponseCache: staleFor"],
        [{ staleIfError: Number.NaN }, "ResponseCache: staleIfError"],
        [{ jitter: 1.1 }, "ResponseCache: jitter must be a share in [0, 1], got 1.1"],
        [{ earlyRefresh: -1 }, "ResponseCache: earlyRefresh must be a finite number >= 0, got -1"],
        [{ maxEntries: 1.5 }, "ResponseCache: maxEntries must be an integer >= 0, got 1.5"],
        [{ maxWeight: 0 }, "ResponseCache: maxWeight must be a finite number > 0, got 0"],
        [{ maxWeight: 10, maxEntryWeight: 11 }, "ResponseCache: maxEntryWeight must be at most maxWeight (10), got 11"],
        [{ maxStall: 0 }, "ResponseCache: maxStall must be a duration > 0, got 0"]
      ]
      for (const [options, message] of wrong) {
        const exit = yield* Effect.exit(Effect.scoped(ResponseCache.make(options)))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, InvalidOption)
        assert.include(String(defect), message)
      }
      const answers = yield* cache()
      const exit = yield* Effect.exit(answers.get(a, Effect.succeed(1), { ttl: -1 }))
      assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, InvalidOption)
    })
  )
})
