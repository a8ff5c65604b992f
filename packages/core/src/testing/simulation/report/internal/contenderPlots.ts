/** The plots of one contender. Axes are shared between contenders, so that plots can be compared by eye. */
import type { Result } from "../../Result.ts"
import { compact, count, millis, percent } from "./format.ts"
import { type Band, colours } from "./frame.ts"
import type { Html } from "./html.ts"
import { lines, type Series, stacked, type TimePlot } from "./timePlot.ts"

/** Tops of the axes of all contenders. */
export interface Tops {
  readonly calls: number
  readonly latency: number
  readonly inFlight: number
}

const largest = (lists: ReadonlyArray<ReadonlyArray<number | undefined>>): number => {
  let max = 0
  for (const list of lists) for (const value of list) if (value !== undefined && value > max) max = value
  return max
}

const perSecond = (values: ReadonlyArray<number | undefined>, result: Result) =>
  merged(values, widthOf(result)).map((value) =>
    value === undefined ? undefined : (value * 1000) / result.series.bucketMs
  )

export const topsOf = (results: ReadonlyArray<Result>): Tops => ({
  calls: largest(
    results.flatMap((result) => [
      perSecond(result.series.offered, result),
      perSecond(inTime(result.series.answered), result),
      perSecond(inTime(result.series.failed), result)
    ])
  ),
  latency: largest(results.map((result) => merged(inTime(result.series.p95), widthOf(result)))),
  inFlight: largest(results.map((result) => merged(inTime(result.series.inFlight), widthOf(result))))
})

/**
 * Fewer, wider steps than a result has: enough calls in each that chance does not hide what happened. Quantiles of a wider
 * step are the mean of those in it, which is near enough to look at.
 */
const widthOf = ({ series }: Result): number => {
  const n = series.offered.length
  const calls = series.offered.reduce((a, b) => a + b, 0)
  return Math.max(
    1,
    Math.ceil(n / mostSteps),
    Math.min(Math.ceil(n / fewestSteps), Math.ceil((callsPerStep * n) / (calls || 1)))
  )
}
const [mostSteps, fewestSteps, callsPerStep] = [120, 60, 60]

/** The means of what is known in every `width` values. */
const merged = (values: ReadonlyArray<number | null | undefined>, width: number): ReadonlyArray<number | undefined> =>
  Array.from({ length: Math.ceil(values.length / width) }, (_, i) => {
    const known = values.slice(i * width, (i + 1) * width).filter((value) => value !== null && value !== undefined)
    return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length
  })

/** The last bucket has all that ended after the run as well: no rate of its own. One bucket alone is kept. */
const inTime = <A>(values: ReadonlyArray<A>): ReadonlyArray<A | undefined> =>
  values.map((value, i) => (i > 0 && i === values.length - 1 ? undefined : value))

/** Seven targets have a colour of their own, the rest one together. `ids` are those of all contenders: a target keeps its colour. */
const targetSeries = ({ series }: Result, ids: ReadonlyArray<string>, width: number): ReadonlyArray<Series> => {
  const own = series.targets.map((target) => ({
    name: target.id,
    values: merged(target.attempts, width),
    colour: ids.indexOf(target.id)
  }))
  if (ids.length <= colours) return own
  const shown = own.filter(({ colour }) => colour < colours - 1)
  const rest = own.filter(({ colour }) => colour >= colours - 1)
  const sum = merged(series.offered, width).map((_, i) => rest.reduce((all, { values }) => all + (values[i] ?? 0), 0))
  return [...shown, { name: `${rest.length} others`, values: sum, colour: colours - 1 }]
}

export const plotsOf = (
  result: Result,
  prefix: string,
  tops: Tops,
  ids: ReadonlyArray<string>,
  bands: ReadonlyArray<Band>
): ReadonlyArray<Html> => {
  const { series, durationMs } = result
  const width = widthOf(result)
  const base = (id: string, title: string, unit: string, max: number, format: TimePlot["format"]) => ({
    id: `${prefix}-${id}`,
    title,
    unit,
    max,
    format,
    bands,
    step: series.bucketMs * width,
    length: durationMs
  })
  const rate = (value: number | undefined) => compact(value === undefined ? undefined : Math.round(value * 100) / 100)
  return [
    lines({
      ...base("calls", "Calls", "per second", tops.calls, rate),
      series: [
        { name: "offered", values: perSecond(series.offered, result), colour: 6, dashed: true },
        { name: "answered", values: perSecond(inTime(series.answered), result), colour: 2 },
        { name: "failed", values: perSecond(inTime(series.failed), result), colour: 1 }
      ]
    }),
    lines({
      ...base("latency", "Latency", "of the calls answered", tops.latency, millis),
      series: [
        { name: "p95", values: merged(inTime(series.p95), width), colour: 0 },
        { name: "p50", values: merged(inTime(series.p50), width), colour: 5, dashed: true }
      ]
    }),
    stacked({ ...base("share", "Attempts by target", "share", 1, percent), series: targetSeries(result, ids, width) }),
    lines({
      ...base("flight", "In flight", "calls under way", tops.inFlight, (value) => count(value, 1)),
      series: [{ name: "calls", values: merged(inTime(series.inFlight), width), colour: 3 }]
    })
  ]
}
