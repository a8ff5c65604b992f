// What follows a failed attempt: another target at once, the same one after a wait, or the end?
//
// Two targets fail as a script says: an error is an HTTP status, 413 a prompt too long for the model. Time is virtual.
import * as Backoff from "@spillway/core/Backoff"
import * as Classifier from "@spillway/core/Classifier"
import * as Defaults from "@spillway/core/Defaults"
import * as RetryPolicy from "@spillway/core/RetryPolicy"
import * as Router from "@spillway/core/Router"
import * as WeightedLeastConnections from "@spillway/strategies/WeightedLeastConnections"
import { Clock, Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"

// #region policy
const retry: RetryPolicy.Options = {
  maxAttempts: 3,
  transient: { jitter: "equal", base: "100 millis" },
  budget: { ratio: 0.2, minPerSecond: 0.5 },
  // By error type: five calls on a rate limit, and one more than the others for what the network drops.
  reasons: { ...RetryPolicy.rateLimitRule.reasons, Network: { maxAttempts: 4 } }
}
// #endregion
const tooLong = { ...Classifier.fromStatus(413), errorType: "ContextLength", otherTarget: true, largerContext: true }
const classify = (error: unknown) => (error === 413 ? tooLong : Classifier.fromStatus(Number(error)))
const services = Layer.mergeAll(
  Defaults.make({ retry, gates: { breaker: false } }), // no breaker: what is shown is the retry policy alone
  Layer.succeed(Classifier.CurrentClassifier, classify),
  WeightedLeastConnections.layer({ randomStart: false })
)

type Script = Readonly<Record<string, Array<number>>>
/** A target answers with its statuses, attempt after attempt, and with the last one from then on. */
const play = (title: string, script: Script, { calls = 1, idempotent = true } = {}) => {
  let attempts = 0
  const log = (line: string) =>
    Effect.map(Clock.currentTimeMillis, (ms) => calls === 1 && console.log(`  ${Math.round(ms)} ms: ${line}`))
  const program = Effect.gen(function* () {
    const specs = Object.entries(script).map(([id, client], i) => ({ id, client, contextWindow: 8000 * (i + 1) }))
    const router = yield* Router.make({ targets: specs })
    const call = router.route({ idempotent }, ({ client, reason, target }) => {
      const status = (client.length > 1 ? client.shift() : client[0]) ?? 200
      const answer = status === 200 ? Effect.void : Effect.fail(status)
      attempts++
      return Effect.andThen(log(`${target.id} (${reason}) ${status}`), answer)
    })
    const told = Effect.catch(call, (error) => log(typeof error === "number" ? `error ${error}` : error.reason._tag))
    yield* Effect.forkChild(Effect.replicateEffect(told, calls))
    yield* TestClock.adjust("1 minute")
    console.log(`${title}: ${calls} call(s), ${attempts} attempt(s)`)
  })
  const seeded = Random.withSeed(Effect.scoped(program), "retry")
  return Effect.runPromise(seeded.pipe(Effect.provide(services), Effect.provide(TestClock.layer())))
}

await play("another target before a wait", { north: [503, 200], south: [503, 200] })
await play("rate limits of the only target", { north: [429] })
await play("the caller's mistake", { north: [400], south: [200] })
await play("too long for the smaller model", { north: [413], south: [200] })
await play("not to be sent twice", { north: [503], south: [200] }, { idempotent: false })
await play("an outage", { north: [503], south: [503] }, { calls: 10 })

// #region jitter
for (const jitter of ["full", "equal", "decorrelated", "decorrelatedV2", "additive", "none"] as const) {
  const policy = Backoff.make({ jitter, base: "100 millis" })
  const memory = Backoff.memory()
  const waits = [0, 1, 2, 3].map((n) => Math.round(Backoff.delayMs(policy, n, () => 0.5, undefined, memory)))
  console.log(`${jitter}: ${waits.join(" ")}`)
}
// #endregion

// Expect:
//   /0 ms: north .primary. 503\n  0 ms: south .failover. 503\n  \d+ ms: south .retry. 200/
//   rate limits of the only target: 1 call(s), 5 attempt(s)
//   the caller's mistake: 1 call(s), 1 attempt(s)
//   /0 ms: north .primary. 413\n  0 ms: south .failover. 200/
//   /north .primary. 503\n  0 ms: NotIdempotent/
//   an outage: 10 call(s), 17 attempt(s)
//   /full: 50 100 200 400\nequal: 75 150 300 600\ndecorrelated: 200 350 575 913\ndecorrelatedV2: 90 109 204 405/
