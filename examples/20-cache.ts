// How do equal calls share one answer, what is each caller told, and what is read when the model is down?
//
// The model takes one second for an answer. Time is virtual.
import * as Defaults from "@spillway/core/Defaults"
import type { Part, ProviderModel } from "@spillway/core/ProviderModel"
import type * as ResponseCache from "@spillway/core/ResponseCache"
import * as RoutedModel from "@spillway/core/RoutedModel"
import * as CallSettings from "@spillway/providers/CallSettings"
import * as PowerOfTwo from "@spillway/strategies/PowerOfTwo"
import { Effect, Fiber, Layer, Random, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"

let [asked, down] = [0, false]
const reason = new AiError.InternalProviderError({ description: "down for maintenance" })
const finish: Part = { type: "finish", reason: "stop", usage: { inputTokens: {}, outputTokens: {} } }
const rhine = Effect.suspend((): Effect.Effect<Array<Part>, AiError.AiError> => {
  asked++
  if (down) return Effect.fail(AiError.make({ module: "Example", method: "generate", reason }))
  return Effect.delay(Effect.succeed([{ type: "text", text: "The Rhine." }, finish]), "1 second")
})
const fake = { provider: "one", model: "chat", capabilities: new Set<never>(), stream: () => Stream.empty }
/** Stands in for a provider's model. */
const client: ProviderModel = { ...fake, generate: () => rhine }

// #region options
const cache: ResponseCache.Options = { ttl: "5 minutes", staleFor: "10 minutes", staleIfError: "1 day" }
const Chat = RoutedModel.layer({
  targets: [{ id: "main", client }],
  // Equal prompts with equal settings have one answer.
  cache: { settings: CallSettings.CurrentCallSettings }
}).pipe(Layer.provide([PowerOfTwo.layer(), Defaults.make({ cache })]))
// #endregion

/** Virtual time goes on while `effect` runs. */
const during = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), (fiber) =>
    Effect.andThen(TestClock.adjust("10 seconds"), Fiber.join(fiber))
  )

const program = Effect.gen(function* () {
  const router = yield* RoutedModel.CurrentRouter
  // #region ask
  const ask = (tenant: string) =>
    router
      .answer({ cacheKey: "largest river", tenant }, () => rhine)
      .pipe(Effect.map(({ degraded, source }) => (degraded ? `${source}, degraded` : source)))
  // #endregion
  const show = (title: string, answers: unknown) =>
    console.log(`${title}: ${answers}; the model was asked ${asked} times`)
  const three = Effect.all([ask("acme"), ask("acme"), ask("acme")], { concurrency: "unbounded" })
  show("three at once", (yield* during(three)).join(" + "))
  show("a moment later", yield* ask("acme"))
  show("another tenant", yield* during(ask("other")))
  yield* TestClock.adjust("8 minutes")
  show("after eight minutes", yield* during(ask("acme")))
  show("and right after that", yield* ask("acme"))
  yield* TestClock.adjust("1 hour")
  down = true
  show("the model is down", yield* during(ask("acme")))
  down = false

  const prompt = LanguageModel.generateText({ prompt: "Which river is the largest?" })
  yield* during(Effect.all([prompt, prompt], { concurrency: "unbounded" }))
  show("\nequal prompts", "one answer")
  yield* during(CallSettings.with({ temperature: 1 })(prompt))
  show("other settings", "another one")
})
await Effect.runPromise(program.pipe(Effect.provide(Chat), Effect.provide(TestClock.layer()), Random.withSeed("cache")))

// Expect:
//   three at once: model + coalesced + coalesced; the model was asked 1 times
//   a moment later: cache; the model was asked 1 times
//   another tenant: model; the model was asked 2 times
//   after eight minutes: stale, degraded; the model was asked 3 times
//   and right after that: cache; the model was asked 3 times
//   the model is down: stale, degraded; the model was asked 6 times
//   equal prompts: one answer; the model was asked 7 times
//   other settings: another one; the model was asked 8 times
