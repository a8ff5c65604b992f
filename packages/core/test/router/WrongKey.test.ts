/** A wrong key is mended by somebody who acts: nobody waits for it, and the error says which target it is. */
import { assert, describe, it } from "@effect/vitest"
import { Classifier, createRouter, RoutedModel, RouteError, type Strategy } from "@spillway/core"
import { Duration, Effect, Fiber } from "effect"
import type { AiError } from "effect/ai"
import { TestClock } from "effect/testing"
import { inOrder, overloaded, rateLimited, router, wrongKey } from "./fixture.ts"
import { failed, setup, spillwayOf } from "./support/Models.ts"

const always = (error: AiError.AiError) => () => error
const fails = (error: AiError.AiError) => () => Effect.fail(error)

describe("a pool in which every key is wrong", () => {
  for (const way of ["generate", "stream"] as const) {
    it.effect(`fails every call at once, with what to do about it (${way})`, () =>
      Effect.gen(function* () {
        const { asked, [way]: ask } = yield* setup([
          { id: "a", fails: always(wrongKey) },
          { id: "b", fails: always(wrongKey) }
        ])
        const first = yield* failed(ask())
        assert.strictEqual(first.error.reason._tag, "AuthenticationError")
        const { error, ms } = yield* failed(ask())
        assert.strictEqual(ms, 0)
        assert.strictEqual(error.reason._tag, "InvalidRequestError")
        assert.isFalse(error.isRetryable)
        assert.include(error.message, "a Misconfigured, b Misconfigured")
        assert.include(error.message, "key, account or model name")
        const { exclusions, reason } = spillwayOf(error)
        assert.strictEqual(reason, "NoCandidate")
        assert.deepStrictEqual(
          (exclusions as ReadonlyArray<RouteError.Exclusion>).map(({ reason, target }) => `${target} ${reason}`),
          ["a Misconfigured", "b Misconfigured"]
        )
        assert.deepStrictEqual(asked, ["a", "b"])
      })
    )
  }

  it.effect("is asked again by whoever comes when its rest is over", () =>
    Effect.gen(function* () {
      let error: AiError.AiError | undefined = wrongKey
      const { asked, generate } = yield* setup([{ id: "a", fails: () => error }])
      yield* Effect.flip(generate())
      error = undefined
      yield* TestClock.adjust("4 minutes")
      yield* Effect.flip(generate())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* generate(), "a")
      assert.deepStrictEqual(asked, ["a", "a"])
    })
  )

  it.effect("says no time to come back, whatever the call wants", () =>
    Effect.gen(function* () {
      const { route } = yield* router(["a", "b"])
      yield* Effect.flip(route(undefined, fails(wrongKey)))
      const request = {
        deadline: "10 seconds",
        needs: { allow: ({ id }: { readonly id: string }) => id === "b" }
      } as const
      for (const [options, reasons] of [
        [undefined, ["Misconfigured", "Misconfigured"]],
        [request, ["NotAllowed", "Misconfigured"]]
      ] as const) {
        const error = yield* Effect.flip(route(options, () => Effect.succeed("late")))
        assert.strictEqual(error.reason._tag, "NoCandidate")
        assert.isUndefined(error.retryAfterMs)
        if (error.reason._tag === "NoCandidate") {
          assert.deepStrictEqual(
            error.reason.exclusions.map(({ reason }) => reason),
            [...reasons]
          )
        }
        assert.isFalse(RoutedModel.toAiError(error, "generateText").isRetryable)
      }
    })
  )

  it.effect("is no fault of the request to a router above", () =>
    Effect.gen(function* () {
      const { route } = yield* router(["a"])
      yield* Effect.flip(route(undefined, fails(wrongKey)))
      const error = yield* Effect.flip(route(undefined, () => Effect.succeed("late")))
      const verdict = Classifier.classify(RoutedModel.toAiError(error, "generateText"))
      assert.deepInclude(verdict, { errorType: "NoCandidate", sameTarget: false, otherTarget: true })
      assert.strictEqual(verdict.outcome._tag, "Misconfigured")
    })
  )

  it("rejects at once with Promises", async () => {
    const { close, route } = createRouter({
      targets: [{ id: "a", client: 1 }],
      strategy: inOrder as Strategy.Strategy
    })
    await route(() => Promise.reject(wrongKey)).catch(() => undefined)
    const error = await route(() => Promise.resolve("late")).catch((error: unknown) => error)
    assert.isTrue(RouteError.isRouteError(error))
    if (RouteError.isRouteError(error)) {
      assert.strictEqual(error.message, "No target can take the call: a Misconfigured")
    }
    await close()
  })
})

describe("a pool in which one key is wrong", () => {
  it.effect("answers from the others", () =>
    Effect.gen(function* () {
      const { asked, generate, stream } = yield* setup([{ id: "a", fails: always(wrongKey) }, { id: "b" }])
      assert.deepStrictEqual([yield* generate(), yield* generate(), yield* stream()], ["b", "b", "b"])
      assert.deepStrictEqual(asked, ["a", "b", "b", "b"])
    })
  )

  it.effect("waits for the other where that is rate limited, and not for the wrong key", () =>
    Effect.gen(function* () {
      let limited = true
      const { asked, generate } = yield* setup([
        { id: "a", fails: always(wrongKey) },
        { id: "b", fails: () => (limited ? rateLimited(20) : undefined) }
      ])
      const first = yield* Effect.forkChild(generate(), { startImmediately: true })
      limited = false
      const second = yield* Effect.forkChild(generate(), { startImmediately: true })
      yield* TestClock.adjust("25 seconds")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["b", "b"])
      assert.deepStrictEqual(asked, ["a", "b", "b", "b"])
    })
  )

  it.effect("is a rate limit until the other is back, and says why", () =>
    Effect.gen(function* () {
      const { generate } = yield* setup([
        { id: "a", fails: always(wrongKey) },
        { id: "b", fails: always(rateLimited(400)) }
      ])
      const { error: first } = yield* failed(generate())
      assert.strictEqual(first.reason._tag, "RateLimitError")
      yield* TestClock.adjust("49 seconds")
      const { error, ms } = yield* failed(generate())
      assert.strictEqual(ms, 0)
      assert.strictEqual(error.reason._tag, "RateLimitError")
      assert.strictEqual(error.retryAfter && Duration.toMillis(error.retryAfter), 350_000)
      assert.isTrue(error.isRetryable)
      assert.include(error.message, "a Misconfigured, b CoolingDown")
    })
  )

  it.effect("still waits for a target that is merely full or open again soon", () =>
    Effect.gen(function* () {
      const { generate } = yield* setup([
        { id: "a", fails: always(wrongKey) },
        { id: "b", fails: always(overloaded) }
      ])
      const { error } = yield* failed(generate())
      assert.strictEqual(error.reason._tag, "InternalProviderError")
      assert.strictEqual(spillwayOf(error)["reason"], "AttemptsExhausted")
    })
  )

  it.effect("does not wait for a target that was closed by hand either", () =>
    Effect.gen(function* () {
      const { isolate, route } = yield* router(["a", "b"])
      yield* isolate("b")
      yield* Effect.flip(route(undefined, fails(wrongKey)))
      const error = yield* Effect.flip(route(undefined, () => Effect.succeed("late")))
      assert.strictEqual(error.message, "No target can take the call: a Misconfigured, b Isolated")
      // Somebody may open it: the same call may be made again.
      assert.isTrue(RoutedModel.toAiError(error, "generateText").isRetryable)
    })
  )
})
