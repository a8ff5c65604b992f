import { assert, describe, it } from "@effect/vitest"
import type { Strategy } from "@spillway/core/Strategy"
import { CurrentStrategy } from "@spillway/core/Strategy"
import { StrategyLaws } from "@spillway/core/testing"
import { Effect, type Layer } from "effect"
import fc from "fast-check"
import * as EdfWeightedRoundRobin from "../src/EdfWeightedRoundRobin.ts"
import * as Failover from "../src/Failover.ts"
import * as InFlight from "../src/loads/InFlight.ts"
import * as PeakEwma from "../src/loads/PeakEwma.ts"
import * as PowerOfTwo from "../src/PowerOfTwo.ts"
import * as SmoothWeightedRoundRobin from "../src/SmoothWeightedRoundRobin.ts"
import * as WeightedLeastConnections from "../src/WeightedLeastConnections.ts"
import * as WeightedRandom from "../src/WeightedRandom.ts"

const strategies: Readonly<Record<string, Strategy<string>>> = {
  "smooth weighted round robin": SmoothWeightedRoundRobin.make(),
  "smooth weighted round robin from the first target": SmoothWeightedRoundRobin.make({ randomStart: false }),
  "weighted least connections": WeightedLeastConnections.make(),
  "weighted least connections to the letter": WeightedLeastConnections.make({
    failureWeighting: false,
    randomStart: false
  }),
  "EDF weighted round robin": EdfWeightedRoundRobin.make(),
  "EDF weighted round robin by success rate": EdfWeightedRoundRobin.make({
    weightOf: (candidate, now) => candidate.target.weight * candidate.successRate(now)
  }),
  "weighted random": WeightedRandom.make(),
  failover: Failover.make(),
  "failover by id": Failover.make({ order: ["t2", "t7", "t0"] }),
  "failover by weight": Failover.make({ order: "weight" }),
  "power of two by the time of a typical answer": PowerOfTwo.make(),
  "power of two by latency": PowerOfTwo.make({ load: PeakEwma.load }),
  "power of two by first content": PowerOfTwo.make({ load: PeakEwma.make({ measure: "timeToFirstContent" }) }),
  "power of two by attempts in flight": PowerOfTwo.make({ load: InFlight.load })
}

for (const [name, strategy] of Object.entries(strategies)) {
  // A thousand scenarios for each strategy, divided among the laws.
  const numRuns = Math.ceil(1000 / StrategyLaws.laws.length)
  describe(`the laws of every strategy: ${name}`, () => {
    for (const law of StrategyLaws.laws) {
      it(law.name, () => {
        fc.assert(
          fc.property(fc.integer(), fc.integer({ min: 1, max: 12 }), (seed, targets) =>
            law.check(strategy, { seed, targets, picks: 12 })
          ),
          { numRuns }
        )
      })
    }
  })
}

describe("layer", () => {
  const layers: ReadonlyArray<readonly [Layer.Layer<CurrentStrategy>, string]> = [
    [SmoothWeightedRoundRobin.layer(), "smooth-wrr"],
    [WeightedLeastConnections.layer(), "weighted-least-connections"],
    [EdfWeightedRoundRobin.layer(), "edf-wrr"],
    [WeightedRandom.layer(), "weighted-random"],
    [Failover.layer({ order: ["a"] }), "failover"],
    [PowerOfTwo.layer(), "p2c-tokens"],
    [PowerOfTwo.layer({ load: InFlight.load }), "p2c"],
    [PowerOfTwo.layer({ load: InFlight.load, name: "p2c-in-flight" }), "p2c-in-flight"]
  ]
  for (const [layer, name] of layers) {
    it.effect(`makes ${name} the strategy of an application`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* CurrentStrategy).name, name)
      }).pipe(Effect.provide(layer))
    )
  }
})
