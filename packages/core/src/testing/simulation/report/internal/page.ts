/**
 * One file that needs nothing else: no script, no font, no picture from elsewhere, which its own policy enforces. No date and
 * no random name in it: the same figures give the same bytes.
 */
import { type Child, element, escape, type Html } from "./html.ts"
import { style } from "./style.ts"

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

export const page = (title: string, ...body: ReadonlyArray<Child>): string =>
  [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8"/>',
    `<meta http-equiv="Content-Security-Policy" content="${escape(policy)}"/>`,
    '<meta name="viewport" content="width=device-width,initial-scale=1"/>',
    '<link rel="icon" href="data:,"/>',
    `<title>${escape(title)}</title>`,
    `<style>${style}</style>`,
    "</head>",
    element("body", {}, element("main", {}, ...body)).html,
    "</html>",
    ""
  ].join("\n")

export interface Tile {
  readonly name: string
  readonly text: string
  readonly note?: string | undefined
  /** Something to look at. */
  readonly bad?: boolean
}

/** The few figures that one should see first. */
export const tiles = (list: ReadonlyArray<Tile>): Html =>
  element(
    "ul",
    { class: "tiles" },
    ...list.map(({ name, text, note, bad }) =>
      element(
        "li",
        { class: bad === true ? "bad" : undefined },
        element("span", {}, name),
        element("b", {}, text),
        note === undefined ? undefined : element("span", {}, note)
      )
    )
  )

export const facts = (list: ReadonlyArray<readonly [name: string, text: string]>): Html =>
  element(
    "ul",
    { class: "facts" },
    ...list.map(([name, text]) => element("li", {}, `${name} `, element("b", {}, text)))
  )
