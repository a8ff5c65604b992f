/**
 * Makes a router of the first set that a source says and keeps it at the last one. What a source cannot say, and a set that is
 * wrong, are told as events and in the log; the set that was there stays.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { GateEvent } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import { type TargetSet, type TargetSource, TargetSourceError, type TargetUpdate } from "../../model/TargetSource.ts"
import type { Core } from "./Core.ts"

/** Of the router as a whole. `message` is the source's own. */
export interface TargetSourceFailed extends GateEvent {
  readonly _tag: "TargetSourceFailed"
  readonly source: string
  readonly message: string
}

/** `waits`: a problem before the first set is no failure. `open` makes the router. */
export const follow = <Id extends string, C, R>(
  source: TargetSource<C>,
  waits: boolean,
  open: (set: TargetSet<C>) => Effect.Effect<Core<Id, C>, InvalidOption, R>
): Effect.Effect<Core<Id, C>, TargetSourceError, R | Scope.Scope> =>
  Effect.gen(function* () {
    if (typeof waits !== "boolean") throw new InvalidOption(`${where(source)}: waitForTargets`, "true or false", waits)
    const first = yield* Deferred.make<Core<Id, C>, TargetSourceError>()
    let core: Core<Id, C> | undefined
    const unusable = (message: string): Effect.Effect<void, TargetSourceError> => {
      if (core === undefined) {
        return waits
          ? Effect.logWarning(`Spillway: no targets yet from ${source.name}: ${message}`)
          : Effect.fail(new TargetSourceError({ source: source.name, problem: message }))
      }
      const event: TargetSourceFailed = { _tag: "TargetSourceFailed", gate: "targets", source: source.name, message }
      core.publishOwn([event])
      // Not everybody has telemetry, and an operator's mistake must not stay unseen.
      return Effect.logWarning(`Spillway: targets from ${source.name} stay as they were: ${message}`)
    }
    const take = (set: TargetSet<C>): Effect.Effect<void, InvalidOption, R> =>
      core === undefined
        ? Effect.flatMap(open(set), (made) => {
            core = made
            return Effect.asVoid(Deferred.succeed(first, made))
          })
        : Effect.asVoid(core.targets.reload(set, where(source)))
    const heard = (update: TargetUpdate<C>) =>
      update._tag === "Problem"
        ? unusable(update.message)
        : Effect.catch(take(update.set), ({ message }) => unusable(message))
    yield* Stream.runForEach(source.changes, heard).pipe(
      Effect.andThen(
        Effect.suspend(() =>
          core === undefined
            ? Effect.fail(new TargetSourceError({ source: source.name, problem: "it ended without a set" }))
            : Effect.void
        )
      ),
      // Before the first set the caller is told, a mistake in the options too; after it, whoever listens.
      Effect.catchCause((cause) =>
        Effect.suspend(() =>
          core === undefined
            ? Effect.asVoid(Deferred.failCause(first, cause))
            : Effect.ignore(unusable("it broke off, and is not followed any more"))
        )
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    return yield* Deferred.await(first)
  })

/** Who says what is wrong with a set. */
export const where = (source: TargetSource): string => `Targets from ${source.name}`
