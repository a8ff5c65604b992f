/**
 * What structured output needs of the caller's schema. It goes out as `effect/ai` derives it by default, so that whoever
 * decodes the answer (this package or a router above it) needs no transformer of ours.
 */
import type { ModelOptions } from "@spillway/core/ProviderModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import type { JsonRecord } from "../json.ts"

type JsonFormat = Extract<ModelOptions["responseFormat"], { readonly type: "json" }>

/** `undefined`: the schema has no JSON Schema. */
export const jsonSchemaOf = (format: JsonFormat): JsonRecord | undefined => {
  try {
    return LanguageModel.defaultCodecTransformer(format.schema).jsonSchema
  } catch {
    return undefined
  }
}

/** The object's name in the letters every vendor takes. */
export const nameOf = (format: JsonFormat): string => format.objectName.replace(/[^\w-]/g, "_").slice(0, 64) || "answer"

/** The schema in words, for the system text where a server takes none. */
export const instruction = (schema: JsonRecord): string =>
  // The word JSON has to stand in the prompt, or servers that only know "some JSON" answer 400.
  `Answer with one JSON object and nothing else. It must match this JSON Schema:\n${JSON.stringify(schema)}`
