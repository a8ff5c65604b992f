/**
 * JSON between the AI SDK and `effect/ai`. Both keep what belongs to one vendor under that vendor's name; `effect/ai` checks
 * it against a schema, so what is no JSON (`undefined`, dates, functions) is dropped on the way instead of failing the answer.
 */
import type { JSONObject, JSONValue } from "@ai-sdk/provider"
import type * as Schema from "effect/Schema"
import { record } from "../json.ts"

/** What survives a trip through text; `undefined` when nothing does. */
export const pure = (value: unknown): Schema.Json | undefined => {
  try {
    const text = JSON.stringify(value)
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The same in the AI SDK's own type. */
export const value = (input: unknown): JSONValue => (pure(input) ?? null) as JSONValue

/** The objects of a record by vendor; `undefined` when there is none. */
export const byVendor = (input: unknown): Record<string, JSONObject> | undefined => {
  const found = record(input)
  if (found === undefined) return undefined
  const result: Record<string, JSONObject> = {}
  let any = false
  for (const [vendor, own] of Object.entries(found)) {
    const object = record(own) === undefined ? undefined : record(pure(own))
    if (object === undefined) continue
    result[vendor] = object as JSONObject
    any = true
  }
  return any ? result : undefined
}

/** `providerMetadata` or `providerOptions` of the AI SDK as `metadata` of a part. */
export const metadata = (input: unknown) => {
  const found = byVendor(input) as Record<string, Schema.Json> | undefined
  return found === undefined ? undefined : { metadata: found }
}

/** The same as `options` of a message or part of a prompt. */
export const options = (input: unknown) => {
  const found = byVendor(input) as Record<string, Schema.Json> | undefined
  return found === undefined ? undefined : { options: found }
}

/** `options` of a prompt as `providerOptions`. */
export const providerOptions = (input: unknown) => {
  const found = byVendor(input)
  return found === undefined ? undefined : { providerOptions: found }
}

/** `metadata` of a part as `providerMetadata`. */
export const providerMetadata = (input: unknown) => {
  const found = byVendor(input)
  return found === undefined ? undefined : { providerMetadata: found }
}
