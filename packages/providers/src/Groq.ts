/**
 * Groq. Reasoning is asked for in a field of its own (`reasoning_format: parsed`), or it would stand in the text. A flex call
 * without room is a 498, a tool call of the model that does not parse a 400 (`tool_use_failed`: another model may do better).
 * JSON Schema is taken by some models only; for the others set `profile: { json: "json_object" }`.
 *
 * Source: https://console.groq.com/docs/api-reference, https://console.groq.com/docs/reasoning,
 * https://console.groq.com/docs/errors
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "groq",
  probe: "/models",
  capabilities: ["tools", "json-schema", "reasoning", "streaming"],
  outputCap: "max_completion_tokens",
  user: "user",
  effortWords: { minimal: "low", xhigh: "high", max: "high" },
  reasoningTokens: "inside"
}

export interface Options extends Vendor.KeyedOptions {
  /**
   * Where reasoning stands: in its own field, nowhere, or in the text. `none` leaves the field out, for models that do not
   * reason and refuse it. Default `parsed`.
   */
  readonly reasoningFormat?: "parsed" | "hidden" | "raw" | "none" | undefined
  /** Class of service. Default `on_demand`. */
  readonly serviceTier?: "on_demand" | "flex" | "auto" | "performance" | undefined
  /** False: one tool call per turn. Default true. */
  readonly parallelToolCalls?: boolean | undefined
}

const ways = Vendor.make<Options>({
  own: {
    reasoningFormat: Table.word("parsed", "hidden", "raw", "none"),
    serviceTier: Table.word("on_demand", "flex", "auto", "performance"),
    parallelToolCalls: Table.flag
  },
  module: "Groq",
  baseUrl: "https://api.groq.com/openai/v1",
  keyName: "GROQ_API_KEY",
  // With `raw` the tags stand in the text, and are told from it here.
  profile: ({ reasoningFormat }) => (reasoningFormat === "raw" ? { ...profile, thinkTags: true } : profile),
  fields: ({ parallelToolCalls, reasoningFormat = "parsed", serviceTier }) => ({
    reasoning_format: reasoningFormat === "none" ? undefined : reasoningFormat,
    service_tier: serviceTier,
    parallel_tool_calls: parallelToolCalls
  })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `GROQ_API_KEY`. */
export const layerConfig = ways.layerConfig
