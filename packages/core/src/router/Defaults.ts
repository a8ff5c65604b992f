/**
 * Everything a router needs except the strategy, which is the one thing an application should say.
 *
 * Swap a part by a layer that stands after this one, because the later one wins: `Layer.provide([Defaults.layer,
 * Gates.layer({...})])`.
 */
import * as Layer from "effect/Layer"
import { CurrentClassifier, classify } from "../model/Classifier.ts"
import * as RetryPolicy from "../policies/RetryPolicy.ts"
import * as Gates from "../state/Gates.ts"

export interface Options {
  readonly gates?: Gates.Options
  readonly retry?: RetryPolicy.Options
}

export type Services = Gates.Gates | RetryPolicy.RetryPolicy | CurrentClassifier

export const make = (options: Options = {}): Layer.Layer<Services> =>
  Layer.mergeAll(
    Gates.layer(options.gates),
    RetryPolicy.layer(options.retry),
    Layer.succeed(CurrentClassifier, classify)
  )

/** Breaker, bulkhead, cooldown and rate limit per target; 3 attempts, full jitter, a retry budget of 20 % + 10/s. */
export const layer: Layer.Layer<Services> = make()
