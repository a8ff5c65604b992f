/** Reads records a chunk at a time and writes the plan. */
import * as CapacityPlan from "@spillway/core/testing/CapacityPlan"
import { PlanLimits } from "@spillway/core/testing/PlanLimits"
import * as PlanPage from "@spillway/core/testing/PlanPage"
import * as PlanTable from "@spillway/core/testing/PlanTable"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { readText } from "../ScenarioFile.ts"
import { explained, Failure } from "./Failure.ts"
import { decode } from "./jsonc.ts"
import * as Lines from "./lines.ts"
import { print, writeFile } from "./output.ts"
import * as Progress from "./progress.ts"

export interface Settings {
  readonly limits: Option.Option<string>
  readonly html: Option.Option<string>
  readonly json: Option.Option<string>
  readonly utcOffset: number
}

/** One file after the other; `-` is standard input. */
const read = Effect.fnUntraced(function* (file: string, planner: CapacityPlan.Planner) {
  const fileSystem = yield* FileSystem.FileSystem
  const stdio = yield* Stdio.Stdio
  const clock = yield* Clock.Clock
  const size = file === "-" ? 0 : Number((yield* fileSystem.stat(file)).size)
  const progress = Progress.make(process.stderr, 0, () => clock.currentTimeMillisUnsafe())
  const lines = Lines.splitter(planner)
  let seen = 0
  const take = (chunk: Uint8Array) => {
    lines.push(chunk)
    seen += chunk.length
    if (size > 0) progress.report(seen / size, file)
  }
  yield* Stream.runForEach(file === "-" ? stdio.stdin : fileSystem.stream(file), (chunk) =>
    Effect.sync(() => take(chunk))
  ).pipe(Effect.ensuring(Effect.sync(progress.clear)))
  lines.end()
})

export const run = Effect.fnUntraced(function* (files: ReadonlyArray<string>, settings: Settings) {
  const limits = Option.isNone(settings.limits)
    ? undefined
    : yield* decode(PlanLimits, settings.limits.value, yield* readText(settings.limits.value))
  const planner = yield* explained(
    "plan",
    Effect.sync(() =>
      CapacityPlan.make({ utcOffsetMinutes: settings.utcOffset, ...(limits === undefined ? {} : { limits }) })
    )
  )
  yield* Effect.forEach(files, (file) =>
    Effect.catchTag(read(file, planner), "PlatformError", ({ reason }) =>
      Effect.fail(new Failure({ message: `${file}: ${reason._tag === "NotFound" ? "no such file" : reason._tag}` }))
    )
  )
  const plan = planner.plan()
  const seen = new Set(plan.targets.map(({ target }) => target))
  for (const id of Object.keys(limits?.targets ?? {})) {
    // A misspelt id would leave its target without limits, unsaid.
    if (!seen.has(id)) yield* Console.error(`spillway: no record names the target ${JSON.stringify(id)} of the limits`)
  }
  yield* writeFile(settings.html, () => PlanPage.render(plan))
  const json = () => `${JSON.stringify(plan, null, 2)}\n`
  const toStdout = Option.contains(settings.json, "-")
  if (!toStdout) yield* writeFile(settings.json, json)
  yield* print(toStdout ? json() : PlanTable.render(plan))
})
