/**
 * Runs a scenario in simulated time: the real router, with its gates, queues, time-outs and strategies, among providers and
 * callers that are made up. Hours pass in seconds, and the same scenario, contender and seed give the same result, byte for byte.
 *
 * Use it to compare settings before production does, to size capacity, and to test a promise ("an outage of one provider costs
 * less than 0.1 % of the calls"). It is not a load test: what the router itself costs takes no simulated time, and providers are
 * as good as their description.
 *
 * ```ts
 * const results = yield* Simulation.compare(scenario, [
 *   Contender.plain({ targets: [{ id: "a" }] }),
 *   Contender.router({ targets: [{ id: "a" }, { id: "b" }], strategy: PowerOfTwo.make() })
 * ])
 * ```
 *
 * Source: discrete-event simulation by next-event time advance, A. M. Law, "Simulation Modeling and Analysis", 5th ed., 2015,
 * section 1.3; contenders are compared on common random numbers, section 11.2.
 */
import * as Effect from "effect/Effect"
import { InvalidOption } from "../../model/InvalidOption.ts"
import type { Contender } from "./Contender.ts"
import { Run } from "./internal/Run.ts"
import * as Source from "./internal/Source.ts"
import { World } from "./internal/World.ts"
import type { Result } from "./Result.ts"
import type { Scenario } from "./Scenario.ts"

export interface Options {
  /** Told when another thousandth of the simulated time has passed: the share, in [0, 1], of this contender's run. */
  readonly onProgress?: (share: number, contender: string) => void
}

/**
 * Runs `scenario` with one contender. It gives way to the rest of the program after every 500 events, and can be interrupted
 * there. A mistake in the scenario or the contender is a defect, `InvalidOption`, that names its path; what a strategy or a gate
 * throws is one too, and ends the run.
 */
export const run = (scenario: Scenario, contender: Contender, options: Options = {}): Effect.Effect<Result> =>
  Effect.suspend(() => {
    const run = new Run(scenario, contender)
    let told = -1
    const goOn: Effect.Effect<void> = Effect.suspend(() => {
      const done = run.advance()
      const share = done ? 1 : run.share
      if (share - told >= 0.001 || done) options.onProgress?.(share, run.contender)
      if (share - told >= 0.001) told = share
      return done ? Effect.void : Effect.flatMap(Effect.yieldNow, () => goOn)
    })
    const closed = Effect.ensuring(
      goOn,
      Effect.sync(() => run.close())
    )
    return Effect.map(closed, () => run.result())
  })

/**
 * The same calls, with the same luck, through several contenders, one after the other. Their names are unique, or
 * `InvalidOption`.
 */
export const compare = (
  scenario: Scenario,
  contenders: ReadonlyArray<Contender>,
  options: Options = {}
): Effect.Effect<ReadonlyArray<Result>> =>
  Effect.suspend(() => {
    unique(contenders)
    return Effect.forEach(contenders, (contender) => run(scenario, contender, options))
  })

const unique = (contenders: ReadonlyArray<Contender>): void => {
  const names = contenders.map(({ name }) => name)
  names.forEach((name, i) => {
    if (names.indexOf(name) === i) return
    throw new InvalidOption(`Simulation.compare: contenders[${i}].name`, "unique among the contenders", name)
  })
}

/** Checks a scenario without running it. Throws `InvalidOption`. */
export const check = (scenario: Scenario): void => {
  const world = new World(scenario)
  world.traffic.forEach((traffic, i) => {
    Source.start(`Scenario: traffic[${i}].arrivals`, traffic, world.timeline, world.durationMs, () => {})
  })
}
