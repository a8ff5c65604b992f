/** The options that `createRouter` and `createRouterFrom` share: checked for plain JavaScript, and made into services. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type Classifier, CurrentClassifier } from "../../model/Classifier.ts"
import type { Gate } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import { CurrentStrategy, type Strategy } from "../../model/Strategy.ts"
import { CurrentTelemetry, type Telemetry } from "../../model/Telemetry.ts"
import type * as Handoff from "../../policies/Handoff.ts"
import * as Pricing from "../../policies/Pricing.ts"
import * as Tokenizer from "../../policies/Tokenizer.ts"
import * as Gates from "../../state/Gates.ts"
import * as Shedding from "../../state/Shedding.ts"
import * as Defaults from "../Defaults.ts"
import type * as Pipeline from "../Pipeline.ts"
import type * as Router from "../Router.ts"

/** What is the same for every router, whoever its targets are. */
export interface Common extends Omit<Defaults.Options, "gates"> {
  readonly gates?: Gates.Options | Gates.GatesOf
  /** When calls made with `handOff` become tasks. Default after 500 ms. */
  readonly handoff?: Handoff.Options
  /** Load shedding for the whole router, e.g. `() => Shedder.make()`. Default: none. */
  readonly shed?: () => Gate
  /** Parts of a pipeline of your own; they may need what `Defaults` supplies. Default `DefaultPipeline.pipeline`. */
  readonly pipeline?: Pipeline.Pipeline<Part>
  /** What a rejection says about its target. Default: `AiError` by its reason, anything else is the target's failure. */
  readonly classify?: Classifier
  readonly telemetry?: Telemetry
  /** Prices of targets that name none, e.g. `Catalogue.makePricing()` of `@spillway/providers`. Default: none. */
  readonly pricing?: Pricing.Pricing
  /** Who counts the tokens of a call before it is sent. Default: an estimate. */
  readonly tokenizer?: Tokenizer.Tokenizer
}

export type Part = Pipeline.CallPart<string, Supplied> | Pipeline.AttemptPart<string, Supplied>
export type Supplied = Defaults.Services | Scope.Scope

export const commonKeys: ReadonlyArray<string> = [
  ...["route", "timeouts", "pipeline", "strategy", "gates", "retry", "admission", "hedge"],
  ...["degradation", "cache", "handoff", "shed", "classify", "telemetry"],
  ...["pricing", "tokenizer"]
]
/** For plain JavaScript. */
export const check = (options: Common & { readonly strategy: Strategy<string> }): void => {
  if (options.shed !== undefined && typeof options.shed !== "function") {
    throw new InvalidOption(
      "createRouter: shed",
      "a function that makes a gate, such as () => Shedder.make()",
      options.shed
    )
  }
  if (options.classify !== undefined && typeof options.classify !== "function") {
    throw new InvalidOption("createRouter: classify", "a function", options.classify)
  }
  if (options.pricing !== undefined && typeof options.pricing?.priceOf !== "function") {
    throw new InvalidOption("createRouter: pricing", "an object with priceOf", options.pricing)
  }
  if (options.tokenizer !== undefined && typeof options.tokenizer?.estimate !== "function") {
    throw new InvalidOption("createRouter: tokenizer", "an object with estimate", options.tokenizer)
  }
  if (typeof options.strategy?.make !== "function") {
    throw new InvalidOption(
      "createRouter: strategy",
      "a strategy, such as PowerOfTwo.make()",
      options.strategy,
      "Not the module and not its layer"
    )
  }
}

/** With the services that the options name or leave to their defaults, in the router's scope. */
export const supplied = <A, E>(
  options: Common & { readonly strategy: Strategy<string> },
  scope: Scope.Scope,
  make: Effect.Effect<A, E, Supplied | Router.Services>
): Effect.Effect<A, E> => {
  const { classify, gates, pricing, shed, telemetry, tokenizer, ...defaults } = options
  const own = Layer.mergeAll(
    Layer.succeed(CurrentStrategy, options.strategy),
    Layer.succeed(CurrentTelemetry, telemetry),
    ...(typeof gates === "function" ? [Layer.succeed(Gates.Gates, gates)] : []),
    ...(pricing === undefined ? [] : [Layer.succeed(Pricing.CurrentPricing, pricing)]),
    ...(tokenizer === undefined ? [] : [Layer.succeed(Tokenizer.CurrentTokenizer, tokenizer)]),
    ...(classify === undefined ? [] : [Layer.succeed(CurrentClassifier, classify)]),
    ...(shed === undefined ? [] : [Shedding.layer(shed)])
  )
  const others = Defaults.make(typeof gates === "function" || gates === undefined ? defaults : { ...defaults, gates })
  return Layer.buildWithScope(Layer.mergeAll(others, own), scope).pipe(
    Effect.flatMap((services) => Effect.provideContext(make, Context.add(services, Scope.Scope, scope)))
  )
}
