// One of several equal targets behaves worse than the others: how is it left out, and when does that stop?
//
// Four targets in a router on virtual time: `a` fails from second 10 to 50; from second 100 to 140 `a`, `b` and `c` do. Then
// the rules that judge rates, by the bare gates of one group, to which time is a number.
import * as Defaults from "@spillway/core/Defaults"
import * as Ejection from "@spillway/core/Ejection"
import { isReject } from "@spillway/core/Gate"
import { failure, success } from "@spillway/core/Outcome"
import * as Router from "@spillway/core/Router"
import { CurrentTelemetry } from "@spillway/core/Telemetry"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"
import { Clock, Effect, Layer, Random, Stream } from "effect"
import { TestClock } from "effect/testing"

// #region use
const ejection: Ejection.Options = {
  consecutive: 5, // at once; rates are judged every 10 s
  baseEjection: "30 seconds", // the k-th in a row lasts k times as long
  maxEjectedShare: 0.75, // of four targets three may be out, and then …
  panicBelow: 0.5 // … fewer than half are left: nobody is held to be out
}
const services = Layer.mergeAll(SmoothWeightedRoundRobin.layer(), Defaults.make({ gates: { breaker: false, ejection } }))
// #endregion

let seconds = 0
const say = (text: string) => console.log(`${seconds.toFixed(1).padStart(5)} s  ${text}`)
const event = (target: { readonly id: string }, { _tag, until }: { readonly _tag: string; readonly until?: number }) =>
  say(`${_tag} ${target.id}${until === undefined ? "" : ` until ${(until / 1000).toFixed(1)} s`}`)
const ids = ["a", "b", "c", "d"] as const
const failing = () =>
  seconds >= 10 && seconds < 50 ? ["a"] : seconds >= 100 && seconds < 140 ? ["a", "b", "c"] : []

const timeline = Effect.gen(function* () {
  const router = yield* Router.make({ targets: ids.map((id) => ({ id, client: id })) })
  const seen: Record<string, number> = {}
  const note = (word: string) => seen[word] = (seen[word] ?? 0) + 1
  const record = Stream.runForEach(router.decisions, ({ attempts }) => Effect.sync(() => attempts.forEach(({ notes, target }) => [target, ...notes].forEach(note))))
  yield* Effect.forkChild(record, { startImmediately: true })
  for (let call = 1; call <= 2000; call++) {
    yield* router.route({}, ({ target }) => failing().includes(target.id) ? Effect.fail({ status: 503 }) : Effect.void)
    yield* TestClock.adjust("100 millis")
    seconds = (yield* Clock.currentTimeMillis) / 1000
    if (call % 100 > 0) continue
    say(JSON.stringify(seen))
    for (const k of Object.keys(seen)) delete seen[k]
  }
})
const world = Layer.mergeAll(services, Layer.succeed(CurrentTelemetry, {call: () => undefined, event}), TestClock.layer())
await Effect.runPromise(Effect.scoped(timeline).pipe(Effect.provide(world), Random.withSeed(1)))
