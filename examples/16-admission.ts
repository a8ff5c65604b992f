// Who is next when no target has room, how long does a call wait, and who is turned away?
//
// One target that may be asked once a second. Time is virtual, so the run ends at once.
import * as Admission from "@spillway/core/Admission"
import * as AdmissionQueue from "@spillway/core/AdmissionQueue"
import * as Defaults from "@spillway/core/Defaults"
import type * as RouteRequest from "@spillway/core/RouteRequest"
import * as Router from "@spillway/core/Router"
import * as PowerOfTwo from "@spillway/strategies/PowerOfTwo"
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"

// #region options
const waiting: Admission.Options = {
  maxQueued: 500,
  maxWait: (priority) => (priority === "P3" ? "2 minutes" : "20 seconds"),
  order: AdmissionQueue.deadline({ slack: { P3: "3 seconds" } }),
  fairness: { weights: { gold: 2 } }
}
const services = Layer.mergeAll(Defaults.make({ admission: waiting }), PowerOfTwo.layer())
// #endregion

const seconds = Effect.map(Clock.currentTimeMillis, (ms) => ms / 1000)
type Caller = RouteRequest.Options & { readonly name: string; readonly at?: number }

const play = (title: string, callers: ReadonlyArray<Caller>, other: Admission.Options = {}) => {
  const program = Effect.gen(function* () {
    const targets = [{ id: "model", client: "", limits: { requestsPerMinute: 60, burst: 1 } }]
    const router = yield* Router.make({ targets })
    const served: Array<string> = []
    const ask = ({ at = 0, name, ...request }: Caller) => {
      const answer = Effect.map(seconds, (at) => served.push(`${at} ${name}`))
      // #region call
      const call = router
        .route(request, () => answer)
        .pipe(
          Effect.catchReason("RouteError", "Overloaded", ({ by }, { retryAfterMs }) =>
            Effect.sync(() => console.log(`  ${name} was turned away: ${by}, worth asking again in ${retryAfterMs} ms`))
          )
        )
      // #endregion
      return Effect.delay(call, at)
    }
    console.log(title)
    yield* Effect.forkChild(Effect.forEach(callers, ask, { concurrency: "unbounded" }))
    yield* TestClock.adjust("1 minute")
    console.log(`  ${served.join(", ")}`)
  })
  const options = Layer.merge(services, Admission.layer({ ...waiting, ...other }))
  return Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(options), Effect.provide(TestClock.layer())))
}

const batch = [1, 2, 3, 4].map((n): Caller => ({ name: `batch${n}`, priority: "P3" }))
const people = [1, 2, 3, 4].map((n): Caller => ({ name: `human${n}`, priority: "P0", at: 800 * n }))
const ofTenant = (tenant: string) => [1, 2, 3].map((n): Caller => ({ name: `${tenant}${n}`, tenant }))
const burst = [1, 2, 3, 4, 5, 6, 7, 8].map((n): Caller => ({ name: `call${n}`, at: 300 * n }))

// #region scenes
await play("strict", [...batch, ...people], { order: AdmissionQueue.strict })
await play("weighted", [...batch, ...people], { order: AdmissionQueue.weighted({ P0: 2, P3: 1 }) })
await play("deadline", [...batch, ...people])
await play("tenants", [...ofTenant("big"), ...ofTenant("gold"), ...ofTenant("small")])
await play("codel", burst, { codel: { target: "1 second", interval: "2 seconds" } })
await play("full", [...batch, { name: "human", priority: "P0", at: 500 }], { maxQueued: 2 })
// #endregion

// Expect:
//   0 batch1, 1 human1, 2 human2, 3 human3, 4 human4, 5 batch2, 6 batch3, 7 batch4
//   weighted
//   0 batch1, 1 human1, 2 batch2, 3 human2, 4 human3, 5 batch3, 6 human4, 7 batch4
//   deadline
//   0 batch1, 1 human1, 2 human2, 3 human3, 4 batch2, 5 batch3, 6 batch4, 7 human4
//   tenants
//   0 big1, 1 big2, 2 gold1, 3 gold2, 4 small1, 5 big3, 6 gold3, 7 small2, 8 small3
//   codel
//   /call\d was turned away: Overloaded, worth asking again in \d+ ms/
//   full
//   batch4 was turned away: QueueFull, worth asking again in 1000 ms
//   batch3 was turned away: Evicted, worth asking again in 500 ms
//   0 batch1, 1 human, 2 batch2
