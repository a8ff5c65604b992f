/**
 * The targets in the environment: `SPILLWAY_TARGETS` holds `{ "targets": [...] }` (or the list alone) as JSON, or
 * `SPILLWAY_TARGETS_0`, `SPILLWAY_TARGETS_1`, ... hold one target each.
 *
 * Use it in containers whose configuration is their environment. It is read once, through the `ConfigProvider` in force when
 * the changes are run: an environment does not change while its process runs. Errors name variable and path; no value that may
 * be a key is in them.
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import { problem, type TargetSource, type TargetUpdate } from "../model/TargetSource.ts"
import { JsoncError, parse } from "./internal/jsonc.ts"
import * as Reader from "./internal/reader.ts"

export interface Options<C> extends Reader.ReaderOptions<C> {
  /** Letters, digits, `_`; it also begins the names of the numbered ones. Default `SPILLWAY_TARGETS`. */
  readonly variable?: string
}

const keys: ReadonlySet<string> = new Set(["variable", "clientOf", "literalKeys"])

/** More than any environment holds. */
const mostVariables = 10_000

/** Throws `InvalidOption`. */
export const make = <C>(options: Options<C>): TargetSource<C> => {
  onlyKeys("EnvSource", options, keys)
  Reader.check("EnvSource", options)
  const variable = options.variable ?? "SPILLWAY_TARGETS"
  if (typeof variable !== "string" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
    throw new InvalidOption("EnvSource: variable", "the name of an environment variable", variable)
  }
  const name = `environment ${variable}`
  const read = Effect.gen(function* (): Effect.fn.Return<TargetUpdate<C>, ConfigProvider.SourceError> {
    const provider = yield* ConfigProvider.ConfigProvider
    const reader = yield* Reader.make(options)
    const found = yield* valuesOf(provider, variable)
    if (Result.isFailure(found)) return problem(found.failure)
    const { numbered, values } = found.success
    const parsed: Array<unknown> = []
    for (const [i, value] of values.entries()) {
      const data = Result.try({ try: () => parse(value), catch: wrong })
      if (Result.isFailure(data)) return problem(`${numbered ? `${variable}_${i}` : variable}: ${data.failure}`)
      parsed.push(data.success)
    }
    const [first] = parsed
    return yield* reader(variable, numbered ? { targets: parsed } : Array.isArray(first) ? { targets: first } : first)
  })
  const update = Effect.catch(read, () => Effect.succeed(problem(`${variable}: it cannot be read`)))
  return { name, changes: Stream.fromEffect(update) }
}

const wrong = (error: unknown): string => (error instanceof JsoncError ? error.message : "it is no JSON")

interface Values {
  readonly numbered: boolean
  readonly values: ReadonlyArray<string>
}

/** The one variable, or the numbered ones without a gap; or what is wrong with them. */
const valuesOf = Effect.fnUntraced(function* (
  provider: ConfigProvider.ConfigProvider,
  variable: string
): Effect.fn.Return<Result.Result<Values, string>, ConfigProvider.SourceError> {
  const value = (yield* provider.load([variable]))?.value
  const values: Array<string> = []
  while (values.length < mostVariables) {
    const next = (yield* provider.load([`${variable}_${values.length}`]))?.value
    if (next === undefined) break
    values.push(next)
  }
  const after = (yield* provider.load([`${variable}_${values.length + 1}`]))?.value
  if (after !== undefined) {
    return Result.fail(
      `${variable}_${values.length} is not set, although ${variable}_${values.length + 1} is: they are numbered from 0`
    )
  }
  if (value !== undefined && values.length > 0) {
    return Result.fail(`${variable} and ${variable}_0 are both set: it has to be one or the other`)
  }
  if (value !== undefined) return Result.succeed({ numbered: false, values: [value] })
  if (values.length === 0) return Result.fail(`${variable} is not set, nor is ${variable}_0`)
  return Result.succeed({ numbered: true, values })
})
