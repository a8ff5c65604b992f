/** What is still tried when the tiers have failed, in which order, and what it costs. */
import { assert, describe, it } from "@effect/vitest"
import {
  createRouter,
  Degradation,
  type ProviderModel,
  RetryBudget,
  RoutedModel,
  type RouteError,
  RouteRequest,
  Router
} from "@spillway/core"
import { Cause, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"
import { inOrder, inVirtualTime, invalidRequest, overloaded, services } from "./fixture.ts"
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
          return given === undefined ? Effect.fail(overloaded) : Effect.succeed([{ type: "text", text: "short" }, finish])
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
  const short = { cache: { ttl: 1000, staleIfError: "1 hour" } } as const
  /** Kept long enough to be found, but the cache itself does not serve it. */
  const kept = { cache: { ttl: "1 hour" } } as const

  it.effect("stands in for one that cannot be had, and says that it is one", () =>
    Effect.gen(function* () {
      // The cache serves it for an error of the targets too; the ladder, here, because the call was not let in.
      const made = yield* setup([staleCache()], short)
      const ask = (call: () => Effect.Effect<string, typeof overloaded>) =>
        made.router.answer({ cacheKey: "river" }, call)
      yield* ask(() => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      const again = yield* ask(() => Effect.fail(overloaded))
      assert.deepStrictEqual([again.value, again.source, again.degraded, again.rung], ["old", "stale", true, undefined])
    })
  )

  it.effect("comes from the rung where the cache itself would not give it", () =>
    Effect.gen(function* () {
      const made = yield* setup([staleCache({ maxAge: 5000 })], { cache: { ttl: 1000, staleFor: 0, staleIfError: 1 } })
      const ask = (call: () => Effect.Effect<string, typeof overloaded>) =>
        made.router.answer({ cacheKey: "river" }, call)
      yield* ask(() => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      const again = yield* Effect.exit(ask(() => Effect.fail(overloaded)))
      console.log(again)
    })
  )
})
