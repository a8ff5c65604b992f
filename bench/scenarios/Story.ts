/**
 * What the stories share: runs of the simulator, each with a plain client first, and goals that are met or missed.
 *
 * A goal is read from results and never changes them: traffic, providers and both clients are fixed before anything runs.
 */
import type { Contender, Result, Scenario } from "@spillway/core/testing"

/** One scenario and those who deal with it; the plain client is the first. */
export interface Run {
  readonly scenario: Scenario.Scenario
  readonly contenders: ReadonlyArray<Contender.Contender>
}

export interface Goal {
  readonly what: string
  /** What the plain client has, for people. */
  readonly plain: string
  readonly spillway: string
  readonly reached: number
  readonly target: { readonly atLeast: number } | { readonly atMost: number }
  /** `reached` and the target, for people. */
  readonly show: (value: number) => string
  /** Why it is missed, if it is. */
  readonly ifMissed?: string | undefined
}

export interface Story {
  /** Without spaces, for `--only`. */
  readonly name: string
  /** Who complains, in one sentence. */
  readonly title: string
  readonly runs: ReadonlyArray<Run>
  /** `results[i][j]` is contender j of run i. */
  readonly goals: (results: ReadonlyArray<ReadonlyArray<Result.Result>>) => ReadonlyArray<Goal>
  /** What else is worth a line. */
  readonly notes?: (results: ReadonlyArray<ReadonlyArray<Result.Result>>) => ReadonlyArray<string>
}

/** How large a story is run. */
export interface Size {
  /** Of the simulated time that the story takes by default, and of what happens in it: tests are content with less. */
  readonly share?: number
  /** Only the story of a day: of its traffic and capacity. */
  readonly scale?: number
}

export const isMet = ({ reached, target }: Goal): boolean =>
  "atLeast" in target ? reached >= target.atLeast : reached <= target.atMost

export const at = (results: ReadonlyArray<ReadonlyArray<Result.Result>>, run: number, contender: number) => {
  const result = results[run]?.[contender]
  if (result === undefined) throw new Error(`No result of contender ${contender} in run ${run}`)
  return result
}

export const classOf = (result: Result.Result, name: string): Result.ClassStats => {
  const found = result.classes.find((stats) => stats.name === name)
  if (found === undefined) throw new Error(`No class named ${name}`)
  return found
}

/** Percent. */
export const availability = ({ availability }: Result.CallStats): number => 100 * (availability ?? Number.NaN)
export const onTime = ({ onTime }: Result.CallStats): number => 100 * (onTime ?? Number.NaN)
/** Calls that got no answer, percent. */
export const unanswered = (stats: Result.CallStats): number => 100 - availability(stats)

export const mean = ({ latency }: Result.CallStats): number => latency.mean ?? Number.NaN
export const p95 = ({ latency }: Result.CallStats): number => latency.p95 ?? Number.NaN

/** By how many percent `after` is less than `before`, and more. */
export const less = (before: number, after: number): number => (before === 0 ? Number.NaN : 100 * (1 - after / before))
export const more = (before: number, after: number): number => (before === 0 ? Number.NaN : 100 * (after / before - 1))

/** Three decimals: 99.95 and 99.954 differ. */
export const percent = (value: number): string => `${value.toFixed(3)} %`
export const seconds = (ms: number): string => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`)

/** `availability` as a goal, percent. */
export const answered = (
  what: string,
  plain: Result.CallStats,
  ours: Result.CallStats,
  atLeast: number,
  ifMissed?: string
): Goal => ({
  what,
  plain: percent(availability(plain)),
  spillway: percent(availability(ours)),
  reached: availability(ours),
  target: { atLeast },
  show: percent,
  ifMissed
})

/** A change for the better, in percent of what the plain client has. */
export const changed = (
  what: string,
  before: number,
  after: number,
  options: {
    readonly to: "less" | "more"
    readonly atLeast: number
    readonly show: (value: number) => string
    readonly ifMissed?: string
  }
): Goal => ({
  what,
  plain: options.show(before),
  spillway: options.show(after),
  reached: options.to === "less" ? less(before, after) : more(before, after),
  target: { atLeast: options.atLeast },
  show: (value) => `${value.toFixed(1)} % ${options.to}`,
  ifMissed: options.ifMissed
})

/** As openai-node retries: two retries, 0.5 s doubling to 8 s, up to a quarter less by chance (`src/client.ts`). */
export const sdkRetry = { retries: 2, base: "500 millis", factor: 2, longest: "8 seconds", jitter: 0.25 } as const

/** Chat answers of a small hosted model: first content after some 0.4 s, then about 100 tokens a second. */
export const chat = {
  latency: {
    firstContent: { kind: "lognormal", median: 400, p95: 1200 },
    perToken: { kind: "lognormal", median: 9, p95: 15 }
  },
  tokens: { input: 500, output: { kind: "lognormal", median: 150, p95: 400 } }
} as const satisfies { readonly latency: Scenario.Latency; readonly tokens: Scenario.Tokens }
