/** Caches for tests, and providers that count how often they were asked. */
import { Effect, Exit, type Scope, Stream } from "effect"
import type { CacheKey } from "../../src/policies/CacheKey.ts"
import * as ResponseCache from "../../src/policies/ResponseCache.ts"

/** Keys as `CacheKey` makes them are hard to read. */
export const key = (name: string): CacheKey => name as CacheKey

/** Without jitter, so that a test can say when an entry ends. */
export const cache = (
  options: ResponseCache.Options = {},
  store?: ResponseCache.StoreShape
): Effect.Effect<ResponseCache.Service, never, Scope.Scope> => ResponseCache.make({ jitter: 0, ...options }, store)

export interface Upstream {
  /** Runs begun. */
  started: number
  /** Runs that came to an end of whatever kind, finalizers included. */
  ended: number
  interrupted: number
}

export const upstream = (): Upstream => ({ started: 0, ended: 0, interrupted: 0 })

/** Counts the runs of `effect`. */
export const counted = <A, E, R>(upstream: Upstream, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    upstream.started++
    return Effect.onExit(restore(effect), (exit) =>
      Effect.sync(() => {
        upstream.ended++
        if (Exit.hasInterrupts(exit)) upstream.interrupted++
      })
    )
  })

/** Counts the runs of `stream`. */
export const countedStream = <A, E, R>(upstream: Upstream, stream: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.uninterruptible(
      Effect.suspend(() => {
        upstream.started++
        return Effect.as(
          Effect.addFinalizer((exit) =>
            Effect.sync(() => {
              upstream.ended++
              if (Exit.hasInterrupts(exit)) upstream.interrupted++
            })
          ),
          stream
        )
      })
    )
  ) as Stream.Stream<A, E, R>

/** Reads a stream into `into`, one part at a time. */
export const drain = <A, E, R>(stream: Stream.Stream<A, E, R>, into: Array<A>): Effect.Effect<void, E, R> =>
  Stream.runForEach(stream, (part) => Effect.sync(() => into.push(part)))

/** What a store with a clock and a memory of its own would do, in a `Map`. */
export const mapStore = (now: () => number) => {
  const entries = new Map<
    string,
    { readonly entry: ResponseCache.Entry; readonly at: number; readonly until: number }
  >()
  const asked: Array<string> = []
  const store: ResponseCache.StoreShape = {
    get: (slot) =>
      Effect.sync(() => {
        asked.push(slot)
        const kept = entries.get(slot)
        return kept === undefined || now() >= kept.until ? undefined : { entry: kept.entry, ageMs: now() - kept.at }
      }),
    set: (slot, entry, keepMs) =>
      Effect.sync(() => void entries.set(slot, { entry, at: now(), until: now() + keepMs })),
    delete: (slot) => Effect.sync(() => void entries.delete(slot)),
    deletePrefix: (prefix) =>
      Effect.sync(() => {
        for (const slot of entries.keys()) if (slot.startsWith(prefix)) entries.delete(slot)
      })
  }
  return { store, entries, asked }
}
