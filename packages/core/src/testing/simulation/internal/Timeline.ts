/**
 * Simulated time: a clock that stands still while anything can run, and then jumps to the next event. One step drains all
 * fibers that are ready, then fires one event; nothing in it asks what time it really is.
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Millis } from "../../../model/Gate.ts"
import { EventHeap, SimEvent } from "./EventHeap.ts"
import { ReadyQueue } from "./ReadyQueue.ts"

/** Somebody sleeps. */
class Wake extends SimEvent {
  readonly #resume: (exit: Exit.Exit<void>) => void
  constructor(resume: (exit: Exit.Exit<void>) => void) {
    super()
    this.#resume = resume
  }
  fire(): void {
    this.#resume(Exit.void)
  }
}

/** An action at a time, for what happens seldom. */
class Action extends SimEvent {
  readonly #run: (now: Millis) => void
  constructor(run: (now: Millis) => void) {
    super()
    this.#run = run
  }
  fire(now: Millis): void {
    this.#run(now)
  }
}

export class Timeline implements Clock.Clock {
  now: Millis = 0
  /** Events fired so far. */
  fired = 0
  readonly #heap = new EventHeap()
  readonly #ready = new ReadyQueue()
  readonly #startsAt: number
  #nanos = 0n
  #nanosAt: Millis = 0

  /** `startsAt`: epoch milliseconds. */
  constructor(startsAt: number) {
    this.#startsAt = startsAt
  }

  /** For fibers that are to run in simulated time. */
  provide<R>(context: Context.Context<R>): Context.Context<R> {
    return Context.add(context, Scheduler.Scheduler, this.#ready) as Context.Context<R>
  }

  get waiting(): number {
    return this.#heap.size
  }

  schedule(event: SimEvent, at: Millis): void {
    this.#heap.push(event, at)
  }

  cancel(event: SimEvent): void {
    this.#heap.remove(event)
  }

  at(time: Millis, run: (now: Millis) => void): SimEvent {
    const event = new Action(run)
    this.#heap.push(event, time)
    return event
  }

  /** Runs what can run now. */
  drain(): void {
    this.#ready.flush()
  }

  /** Goes on to the next event that is no later than `until`; `false` when there is none. */
  step(until: Millis): boolean {
    this.#ready.flush()
    const next = this.#heap.peek()
    if (next === undefined || next.at > until) return false
    this.#heap.remove(next)
    // An event for the past is one for now: time never goes back.
    if (next.at > this.now) this.now = next.at
    this.fired++
    next.fire(this.now)
    this.#ready.flush()
    return true
  }

  /** Lets time pass until the fiber has ended, at most until `until`. */
  await<A, E>(fiber: Fiber.Fiber<A, E>, until: Millis): Exit.Exit<A, E> | undefined {
    this.#ready.flush()
    while (fiber.pollUnsafe() === undefined && this.step(until));
    return fiber.pollUnsafe()
  }

  currentTimeMillisUnsafe(): number {
    return this.#startsAt + Math.floor(this.now)
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.#startsAt) * 1_000_000n + this.monotonicTimeNanosUnsafe()
  }
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())

  monotonicTimeNanosUnsafe(): bigint {
    if (this.#nanosAt !== this.now) {
      this.#nanosAt = this.now
      this.#nanos = BigInt(Math.round(this.now * 1e6))
    }
    return this.#nanos
  }
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return this.sleepMs(Duration.toMillis(duration))
  }

  sleepMs(ms: Millis): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (ms === Number.POSITIVE_INFINITY) return
      const wake = new Wake(resume)
      this.#heap.push(wake, this.now + ms)
      return Effect.sync(() => this.#heap.remove(wake))
    })
  }
}
