/**
 * A JSON Schema narrowed to what OpenAI's strict mode takes, or `undefined` when it cannot be.
 *
 * Strict mode wants every property required and no others allowed. Whatever fits the narrowed schema fits the original, so
 * the answer is decoded by the caller's own schema, whoever makes the call. Keywords strict mode does not know are left
 * out: they are checked on decoding.
 * Source: https://platform.openai.com/docs/guides/structured-outputs
 */
import type { JsonRecord } from "../json.ts"
import * as Narrowing from "./Narrowing.ts"

export const narrow = (schema: JsonRecord): JsonRecord | undefined =>
  schema["type"] === "object" && schema["anyOf"] === undefined ? Narrowing.narrow(schema, rules) : undefined

const rules: Narrowing.Rules = {
  copied: ["type", "description", "enum", "const", "$ref", "title"],
  kinds: ["type", "anyOf", "$ref", "enum", "const"],
  unions: ["anyOf"],
  ofObject: (names, required) => (names.every((name) => required.has(name)) ? { required: names } : undefined)
}
