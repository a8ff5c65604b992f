/**
 * OpenRouter, which passes a call on to one of several upstreams: a vendor that is a router itself. Who served, and what it
 * cost, stand in the finish part's metadata (`upstreamProvider`, `cost` in USD).
 *
 * Reasoning blocks of the upstream go back as they came and in their order, to the same model only. A model's capabilities
 * are the upstream's: say what it cannot do by `capabilities`, or ask for upstreams that can by `routing.requireParameters`.
 *
 * Source: https://openrouter.ai/docs/api-reference/overview, https://openrouter.ai/docs/features/provider-routing,
 * https://openrouter.ai/docs/use-cases/reasoning-tokens
 */
import * as Vendor from "./internal/chat/Vendor.ts"
import * as Table from "./internal/engine/OptionTable.ts"
import * as Profile from "./Profile.ts"

/** `/models` answers without a key; `/key` asks for it. */
export const profile: Profile.Profile = {
  ...Profile.generic,
  provider: "openrouter",
  costInUsd: true,
  probe: "/key",
  capabilities: ["tools", "json-schema", "reasoning", "streaming"],
  reasoningIn: "details",
  topK: "top_k",
  user: "user",
  effort: "reasoning",
  thinking: "reasoning.enabled",
  thinkingBudget: "reasoning.max_tokens"
}

export interface Options extends Vendor.KeyedOptions, Vendor.BudgetOptions {
  /** Which upstreams may serve, and in which order. Default: the vendor's own balancing. */
  readonly routing?: Routing | undefined
  /** Models to ask when this one cannot answer, best first. Default: none; the router above has its own. */
  readonly fallbackModels?: ReadonlyArray<string> | undefined
  /** True: reasoning is used and not sent. Default false. */
  readonly hideReasoning?: boolean | undefined
  /** What the vendor does to prompts that are too long, e.g. `["middle-out"]`. `[]`: nothing. Default: the vendor's. */
  readonly transforms?: ReadonlyArray<string> | undefined
  /** The application, for the vendor's rankings: its address (`HTTP-Referer`) and its name (`X-Title`). */
  readonly app?: { readonly url?: string | undefined; readonly name?: string | undefined } | undefined
}

/** What OpenRouter calls provider preferences. Names of upstreams are its slugs, e.g. `deepinfra`, `azure`. */
export interface Routing {
  /** Asked in this order. */
  readonly order?: ReadonlyArray<string> | undefined
  /** No others. */
  readonly only?: ReadonlyArray<string> | undefined
  readonly ignore?: ReadonlyArray<string> | undefined
  /** False: none but those of `order`. Default true. */
  readonly allowFallbacks?: boolean | undefined
  /** True: only upstreams that know every field of the request. Default false: they ignore what they do not know. */
  readonly requireParameters?: boolean | undefined
  /** `deny`: only upstreams that keep nothing. Default `allow`. */
  readonly dataCollection?: "allow" | "deny" | undefined
  /** True: only upstreams under zero data retention. Default: as the account says. */
  readonly zeroDataRetention?: boolean | undefined
  /** Default: balanced by price. */
  readonly sort?: "price" | "throughput" | "latency" | undefined
  /** E.g. `["fp8", "bf16"]`. Default any. */
  readonly quantizations?: ReadonlyArray<string> | undefined
  /** USD per million tokens, > 0. Dearer upstreams are left out. */
  readonly maxPrice?: { readonly prompt?: number | undefined; readonly completion?: number | undefined } | undefined
}

const routing: Table.Table<keyof Routing> = {
  order: Table.texts,
  only: Table.texts,
  ignore: Table.texts,
  allowFallbacks: Table.flag,
  requireParameters: Table.flag,
  dataCollection: Table.word("allow", "deny"),
  zeroDataRetention: Table.flag,
  sort: Table.word("price", "throughput", "latency"),
  quantizations: Table.texts,
  maxPrice: Table.object({ prompt: Table.aboveZero, completion: Table.aboveZero })
}

const ways = Vendor.make<Options>({
  own: {
    ...Vendor.budget,
    routing: Table.object(routing),
    fallbackModels: Table.texts,
    hideReasoning: Table.flag,
    transforms: Table.texts,
    app: Table.object({ url: Table.text(), name: Table.text() })
  },
  module: "OpenRouter",
  baseUrl: "https://openrouter.ai/api/v1",
  keyName: "OPENROUTER_API_KEY",
  profile,
  headers: ({ app }) => ({ "http-referer": app?.url, "x-title": app?.name }),
  fields: ({ fallbackModels, hideReasoning, routing, transforms }) => ({
    models: fallbackModels,
    transforms,
    // Without it some answers have no cost.
    usage: { include: true },
    ...(hideReasoning === undefined ? undefined : { reasoning: { exclude: hideReasoning } }),
    ...(routing === undefined ? undefined : { provider: preferences(routing) })
  })
})

const preferences = (routing: Routing) => ({
  order: routing.order,
  only: routing.only,
  ignore: routing.ignore,
  allow_fallbacks: routing.allowFallbacks,
  require_parameters: routing.requireParameters,
  data_collection: routing.dataCollection,
  zdr: routing.zeroDataRetention,
  sort: routing.sort,
  quantizations: routing.quantizations,
  max_price: routing.maxPrice
})

/** A model over the `HttpClient` of the application. Throws `InvalidOption`. */
export const make = ways.make

/** A model over the global `fetch`, or a client that is given, for code without Effect. Throws `InvalidOption`. */
export const model = ways.model

/** The model on its own, without a router, as `LanguageModel` of `effect/ai`. Throws `InvalidOption`. */
export const layer = ways.layer

/** `layer` with the key from configuration, by default from `OPENROUTER_API_KEY`. */
export const layerConfig = ways.layerConfig
