/**
 * A `LanguageModel` of `effect/ai` that somebody else made, as a target of a router.
 *
 * It is asked with tool resolution switched off: the attempt is the call of the model only, and tool handlers run once,
 * outside, whatever fails over. Not for models of this package: they are targets already.
 *
 * `effect/ai` has no words for temperature, caps and the like, and every provider a service of its own: `configure` says
 * them there. Without it the settings of a call do not reach the model.
 */
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import type { CallLimits, ProviderModel } from "@spillway/core/ProviderModel"
import type { Capability } from "@spillway/core/Target"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ResponseIdTracker from "effect/ai/ResponseIdTracker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type CallSettings, CurrentCallSettings } from "./CallSettings.ts"
import * as Delegate from "./internal/effectai/Delegate.ts"
import * as Whole from "./internal/effectai/Whole.ts"

export interface Options {
  /** Whose dialect the model speaks: `openai`, `anthropic`, … A non-empty string. */
  readonly provider: string
  /** As the vendor spells it. A non-empty string. */
  readonly model: string
  /** What it can do. Default: tools, json-schema, streaming. */
  readonly capabilities?: Iterable<Capability>
  /**
   * The settings of a call as what the provider reads, called per attempt; the router's cap is in `maxTokens`, the smaller one:
   * `({ maxTokens }) => Context.make(OpenAiLanguageModel.Config, { max_output_tokens: maxTokens })`. Default: nothing.
   */
  readonly configure?: (settings: CallSettings) => Context.Context<never>
}

/** Throws `InvalidOption`. */
export const fromLanguageModel = (service: LanguageModel.LanguageModel, options: Options): ProviderModel => {
  onlyKeys("EffectModel", options, optionKeys)
  for (const name of ["provider", "model"] as const) {
    const value: unknown = options[name]
    if (typeof value !== "string" || value === "") {
      throw new InvalidOption(`EffectModel: ${name}`, "a non-empty string", value)
    }
  }
  if (typeof service?.generateText !== "function") {
    throw new InvalidOption("EffectModel: service", "a LanguageModel of effect/ai", service, "For a layer: fromLayer")
  }
  const { configure, model, provider } = options
  if (configure !== undefined && typeof configure !== "function") {
    throw new InvalidOption("EffectModel: configure", "a function from settings to a Context", configure)
  }
  const around = contextFor(configure)
  const where = { module: "EffectModel", method: "stream", provider, secret: undefined } as const
  const generate: ProviderModel["generate"] = (call, limits) =>
    Effect.updateContext(Whole.judged(Delegate.generate(service, call)), (context: Context.Context<never>) =>
      around(context, limits)
    )
  return {
    provider,
    model,
    capabilities: new Set(options.capabilities ?? ["tools", "json-schema", "streaming"]),
    generate,
    stream: (call, limits) =>
      call.responseFormat.type === "json"
        ? // There are no objects in streams there: the whole one, as a stream.
          Stream.unwrap(Effect.map(generate(call, limits), (parts) => Stream.fromIterable(Delegate.streamed(parts))))
        : Whole.stream(
            Stream.updateContext(Delegate.stream(service, call), (context: Context.Context<never>) =>
              around(context, limits)
            ),
            where
          )
  }
}

const optionKeys: ReadonlySet<string> = new Set(["provider", "model", "capabilities", "configure"])

/**
 * The same from a layer, which is built once and lives as long as the scope:
 * `EffectModel.fromLayer(OpenAiLanguageModel.layer({ … }), { provider: "openai", model: "gpt-5.2" })`.
 */
export const fromLayer = <E, R>(
  layer: Layer.Layer<LanguageModel.LanguageModel, E, R>,
  options: Options
): Effect.Effect<ProviderModel, E, R | Scope.Scope> =>
  Effect.map(Layer.build(layer), (services) =>
    fromLanguageModel(Context.get(services, LanguageModel.LanguageModel), options)
  )

/** What the service finds around it: its own configuration, and no tracker of response ids. */
const contextFor =
  (configure: Options["configure"]) =>
  (context: Context.Context<never>, limits: CallLimits | undefined): Context.Context<never> => {
    const alone = withoutTracker(context)
    if (configure === undefined) return alone
    const settings = Context.get(context, CurrentCallSettings)
    const cap = limits?.maxOutputTokens
    const capped = cap === undefined ? settings : { ...settings, maxTokens: Math.min(cap, settings.maxTokens ?? cap) }
    return Context.merge(alone, configure(capped))
  }

/** Ids of earlier answers belong to the model that gave them; which one that was is the outer model's to know. */
const withoutTracker = (context: Context.Context<never>): Context.Context<never> =>
  Context.omit(ResponseIdTracker.ResponseIdTracker)(context as Context.Context<ResponseIdTracker.ResponseIdTracker>)
