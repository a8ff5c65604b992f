/**
 * A JSON Schema narrowed to what the vendor writes by, or `undefined` when it cannot be: objects with a fixed set of
 * properties, lists, unions, no recursion. Properties may be optional here.
 *
 * Whatever fits the narrowed schema fits the original in its shape; ranges, lengths and patterns are left out and checked
 * on decoding.
 * Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations)
 */
import { type JsonRecord, record } from "../json.ts"
import * as Narrowing from "../parts/Narrowing.ts"

export const narrow = (schema: JsonRecord): JsonRecord | undefined =>
  schema["type"] === "object" && schema["anyOf"] === undefined && !isRecursive(schema)
    ? Narrowing.narrow(schema, rules)
    : undefined

const rules: Narrowing.Rules = {
  copied: ["type", "description", "title", "enum", "const", "$ref", "required"],
  kinds: ["type", "anyOf", "oneOf", "$ref", "enum", "const"],
  unions: ["anyOf", "oneOf"],
  ofObject: () => ({})
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
