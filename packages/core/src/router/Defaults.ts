/**
 * Everything a router needs except the strategy, which is the one thing an application should say.
 *
 * Swap a part by a layer that stands after this one, because the later one wins: `Layer.provide([Defaults.layer,
 * Gates.layer({...})])`.
 */
import * as Layer from "effect/Layer"
import { CurrentClassifier, classify } from "../model/Classifier.ts"
import * as Degradation from "../policies/Degradation.ts"
import * as Hedge from "../policies/Hedge.ts"
import * as ResponseCache from "../policies/ResponseCache.ts"
import * as RetryPolicy from "../policies/RetryPolicy.ts"
import * as Admission from "../state/Admission.ts"
import * as Gates from "../state/Gates.ts"
import * as Shedding from "../state/Shedding.ts"

export interface Options {
  readonly gates?: Gates.Options
  readonly retry?: RetryPolicy.Options
  readonly admission?: Admission.Options
  /** Default: never. */
  readonly hedge?: Hedge.Options
  readonly degradation?: Degradation.Options
  /** For calls with a `cacheKey`. */
  readonly cache?: ResponseCache.Options
}

export type Services =
  | Gates.Gates
  | RetryPolicy.RetryPolicy
  | CurrentClassifier
  | Admission.Admission
  | Hedge.Hedging
  | Degradation.Degradation
  | ResponseCache.ResponseCache
  | Shedding.Shedding

export const make = (options: Options = {}): Layer.Layer<Services> =>
  Layer.mergeAll(
    Gates.layer(options.gates),
    RetryPolicy.layer(options.retry),
    Layer.succeed(CurrentClassifier, classify),
    Admission.layer(options.admission),
    options.hedge === undefined ? Hedge.layerOff : Hedge.layer(options.hedge),
    Degradation.layer(options.degradation),
    ResponseCache.layer({ ...kept(options.degradation?.ladder), ...options.cache }),
    Shedding.layerNone
  )

/** What a rung of the ladder may still want is not thrown away before. */
const kept = (ladder: Degradation.Options["ladder"]): ResponseCache.Options => {
  const ages = (ladder ?? []).flatMap((rung) => (rung._tag === "StaleCache" ? [rung.maxAgeMs] : []))
  return ages.length === 0 ? {} : { keepFor: Math.max(...ages) }
}

/**
 * Breaker, bulkhead, cooldown and rate limit per target; 3 attempts, full jitter, a retry budget of 20 % + 10/s; a queue for
 * callers that wait; a cache for calls that name their answer. No hedging, no load shedding.
 */
export const layer: Layer.Layer<Services> = make()
