/** Callers that wait for a target: who is served, when, and who is sent away. */
import { assert, describe, it } from "@effect/vitest"
import type { RouteRequest, Router } from "@spillway/core"
import { type Gate, reject } from "@spillway/core/Gate"
import { unspecified } from "@spillway/core/RouteRequest"
import { Cause, Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Trip from "../../src/gates/Trip.ts"
import { Admission } from "../../src/router/internal/Admission.ts"
import * as AdmissionQueue from "../../src/state/AdmissionQueue.ts"
import { invalidRequest, overloaded, rateLimited } from "./fixture.ts"
import { reasonOf } from "./support/Provider.ts"
import * as World from "./support/World.ts"

type Id = "a" | "b" | "c"
type Options = RouteRequest.Options<never>

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(Effect.exit(effect), { startImmediately: true })

/** How a call that was forked ended; fails the test when it did not. */
const endOf = <A, E>(fiber: Fiber.Fiber<Exit.Exit<A, E>>): string => {
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "never ended")
  if (exit === undefined || Exit.isFailure(exit)) return "interrupted"
  return Exit.isSuccess(exit.value) ? String(exit.value.value) : reasonOf(exit.value)
}

const errorOf = <A, E>(fiber: Fiber.Fiber<Exit.Exit<A, E>>) => {
  const exit = fiber.pollUnsafe()
  return exit !== undefined && Exit.isSuccess(exit) && Exit.isFailure(exit.value)
    ? (Cause.squash(exit.value.cause) as {
        readonly reason: { readonly _tag: string; readonly by?: string; readonly priority?: string }
        readonly retryAfterMs?: number
        readonly attempts: ReadonlyArray<unknown>
      })
    : undefined
}

const only = (...ids: ReadonlyArray<Id>) => ({ needs: { allow: ({ id }: { id: string }) => ids.includes(id as Id) } })
const answers = (text: string, ms: number) => Effect.delay(Effect.succeed(text), Duration.millis(ms))

/** A world, and calls that write down when they were served. */
const setup = Effect.fnUntraced(function* <const Ids extends Id>(
  ids: ReadonlyArray<Ids>,
  options: World.WorldOptions<Ids> = {}
) {
  const world = yield* World.make(ids, options)
  const served: Array<string> = []
  const { now } = world.core
  const call =
    (name: string, ms = 0) =>
    ({ target }: Router.Attempt<Ids, string>): Effect.Effect<string> =>
      Effect.suspend(() => {
        served.push(`${name} on ${target.id} at ${Math.round(now())}`)
        return ms === 0 ? Effect.succeed(name) : answers(name, ms)
      })
  const send = (name: string, request: Options = {}, ms = 0) => fork(world.router.route(request, call(name, ms)))
  /** Takes a target's only permit for so long. */
  const hold = (ms: number, ...targets: ReadonlyArray<Ids>) =>
    fork(world.router.route(targets.length === 0 ? {} : only(...targets), () => answers("held", ms)))
  /** A target says when it wants to be asked again. */
  const park = (target: Ids, seconds: number) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        world.router.route({ ...only(target), idempotent: true, deadline: 1000 * seconds + 10_000 }, () =>
          Effect.fail(rateLimited(seconds))
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
    })
  return { ...world, call, hold, now, park, send, served }
})

const one = { limits: { maxInFlight: 1 } }
const patient = { admission: { maxWait: "1 minute" } } as const

describe("a permit that comes back", () => {
  it.effect("goes to the one who waits, in the same turn, and not to a newcomer", () =>
    Effect.gen(function* () {
      const { call, problems, router, send, served } = yield* setup(["a"], { ...one, ...patient })
      const both = yield* fork(
        Effect.andThen(
          router.route({}, () => answers("first", 100)),
          router.route({}, call("newcomer"))
        )
      )
      const waiter = yield* send("waiter", {}, 50)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["waiter on a at 100", "newcomer on a at 150"])
      assert.deepStrictEqual([endOf(both), endOf(waiter)], ["newcomer", "waiter"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("goes to the most urgent class, inside it to each tenant in turn, inside a tenant to who came first", () =>
    Effect.gen(function* () {
      const { hold, problems, send, served } = yield* setup(["a"], {
        ...one,
        admission: { maxWait: "1 minute", order: AdmissionQueue.strict }
      })
      yield* hold(10)
      yield* send("x1", { priority: "P2", tenant: "x" }, 10)
      yield* send("x2", { priority: "P2", tenant: "x" }, 10)
      yield* send("y1", { priority: "P2", tenant: "y" }, 10)
      yield* send("x3", { priority: "P2", tenant: "x" }, 10)
      yield* send("urgent", { priority: "P0", tenant: "x" }, 10)
      yield* send("batch", { priority: "P3" }, 10)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        served.map((line) => line.split(" ")[0]),
        ["urgent", "x1", "y1", "x2", "x3", "batch"]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not kept by a call that failed: its retry waits its turn", () =>
    Effect.gen(function* () {
      const { problems, router, send, served } = yield* setup(["a"], {
        ...one,
        ...patient,
        retry: { transient: { base: 10, jitter: "none" } }
      })
      let asked = 0
      const failing = yield* fork(
        router.route({}, () =>
          Effect.suspend(() => {
            served.push("failing")
            return asked++ === 0 ? Effect.delay(Effect.fail(overloaded), "20 millis") : Effect.succeed("in the end")
          })
        )
      )
      yield* send("one", {}, 100)
      yield* send("two", {}, 100)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["failing", "one on a at 20", "two on a at 120", "failing"])
      assert.strictEqual(endOf(failing), "in the end")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("goes on from one to the next, however they end, until nobody waits", () =>
    Effect.gen(function* () {
      const { hold, inFlight, problems, records, router } = yield* setup(["a", "b"], { ...one, ...patient })
      yield* hold(10, "a")
      yield* hold(10, "b")
      const ends: ReadonlyArray<Effect.Effect<string, unknown>> = [
        Effect.succeed("at once"),
        Effect.fail(invalidRequest),
        Effect.die(new Error("bug")),
        Effect.interrupt,
        answers("later", 30),
        Effect.suspend((): never => {
          throw new Error("bug")
        })
      ]
      for (let i = 0; i < 30; i++) yield* fork(router.route({}, () => ends[i % ends.length] ?? Effect.never))
      assert.strictEqual(records.length, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(records.length, 32)
      assert.strictEqual(inFlight(), 0)
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("a caller who waits for a target that is back at a known time", () => {
  it.effect("is served at that moment, however much longer than maxWait that is, the most urgent first", () =>
    Effect.gen(function* () {
      const { park, problems, send, served } = yield* setup(["a"], {
        ...one,
        admission: { maxWait: "500 millis" }
      })
      yield* park("a", 10)
      yield* TestClock.adjust(100)
      const batch = yield* send("batch", { priority: "P3" })
      yield* TestClock.adjust(100)
      const urgent = yield* send("urgent", { priority: "P0" })
      yield* TestClock.adjust("9 seconds")
      const late = yield* send("late")
      yield* TestClock.adjust("799 millis")
      assert.deepStrictEqual(served, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(served, ["urgent on a at 10000", "late on a at 10000", "batch on a at 10000"])
      assert.deepStrictEqual([endOf(batch), endOf(urgent), endOf(late)], ["batch", "urgent", "late"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is served one by one where a rate limit lets them through one by one", () =>
    Effect.gen(function* () {
      const { problems, send, served } = yield* setup(["a"], {
        limits: { requestsPerMinute: 6, burst: 1 },
        admission: { maxWait: "500 millis" }
      })
      for (const name of ["1", "2", "3", "4"]) yield* send(name)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(served, ["1 on a at 0", "2 on a at 10000", "3 on a at 20000", "4 on a at 30000"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not woken in vain: what the deadline does not reach is refused at once, with the time", () =>
    Effect.gen(function* () {
      const { park, problems, send } = yield* setup(["a"])
      yield* park("a", 10)
      const short = yield* send("short", { deadline: "5 seconds" })
      assert.strictEqual(endOf(short), "NoCandidate")
      assert.strictEqual(errorOf(short)?.retryAfterMs, 10_000)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("probes a breaker that half-opens, one at a time; the others follow when the probe has answered", () =>
    Effect.gen(function* () {
      const { core, problems, router, send, served } = yield* setup(["a"], {
        gates: { breaker: { trip: Trip.consecutive(1), openFor: "5 seconds", rampFor: false } },
        admission: { maxWait: "3 seconds" },
        retry: { maxAttempts: 1 }
      })
      yield* fork(router.route({}, () => Effect.fail(overloaded)))
      const opensAt = core.states[0]?.verdict(core.now(), { requests: 1, tokens: 0 })?.retryAt ?? Number.NaN
      assert.isTrue(opensAt >= 4500 && opensAt <= 5500)
      yield* TestClock.adjust(10)
      for (const name of ["1", "2", "3"]) yield* send(name, {}, 1000)
      yield* TestClock.adjust("10 seconds")
      const at = Math.ceil(opensAt - 10) + 10
      assert.deepStrictEqual(served, [`1 on a at ${at}`, `2 on a at ${at + 1000}`, `3 on a at ${at + 1000}`])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("waits on when the probe fails and the target is back at another known time", () =>
    Effect.gen(function* () {
      const { core, problems, router, send, served } = yield* setup(["a"], {
        gates: { breaker: { trip: Trip.consecutive(1), openFor: "5 seconds", rampFor: false } },
        retry: { maxAttempts: 1 }
      })
      yield* fork(router.route({}, () => Effect.fail(overloaded)))
      const probe = yield* fork(router.route({}, () => Effect.delay(Effect.fail(overloaded), "50 millis")))
      const patientOne = yield* send("patient")
      yield* TestClock.adjust("5600 millis")
      assert.strictEqual(endOf(probe), "AttemptsExhausted")
      assert.deepStrictEqual(served, [])
      assert.strictEqual(core.admission.size, 1)
      yield* TestClock.adjust("12 seconds")
      assert.strictEqual(served.length, 1)
      assert.strictEqual(endOf(patientOne), "patient")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is woken when an operator restores the target", () =>
    Effect.gen(function* () {
      const { park, problems, router, send, served } = yield* setup(["a"])
      yield* park("a", 60)
      yield* send("waiter")
      yield* TestClock.adjust("1 second")
      yield* router.restore("a")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(served.length, 1)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is served as soon as its own small amount fits, while the one ahead waits for a larger one", () =>
    Effect.gen(function* () {
      const { problems, send, served } = yield* setup(["a"], {
        gates: { accounts: { one: { tokensPerMinute: { limit: 1000, algorithm: "gcra" } } } },
        specs: { a: { account: "one" } },
        ...patient
      })
      const tokens = (output: number): Options => ({ estimatedTokens: { input: 0, output } })
      yield* send("first", tokens(1000), 120_000)
      yield* send("large", tokens(1000), 10)
      yield* send("small", tokens(10), 10)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(
        served.map((line) => line.split(" ")[0]),
        ["first", "small"]
      )
      assert.isBelow(Number(served[1]?.split(" ")[4]), 1000)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(problems(), [])
    })
  )
})

/** A clock whose process stalls: what was due in the meantime goes off late, one after the other, at one moment. */
const stalling = () => {
  let now = 0
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  const nanos = () => BigInt(Math.round(now * 1e6))
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        sleepers.add(sleeper)
        return Effect.sync(() => sleepers.delete(sleeper))
      })
  }
  const pass = (ms: number) => {
    now += ms
    for (;;) {
      const due = [...sleepers].filter(({ at }) => at <= now).sort((x, y) => x.at - y.at)[0]
      if (due === undefined) return
      sleepers.delete(due)
      due.wake()
    }
  }
  return { clock, pass, sleepers }
}

describe("a process", () => {
  it.effect("that stalls serves those whose target came back meanwhile, late as they are", () =>
    Effect.gen(function* () {
      const { clock, pass } = stalling()
      const { park, problems, send, served } = yield* Effect.provideService(setup(["a"]), Clock.Clock, clock)
      yield* Effect.provideService(park("a", 10), Clock.Clock, clock)
      const waiting = yield* Effect.provideService(send("waiter"), Clock.Clock, clock)
      pass(30_000)
      assert.deepStrictEqual(served, ["waiter on a at 30000"])
      assert.strictEqual(endOf(waiting), "waiter")
      pass(1000)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not kept alive by a queue in which nobody waits", () =>
    Effect.gen(function* () {
      const { clock, pass, sleepers } = stalling()
      const { park, problems, send } = yield* Effect.provideService(setup(["a"]), Clock.Clock, clock)
      yield* Effect.provideService(park("a", 600), Clock.Clock, clock)
      const waiting = yield* Effect.provideService(send("waiter", { deadline: "1 hour" }), Clock.Clock, clock)
      pass(10)
      yield* Fiber.interrupt(waiting)
      for (let i = 0; i < 20; i++) pass(250)
      assert.strictEqual(sleepers.size, 0)
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("a caller who leaves", () => {
  it.effect("frees its place at once, by interruption, deadline or the end of its patience, and is never served", () =>
    Effect.gen(function* () {
      const { core, hold, problems, records, send, served } = yield* setup(["a"], {
        ...one,
        admission: { maxWait: "2 seconds", maxQueued: 1 }
      })
      yield* hold(10_000)
      const interrupted = yield* send("interrupted")
      assert.strictEqual(endOf(yield* send("too many")), "Overloaded")
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual(core.admission.size, 0)
      const late = yield* send("late", { deadline: "1 second" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(late), "DeadlineExceeded")
      const impatient = yield* send("impatient")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(endOf(impatient), "NoCandidate")
      const last = yield* send("last")
      assert.strictEqual(core.admission.size, 1)
      yield* Fiber.interrupt(last)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(served, [])
      assert.deepStrictEqual(
        records.map(({ errorType, outcome, waitedMs }) => [outcome, errorType, waitedMs]),
        [
          ["error", "Overloaded", 0],
          ["cancelled", undefined, 0],
          ["error", "DeadlineExceeded", 1000],
          ["error", "NoCandidate", 2000],
          ["cancelled", undefined, 0],
          ["ok", undefined, 0]
        ]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it("takes nobody with it whose patience ends at the same moment", () => {
    let now = 0
    const queue = new Admission(
      { maxWait: "1 second" },
      () => [{ verdict: () => reject("BulkheadFull") }],
      () => now,
      () => Effect.never
    )
    const told: Array<string> = []
    const leaves: Array<(now: number) => void> = []
    for (const name of ["leaves", "stays"]) {
      const caller = { request: unspecified, deadlineAt: 60_000, patienceMs: 0, begin: () => undefined }
      queue.enter(caller, { atLeastUntil: 0, atMostUntil: Number.POSITIVE_INFINITY }, now, {
        seated: (leave) => leaves.push(leave),
        granted: () => told.push(`${name} granted`),
        dropped: (reason) => told.push(`${name} ${reason}`),
        threw: () => told.push(`${name} threw`)
      })
      now += 10
    }
    now = 1010
    leaves[0]?.(now)
    // Both were due: the one that left is told as well, and takes no notice.
    assert.include(told, "stays QueueTimeout")
    assert.strictEqual(queue.size, 0)
  })

  it.effect("because somebody else was served first starts no attempt any more", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* setup(["a", "b"], { ...one, ...patient })
      const asked: Array<string> = []
      // One call fails and hands its permit on; who gets it answers at once, and its caller ends the first one's.
      const slower = yield* fork(
        router.route({}, ({ target }) =>
          Effect.suspend(() => {
            asked.push(`slower on ${target.id}`)
            return Effect.delay(Effect.fail(overloaded), "100 millis")
          })
        )
      )
      const faster = yield* fork(
        Effect.tap(
          router.route(only("a"), ({ target }) => Effect.succeed(`faster on ${target.id}`)),
          () => Effect.sync(() => slower.interruptUnsafe())
        )
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(faster), "faster on a")
      assert.strictEqual(endOf(slower), "interrupted")
      assert.deepStrictEqual(asked, ["slower on a"])
      assert.deepStrictEqual(records.map(({ outcome }) => outcome).sort(), ["cancelled", "ok"])
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("a crowd whose patience ends at one moment", () => {
  it.effect("goes on in its order, however large it is", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b"], {
        tiers: [["a"], ["b"]],
        specs: { a: { limits: { maxInFlight: 1 } }, b: { limits: { maxInFlight: 2000 } } },
        admission: { maxQueued: 2000 }
      })
      yield* fork(world.router.route({}, () => Effect.sleep("1 minute")))
      const served: Array<number> = []
      for (let i = 0; i < 2000; i++) {
        yield* fork(
          world.router.route({}, ({ target }) => {
            served.push(i)
            return Effect.as(Effect.sleep("1 second"), target.id)
          })
        )
      }
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        served,
        Array.from({ length: 2000 }, (_, i) => i)
      )
      assert.deepStrictEqual(new Set(world.records.map(({ outcome }) => outcome)), new Set(["ok"]))
      assert.deepStrictEqual(world.problems(), [])
    })
  )
})

describe("a full queue", () => {
  it.effect("refuses newcomers, says so, and says when the first target is back where that is known", () =>
    Effect.gen(function* () {
      const { core, hold, park, problems, records, send } = yield* setup(["a", "b"], {
        ...one,
        admission: { maxWait: "1 minute", maxQueued: 2 }
      })
      yield* hold(1000, "a")
      yield* send("1")
      // b is still free, so only now somebody waits.
      yield* hold(5000, "b")
      yield* send("2")
      yield* send("3", only("a"))
      assert.strictEqual(core.admission.size, 2)
      const unknown = yield* send("refused")
      assert.deepInclude(errorOf(unknown)?.reason, { _tag: "Overloaded", by: "QueueFull", priority: "P1" })
      assert.isUndefined(errorOf(unknown)?.retryAfterMs)
      yield* TestClock.adjust("10 seconds")
      yield* park("a", 30)
      yield* hold(20_000, "b")
      yield* send("4")
      yield* send("5")
      const known = yield* send("refused")
      assert.strictEqual(errorOf(known)?.reason.by, "QueueFull")
      assert.strictEqual(errorOf(known)?.retryAfterMs, 30_000)
      assert.strictEqual(records.filter(({ errorType }) => errorType === "Overloaded").length, 2)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("makes room for the more urgent: the youngest of the least urgent class goes", () =>
    Effect.gen(function* () {
      const { hold, problems, send, served } = yield* setup(["a"], {
        ...one,
        admission: { maxWait: "1 minute", maxQueued: 3 }
      })
      yield* hold(100)
      const normal = yield* send("normal", { priority: "P1" })
      const older = yield* send("older", { priority: "P3" })
      const younger = yield* send("younger", { priority: "P3" })
      const urgent = yield* send("urgent", { priority: "P0" })
      assert.deepInclude(errorOf(younger)?.reason, { _tag: "Overloaded", by: "Evicted", priority: "P3" })
      const least = yield* send("least", { priority: "P3" })
      assert.strictEqual(errorOf(least)?.reason.by, "QueueFull")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([urgent, normal, older].map(endOf), ["urgent", "normal", "older"])
      assert.deepStrictEqual(
        served.map((line) => line.split(" ")[0]),
        ["urgent", "normal", "older"]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is no reason to refuse, or to send somebody away, when the newcomer's target is free", () =>
    Effect.gen(function* () {
      const { core, hold, problems, send } = yield* setup(["a", "b"], {
        ...one,
        admission: { maxWait: "1 minute", maxQueued: 1 }
      })
      yield* hold(1000, "b")
      const waiting = yield* send("waiting", { ...only("b"), priority: "P3" })
      assert.strictEqual(endOf(yield* send("same class", { priority: "P3" })), "same class")
      assert.strictEqual(endOf(yield* send("urgent", { priority: "P0" })), "urgent")
      assert.strictEqual(core.admission.size, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(waiting), "waiting")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("of size 0 lets nobody wait", () =>
    Effect.gen(function* () {
      const { hold, problems, send } = yield* setup(["a", "b"], { ...one, admission: { maxQueued: 0 } })
      yield* hold(1000, "a")
      assert.strictEqual(endOf(yield* send("free")), "free")
      yield* hold(1000, "b")
      assert.strictEqual(errorOf(yield* send("refused"))?.reason.by, "QueueFull")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("a waiter whom no free target fits", () => {
  it.effect("holds up nobody behind it, newcomers included", () =>
    Effect.gen(function* () {
      const { hold, problems, send, served } = yield* setup(["a", "b"], { ...one, ...patient })
      yield* hold(10_000, "b")
      yield* hold(100, "a")
      for (let i = 0; i < 7; i++) yield* send("pinned", only("b"))
      yield* send("flexible", {}, 100)
      yield* send("behind", only("a"), 100)
      yield* TestClock.adjust(400)
      yield* send("newcomer", {}, 100)
      assert.deepStrictEqual(served, ["flexible on a at 100", "behind on a at 200", "newcomer on a at 400"])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(served.length, 10)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("holds up nobody either when there are many of them", () =>
    Effect.gen(function* () {
      const { core, hold, park, problems, send, served } = yield* setup(["a", "b"], one)
      yield* park("b", 60)
      yield* hold(500, "a")
      for (let i = 0; i < 100; i++) yield* send("pinned", only("b"))
      yield* send("behind", only("a"))
      yield* send("flexible")
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(served, ["behind on a at 500", "flexible on a at 500"])
      yield* send("newcomer")
      assert.strictEqual(served[2], "newcomer on a at 500")
      assert.strictEqual(core.admission.size, 100)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(served.length, 103)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("holds up nobody for longer than maxWait, however many there are", () =>
    Effect.gen(function* () {
      const { park, problems, send, served } = yield* setup(["a", "b"])
      yield* park("b", 60)
      for (let i = 0; i < 300; i++) yield* send("pinned", only("b"))
      yield* send("newcomer", only("a"))
      yield* send("flexible")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["newcomer on a at 1000", "flexible on a at 1000"])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("waits for its own target: nobody gives it another one", () =>
    Effect.gen(function* () {
      const { hold, problems, send, served } = yield* setup(["a", "b"], { ...one, ...patient })
      yield* hold(500, "a")
      yield* hold(100, "b")
      yield* send("pinned", only("a"))
      yield* send("tools", { needs: { capabilities: ["tools"] } })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(served, ["pinned on a at 500"])
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("a back-off in the queue", () => {
  const backoff = (ms: number) => ({ retry: { transient: { base: ms, cap: 1_000_000, jitter: "none" } } }) as const
  /** Fails on a, always. */
  const failing =
    (asked: Array<string>, now: () => number) =>
    ({ target }: { readonly target: { readonly id: string } }) =>
      Effect.suspend(() => {
        asked.push(`${target.id} at ${Math.round(now())}`)
        return target.id === "a" ? Effect.fail(overloaded) : Effect.succeed(target.id)
      })

  it.effect("ends when another target comes free", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router } = yield* setup(["a", "b"], { ...one, ...patient, ...backoff(10_000) })
      const asked: Array<string> = []
      yield* hold(300, "b")
      const fiber = yield* fork(router.route({}, failing(asked, now)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(fiber), "b")
      assert.deepStrictEqual(asked, ["a at 0", "b at 300"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is over when its time is over: then the target that failed is asked again", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router } = yield* setup(["a", "b"], { ...one, ...patient, ...backoff(1000) })
      const asked: Array<string> = []
      yield* hold(60_000, "b")
      const fiber = yield* fork(router.route({}, failing(asked, now)))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(endOf(fiber), "AttemptsExhausted")
      assert.deepStrictEqual(asked, ["a at 0", "a at 1000", "a at 3000"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not cut short by maxWait", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router } = yield* setup(["a", "b"], { ...one, ...backoff(10_000) })
      const asked: Array<string> = []
      yield* hold(60_000, "b")
      const fiber = yield* fork(router.route({}, failing(asked, now)))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(endOf(fiber), "AttemptsExhausted")
      assert.deepStrictEqual(asked, ["a at 0", "a at 10000", "a at 30000"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is slept through by a call that may not wait in the queue any longer, not given up", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router, send } = yield* setup(["a", "b"], {
        ...one,
        admission: { maxWait: "1 second" },
        ...backoff(2000)
      })
      const asked: Array<string> = []
      yield* hold(60_000, "b")
      yield* hold(900, "a")
      const fiber = yield* fork(router.route({}, failing(asked, now)))
      yield* TestClock.adjust("4 seconds")
      // Others wait when it comes back.
      yield* send("other", only("b"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(fiber), "AttemptsExhausted")
      assert.deepStrictEqual(asked, ["a at 900", "a at 2900", "a at 6900"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is over also when the target that failed said when to come back, and that time has come", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router } = yield* setup(["a", "b"], { ...one, ...patient })
      const asked: Array<string> = []
      yield* hold(20_000, "b")
      const fiber = yield* fork(
        router.route({}, ({ target }) =>
          Effect.suspend(() => {
            asked.push(`${target.id} at ${Math.floor(now() / 100)}`)
            return asked.length === 1 ? Effect.fail(rateLimited(5)) : Effect.succeed(target.id)
          })
        )
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(fiber), "a")
      // Between 5 and 5.5 seconds.
      assert.isTrue(asked[0] === "a at 0" && /^a at 5[0-5]$/.test(asked[1] ?? ""), asked.join(", "))
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("ends when another target, that was closed for a known time, is back", () =>
    Effect.gen(function* () {
      const { now, park, problems, router } = yield* setup(["a", "b"], { ...one, ...backoff(60_000) })
      const asked: Array<string> = []
      yield* park("b", 2)
      const fiber = yield* fork(router.route({}, failing(asked, now)))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(endOf(fiber), "b")
      assert.deepStrictEqual(asked, ["a at 0", "b at 2000"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("needs no place: a full queue does not end it", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router, send } = yield* setup(["a", "b"], {
        ...one,
        admission: { maxWait: "1 minute", maxQueued: 1 },
        ...backoff(1000)
      })
      const asked: Array<string> = []
      yield* hold(60_000, "b")
      const other = yield* send("other", only("b"))
      const fiber = yield* fork(router.route({}, failing(asked, now)))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(endOf(fiber), "AttemptsExhausted")
      assert.deepStrictEqual(asked, ["a at 0", "a at 1000", "a at 3000"])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(other), "other")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("does not go past the deadline", () =>
    Effect.gen(function* () {
      const { hold, now, problems, router } = yield* setup(["a", "b"], { ...one, ...backoff(10_000) })
      const asked: Array<string> = []
      yield* hold(60_000, "b")
      const fiber = yield* fork(router.route({ deadline: "8 seconds" }, failing(asked, now)))
      yield* TestClock.adjust("8 seconds")
      assert.notStrictEqual(endOf(fiber), "interrupted")
      assert.deepStrictEqual(asked, ["a at 0"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("comes after a wait for a known time, which does not use up the patience for a permit", () =>
    Effect.gen(function* () {
      const { hold, park, problems, records, router } = yield* setup(["a", "b"], { ...one, ...backoff(60_000) })
      yield* park("a", 5)
      yield* park("b", 5)
      const fiber = yield* fork(
        router.route({}, ({ target }) => (target.id === "a" ? Effect.fail(overloaded) : Effect.succeed(target.id)))
      )
      yield* TestClock.adjust("4 seconds")
      // Comes later, is served later; then b is full for half a second.
      const held = yield* hold(500, "b")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([endOf(held), endOf(fiber)], ["held", "b"])
      const [record] = records.filter(({ attempts }) => attempts.length === 2)
      assert.deepStrictEqual([record?.waitedMs, record?.queuedMs], [5500, 5500])
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("gates and strategies of an application", () => {
  it.effect("that throw end one call and no other, whichever time they throw", () =>
    Effect.gen(function* () {
      for (const which of ["peek", "admit", "pick", "allow"] as const) {
        for (let at = 1; at <= 45; at++) {
          let asked = 0
          const boom = <A>(name: typeof which, value: A): A => {
            if (name === which && ++asked === at) throw new Error("bug")
            return value
          }
          let taken = 0
          const gate: Gate = {
            name: "brittle",
            peek: () => boom("peek", taken === 0 ? undefined : reject("BulkheadFull")),
            admit: () => boom("admit", taken === 0 ? { taken: taken++ } : reject("BulkheadFull")),
            settle: () => {
              taken--
              return []
            },
            snapshot: () => ({ state: "brittle" }),
            restore: () => {}
          }
          const { inFlight, problems, router } = yield* World.make(["a"], {
            gatesOf: () => [gate],
            ...patient,
            admission: { maxWait: "10 seconds", maxQueued: 3 },
            retry: { transient: { base: 10 } },
            strategy: {
              name: "brittle",
              make: (candidates) =>
                Effect.succeed({ pick: (_request, eligible) => boom("pick", candidates.find(eligible)) })
            }
          })
          const fibers: Array<Fiber.Fiber<Exit.Exit<unknown, unknown>>> = []
          for (let i = 0; i < 6; i++) {
            let tries = 0
            fibers.push(
              yield* fork(
                router.route({ deadline: "1 minute", needs: { allow: () => boom("allow", true) } }, () =>
                  Effect.delay(
                    i % 2 === 0 && tries++ === 0 ? Effect.fail(overloaded) : Effect.succeed("ok"),
                    "10 millis"
                  )
                )
              )
            )
          }
          yield* TestClock.adjust("2 minutes")
          const ends = fibers.map((fiber) => (fiber.pollUnsafe() === undefined ? "never ended" : endOf(fiber)))
          assert.notInclude(ends, "never ended", `${which} ${at}: ${ends.join(", ")}`)
          assert.isAtMost(ends.filter((end) => end === "Error: bug").length, 1, `${which} ${at}: ${ends.join(", ")}`)
          assert.strictEqual(inFlight(), 0)
          assert.deepStrictEqual(problems(), [], `${which} ${at}`)
        }
      }
    })
  )
})
