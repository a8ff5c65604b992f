/** Runs what files describe, reports how far it is, and writes the result. */
import type { Contender } from "@spillway/core/testing/Contender"
import type { Result } from "@spillway/core/testing/Result"
import type { Scenario } from "@spillway/core/testing/Scenario"
import * as Simulation from "@spillway/core/testing/Simulation"
import * as SimulationJson from "@spillway/core/testing/SimulationJson"
import * as SimulationPage from "@spillway/core/testing/SimulationPage"
import * as SimulationTable from "@spillway/core/testing/SimulationTable"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Loaded } from "../ScenarioFile.ts"
import { explained, Failure } from "./Failure.ts"
import { print, writeFile } from "./output.ts"
import * as Progress from "./progress.ts"
import * as Scale from "./scale.ts"

export interface Settings {
  readonly html: Option.Option<string>
  readonly json: Option.Option<string>
  readonly seed: Option.Option<number>
  readonly scale: number
}

/** A file with what it holds, of which some contenders are to run. */
export interface Work {
  readonly file: string
  readonly scenario: Scenario
  readonly contenders: ReadonlyArray<Contender>
}

export const workOf = (file: string, { scenario, contenders }: Loaded, { seed, scale }: Settings): Work => ({
  file,
  scenario: Scale.scenario(Option.isSome(seed) ? { ...scenario, seed: seed.value } : scenario, scale),
  contenders: contenders.map((contender) => Scale.contender(contender, scale))
})

/** `undefined` where the text is no duration: the simulator will say so. */
const simulatedMs = ({ duration }: Scenario): number => {
  const input = duration as Duration.Input
  return Option.match(Duration.fromInput(input), { onNone: () => 0, onSome: (known) => Duration.toMillis(known) })
}

const runOne = Effect.fnUntraced(function* ({ file, scenario, contenders }: Work) {
  const clock = yield* Clock.Clock
  const progress = Progress.make(process.stderr, simulatedMs(scenario), () => clock.currentTimeMillisUnsafe())
  return yield* explained(file, Simulation.compare(scenario, contenders, { onProgress: progress.report })).pipe(
    Effect.ensuring(Effect.sync(progress.clear))
  )
})

/** Results of several files carry the name of their scenario; a second scenario of one name also its file. */
const named = (works: ReadonlyArray<Work>, results: ReadonlyArray<ReadonlyArray<Result>>): ReadonlyArray<Result> => {
  if (works.length < 2) return results.flat()
  const names = works.map(({ scenario }) => scenario.name)
  return results.flatMap((list, i) => {
    const name = names[i] ?? ""
    const label = names.indexOf(name) === names.lastIndexOf(name) ? name : `${works[i]?.file ?? ""}`
    return list.map((result) => ({ ...result, contender: `${label}: ${result.contender}` }))
  })
}

export const run = Effect.fnUntraced(function* (works: ReadonlyArray<Work>, settings: Settings) {
  const [first] = works
  if (first === undefined) return yield* new Failure({ message: "nothing to simulate" })
  const results = named(works, yield* Effect.forEach(works, runOne))
  yield* writeFile(settings.html, () =>
    SimulationPage.render(results, works.length === 1 ? { scenario: first.scenario } : {})
  )
  const toStdout = Option.contains(settings.json, "-")
  if (!toStdout) yield* writeFile(settings.json, () => SimulationJson.render(results))
  yield* print(toStdout ? SimulationJson.render(results) : SimulationTable.render(results))
})
