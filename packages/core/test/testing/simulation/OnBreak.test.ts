import { assert, it } from "@effect/vitest"
import { Contender, type Scenario, Simulation } from "@spillway/core/testing"
import { Effect } from "effect"

const scenario: Scenario.Scenario = {
  name: "streams that an outage cuts",
  duration: "2 minutes",
  traffic: [
    {
      name: "chat",
      arrivals: { kind: "constant", perSecond: 2 },
      streamed: true,
      deadline: "1 minute",
      tokens: { input: 10, output: 200 }
    }
  ],
  providers: {
    main: {
      latency: { firstContent: 200, perToken: 20 },
      events: [{ kind: "outage", from: "1 minute", lasting: "20 seconds" }]
    },
    backup: { latency: { firstContent: 200, perToken: 20 } }
  }
}

const contender = (onBreak: "fail" | "restart") =>
  Contender.router({
    name: onBreak,
    targets: [{ id: "main" }, { id: "backup" }],
    tiers: [["main"], ["backup"]],
    strategy: {
      name: "first",
      make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
    },
    onBreak
  })

it.effect("a stream that is cut in its middle fails, or begins anew elsewhere, as the contender says", () =>
  Effect.gen(function* () {
    const [fails, restarts] = yield* Simulation.compare(scenario, [contender("fail"), contender("restart")])
    // Answers take 4.2 s and come twice a second: eight or nine have begun and are cut.
    assert.closeTo(fails?.overall.failed ?? 0, 8, 1)
    assert.strictEqual(restarts?.overall.failed, 0)
    assert.strictEqual(restarts?.overall.answered, restarts?.overall.offered)
  })
)

it("anything else is refused by its path", () => {
  const wrong = contender("again" as "fail")
  return Effect.runPromiseExit(Simulation.run(scenario, wrong)).then((exit) =>
    assert.match(String(exit), /onBreak must be one of .*fail.*restart.*got "again"/)
  )
})
