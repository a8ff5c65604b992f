/**
 * Results as one page of HTML that needs nothing else: figures first, contenders side by side, then what happened over time
 * to each. The same results give the same bytes.
 */
import type { Result } from "../Result.ts"
import type { Scenario } from "../Scenario.ts"
import { bandsOf } from "./internal/bands.ts"
import { bars } from "./internal/barPlot.ts"
import { plotsOf, topsOf } from "./internal/contenderPlots.ts"
import { compact, count, millis, moment, percent, usd } from "./internal/format.ts"
import { colours } from "./internal/frame.ts"
import { type Child, element, type Html, table } from "./internal/html.ts"
import * as Metrics from "./internal/metrics.ts"
import { facts, page, tiles } from "./internal/page.ts"

export interface Options {
  /** Shades what happens to its providers. Default: nothing is shaded. */
  readonly scenario?: Scenario
  /** Default: the name of the scenario. */
  readonly title?: string
}

const compared = [
  Metrics.availability,
  Metrics.onTime,
  Metrics.goodput,
  Metrics.p95,
  Metrics.p99,
  Metrics.first95,
  Metrics.attempts,
  Metrics.cost
]

/** Availability and its like differ near 1: there bars show what was missed. */
const barsOf = (metric: Metrics.Metric, results: ReadonlyArray<Result>): Html => {
  const values = results.map(({ overall }) => metric.read(overall))
  const isShare = metric.show === percent
  return bars({
    id: `bars-${metric.title.replaceAll(" ", "-")}`,
    title: metric.title,
    unit: isShare ? `${metric.unit}; the bar is what was missed` : metric.unit,
    ...(isShare
      ? { hint: "shorter is better" }
      : { hint: metric.good === "more" ? "longer is better" : "shorter is better" }),
    bars: results.map(({ contender }, i) => {
      const value = values[i]
      const missed = isShare && value !== undefined ? Math.max(0, 1 - value) : value
      const note = i === 0 ? undefined : metric.compare(value, values[0])
      return { name: contender, value: missed, text: metric.show(value), ...(note === undefined ? {} : { note }) }
    })
  })
}

/** For those who want to read after they have looked. */
const folded = (title: string, ...tables: ReadonlyArray<Html>): Html =>
  element("details", { class: "card" }, element("summary", {}, title), ...tables)

const comparison = (results: ReadonlyArray<Result>): ReadonlyArray<Html> => [
  element("h2", {}, "Side by side"),
  element(
    "p",
    { class: "muted" },
    "The same calls and the same luck for each contender. Differences are to the first one."
  ),
  element(
    "div",
    { class: "plots thirds" },
    ...compared
      .filter(({ read }) => results.some(({ overall }) => read(overall) !== undefined))
      .map((metric) => barsOf(metric, results))
  ),
  folded(
    "Figures side by side",
    ...Metrics.groups(results).map(({ name, stats }) =>
      table({
        caption: name,
        head: ["", ...results.map(({ contender }) => contender)],
        rows: Metrics.present(results.map(({ overall }) => overall)).map(({ title, read, show, compare }) => {
          const values = stats.map((each) => (each === undefined ? undefined : read(each)))
          const cell = (value: number | undefined, i: number): Child =>
            i === 0 ? show(value) : [show(value), element("span", { class: "change" }, compare(value, values[0]))]
          return [title, ...values.map(cell)]
        })
      })
    )
  )
]

const classTable = (result: Result): Html => {
  const metrics = Metrics.present([result.overall])
  return table({
    caption: "Calls",
    head: ["class", ...metrics.map(({ title }) => title)],
    rows: Metrics.groups([result]).map(({ name, stats: [stats] }) => [
      name,
      ...metrics.map(({ read, show }) => show(stats === undefined ? undefined : read(stats)))
    ])
  })
}

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, n]) => `${name} ×${count(n)}`)
    .join(", ")

const targetTable = ({ targets }: Result): Html =>
  table({
    caption: "Targets",
    head: [
      "target",
      "attempts",
      "share",
      "answers",
      "failed",
      "given up",
      "in flight",
      "most",
      "used",
      "p95",
      "cost",
      "errors",
      "events"
    ],
    rows: targets.map((target) => [
      target.id,
      count(target.attempts),
      percent(target.attemptShare ?? undefined),
      count(target.answers),
      count(target.failed),
      count(target.interrupted),
      count(target.inFlightMean, 1),
      count(target.inFlightMax),
      percent(target.utilisation ?? undefined),
      millis(target.latency.p95 ?? undefined),
      usd(target.costUsd ?? undefined),
      listed(target.errors),
      listed(target.events)
    ])
  })

const headline = ({ overall }: Result): Html => {
  const { availability, onTime, goodput, p95, cost, attempts } = Metrics
  const tile = ({ title, show, read, unit }: Metrics.Metric) => ({ name: title, text: show(read(overall)), note: unit })
  return tiles([availability, onTime, goodput, p95, attempts, ...(overall.costUsd === null ? [] : [cost])].map(tile))
}

/** Share of the attempts, by target, in the colours of the plot beside it. */
const sharesOf = (result: Result, id: string, ids: ReadonlyArray<string>): Html =>
  bars({
    id,
    title: "Targets",
    unit: "share of attempts",
    max: 1,
    bars: result.targets.map((target) => ({
      name: target.id,
      value: target.attemptShare ?? undefined,
      text: percent(target.attemptShare ?? undefined),
      note: `${compact(target.attempts)} attempts, ${compact(target.failed)} failed`,
      colour: Math.min(ids.indexOf(target.id), colours - 1)
    }))
  })

/** 95 % of a target's answers took no longer. `max`: of all contenders. */
const latenciesOf = (result: Result, id: string, ids: ReadonlyArray<string>, max: number): Html =>
  bars({
    id,
    title: "Answers of targets",
    unit: "p95, as long as they took there",
    max,
    bars: result.targets.map(({ id: target, latency }) => ({
      name: target,
      value: latency.p95 ?? undefined,
      text: millis(latency.p95 ?? undefined),
      note: `p50 ${millis(latency.p50 ?? undefined)}`,
      colour: Math.min(ids.indexOf(target), colours - 1)
    }))
  })

/** The same results, and the same scenario, give the same bytes. */
export const render = (results: ReadonlyArray<Result>, options: Options = {}): string => {
  const [first] = results
  const title = options.title ?? first?.scenario ?? "Simulation"
  if (first === undefined) return page(title, element("h1", {}, title), element("p", {}, "No results."))
  const ids = Metrics.targetIds(results)
  const tops = topsOf(results)
  const bands = options.scenario === undefined ? [] : bandsOf(options.scenario, first.durationMs)
  const slowest = Math.max(0, ...results.flatMap(({ targets }) => targets.map(({ latency }) => latency.p95 ?? 0)))
  const sections = results.map((result, i) => [
    element("h2", { id: `contender-${i}` }, result.contender),
    headline(result),
    element(
      "div",
      { class: "plots" },
      ...plotsOf(result, `plot-${i}`, tops, ids, bands),
      sharesOf(result, `shares-${i}`, ids),
      latenciesOf(result, `latencies-${i}`, ids, slowest)
    ),
    folded("Figures by class and by target", classTable(result), targetTable(result))
  ])
  return page(
    title,
    element("h1", {}, title),
    facts([
      ["calls", compact(first.run.calls)],
      ["simulated time", moment(first.durationMs)],
      ...(first.warmupMs > 0 ? [["not counted, at first", moment(first.warmupMs)] as const] : []),
      ["seed", String(first.seed)]
    ]),
    bands.length === 0
      ? undefined
      : facts(bands.slice(0, 12).map(({ label, from, to }) => [label, `${moment(from)} – ${moment(to)}`] as const)),
    ...(results.length > 1 ? comparison(results) : []),
    ...sections.flat(),
    element("footer", {}, "Simulated: nothing here was measured on a real provider. Quantiles are within 1 %.")
  )
}
