/**
 * The parameters of a function as OpenAI's two dialects want them: an object's schema that lists its properties, even when
 * there are none ("object schema missing properties" is a 400), and narrowed where the tool is strict.
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
  const schema = listed(Tool.getJsonSchema(tool))
  const strict = Tool.getStrictMode(tool)
  if (strict !== true) return { parameters: schema, strict }
  const narrowed = StrictSchema.narrow(schema)
  return { parameters: narrowed ?? schema, strict: narrowed !== undefined }
}

const listed = (schema: JsonRecord): JsonRecord => {
  const bare = schema["type"] === undefined && !["anyOf", "oneOf", "allOf", "$ref"].some((key) => key in schema)
  if (!bare && schema["type"] !== "object") return schema
  return { ...schema, type: "object", properties: record(schema["properties"]) ?? {} }
}
