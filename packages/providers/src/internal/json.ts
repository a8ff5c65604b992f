/**
 * Reading foreign JSON without a schema. Vendors leave out, rename and mistype fields; what is not of the expected kind
 * counts as absent, so one odd field never costs an answer.
 */

export type JsonRecord = Readonly<Record<string, unknown>>

/** An object that is no list; else `undefined`. */
export const record = (value: unknown): JsonRecord | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonRecord) : undefined

/** A list; else an empty one. */
export const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** The objects of a list. */
export const records = (value: unknown): ReadonlyArray<JsonRecord> =>
  list(value).flatMap((item) => {
    const found = record(item)
    return found === undefined ? [] : [found]
  })

/** A string with at least one character; else `undefined`. */
export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.length > 0 ? value : undefined

/** A finite number; else `undefined`. */
export const finite = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined

/** Deeper than any vendor's own fields, and far from the end of the stack for whoever decodes them. */
const deepest = 64

/**
 * May this part of an answer be kept as metadata? `JSON.parse` reads what is no JSON to others: `1e999` as infinity, and lists
 * in lists that no decoder gets to the end of. Either would fail the whole answer.
 */
export const isKeepable = (value: unknown, depth = deepest): boolean => {
  if (typeof value === "number") return Number.isFinite(value)
  if (typeof value !== "object" || value === null) return true
  return depth > 0 && Object.values(value).every((child) => isKeepable(child, depth - 1))
}

/** `undefined` for what cannot be written: `JSON.parse` reads values so deep that `JSON.stringify` runs out of stack. */
export const stringify = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** `undefined` where the text is no JSON: JSON itself has no such value. */
export const parse = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
