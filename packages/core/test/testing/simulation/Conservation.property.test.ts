import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { finish, once, plain, routed, scenario, sum } from "./fixture.ts"

describe("Simulation", () => {
  it("loses no call, and leaves nothing under way (50 random scenarios)", () => {
    const milliseconds = fc.integer({ min: 0, max: 3000 })
    const provider = fc.record({
      latency: fc.record({ firstContent: milliseconds, perToken: fc.nat(20) }),
      capacity: fc.record({
        concurrency: fc.integer({ min: 1, max: 10 }),
        whenFull: fc.constantFrom("reject" as const, "queue" as const),
        requestsPerMinute: fc.integer({ min: 20, max: 2000 })
      }),
      errors: fc.array(
        fc.record({ rate: fc.double({ min: 0, max: 0.4, noNaN: true }), status: fc.constantFrom(400, 429, 503) }),
        {
          maxLength: 1
        }
      ),
      silent: fc.constantFrom(0, 0.05),
      events: fc.array(
        fc.record({
          kind: fc.constant("outage" as const),
          from: fc.nat(10_000),
          lasting: fc.integer({ min: 1, max: 10_000 }),
          how: fc.constantFrom("errors" as const, "silence" as const),
          underWay: fc.constantFrom("lost" as const, "goOn" as const)
        }),
        { maxLength: 2 }
      ),
      region: fc.constantFrom("here", "there")
    })
    const arrivals = fc.oneof(
      fc.record({ kind: fc.constant("poisson" as const), perSecond: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ kind: fc.constant("callers" as const), count: fc.integer({ min: 1, max: 20 }), think: milliseconds })
    )
    const contenders = fc.constantFrom(routed({ tiers: [["a"], ["b"]] }), routed({ instances: 2 }), plain, once("b"))
    fc.assert(
      fc.property(
        provider,
        provider,
        arrivals,
        contenders,
        fc.nat(),
        fc.constantFrom(0, 0.5, 1),
        (a, b, arrivals, contender, seed, streamed) => {
          const { result, run } = finish(
            scenario(
              { a, b },
              { arrivals, streamed, deadline: 4000, tokens: { input: 10, output: 50 }, region: "here" },
              {
                seed,
                duration: "10 seconds",
                warmup: "5 seconds",
                drain: "20 seconds",
                network: [{ between: ["here", "there"], oneWay: 30, jitter: 20 }]
              }
            ),
            contender
          )
          const { overall, series, targets } = result
          assert.deepStrictEqual(run.underWay, { calls: 0, attempts: 0, held: 0 })
          assert.strictEqual(overall.offered, overall.answered + overall.failed + overall.unfinished)
          assert.strictEqual(overall.failed, sum(Object.values(overall.errors)))
          assert.strictEqual(overall.latency.count, overall.answered)
          assert.strictEqual(sum(targets.map((target) => target.attempts)), overall.attempts)
          assert.strictEqual(sum(targets.map((target) => target.answers)), overall.attempts - overall.wasted)
          assert.strictEqual(sum(series.offered), result.run.calls)
          for (const target of targets) {
            assert.strictEqual(target.attempts, target.answers + target.failed + target.interrupted)
            assert.strictEqual(target.failed, sum(Object.values(target.errors)))
          }
        }
      ),
      { numRuns: 50 }
    )
  })
})
