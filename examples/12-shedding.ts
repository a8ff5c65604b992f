// Too many calls fail: which new ones are refused, and how many?
//
// The gates by themselves first: 10,000 requests with a seed, to which time is a number. Then the rule in a router, asked
// once per call; and a smooth one per target, where a refusal means that the call goes elsewhere.
import * as AdmissionControl from "@spillway/core/AdmissionControl"
import * as ClientThrottle from "@spillway/core/ClientThrottle"
import { createRouter } from "@spillway/core/createRouter"
import * as DefaultPipeline from "@spillway/core/DefaultPipeline"
import * as Defaults from "@spillway/core/Defaults"
import { isReject } from "@spillway/core/Gate"
import { failure, success } from "@spillway/core/Outcome"
import * as Pipeline from "@spillway/core/Pipeline"
import * as Router from "@spillway/core/Router"
import * as Shedder from "@spillway/core/Shedder"
import * as Shedding from "@spillway/core/Shedding"
import { Seeded } from "@spillway/core/testing"
import * as SmoothWeightedRoundRobin from "@spillway/strategies/SmoothWeightedRoundRobin"
import { Effect, Layer, Random } from "effect"

const mix = ["P1", "P1", "P2", "P3", "P1", "P0", "P1", "P2", "P1", "P2"] as const
const run = (failing: number, options?: Shedder.Options) => {
  const [shedder, rng, refused] = [Shedder.make(options), Seeded.rng(1), { P0: 0, P1: 0, P2: 0, P3: 0 }]
  for (let i = 0; i < 10_000; i++) {
    const priority = mix[i % 10] ?? "P1"
    const permit = shedder.admit(10 * i, { requests: 1, tokens: 0, priority }, rng)
    if (isReject(permit)) refused[priority]++
    else shedder.settle(permit, rng() < failing ? failure("Overloaded") : success, 10 * i)
  }
  return `refused ${JSON.stringify(refused)}`
}
console.log("4 % fail:", run(0.04, { minSamples: 1000 }))
console.log("8 % fail:", run(0.08))
console.log("8 % fail, all classes:", run(0.08, { order: "all" }))
console.log("8 % fail, stratified:", run(0.08, { order: "all", choice: "stratified" }))

console.log("failed  step  admission control  client throttle")
for (const failed of [0.05, 0.06, 0.15, 0.3, 0.6, 1]) {
  const ok = 1000 * (1 - failed)
  const smooth = Math.min(0.8, AdmissionControl.rejectProbability(1000, ok))
  const throttle = Math.min(0.99, ClientThrottle.rejectProbability(1000, ok))
  const row = [failed, failed > 0.05 ? 0.1 : 0, smooth, throttle].map((share) => `${Math.round(100 * share)} %`)
  console.log(row.map((cell, i) => cell.padStart([6, 6, 19, 17][i] ?? 0)).join(""))
}

const targets = (["sick", "well"] as const).map((id) => ({ id, client: id }))
const rest = { strategy: SmoothWeightedRoundRobin.make({ randomStart: false }), retry: { maxAttempts: 1 } }
// #region use
/** Above 5 % failed calls in 10 s, at least 100 of them: refuse 10 % of the new ones, P3 first, P0 never. */
const shed = () => Shedder.make({ steps: [{ above: 0.05, clearBelow: 0.03, reject: 0.1 }] })

const router = createRouter({ targets, ...rest, shed })
const services = Layer.mergeAll(Defaults.layer, Shedding.layer(shed)) // for `Router.make` and `RoutedModel.layer`
// #endregion
const call = (i: number) => (i % 10 === 0 ? Promise.reject({ status: 503 }) : Promise.resolve("answered"))
const ask = (i: number) => router.route(() => call(i), { priority: mix[i % 10] }).catch(String)
for (let i = 0; i < 120; i++) await ask(i)
console.log("P3:", await ask(3), "\nP1:", await ask(1))

// #region target
const perTarget = Pipeline.targetGate("admission-control", () => AdmissionControl.make({ order: "all" }))
const pipeline = Pipeline.before(DefaultPipeline.pipeline, "gates", perTarget)
// #endregion
const asked = { sick: 0, well: 0 }
const program = Effect.gen(function* () {
  const router = yield* Router.make({ targets, pipeline })
  const attempt = ({ target: { id } }: Router.Attempt<"sick" | "well">) =>
    ++asked[id] % 10 < 4 && id === "sick" ? Effect.fail({ status: 503 }) : Effect.void
  for (let i = 0; i < 1000; i++) yield* router.route({}, attempt)
})
const layer = Layer.merge(services, SmoothWeightedRoundRobin.layer())
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(layer), Random.withSeed(1)))
console.log(`per target: ${asked.sick} to sick, ${asked.well} to well`)
await router.close()

// Expect:
//   8 % fail: refused {"P0":0,"P1":0,"P2":1,"P3":990}
//   15 %  10 %               11 %              0 %
//   P3: RouteError: The router takes no further P3 call now: Shed
//   P1: answered
//   /per target: 3\d\d to sick/
