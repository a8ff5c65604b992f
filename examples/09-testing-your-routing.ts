// How do I test my own routing: what did the providers really see?
//
// The fake provider is a real HTTP server that does what a script says and writes down every request. So a test asserts
// the requests, not the calls of a mock. Any test runner will do; here `assert` and a loop are enough.
import assert from "node:assert/strict"
import { Defaults, RoutedModel, type RouteRequest } from "@spillway/core"
import { OpenAiCompatible } from "@spillway/providers"
import { Behaviour, FakeProvider, RetryAfter } from "@spillway/providers/testing"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Layer, Redacted } from "effect"
import { LanguageModel } from "effect/ai"

// The routing under test: a provider in the EU, and one elsewhere as its backup.
const model = (baseUrl: string, key: string) =>
  OpenAiCompatible.model({ model: "chat", baseUrl, apiKey: Redacted.make(key) })
const routing = (eu: string, us: string) =>
  RoutedModel.layer({
    targets: [
      { id: "eu", region: "eu", client: model(eu, "eu-key") },
      { id: "us", region: "us", client: model(us, "us-key") }
    ],
    tiers: [["eu"], ["us"]]
  }).pipe(Layer.provide([SmoothWeightedRoundRobin.layer(), Defaults.layer]))

const eu = await FakeProvider.start({ models: { chat: Behaviour.answer() }, apiKey: "eu-key" })
const us = await FakeProvider.start({ models: { chat: Behaviour.answer() }, apiKey: "us-key" })

/** Scripts the provider in the EU, asks `times` times, one after the other, and gives back how each call ended. */
const run = (script: Behaviour.Behaviour, times: number, request: RouteRequest.Options = {}) => {
  eu.script("chat", script)
  eu.clear()
  us.clear()
  const ask = LanguageModel.generateText({ prompt: "Name a river." }).pipe(
    Effect.match({ onSuccess: () => "answered", onFailure: (error) => error.reason._tag }),
    Effect.provideService(RoutedModel.CurrentRequest, request)
  )
  return Effect.runPromise(Effect.replicateEffect(ask, times).pipe(Effect.provide(routing(eu.url, us.url))))
}

const tests = {
  "asks the backup only when the first provider fails": async () => {
    assert.deepEqual(await run(Behaviour.answer(), 3), ["answered", "answered", "answered"])
    assert.equal(eu.count(), 3)
    assert.equal(us.count(), 0)
  },
  "leaves a provider alone that asked for it": async () => {
    await run(Behaviour.rateLimited({ retryAfter: RetryAfter.seconds(30) }), 5)
    assert.equal(eu.count(), 1) // not five times
    assert.equal(us.count(), 5)
    for (const { authorized } of us.requests) assert.ok(authorized) // each provider is shown its own key
  },
  "sends no request out of its region": async () => {
    const [outcome] = await run(Behaviour.status(503), 1, { needs: { regions: ["eu"] } })
    assert.equal(outcome, "InternalProviderError")
    assert.equal(eu.count(), 3) // the first attempt and two retries
    assert.equal(us.count(), 0)
  },
  "does not repeat what is wrong with the request itself": async () => {
    assert.deepEqual(await run(Behaviour.status(400), 1), ["InvalidRequestError"])
    assert.equal(eu.count() + us.count(), 1)
  }
}

for (const [name, test] of Object.entries(tests)) {
  await test()
  console.log(`ok: ${name}`)
}
await Promise.all([eu.close(), us.close()])

// Expect:
//   ok: asks the backup only when the first provider fails
//   ok: leaves a provider alone that asked for it
//   ok: sends no request out of its region
//   ok: does not repeat what is wrong with the request itself
