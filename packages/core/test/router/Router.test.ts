import { assert, describe, it } from "@effect/vitest"
import { RouteError, type Router, type Target } from "@spillway/core"
import { Cause, Deferred, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { inVirtualTime, invalidRequest, overloaded, rateLimited, router, wrongKey } from "./fixture.ts"

const inFlight = (router: { readonly status: Effect.Effect<Router.RouterStatus> }) =>
  Effect.map(router.status, (status) => status.targets.reduce((sum, target) => sum + target.inFlight, 0))

const reasonOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as RouteError.RouteError).reason : undefined

describe("Router.route", () => {
  it.effect("answers from the target the strategy picks, and hands over its client", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      const answer = yield* routed.route(undefined, (attempt) =>
        Effect.succeed(`${attempt.target.id}: ${attempt.client}`)
      )
      assert.strictEqual(answer, "a: client of a")
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )

  it.effect("asks the next target at once when one fails, without sleeping", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      const seen: Array<string> = []
      const answer = yield* routed.route({}, (attempt) => {
        seen.push(`${attempt.target.id} ${attempt.reason}`)
        return attempt.target.id === "a" ? Effect.fail(overloaded) : Effect.succeed("ok")
      })
      assert.strictEqual(answer, "ok")
      assert.deepStrictEqual(seen, ["a primary", "b failover"])
    })
  )

  it.effect("sleeps before it asks the same target again, and gives up after maxAttempts", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"], {}, { retry: { transient: { base: "1 second" } } })
      const reasons: Array<string> = []
      const exit = yield* inVirtualTime(
        Effect.exit(
          routed.route({}, (attempt) => {
            reasons.push(attempt.reason)
            return Effect.fail(overloaded)
          })
        )
      )
      assert.deepStrictEqual(reasons, ["primary", "retry", "retry"])
      assert.strictEqual(reasonOf(exit)?._tag, "AttemptsExhausted")
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )

  it.effect("hands the caller's own mistake back as it is, after one attempt", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      let attempts = 0
      const error = yield* Effect.flip(
        routed.route({}, () => {
          attempts++
          return Effect.fail(invalidRequest)
        })
      )
      assert.strictEqual(error, invalidRequest)
      assert.strictEqual(attempts, 1)
    })
  )

  it.effect("parks a target for everyone until its Retry-After has passed", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      const call = (attempt: Router.Attempt<"a" | "b", string>) =>
        attempt.target.id === "a" ? Effect.fail(rateLimited(30)) : Effect.succeed(attempt.target.id)
      yield* routed.route({}, call)
      const before = (yield* routed.status).targets.map((target) => target.attempts)
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* routed.route({}, call), "b")
      const after = (yield* routed.status).targets.map((target) => target.attempts)
      assert.deepStrictEqual(
        [before, after],
        [
          [1, 1],
          [1, 11]
        ]
      )
      assert.strictEqual((yield* routed.explain()).candidates[0]?.excluded, "CoolingDown")
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* routed.route({}, (attempt) => Effect.succeed(attempt.target.id)), "a")
    })
  )

  it.effect("waits for the first parked target to return when that fits the deadline", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"])
      let asked = 0
      const fiber = yield* Effect.forkChild(
        routed.route({ deadline: "1 minute" }, () =>
          asked++ === 0 ? Effect.fail(rateLimited(20)) : Effect.succeed("ok")
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("19 seconds")
      assert.strictEqual(asked, 1)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
    })
  )

  it.effect("fails at once, and says when to come back, where the wait would outlast the deadline", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"])
      const error = yield* Effect.flip(routed.route({ deadline: "10 seconds" }, () => Effect.fail(rateLimited(20))))
      assert.instanceOf(error, RouteError.RouteError)
      assert.strictEqual(error.reason._tag, "NoCandidate")
      assert.strictEqual(error.retryAfterMs, 20_000)
      assert.include(error.message, "a CoolingDown")
      assert.include(error.message, "tried: a RateLimited")
    })
  )

  it.effect("ends a call at its deadline, interrupts the attempt and gives the permit back", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      let interrupted = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const exit = yield* inVirtualTime(Effect.exit(routed.route({ deadline: "5 seconds" }, () => hang)))
      assert.strictEqual(reasonOf(exit)?._tag, "DeadlineExceeded")
      assert.strictEqual(interrupted, 1)
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )

  it.effect("moves on from a target that is silent for the attempt's clock, and does not ask it again", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"], { timeouts: { attempt: "2 seconds" } })
      const seen: Array<string> = []
      const answer = yield* inVirtualTime(
        routed.route({}, (attempt) => {
          seen.push(attempt.target.id)
          return attempt.target.id === "a"
            ? Effect.never
            : seen.length < 3
              ? Effect.fail(overloaded)
              : Effect.succeed("ok")
        })
      )
      assert.strictEqual(answer, "ok")
      assert.deepStrictEqual(seen, ["a", "b", "b"])
    })
  )

  it.effect("keeps the slot of an attempt until its finalizers have ended", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"], { timeouts: { attempt: "1 second" } }, { retry: { maxAttempts: 1 } })
      const slow = Effect.onInterrupt(Effect.never, () => Effect.sleep("3 seconds"))
      const fiber = yield* Effect.forkChild(Effect.exit(routed.route({}, () => slow)), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* inFlight(routed), 1)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )

  it.effect("interrupts the attempt when the caller is interrupted, says nothing about the target", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"])
      const started = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        routed.route({}, () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never))
      )
      yield* Deferred.await(started)
      assert.strictEqual(yield* inFlight(routed), 1)
      yield* Fiber.interrupt(fiber)
      const status = yield* routed.status
      assert.strictEqual(status.targets[0]?.inFlight, 0)
      assert.strictEqual(status.targets[0]?.failed, 0)
      assert.strictEqual(status.targets[0]?.successRate, 1)
    })
  )

  it.effect("asks the backup tier only when no target before it can, and says so", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b", "spare"], { tiers: [["a", "b"], ["spare"]] })
      const records = yield* Effect.forkChild(Stream.runCollect(Stream.take(routed.decisions, 1)), {
        startImmediately: true
      })
      const answer = yield* routed.route({}, (attempt) =>
        attempt.target.tier === 0 ? Effect.fail(overloaded) : Effect.succeed(attempt.target.id)
      )
      assert.strictEqual(answer, "spare")
      const [record] = yield* Fiber.join(records)
      assert.strictEqual(record?.servedBy, "spare")
      assert.strictEqual(record?.degraded, true)
      assert.deepStrictEqual(
        record?.attempts.map((attempt) => [attempt.target, attempt.outcome, attempt.errorType]),
        [
          ["a", "failed", "Overloaded"],
          ["b", "failed", "Overloaded"],
          ["spare", "won", undefined]
        ]
      )
    })
  )

  it.effect("stops retrying when the budget that all calls share is used up", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"], {}, { retry: { budget: { ratio: 0, minPerSecond: 0.1 } } })
      const call = () => routed.route({}, () => Effect.fail(overloaded))
      const tags: Array<string> = []
      for (let i = 0; i < 4; i++)
        tags.push(reasonOf(yield* inVirtualTime(Effect.exit(call()), "1 second"))?._tag ?? "?")
      assert.strictEqual(tags.filter((tag) => tag === "RetryBudgetExhausted").length >= 3, true)
    })
  )

  it.effect("sends a request that must not be sent twice only once, unless it was refused unread", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      const error = yield* Effect.flip(routed.route({ idempotent: false }, () => Effect.fail(overloaded)))
      assert.instanceOf(error, RouteError.RouteError)
      assert.strictEqual(error.reason._tag, "NotIdempotent")
      assert.strictEqual(error.last, overloaded)
      const answer = yield* routed.route({ idempotent: false }, (attempt) =>
        attempt.target.id === "a" ? Effect.fail(rateLimited(1)) : Effect.succeed("ok")
      )
      assert.strictEqual(answer, "ok")
    })
  )

  it.effect("takes a target with a wrong key out of rotation, and restore brings it back", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      yield* routed.route({}, (attempt) => (attempt.target.id === "a" ? Effect.fail(wrongKey) : Effect.succeed("ok")))
      const id = (attempt: Router.Attempt<"a" | "b", string>) => Effect.succeed(attempt.target.id)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* routed.route({}, id), "b")
      assert.strictEqual((yield* routed.status).targets[0]?.state, "Misconfigured")
      yield* routed.restore("a")
      assert.strictEqual(yield* routed.route({}, id), "a")
    })
  )

  it.effect("isolates by hand at once, and drain waits for the last attempt", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      const gate = yield* Deferred.make<string>()
      const running = yield* Effect.forkChild(
        routed.route({}, () => Deferred.await(gate)),
        { startImmediately: true }
      )
      const draining = yield* Effect.forkChild(routed.drain("a"), { startImmediately: true })
      assert.strictEqual(yield* routed.route({}, (attempt) => Effect.succeed(attempt.target.id)), "b")
      assert.isUndefined(draining.pollUnsafe())
      yield* Deferred.succeed(gate, "done")
      assert.strictEqual(yield* Fiber.join(running), "done")
      yield* Fiber.join(draining)
      yield* routed.isolate("b")
      const error = yield* Effect.flip(routed.route({}, () => Effect.void))
      assert.deepStrictEqual(
        error.reason._tag === "NoCandidate" && error.reason.exclusions.map((e) => `${e.target} ${e.reason}`),
        ["a Draining", "b Isolated"]
      )
    })
  )

  it.effect("never sends a request to a target that lacks what it needs, whatever fails", () =>
    Effect.gen(function* () {
      const targets = [
        { id: "eu", client: 1, region: "eu", capabilities: ["tools"] },
        { id: "us", client: 2, region: "us", capabilities: ["tools"] }
      ] as const satisfies ReadonlyArray<Target.TargetSpec>
      const routed = yield* router(["eu", "us"], { targets: targets.map((t) => ({ ...t, client: "" })) })
      const seen: Array<string> = []
      const exit = yield* inVirtualTime(
        Effect.exit(
          routed.route({ needs: { regions: ["us"] } }, (attempt) => {
            seen.push(attempt.target.id)
            return Effect.fail(overloaded)
          })
        )
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual([...new Set(seen)], ["us"])
    })
  )

  it.effect("lets a bug in the call through as a defect, once", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      let attempts = 0
      const exit = yield* Effect.exit(
        routed.route({}, (): Effect.Effect<never> => {
          attempts++
          throw new Error("bug")
        })
      )
      assert.isTrue(Exit.hasDies(exit))
      assert.strictEqual(attempts, 1)
      assert.strictEqual(yield* inFlight(routed), 0)
    })
  )

  it.effect("takes a clock for a clock, also when a finalizer dies of it", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"], { timeouts: { attempt: "1 second" } })
      const dying = Effect.onInterrupt(Effect.never, () => Effect.die("bug of a finalizer"))
      const answer = yield* inVirtualTime(
        routed.route({}, ({ target }) => (target.id === "a" ? dying : Effect.succeed(target.id)))
      )
      assert.strictEqual(answer, "b")
    })
  )

  it.effect("explains without changing anything", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a", "b"])
      const before = yield* routed.status
      const decision = yield* routed.explain({ needs: { allow: (target) => target.id === "b" } })
      assert.strictEqual(decision.pick, "b")
      assert.strictEqual(decision.candidates[0]?.excluded, "NotAllowed")
      assert.deepStrictEqual(yield* routed.status, before)
    })
  )
})

describe("Router.make", () => {
  const message = (made: Effect.Effect<unknown, never, Scope.Scope>) =>
    Effect.map(Effect.exit(Effect.scoped(made)), (exit) =>
      Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "made"
    )

  it.effect("names option, range and value of what is wrong", () =>
    Effect.gen(function* () {
      const dup = yield* message(router(["a", "a"]))
      assert.strictEqual(dup, `Router.make: targets[1].id must be unique among the targets, got "a"`)
      const empty = yield* message(router([]))
      assert.strictEqual(empty, "Router.make: targets must be a list of at least one target, got a list of 0")
      const zero = yield* message(router(["a"], { targets: [{ id: "a", client: "", weight: 0 }] }))
      assert.strictEqual(zero, "Router.make: targets[0].weight must be a finite number > 0, got 0")
      const tier = yield* message(router(["a"], { tiers: [["a"], ["b" as "a"]] }))
      assert.strictEqual(tier, `Router.make: tiers[1][0] must be one of "a", got "b"`)
      const hole = yield* message(router(["a"], { tiers: [["a"], []] }))
      assert.strictEqual(hole, "Router.make: tiers[1] must be a list of at least one target id, got a list of 0")
      const clock = yield* message(router(["a"], { timeouts: { idle: 0 } }))
      assert.include(clock, "Router.make: timeouts.idle must be a duration > 0")
    })
  )
})
