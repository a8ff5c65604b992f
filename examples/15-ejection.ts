// One of several equal targets behaves worse than the others: how is it left out, and when does that stop?
//
// Four targets in a router on virtual time: `a` fails from second 10 to 40; from second 90 to 100 `a`, `b` and `c` do. Then
// the rules that judge rates, by the gates of a group without a router.
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
  baseEjection: "20 seconds", // the k-th in a row lasts k times as long
  maxEjectedShare: 0.75, // of four targets three may be out; then fewer are left than …
  panicBelow: 0.5 // … half, and nobody is held to be out
}
const gates = Defaults.make({ gates: { ejection, breaker: false } }) // or both
const services = Layer.mergeAll(gates, SmoothWeightedRoundRobin.layer())
// #endregion

let seconds = 0
const say = (text: string) => console.log(`${seconds.toFixed(1).padStart(5)} s  ${text}`)
const event = (target: { readonly id: string }, { _tag, until }: { readonly _tag: string; readonly until?: number }) =>
  say(`${_tag} ${target.id}${until === undefined ? "" : ` until ${(until / 1000).toFixed(1)} s`}`)
const failing = () => (seconds >= 10 && seconds < 40 ? "a" : seconds >= 90 && seconds < 100 ? "abc" : "")

const timeline = Effect.gen(function* () {
  const router = yield* Router.make({ targets: (["a", "b", "c", "d"] as const).map((id) => ({ id, client: id })) })
  let seen: ReadonlyArray<string> = []
  const listen = Stream.runForEach(router.decisions, ({ attempts }) =>
    Effect.sync(() => (seen = [...seen, ...attempts.flatMap(({ notes, target }) => [target, ...notes])]))
  )
  yield* Effect.forkChild(listen, { startImmediately: true })
  for (let call = 1; call <= 1300; call++) {
    const route = router.route({}, ({ client }) => (failing().includes(client) ? Effect.fail("down") : Effect.void))
    yield* Effect.ignore(route)
    yield* TestClock.adjust("100 millis")
    seconds = (yield* Clock.currentTimeMillis) / 1000
    if (call % 100 > 0) continue
    say(["a", "b", "c", "d", "Panic"].map((word) => `${word} ${seen.filter((one) => one === word).length}`).join("  "))
    seen = []
  }
})
const events = Layer.succeed(CurrentTelemetry, { call: () => undefined, event })
const world = Layer.mergeAll(services, events, TestClock.layer())
await Effect.runPromise(Effect.scoped(timeline).pipe(Effect.provide(world), Random.withSeed(1)))

/** Who is out after an interval of 200 outcomes each, of which the given shares are failures. */
const judge = (...shares: ReadonlyArray<number>) => {
  const group = Ejection.make({ consecutive: false })
  const members = shares.map((share, i) => ({ share, gate: group.gateFor({ id: `${i}` }) }))
  const found: Array<string> = []
  for (let n = 0; n <= 200; n++) {
    for (const { gate, share } of members) {
      const permit = gate.admit(50 * n, { requests: 1, tokens: 0 }, () => 0.5)
      if (isReject(permit)) continue
      const events = gate.settle(permit, n % 100 < 100 * share ? failure("Overloaded") : success, 50 * n)
      found.push(...events.map((event) => `${event.target} ${"cause" in event ? event.cause : ""}`))
    }
  }
  return found.join(", ") || "nobody"
}
console.log("one of five at 30 %:", judge(0.01, 0.01, 0.01, 0.01, 0.3))
console.log("one of four at 30 %:", judge(0.01, 0.01, 0.01, 0.3))
console.log("two of five at 30 %:", judge(0.01, 0.01, 0.01, 0.3, 0.3))
console.log("one of two at 90 %:", judge(0.01, 0.9))
console.log("four of four at 90 %:", judge(0.9, 0.9, 0.9, 0.9))

// Expect:
//   /12\.0 s  TargetEjected a until 3\d\.\d s/
//   /TargetReturned a\n.*TargetEjected a until 7\d\.\d s/
//   /100.0 s  a 50  b 50  c 50  d 50  Panic 1\d\d/
//   one of five at 30 %: 4 SuccessRate
//   one of four at 30 %: nobody
