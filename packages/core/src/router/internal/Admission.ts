/**
 * Callers that wait for a target, in one queue per router. Whoever gives a permit back serves the head of the queue in the
 * same turn: target and permit are bound at that moment, so no newcomer can slip in between. One timer wakes the queue when
 * a target that is closed for a known time opens again, and when somebody's patience ends.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Candidate } from "../../model/Candidate.ts"
import type { Cost, Priority } from "../../model/Cost.ts"
import type { LocalReject, Millis } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import * as AdmissionQueue from "../../state/AdmissionQueue.ts"

/** A call that waits, as far as the queue is concerned; `A` is the attempt that it is handed. */
export interface Caller<out A> {
  readonly request: RouteRequest
  readonly deadlineAt: Millis
  /** Spent waiting before, as far as it counts against `maxWait`. */
  readonly patienceMs: Millis
  /** Picks a target and takes its permits; `undefined` when none can take this call now. */
  readonly begin: (now: Millis) => A | undefined
  /** Could any of the targets that there are take it, now or later? Asked when the targets have changed. Default yes. */
  readonly hasHope?: (now: Millis) => boolean
}

/** What becomes of a caller: `seated` if it has to wait, then one of the others, once. */
export interface Seat<in A> {
  /** It has a place, which `leave` gives up. Said before anybody else is served, because that may make it leave. */
  readonly seated: (leave: (now: Millis) => void) => void
  readonly granted: (attempt: A, now: Millis) => void
  readonly dropped: (reason: AdmissionQueue.DropReason | "Hopeless", now: Millis) => void
  /** A strategy, a gate or a constraint threw. */
  readonly threw: (error: unknown, now: Millis) => void
}

class Place extends AdmissionQueue.Waiter {
  readonly priority: Priority
  readonly tenant: string | undefined
  readonly deadlineAt: Millis
  override readonly atLeastUntil: Millis
  override readonly atMostUntil: Millis
  readonly request: RouteRequest
  readonly #begin: (now: Millis) => ((now: Millis) => void) | undefined
  readonly #dropped: (reason: AdmissionQueue.DropReason | "Hopeless") => void
  readonly #caller: Caller<unknown>
  #grant: ((now: Millis) => void) | undefined = undefined

  constructor(
    caller: Caller<unknown>,
    bounds: Bounds,
    begin: (now: Millis) => ((now: Millis) => void) | undefined,
    dropped: (reason: AdmissionQueue.DropReason | "Hopeless") => void
  ) {
    super()
    this.#caller = caller
    this.request = caller.request
    this.priority = caller.request.priority
    this.tenant = caller.request.tenant
    this.deadlineAt = caller.deadlineAt
    this.waitedMs = caller.patienceMs
    this.atLeastUntil = bounds.atLeastUntil
    this.atMostUntil = bounds.atMostUntil
    this.#begin = begin
    this.#dropped = dropped
  }

  /** True when it has what it waits for (or will never have it, because something threw): `grant` is next. */
  fits(now: Millis): boolean {
    this.#grant = this.#begin(now)
    return this.#grant !== undefined
  }

  grant(now: Millis): void {
    this.#grant?.(now)
  }

  hasHope(now: Millis): boolean {
    return this.#caller.hasHope?.(now) !== false
  }

  dropped(reason: AdmissionQueue.DropReason | "Hopeless"): void {
    this.#dropped(reason)
  }
}

/** Beside the queue's own longest wait. */
export interface Bounds {
  /** Somebody opens then: worth waiting for, however long it takes. */
  readonly atLeastUntil: Millis
  /** There is something better to do then. */
  readonly atMostUntil: Millis
}

/** Waiters that no free target fits are looked past, up to so many: a turn stays short. */
const maxLooks = 8
/** The same while a target is free that none of those wants: else a few who wait for one target would keep all others idle. */
const maxLooksWhileIdle = 256

export class Admission {
  readonly #queue: AdmissionQueue.AdmissionQueue<Place>
  readonly #maxQueued: number
  readonly #states: () => ReadonlyArray<Pick<Candidate, "verdict">>
  readonly #now: () => Millis
  readonly #sleep: (ms: Millis) => Effect.Effect<void>
  /** Of the fiber that makes it: a simulation drives its fibers itself. */
  readonly #scheduler = Fiber.getCurrent()?.getRef(Scheduler.Scheduler)
  #timer: Fiber.Fiber<void> | undefined = undefined
  #wakesAt: Millis = Number.POSITIVE_INFINITY
  #serving = false
  #again = false
  /** Told when the queue has done what it was doing, in its order: some of them come back to it. */
  readonly #dropped: Array<() => void> = []
  #telling = false

  constructor(
    options: AdmissionQueue.Options,
    states: () => ReadonlyArray<Pick<Candidate, "verdict">>,
    now: () => Millis,
    sleep: (ms: Millis) => Effect.Effect<void>
  ) {
    this.#queue = AdmissionQueue.make(options)
    this.#maxQueued = this.#queue.snapshot(now()).maxQueued
    this.#states = states
    this.#now = now
    this.#sleep = sleep
  }

  get size(): number {
    return this.#queue.size
  }

  snapshot(now: Millis) {
    return this.#queue.snapshot(now)
  }

  /** Takes a place, is served at once, or is refused. */
  enter<A>(caller: Caller<A>, bounds: Bounds, now: Millis, seat: Seat<A>): LocalReject | undefined {
    const begin = (now: Millis) => {
      try {
        const attempt = caller.begin(now)
        return attempt === undefined ? undefined : (now: Millis) => seat.granted(attempt, now)
      } catch (error) {
        return (now: Millis) => seat.threw(error, now)
      }
    }
    const place = new Place(caller, bounds, begin, (reason) =>
      this.#dropped.push(() => seat.dropped(reason, this.#now()))
    )
    const othersWait = this.#queue.size > 0
    // A call that needs no place is refused none, and costs nobody else's.
    if (othersWait && this.#queue.size >= this.#maxQueued) {
      this.released(now)
      if (place.fits(now)) {
        place.grant(now)
        return undefined
      }
    }
    const refused = this.#queue.offer(place, now)
    if (refused === undefined) {
      seat.seated((now) => {
        this.#queue.leave(place, now)
        this.#arm(now)
        this.#tellDropped()
      })
      if (othersWait) this.released(now)
      else this.#arm(now)
    }
    this.#tellDropped()
    return refused
  }

  /** Something came free: serves whom it can. Never nested: what it starts may give back at once. */
  released(now: Millis): void {
    this.#again = true
    if (this.#serving) return
    this.#serving = true
    while (this.#again) {
      this.#again = false
      while (this.#serveOne(now));
    }
    this.#serving = false
    this.#arm(now)
    this.#tellDropped()
  }

  /** There are other targets than before: serves whom it can, and ends the wait of those whom none of them can take. */
  targetsChanged(now: Millis): void {
    if (this.#queue.size === 0) return
    this.released(now)
    const waiting: Array<Place> = []
    const look = (place: Place) => {
      waiting.push(place)
      return false
    }
    this.#queue.find(now, look, Number.MAX_SAFE_INTEGER)
    for (const place of waiting) {
      if (!place.hasHope(now) && this.#queue.leave(place, now)) place.dropped("Hopeless")
    }
    this.#arm(now)
    this.#tellDropped()
  }

  #tellDropped(): void {
    if (this.#telling) return
    this.#telling = true
    for (let tell = this.#dropped.shift(); tell !== undefined; tell = this.#dropped.shift()) tell()
    this.#telling = false
  }

  #serveOne(now: Millis): boolean {
    const fits = (place: Place) => place.fits(now)
    let place = this.#queue.find(now, fits, maxLooks)
    if (place === undefined && this.#queue.size > maxLooks && this.#anyIsFree(now)) {
      place = this.#queue.find(now, fits, maxLooksWhileIdle)
    }
    if (place === undefined) return false
    this.#queue.take(place, now)
    place.grant(now)
    return true
  }

  #anyIsFree(now: Millis): boolean {
    const cost = this.#queue.head(now)?.request.cost
    try {
      return cost !== undefined && this.#states().some((state) => state.verdict(now, cost) === undefined)
    } catch {
      return true
    }
  }

  /** Wakes at the first moment at which something changes by itself; never while nobody waits. */
  #arm(now: Millis): void {
    const waits = this.#queue.size > 0
    const at = waits ? this.#nextChange(now) : Number.POSITIVE_INFINITY
    // Waking early does no harm.
    if (at === this.#wakesAt || (waits && at > this.#wakesAt)) return
    const timer = this.#timer
    this.#timer = undefined
    this.#wakesAt = at
    timer?.interruptUnsafe()
    if (at < Number.POSITIVE_INFINITY) this.#sleepUntil(at, now)
  }

  #nextChange(now: Millis): Millis {
    let at = Number.POSITIVE_INFINITY
    let last: Cost | undefined
    // What opens first depends on how much somebody wants: not only the head is asked.
    this.#queue.find(
      now,
      ({ request }) => {
        if (request.cost !== last) at = Math.min(at, this.#opens(request.cost, now))
        last = request.cost
        return false
      },
      maxLooks
    )
    return Math.min(at, this.#queue.nextExpiry() ?? Number.POSITIVE_INFINITY)
  }

  /** When the first target opens by itself for so much. */
  #opens(cost: Cost, now: Millis): Millis {
    let first = Number.POSITIVE_INFINITY
    for (const state of this.#states()) {
      try {
        const opens = state.verdict(now, cost)?.retryAt
        if (opens !== undefined && opens > now && opens < first) first = opens
      } catch {
        // A gate of the application: whoever asks the target next is told.
      }
    }
    return first
  }

  #sleepUntil(at: Millis, now: Millis): void {
    const scheduler = this.#scheduler
    const options = scheduler?.executionMode === "async" ? { scheduler } : undefined
    const timer = Effect.runFork(this.#sleep(Math.ceil(at - now)), options)
    this.#timer = timer
    timer.addObserver(() => {
      if (this.#timer !== timer) return
      this.#timer = undefined
      this.#wakesAt = Number.POSITIVE_INFINITY
      this.#wake(this.#now())
    })
  }

  #wake(now: Millis): void {
    this.released(now)
    this.#queue.expire(now)
    this.#arm(now)
    this.#tellDropped()
  }
}
