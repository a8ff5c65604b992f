/**
 * A JSON Schema cut down to the keywords Gemini reads in `responseJsonSchema` and `parametersJsonSchema`. What it does not
 * read (patterns, lengths of texts) is left out and checked on decoding.
 * Source: https://ai.google.dev/gemini-api/docs/structured-output
 */
import { type JsonRecord, list, record } from "../json.ts"

const copied: ReadonlyArray<string> = [
  ...["type", "format", "title", "description", "enum", "required"],
  ...["minItems", "maxItems", "minimum", "maximum", "$id", "$anchor"]
]
const nested: ReadonlyArray<string> = ["items", "additionalProperties"]
const lists: ReadonlyArray<string> = ["anyOf", "oneOf", "prefixItems"]
const maps: ReadonlyArray<string> = ["properties", "$defs"]

export const narrow = (schema: JsonRecord): JsonRecord => {
  const to: Record<string, unknown> = {}
  const reference = schema["$ref"]
  // Beside a reference only keywords with a dollar sign are taken.
  if (reference !== undefined) to["$ref"] = reference
  else {
    for (const key of copied) if (schema[key] !== undefined) to[key] = schema[key]
    if (schema["const"] !== undefined) to["enum"] = [schema["const"]]
    for (const key of nested) if (schema[key] !== undefined) to[key] = child(schema[key])
    for (const key of lists) if (Array.isArray(schema[key])) to[key] = list(schema[key]).map(child)
  }
  for (const key of maps) {
    const children = reference === undefined || key === "$defs" ? record(schema[key]) : undefined
    if (children === undefined) continue
    to[key] = Object.fromEntries(Object.entries(children).map(([name, value]) => [name, child(value)]))
  }
  return to
}

/** `additionalProperties: false` is a schema, too. */
const child = (schema: unknown): unknown => {
  const found = record(schema)
  return found === undefined ? schema : narrow(found)
}
