/**
 * The command `spillway`: simulate a scenario, compare contenders, plan capacity from records. Exit status: 0 when it did what
 * was asked, 1 when a file or an argument is wrong (said on standard error), 130 when it was interrupted.
 */

import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Failure } from "./internal/Failure.ts"
import * as RunPlan from "./internal/runPlan.ts"
import * as RunScenarios from "./internal/runScenarios.ts"
import * as ScenarioFile from "./ScenarioFile.ts"
import { strategies } from "./StrategyTable.ts"

const output = {
  html: Flag.String("html").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Write one self-contained page with plots"),
    Flag.optional
  ),
  json: Flag.String("json").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Write all figures as JSON; `-` prints them instead of the table"),
    Flag.optional
  )
}

const running = {
  ...output,
  seed: Flag.Int("seed").pipe(Flag.withDescription("Chance begins here; default: the scenario's"), Flag.optional),
  scale: Flag.Finite("scale").pipe(
    Flag.withDescription("A share of the traffic and of every limit, > 0: 0.01 is a hundredth of the world"),
    Flag.filter(
      (scale) => scale > 0,
      (scale) => `--scale must be > 0, got ${scale}`
    ),
    Flag.withDefault(1)
  )
}

const scenarioFile = "A scenario as JSON (comments allowed), or a module that exports { scenario, contenders }"

const simulate = Command.make(
  "simulate",
  {
    file: Argument.String("scenario").pipe(Argument.withDescription(scenarioFile)),
    contender: Flag.String("contender").pipe(
      Flag.withMetavar("name"),
      Flag.withDescription("Which contender of the file; default: the first"),
      Flag.optional
    ),
    ...running
  },
  Effect.fnUntraced(function* ({ file, contender: wanted, ...settings }) {
    const loaded = yield* ScenarioFile.load(file)
    const name = Option.getOrElse(wanted, () => loaded.contenders[0]?.name ?? "")
    const contenders = loaded.contenders.filter((contender) => contender.name === name)
    if (contenders.length === 0) {
      const known = loaded.contenders.map((contender) => JSON.stringify(contender.name)).join(", ")
      return yield* new Failure({
        message: `${file}: --contender must be one of ${known}; got ${JSON.stringify(name)}`
      })
    }
    yield* RunScenarios.run([RunScenarios.workOf(file, { ...loaded, contenders }, settings)], settings)
  })
).pipe(
  Command.withDescription(
    `Run the real router in simulated time against providers as a scenario describes them.\n\nStrategies a file may name: ${[...strategies.keys()].join(", ")}`
  ),
  Command.withShortDescription("Run a scenario in simulated time"),
  Command.withExamples([
    { command: "spillway simulate outage.json", description: "The first contender, as a table" },
    { command: "spillway simulate outage.json --html out.html --seed 7", description: "With plots, other luck" },
    { command: "spillway simulate day.json --scale 0.01", description: "A hundredth of the traffic and of the limits" }
  ])
)

const compare = Command.make(
  "compare",
  {
    files: Argument.String("scenario").pipe(Argument.withDescription(scenarioFile), Argument.atLeast(1)),
    ...running
  },
  Effect.fnUntraced(function* ({ files, ...settings }) {
    const loaded = yield* Effect.forEach(files, (file) =>
      Effect.map(ScenarioFile.load(file), (each) => RunScenarios.workOf(file, each, settings))
    )
    yield* RunScenarios.run(loaded, settings)
  })
).pipe(
  Command.withDescription("Run the same calls through all contenders of a scenario, or of several, side by side."),
  Command.withExamples([{ command: "spillway simulate compare outage.json --html out.html" }])
)

const plan = Command.make(
  "plan",
  {
    files: Argument.String("records").pipe(
      Argument.withDescription("Decision records, a JSON object a line, in any order; `-` is standard input"),
      Argument.atLeast(1)
    ),
    limits: Flag.String("limits").pipe(
      Flag.withMetavar("file"),
      Flag.withDescription(`JSON: { "headroom": 0.3, "targets": { "id": { "requestsPerMinute": 600 } } }`),
      Flag.optional
    ),
    utcOffset: Flag.Int("utc-offset").pipe(
      Flag.withMetavar("minutes"),
      Flag.withDescription("Minutes that the week's clock is ahead of UTC"),
      Flag.withDefault(0)
    ),
    ...output
  },
  Effect.fnUntraced(function* ({ files, ...settings }) {
    yield* RunPlan.run(files, settings)
  })
).pipe(
  Command.withDescription(
    "Plan capacity from decision records: load by hour of week, use of limits, headroom, limits and weights to set."
  ),
  Command.withExamples([{ command: "spillway simulate plan records.jsonl --limits limits.json --html plan.html" }])
)

/** The whole command, for a program of one's own that adds to it. Needs the services of `@effect/platform-node/NodeServices`. */
export const command = Command.make("spillway").pipe(
  Command.withDescription("Simulate a router of language-model calls, and plan its capacity."),
  Command.withSubcommands([simulate.pipe(Command.withSubcommands([compare, plan]))])
)

/** Runs it with arguments; without the program's name. */
export const run = Command.runWith(command, { version: "0.0.0" })
