/**
 * Six stories that users tell, each run twice through the simulator: with a plain client, and with Spillway.
 *
 * `--only=NAME` runs one story, `--scale=N` the story of a day at that share of its traffic, `--full` at all of it (fifteen
 * million calls). Tables go to standard output, all figures to `bench/out/scenarios.json` and, with plots, to
 * `bench/out/scenarios.html`. Everything but the processor time is the same on every machine.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { type Result, Simulation, SimulationTable } from "@spillway/core/testing"
import { Effect } from "effect"
import type { Report, Row } from "./Report.ts"
import { busyProvider } from "./scenarios/busyProvider.ts"
import { mainAndBackups } from "./scenarios/mainAndBackups.ts"
import { nodeDies } from "./scenarios/nodeDies.ts"
import { priorities } from "./scenarios/priorities.ts"
import { type Goal, isMet, type Size, type Story } from "./scenarios/Story.ts"
import { storiesPage } from "./scenarios/storiesPage.ts"
import { twoRegions } from "./scenarios/twoRegions.ts"
import { zipfCache } from "./scenarios/zipfCache.ts"

const stories: ReadonlyArray<(size: Size) => Story> = [
  nodeDies,
  busyProvider,
  priorities,
  zipfCache,
  twoRegions,
  mainAndBackups
]

/** `dist` is where this runs. */
const out = fileURLToPath(new URL("../out/", import.meta.url))

const option = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)

const sizeOf = (): Size => {
  if (process.argv.includes("--full")) return { scale: 1 }
  const scale = option("scale")
  if (scale === undefined) return {}
  if (!(Number(scale) > 0 && Number(scale) <= 1)) throw new Error(`--scale: a number in (0, 1], got ${scale}`)
  return { scale: Number(scale) }
}

export const scenarios = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const only = option("only")
  const all = stories.map((story) => story(sizeOf()))
  const told = all.filter(({ name }) => only === undefined || name === only)
  if (told.length === 0) throw new Error(`--only: one of ${all.map(({ name }) => name).join(", ")}, got ${only}`)
  const of = told.flatMap(({ runs }) => runs).reduce((sum, { contenders }) => sum + contenders.length, 0)
  // With --json the last line is for programs, and the tables would only be in their way.
  const say = process.argv.includes("--json") ? () => {} : (text: string) => console.log(text)
  let done = 0
  const rows: Array<Row> = []
  const ended = []
  for (const story of told) {
    say(`\n=== ${story.name}: ${story.title} ===\n`)
    const results: Array<ReadonlyArray<Result.Result>> = []
    for (const { contenders, scenario } of story.runs) {
      const run = []
      for (const contender of contenders) {
        const before = process.cpuUsage()
        const result = await Effect.runPromise(Simulation.run(scenario, contender))
        const { system, user } = process.cpuUsage(before)
        run.push(result)
        const row = { case: `${scenario.name}: ${contender.name}`, ratio: null }
        rows.push({ ...row, metric: "calls", value: result.run.calls, unit: "" })
        rows.push({ ...row, metric: "cpu", value: (user + system) / 1e6, unit: "s" })
        progress(++done, of)
      }
      say(SimulationTable.render(run))
      results.push(run)
    }
    const goals = story.goals(results)
    const notes = story.notes?.(results) ?? []
    say([...goals.flatMap(lines), ...notes].join("\n"))
    ended.push({ story, results, goals, notes })
  }
  await mkdir(out, { recursive: true })
  await writeFile(`${out}scenarios.html`, storiesPage(ended))
  await writeFile(
    `${out}scenarios.json`,
    `${JSON.stringify({
      goals: ended.flatMap(({ goals, story }) =>
        goals.map((goal) => ({ story: story.name, ...goal, met: isMet(goal) }))
      ),
      results: ended.flatMap(({ results }) => results.flat())
    })}\n`
  )
  say(`\nAll figures: ${out}scenarios.json; plots: ${out}scenarios.html\n`)
  return {
    name: "scenarios",
    node: process.versions.node,
    rows,
    goals: ended.flatMap(({ goals, story }) => goals.map((goal) => reported(story.name, goal)))
  }
}

const lines = (goal: Goal): ReadonlyArray<string> => {
  const { ifMissed, plain, reached, show, spillway, target, what } = goal
  const wanted = "atLeast" in target ? `at least ${show(target.atLeast)}` : `at most ${show(target.atMost)}`
  const met = isMet(goal)
  return [
    `${met ? "met   " : "MISSED"} ${what}: plain ${plain}, spillway ${spillway}; reached ${show(reached)}, wanted ${wanted}`,
    ...(met || ifMissed === undefined ? [] : [`       because ${ifMissed}`])
  ]
}

/** A report knows upper bounds only: what is to be large is told as what it lacks. */
const reported = (story: string, goal: Goal): Report["goals"][number] => {
  const { reached, show, target, what } = goal
  const met = isMet(goal)
  if ("atMost" in target) return { goal: `${story}: ${what}`, value: reached, target: target.atMost, met }
  const lacks = Number((target.atLeast - reached).toPrecision(4))
  return {
    goal: `${story}: ${what} ${show(reached)}, wanted ${show(target.atLeast)}; lacks`,
    value: Math.max(0, lacks),
    target: 0,
    met
  }
}
