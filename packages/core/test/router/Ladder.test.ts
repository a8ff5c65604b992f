/** What is still tried when the tiers have failed, in which order, and what it costs. */
import { assert, describe, it } from "@effect/vitest"
import {
  createRouter,
  DefaultPipeline,
  Degradation,
  Gate,
  Pipeline,
  type ProviderModel,
  RateLimit,
  RoutedModel,
  type RouteError,
  RouteRequest,
  type Router
} from "@spillway/core"
import { Cause, Clock, Effect, Exit, Fiber, Layer, Scheduler, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Around from "../../src/router/internal/Around.ts"
import { inOrder, inVirtualTime, invalidRequest, overloaded, services } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Piped from "./support/Piped.ts"
import { fork } from "./support/Piped.ts"
import { reasonOf } from "./support/Provider.ts"

const { refuse, shorterOutput, staleCache } = Degradation

/** No second attempt by the router itself, so that a further one is the ladder's. */
const setup = (ladder: ReadonlyArray<Degradation.Rung>, options: Piped.Options = {}) =>
  Piped.make({ degradation: { ladder }, retry: { maxAttempts: 1 }, ...options })

/** A model that can do no more than `tokens`, and writes down what it was asked for. */
const model = (tokens: number, ms = 0) => {
  const asked: Array<number | undefined> = []
  return {
    asked,
    call: ({ request }: Router.Attempt<string, unknown>) =>
      Effect.delay(
        Effect.suspend(() => {
          const { maxOutputTokens } = request
          asked.push(maxOutputTokens)
          return (maxOutputTokens ?? Number.POSITIVE_INFINITY) <= tokens
            ? Effect.succeed(`${maxOutputTokens} tokens`)
            : Effect.fail(overloaded)
        }),
        ms
      )
  }
}

const routeErrorOf = (exit: Exit.Exit<unknown, unknown>): RouteError.RouteError => {
  assert.isTrue(Exit.isFailure(exit))
  return Cause.squash((exit as Exit.Failure<unknown, unknown>).cause) as RouteError.RouteError
}

describe("a shorter answer", () => {
  it.effect("is asked for when the tiers have failed, and says that it is one", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 })])
      const { asked, call } = model(100)
      const answer = yield* made.router.answer({}, call)
      assert.deepStrictEqual(answer, {
        value: "100 tokens",
        servedBy: "a",
        degraded: true,
        source: "model",
        rung: "ShorterOutput",
        attempts: 1
      })
      assert.deepStrictEqual(asked, [undefined, 100])
      assert.strictEqual(yield* made.router.route({}, call), "100 tokens")
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is not asked for by a call that is answered, or that was the caller's own mistake or bug", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 }), refuse("no")])
      const { asked, call } = model(Number.POSITIVE_INFINITY)
      const answer = yield* made.router.answer({}, call)
      assert.deepStrictEqual([answer.degraded, answer.rung], [false, undefined])
      assert.strictEqual(yield* Effect.flip(made.router.route({}, () => Effect.fail(invalidRequest))), invalidRequest)
      assert.isTrue(Exit.hasDies(yield* Effect.exit(made.router.route({}, () => Effect.die("bug")))))
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(made.router.route({}, () => Effect.interrupt))))
      assert.deepStrictEqual(asked, [undefined])
    })
  )

  it.effect("is never longer than what the call asked for", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 }), shorterOutput({ maxTokens: 10 })])
      const { asked, call } = model(0)
      yield* Effect.exit(made.router.route({ maxOutputTokens: 50 }, call))
      assert.deepStrictEqual(asked, [50, 50, 10])
    })
  )

  it.effect("is paid from the retry budget, and not asked for when that has none to spare", () =>
    Effect.gen(function* () {
      const budget = { ratio: 0, minPerSecond: 2, ttl: "1 second" } as const
      const made = yield* setup([shorterOutput({ maxTokens: 100 })], { retry: { maxAttempts: 1, budget } })
      const { asked, call } = model(0)
      for (let i = 0; i < 5; i++) yield* Effect.exit(made.router.route({}, call))
      assert.deepStrictEqual(asked, [undefined, 100, undefined, 100, undefined, undefined, undefined])
      assert.strictEqual(made.core.retry.budget.snapshot(made.core.now()).extras, 2)
    })
  )

  it.effect("has what is left of the call's deadline, and no more", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 })], { gates: { breaker: false } })
      const deadlines: Array<number> = []
      const slow = (ms: number) => (attempt: Router.Attempt<string, unknown>) =>
        Effect.suspend(() => {
          deadlines.push(attempt.request.deadlineMs)
          return Effect.andThen(Effect.sleep(ms), Effect.fail(overloaded))
        })
      const began = made.core.now()
      const fiber = yield* fork(
        Effect.map(Effect.exit(made.router.route({ deadline: 1000 }, slow(700))), (exit) => [
          reasonOf(exit),
          made.core.now() - began
        ])
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["DeadlineExceeded", 1000])
      assert.deepStrictEqual(deadlines, [1000, 300])
      assert.deepStrictEqual(yield* made.outcomes, ["AttemptsExhausted model a", "DeadlineExceeded model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is not asked for when the deadline is what the call failed with", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 })])
      const { asked, call } = model(0, 700)
      const exit = yield* inVirtualTime(Effect.exit(made.router.route({ deadline: 500 }, call)))
      assert.strictEqual(reasonOf(exit), "DeadlineExceeded")
      assert.deepStrictEqual(asked, [])
      assert.strictEqual(made.records.length, 1)
    })
  )

  it.effect("is neither stored nor shared", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 })])
      const { asked, call } = model(100)
      const ask = made.router.answer({ cacheKey: "river" }, call)
      assert.strictEqual((yield* ask).rung, "ShorterOutput")
      assert.strictEqual((yield* ask).rung, "ShorterOutput")
      assert.deepStrictEqual(asked, [undefined, 100, undefined, 100])
      assert.strictEqual((yield* made.cache.snapshot).entries, 0)
    })
  )

  it.effect("is not asked for by a call that must not be sent twice and has been sent", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 })])
      const { asked, call } = model(100)
      const exit = yield* Effect.exit(made.router.route({ idempotent: false }, call))
      assert.strictEqual(reasonOf(exit), "AttemptsExhausted")
      assert.deepStrictEqual(asked, [undefined])
    })
  )

  it.effect("is the first sending of such a call when it could not be sent before", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 })])
      yield* made.router.isolate("a")
      yield* made.router.isolate("b")
      const exit = yield* Effect.exit(made.router.route({ idempotent: false }, model(100).call))
      assert.strictEqual(reasonOf(exit), "NoCandidate")
      // It was tried: the second record is the rung's.
      assert.deepStrictEqual(yield* made.outcomes, ["NoCandidate model ", "NoCandidate model "])
    })
  )

  it.effect("reaches a routed model as the limits of its call", () =>
    Effect.gen(function* () {
      const limits: Array<ProviderModel.CallLimits | undefined> = []
      const usage = {
        inputTokens: { uncached: 1, total: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 }
      }
      const finish = { type: "finish", reason: "stop", usage } as const
      const client: ProviderModel.ProviderModel = {
        provider: "p",
        model: "m",
        capabilities: new Set(),
        generate: (_options, given) => {
          limits.push(given)
          return given === undefined
            ? Effect.fail(overloaded)
            : Effect.succeed([{ type: "text", text: "short" }, finish])
        },
        stream: (_options, given) => {
          limits.push(given)
          return given === undefined
            ? Stream.fail(overloaded)
            : Stream.make(
                { type: "text-start", id: "0" } as const,
                { type: "text-delta", id: "0", delta: "short" } as const,
                { type: "text-end", id: "0" } as const,
                finish
              )
        }
      }
      const context = yield* Layer.build(
        RoutedModel.layer({ targets: [{ id: "a", client }] }).pipe(
          Layer.provide(
            services({ degradation: { ladder: [shorterOutput({ maxTokens: 100 })] }, retry: { maxAttempts: 1 } })
          )
        )
      )
      const whole = yield* Effect.provide(LanguageModel.generateText({ prompt: "hi" }), context)
      assert.strictEqual(whole.text, "short")
      assert.deepStrictEqual(limits, [undefined, { maxOutputTokens: 100 }])
      const streamed = yield* Effect.provide(Stream.runCollect(LanguageModel.streamText({ prompt: "hi" })), context)
      assert.isTrue(streamed.some((part) => part.type === "text-delta" && part.delta === "short"))
      assert.deepStrictEqual(limits.slice(2), [undefined, { maxOutputTokens: 100 }])
      // What the application says itself is handed on too.
      const own = Effect.provideService(LanguageModel.generateText({ prompt: "hi" }), RoutedModel.CurrentRequest, {
        maxOutputTokens: 7
      })
      yield* Effect.provide(own, context)
      assert.deepStrictEqual(limits.slice(4), [{ maxOutputTokens: 7 }])
    })
  )
})

describe("an old answer", () => {
  /** Stored at 0, too old at 1000, kept for another hour. */
  const cache = { ttl: 1000, staleIfError: "1 hour" } as const
  const ask = (made: Piped.Piped, deadline: number, call: () => Effect.Effect<string, typeof overloaded>) =>
    made.router.answer({ cacheKey: "river", deadline }, call)
  const slow = () => Effect.delay(Effect.succeed("new"), 5000)

  it.effect("is the cache's own to give when the model fails: the ladder is not asked", () =>
    Effect.gen(function* () {
      const made = yield* setup([staleCache(), refuse("no")], { cache })
      yield* ask(made, 1000, () => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      const again = yield* ask(made, 1000, () => Effect.fail(overloaded))
      assert.deepStrictEqual([again.value, again.source, again.degraded, again.rung], ["old", "stale", true, undefined])
    })
  )

  it.effect("is kept for the rung, and comes after the rungs before it", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 10 }), staleCache({ maxAge: "1 hour" }), refuse("no")], {
        cache: { ttl: 1000 }
      })
      const down = model(0)
      yield* ask(made, 1000, () => Effect.succeed("old"))
      yield* TestClock.adjust("30 minutes")
      const old = yield* made.router.answer({ cacheKey: "river" }, down.call)
      assert.deepStrictEqual([old.value, old.source, old.degraded, old.rung], ["old", "stale", true, "StaleCache"])
      assert.deepStrictEqual(down.asked, [undefined, 10])
      const failed = "AttemptsExhausted model a"
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", failed, failed, "ok stale "])
      yield* TestClock.adjust("31 minutes")
      const late = yield* Effect.exit(made.router.answer({ cacheKey: "river" }, down.call))
      assert.strictEqual(reasonOf(late), "Refused")
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("stands in for one whose run takes longer than the call may, and says so", () =>
    Effect.gen(function* () {
      const made = yield* setup([staleCache(), refuse("no")], { cache })
      yield* ask(made, 1000, () => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      const patient = yield* fork(ask(made, 60_000, slow))
      const hurried = yield* fork(ask(made, 500, slow))
      yield* TestClock.adjust(501)
      assert.deepStrictEqual(yield* Fiber.join(hurried), {
        value: "old",
        servedBy: "a",
        degraded: true,
        source: "stale",
        rung: "StaleCache",
        attempts: 0
      })
      yield* TestClock.adjust(5000)
      assert.strictEqual((yield* Fiber.join(patient)).value, "new")
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok stale ", "ok model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is passed over when it is older than the rung allows, or when the call named none", () =>
    Effect.gen(function* () {
      const made = yield* setup([staleCache({ maxAge: 1800 }), refuse("no")], { cache })
      yield* ask(made, 1000, () => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      yield* fork(ask(made, 60_000, slow))
      const late = yield* fork(Effect.exit(ask(made, 500, slow)))
      yield* TestClock.adjust(501)
      assert.strictEqual(reasonOf(yield* Fiber.join(late)), "Refused")
      const unnamed = yield* Effect.exit(made.router.route({}, () => Effect.fail(overloaded)))
      assert.strictEqual(reasonOf(unnamed), "Refused")
    })
  )

  it.effect("of a stream is replayed whole, and only to one who has nothing yet", () =>
    Effect.gen(function* () {
      const made = yield* setup([staleCache()], { cache })
      let opened = 0
      const open = () => {
        opened++
        if (opened === 1) return Stream.make("old ", "answer")
        return Stream.fromEffect(Effect.delay(Effect.succeed("new"), opened === 2 ? 5000 : 100)).pipe(
          Stream.concat(Stream.never)
        )
      }
      const read = (deadline: number) => Stream.runCollect(made.router.stream({ cacheKey: "river", deadline }, open))
      assert.deepStrictEqual(yield* read(1000), ["old ", "answer"])
      yield* TestClock.adjust(1500)
      const patient = yield* fork(read(60_000))
      const hurried = yield* fork(read(500))
      yield* TestClock.adjust(501)
      assert.deepStrictEqual(yield* Fiber.join(hurried), ["old ", "answer"])
      yield* Fiber.interrupt(patient)
      const parts: Array<string> = []
      yield* fork(read(60_000))
      const begun = yield* fork(
        Effect.exit(
          Stream.runForEach(made.router.stream({ cacheKey: "river", deadline: 500 }, open), (part) =>
            Effect.sync(() => parts.push(part))
          )
        )
      )
      yield* TestClock.adjust(501)
      assert.strictEqual(reasonOf(yield* Fiber.join(begun)), "DeadlineExceeded")
      assert.deepStrictEqual(parts, ["new"])
      assert.deepStrictEqual((yield* made.outcomes).slice(0, 4), [
        "ok model a",
        "ok stale ",
        "cancelled model a",
        "DeadlineExceeded coalesced "
      ])
    })
  )
})

describe("a refusal", () => {
  it.effect("is the application's own words in a RouteError, with what was tried", () =>
    Effect.gen(function* () {
      const made = yield* setup([refuse("We are busy. Please come back in a minute.")])
      const error = routeErrorOf(yield* Effect.exit(made.router.route({}, () => Effect.fail(overloaded))))
      assert.strictEqual(
        error.reason._tag === "Refused" && error.reason.text,
        "We are busy. Please come back in a minute."
      )
      assert.include(error.message, "We are busy. Please come back in a minute.")
      assert.deepStrictEqual(
        error.attempts.map(({ errorType, target }) => `${target} ${errorType}`),
        ["a Overloaded"]
      )
      assert.strictEqual(error.last, overloaded)
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("says when it is worth asking again, where that is known", () =>
    Effect.gen(function* () {
      const limited = { requestsPerMinute: 60, burst: 1 }
      const made = yield* setup([refuse("no")], {
        pipeline: Pipeline.replace(
          DefaultPipeline.pipeline,
          "gates",
          Pipeline.targetGate("gates", () => RateLimit.make(limited))
        )
      })
      const both = [made.router.route({}, () => Effect.void), made.router.route({}, () => Effect.void)]
      for (const call of both) yield* call
      const error = routeErrorOf(yield* Effect.exit(made.router.route({ deadline: 10 }, () => Effect.void)))
      assert.deepStrictEqual([error.reason._tag, error.retryAfterMs], ["Refused", 1000])
    })
  )

  it.effect("comes only for the reasons it was written for", () =>
    Effect.gen(function* () {
      const made = yield* setup([
        refuse("too slow", { on: ["DeadlineExceeded"] }),
        refuse("nobody", { on: ["NoCandidate"] })
      ])
      const text = (exit: Exit.Exit<unknown, unknown>) => {
        const { reason } = routeErrorOf(exit)
        return reason._tag === "Refused" ? reason.text : reason._tag
      }
      const failed = yield* Effect.exit(made.router.route({}, () => Effect.fail(overloaded)))
      const slow = made.router.route({ deadline: 100 }, () => Effect.never)
      const tooSlow = yield* inVirtualTime(Effect.exit(slow))
      yield* made.router.isolate("a")
      yield* made.router.isolate("b")
      const nobody = yield* Effect.exit(made.router.route({}, () => Effect.void))
      assert.deepStrictEqual([failed, tooSlow, nobody].map(text), ["AttemptsExhausted", "too slow", "nobody"])
    })
  )

  it.effect("answers a call that the router's own gate did not let in", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 1 }), refuse("busy")], { shed: () => closed })
      const error = routeErrorOf(yield* Effect.exit(made.router.route({}, () => Effect.void)))
      assert.strictEqual(error.reason._tag, "Refused")
      // More load is no answer to overload: the shorter answer was not asked for.
      assert.deepStrictEqual(yield* made.outcomes, ["Overloaded model "])
    })
  )

  it("rejects the promise of a call made without Effect", async () => {
    const router = createRouter({
      targets: [{ id: "a", client: 1 }],
      strategy: inOrder,
      retry: { maxAttempts: 1 },
      degradation: { ladder: [refuse("busy")] }
    })
    const error = await router.route(() => Promise.reject(overloaded)).catch((error: unknown) => error)
    assert.strictEqual((error as RouteError.RouteError).reason._tag, "Refused")
    await router.close()
  })
})

describe("the rungs", () => {
  it.effect("are tried in their order, each once, and the last one ends the call", () =>
    Effect.gen(function* () {
      const ladder = [shorterOutput({ maxTokens: 100 }), shorterOutput({ maxTokens: 10 }), staleCache(), refuse("no")]
      const made = yield* setup(ladder, { gates: { breaker: false } })
      const first = model(100)
      assert.strictEqual((yield* made.router.answer({}, first.call)).value, "100 tokens")
      const second = model(10)
      assert.strictEqual((yield* made.router.answer({}, second.call)).value, "10 tokens")
      assert.deepStrictEqual(second.asked, [undefined, 100, 10])
      const third = model(0)
      assert.strictEqual(reasonOf(yield* Effect.exit(made.router.answer({ cacheKey: "k" }, third.call))), "Refused")
      assert.deepStrictEqual(third.asked, [undefined, 100, 10])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("go on after one that ran out of time: those that need none are left", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 }), shorterOutput({ maxTokens: 10 }), refuse("no")])
      const { asked, call } = model(0, 700)
      const exit = yield* inVirtualTime(Effect.exit(made.router.route({ deadline: 1000 }, call)))
      assert.strictEqual(reasonOf(exit), "Refused")
      assert.deepStrictEqual(asked, [undefined])
      assert.deepStrictEqual(yield* made.outcomes, ["AttemptsExhausted model a", "DeadlineExceeded model a"])
    })
  )

  it.effect("end with an error of the caller's own as it is", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 }), refuse("no")])
      const error = yield* Effect.flip(
        made.router.route({}, ({ request }) =>
          Effect.fail(request.maxOutputTokens === undefined ? overloaded : invalidRequest)
        )
      )
      assert.strictEqual(error, invalidRequest)
    })
  )

  it.effect("of a stream are tried before its first part, and not after it", () =>
    Effect.gen(function* () {
      const made = yield* setup([shorterOutput({ maxTokens: 100 }), refuse("no")], { gates: { breaker: false } })
      const asked: Array<number | undefined> = []
      const read = (full: Stream.Stream<string, typeof overloaded>, less: typeof full) => {
        const parts: Array<string> = []
        const stream = made.router.stream({}, ({ request }) => {
          asked.push(request.maxOutputTokens)
          return request.maxOutputTokens === undefined ? full : less
        })
        return Effect.map(
          Effect.exit(Stream.runForEach(stream, (part) => Effect.sync(() => parts.push(part)))),
          (exit) => [parts.join(" "), reasonOf(exit)]
        )
      }
      const down = Stream.fail(overloaded)
      const broken = Stream.concat(Stream.make("one"), down)
      assert.deepStrictEqual(yield* read(down, Stream.make("short", "answer")), ["short answer", "success"])
      assert.deepStrictEqual(yield* read(down, down), ["", "Refused"])
      assert.deepStrictEqual(yield* read(broken, Stream.make("short")), ["one", "StreamBroken"])
      assert.deepStrictEqual(yield* read(down, broken), ["one", "StreamBroken"])
      assert.deepStrictEqual(asked, [undefined, 100, undefined, 100, undefined, undefined, 100])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("of a stream do not follow a deadline that ran out after its first part", () =>
    Effect.gen(function* () {
      const made = yield* setup([refuse("no")])
      const parts: Array<string> = []
      const stream = made.router.stream({ deadline: 100 }, () => Stream.concat(Stream.make("one"), Stream.never))
      const exit = yield* inVirtualTime(
        Effect.exit(Stream.runForEach(stream, (part) => Effect.sync(() => parts.push(part))))
      )
      assert.deepStrictEqual([parts, reasonOf(exit)], [["one"], "DeadlineExceeded"])
    })
  )

  it.effect("cost a call nothing where there are none", () =>
    Effect.gen(function* () {
      const none = yield* setup([])
      const some = yield* setup([refuse("no")])
      const direct = (made: Piped.Piped) => Around.isDirect(made.core, RouteRequest.unspecified, "route")
      assert.deepStrictEqual([direct(none), direct(some)], [true, false])
    })
  )
})

describe("an interruption between any two operations of a call on its way down", () => {
  const yields = (n: number) => Effect.repeat(Effect.yieldNow, { times: n })
  const fails = Effect.andThen(yields(2), Effect.fail(overloaded))
  const isShort = ({ request }: Router.Attempt<string, unknown>) => request.maxOutputTokens !== undefined
  const scenarios: Record<string, (router: Piped.Piped["router"]) => Effect.Effect<unknown, unknown>> = {
    "to a shorter answer": (router) =>
      router.route({ cacheKey: "k" }, (attempt) => (isShort(attempt) ? Effect.as(yields(2), "short") : fails)),
    "to its end": (router) => router.route({}, () => fails),
    "to a shorter stream": (router) =>
      Stream.runDrain(
        router.stream({ cacheKey: "k" }, (attempt) =>
          isShort(attempt)
            ? Stream.concat(Stream.make("one"), Stream.fromEffect(Effect.as(yields(2), "two")))
            : Stream.fromEffect(fails)
        )
      )
  }
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(`loses nothing: ${name}`, () =>
      Effect.gen(function* () {
        const problems: Array<string> = []
        for (let ops = 3; ops <= 64 && problems.length === 0; ops += ops < 16 ? 1 : 8) {
          const made = yield* setup([shorterOutput({ maxTokens: 10 }), refuse("no")], {
            gates: { breaker: false },
            retry: { maxAttempts: 1, budget: { minPerSecond: 1_000_000 } }
          })
          for (let k = 0, over = false; k <= 150 && !over; k++) {
            const fiber = yield* fork(scenario(made.router)).pipe(
              Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
            )
            for (let i = 0; i < k; i++) yield* Effect.yieldNow
            over = fiber.pollUnsafe() !== undefined
            yield* Fiber.interrupt(fiber)
            const { inFlight } = yield* made.cache.snapshot
            const found = [...made.problems(), ...(inFlight > 0 ? [`${inFlight} runs`] : [])]
            problems.push(...found.map((problem) => `${ops} operations, ${k} yields: ${problem}`))
            if (found.length > 0) break
          }
        }
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.provideService(Clock.Clock, ManualClock.make()))
    )
  }
})

const closed: Gate.Gate = {
  name: "closed",
  peek: () => Gate.reject("Shed"),
  admit: () => Gate.reject("Shed"),
  settle: () => Gate.noEvents,
  snapshot: () => ({ state: "closed" }),
  restore: () => {}
}
