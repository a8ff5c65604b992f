/**
 * One text per value: equal values have equal texts, whatever the order of their keys, and different values different ones.
 *
 * What is JSON is written as RFC 8785 (JSON Canonicalization Scheme) has it; a property without a value is no property, as
 * in JSON. What JSON has no word for stands behind a letter, so that it cannot be taken for a string: `b"…"` bytes in
 * base64, `d"…"` a date, `u"…"` a URL, `i…` a bigint, `n…` a number that is not finite. What answers to `toJSON` is what it
 * says. The result is meant to be hashed, not parsed.
 */
import * as Base64 from "effect/encoding/Base64"

/** Thrown for what has no text of its own: a function, a symbol, a cycle, an object whose content nobody can see. */
export class NoText extends Error {
  override readonly name = "NoText"
}

/** Deeper than any prompt or schema; what goes on is a cycle. */
const maxDepth = 200

/** Throws `NoText`, or what a getter or `toJSON` throws. */
export const canonical = (value: unknown): string => text(value, 0)

const text = (value: unknown, depth: number): string => {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value)
    case "number":
      return Number.isFinite(value) ? JSON.stringify(value) : `n${value}`
    case "boolean":
      return value ? "true" : "false"
    case "undefined":
      return "null"
    case "bigint":
      return `i${value}`
    case "object":
      break
    default:
      throw new NoText(`a ${typeof value}`)
  }
  if (value === null) return "null"
  if (depth > maxDepth) throw new NoText("a cycle, or something very deep")
  if (Array.isArray(value)) return `[${value.map((item) => text(item, depth + 1)).join(",")}]`
  return special(value, depth) ?? fields(value, depth)
}

const special = (value: object, depth: number): string | undefined => {
  if (value instanceof Uint8Array) return `b"${Base64.encode(value)}"`
  if (value instanceof ArrayBuffer) return `b"${Base64.encode(new Uint8Array(value))}"`
  if (ArrayBuffer.isView(value)) {
    return `b"${Base64.encode(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}"`
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "dNaN" : `d"${value.toISOString()}"`
  if (value instanceof URL) return `u${JSON.stringify(value.href)}`
  if ("toJSON" in value && typeof value.toJSON === "function") return text(value.toJSON(), depth + 1)
  return undefined
}

const fields = (value: object, depth: number): string => {
  const keys = Object.keys(value)
  if (keys.length === 0 && !isPlain(value)) throw new NoText("an object whose content cannot be seen")
  const written: Array<string> = []
  // By UTF-16 code units, which is how `sort` compares and what RFC 8785 asks for.
  for (const key of keys.sort()) {
    const field: unknown = (value as Readonly<Record<string, unknown>>)[key]
    if (field !== undefined) written.push(`${JSON.stringify(key)}:${text(field, depth + 1)}`)
  }
  return `{${written.join(",")}}`
}

/** An object literal, of this realm or another. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
