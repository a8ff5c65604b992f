/**
 * The pipeline of a router that is given none: ladder, cache, load shedding, then the attempt loop, then the gates of the
 * target. What its services leave switched off costs nothing: a call without a `cacheKey` passes the cache, a router
 * without a ladder or a shedder has none.
 */
import * as Effect from "effect/Effect"
import { Degradation } from "../policies/Degradation.ts"
import { ResponseCache } from "../policies/ResponseCache.ts"
import { Gates } from "../state/Gates.ts"
import { Shedding } from "../state/Shedding.ts"
import * as Cache from "./middleware/Cache.ts"
import * as Ladder from "./middleware/Ladder.ts"
import * as Pipeline from "./Pipeline.ts"

/** Rungs that are tried when no target could answer. */
export const ladder = Pipeline.request(
  "ladder",
  Effect.map(Effect.all([Degradation, ResponseCache]), ([rungs, cache]) => Ladder.make(rungs, cache))
)
/** Answers calls with a `cacheKey` from memory, and lets identical ones share one run. */
export const cache = Pipeline.request("cache", Effect.map(ResponseCache, Cache.make))
/** Refuses a share of new calls under load. */
export const shed = Pipeline.routerGates(
  "shed",
  Effect.map(Shedding, (make) => make())
)
/** The gates of each target. */
export const gates = Pipeline.targetGates("gates", Gates)

export const pipeline = Pipeline.make({ call: [ladder, cache, shed], attempt: [gates] })

export type Parts = typeof pipeline extends Pipeline.Pipeline<infer P> ? P : never
