/**
 * What is to be simulated, from a file: a scenario with its contenders as JSON (comments allowed), where strategies are named,
 * or a module whose default export is `{ scenario, contenders }`, for strategies and layers of one's own.
 *
 * A file that is wrong fails with all that is wrong with it: file, place, what is allowed, what there is.
 */
import { pathToFileURL } from "node:url"
import * as Contender from "@spillway/core/testing/Contender"
import type { Scenario } from "@spillway/core/testing/Scenario"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { Failure, messageOf } from "./internal/Failure.ts"
import { decode } from "./internal/jsonc.ts"
import * as Schemas from "./internal/schemas.ts"
import { strategies } from "./StrategyTable.ts"

export interface Loaded {
  readonly scenario: Scenario
  /** At least one; names are unique. */
  readonly contenders: ReadonlyArray<Contender.Contender>
}

const isModule = (file: string) => /\.[cm]?[jt]s$/.test(file)

/** Fails with a message for people. */
export const load = Effect.fnUntraced(function* (file: string) {
  const loaded = isModule(file) ? yield* fromModule(file) : yield* fromJson(file)
  const names = loaded.contenders.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    return yield* new Failure({
      message: `${file}: contenders: two are called ${JSON.stringify(twice)}; give them a name each`
    })
  }
  return loaded
})

export const readText = (file: string) =>
  FileSystem.FileSystem.use((fileSystem) => fileSystem.readFileString(file)).pipe(
    Effect.mapError(
      ({ reason }) => new Failure({ message: `${file}: ${reason._tag === "NotFound" ? "no such file" : reason._tag}` })
    )
  )

const fromJson = Effect.fnUntraced(function* (file: string) {
  const {
    targets,
    contenders,
    $schema: _,
    ...scenario
  } = yield* decode(Schemas.ScenarioFile, file, yield* readText(file))
  const shared = targets ?? Object.keys(scenario.providers).map((id) => ({ id }))
  // The schema has the scenario's shape; what `needs` and the other open parts hold is checked by who reads it.
  return {
    scenario: scenario as Scenario,
    contenders: yield* Effect.forEach(contenders, (contender, i) =>
      contenderOf(`${file}: contenders[${i}]`, contender, shared)
    )
  }
})

type InFile = Schemas.ScenarioFile["contenders"][number]
type Targets = NonNullable<Schemas.ScenarioFile["targets"]>

const contenderOf = Effect.fnUntraced(function* (where: string, contender: InFile, shared: Targets) {
  const targets = contender.targets ?? shared
  if (contender.kind === "plain") {
    const { kind: _, ...options } = contender
    return Contender.plain({ ...options, targets: targets.map(plainTarget) })
  }
  const { kind: _, strategy: named, ...options } = contender
  const { name, options: settings } = typeof named === "string" ? { name: named, options: undefined } : named
  const make = strategies.get(name)
  if (make === undefined) {
    const allowed = [...strategies.keys()].join(", ")
    return yield* new Failure({ message: `${where}.strategy: one of ${allowed}; got ${JSON.stringify(name)}` })
  }
  const strategy = yield* Effect.try({
    try: () => make(settings),
    catch: (error) => new Failure({ message: `${where}.strategy: ${messageOf(error)}` })
  })
  // What stands in the open parts (price, limits, defaults) is checked by the router.
  return Contender.router({ name: contender.name ?? name, ...options, targets, strategy })
})

/** A client without a router knows of a target no more than this. */
const plainTarget = ({ id, provider, weight, price }: Targets[number]) => ({
  id,
  ...(provider === undefined ? {} : { provider }),
  ...(weight === undefined ? {} : { weight }),
  ...(price === undefined ? {} : { price })
})

const fromModule = Effect.fnUntraced(function* (file: string) {
  const path = (yield* Path.Path).resolve(file)
  const module: { readonly default?: unknown } = yield* Effect.tryPromise({
    try: () => import(pathToFileURL(path).href),
    catch: (error) => new Failure({ message: `${file}: ${importProblem(error)}` })
  })
  if (!isLoaded(module.default)) {
    return yield* new Failure({
      message: `${file}: the default export must be { scenario, contenders }, with at least one contender`
    })
  }
  return module.default
})

const importProblem = (error: unknown): string => {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined
  if (code !== "ERR_UNKNOWN_FILE_EXTENSION") return messageOf(error)
  return `this Node (${process.versions.node}) does not run TypeScript: compile the file, or use Node 22.18 or later`
}

const isLoaded = (value: unknown): value is Loaded =>
  typeof value === "object" &&
  value !== null &&
  "scenario" in value &&
  typeof value.scenario === "object" &&
  value.scenario !== null &&
  "contenders" in value &&
  Array.isArray(value.contenders) &&
  value.contenders.length > 0
