/**
 * Volcengine Ark (Doubao, and others behind it). `model` is a model's id or an endpoint's (`ep-…`). The request id stands in
 * the text of error messages, which are not quoted; a closed endpoint is a 400 and the target's fault. Structured output is
 * `json_object`; models that take a schema get `profile: { json: "json_schema" }`.
 *
 * Source: https://www.volcengine.com/docs/82379/1494384, https://www.volcengine.com/docs/82379/1299023 (error codes)
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "volcengine_ark",
  capabilities: ["tools", "reasoning", "streaming"],
  reasoningIn: { field: "reasoning_content", always: false },
  seed: "none",
  effortWords: { xhigh: "high", max: "high" },
  thinking: "thinking.type",
  json: "json_object"
}

export interface Options extends Vendor.KeyedOptions, Vendor.ThinkingOptions {
  /** Where the account lives, as in the host's name. Default `cn-beijing`. */
  readonly region?: string | undefined
  /** Class of service. Default: the account's. */
  readonly serviceTier?: "auto" | "default" | undefined
}

const ways = Vendor.make<Options>({
  own: {
    ...Vendor.thinking,
    region: Table.text(`part of a host's name, such as "cn-beijing"`, /^[a-z0-9]+(-[a-z0-9]+)*$/),
    serviceTier: Table.word("auto", "default")
  },
  module: "VolcengineArk",
  baseUrl: ({ region = "cn-beijing" }) => `https://ark.${region}.volces.com/api/v3`,
  keyName: "ARK_API_KEY",
  profile,
  fields: ({ serviceTier }) => ({ service_tier: serviceTier })
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `ARK_API_KEY`. */
export const layerConfig = ways.layerConfig
