/** Tables for terminals: plain characters, columns aligned by the width people see. */

export interface Column {
  readonly title: string
  /** Names to the left, figures to the right. Default `right`. */
  readonly align?: "left" | "right"
}

/** Longest cell; a longer one is cut, so that a name of a thousand letters cannot hide the figures. */
const widest = 40

/** Characters that move the cursor or colour a terminal are names' business nowhere. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g

/** A name as one harmless word of at most `most` characters. */
export const safe = (text: string, most = widest): string => {
  const characters = [...text.replace(control, "?")]
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : characters.join("")
}

/** How many columns a character takes: two for the East Asian wide ones and for pictures, none for marks. */
const columnsOf = (character: string): number => {
  if (/\p{Mark}/u.test(character)) return 0
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u.test(
    character
  )
    ? 2
    : 1
}

export const width = (text: string): number => {
  let sum = 0
  for (const character of text) sum += columnsOf(character)
  return sum
}

const pad = (text: string, to: number, align: "left" | "right"): string => {
  const gap = " ".repeat(Math.max(0, to - width(text)))
  return align === "left" ? text + gap : gap + text
}

/** A heading, a rule and a line per row; every line is equally wide but for blanks at its end. */
export const textTable = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const all = [columns.map(({ title }) => safe(title)), ...rows.map((row) => columns.map((_, i) => safe(row[i] ?? "")))]
  const widths = columns.map((_, i) => Math.max(...all.map((row) => width(row[i] ?? ""))))
  const line = (row: ReadonlyArray<string>) =>
    columns
      .map(({ align }, i) => pad(row[i] ?? "", widths[i] ?? 0, align ?? "right"))
      .join("  ")
      .trimEnd()
  const rule = widths
    .map((size) => "─".repeat(size))
    .join("  ")
    .trimEnd()
  return [line(all[0] ?? []), rule, ...all.slice(1).map(line)].join("\n")
}
