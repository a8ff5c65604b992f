/** Many calls at once over a pool of five dialects, all of which fail often and in their own ways. */
import { assert } from "@effect/vitest"
import { Behaviour, RetryAfter } from "@spillway/providers/testing"
import { Effect } from "effect"
import { answer, scenario } from "./Cases.ts"
import { flaw } from "./Heard.ts"
import * as Routed from "./Routed.ts"
import { dialects } from "./Vendors.ts"

const calls = 300

const faults: ReadonlyArray<(after: number) => Behaviour.Behaviour> = [
  () => Behaviour.rateLimited({ retryAfter: RetryAfter.milliseconds(5) }),
  () => Behaviour.rateLimited(),
  () => Behaviour.status(500),
  () => Behaviour.status(503, { body: "html" }),
  () => Behaviour.resetBeforeHeaders,
  (after) => Behaviour.cutAfter(after, answer),
  (after) => Behaviour.endWithoutFinish(after, answer),
  (after) => Behaviour.malformedChunkAfter(after, answer),
  (after) => Behaviour.errorIn200({ after }, answer),
  () => Behaviour.refusesPrefill(answer),
  () => Behaviour.withoutDone(answer)
]

/** A third of the requests; which, and how, is drawn from the request's own seeded chance. */
const trouble = Behaviour.choose((request, _n, rng) => {
  if (rng() >= 0.35) return answer
  const fault = faults[Math.floor(rng() * faults.length)]
  const after = Math.floor(rng() * 6)
  // JSON with everything but the reason of its end is an answer.
  if (!request.streamed && fault === faults[6]) return answer
  return fault?.(after) ?? answer
})

export const soak = () => {
  scenario(`${calls} calls at once are all answered whole, whoever breaks and however`, (vendors) =>
    Effect.gen(function* () {
      const targets = yield* Effect.forEach(dialects, (dialect) => vendors.deploy(dialect, trouble))
      const routers = yield* Effect.forEach(["restart", "continue", "buffered"] as const, (onBreak) =>
        Routed.make({
          targets,
          together: true,
          onBreak,
          retry: { maxAttempts: 30, budget: { ratio: 1, minPerSecond: 1000 } }
        })
      )
      const flaws = yield* Effect.forEach(
        Array.from({ length: calls }, (_, call) => call),
        (call) => {
          const question = `Question ${call}?`
          const router = routers[call % routers.length]
          assert.isDefined(router)
          return Effect.map(router.ask(question, { streamed: call % 2 === 0 }), (heard) => flaw(question, heard))
        },
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        flaws.filter((flaw) => flaw !== ""),
        []
      )
      for (const target of targets) yield* target.idle
      for (const { held, records } of routers) {
        assert.deepStrictEqual(yield* held, [])
        assert.strictEqual(records.length, calls / routers.length)
      }
      const attempts = routers.flatMap(({ records }) => records.flatMap(({ attempts }) => attempts))
      assert.isAbove(attempts.filter(({ outcome }) => outcome === "failed").length, calls / 10)
    })
  )
}
