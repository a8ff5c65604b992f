/** A figure of several contenders or targets as bars from a common left edge, each with its figure in words. */
import { colourClass } from "./frame.ts"
import { coordinate, element, type Html } from "./html.ts"

export interface Bar {
  readonly name: string
  /** >= 0; `undefined`: nothing is known, and no bar is drawn. */
  readonly value: number | undefined
  readonly text: string
  /** Beside the figure, e.g. the difference to the first. */
  readonly note?: string
  /** Of the palette. Default: its place in the list. */
  readonly colour?: number
}

export interface BarPlot {
  /** Unique in its page. */
  readonly id: string
  readonly title: string
  readonly unit: string
  /** Which end is good, e.g. `less is better`. */
  readonly hint?: string
  readonly bars: ReadonlyArray<Bar>
  /** The value of a full bar. Default: the largest value. */
  readonly max?: number
}

export const bars = ({ id, title, unit, hint, bars: rows, max }: BarPlot): Html => {
  const full = max ?? rows.reduce((most, { value }) => Math.max(most, value ?? 0), 0)
  return element(
    "figure",
    { class: "plot bars", id },
    element(
      "figcaption",
      {},
      element("b", {}, title),
      " ",
      element("span", { class: "unit" }, hint === undefined ? unit : `${unit}, ${hint}`)
    ),
    element(
      "ul",
      {},
      ...rows.map(({ name, value, text, note, colour }, i) => {
        const share = value === undefined || full <= 0 ? 0 : Math.min(1, Math.max(0, value / full))
        return element(
          "li",
          {},
          element("span", { class: "name" }, name),
          element("span", { class: "value" }, text, note === undefined ? undefined : element("small", {}, ` ${note}`)),
          element(
            "svg",
            { "aria-hidden": "true", height: 10 },
            element("title", {}, `${name}: ${text}`),
            element("rect", { class: "track", x: 0, y: 0, width: "100%", height: 10, rx: 3 }),
            element("rect", {
              class: `bar ${colourClass(colour ?? i)}`,
              x: 0,
              y: 0,
              width: `${coordinate(share * 100)}%`,
              height: 10,
              rx: 3
            })
          )
        )
      })
    )
  )
}
