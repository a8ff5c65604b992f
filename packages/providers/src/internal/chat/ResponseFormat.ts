/** Structured output. Where a server takes no schema, the schema is put into words. */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import type { Profile } from "../../Profile.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as AnswerSchema from "../parts/AnswerSchema.ts"
import * as StrictSchema from "../parts/StrictSchema.ts"
import type { Message } from "./Messages.ts"

export interface ResponseFormat {
  readonly field: { readonly response_format?: unknown }
  /** For the system message. */
  readonly instruction: string | undefined
}

const plain: ResponseFormat = { field: {}, instruction: undefined }

export const from = (format: ModelOptions["responseFormat"], profile: Profile): ResponseFormat | Fault => {
  if (format.type === "text") return plain
  const schema = AnswerSchema.jsonSchemaOf(format)
  if (schema === undefined) return unsupported("responseFormat", "The schema has no JSON Schema", false)
  if (profile.json === "json_schema") {
    const strict = StrictSchema.narrow(schema)
    const name = AnswerSchema.nameOf(format)
    const json_schema = { name, schema: strict ?? schema, strict: strict !== undefined }
    return { field: { response_format: { type: "json_schema", json_schema } }, instruction: undefined }
  }
  return {
    field: profile.json === "json_object" ? { response_format: { type: "json_object" } } : {},
    instruction: AnswerSchema.instruction(schema)
  }
}

/** Puts the instruction into the first system message, or makes one. */
export const instruct = (
  messages: Array<Message>,
  instruction: string | undefined,
  profile: Profile
): Array<Message> => {
  if (instruction === undefined) return messages
  const [first, ...rest] = messages
  return first?.role === profile.systemRole
    ? [{ ...first, content: `${String(first["content"])}\n\n${instruction}` }, ...rest]
    : [{ role: profile.systemRole, content: instruction }, ...messages]
}
