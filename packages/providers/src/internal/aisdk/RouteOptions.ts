/**
 * What a call of the AI SDK says for the router: `providerOptions.spillway`, checked key by key, over what the code around
 * it says by `CurrentRequest`.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider"
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import * as RouteRequest from "@spillway/core/RouteRequest"
import { record } from "../json.ts"

const keys: ReadonlySet<string> = new Set([
  ...["priority", "deadline", "tenant", "affinityKey", "estimatedTokens", "needs", "idempotent", "cacheKey"],
  ...["maxOutputTokens", "tags"]
])

/** `undefined` when the call says nothing. Throws `InvalidOption`. */
export const from = (call: LanguageModelV4CallOptions): RouteRequest.Options | undefined => {
  const given: unknown = call.providerOptions?.["spillway"]
  if (given === undefined) return undefined
  const where = "providerOptions.spillway"
  const options = record(given)
  if (options === undefined) throw new InvalidOption(where, "an object", given)
  onlyKeys(where, options, keys)
  // Checks every value, and names the option that is wrong.
  RouteRequest.make(options)
  return options
}
