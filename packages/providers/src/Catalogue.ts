/**
 * Public prices and facts of models, so that an application need not write them down: a dated snapshot of models.dev, and
 * decoders for newer or other lists.
 *
 * Prices move, and an account may pay others: a target's own `price` comes before the catalogue's. What the catalogue does
 * not know stays unknown; nothing is guessed from a similar name, except for one thing: where a dated name (`gpt-5-2026-01-01`,
 * `claude-haiku-4-5-20251001`) is not in it, the name without the date is looked up.
 *
 * It is not loaded unless it is imported. It holds no rate limits: those belong to an account. Audio tokens, cached writes
 * for longer than the shortest time, batch and priority tiers have other prices, and are not in it.
 * Sources: https://models.dev (MIT), https://github.com/BerriAI/litellm (MIT).
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Price } from "@spillway/core/Price"
import { CurrentPricing, type Pricing } from "@spillway/core/Pricing"
import * as Layer from "effect/Layer"
import type { Collected, Facts, Models } from "./internal/catalogue/facts.ts"
import * as LiteLlm from "./internal/catalogue/liteLlm.ts"
import * as ModelsDev from "./internal/catalogue/modelsDev.ts"
import { snapshot as shipped } from "./internal/catalogue/snapshot.ts"
import * as Checks from "./internal/engine/OptionChecks.ts"

export type { Facts, Models } from "./internal/catalogue/facts.ts"

export interface Catalogue {
  /** The day the figures were read, `YYYY-MM-DD`. */
  readonly asOf: string | undefined
  /** By provider, then by model, as the list spells them: `openai`, `google`, `amazon-bedrock`, … */
  readonly models: Models
}

export interface Decoded {
  readonly catalogue: Catalogue
  /** A line for each entry that was left out: which, and why. */
  readonly skipped: ReadonlyArray<string>
}

export interface DecodeOptions {
  /** The day of the list, `YYYY-MM-DD`. Default: not said. */
  readonly asOf?: string
}

/** Reads the parsed `api.json` of models.dev. One odd entry is left out and named. Throws `InvalidOption`. */
export const fromModelsDev = (json: unknown, options: DecodeOptions = {}): Decoded =>
  decoded(ModelsDev.decode(json, options.asOf), options)

/** Reads the parsed `model_prices_and_context_window.json` of LiteLLM. One odd entry is left out and named. Throws `InvalidOption`. */
export const fromLiteLlm = (json: unknown, options: DecodeOptions = {}): Decoded =>
  decoded(LiteLlm.decode(json, options.asOf), options)

const decoded = ({ models, skipped }: Collected, options: DecodeOptions): Decoded => {
  Checks.object("Catalogue: options", options, ["asOf"])
  return { catalogue: { asOf: options.asOf, models }, skipped }
}

/** The list that comes with this package. Made anew at each call: keep it where it is asked often. */
export const snapshot = (): Catalogue => fromModelsDev(shipped.providers, { asOf: shipped.asOf }).catalogue

/**
 * What `catalogue` (default: the snapshot) knows of a model. The provider may also go by the name that telemetry gives it
 * (`gcp.gemini`, `aws.bedrock`, `azure.ai.openai`, …).
 */
export const facts = (provider: string, model: string, catalogue: Catalogue = snapshot()): Facts | undefined => {
  const models = catalogue.models.get(provider) ?? catalogue.models.get(aliases.get(provider) ?? provider)
  return models?.get(model) ?? models?.get(model.replace(date, ""))
}

/** A day at the end of a model's name. Not year and month alone: `mistral-large-2411` and `-2512` are two models. */
const date = /-(?:\d{4}-\d{2}-\d{2}|20\d{6})$/

/** Other names of the same price list. No name stands for a vendor with several lists, such as those of two countries. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["azure.ai.openai", "azure"],
  ["gcp.gemini", "google"],
  ["gemini", "google"],
  ["aws.bedrock", "amazon-bedrock"],
  ["bedrock", "amazon-bedrock"],
  ["mistral_ai", "mistral"],
  ["x_ai", "xai"],
  ["together", "togetherai"],
  ["together_ai", "togetherai"]
])

/** The price alone, for `price` of a target. */
export const priceOf = (provider: string, model: string, catalogue?: Catalogue): Price | undefined =>
  facts(provider, model, catalogue)?.price

/** Prices of targets by their `provider` and `model`. Throws `InvalidOption`. */
export const makePricing = (catalogue?: Catalogue): Pricing => {
  check(catalogue)
  const given = catalogue ?? snapshot()
  return { priceOf: ({ model, provider }) => priceOf(provider, model, given) }
}

/** Prices for every router below whose targets name none. Default: the snapshot. Throws `InvalidOption`. */
export const pricing = (catalogue?: Catalogue): Layer.Layer<never> => {
  check(catalogue)
  return Layer.sync(CurrentPricing, () => makePricing(catalogue))
}

/** An object that is none would price nothing, in silence. */
const check = (catalogue: Catalogue | undefined): void => {
  if (catalogue === undefined) return
  Checks.object("Catalogue: catalogue", catalogue, ["asOf", "models"])
  const models: { readonly get?: unknown } = Object(catalogue.models)
  if (typeof models.get === "function") return
  throw new InvalidOption(
    "Catalogue: catalogue.models",
    "a Map by provider, such as fromModelsDev makes",
    catalogue.models
  )
}
