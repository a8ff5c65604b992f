/**
 * Markup that cannot be injected into: text is escaped when it becomes a child or an attribute, and only what `element` made
 * is taken as it is.
 */

export interface Html {
  readonly html: string
}

export type Child = Html | string | number | undefined | ReadonlyArray<Child>

export type Attributes = Readonly<Record<string, string | number | undefined>>

/** For text and for attributes in double quotes. Control characters, which HTML does not take, become question marks. */
export const escape = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ud800-\udfff]/gu, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")

const render = (child: Child): string => {
  if (child === undefined) return ""
  if (typeof child === "string") return escape(child)
  if (typeof child === "number") return String(child)
  return "html" in child ? child.html : child.map(render).join("")
}

const empty = new Set(["meta", "link", "br", "rect", "path", "line", "circle"])

/** An attribute that is `undefined` is left out. */
export const element = (name: string, attributes: Attributes = {}, ...children: ReadonlyArray<Child>): Html => {
  let start = `<${name}`
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) start += ` ${key}="${escape(String(value))}"`
  }
  if (children.length === 0 && empty.has(name)) return { html: `${start}/>` }
  return { html: `${start}>${children.map(render).join("")}</${name}>` }
}

/** A number for a coordinate: at most two digits after the point, so that pages stay small and equal. */
export const coordinate = (value: number): number => Math.round(value * 100) / 100

export interface HtmlTable {
  readonly caption?: string
  readonly head: ReadonlyArray<string>
  /** The first cell of a row is its heading. */
  readonly rows: ReadonlyArray<ReadonlyArray<Child>>
}

/** A table that scrolls sideways inside its own box where the screen is narrow. */
export const table = ({ caption, head, rows }: HtmlTable): Html =>
  element(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption ?? head[0] ?? "table" },
    element(
      "table",
      {},
      caption === undefined ? undefined : element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...head.map((title) => element("th", { scope: "col" }, title)))),
      element(
        "tbody",
        {},
        ...rows.map(([first, ...rest]) =>
          element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, cell)))
        )
      )
    )
  )
