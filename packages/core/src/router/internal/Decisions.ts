/** The stream of decision records: bounded, and free while nobody listens. */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DecisionRecord } from "../../model/Decision.ts"

/** Records a slow subscriber may lag behind; older ones are dropped for it. */
const capacity = 1024

export interface Decisions<Id extends string> {
  /** Does anybody want records? Asked once per call. */
  readonly listening: () => boolean
  readonly publish: (record: DecisionRecord<Id>) => void
  readonly stream: Stream.Stream<DecisionRecord<Id>>
}

/** Ends its subscribers with the scope. */
export const make = <Id extends string>(): Effect.Effect<Decisions<Id>, never, Scope.Scope> =>
  Effect.map(Effect.acquireRelease(PubSub.sliding<DecisionRecord<Id>>(capacity), PubSub.shutdown), (pubsub) => {
    let subscribers = 0
    const subscribed = Effect.acquireRelease(
      Effect.tap(PubSub.subscribe(pubsub), () => Effect.sync(() => subscribers++)),
      () => Effect.sync(() => subscribers--)
    )
    return {
      listening: () => subscribers > 0,
      publish: (record) => {
        PubSub.publishUnsafe(pubsub, record)
      },
      stream: Stream.scoped(Stream.unwrap(Effect.map(subscribed, Stream.fromSubscription)))
    }
  })
