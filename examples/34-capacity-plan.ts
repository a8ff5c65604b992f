// How do I find out, from what the router did, which limits to order and where it gets tight?
//
// A router writes its decision records as JSON lines; `spillway simulate plan records.jsonl --limits limits.json` reads such a file,
// and so does `CapacityPlan`. Here a week passes in virtual time: calls come by the hour, tokens are reported by the call.
import { Defaults, Router } from "@spillway/core"
import { CapacityPlan, PlanTable } from "@spillway/core/testing"
import { EdfWeightedRoundRobin } from "@spillway/strategies"
import { Effect, Fiber, Layer, Random, Stream } from "effect"
import { TestClock } from "effect/testing"

const records: Array<string> = []

const program = Effect.gen(function* () {
  const router = yield* Router.make({
    targets: [
      { id: "main", client: 0, weight: 3, price: { input: 1, output: 4 } },
      { id: "second", client: 0, weight: 1, price: { input: 1, output: 4 } }
    ]
  })
  // #region record
  // In production: append each line to a file. Nothing in a record is prompt, answer or key.
  const written = Stream.runForEach(router.decisions, (record) =>
    Effect.sync(() => records.push(JSON.stringify(record)))
  )
  yield* Effect.forkScoped(written, { startImmediately: true })
  // A routed model reports tokens by itself; what is called by `route` says them, else half of the plan stays empty.
  const call = router.route({}, (attempt) =>
    Effect.as(Effect.delay(Effect.void, "800 millis"), "answer").pipe(
      Effect.tap(() => Effect.sync(() => attempt.report({ inputTokens: 1200, outputTokens: 300 })))
    )
  )
  // #endregion
  for (let hour = 0; hour < 7 * 24; hour++) {
    const busy = hour % 24 >= 9 && hour % 24 < 17
    const calls = yield* Effect.forkChild(
      Effect.all(
        Array.from({ length: busy ? 120 : 10 }, () => call),
        { concurrency: 40 }
      )
    )
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(calls)
  }
})
const world = Layer.mergeAll(Defaults.layer, EdfWeightedRoundRobin.layer(), TestClock.layer())
await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(world), Random.withSeed("plan")))

// #region plan
const limits = { targets: { main: { requestsPerMinute: 100 }, second: { requestsPerMinute: 100 } } }
const planner = CapacityPlan.make({ limits })
for (const line of records) planner.line(line)
console.log(PlanTable.render(planner.plan()))
// #endregion

// Expect:
//   7,840 calls from 1970-01-01 00:00
//   /main +requests a minute +\d+ +90 +100 +90 %/
//   Where less than 30 % is left free
//   main    Mon 09:00  requests a minute           90       70   28.6 %
//   main bears 50 % of what all bear
