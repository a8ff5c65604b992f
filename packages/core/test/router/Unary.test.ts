/** A call that is not streamed, in the corners: hostile parts, odd options, and what the record says. */
import { assert, describe, it } from "@effect/vitest"
import { RouteError, type Router, Telemetry } from "@spillway/core"
import type { AttemptReason } from "@spillway/core/Cost"
import type { AttemptRecord, DecisionRecord } from "@spillway/core/Decision"
import type { Gate } from "@spillway/core/Gate"
import { Cause, Context, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { inVirtualTime, overloaded, rateLimited, router, wrongKey } from "./fixture.ts"
import { reasonOf } from "./support/Provider.ts"
import * as World from "./support/World.ts"

const errorOf = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)

describe("a call and its record", () => {
  it.effect("calls it a failover when another target is asked, however long the call has waited before", () =>
    Effect.gen(function* () {
      const { router } = yield* World.make(["a", "b"], { timeouts: { attempt: "1 second" } })
      yield* Effect.exit(
        router.route({ needs: { allow: ({ id }) => id === "b" }, deadline: "2 seconds" }, () =>
          Effect.fail(rateLimited(10))
        )
      )
      const seen: Array<string> = []
      yield* inVirtualTime(
        router.route({}, ({ reason, target }) => {
          seen.push(`${target.id} ${reason}`)
          return target.id === "a" ? Effect.never : Effect.succeed("ok")
        }),
        "1 minute"
      )
      assert.deepStrictEqual(seen, ["a primary", "b failover" satisfies `b ${AttemptReason}`])
    })
  )

  it.effect("is told to a listener with every attempt, its reason and the time it waited", () =>
    Effect.gen(function* () {
      const { records, router } = yield* World.make(["a"])
      let asked = 0
      yield* inVirtualTime(
        router.route({}, () =>
          Effect.delay(asked++ === 0 ? Effect.fail(rateLimited(10)) : Effect.succeed("ok"), "1 second")
        ),
        "1 minute"
      )
      const [record] = records
      assert.deepStrictEqual(
        record?.attempts.map(({ errorType, ms, outcome, reason }) => [reason, outcome, errorType, ms]),
        [
          ["primary", "failed", "RateLimited", 1000],
          ["retry", "won", undefined, 1000]
        ]
      )
      assert.isAtLeast(record?.waitedMs ?? 0, 10_000)
      assert.isAtMost(record?.waitedMs ?? 0, 11_000)
      assert.strictEqual(record?.totalMs, 2000 + (record?.waitedMs ?? 0))
    })
  )

  it.effect("pays the retry budget only for attempts that are made", () =>
    Effect.gen(function* () {
      // One extra attempt in ten seconds.
      const { router } = yield* World.make(["a", "b", "c"], { retry: { budget: { ratio: 0, minPerSecond: 0.1 } } })
      const lonely = yield* Effect.exit(
        router.route({ needs: { allow: ({ id }) => id === "a" }, deadline: "1 minute" }, () =>
          Effect.fail(rateLimited(3600))
        )
      )
      assert.strictEqual(reasonOf(lonely), "NoCandidate")
      const answer = yield* Effect.exit(
        router.route({ needs: { allow: ({ id }) => id !== "a" } }, ({ target }) =>
          target.id === "b" ? Effect.fail(overloaded) : Effect.succeed(target.id)
        )
      )
      assert.strictEqual(Exit.isSuccess(answer) ? answer.value : reasonOf(answer), "c")
    })
  )
})

describe("a call that finds no target", () => {
  it.effect("waits for a permit no longer than maxWait", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 20; i++) {
        const { records, router } = yield* World.make(["a"], {
          limits: { maxInFlight: 1 },
          admission: { maxWait: "1 second" }
        })
        const busy = yield* Effect.forkChild(
          router.route({}, () => Effect.never),
          { startImmediately: true }
        )
        const exit = yield* inVirtualTime(Effect.exit(router.route({}, () => Effect.succeed("ok"))), "50 seconds")
        assert.strictEqual(reasonOf(exit), "NoCandidate")
        assert.isAtMost(records[0]?.totalMs ?? Number.NaN, 1000)
        yield* Fiber.interrupt(busy)
      }
    })
  )

  it.effect("takes the permit that comes free while it waits", () =>
    Effect.gen(function* () {
      const { problems, router } = yield* World.make(["a"], { limits: { maxInFlight: 1 } })
      yield* Effect.forkChild(
        router.route({}, () => Effect.sleep("30 millis")),
        { startImmediately: true }
      )
      assert.strictEqual(
        yield* inVirtualTime(
          router.route({}, () => Effect.succeed("ok")),
          "10 seconds"
        ),
        "ok"
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("says so, and does not hang or die, when a target rests for ever", () =>
    Effect.gen(function* () {
      for (const slow of [false, true]) {
        const { problems, router } = yield* World.make(["a"], { gates: { cooldown: { misconfiguredFor: "Infinity" } } })
        const call = () => (slow ? Effect.delay(Effect.fail(wrongKey), "1 second") : Effect.fail(wrongKey))
        const fiber = yield* Effect.forkChild(Effect.exit(router.route({}, call)), { startImmediately: true })
        yield* TestClock.adjust("10 minutes")
        const exit = fiber.pollUnsafe()
        assert.isDefined(exit, "never ended")
        if (exit !== undefined && Exit.isSuccess(exit)) assert.instanceOf(errorOf(exit.value), RouteError.RouteError)
        const again = yield* Effect.exit(router.route({}, call))
        assert.instanceOf(errorOf(again), RouteError.RouteError)
        assert.deepStrictEqual(problems(), [])
      }
    })
  )

  it.effect("ends, whichever evaluation of the application's own constraint throws", () =>
    Effect.gen(function* () {
      for (let at = 1; at <= 30; at++) {
        const { inFlight, router } = yield* World.make(["a", "b"], { retry: { maxAttempts: 4 } })
        let evaluations = 0
        const allow = () => {
          if (++evaluations === at) throw new Error("bug of the constraint")
          return true
        }
        const fiber = yield* Effect.forkChild(
          Effect.exit(
            router.route({ needs: { allow }, deadline: "1 minute" }, () =>
              Effect.delay(Effect.fail(overloaded), "10 millis")
            )
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust("2 minutes")
        assert.isDefined(fiber.pollUnsafe(), `never ended when evaluation ${at} threw`)
        assert.strictEqual(inFlight(), 0)
      }
    })
  )
})

describe("parts of the application that throw", () => {
  const bug = new Error("bug")
  const boom = (): never => {
    throw bug
  }

  it.effect("do not change a call when they only watch", () =>
    Effect.gen(function* () {
      const watching = (which: string): Telemetry.Telemetry => {
        const at = <A>(name: string, value: A): A => (name === which ? boom() : value)
        return {
          attach: () => at("attach", undefined),
          event: () => at("event", undefined),
          call: () =>
            at("call", {
              skipped: () => at("skipped", undefined),
              end: () => at("end", undefined),
              attempt: () =>
                at("attempt", {
                  firstContent: () => at("firstContent", undefined),
                  end: () => at("attempt.end", undefined)
                })
            })
        }
      }
      const warn = console.warn
      console.warn = () => {}
      try {
        for (const which of ["attach", "event", "call", "skipped", "end", "attempt", "firstContent", "attempt.end"]) {
          const routed = yield* Effect.provideService(router(["a", "b"]), Telemetry.CurrentTelemetry, watching(which))
          const call = ({ target }: Router.Attempt<"a" | "b", string>) =>
            target.id === "a" ? Effect.fail(rateLimited(30)) : Effect.succeed(target.id)
          assert.strictEqual(yield* routed.route({}, call), "b", which)
          assert.strictEqual(yield* routed.route({}, call), "b", which)
          const status = yield* routed.status
          assert.deepStrictEqual(
            status.targets.map(({ inFlight }) => inFlight),
            [0, 0],
            which
          )
        }
      } finally {
        console.warn = warn
      }
    })
  )

  it.effect("do not cost a permit when watching makes a constraint be asked once more", () =>
    Effect.gen(function* () {
      const telemetry: Telemetry.Telemetry = {
        call: () => ({ skipped: () => {}, end: () => {}, attempt: () => ({ end: () => {} }) })
      }
      const allow = ({ id }: { readonly id: string }) => (id === "a" ? true : boom())
      for (const given of [undefined, telemetry]) {
        const routed = yield* Effect.provideService(router(["a", "b"]), Telemetry.CurrentTelemetry, given)
        const exit = yield* Effect.exit(routed.route({ needs: { allow } }, ({ target }) => Effect.succeed(target.id)))
        assert.strictEqual(Exit.isSuccess(exit) ? exit.value : String(errorOf(exit)), "a")
        assert.strictEqual((yield* routed.status).targets[0]?.inFlight, 0)
      }
    })
  )

  it.effect("take the place of the answer when they decide, and nothing is lost", () =>
    Effect.gen(function* () {
      const gate = (which: "peek" | "admit"): Gate => ({
        name: "moody",
        peek: () => (which === "peek" ? boom() : undefined),
        admit: () => (which === "admit" ? boom() : {}),
        settle: () => [],
        snapshot: () => ({ state: "moody" }),
        restore: () => {}
      })
      const pickers = { name: "moody", make: () => Effect.succeed({ pick: boom }) }
      for (const make of [
        World.make(["a"], { strategy: pickers }),
        World.make(["a"], { gatesOf: () => [gate("peek")] }),
        World.make(["a"], { gatesOf: () => [gate("admit")] })
      ]) {
        const { problems, router } = yield* make
        const exit = yield* Effect.exit(router.route({}, () => Effect.succeed("ok")))
        assert.strictEqual(errorOf(exit), bug)
        assert.deepStrictEqual(problems(), [])
      }
    })
  )

  it.effect("leave the classification at that: what a classifier throws is not seen, the error is handed back", () =>
    Effect.gen(function* () {
      const { problems, router, core } = yield* World.make(["a", "b"], {
        classify: boom,
        timeouts: { attempt: "1 second" }
      })
      const error = yield* Effect.flip(router.route({}, () => Effect.fail(overloaded)))
      assert.strictEqual(error, overloaded)
      const late = yield* inVirtualTime(Effect.exit(router.route({}, () => Effect.never)), "1 minute")
      assert.instanceOf(errorOf(late), RouteError.RouteError)
      assert.strictEqual(core.states[0]?.failed, 0)
      assert.deepStrictEqual(problems(), [])
    })
  )
})

describe("an observer", () => {
  it.effect("may be an instance of a class: what it inherits is not lost", () =>
    Effect.gen(function* () {
      const Span = Context.Reference<string>("test/Span", { defaultValue: () => "none" })
      const seen: Array<string> = []
      class Attempts {
        get context() {
          return Context.make(Span, "span of the attempt")
        }
        firstContent() {
          seen.push("first content")
        }
        end(record: AttemptRecord) {
          seen.push(`attempt ${record.outcome}`)
        }
      }
      class Calls {
        attempt() {
          return new Attempts()
        }
        skipped() {
          seen.push("skipped")
        }
        end(record: DecisionRecord) {
          seen.push(`call ${record.outcome}`)
        }
      }
      class Tells {
        call() {
          return new Calls()
        }
      }
      const routed = yield* Effect.provideService(router(["a"]), Telemetry.CurrentTelemetry, new Tells())
      assert.strictEqual(yield* routed.route({}, () => Effect.service(Span)), "span of the attempt")
      assert.deepStrictEqual(seen, ["attempt won", "call ok"])
    })
  )
})

describe("an attempt", () => {
  it.effect("shows a fired signal also to who asks for it after its end", () =>
    Effect.gen(function* () {
      const { router } = yield* World.make(["a"], { retry: { maxAttempts: 1 }, timeouts: { attempt: "1 second" } })
      const attempts: Array<{ readonly signal: AbortSignal }> = []
      yield* inVirtualTime(
        Effect.exit(
          router.route({}, (attempt) => {
            attempts.push(attempt)
            return Effect.never
          })
        ),
        "10 seconds"
      )
      assert.strictEqual(attempts[0]?.signal.aborted, true)
    })
  )

  it.effect("that interrupts itself interrupts the call, and nothing is lost", () =>
    Effect.gen(function* () {
      const { core, problems, router } = yield* World.make(["a", "b"])
      const fiber = yield* Effect.forkChild(
        router.route({}, () => Effect.interrupt),
        { startImmediately: true }
      )
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(core.states[0]?.failed, 0)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("that does not listen keeps its slot past the deadline, and the next call waits its turn", () =>
    Effect.gen(function* () {
      const { inFlight, problems, router } = yield* World.make(["a"])
      const stubborn = Effect.uninterruptible(Effect.sleep("5 seconds"))
      const fiber = yield* Effect.forkChild(Effect.exit(router.route({ deadline: "1 second" }, () => stubborn)), {
        startImmediately: true
      })
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(inFlight(), 1)
      yield* TestClock.adjust("1 millis")
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual(problems(), [])
    })
  )
})
