/**
 * Structured output. The schema goes out as `effect/ai` derives it by default, so that whoever decodes the answer (this
 * package or a router above it) needs no transformer of ours. Where a server takes no schema, the schema is put into words.
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import type { Profile } from "../../Profile.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import type { JsonRecord } from "../json.ts"
import type { Message } from "./Messages.ts"
import * as StrictSchema from "./StrictSchema.ts"

export interface ResponseFormat {
  readonly field: { readonly response_format?: unknown }
  /** For the system message. */
  readonly instruction: string | undefined
}

const plain: ResponseFormat = { field: {}, instruction: undefined }

export const from = (format: ModelOptions["responseFormat"], profile: Profile): ResponseFormat | Fault => {
  if (format.type === "text") return plain
  const schema = jsonSchemaOf(format.schema)
  if (schema === undefined) return unsupported("responseFormat", "The schema has no JSON Schema", false)
  if (profile.json === "json_schema") {
    const strict = StrictSchema.narrow(schema)
    const json_schema = { name: nameOf(format.objectName), schema: strict ?? schema, strict: strict !== undefined }
    return { field: { response_format: { type: "json_schema", json_schema } }, instruction: undefined }
  }
  return {
    field: profile.json === "json_object" ? { response_format: { type: "json_object" } } : {},
    // The word JSON has to stand in the prompt, or servers with `json_object` answer 400.
    instruction: `Answer with one JSON object and nothing else. It must match this JSON Schema:\n${JSON.stringify(schema)}`
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

type AnySchema = Parameters<typeof LanguageModel.defaultCodecTransformer>[0]

const jsonSchemaOf = (schema: unknown): JsonRecord | undefined => {
  try {
    return LanguageModel.defaultCodecTransformer(schema as AnySchema).jsonSchema
  } catch {
    return undefined
  }
}

const nameOf = (name: string): string => name.replace(/[^\w-]/g, "_").slice(0, 64) || "answer"
