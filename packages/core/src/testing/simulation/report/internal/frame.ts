/**
 * What every plot over time shares: title, legend, grid, round labels, shaded bands, titles to hover over, and the same
 * figures as a table.
 *
 * The drawing stretches with the page (`preserveAspectRatio="none"`, lines keep their width); the letters do not, because
 * they are text of the page around it: as readable on a telephone as on a wide screen.
 */
import { moment } from "./format.ts"
import { coordinate, element, type Html, type HtmlTable, table } from "./html.ts"
import { ticks, timeTicks } from "./scale.ts"

/** A stretch of time worth knowing while one looks at the plot, e.g. an outage. Milliseconds from the start. */
export interface Band {
  readonly label: string
  readonly from: number
  readonly to: number
}

/** Size of the drawing in its own units; the page stretches it. */
export const drawing = { width: 1000, height: 240 } as const

export interface Legend {
  readonly name: string
  /** Of the palette, from 0. */
  readonly colour: number
  readonly shape: "line" | "dashed" | "area"
}

/** What is shown while the pointer rests on a stretch of time. */
export interface Hit {
  readonly from: number
  readonly to: number
  readonly text: string
}

export interface Frame {
  /** Unique in its page. */
  readonly id: string
  readonly title: string
  readonly unit: string
  /** One sentence for those who do not see the plot. */
  readonly description: string
  readonly length: number
  readonly max: number
  readonly format: (value: number) => string
  readonly legend: ReadonlyArray<Legend>
  readonly bands: ReadonlyArray<Band>
  /** The plot itself, drawn with `x` and `y` of `place`. */
  readonly marks: (place: Place) => ReadonlyArray<Html>
  readonly hits: ReadonlyArray<Hit>
  readonly figures: HtmlTable
}

export interface Place {
  readonly x: (at: number) => number
  readonly y: (value: number) => number
}

/** Colours come back after eight; the legend, dashes and titles still tell the series apart. */
export const colours = 8

export const colourClass = (index: number): string => `c${index % colours}`

const within = (value: number, most: number) => Math.min(most, Math.max(0, value))

const bandsOf = (bands: ReadonlyArray<Band>, { x }: Place): ReadonlyArray<Html> =>
  bands.map(({ label, from, to }) =>
    element(
      "rect",
      {
        class: "band",
        x: coordinate(x(from)),
        y: 0,
        width: coordinate(Math.max(2, x(to) - x(from))),
        height: drawing.height
      },
      element("title", {}, `${label}: ${moment(from)} – ${moment(to)}`)
    )
  )

const hitsOf = (hits: ReadonlyArray<Hit>, { x }: Place): ReadonlyArray<Html> =>
  hits.map(({ from, to, text }) =>
    element(
      "rect",
      { class: "hit", x: coordinate(x(from)), y: 0, width: coordinate(x(to) - x(from)), height: drawing.height },
      element("title", {}, text)
    )
  )

const legendOf = (legend: ReadonlyArray<Legend>): Html | undefined =>
  legend.length === 0
    ? undefined
    : element(
        "ul",
        { class: "legend" },
        ...legend.map(({ name, colour, shape }) =>
          element("li", {}, element("i", { class: `${shape} ${colourClass(colour)}`, "aria-hidden": "true" }), name)
        )
      )

/** Labels that stand at a share of the plot; the last one ends at the edge instead of beyond it. */
const labelsOf = (name: "x" | "y", labels: ReadonlyArray<readonly [share: number, text: string]>): Html =>
  element(
    "div",
    { class: name, "aria-hidden": "true" },
    ...labels.map(([share, text], i) => {
      const at = `${coordinate(share * 100)}%`
      const edge = share < 0.04 ? " start" : share > 0.96 ? " end" : ""
      // Every other one gives way where the page is narrow.
      const odd = i % 2 === 1 ? " odd" : ""
      return element("span", { class: `tick${edge}${odd}`, style: name === "x" ? `left:${at}` : `bottom:${at}` }, text)
    })
  )

/** Beside a line of the grid: `2.00 s` is `2 s` there. */
const short = (text: string): string =>
  /^0\b[^.]*$/.test(text) ? "0" : text.replace(/\.(\d*?)0+(?!\d)/, (_, kept: string) => (kept === "" ? "" : `.${kept}`))

export const frame = (options: Frame): Html => {
  const { id, title, unit, description, length, format, legend, bands, hits, figures } = options
  const rows = ticks(options.max)
  const top = rows.at(-1) ?? 1
  const columns = timeTicks(length)
  const place: Place = {
    x: (at) => within((at / (length || 1)) * drawing.width, drawing.width),
    y: (value) => drawing.height - within((value / top) * drawing.height, drawing.height)
  }
  const grid = [
    ...rows.map((value) => {
      const y = coordinate(place.y(value))
      return element("line", { class: value === 0 ? "axis" : "grid", x1: 0, x2: drawing.width, y1: y, y2: y })
    }),
    ...columns.slice(1).map((at) => {
      const x = coordinate(place.x(at))
      return element("line", { class: "grid", x1: x, x2: x, y1: 0, y2: drawing.height })
    })
  ]
  const svg = element(
    "svg",
    {
      viewBox: `0 0 ${drawing.width} ${drawing.height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-labelledby": `${id}-t ${id}-d`
    },
    element("title", { id: `${id}-t` }, title),
    element("desc", { id: `${id}-d` }, description),
    element("g", { class: "bands" }, ...bandsOf(bands, place)),
    element("g", { class: "lines", "aria-hidden": "true" }, ...grid),
    element("g", { class: "marks" }, ...options.marks(place)),
    element("g", { class: "hits" }, ...hitsOf(hits, place))
  )
  return element(
    "figure",
    { class: "plot", id },
    element("figcaption", {}, element("b", {}, title), " ", element("span", { class: "unit" }, unit)),
    legendOf(legend),
    element(
      "div",
      { class: "field" },
      labelsOf(
        "y",
        rows.map((value) => [value / top, short(format(value))])
      ),
      svg,
      labelsOf(
        "x",
        columns.map((at) => [length === 0 ? 0 : at / length, moment(at)])
      )
    ),
    element("details", {}, element("summary", {}, "Figures"), table(figures))
  )
}
