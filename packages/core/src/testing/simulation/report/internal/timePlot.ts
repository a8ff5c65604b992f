/** Series over time: as lines that may have gaps, or stacked to a whole. */
import { moment } from "./format.ts"
import { type Band, colourClass, drawing, frame, type Place } from "./frame.ts"
import { coordinate, element, type Html } from "./html.ts"

export interface Series {
  readonly name: string
  /** One per step; `undefined` where nothing is known, which leaves a gap. */
  readonly values: ReadonlyArray<number | undefined>
  /** Default: its place in the list. */
  readonly colour?: number
  readonly dashed?: boolean
}

export interface TimePlot {
  /** Unique in its page. */
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly series: ReadonlyArray<Series>
  /** Milliseconds from one value to the next. */
  readonly step: number
  /** Milliseconds, the whole axis. */
  readonly length: number
  /** Top of the axis at least; the same for plots that are to be compared. Default: the largest value. */
  readonly max?: number
  readonly bands: ReadonlyArray<Band>
  readonly format: (value: number | undefined) => string
}

/** More rows would make the page heavy and help nobody; the JSON has all of them. */
const mostRows = 120

const largest = (series: ReadonlyArray<Series>): number => {
  let max = 0
  for (const { values } of series) for (const value of values) if (value !== undefined && value > max) max = value
  return max
}

const describe = ({ series, length, bands, format }: TimePlot): string => {
  const each = series.slice(0, 8).map(({ name, values }) => {
    const known = values.filter((value) => value !== undefined)
    return known.length === 0
      ? `${name}: nothing`
      : `${name}: at most ${format(known.reduce((a, b) => Math.max(a, b)))}`
  })
  const marked = bands.length === 0 ? "" : ` Shaded: ${bands.map(({ label }) => label).join(", ")}.`
  return `Over ${moment(length)}. ${each.join("; ")}.${marked}`
}

/** Hover titles and table rows, each for one step or for a few where there are many. */
const rowsOf = ({ series, step, length, bands, format }: TimePlot) => {
  const n = Math.max(0, ...series.map(({ values }) => values.length))
  const per = Math.max(1, Math.ceil(n / mostRows))
  return Array.from({ length: Math.ceil(n / per) }, (_, row) => {
    const from = row * per * step
    const to = Math.min(length, from + per * step)
    const texts = series.map(({ values }) => format(mean(values.slice(row * per, (row + 1) * per))))
    const marked = bands.filter((band) => band.from < to && band.to > from).map(({ label }) => label)
    const lines = series.map(({ name }, i) => `${name}: ${texts[i] ?? ""}`)
    return { from, to, cells: [moment(from), ...texts], text: [moment(from), ...lines, ...marked].join("\n") }
  }).filter(({ from, to }) => from < to)
}

const mean = (values: ReadonlyArray<number | undefined>): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length
}

/** A value stands for the whole of its step: its point is the middle, and a lone one between gaps is a short dash. */
const pathOf = ({ values }: Series, step: number, { x, y }: Place): string => {
  const parts: Array<string> = []
  let pen = false
  values.forEach((value, i) => {
    if (value === undefined) {
      pen = false
      return
    }
    const alone = !pen && values[i + 1] === undefined
    const at = coordinate(x((i + 0.5) * step))
    parts.push(`${pen ? "L" : "M"}${at} ${coordinate(y(value))}`)
    if (alone) parts.push(`L${coordinate(Math.min(drawing.width, at + 2))} ${coordinate(y(value))}`)
    pen = true
  })
  return parts.join("")
}

const figuresOf = (plot: TimePlot, rows: ReturnType<typeof rowsOf>) => ({
  caption: `${plot.title}, ${plot.unit}`,
  head: ["from", ...plot.series.map(({ name }) => name)],
  rows: rows.map(({ cells }) => cells)
})

export const lines = (plot: TimePlot): Html => {
  const rows = rowsOf(plot)
  return frame({
    ...plot,
    max: Math.max(plot.max ?? 0, largest(plot.series)),
    description: describe(plot),
    legend: plot.series.map(({ name, colour, dashed }, i) => ({
      name,
      colour: colour ?? i,
      shape: dashed === true ? "dashed" : "line"
    })),
    marks: (place) =>
      plot.series.map((series, i) =>
        element("path", {
          class: `line ${colourClass(series.colour ?? i)}${series.dashed === true ? " dashed" : ""}`,
          d: pathOf(series, plot.step, place)
        })
      ),
    hits: rows,
    figures: figuresOf(plot, rows)
  })
}

/** Shares of a whole: at each step the values are divided by their sum; a step without any stays empty. */
export const stacked = (plot: TimePlot): Html => {
  const n = Math.max(0, ...plot.series.map(({ values }) => values.length))
  const sums = Array.from({ length: n }, (_, i) => plot.series.reduce((sum, { values }) => sum + (values[i] ?? 0), 0))
  const shares = plot.series.map((series) => ({
    ...series,
    values: sums.map((sum, i) => (sum === 0 ? undefined : (series.values[i] ?? 0) / sum))
  }))
  const below = sums.map(() => 0)
  const layers = shares.map(({ values }) =>
    values.map((value, i) => {
      const from = below[i] ?? 0
      below[i] = from + (value ?? 0)
      return value === undefined ? undefined : { from, to: below[i] ?? 0 }
    })
  )
  const sharePlot = { ...plot, series: shares }
  const rows = rowsOf(sharePlot)
  return frame({
    ...plot,
    max: 1,
    description: describe(sharePlot),
    legend: shares.map(({ name, colour }, i) => ({ name, colour: colour ?? i, shape: "area" })),
    marks: (place) =>
      layers.map((layer, i) =>
        element("path", {
          class: `area ${colourClass(shares[i]?.colour ?? i)}`,
          d: layer.map((part, at) => (part === undefined ? "" : box(part, at, plot.step, place))).join("")
        })
      ),
    hits: rows,
    figures: figuresOf(sharePlot, rows)
  })
}

const box = (
  part: { readonly from: number; readonly to: number },
  i: number,
  step: number,
  { x, y }: Place
): string => {
  if (part.from === part.to) return ""
  const [left, right] = [coordinate(x(i * step)), coordinate(x((i + 1) * step))]
  const [top, bottom] = [coordinate(y(Math.min(1, part.to))), coordinate(y(part.from))]
  return `M${left} ${bottom}V${top}H${right}V${bottom}Z`
}
