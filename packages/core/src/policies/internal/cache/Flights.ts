/**
 * The answers under way, one per slot, and their runs. A run belongs to the cache and not to who asked first: it goes on
 * when that one leaves, is interrupted when the last one leaves, and ends with the cache.
 *
 * Source: R. Cox and others, Go's `singleflight`; Effect's `Cache`, which joins lookups in the same way, but no streams.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Flight, Follower } from "./Flight.ts"

type AnyFlight = Flight<unknown, unknown>

export class Flights {
  readonly #joinable = new Map<string, AnyFlight>()
  /** Every run that has not ended, also those that nobody can join any more. */
  readonly #fibers = new Set<Fiber.Fiber<unknown, unknown>>()
  #closed = false

  get closed(): boolean {
    return this.#closed
  }

  /** Runs that have not ended, finalizers included. */
  get size(): number {
    return this.#fibers.size
  }

  /** Whoever names a slot says what its answers are. */
  find<A, E>(slot: string): Flight<A, E> | undefined {
    return this.#joinable.get(slot) as Flight<A, E> | undefined
  }

  /** Begins the run at once. `settled` is told its exit, once, when nobody can join any more. */
  start<A, E>(
    flight: Flight<A, E>,
    run: Effect.Effect<unknown, E>,
    context: Context.Context<never>,
    settled: (exit: Exit.Exit<unknown, E>) => void
  ): void {
    this.#joinable.set(flight.slot, flight as unknown as AnyFlight)
    flight.fiber = this.fork(run, context, (exit) => {
      this.remove(flight)
      settled(exit)
    })
  }

  /** Work that ends with the cache. */
  fork<A, E>(
    effect: Effect.Effect<A, E>,
    context: Context.Context<never>,
    ended: (exit: Exit.Exit<A, E>) => void = () => {}
  ): Fiber.Fiber<A, E> {
    const fiber = Effect.runForkWith(context)(effect)
    this.#fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.#fibers.delete(fiber)
      ended(exit)
    })
    if (this.#closed) fiber.interruptUnsafe()
    return fiber
  }

  /** Nobody joins it from now on; those who follow it go on. */
  remove<A, E>(flight: Flight<A, E>): void {
    if (this.#joinable.get(flight.slot) === (flight as unknown)) this.#joinable.delete(flight.slot)
  }

  /** As `remove`, and what the run brings is not stored. */
  seal(slot: string): void {
    const flight = this.#joinable.get(slot)
    if (flight === undefined) return
    this.#joinable.delete(slot)
    flight.seal()
    // A refresh that nobody waits for ends by itself; one that somebody joined ends when they have left.
    flight.background = false
  }

  sealPrefix(prefix: string): void {
    for (const slot of this.#joinable.keys()) if (slot.startsWith(prefix)) this.seal(slot)
  }

  /**
   * The follower is gone. With the last one goes the run: who leaves last waits until it has given back what it took, as
   * without a cache. `abandoned` is told before, while what has come so far can still be had.
   */
  leave<A, E>(flight: Flight<A, E>, follower: Follower<A>, abandoned: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      flight.unfollow(follower)
      const fiber = flight.fiber
      if (flight.followers.size > 0 || flight.background || flight.exit !== undefined || fiber === undefined) {
        return Effect.void
      }
      abandoned()
      // First out of the way, so that whoever asks from now on begins a run of its own and does not join a dying one.
      this.remove(flight)
      flight.seal()
      fiber.interruptUnsafe()
      return Effect.asVoid(Fiber.await(fiber))
    })
  }

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#closed = true
    return Fiber.interruptAll([...this.#fibers])
  })
}
