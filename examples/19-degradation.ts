// When does a call go to the backup, how does the traffic come back, and what is left when nobody can answer?
//
// `main` has room for one call, refuses its 100th and asks to be left alone for 8 s. Time is virtual.
import * as Defaults from "@spillway/core/Defaults"
import * as Degradation from "@spillway/core/Degradation"
import type { Part, ProviderModel } from "@spillway/core/ProviderModel"
import * as RoutedModel from "@spillway/core/RoutedModel"
import * as PowerOfTwo from "@spillway/strategies/PowerOfTwo"
import { Clock, Duration, Effect, Layer, Random, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"

const reason = new AiError.RateLimitError({ retryAfter: Duration.seconds(8) })
const refused = Effect.fail(AiError.make({ module: "Example", method: "generate", reason }))
const finish: Part = { type: "finish", reason: "stop", usage: { inputTokens: {}, outputTokens: {} } }
const rhine = Effect.succeed<Array<Part>>([{ type: "text", text: "The Rhine." }, finish])
const fake = { model: "chat", capabilities: new Set<never>(), stream: () => Stream.empty }
/** Stands in for a provider's model: answers in 50 ms, but not that one call. */
const model = (provider: string, refuses: number, calls = { made: 0 }): ProviderModel => ({
  ...fake,
  provider,
  generate: () => Effect.andThen(Effect.sleep(50), () => (++calls.made === refuses ? refused : rhine))
})

// #region options
const degradation: Degradation.Options = {
  minStay: "10 seconds",
  rampFor: "30 seconds",
  ladder: [
    Degradation.shorterOutput({ maxTokens: 200 }),
    Degradation.staleCache(),
    Degradation.refuse("The assistant is having a break. Please come back in a few minutes.")
  ]
}
const defaults = Defaults.make({ degradation, cache: { ttl: "1 minute", staleIfError: "1 day" } })
const main = { id: "main", client: model("one", 100), limits: { maxInFlight: 1 } }
const backup = { id: "backup", client: model("two", 0) }
const Chat = RoutedModel.layer({ targets: [main, backup], tiers: [["main"], ["backup"]] })
// #endregion

const program = Effect.gen(function* () {
  // #region origin
  const ask = Effect.map(
    LanguageModel.generateText({ prompt: "Name a river." }),
    ({ content }) => RoutedModel.originOf(content)?.servedBy
  )
  // #endregion
  console.log("two at once:", yield* Effect.all([ask, ask], { concurrency: 2 }))
  for (let n = 0; n < 10; n++) {
    const answers = yield* Effect.replicateEffect(ask, 100)
    const seconds = Math.round((yield* Clock.currentTimeMillis) / 1000)
    console.log(`${seconds} s: ${answers.filter((by) => by === "main").length} of 100 by main`)
  }
  const router = yield* RoutedModel.CurrentRouter
  /** Targets bear no more than `most` tokens now. */
  const tell = (cacheKey: string, most: number) =>
    // #region answer
    router
      .answer({ cacheKey }, ({ request }) => ((request.maxOutputTokens ?? 8000) > most ? refused : rhine))
      .pipe(
        Effect.map((answer) => `${answer.source} by ${answer.servedBy}, degraded ${answer.degraded}, ${answer.rung}`),
        Effect.catchReason("RouteError", "Refused", ({ text }) => Effect.succeed(text))
      )
  // #endregion
  console.log(yield* tell("river", 8000))
  console.log(yield* tell("lake", 200))
  yield* Effect.sleep("2 minutes") // what is known of the river is old by then
  console.log(yield* tell("river", 0))
  console.log(yield* tell("sea", 0))
})
const services = Layer.provide(Chat, [defaults, PowerOfTwo.layer()])
const run = Effect.all([Effect.provide(program, services), TestClock.adjust("1 hour")], { concurrency: 2 })
await Effect.runPromise(Effect.provide(Random.withSeed(run, "degradation"), TestClock.layer()))

// Expect:
//   two at once: [ 'main', 'main' ]
//   /5 s: 9\d of 100 by main\n10 s: 0 of 100 by main/
//   50 s: 100 of 100 by main
//   /model by main, degraded false.*\nmodel by \w+, degraded true, ShorterOutput\nstale by main, degraded true/
//   The assistant is having a break. Please come back in a few minutes.
