/**
 * Both ways between Spillway and the AI SDK (`ai`): its models as targets of a router, and a router as a model of its
 * `generateText` and `streamText`.
 *
 * Needs `@ai-sdk/provider` 4 for its types only; nothing of the AI SDK is loaded at run time. Not for `effect/ai` models:
 * they go through `EffectModel`.
 *
 * Source: `@ai-sdk/provider` 4.0, src/language-model (specifications v3 and v4).
 */
import type { JSONObject, LanguageModelV3, LanguageModelV4 } from "@ai-sdk/provider"
import type { PromiseRouter } from "@spillway/core/createRouter"
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import type { ProviderModel } from "@spillway/core/ProviderModel"
import * as RoutedModel from "@spillway/core/RoutedModel"
import type { Capability } from "@spillway/core/Target"
import * as Context from "effect/Context"
import { type CallSettings, CurrentCallSettings } from "../CallSettings.ts"
import * as ForeignModel from "../internal/aisdk/ForeignModel.ts"
import * as RouteOptions from "../internal/aisdk/RouteOptions.ts"
import * as ServedModel from "../internal/aisdk/ServedModel.ts"

export interface FromModelOptions {
  /** What the calls do not say themselves. `userId` has no place in the AI SDK. */
  readonly settings?: CallSettings
  /** What this model can do. Default: tools, json-schema, streaming. */
  readonly capabilities?: Iterable<Capability>
  /** `providerOptions` of every call, by vendor; those of a call of `fromRouter` win. Default: none. */
  readonly providerOptions?: Readonly<Record<string, JSONObject>>
}

/**
 * A model of the AI SDK as a target: `{ id: "claude", client: AiSdk.fromModel(anthropic("claude-sonnet-5")) }`. One call of
 * the model per attempt; `maxRetries` of `ai` has no say here. Throws `InvalidOption` for an id instead of a model, and for
 * models of AI SDK 5 and before.
 */
export const fromModel = (model: LanguageModelV3 | LanguageModelV4, options: FromModelOptions = {}): ProviderModel => {
  onlyKeys("AiSdk.fromModel", options, fromModelKeys)
  return ForeignModel.make(model, {
    settings: options.settings ?? {},
    capabilities: new Set(options.capabilities ?? ["tools", "json-schema", "streaming"]),
    providerOptions: options.providerOptions
  })
}

const fromModelKeys: ReadonlySet<string> = new Set(["settings", "capabilities", "providerOptions"])

export interface LanguageModelOptions {
  /** Name in the AI SDK's telemetry and errors. Default: the model's own; of a router `"spillway"`. */
  readonly provider?: string
  /** The same. Default: the model's own; of a router `"router"`. */
  readonly modelId?: string
  /** References for every call, e.g. a tracer. Default: none. */
  readonly context?: Context.Context<never>
}

/**
 * Any model of ours as a model of the AI SDK 7. It retries nothing, but `ai` does: say `maxRetries: 0` where something below
 * retries already.
 */
export const languageModel = (model: ProviderModel, options: LanguageModelOptions = {}): LanguageModelV4 => {
  onlyKeys("AiSdk.languageModel", options, languageModelKeys)
  if (typeof model?.generate !== "function" || typeof model.stream !== "function") {
    throw new InvalidOption("AiSdk.languageModel: model", "a ProviderModel, such as OpenAi.model({ ... })", model)
  }
  return serve(model, options, model.provider, model.model)
}

const languageModelKeys: ReadonlySet<string> = new Set(["provider", "modelId", "context"])

export interface FromRouterOptions extends LanguageModelOptions {
  /**
   * What a stream does when its target breaks after the first content: it fails, or nothing is given out before the answer
   * is complete. The AI SDK cannot forget what it has shown, so there is no `restart`. Default `fail`.
   */
  readonly onBreak?: "fail" | "buffered"
  /** Equal calls are answered from the router's cache. Default false: only those that name a `cacheKey`. */
  readonly cache?: boolean
}

/**
 * A router as a model of the AI SDK: of `createRouter`, or of Effect code. What one call says for the router stands in
 * `providerOptions: { spillway: { priority: "P0", deadline: "10 seconds", tenant: "acme" } }`: `RouteRequest.Options`, and
 * anything else rejects the call with `InvalidOption`. Who answered is in `providerMetadata.spillway`: `servedBy`, `degraded`,
 * `attempts`. `providerOptions` of other names reach the targets that are models of the AI SDK, and no others.
 */
export const fromRouter = <Id extends string>(
  router: RoutedModel.ModelRouter<Id> | PromiseRouter<Id, ProviderModel>,
  options: FromRouterOptions = {}
): LanguageModelV4 => {
  onlyKeys("AiSdk.fromRouter", options, fromRouterKeys)
  const { cache, onBreak = "fail" } = options
  if (onBreak !== "fail" && onBreak !== "buffered") {
    throw new InvalidOption("AiSdk.fromRouter: onBreak", `"fail" or "buffered"`, onBreak)
  }
  if (typeof router?.route !== "function") {
    throw new InvalidOption("AiSdk.fromRouter: router", "a router, such as createRouter({ ... })", router)
  }
  const routed = "router" in router ? router.router : router
  const model = RoutedModel.provider(routed, {
    onBreak,
    ...(cache === true ? { cache: { settings: CurrentCallSettings } } : undefined)
  })
  return serve(model, options, model.provider, model.model)
}

const fromRouterKeys: ReadonlySet<string> = new Set([...languageModelKeys, "onBreak", "cache"])

const serve = (model: ProviderModel, options: LanguageModelOptions, provider: string, modelId: string) => {
  const context = options.context ?? Context.empty()
  return ServedModel.make(model, {
    provider: options.provider ?? provider,
    modelId: options.modelId ?? modelId,
    context,
    request: (call) => {
      const request = RouteOptions.from(call)
      if (request === undefined) return Context.empty()
      const outer = Context.get(context, RoutedModel.CurrentRequest)
      return Context.make(RoutedModel.CurrentRequest, { ...outer, ...request })
    }
  })
}
