/**
 * A JSON Schema narrowed to what the vendor writes by, or `undefined` when it cannot be: objects with a fixed set of
 * properties, lists, unions, no recursion. Properties may be optional here.
 *
 * Whatever fits the narrowed schema fits the original in its shape; ranges, lengths and patterns are left out and checked
 * on decoding.
 * Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations)
 */
import { type JsonRecord, list, record } from "../json.ts"

export const narrow = (schema: JsonRecord): JsonRecord | undefined =>
  schema["type"] === "object" && schema["anyOf"] === undefined && !isRecursive(schema) ? node(schema) : undefined

const copied = ["type", "description", "title", "enum", "const", "$ref", "required"] as const

const node = (schema: unknown): JsonRecord | undefined => {
  const from = record(schema)
  if (from === undefined || !["type", "anyOf", "oneOf", "$ref", "enum", "const"].some((key) => key in from)) {
    return undefined
  }
  const to: Record<string, unknown> = {}
  for (const key of copied) if (from[key] !== undefined) to[key] = from[key]
  const union = from["anyOf"] ?? from["oneOf"]
  if (union !== undefined) {
    const members = list(union).map(node)
    if (members.length === 0 || members.includes(undefined)) return undefined
    to["anyOf"] = members
  }
  if (from["type"] === "array") {
    const items = node(from["items"])
    if (items === undefined || from["prefixItems"] !== undefined) return undefined
    to["items"] = items
  }
  if (from["type"] === "object") {
    if (record(from["additionalProperties"]) !== undefined || from["patternProperties"] !== undefined) return undefined
    const properties = children(from["properties"])
    if (properties === undefined) return undefined
    to["properties"] = properties
    to["additionalProperties"] = false
  }
  if (from["$defs"] !== undefined) {
    const definitions = children(from["$defs"])
    if (definitions === undefined) return undefined
    to["$defs"] = definitions
  }
  return to
}

const children = (value: unknown): Record<string, JsonRecord> | undefined => {
  const to: Record<string, JsonRecord> = {}
  for (const [name, child] of Object.entries(record(value) ?? {})) {
    const narrowed = node(child)
    if (narrowed === undefined) return undefined
    to[name] = narrowed
  }
  return to
}

/** Does a definition lead back to itself, or a reference to the whole? */
const isRecursive = (schema: JsonRecord): boolean => {
  const definitions = record(schema["$defs"]) ?? {}
  const leadsTo = (name: string, path: ReadonlyArray<string>): boolean =>
    path.includes(name) ||
    !Object.hasOwn(definitions, name) ||
    references(definitions[name]).some((next) => leadsTo(next, [...path, name]))
  return references(schema).some((name) => leadsTo(name, []))
}

const references = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(references)
  return Object.entries(record(value) ?? {}).flatMap(([key, child]) => {
    if (key === "$ref") return [String(child).replace(/^#\/\$defs\//, "")]
    return key === "enum" || key === "const" ? [] : references(child)
  })
}
