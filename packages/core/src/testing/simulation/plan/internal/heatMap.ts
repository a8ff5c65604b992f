/** The week as 7 rows of 24 hours: darker is busier, a dot says that too little was left free. */
import { coordinate, element, type Html, type HtmlTable, table } from "../../report/internal/html.ts"
import { cellName, days } from "./week.ts"

export interface HeatCell {
  readonly hour: number
  /** `undefined`: nothing came. */
  readonly value: number | undefined
  /** Shown while the pointer rests on it, after the name of the hour. */
  readonly text: string
  readonly marked: boolean
}

export interface HeatMap {
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly description: string
  readonly cells: ReadonlyArray<HeatCell>
  /** The value of the darkest cell. */
  readonly max: number
  readonly format: (value: number) => string
  readonly markMeans: string
  readonly figures: HtmlTable
}

const cellWidth = 100 / 24
const rowHeight = 24

const share = (value: number, max: number) => (max <= 0 ? 0 : Math.min(1, value / max))

const drawCell = ({ hour, value, text, marked }: HeatCell, max: number): Html => {
  const [x, y] = [coordinate((hour % 24) * cellWidth), Math.floor(hour / 24) * rowHeight]
  const box = { x: `${x}%`, y, width: `${coordinate(cellWidth)}%`, height: rowHeight, rx: 4 }
  const opacity = value === undefined ? undefined : coordinate(0.08 + 0.92 * share(value, max))
  const dot = { class: "over", cx: `${coordinate(x + cellWidth / 2)}%`, cy: y + rowHeight / 2, r: 4 }
  return element(
    "g",
    {},
    element(
      "rect",
      { class: value === undefined ? "cell none" : "cell", "fill-opacity": opacity, ...box },
      element("title", {}, `${cellName(hour)}\n${text}`)
    ),
    marked ? element("circle", dot) : undefined
  )
}

const tick = (style: string, text: string) => element("span", { class: "tick", style }, text)

const legend = ({ cells, max, format, markMeans }: HeatMap): Html =>
  element(
    "div",
    { class: "scale" },
    "0",
    element(
      "svg",
      { "aria-hidden": "true" },
      ...Array.from({ length: 8 }, (_, i) =>
        element("rect", {
          class: "cell",
          x: `${i * 12.5}%`,
          width: "12.5%",
          height: 10,
          "fill-opacity": coordinate(0.08 + 0.92 * (i / 7))
        })
      )
    ),
    format(max),
    cells.some(({ marked }) => marked)
      ? [
          element(
            "svg",
            { class: "dot", "aria-hidden": "true" },
            element("circle", { class: "over", cx: 5, cy: 5, r: 4 })
          ),
          markMeans
        ]
      : undefined
  )

export const heatMap = (map: HeatMap): Html => {
  const { id, title, unit, description, cells, max, figures } = map
  return element(
    "figure",
    { class: "plot heat", id },
    element("figcaption", {}, element("b", {}, title), " ", element("span", { class: "unit" }, unit)),
    element(
      "div",
      { class: "week" },
      element(
        "div",
        { class: "y", "aria-hidden": "true" },
        ...days.map((day, i) => tick(`bottom:${coordinate(100 - ((i + 0.5) / 7) * 100)}%`, day))
      ),
      element(
        "svg",
        { role: "img", "aria-labelledby": `${id}-t ${id}-d` },
        element("title", { id: `${id}-t` }, title),
        element("desc", { id: `${id}-d` }, description),
        ...cells.map((cell) => drawCell(cell, max))
      ),
      element(
        "div",
        { class: "x", "aria-hidden": "true" },
        ...[0, 6, 12, 18].map((hour) =>
          tick(`left:${coordinate((hour + 0.5) * cellWidth)}%`, `${String(hour).padStart(2, "0")}`)
        )
      )
    ),
    legend(map),
    element("details", {}, element("summary", {}, "Figures"), table(figures))
  )
}
