/**
 * `providerOptions` of a call that came from the AI SDK, by vendor, on their way to a target that is a model of the AI SDK
 * as well. Nobody else reads them: our own dialects have `CallSettings`.
 */
import type { JSONObject } from "@ai-sdk/provider"
import * as Context from "effect/Context"

export const CurrentVendorOptions = Context.Reference<Readonly<Record<string, JSONObject>>>(
  "@spillway/providers/internal/aisdk/VendorOptions",
  { defaultValue: () => ({}) }
)
