// What would this configuration do in an outage? Before users find out.
//
// The real router on virtual time, against providers that exist only as numbers: a quarter of an hour in which the larger one
// of two is down for three minutes. The same calls go through a client with the retries of an SDK, and through two routers.
import { Contender, type Scenario, Simulation, SimulationPage, SimulationTable } from "@spillway/core/testing"
import { PowerOfTwo, SmoothWeightedRoundRobin } from "@spillway/strategies"
import { Effect } from "effect"

// #region scenario
const scenario: Scenario.Scenario = {
  name: "an outage of the larger provider",
  duration: "15 minutes",
  traffic: [
    {
      name: "chat",
      arrivals: { kind: "poisson", perSecond: 5 },
      deadline: "30 seconds",
      tokens: { input: 600, output: { kind: "lognormal", median: 150, p95: 600 } }
    }
  ],
  providers: {
    large: {
      latency: { firstContent: { kind: "lognormal", median: 400, p95: 900 }, perToken: 8 },
      events: [{ kind: "outage", from: "5 minutes", lasting: "3 minutes" }]
    },
    small: {
      latency: { firstContent: { kind: "lognormal", median: 600, p95: 1500 }, perToken: 12 },
      capacity: { concurrency: 60 }
    }
  }
}
// #endregion

// #region contenders
const targets = [
  { id: "large", weight: 3 },
  { id: "small", weight: 1 }
]
const contenders = [
  Contender.plain({ targets, pick: "weighted", retry: { repick: false } }),
  Contender.router({ targets, strategy: SmoothWeightedRoundRobin.make() }),
  Contender.router({ targets, strategy: PowerOfTwo.make() })
]
const results = await Effect.runPromise(Simulation.compare(scenario, contenders))
console.log(SimulationTable.render(results))
const page = SimulationPage.render(results, { scenario }) // one file of HTML with plots: write it where you like
// #endregion

console.log(`\nthe page has ${page.match(/<svg/g)?.length ?? 0} plots`)
const [plain, ...routers] = results
const isBetter = routers.every((one) => (one?.overall.availability ?? 0) > (plain?.overall.availability ?? 1))
console.log(`routers answered more: ${isBetter}`)

// Expect:
//   /availability/
//   /the page has \d+ plots/
//   routers answered more: true
