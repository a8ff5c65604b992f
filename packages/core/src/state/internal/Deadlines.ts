/**
 * Many deadlines, few timers. Calls of one kind share a duration, so their deadlines come due in the order in which they
 * were set: a lane is a linked list per duration, with one timer for its head. Setting and clearing are O(1) and cost
 * some nanoseconds, where a timer per call costs hundreds.
 *
 * An empty lane lingers for `linger` and goes, so a process that has no calls left is not kept alive by old timers.
 * Source: the per-duration timer lists of Node's and libevent's timers (`evtimer` common timeouts).
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Millis } from "../../model/Gate.ts"

/** Something that ends at a known time. Extend it: the object is its own place in the list. */
export abstract class Deadline {
  /** @internal */ expiresAt: Millis = 0
  /** @internal */ lane: Lane | undefined = undefined
  /** @internal */ previous: Deadline | undefined = undefined
  /** @internal */ next: Deadline | undefined = undefined
  /** Called once, when the time has come and the deadline was not cleared. Must not throw. */
  abstract expired(): void
}

export interface Deadlines {
  /** Expires `deadline` after `ms`, instead of whatever was set for it before. `Infinity` only clears. */
  readonly set: (deadline: Deadline, ms: Millis, now: Millis) => void
  readonly clear: (deadline: Deadline) => void
  /** Deadlines that are set; for tests and status. */
  readonly size: () => number
}

/** Longest that an empty lane keeps its timer, milliseconds. */
const linger = 250

class Lane {
  readonly ms: Millis
  first: Deadline | undefined = undefined
  last: Deadline | undefined = undefined
  constructor(ms: Millis) {
    this.ms = ms
  }
}

/**
 * Timers run on `clock`, so virtual time drives them in tests. They belong to what they end and not to the router's scope: a
 * call that is still running when its router closes keeps its deadline.
 */
export const make = (clock: Clock.Clock, now: () => Millis): Deadlines => {
  // Of the fiber that makes it: a simulation drives its fibers itself. That of `runSync` ends with it.
  const scheduler = Fiber.getCurrent()?.getRef(Scheduler.Scheduler)
  const forkOptions = scheduler?.executionMode === "async" ? { scheduler } : undefined
  const lanes = new Map<Millis, Lane>()
  let size = 0

  const clear = (deadline: Deadline) => {
    const lane = deadline.lane
    if (lane === undefined) return
    if (deadline.previous === undefined) lane.first = deadline.next
    else deadline.previous.next = deadline.next
    if (deadline.next === undefined) lane.last = deadline.previous
    else deadline.next.previous = deadline.previous
    deadline.lane = deadline.previous = deadline.next = undefined
    size--
  }

  const fireDue = (lane: Lane) => {
    const at = now()
    for (let head = lane.first; head !== undefined && head.expiresAt <= at; head = lane.first) {
      clear(head)
      head.expired()
    }
  }

  // Wakes for the head, and every `linger` while the lane is empty; ends when it was empty for a whole turn.
  const run = (lane: Lane): Effect.Effect<void> =>
    Effect.suspend(() => {
      const idle = lane.first === undefined
      const wait = lane.first === undefined ? Math.min(linger, lane.ms) : Math.min(linger, lane.first.expiresAt - now())
      return Effect.flatMap(clock.sleep(Duration.millis(Math.max(1, Math.ceil(wait)))), () => {
        fireDue(lane)
        if (idle && lane.first === undefined) {
          lanes.delete(lane.ms)
          return Effect.void
        }
        return run(lane)
      })
    })

  const laneFor = (ms: Millis) => {
    let lane = lanes.get(ms)
    if (lane === undefined) {
      lane = new Lane(ms)
      lanes.set(ms, lane)
      Effect.runFork(run(lane), forkOptions)
    }
    return lane
  }

  return {
    clear,
    size: () => size,
    set: (deadline, ms, at) => {
      clear(deadline)
      if (ms === Number.POSITIVE_INFINITY) return
      const lane = laneFor(ms)
      deadline.expiresAt = at + ms
      deadline.lane = lane
      deadline.previous = lane.last
      if (lane.last === undefined) lane.first = deadline
      else lane.last.next = deadline
      lane.last = deadline
      size++
    }
  }
}
