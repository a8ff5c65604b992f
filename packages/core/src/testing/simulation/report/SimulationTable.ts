/** Results for a terminal: one in full, or several side by side with the difference to the first. */
import type { Result } from "../Result.ts"
import { compact, count, millis, moment, percent, usd } from "./internal/format.ts"
import { always, groups, type Metric, present, targetIds } from "./internal/metrics.ts"
import { type Column, safe, textTable } from "./internal/textTable.ts"

const left = (title: string): Column => ({ title, align: "left" })
const right = (title: string): Column => ({ title })

/** `429 ×12, 503 ×3`: the most frequent first. */
const tally = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, 3)
    .map(([name, n]) => `${name} ×${count(n)}`)
    .join(", ")

const targetTable = ({ targets }: Result): string =>
  textTable(
    [
      left("target"),
      ...["attempts", "share", "answers", "failed", "given up", "in flight", "most", "used", "p95", "cost"].map(right),
      left("errors")
    ],
    targets.map((target) => [
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
      tally(target.errors)
    ])
  )

/** Classes are rows while their figures fit beside each other. */
const one = (result: Result): ReadonlyArray<string> => {
  const rows = groups([result])
  const metrics = present([result.overall])
  const half = (list: ReadonlyArray<Metric>) =>
    textTable(
      [left("class"), ...list.map(({ title }) => right(title))],
      rows.map(({ name, stats: [stats] }) => [
        name,
        ...list.map(({ show, read }) => show(stats === undefined ? undefined : read(stats)))
      ])
    )
  const rest = metrics.filter((metric) => !always.includes(metric))
  const errors =
    Object.keys(result.overall.errors).length === 0 ? [] : [`Failed: ${safe(tally(result.overall.errors), 120)}`]
  return [half(always), half(rest), ...errors, targetTable(result)]
}

/** A row for each figure, two columns for each contender but the first. */
const several = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const columns = [
    left(""),
    ...results.flatMap(({ contender }, i) => (i === 0 ? [right(contender)] : [right(contender), right("")]))
  ]
  const line = (
    { title, read, show, compare }: Metric,
    stats: ReadonlyArray<Parameters<Metric["read"]>[0] | undefined>
  ) => {
    const values = stats.map((each) => (each === undefined ? undefined : read(each)))
    return [
      title,
      ...values.flatMap((value, i) => (i === 0 ? [show(value)] : [show(value), compare(value, values[0])]))
    ]
  }
  const metrics = present(results.map(({ overall }) => overall))
  const tables = groups(results).map(({ name, stats }) => {
    const heading = [left(name), ...columns.slice(1)]
    return textTable(
      heading,
      metrics.map((metric) => line(metric, stats))
    )
  })
  const shares = targetIds(results).map((id) => {
    const values = results.map(({ targets }) => targets.find((target) => target.id === id)?.attemptShare ?? undefined)
    return [id, ...values.flatMap((value, i) => (i === 0 ? [percent(value)] : [percent(value), ""]))]
  })
  return [...tables, textTable([left("share of attempts"), ...columns.slice(1)], shares)]
}

/** Ends in a line break. Numbers are rounded for people; the JSON has them in full. */
export const render = (results: ReadonlyArray<Result>): string => {
  const [first] = results
  if (first === undefined) return "No results.\n"
  const warmup = first.warmupMs > 0 ? `, the first ${moment(first.warmupMs)} not counted` : ""
  const heading = [
    results.length === 1
      ? `${safe(first.scenario)}: ${safe(first.contender)}`
      : `${safe(first.scenario)}: ${results.length} contenders`,
    `${compact(first.run.calls)} calls in ${moment(first.durationMs)}${warmup}, seed ${first.seed}`
  ].join("\n")
  return `${[heading, ...(results.length === 1 ? one(first) : several(results))].join("\n\n")}\n`
}
