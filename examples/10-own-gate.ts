// How do I write a gate of my own, and how do I know that it is one?
//
// A gate says whether an attempt may start at its target now. It is plain synchronous code; `now` is an argument. The
// router calls `settle` once per permit, when the answer is complete. `GateLaws` is what every gate must do.
import { Defaults, Gate, Gates, RoutedModel } from "@spillway/core"
import { GateLaws } from "@spillway/core/testing"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer } from "effect"
import { LanguageModel } from "effect/ai"

// #region gate
/** After a failure the target rests for `ms` milliseconds. */
const rest = (ms: number): Gate.Gate<{ settled: boolean }> => {
  let until = Number.NEGATIVE_INFINITY
  const refusal = (now: number) => (now < until ? Gate.reject("Resting", until) : undefined)
  return {
    name: "rest",
    peek: refusal,
    admit: (now) => refusal(now) ?? { settled: false },
    settle: (permit, outcome, now) => {
      if (!permit.settled && outcome._tag === "Failure") until = now + ms
      permit.settled = true // a second settle changes nothing
      return Gate.noEvents
    },
    snapshot: (now) => ({ state: now < until ? "resting" : "ready", restMs: Math.max(0, until - now) }),
    restore: ({ restMs }, now) => {
      until = now + Number(restMs)
    }
  }
}
// #endregion

for (const law of GateLaws.laws) {
  law.check({ make: () => rest(30_000) })
  console.log(`holds: ${law.name}`)
}

// `first` fails once.
const fake = await FakeProvider.start({
  models: { first: Behaviour.sequence([Behaviour.status(503), Behaviour.answer()]), second: Behaviour.answer() }
})
const model = (name: string) => OpenAiCompatible.model({ model: name, baseUrl: fake.url })
const Chat = RoutedModel.layer({
  targets: [
    { id: "first", client: model("first") },
    { id: "second", client: model("second") }
  ],
  tiers: [["first"], ["second"]]
}).pipe(
  Layer.provide([
    SmoothWeightedRoundRobin.layer(),
    Defaults.layer,
    // Ours, and then the default gates: the breaker stands last. Of two layers for one service the later one counts.
    Layer.succeed(Gates.Gates, (target) => [rest(30_000), ...Gates.make()(target)])
  ])
)

const program = Effect.gen(function* () {
  const router = yield* RoutedModel.CurrentRouter
  const ask = LanguageModel.generateText({ prompt: "Name a river." })
  yield* ask
  yield* ask
  console.log()
  for (const { attempts, id, state } of (yield* router.status).targets) console.log(`${id} ${state}: asked ${attempts}`)
})
await Effect.runPromise(Effect.provide(program, Chat))
await fake.close()

// Expect:
//   holds: takes an unused permit back as if it had never been given
//   holds: is the same after snapshot and restore, on another clock too
//   first Resting: asked 1
//   second up: asked 2
