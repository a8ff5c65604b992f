/**
 * What the cache does with one call: look into the memory, join a run, or begin one; and with a run that ends: keep what it
 * brought. Every decision is one synchronous step, so no two callers begin a run for the same answer.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Millis, Rng } from "../../../model/Gate.ts"
import { type Entry, type Found, isFresh, isLastResort, isOver, isServable, keepMs } from "./Entry.ts"
import { Flight, type Follower } from "./Flight.ts"
import { Flights } from "./Flights.ts"
import { Memory } from "./Memory.ts"
import type { Policy, Settings } from "./Options.ts"
import type { StoreShape } from "./StoreShape.ts"

/** One call, as the engine sees it: how to fetch the answer, and what may be done with it. */
export interface Call<A, E> {
  readonly slot: string
  /** Fetches the answer and writes it into the flight. */
  readonly fetch: (flight: Flight<A, E>) => Effect.Effect<unknown, E>
  readonly context: Context.Context<never>
  readonly policy: Policy<A, E>
}

export type Opened<A, E> =
  | { readonly _tag: "Kept"; readonly found: Found; readonly parts: ReadonlyArray<A> }
  | { readonly _tag: "Flying"; readonly flight: Flight<A, E>; readonly follower: Follower<A>; readonly joined: boolean }

/** No further refresh for so long after one that failed, milliseconds. */
const refreshPauseMs = 1000

export class Engine {
  readonly settings: Settings
  readonly flights = new Flights()
  readonly memory: Memory
  readonly counts = {
    hits: 0,
    misses: 0,
    stale: 0,
    coalesced: 0,
    fetches: 0,
    refreshes: 0,
    refreshFailures: 0,
    stored: 0,
    tooHeavy: 0,
    storeFailures: 0
  }
  readonly #store: StoreShape | undefined
  readonly #clock: () => Millis
  readonly #rng: Rng
  #lastSeen = Number.NEGATIVE_INFINITY

  constructor(settings: Settings, store: StoreShape | undefined, clock: () => Millis, rng: Rng) {
    this.settings = settings
    this.memory = new Memory(settings.maxEntries, settings.maxWeight)
    this.#store = store
    this.#clock = clock
    this.#rng = rng
  }

  /** A clock that steps back stands still for us. */
  now(): Millis {
    this.#lastSeen = Math.max(this.#lastSeen, this.#clock())
    return this.#lastSeen
  }

  /** Answers from the memory, joins the run that is under way, or begins one. */
  open<A, E>(call: Call<A, E>): Opened<A, E> {
    const found = this.#inMemory(call)
    if (found !== undefined) {
      this.counts[isFresh(found) ? "hits" : "stale"]++
      return { _tag: "Kept", found, parts: partsOf(found) }
    }
    const flying = this.flights.find<A, E>(call.slot)
    if (flying !== undefined) {
      this.counts.coalesced++
      return { _tag: "Flying", flight: flying, follower: flying.follow(), joined: true }
    }
    const flight = this.#flight(call, false)
    const follower = flight.follow()
    this.#start(flight, call, isServable)
    return { _tag: "Flying", flight, follower, joined: false }
  }

  /** What may be handed over in place of an answer that could not be had. */
  instead<A, E>(call: Call<A, E>, flight: Flight<A, E>, cause: Cause.Cause<E>): Found | undefined {
    const error = Cause.findErrorOption(cause)
    if (error._tag === "None") return undefined
    const found = this.peek(call.slot) ?? flight.lastResort
    if (found === undefined || !isLastResort(found) || !holds(() => call.policy.staleOn(error.value))) return undefined
    this.counts.stale++
    return found
  }

  /** Whatever the memory still has, without using it. */
  peek(slot: string): Found | undefined {
    const now = this.now()
    const kept = this.memory.peek(slot, now)
    return kept === undefined ? undefined : { entry: kept.entry, ageMs: now - kept.storedAt }
  }

  /** Whatever there still is, in memory or behind it. */
  find(slot: string): Effect.Effect<Found | undefined> {
    return Effect.suspend(() => {
      const found = this.peek(slot)
      return found === undefined ? this.#stored(slot) : Effect.succeed(found)
    })
  }

  /** What the store behind the memory has; its failures are misses. */
  #stored(slot: string): Effect.Effect<Found | undefined> {
    const store = this.#store
    if (store === undefined) return Effect.succeed(undefined)
    return Effect.map(Effect.exit(Effect.suspend(() => store.get(slot))), (exit) => {
      if (Exit.isSuccess(exit)) return exit.value !== undefined && isOver(exit.value) ? undefined : exit.value
      this.counts.storeFailures++
      return undefined
    })
  }

  /** The follower of the call is gone. */
  leave<A, E>(call: Call<A, E>, flight: Flight<A, E>, follower: Follower<A>): Effect.Effect<void> {
    return this.flights.leave(flight, follower, () => {
      // An answer whose last part is there is not lost because its last reader did not wait for the provider to close.
      if (call.policy.isEnd !== undefined) this.#keep(flight, call)
    })
  }

  /** Runs a change of the store behind the memory; its failures are counted, and change nothing here. */
  write(change: (store: StoreShape) => Effect.Effect<unknown, unknown>): Effect.Effect<void> {
    const store = this.#store
    if (store === undefined) return Effect.void
    return Effect.map(Effect.exit(Effect.suspend(() => change(store))), (exit) => {
      if (Exit.isFailure(exit)) this.counts.storeFailures++
    })
  }

  #inMemory<A, E>(call: Call<A, E>): Found | undefined {
    const now = this.now()
    const kept = this.memory.get(call.slot, now)
    if (kept === undefined) return undefined
    const found: Found = { entry: kept.entry, ageMs: now - kept.storedAt }
    if (!isServable(found)) return undefined
    if (now >= kept.refreshAfter && (!isFresh(found) || this.#isEarly(found))) this.#refresh(call)
    return found
  }

  /**
   * A fresh answer is renewed early by chance, the likelier the longer it took to fetch and the nearer its end is, so that
   * processes that share a store do not all find it gone at once.
   */
  #isEarly({ ageMs, entry }: Found): boolean {
    const beta = this.settings.earlyRefresh
    return beta > 0 && ageMs - entry.tookMs * beta * Math.log(1 - this.#rng()) >= entry.freshMs
  }

  /** In the background, one at a time: who asked has been answered. */
  #refresh<A, E>(call: Call<A, E>): void {
    if (this.flights.find(call.slot) !== undefined) return
    this.counts.refreshes++
    this.#start(this.#flight(call, true), call, isFresh)
  }

  #flight<A, E>(call: Call<A, E>, background: boolean): Flight<A, E> {
    const { maxEntryWeight: limit, maxStallMs } = this.settings
    return new Flight<A, E>(call.slot, this.now(), background, { weigh: call.policy.weigh, limit, maxStallMs })
  }

  #start<A, E>(flight: Flight<A, E>, call: Call<A, E>, isGood: (found: Found) => boolean): void {
    const fetch = Effect.suspend(() => {
      this.counts.fetches++
      if (!flight.background) this.counts.misses++
      return call.fetch(flight)
    })
    const run =
      this.#store === undefined
        ? fetch
        : Effect.flatMap(this.#stored(call.slot), (found): Effect.Effect<unknown, E> => {
            if (found === undefined) return fetch
            const now = this.now()
            this.memory.set(call.slot, found.entry, now - found.ageMs, now)
            if (!isGood(found)) {
              flight.lastResort = found
              return fetch
            }
            flight.found = found
            if (!flight.background) this.counts[isFresh(found) ? "hits" : "stale"]++
            this.push(flight, partsOf(found))
            return Effect.void
          })
    const refresh = flight.background
    this.flights.start(flight, run, call.context, (exit) => {
      const fetched = flight.found === undefined
      const kept = Exit.isSuccess(exit) && (!fetched || this.#keep(flight, call))
      if (refresh && !kept) this.#refreshFailed(call.slot)
      flight.end(exit)
      if (flight.found !== undefined && !isFresh(flight.found)) this.#refresh(call)
    })
  }

  /** More of the answer. */
  push<A, E>(flight: Flight<A, E>, parts: ReadonlyArray<A>): void {
    if (!flight.push(parts)) return
    this.counts.tooHeavy++
    this.flights.remove(flight)
  }

  /** Stores a complete answer; false when it was not to be stored. */
  #keep<A, E>(flight: Flight<A, E>, call: Call<A, E>): boolean {
    const parts = flight.whole()
    const { errorMs, isComplete, isEnd, staleMs, ttlMs } = call.policy
    if (parts === undefined) return false
    if (isEnd !== undefined && !holds(() => parts.some(isEnd))) return false
    if (isComplete !== undefined && !holds(() => isComplete(parts))) return false
    const now = this.now()
    const entry: Entry = {
      parts,
      weight: flight.weight,
      freshMs: this.#jittered(ttlMs),
      staleMs,
      errorMs,
      ...(this.settings.keepForMs > 0 ? { peekMs: this.settings.keepForMs } : {}),
      tookMs: now - flight.startedAt
    }
    const keep = keepMs(entry)
    if (!(keep > 0)) return false
    this.memory.set(call.slot, entry, now, now)
    this.counts.stored++
    if (this.#store !== undefined) {
      this.flights.fork(
        this.write((store) => store.set(call.slot, entry, keep)),
        call.context
      )
    }
    return true
  }

  #jittered(ms: Millis): Millis {
    return ms < Number.POSITIVE_INFINITY ? ms * (1 + this.settings.jitter * (2 * this.#rng() - 1)) : ms
  }

  #refreshFailed(slot: string): void {
    this.counts.refreshFailures++
    const now = this.now()
    const kept = this.memory.peek(slot, now)
    if (kept !== undefined) kept.refreshAfter = now + refreshPauseMs
  }
}

/** Whoever names a slot says what its answers are. */
export const partsOf = <A>(found: Found): ReadonlyArray<A> => found.entry.parts as ReadonlyArray<A>

/** The application's own question; one that throws says no. */
const holds = (question: () => boolean): boolean => {
  try {
    return question()
  } catch {
    return false
  }
}
