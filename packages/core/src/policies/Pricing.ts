/**
 * Where a router takes the price of a target from that names none itself. Asked once per target, when a router is made; a
 * price that changes needs a new router, one that depends on the hour or the size of the request is a rule of `Price`.
 *
 * `@spillway/providers/Catalogue` has a layer with public prices; `layer` is for a list of your own.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Price from "../model/Price.ts"
import type { Target } from "../model/Target.ts"

export interface Pricing {
  /** `undefined`: not known, which is not 0. Must not throw. */
  readonly priceOf: (target: Target) => Price.Price | undefined
}

/** Prices by `target.provider` and `target.model`. */
export type PriceList = Readonly<Record<string, Readonly<Record<string, Price.Price>>>>

/** Knows no price: only targets that name theirs have one. */
export const none: Pricing = { priceOf: () => undefined }

/** Default `none`. */
export const CurrentPricing = Context.Reference<Pricing>("@spillway/core/policies/Pricing", {
  defaultValue: () => none
})

/** Both names must be those of the list: nothing is guessed. Throws `InvalidOption` when a price is none. */
export const make = (list: PriceList): Pricing => {
  for (const [provider, models] of Object.entries(list)) {
    for (const [model, price] of Object.entries(models)) Price.check(`Pricing: ${provider}.${model}`, price)
  }
  return {
    priceOf: ({ model, provider }) => {
      const models = Object.hasOwn(list, provider) ? list[provider] : undefined
      return models !== undefined && Object.hasOwn(models, model) ? models[model] : undefined
    }
  }
}

/** Prices for every router below. Throws `InvalidOption` when it is built. */
export const layer = (list: PriceList): Layer.Layer<never> => Layer.sync(CurrentPricing, () => make(list))
