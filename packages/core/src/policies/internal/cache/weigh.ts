/**
 * About how many bytes a value takes in memory: two per character, eight per number, and something for each object. It is
 * for bounds, not for bookkeeping, and errs on the high side: what is shared counts as often as it is met.
 */
const perObject = 16
const perScalar = 8
/** What holds more objects is a cycle, or as good as one. */
const maxObjects = 1_000_000

/** `Infinity` for what has no end. */
export const weigh = (value: unknown): number => {
  let sum = 0
  let objects = 0
  const open: Array<unknown> = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next === "string") {
      sum += perObject + 2 * next.length
    } else if (typeof next !== "object" || next === null) {
      sum += perScalar
    } else if (next instanceof ArrayBuffer || ArrayBuffer.isView(next)) {
      sum += perObject + next.byteLength
    } else {
      if (++objects > maxObjects) return Number.POSITIVE_INFINITY
      sum += perObject
      if (Array.isArray(next)) {
        for (const item of next) open.push(item)
        continue
      }
      for (const key of Object.keys(next)) {
        sum += 2 * key.length
        open.push((next as Readonly<Record<string, unknown>>)[key])
      }
    }
  }
  return sum
}
