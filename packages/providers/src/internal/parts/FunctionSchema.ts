/**
 * The parameters of a function: an object's schema that lists its properties, even when there are none, and for OpenAI's two
 * dialects narrowed where the tool is strict. Without `properties`, without `type` or with `not` at its top the schema is
 * a 400 at one vendor or another, and `effect/ai` derives such ones for tools without parameters.
 * Source: https://platform.openai.com/docs/guides/function-calling
 */
import * as Tool from "effect/ai/Tool"
import { type JsonRecord, record } from "../json.ts"
import * as StrictSchema from "./StrictSchema.ts"

export interface FunctionSchema {
  readonly parameters: JsonRecord
  /** `undefined`: the tool does not say. `false` also for a strict tool whose schema cannot be narrowed. */
  readonly strict: boolean | undefined
}

export const of = (tool: Tool.Any): FunctionSchema => {
  const schema = schemaOf(tool)
  const strict = Tool.getStrictMode(tool)
  if (strict !== true) return { parameters: schema, strict }
  const narrowed = StrictSchema.narrow(schema)
  return { parameters: narrowed ?? schema, strict: narrowed !== undefined }
}

/** As it is, if it is an object's that lists its properties, or says in another way what it is. */
export const schemaOf = (tool: Tool.Any): JsonRecord => {
  const { not, ...schema }: JsonRecord = Tool.getJsonSchema(tool)
  const bare = schema["type"] === undefined && !["anyOf", "oneOf", "allOf", "$ref"].some((key) => key in schema)
  if (!bare && schema["type"] !== "object") return not === undefined ? schema : { ...schema, not }
  return { ...schema, type: "object", properties: record(schema["properties"]) ?? {} }
}
