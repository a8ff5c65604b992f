/**
 * Structured output: `outputConfig.textFormat` for a model that is said to take it (capability `json-schema`), else the
 * schema in words for the system text.
 *
 * A schema is narrowed to what Bedrock takes: objects are closed, checks of numbers, texts and lists are left out, and are
 * made when the answer is decoded. Optional properties stay optional. What would fit the narrowed schema and not the
 * caller's (records, tuples) or is not taken (recursion) goes out in words instead.
 *
 * Source: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import { type Fault, unsupported } from "../errors/Fault.ts"
import { type JsonRecord, list, record } from "../json.ts"

export interface ResponseFormat {
  readonly field: { readonly outputConfig?: unknown }
  readonly instruction: string | undefined
}

export const from = (format: ModelOptions["responseFormat"], native: boolean): ResponseFormat | Fault => {
  if (format.type === "text") return { field: {}, instruction: undefined }
  const schema = jsonSchemaOf(format.schema)
  if (schema === undefined) return unsupported("responseFormat", "The schema has no JSON Schema", false)
  const narrowed = native ? closed(schema) : undefined
  if (narrowed === undefined) {
    const instruction = `Answer with one JSON object and nothing else. It must match this JSON Schema:\n${JSON.stringify(schema)}`
    return { field: {}, instruction }
  }
  const name = format.objectName.replace(/[^\w-]/g, "_").slice(0, 64) || "answer"
  // The schema is a text here.
  const jsonSchema = { name, schema: JSON.stringify(narrowed) }
  return {
    field: { outputConfig: { textFormat: { type: "json_schema", structure: { jsonSchema } } } },
    instruction: undefined
  }
}

type AnySchema = Parameters<typeof LanguageModel.defaultCodecTransformer>[0]

const jsonSchemaOf = (schema: unknown): JsonRecord | undefined => {
  try {
    return LanguageModel.defaultCodecTransformer(schema as AnySchema).jsonSchema
  } catch {
    return undefined
  }
}

/** The narrowed schema, for answers and for strict tools; `undefined` where it cannot be. */
export const closed = (schema: JsonRecord): JsonRecord | undefined =>
  schema["type"] === "object" && !isRecursive(schema) ? narrow(schema) : undefined

const copied = ["type", "title", "description", "enum", "const", "$ref"] as const

/** `undefined` where it cannot be. */
const narrow = (schema: unknown): JsonRecord | undefined => {
  const from = record(schema)
  if (from === undefined || !["type", "anyOf", "$ref", "enum", "const"].some((key) => key in from)) return undefined
  const to: Record<string, unknown> = {}
  for (const key of copied) if (from[key] !== undefined) to[key] = from[key]
  if (from["anyOf"] !== undefined) to["anyOf"] = list(from["anyOf"]).map(narrow)
  if (from["type"] === "array") {
    if (from["prefixItems"] !== undefined) return undefined
    to["items"] = narrow(from["items"])
  }
  if (from["type"] === "object") {
    if (record(from["additionalProperties"]) !== undefined || from["patternProperties"] !== undefined) return undefined
    to["properties"] = children(from["properties"])
    to["required"] = list(from["required"])
    to["additionalProperties"] = false
  }
  if (from["$defs"] !== undefined) to["$defs"] = children(from["$defs"])
  const whole = Object.values(to).every((value) => value !== undefined) && !list(to["anyOf"]).includes(undefined)
  return whole ? to : undefined
}

const children = (value: unknown): JsonRecord | undefined => {
  const narrowed = Object.entries(record(value) ?? {}).map(([name, child]) => [name, narrow(child)] as const)
  return narrowed.some(([, child]) => child === undefined) ? undefined : Object.fromEntries(narrowed)
}

/** A definition that leads back to itself, or the root to itself. */
const isRecursive = (schema: JsonRecord): boolean => {
  const definitions = record(schema["$defs"]) ?? {}
  const visit = (node: unknown, trail: ReadonlyArray<string>): boolean => {
    if (Array.isArray(node)) return node.some((item) => visit(item, trail))
    const from = record(node)
    if (from === undefined) return false
    const ref = from["$ref"]
    if (typeof ref === "string") {
      const name = ref.startsWith("#/$defs/") ? ref.slice("#/$defs/".length) : undefined
      if (name === undefined || trail.includes(name)) return true
      if (visit(definitions[name], [...trail, name])) return true
    }
    return Object.entries(from).some(([key, child]) => key !== "$defs" && visit(child, trail))
  }
  return visit(schema, [])
}
