/** Two copies of one call: who wins, who is blamed, what is paid, and that nothing is left of the one that lost. */
import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy, type Router } from "@spillway/core"
import type { AttemptReason, Cost } from "@spillway/core/Cost"
import type { DecisionRecord } from "@spillway/core/Decision"
import { type Gate, reject } from "@spillway/core/Gate"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Trip from "../../src/gates/Trip.ts"
import { invalidRequest, overloaded, rateLimited } from "./fixture.ts"
import * as Provider from "./support/Provider.ts"
import { fail, hang, isContent, isEnd, type Part, parts, reasonOf, script, wait } from "./support/Provider.ts"
import * as World from "./support/World.ts"

type Id = "a" | "b" | "c"
type Call = (attempt: Router.Attempt<Id, string>) => Effect.Effect<string, unknown>

/** A copy after 100 ms, as often as one likes. */
const hedge = { after: 100, minPerSecond: 1000 }
const restart = BreakPolicy.restart<Part>(({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts }))

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(Effect.exit(effect), { startImmediately: true })

/** How a call that was forked ended; fails the test when it did not. */
const endOf = <A, E>(fiber: Fiber.Fiber<Exit.Exit<A, E>>): string => {
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "never ended")
  if (exit === undefined || Exit.isFailure(exit)) return "interrupted"
  return Exit.isSuccess(exit.value) ? String(exit.value.value) : reasonOf(exit.value)
}

const errorOf = <A, E>(fiber: Fiber.Fiber<Exit.Exit<A, E>>): unknown => {
  const exit = fiber.pollUnsafe()
  return exit !== undefined && Exit.isSuccess(exit) && Exit.isFailure(exit.value)
    ? Cause.squash(exit.value.cause)
    : undefined
}

/** `target reason outcome errorType, from - to`, attempt by attempt. */
const told = (record: DecisionRecord | undefined): Array<string> =>
  (record?.attempts ?? []).map(({ errorType, ms, outcome, reason, startedAt, target }) =>
    [target, reason, outcome, ...(errorType === undefined ? [] : [errorType]), `${startedAt}-${startedAt + ms}`].join(
      " "
    )
  )

/** By target: how long it takes and what it answers. */
const by =
  (plan: Partial<Record<Id, Effect.Effect<string, unknown>>>): Call =>
  ({ target }) =>
    plan[target.id] ?? Effect.never

const answers = (text: string, ms: number) => Effect.delay(Effect.succeed(text), Duration.millis(ms))
const fails = (error: unknown, ms: number) => Effect.delay(Effect.fail(error), Duration.millis(ms))
const slowToStop = (ms: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(Duration.millis(ms)))

describe("a second copy", () => {
  it.effect("is made when the first one takes too long, elsewhere, and whoever answers first answers", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b", "c"], { hedge })
      const reasons: Array<AttemptReason> = []
      const fiber = yield* fork(
        router.route({}, (attempt) => {
          reasons.push(attempt.reason)
          return by({ a: answers("a", 500), b: answers("b", 150) })(attempt)
        })
      )
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(reasons, ["primary"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(reasons, ["primary", "hedge"])
      yield* TestClock.adjust(150)
      assert.strictEqual(endOf(fiber), "b")
      assert.deepStrictEqual(told(records[0]), ["a primary lost 0-250", "b hedge won 100-250"])
      assert.strictEqual(records[0]?.servedBy, "b")
      assert.strictEqual(records[0]?.outcome, "ok")
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("loses when the first one answers after all", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b"], { hedge })
      const fiber = yield* fork(router.route({}, by({ a: answers("a", 120) })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(fiber), "a")
      assert.deepStrictEqual(told(records[0]), ["a primary won 0-120", "b hedge lost 100-120"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not made of what must not be sent twice, when a call is short, or when hedging is off", () =>
    Effect.gen(function* () {
      const on = yield* World.make(["a", "b"], { hedge })
      const off = yield* World.make(["a", "b"])
      const noCopies = yield* World.make(["a", "b"], { hedge, retry: { maxAttempts: 1 } })
      const fibers = [
        yield* fork(on.router.route({ idempotent: false }, by({ a: answers("a", 500) }))),
        yield* fork(on.router.route({}, by({ a: answers("a", 99) }))),
        yield* fork(on.router.route({ deadline: 100 }, by({}))),
        yield* fork(off.router.route({}, by({ a: answers("a", 500) }))),
        yield* fork(noCopies.router.route({}, by({ a: answers("a", 500) })))
      ]
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fibers.map(endOf), ["a", "a", "DeadlineExceeded", "a", "a"])
      for (const world of [on, off, noCopies]) {
        assert.isTrue(world.records.every(({ attempts }) => attempts.length === 1))
        assert.deepStrictEqual(world.problems(), [])
      }
    })
  )

  it.effect("is made at most once while a call runs, and counts as one of its attempts", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b", "c"], { hedge, retry: { maxAttempts: 2 } })
      const hangs = yield* fork(router.route({ deadline: "10 seconds" }, by({})))
      const both = yield* fork(router.route({}, by({ a: fails(overloaded, 200), b: fails(overloaded, 200) })))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([endOf(hangs), endOf(both)], ["DeadlineExceeded", "AttemptsExhausted"])
      assert.deepStrictEqual(
        records.map(({ attempts }) => attempts.length),
        [2, 2]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is not made, and not paid for, when nobody else can take it", () =>
    Effect.gen(function* () {
      const onlyA = { needs: { allow: ({ id }: { readonly id: string }) => id === "a" } }
      const parked = yield* World.make(["a", "b"], { hedge })
      yield* fork(parked.router.route({ needs: { allow: ({ id }) => id === "b" } }, () => Effect.fail(rateLimited(60))))
      const alone = yield* World.make(["a"], { hedge })
      const full = yield* World.make(["a", "b"], { hedge, specs: { b: { limits: { maxInFlight: 1 } } } })
      yield* fork(
        full.router.route({ needs: { allow: ({ id }) => id === "b" }, idempotent: false }, () => Effect.never)
      )
      const constrained = yield* World.make(["a", "b"], { hedge })
      for (const { core, router } of [parked, alone, full, constrained]) {
        const before = core.retry.budget.snapshot(core.now()).extras
        const fiber = yield* fork(router.route(core === constrained.core ? onlyA : {}, by({ a: answers("a", 500) })))
        yield* TestClock.adjust(600)
        assert.strictEqual(endOf(fiber), "a")
        assert.strictEqual(core.retry.budget.snapshot(core.now()).extras, before)
        assert.strictEqual(core.hedging?.snapshot(core.now()).budget.extras, 0)
      }
    })
  )

  it.effect("is asked of gates as what it is, and by no later attempt", () =>
    Effect.gen(function* () {
      const admitted: Array<string> = []
      const gate = (id: string): Gate => ({
        name: "witness",
        peek: () => undefined,
        admit: (_now, { reason }: Cost) => {
          admitted.push(`${id} ${reason}`)
          return {}
        },
        settle: () => [],
        snapshot: () => ({ state: "open" }),
        restore: () => {}
      })
      const { problems, router } = yield* World.make(["a", "b", "c"], { hedge, gatesOf: ({ id }) => [gate(id)] })
      const fiber = yield* fork(
        router.route({}, by({ a: fails(overloaded, 200), b: fails(overloaded, 150), c: answers("c", 10) }))
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(fiber), "c")
      assert.deepStrictEqual(admitted, ["a primary", "b hedge", "c failover"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is learned from what a model usually takes, whole answers and streams apart", () =>
    Effect.gen(function* () {
      const { core, router } = yield* World.make(["a", "b"], {
        hedge: { minPerSecond: 1000 },
        specs: { a: { model: "m" }, b: { model: "m" } }
      })
      for (let i = 0; i < 20; i++) {
        const fiber = yield* fork(router.route({}, by({ a: answers("a", 1000) })))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(endOf(fiber), "a")
      }
      const keys = core.hedging?.snapshot(core.now()).keys
      assert.deepStrictEqual(
        keys?.map(({ key, samples }) => [key, samples]),
        [["m", 20]]
      )
      // Known to 5 %, rounded up to two digits.
      const delay = keys?.[0]?.delayMs ?? Number.NaN
      assert.isTrue(delay >= 950 && delay <= 1100, String(delay))
      const provider = Provider.make({ a: [script([wait(5000), parts("text", "finish")])] })
      const stream = yield* fork(Provider.drain(router.stream({}, provider.open, { isContent, isEnd }), []))
      const whole = yield* fork(router.route({}, by({ a: answers("a", 5000), b: answers("b", 10) })))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([endOf(stream), endOf(whole)], ["undefined", "b"])
      assert.strictEqual(provider.opened.length, 1)
    })
  )
})

describe("a photo finish", () => {
  it.effect("has one winner, and its answer is the one that is given", () =>
    Effect.gen(function* () {
      for (const [a, b] of [
        [300, 200],
        [301, 201],
        [250, 150]
      ] as const) {
        const { problems, records, router } = yield* World.make(["a", "b"], { hedge })
        const fiber = yield* fork(router.route({}, by({ a: answers("a", a), b: answers("b", b) })))
        yield* TestClock.adjust("1 second")
        const [record] = records
        const won = record?.attempts.filter(({ outcome }) => outcome === "won") ?? []
        assert.deepStrictEqual(
          won.map(({ target }) => target),
          [record?.servedBy]
        )
        assert.strictEqual(endOf(fiber), record?.servedBy)
        assert.strictEqual(record?.attempts.length, 2)
        assert.deepStrictEqual(problems(), [])
      }
    })
  )

  it.effect("of copies that cannot be stopped has one winner as well", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b"], { hedge })
      const deaf = (text: string, ms: number) => Effect.uninterruptible(answers(text, ms))
      const fiber = yield* fork(router.route({}, by({ a: deaf("a", 300), b: deaf("b", 250) })))
      yield* TestClock.adjust(300)
      assert.strictEqual(endOf(fiber), "a")
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(told(records[0]), ["a primary won 0-300", "b hedge lost 100-350"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("of streams shows the parts of one, and closes both", () =>
    Effect.gen(function* () {
      for (const onBreak of [BreakPolicy.fail, restart, BreakPolicy.buffered]) {
        const world = yield* World.make(["a", "b"], { hedge })
        const provider = Provider.make({
          a: [script([parts("start"), wait(300), parts("text"), wait(10), parts("finish")])],
          b: [script([parts("start"), wait(200), parts("text"), wait(10), parts("finish")])]
        })
        const got: Array<Part> = []
        const fiber = yield* fork(
          Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd, onBreak }), got)
        )
        yield* TestClock.adjust("1 second")
        assert.strictEqual(endOf(fiber), "undefined")
        assert.deepStrictEqual(
          got.map(({ type }) => type),
          ["start", "text", "finish"]
        )
        assert.strictEqual(new Set(got.map(({ target }) => target)).size, 1)
        assert.strictEqual(world.records[0]?.servedBy, got[0]?.target)
        assert.deepStrictEqual(world.records[0]?.attempts.map(({ outcome }) => outcome).sort(), ["lost", "won"])
        assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
      }
    })
  )
})

describe("the copy that lost", () => {
  it.effect(
    "is not waited for, keeps its permit until it has stopped, and stands in the record with what it cost",
    () =>
      Effect.gen(function* () {
        const { inFlight, problems, records, router } = yield* World.make(["a", "b"], { hedge })
        const fiber = yield* fork(
          router.route({}, (attempt) => {
            if (attempt.target.id === "b") return answers("b", 50)
            attempt.report({ inputTokens: 7 })
            return slowToStop(3000)
          })
        )
        yield* TestClock.adjust(150)
        assert.strictEqual(endOf(fiber), "b")
        assert.strictEqual(inFlight(), 1)
        assert.deepStrictEqual(records, [])
        yield* TestClock.adjust(2999)
        assert.strictEqual(inFlight(), 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(records[0]?.totalMs, 150)
        assert.deepStrictEqual(told(records[0]), ["a primary lost 0-3150", "b hedge won 100-150"])
        assert.strictEqual(records[0]?.attempts[0]?.facts?.inputTokens, 7)
        assert.deepStrictEqual(problems(), [])
      })
  )

  it.effect("may fail on its way out: that is its target's failure, not the call's", () =>
    Effect.gen(function* () {
      const { core, problems, records, router } = yield* World.make(["a", "b"], { hedge })
      const fiber = yield* fork(
        router.route({}, by({ a: Effect.uninterruptible(fails(overloaded, 400)), b: answers("b", 50) }))
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(fiber), "b")
      assert.deepStrictEqual(told(records[0]), ["a primary failed Overloaded 0-400", "b hedge won 100-150"])
      assert.deepStrictEqual(
        core.states.map(({ answered, failed }) => [answered, failed]),
        [
          [0, 1],
          [1, 0]
        ]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("is blamed for nothing that happens while it stops", () =>
    Effect.gen(function* () {
      const { core, problems, records, router } = yield* World.make(["a", "b"], {
        hedge,
        timeouts: { attempt: 300, firstContent: 300 }
      })
      const lost = yield* fork(router.route({}, by({ a: slowToStop(3000), b: answers("b", 50) })))
      const mistaken = yield* fork(router.route({}, by({ a: slowToStop(3000), b: fails(invalidRequest, 50) })))
      const provider = Provider.make({
        a: [script([hang], { closeMs: 3000 })],
        b: [script([parts("text", "finish")])]
      })
      const stream = yield* fork(Provider.drain(router.stream({}, provider.open, { isContent, isEnd }), []))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([endOf(lost), endOf(stream)], ["b", "undefined"])
      assert.strictEqual(errorOf(mistaken), invalidRequest)
      assert.isTrue(records.every(({ attempts }) => attempts[0]?.errorType === undefined))
      assert.deepStrictEqual(
        core.states.map(({ failed }) => failed),
        [0, 0]
      )
      assert.deepStrictEqual([...problems(), ...provider.problems()], [])
    })
  )

  it.effect("of a stream is closed, and its slow finalizer holds up nobody", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b"], { hedge })
      const provider = Provider.make({
        a: [script([parts("start"), hang], { closeMs: 5000 })],
        b: [script([parts("start", "text"), wait(20), parts("finish")])]
      })
      const got: Array<Part> = []
      const fiber = yield* fork(Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd }), got))
      yield* TestClock.adjust(120)
      assert.strictEqual(endOf(fiber), "undefined")
      assert.deepStrictEqual(
        got.map(({ target, type }) => `${target} ${type}`),
        ["b start", "b text", "b finish"]
      )
      assert.strictEqual(world.inFlight(), 1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(told(world.records[0]), ["a primary lost 0-5100", "b hedge won 100-120"])
      assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
    })
  )

  it.effect("gives its permit to who waits for it", () =>
    Effect.gen(function* () {
      const { problems, router } = yield* World.make(["a", "b"], { hedge, limits: { maxInFlight: 1 } })
      const hedged = yield* fork(router.route({}, by({ a: slowToStop(300), b: answers("b", 50) })))
      yield* TestClock.adjust(150)
      assert.strictEqual(endOf(hedged), "b")
      const next = yield* fork(
        router.route({ needs: { allow: ({ id }) => id === "a" } }, () => Effect.succeed("after the loser"))
      )
      yield* TestClock.adjust(299)
      assert.isUndefined(next.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(endOf(next), "after the loser")
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("when a copy fails", () => {
  it.effect("the other one goes on, whichever it is", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b", "c"], { hedge })
      const first = yield* fork(router.route({}, by({ a: fails(overloaded, 150), b: answers("b", 300) })))
      const second = yield* fork(router.route({}, by({ a: answers("a", 300), b: fails(rateLimited(0.01), 50) })))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([endOf(first), endOf(second)], ["b", "a"])
      assert.deepStrictEqual(
        records.map(told).sort(),
        [
          ["a primary failed Overloaded 0-150", "b hedge won 100-400"],
          ["a primary won 0-300", "b hedge failed RateLimited 100-150"]
        ].sort()
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("and the other as well, a third target is asked, and then the error lists them all", () =>
    Effect.gen(function* () {
      const { problems, router } = yield* World.make(["a", "b", "c"], { hedge })
      const saved = yield* fork(
        router.route({}, by({ a: fails(overloaded, 150), b: fails(overloaded, 20), c: answers("c", 20) }))
      )
      const failed = yield* fork(
        router.route({}, by({ a: fails(overloaded, 150), b: fails(overloaded, 20), c: fails(overloaded, 20) }))
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([endOf(saved), endOf(failed)], ["c", "AttemptsExhausted"])
      const { attempts } = errorOf(failed) as { readonly attempts: ReadonlyArray<{ readonly target: string }> }
      assert.deepStrictEqual(attempts.map(({ target }) => target).sort(), ["a", "b", "c"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("with the caller's own mistake, both end, and the caller gets its error", () =>
    Effect.gen(function* () {
      const { core, inFlight, problems, records, router } = yield* World.make(["a", "b", "c"], { hedge })
      const cases: ReadonlyArray<Call> = [
        by({ a: fails(invalidRequest, 150), b: slowToStop(200) }),
        by({ a: slowToStop(200), b: fails(invalidRequest, 50) }),
        by({ a: Effect.never, b: fails(invalidRequest, 50) })
      ]
      for (const call of cases) {
        const fiber = yield* fork(router.route({}, call))
        yield* TestClock.adjust(150)
        assert.strictEqual(errorOf(fiber), invalidRequest)
        yield* TestClock.adjust(200)
        assert.strictEqual(inFlight(), 0)
      }
      assert.isTrue(records.every(({ attempts, outcome }) => outcome === "error" && attempts.length === 2))
      assert.deepStrictEqual(
        core.states.map(({ failed }) => failed),
        [0, 0, 0]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("of a bug, both end with it", () =>
    Effect.gen(function* () {
      const bug = new Error("bug")
      const { problems, router } = yield* World.make(["a", "b", "c"], { hedge })
      const first = yield* fork(router.route({}, by({ a: Effect.delay(Effect.die(bug), "150 millis") })))
      const second = yield* fork(router.route({}, by({ b: Effect.delay(Effect.die(bug), "50 millis") })))
      const thrown = yield* fork(
        router.route({}, ({ reason }) => {
          if (reason === "hedge") throw bug
          return Effect.never
        })
      )
      yield* TestClock.adjust(150)
      assert.deepStrictEqual([first, second, thrown].map(errorOf), [bug, bug, bug])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("at once, nothing else happens to the first", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b"], { hedge })
      const fiber = yield* fork(router.route({}, by({ a: answers("a", 200), b: Effect.fail(overloaded) })))
      const atOnce = yield* fork(router.route({}, by({ a: answers("a", 200), b: Effect.succeed("b") })))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([endOf(fiber), endOf(atOnce)], ["a", "b"])
      assert.deepStrictEqual(records.map(told), [
        ["a primary lost 0-100", "b hedge won 100-100"],
        ["a primary won 0-200", "b hedge failed Overloaded 100-100"]
      ])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("after which nothing may follow, that target is not asked again when the other one fails too", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b", "c"], {
        hedge,
        timeouts: { attempt: 200 },
        retry: { reasons: { TimeoutAttempt: { sameTarget: false, otherTarget: false } } }
      })
      const fiber = yield* fork(router.route({}, by({ b: fails(overloaded, 150), c: answers("c", 10) })))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(fiber), "c")
      assert.deepStrictEqual(told(records[0]), [
        "a primary failed TimeoutAttempt 0-200",
        "b hedge failed Overloaded 100-250",
        "c failover won 250-260"
      ])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("of a buffered stream, the other one is shown whole", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b"], { hedge })
      const provider = Provider.make({
        a: [script([wait(150), parts("start", "text"), wait(50), fail(overloaded)])],
        b: [script([wait(20), parts("start", "text"), wait(150), parts("text", "finish")])]
      })
      const got: Array<Part> = []
      const onBreak = BreakPolicy.buffered
      const fiber = yield* fork(
        Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd, onBreak }), got)
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(fiber), "undefined")
      assert.deepStrictEqual(
        got.map(({ target, type }) => `${target} ${type}`),
        ["b start", "b text", "b text", "b finish"]
      )
      assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
    })
  )
})

describe("while two copies run", () => {
  it.effect("the deadline ends both; only who had half of the time is blamed", () =>
    Effect.gen(function* () {
      const { core, inFlight, problems, records, router } = yield* World.make(["a", "b", "c"], { hedge })
      const fiber = yield* fork(router.route({ deadline: 150 }, by({})))
      const stubborn = yield* fork(router.route({ deadline: 150 }, by({ a: slowToStop(100), b: slowToStop(50) })))
      yield* TestClock.adjust(150)
      assert.strictEqual(endOf(fiber), "DeadlineExceeded")
      yield* TestClock.adjust(100)
      assert.strictEqual(endOf(stubborn), "DeadlineExceeded")
      assert.strictEqual(inFlight(), 0)
      assert.deepStrictEqual(told(records[0]), [
        "a primary failed DeadlineExceeded 0-150",
        "b hedge failed DeadlineExceeded 100-150"
      ])
      assert.deepStrictEqual(
        core.states.map(({ failed }) => failed),
        [2, 0, 0]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("the clock of one ends that one, and the other goes on", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b", "c"], { hedge, timeouts: { attempt: 200 } })
      const second = yield* fork(router.route({}, by({ b: answers("b", 150) })))
      const neither = yield* fork(router.route({}, by({ c: answers("c", 50) })))
      const slow = yield* fork(router.route({}, by({ a: slowToStop(500), b: answers("b", 150) })))
      yield* TestClock.adjust(250)
      assert.deepStrictEqual([endOf(second), endOf(slow)], ["b", "b"])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(neither), "c")
      assert.deepStrictEqual(records.map(told), [
        ["a primary failed TimeoutAttempt 0-200", "b hedge won 100-250"],
        ["a primary failed TimeoutAttempt 0-200", "b hedge failed TimeoutAttempt 100-300", "c failover won 300-350"],
        ["a primary failed TimeoutAttempt 0-700", "b hedge won 100-250"]
      ])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("the caller's interruption ends both, and waits for both", () =>
    Effect.gen(function* () {
      const { inFlight, problems, records, router } = yield* World.make(["a", "b"], { hedge })
      const fiber = yield* Effect.forkChild(router.route({}, by({ a: slowToStop(100), b: slowToStop(300) })), {
        startImmediately: true
      })
      yield* TestClock.adjust(150)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust(299)
      assert.isUndefined(interrupting.pollUnsafe())
      assert.strictEqual(inFlight(), 1)
      yield* TestClock.adjust(1)
      assert.isDefined(interrupting.pollUnsafe())
      assert.strictEqual(records[0]?.outcome, "cancelled")
      assert.deepStrictEqual(told(records[0]), ["a primary cancelled 0-250", "b hedge cancelled 100-450"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("no copy is begun for a caller who has gone", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b"], { hedge })
      const fiber = yield* Effect.forkChild(router.route({}, by({ a: slowToStop(300) })), { startImmediately: true })
      yield* TestClock.adjust(50)
      yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told(records[0]), ["a primary cancelled 0-350"])
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("a consumer that leaves ends both streams", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b"], { hedge })
      const provider = Provider.make({ a: [script([parts("start"), hang])], b: [script([], { opening: [hang] })] })
      const fiber = yield* Effect.forkChild(
        Stream.runDrain(world.router.stream({}, provider.open, { isContent, isEnd })),
        { startImmediately: true }
      )
      yield* TestClock.adjust(200)
      assert.strictEqual(world.inFlight(), 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(world.inFlight(), 0)
      assert.strictEqual(world.records[0]?.outcome, "cancelled")
      assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
    })
  )
})

describe("a stream is hedged", () => {
  it.effect("until its first content and not after it", () =>
    Effect.gen(function* () {
      for (const onBreak of [BreakPolicy.fail, restart, BreakPolicy.buffered]) {
        const world = yield* World.make(["a", "b"], { hedge })
        const provider = Provider.make({
          a: [script([parts("start"), wait(99), parts("text"), wait(500), parts("text"), wait(500), parts("finish")])]
        })
        const fiber = yield* fork(
          Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd, onBreak }), [])
        )
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(endOf(fiber), "undefined")
        assert.deepStrictEqual(told(world.records[0]), ["a primary won 0-1099"])
        assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
      }
    })
  )

  it.effect("and its winner may break while the other one is still being stopped: the break policy decides", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [BreakPolicy.BreakPolicy<Part>, string, Array<string>]> = [
        [restart, "undefined", ["b text", "b restart", "c text", "c finish"]],
        [BreakPolicy.fail, "StreamBroken", ["b text"]]
      ]
      for (const [onBreak, ends, shown] of cases) {
        const world = yield* World.make(["a", "b", "c"], { hedge })
        const provider = Provider.make({
          a: [script([hang], { closeMs: 3000 })],
          b: [script([parts("text"), wait(500), fail(overloaded)])],
          c: [script([parts("text", "finish")])]
        })
        const got: Array<Part> = []
        const fiber = yield* fork(
          Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd, onBreak }), got)
        )
        yield* TestClock.adjust(600)
        assert.strictEqual(endOf(fiber), ends)
        assert.deepStrictEqual(
          got.map(({ target, type }) => `${target} ${type}`),
          shown
        )
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
      }
    })
  )

  it.effect("and the other one may have stopped only while the call backs off from the winner's break", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b"], {
        hedge,
        retry: { transient: { base: 5000, cap: 5000, jitter: "none" } }
      })
      const provider = Provider.make({
        a: [script([hang], { closeMs: 3000 }), script([parts("text", "finish")])],
        b: [script([parts("text"), wait(100), fail(overloaded)])]
      })
      const got: Array<Part> = []
      const fiber = yield* fork(
        Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd, onBreak: restart }), got)
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(endOf(fiber), "undefined")
      assert.deepStrictEqual(
        got.map(({ target, type }) => `${target} ${type}`),
        ["b text", "b restart", "a text", "a finish"]
      )
      assert.deepStrictEqual(told(world.records[0]), [
        "a primary lost 0-3100",
        "b hedge failed Overloaded 100-200",
        "a retry won 5200-5200"
      ])
      assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
    })
  )

  it.effect("and its winner may break again and again, or run out of time, while the other one is being stopped", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b", "c"], { hedge, retry: { transient: { base: 10, cap: 10 } } })
      const provider = Provider.make({
        a: [script([hang], { closeMs: 9000 })],
        b: [script([parts("text"), wait(100), fail(overloaded)])],
        c: [script([parts("text"), wait(100), fail(overloaded)])]
      })
      const onBreak = restart
      const exhausted = yield* fork(
        Provider.drain(world.router.stream({}, provider.open, { isContent, isEnd, onBreak }), [])
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(exhausted), "AttemptsExhausted")
      const hanging = Provider.make({
        a: [script([hang], { closeMs: 9000 })],
        b: [script([parts("text"), wait(100), fail(overloaded)])],
        c: [script([hang])]
      })
      const late = yield* fork(
        Provider.drain(world.router.stream({ deadline: 2000 }, hanging.open, { isContent, isEnd, onBreak }), [])
      )
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(endOf(late), "DeadlineExceeded")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([...world.problems(), ...provider.problems(), ...hanging.problems()], [])
    })
  )
})

describe("copies are capped", () => {
  it.effect("at a share of the calls, and by the retry budget; neither is paid in vain", () =>
    Effect.gen(function* () {
      const capped = yield* World.make(["a", "b"], { hedge: { after: 100 } })
      const poor = yield* World.make(["a", "b"], { hedge, retry: { budget: { ratio: 0, minPerSecond: 0 } } })
      for (const { router } of [capped, poor]) {
        for (let i = 0; i < 60; i++) {
          const fiber = yield* fork(router.route({}, by({ a: answers("a", 150) })))
          yield* TestClock.adjust(150)
          assert.strictEqual(endOf(fiber), "a")
        }
      }
      const copies = ({ records }: { readonly records: ReadonlyArray<DecisionRecord> }) =>
        records.filter(({ attempts }) => attempts.length > 1).length
      assert.strictEqual(copies(capped), 3)
      assert.strictEqual(capped.core.hedging?.snapshot(9000).budget.extras, 3)
      assert.strictEqual(copies(poor), 0)
      assert.strictEqual(poor.core.hedging?.snapshot(18_000).budget.extras, 0)
      assert.deepStrictEqual([...capped.problems(), ...poor.problems()], [])
    })
  )

  it.effect("and one that hedging does not allow costs the retry budget nothing", () =>
    Effect.gen(function* () {
      const { core, router } = yield* World.make(["a", "b"], { hedge: { after: 100, maxExtra: 0 } })
      const fiber = yield* fork(router.route({}, by({ a: answers("a", 150) })))
      yield* TestClock.adjust(150)
      assert.strictEqual(endOf(fiber), "a")
      assert.strictEqual(core.retry.budget.snapshot(core.now()).extras, 0)
    })
  )

  it.effect("and are pressed on no target that would rather not", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b"], {
        hedge,
        gates: { breaker: { trip: Trip.consecutive(1), openFor: "1 second", rampFor: "1 hour" } }
      })
      const onB = { needs: { allow: ({ id }: { readonly id: string }) => id === "b" }, idempotent: false }
      yield* fork(router.route(onB, () => Effect.fail(overloaded)))
      yield* TestClock.adjust("1200 millis")
      yield* fork(router.route(onB, () => Effect.void))
      for (let i = 0; i < 200; i++) {
        yield* fork(router.route({}, by({ a: answers("a", 150) })))
        yield* TestClock.adjust(150)
      }
      // A tenth of them, at the start of the ramp.
      const copies = records.filter(({ attempts }) => attempts.length === 2).length
      assert.isAtMost(Math.abs(copies - 20), 5 * Math.sqrt(200 * 0.1 * 0.9), String(copies))
      assert.deepStrictEqual(problems(), [])
    }).pipe(Random.withSeed("ramp"))
  )

  it.effect("and go to nobody for whom others wait", () =>
    Effect.gen(function* () {
      const { problems, router } = yield* World.make(["a", "b"], {
        hedge: { after: 1000, minPerSecond: 10 },
        admission: { maxWait: "30 seconds" },
        limits: { maxInFlight: 1 },
        retry: { maxAttempts: 2 }
      })
      const onB = { needs: { allow: ({ id }: { readonly id: string }) => id === "b" } }
      const parking = yield* Effect.forkChild(
        router.route(onB, () => Effect.fail(rateLimited(1))),
        {
          startImmediately: true
        }
      )
      yield* Fiber.interrupt(parking)
      const asked: Array<string> = []
      const hedged = yield* fork(
        router.route({ deadline: 5000 }, ({ target }) => {
          asked.push(`copy on ${target.id}`)
          return Effect.never
        })
      )
      // Both want b at 1000: the copy, and somebody who has nothing yet.
      yield* TestClock.adjust(800)
      const waiting = yield* fork(router.route(onB, () => Effect.sync(() => String(asked.push("waiter on b")))))
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(asked, ["copy on a", "waiter on b"])
      assert.strictEqual(endOf(waiting), "2")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(endOf(hedged), "DeadlineExceeded")
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("parts of the application that throw", () => {
  it.effect("cost a call its second copy and nothing else", () =>
    Effect.gen(function* () {
      let picks = 0
      const { core, problems, records, router } = yield* World.make(["a", "b"], {
        hedge,
        strategy: {
          name: "moody",
          make: (candidates) =>
            Effect.succeed({
              pick: (_request, eligible) => {
                if (++picks === 2) throw new Error("bug of the strategy")
                return candidates.find(eligible)
              }
            })
        }
      })
      const fiber = yield* fork(router.route({}, by({ a: fails(overloaded, 200), b: answers("b", 10) })))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(fiber), "b")
      assert.deepStrictEqual(told(records[0]), ["a primary failed Overloaded 0-200", "b failover won 200-210"])
      assert.strictEqual(core.hedging?.snapshot(core.now()).budget.extras, 0)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("do not make a copy of what comes after it", () =>
    Effect.gen(function* () {
      let picks = 0
      const noCopies = reject("NoCopies", Number.POSITIVE_INFINITY)
      const gate: Gate = {
        name: "no-copies",
        peek: (_now, { reason }) => (reason === "hedge" ? noCopies : undefined),
        admit: (_now, { reason }) => (reason === "hedge" ? noCopies : {}),
        settle: () => [],
        snapshot: () => ({ state: "open" }),
        restore: () => {}
      }
      const full = reject("BulkheadFull")
      let taken = 0
      const bulkhead = (limit: number): Gate => ({
        name: "one",
        peek: () => (taken < limit ? undefined : full),
        admit: () => (taken < limit ? { taken: taken++ } : full),
        settle: () => {
          taken--
          return []
        },
        snapshot: () => ({ state: "open" }),
        restore: () => {}
      })
      const { problems, router } = yield* World.make(["a", "b"], {
        hedge,
        gatesOf: ({ id }) => (id === "a" ? [gate] : [gate, bulkhead(1)]),
        strategy: {
          name: "moody",
          make: (candidates) =>
            Effect.succeed({
              pick: (request, eligible) => {
                if (request.tags["hedged"] === "yes" && ++picks === 2) throw new Error("bug of the strategy")
                return candidates.find(eligible)
              }
            })
        }
      })
      const onB = { needs: { allow: ({ id }: { readonly id: string }) => id === "b" } }
      yield* fork(router.route(onB, () => answers("b", 400)))
      const fiber = yield* fork(
        router.route({ tags: { hedged: "yes" } }, by({ a: fails(overloaded, 200), b: answers("b", 10) }))
      )
      yield* TestClock.adjust(150)
      // Somebody waits, so what comes next at 200 is a plan and no pick.
      yield* fork(router.route(onB, () => answers("b", 10)))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(endOf(fiber), "b")
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
  return { clock, pass }
}

describe("a process that stalls", () => {
  it.effect("begins no copy after the call's deadline", () =>
    Effect.gen(function* () {
      const { clock, pass } = stalling()
      const { problems, records, router } = yield* World.make(["a", "b"], { hedge }).pipe(
        Effect.provideService(Clock.Clock, clock)
      )
      let asked = 0
      const fiber = yield* fork(
        router.route({ deadline: 150 }, () => {
          asked++
          return Effect.never
        })
      )
      pass(50)
      pass(5000)
      for (let i = 0; i < 20; i++) {
        yield* Effect.yieldNow
        pass(100)
      }
      assert.strictEqual(endOf(fiber), "DeadlineExceeded")
      assert.strictEqual(asked, 1)
      assert.strictEqual(records[0]?.attempts.length, 1)
      assert.deepStrictEqual(problems(), [])
    })
  )
})
