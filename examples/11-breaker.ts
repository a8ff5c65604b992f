// What does a breaker do while a target fails, and how does the target get its traffic back?
//
// Two targets on virtual time, ten calls a second, taken in turn. `first` fails from second 10 to second 22. After that
// the bare gate, to which time is a number: one opened by slow answers, one that only watches, one opened by hand.
import * as Breaker from "@spillway/core/Breaker"
import * as Defaults from "@spillway/core/Defaults"
import { isReject } from "@spillway/core/Gate"
import { failure, type Outcome, success } from "@spillway/core/Outcome"
import * as Router from "@spillway/core/Router"
import { CurrentTelemetry } from "@spillway/core/Telemetry"
import * as Trip from "@spillway/core/Trip"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"
import { Clock, Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"

// #region use
const breaker: Breaker.Options = {
  trip: Trip.or(
    Trip.consecutive(5),
    Trip.timeWindow({ failureRate: 0.5, window: "10 seconds", minCalls: 20 }),
    Trip.slowCalls({ firstContent: "4 seconds", slowRate: 0.5, window: "1 minute", minCalls: 20 })
  ),
  openFor: "5 seconds", // ±10 %, and twice as long each time in a row
  rampFor: "30 seconds"
}
const services = Layer.mergeAll(SmoothWeightedRoundRobin.layer(), Defaults.make({ gates: { breaker } }))
// #endregion
let seconds = 0
const say = (text: string) => console.log(`${seconds.toFixed(1).padStart(5)} s  ${text}`)
const event = (_target: unknown, { _tag, until }: { readonly _tag: string; readonly until?: number }) =>
  say(until === undefined ? _tag : `${_tag} until ${(until / 1000).toFixed(1)} s`)

const timeline = Effect.gen(function* () {
  const router = yield* Router.make({ targets: (["first", "second"] as const).map((id) => ({ id, client: id })) })
  let asked = 0
  for (let call = 1; call <= 650; call++) {
    yield* router.route({}, ({ target }) => {
      if (target.id === "second") return Effect.void
      asked++
      return seconds >= 10 && seconds < 22 ? Effect.fail({ status: 503 }) : Effect.void
    })
    yield* TestClock.adjust("100 millis")
    seconds = (yield* Clock.currentTimeMillis) / 1000
    if (call % 50 > 0) continue
    say(`${"#".repeat(asked).padEnd(25)} ${asked} of 50 calls asked first`)
    asked = 0
  }
})
const events = Layer.succeed(CurrentTelemetry, { call: () => undefined, event })
const world = Layer.mergeAll(services, events, TestClock.layer())
await Effect.runPromise(Effect.scoped(timeline).pipe(Effect.provide(world), Random.withSeed(3)))

const notMeasured = { inputTokens: undefined, outputTokens: undefined, limits: undefined }
const attempt = (gate: Breaker.Breaker, now: number, outcome: Outcome, firstContentMs?: number) => {
  const permit = gate.admit(now, { requests: 1, tokens: 0 }, () => 0.5)
  if (isReject(permit)) return permit.reason
  gate.settle(permit, outcome, now, { ms: 20_000, firstContentMs, ...notMeasured })
  return permit.note ?? "passes"
}
// #region gate
const slow = Breaker.make({ trip: Trip.slowCalls({ firstContent: "4 seconds", size: 4 }) })
console.log("slow:", [900, 5000, 1100, 7000, 0].map((ms, i) => attempt(slow, i, success, ms)).join(", "))
console.log("slow: opened by", slow.snapshot(5)["openedBy"])
const watching = Breaker.make({ trip: Trip.consecutive(2), metricsOnly: true })
console.log("watching:", [0, 1, 2].map((now) => attempt(watching, now, failure("Overloaded"))).join(", "))
const byHand = Breaker.make()
byHand.isolate(0)
console.log("an hour later:", attempt(byHand, 3_600_000, success))
byHand.clear(3_600_000)
console.log("cleared:", attempt(byHand, 3_600_000, success))
// #endregion

// Expect:
//   /10\.\d s  BreakerOpened until 1\d\.\d s/
//   /BreakerHalfOpened\n.*BreakerOpened until 2\d\.\d s/
//   /BreakerHalfOpened\n.*BreakerClosed/
//   65.0 s  ######################### 25 of 50 calls asked first
//   slow: passes, passes, passes, passes, BreakerOpen
//   /watching: passes, passes, WouldReject\nan hour later: Isolated\ncleared: passes/
