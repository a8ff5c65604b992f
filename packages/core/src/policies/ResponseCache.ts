/**
 * Answers equal calls once: from memory while an answer is fresh, and by one shared run while it is under way, streams
 * included. When an answer cannot be had, an old one may stand in for it.
 *
 * A run belongs to the cache. It is given the services of the caller that began it, goes on when that one leaves, fails for
 * everybody who waits when it fails, and is interrupted when the last of them leaves. Failures, interrupted runs and
 * incomplete streams are never stored. A stream is stored at its end; who joins late reads it from its first part on.
 *
 * Memory is bounded: entries by number and weight (LRU), one answer by `maxEntryWeight`, under way as well as stored. An
 * answer that outgrows it goes on for those who follow it, and is neither stored nor joined any more: see
 * `internal/cache/Flight.ts` for what becomes of slow readers then.
 *
 * Not for answers that are meant to differ (sampling at a high temperature), nor for calls that do something besides
 * answering: what is answered from here was not done. Cached values are shared: do not change them.
 *
 * Effect's `Cache` joins lookups and interrupts them in the same way (the model for this), but stores failures, drops an
 * entry the moment it expires (nothing stale to serve), joins no streams and may evict what is under way; `PersistedCache`
 * is built on it; `RcMap` holds resources in use, not answers. So the table is ours, on plain maps.
 *
 * Source: RFC 5861 (stale-while-revalidate, stale-if-error); A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal
 * Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015 (`earlyRefresh`).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Millis } from "../model/Gate.ts"
import { nowOf, rngOf } from "../state/internal/Time.ts"
import type { CacheKey } from "./CacheKey.ts"
import * as Calls from "./internal/cache/Calls.ts"
import { Engine, partsOf } from "./internal/cache/Engine.ts"
import type { FollowerLagged } from "./internal/cache/Flight.ts"
import * as Options_ from "./internal/cache/Options.ts"
import type { StoreShape } from "./internal/cache/StoreShape.ts"

export type { Entry, Found } from "./internal/cache/Entry.ts"
export { FollowerLagged } from "./internal/cache/Flight.ts"
export type { Options, Windows } from "./internal/cache/Options.ts"
export type { StoreShape } from "./internal/cache/StoreShape.ts"

/**
 * Where an answer comes from: `miss`, this call fetched it; `coalesced`, another call's run that was under way; `hit`, from
 * the cache; `stale`, from the cache and past its time.
 */
export type Source = Calls.Source

/** An answer, where it comes from, and how long ago it was fetched: milliseconds, 0 for `miss` and `coalesced`. */
export type Cached<A> = Calls.Cached<A>

export interface GetOptions<A, E> extends Options_.CallOptions<A, E> {
  /** Is this an answer to keep? Others are handed over and not stored. Default: every one is. */
  readonly isComplete?: ((value: A) => boolean) | undefined
}

export interface StreamOptions<A, E> extends Options_.CallOptions<A, E> {
  /**
   * Is this the part that ends an answer? Then a stream that ends without one was cut: it is handed over and not stored. And
   * an answer that has it is stored even if its last reader does not wait for the provider to close. Default: the end of the
   * stream is the end of the answer.
   */
  readonly isEnd?: ((part: A) => boolean) | undefined
  /** Are these parts an answer to keep? Asked at the end; others are not stored. Default: they are. */
  readonly isComplete?: ((parts: ReadonlyArray<A>) => boolean) | undefined
  /** Told once where the parts come from, before the first of them or the end. Must not throw. */
  readonly onSource?: ((source: Source, ageMs: Millis) => void) | undefined
}

/** Counts since the cache was made, and what it holds now. */
export interface Snapshot {
  /** Fresh, from memory or the store behind it. */
  readonly hits: number
  /** Calls that fetched. */
  readonly misses: number
  /** Old answers handed over: while a new one was fetched, or because none could be had. */
  readonly stale: number
  /** Calls that joined another one's run. */
  readonly coalesced: number
  /** Runs that fetched, refreshes included. */
  readonly fetches: number
  /** Refreshes begun, and those that brought nothing to store. */
  readonly refreshes: number
  readonly refreshFailures: number
  readonly stored: number
  /** Answers heavier than `maxEntryWeight`. */
  readonly tooHeavy: number
  /** Entries that left for want of room, and because their time was over. */
  readonly evicted: number
  readonly expired: number
  /** Failures of the store behind the memory; each was taken for a miss. */
  readonly storeFailures: number
  /** Entries in memory and their weight. */
  readonly entries: number
  readonly weight: number
  /** Runs that have not ended. */
  readonly inFlight: number
}

export interface Service {
  /**
   * Answers `key` from the cache, or runs `lookup` once for all who ask at the same time. Fails as `lookup` does. A `Scope`
   * that `lookup` asks for is the run's own and closes with it.
   */
  readonly get: <A, E, R>(
    key: CacheKey,
    lookup: Effect.Effect<A, E, R>,
    options?: GetOptions<A, E>
  ) => Effect.Effect<Cached<A>, E, R>

  /**
   * The same for streams: equal parts in equal order, but not in equal arrays. The run reads `lookup` at its own speed, up
   * to `maxEntryWeight` ahead of who reads from it.
   */
  readonly stream: <A, E, R>(
    key: CacheKey,
    lookup: Stream.Stream<A, E, R>,
    options?: StreamOptions<A, E>
  ) => Stream.Stream<A, E | FollowerLagged, R>

  /** The answer that `get` stored under `key`, however old, while it is kept; for a last rung of degradation. */
  readonly peek: <A>(key: CacheKey) => Effect.Effect<Cached<A> | undefined>
  /** The same for what `stream` stored. */
  readonly peekParts: <A>(key: CacheKey) => Effect.Effect<Cached<ReadonlyArray<A>> | undefined>

  /**
   * Forgets the answers under `key`. Runs under way go on for those who follow them, take no new ones, and store nothing.
   * Other processes keep what they have in their own memory until its time is over.
   */
  readonly invalidate: (key: CacheKey) => Effect.Effect<void>
  /** The same for all keys that begin with `prefix`, such as a tenant's (`CacheKey.prefix`). O(entries). */
  readonly invalidatePrefix: (prefix: string) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

export class ResponseCache extends Context.Service<ResponseCache, Service>()("@spillway/core/policies/ResponseCache") {}

/**
 * A store behind the memory, for processes that share answers. It is asked once per run, before the answer is fetched; its
 * failures are misses. Bound its time: the call waits for it.
 */
export class Store extends Context.Service<Store, StoreShape>()("@spillway/core/policies/ResponseCache/Store") {}

/** A cache that lives as long as the scope; then its runs are interrupted, and calls pass. Throws `InvalidOption`. */
export const make = (options?: Options_.Options, store?: StoreShape): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = Options_.settings(options)
    const engine = new Engine(settings, store, nowOf(yield* Clock.Clock), rngOf(yield* Random.Random))
    yield* Effect.addFinalizer(() => engine.flights.close)
    return service(engine)
  })

/** In memory. Every time the layer is built is another cache. */
export const layer = (options?: Options_.Options): Layer.Layer<ResponseCache> =>
  Layer.effect(ResponseCache, make(options))

/** In memory and in a store behind it. */
export const layerStore = (options?: Options_.Options): Layer.Layer<ResponseCache, never, Store> =>
  Layer.effect(
    ResponseCache,
    Effect.flatMap(Store, (store) => make(options, store))
  )

const service = (engine: Engine): Service => ({
  get: (key, lookup, options) => {
    const isComplete = options?.isComplete
    return Effect.suspend(() => {
      if (engine.flights.closed) return Effect.map(lookup, (value) => ({ value, source: "miss", ageMs: 0 }))
      const keep = isComplete && (([value]: ReadonlyArray<unknown>) => isComplete(value as never))
      const policy = Options_.policy(engine.settings, options, keep, undefined)
      return Calls.whole(engine, wholeSlot(key), lookup, policy)
    })
  },
  stream: (key, lookup, options) =>
    Stream.suspend(() => {
      if (engine.flights.closed) return lookup
      const policy = Options_.policy(engine.settings, options, options?.isComplete, options?.isEnd)
      return Calls.parts(engine, partsSlot(key), lookup, policy, options?.onSource)
    }),
  peek: (key) =>
    Effect.map(engine.find(wholeSlot(key)), (found) =>
      found === undefined ? undefined : { value: partsOf<never>(found)[0] as never, ...Calls.originOf(found) }
    ),
  peekParts: (key) =>
    Effect.map(engine.find(partsSlot(key)), (found) =>
      found === undefined ? undefined : { value: partsOf(found), ...Calls.originOf(found) }
    ),
  invalidate: (key) =>
    Effect.suspend(() => {
      const slots = [wholeSlot(key), partsSlot(key)]
      for (const slot of slots) {
        engine.memory.delete(slot)
        engine.flights.seal(slot)
      }
      return Effect.forEach(slots, (slot) => engine.write((store) => store.delete(slot)), { discard: true })
    }),
  invalidatePrefix: (prefix) =>
    Effect.suspend(() => {
      engine.memory.deletePrefix(prefix)
      engine.flights.sealPrefix(prefix)
      return engine.write((store) => store.deletePrefix(prefix))
    }),
  snapshot: Effect.sync(() => ({
    ...engine.counts,
    evicted: engine.memory.evicted,
    expired: engine.memory.expired,
    entries: engine.memory.size,
    weight: engine.memory.weight,
    inFlight: engine.flights.size
  }))
})

/** A whole answer and a streamed one are kept apart, whatever the key. */
const wholeSlot = (key: CacheKey): string => `${key}#whole`
const partsSlot = (key: CacheKey): string => `${key}#parts`
