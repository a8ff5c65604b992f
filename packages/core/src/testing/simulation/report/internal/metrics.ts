/** The figures of a result that people compare, in one order for terminals and pages. */
import type { CallStats, Result } from "../../Result.ts"
import { compact, count, difference, millis, percent, points, usd } from "./format.ts"

export interface Metric {
  readonly title: string
  readonly unit: string
  /** Which way is good; neither for what only describes. */
  readonly good: "more" | "less" | undefined
  readonly read: (stats: CallStats) => number | undefined
  readonly show: (value: number | undefined) => string
  readonly compare: (value: number | undefined, first: number | undefined) => string
}

const metric = (
  title: string,
  unit: string,
  good: Metric["good"],
  show: Metric["show"],
  read: (stats: CallStats) => number | null
): Metric => ({
  title,
  unit,
  good,
  show,
  read: (stats) => read(stats) ?? undefined,
  compare: show === percent ? points : difference
})

const rate = (value: number | undefined) =>
  value === undefined ? count(value) : `${compact(Math.round(value * 100) / 100)} /s`
const ratio = (value: number | undefined) => count(value, 3)

export const offered = metric("offered", "calls", undefined, count, (stats) => stats.offered)
export const answered = metric("answered", "calls", "more", count, (stats) => stats.answered)
export const failed = metric("failed", "calls", "less", count, (stats) => stats.failed)
export const unfinished = metric("unfinished", "calls", "less", count, (stats) => stats.unfinished)
export const availability = metric(
  "availability",
  "answered of offered",
  "more",
  percent,
  (stats) => stats.availability
)
export const onTime = metric("on time", "within the deadline, of offered", "more", percent, (stats) => stats.onTime)
export const goodput = metric("goodput", "on time per second", "more", rate, (stats) => stats.goodputPerSecond)
export const p50 = metric("p50", "latency", "less", millis, (stats) => stats.latency.p50)
export const p95 = metric("p95", "latency", "less", millis, (stats) => stats.latency.p95)
export const p99 = metric("p99", "latency", "less", millis, (stats) => stats.latency.p99)
export const first50 = metric("first content p50", "streams", "less", millis, (stats) => stats.firstContent.p50)
export const first95 = metric("first content p95", "streams", "less", millis, (stats) => stats.firstContent.p95)
export const queued95 = metric("queued p95", "in the router", "less", millis, (stats) => stats.queued.p95)
export const attempts = metric("attempts per call", "to providers", "less", ratio, (stats) => stats.attemptsPerCall)
export const wasted = metric("wasted", "attempts", "less", count, (stats) => stats.wasted)
export const cost = metric("cost", "USD", "less", usd, (stats) => stats.costUsd)
export const cacheHits = metric("from cache", "calls", "more", count, (stats) => stats.cacheHits)
export const coalesced = metric("coalesced", "calls", "more", count, (stats) => stats.coalesced)
export const degraded = metric("degraded", "calls", "less", count, (stats) => stats.degraded)

export const always: ReadonlyArray<Metric> = [
  offered,
  answered,
  failed,
  unfinished,
  availability,
  onTime,
  goodput,
  p50,
  p95,
  p99
]

/** Those that only some scenarios have. */
const sometimes: ReadonlyArray<Metric> = [first50, first95, queued95]
const ifAny: ReadonlyArray<Metric> = [cacheHits, coalesced, degraded]

/** Those with something to say in at least one of `all`. */
export const present = (all: ReadonlyArray<CallStats>): ReadonlyArray<Metric> => [
  ...always,
  ...sometimes.filter(({ read }) => all.some((stats) => read(stats) !== undefined)),
  attempts,
  wasted,
  ...(all.some((stats) => cost.read(stats) !== undefined) ? [cost] : []),
  ...ifAny.filter(({ read }) => all.some((stats) => (read(stats) ?? 0) > 0))
]

/** Everything together first, then class by class where there are several: of one contender, or of each side by side. */
export const groups = (
  results: ReadonlyArray<Result>
): ReadonlyArray<{ readonly name: string; readonly stats: ReadonlyArray<CallStats | undefined> }> => {
  const names = [...new Set(results.flatMap(({ classes }) => classes.map(({ name }) => name)))]
  const all = { name: "all calls", stats: results.map(({ overall }) => overall) }
  if (names.length < 2) return [all]
  const byClass = names.map((name) => ({
    name,
    stats: results.map(({ classes }) => classes.find((each) => each.name === name))
  }))
  return [all, ...byClass]
}

/** Ids of all targets, in the order in which they are met. */
export const targetIds = (results: ReadonlyArray<Result>): ReadonlyArray<string> => [
  ...new Set(results.flatMap(({ targets }) => targets.map(({ id }) => id)))
]
