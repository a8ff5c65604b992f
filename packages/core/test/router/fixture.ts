/** Routers of plain clients for tests. A client is a number of attempts it has seen; what an attempt does, the test says. */
import { Classifier, Defaults, Router, Strategy, type Target } from "@spillway/core"
import { Duration, Effect, Fiber, Layer } from "effect"
import { AiError } from "effect/ai"
import { TestClock } from "effect/testing"

/** Picks the first eligible candidate in order: a test says which one that is. */
export const inOrder: Strategy.Strategy = {
  name: "in-order",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
}

export const services = (options: Defaults.Options = {}) =>
  Layer.merge(Defaults.make(options), Layer.succeed(Strategy.CurrentStrategy, inOrder))

/** A router of the targets named, in one tier unless `tiers` says otherwise. */
export const router = <const Id extends string>(
  ids: ReadonlyArray<Id>,
  options: Partial<Router.Options<ReadonlyArray<Target.TargetSpec<Id, string>>>> = {},
  defaults: Defaults.Options = {}
) =>
  Router.make({ targets: ids.map((id) => ({ id, client: `client of ${id}` })), ...options }).pipe(
    Effect.provide(services(defaults))
  )

const aiError = (reason: AiError.AiErrorReason) => AiError.make({ module: "Test", method: "call", reason })

export const overloaded = aiError(new AiError.InternalProviderError({ description: "503" }))
export const rateLimited = (seconds: number) =>
  aiError(new AiError.RateLimitError({ retryAfter: Duration.seconds(seconds) }))
export const invalidRequest = aiError(new AiError.InvalidRequestError({ description: "no" }))
export const wrongKey = aiError(new AiError.AuthenticationError({ kind: "InvalidKey" }))

/** Runs `effect` while virtual time goes on, up to `limit`. */
export const inVirtualTime = <A, E, R>(effect: Effect.Effect<A, E, R>, limit: Duration.Input = "1 hour") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(limit)
    return yield* Fiber.join(fiber)
  })

export const classify = Classifier.classify
