/**
 * A JSON Schema narrowed to what OpenAI's strict mode takes, or `undefined` when it cannot be.
 *
 * Strict mode wants every property required and no others allowed. Whatever fits the narrowed schema fits the original, so
 * the answer is decoded by the caller's own schema, whoever makes the call. Keywords strict mode does not know are left
 * out: they are checked on decoding.
 * Source: https://platform.openai.com/docs/guides/structured-outputs
 */
import { type JsonRecord, list, record } from "../json.ts"

export const narrow = (schema: JsonRecord): JsonRecord | undefined =>
  schema["type"] === "object" && schema["anyOf"] === undefined ? node(schema) : undefined

const copied = ["type", "description", "enum", "const", "$ref", "title"] as const

const node = (schema: unknown): JsonRecord | undefined => {
  const from = record(schema)
  if (from === undefined || !["type", "anyOf", "$ref", "enum", "const"].some((key) => key in from)) return undefined
  const to: Record<string, unknown> = {}
  for (const key of copied) if (from[key] !== undefined) to[key] = from[key]
  if (from["anyOf"] !== undefined) {
    const members = list(from["anyOf"]).map(node)
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
    const properties = children(from["properties"] ?? {})
    const required = new Set(list(from["required"]))
    if (properties === undefined || Object.keys(properties).some((name) => !required.has(name))) return undefined
    to["properties"] = properties
    to["required"] = Object.keys(properties)
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
