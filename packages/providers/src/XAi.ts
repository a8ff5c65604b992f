/**
 * xAI by its chat dialect. Reasoning tokens stand beside the completion's, not inside; its models refuse penalties and stop
 * words (for one that takes them set `profile: { refuses: [] }`), and most of them an effort too: leave it out for those.
 *
 * Source: https://docs.x.ai/docs/api-reference, https://docs.x.ai/docs/guides/reasoning
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "x_ai",
  probe: "/models",
  capabilities: ["tools", "vision", "json-schema", "reasoning", "streaming"],
  outputCap: "max_completion_tokens",
  user: "user",
  refuses: ["presencePenalty", "frequencyPenalty", "stop"],
  effortWords: { none: "", minimal: "low", medium: "high", xhigh: "high", max: "high" },
  reasoningTokens: "outside"
}

export interface Options extends Vendor.KeyedOptions {
  /** Conversations with the same id are sent to the same cache (`x-grok-conv-id`). Default none. */
  readonly conversationId?: string | undefined
  /** False: one tool call per turn. Default true. */
  readonly parallelToolCalls?: boolean | undefined
}

const ways = Vendor.make<Options>({
  own: { conversationId: Table.text(), parallelToolCalls: Table.flag },
  module: "XAi",
  baseUrl: "https://api.x.ai/v1",
  keyName: "XAI_API_KEY",
  profile,
  headers: ({ conversationId }) => ({ "x-grok-conv-id": conversationId }),
  fields: ({ parallelToolCalls }) => ({ parallel_tool_calls: parallelToolCalls })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `XAI_API_KEY`. */
export const layerConfig = ways.layerConfig
