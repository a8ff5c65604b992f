/**
 * Stops asking a target that fails, and finds out by single probes when it works again.
 *
 * closed: outcomes of the last `window` are counted; with at least `minCalls` of them, at least one failure, and failures >=
 * `failureRate` of all, it opens. open: nothing passes until `until`. half-open: up to `probes` attempts at once; the first
 * failure opens again, for longer, `successesToClose` successes close.
 *
 * - Only completed outcomes count. `Slow` is a success here; `RateLimited`, `Misconfigured`, `Ignored`, `Unused` count
 *   nothing and free their probe slot.
 * - Each transition begins a new generation, and a permit belongs to the generation it was given in. A result that comes
 *   later changes nothing and shows as `StaleOutcome`; only a hint to stay away is heard, while open, and only lengthens.
 * - A probe has a lease. When it runs out unsettled, that is a failure at that moment, however late someone looks.
 * - Chance arrives in `admit` only, so the jitter of the next open period is drawn by the first admission after the last
 *   one was used up: one draw per open period.
 * - `admit` cannot publish: its events come with the next `settle`.
 *
 * No timers: a time that has passed is seen by whoever looks next. Isolating by hand is the router's.
 * Source: fence and back-off of effect's `CircuitBreaker`, generations of sony/gobreaker, the time window of resilience4j.
 */
import type * as Duration from "effect/Duration"
import { type Gate, type GateEvent, type LocalReject, type Millis, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption, integer, positive, share } from "../model/InvalidOption.ts"
import type { Outcome, Unused } from "../model/Outcome.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { numberAt, remaining } from "./internal/snapshots.ts"
import * as TimeWindow from "./TimeWindow.ts"

export interface Options {
  /** Share of failures in [0, 1] that opens; exactly this share does. Default 0.5. */
  readonly failureRate?: number
  /** How far back outcomes count. > 0, finite, default 10 seconds. */
  readonly window?: Duration.Input
  /** Buckets the window is cut into. Integer >= 1, default 10. */
  readonly buckets?: number
  /** Fewer outcomes than this in the window never open. Integer >= 1, default 20. */
  readonly minCalls?: number
  /** The first open period, ±10 %; doubles each time in a row. > 0, default 5 seconds. */
  readonly openFor?: Duration.Input
  /** The longest open period of its own choice, ±10 %. >= `openFor`, default 60 seconds or `openFor` if that is longer. */
  readonly maxOpenFor?: Duration.Input
  /** The longest a target's own hint is believed. > 0, default 10 minutes. */
  readonly maxHint?: Duration.Input
  /** Probes in flight at once while half-open. Integer >= 1, default 1. */
  readonly probes?: number
  /** Successful probes that close. Integer >= 1, default 1. */
  readonly successesToClose?: number
  /**
   * A probe unsettled for so long has failed. Longer than any attempt may take, or a slow target could never close its
   * breaker. > 0, default 6 minutes: the default deadline of a call and a grace.
   */
  readonly probeLease?: Duration.Input
}

export interface Permit {
  readonly generation: number
  /** Infinity unless it is a probe. */
  readonly leaseUntil: Millis
  settled: boolean
}

export interface Breaker extends Gate<Permit> {
  /** Closed and without a history at once, when a person says so. Attempts in flight belong to the past if it was not. */
  readonly clear: (now: Millis) => void
}

const successes = 0
const failures = 1

/** Rejects with `BreakerOpen` (and until when) or `BreakerProbing` (a probe may end any time). Throws `InvalidOption`. */
export const make = (options: Options = {}): Breaker => {
  const { failureRate, minCalls, openFor, maxOpenFor, maxHint, probes, successesToClose, probeLease, windowOptions } =
    resolve(options)
  const window = TimeWindow.make(windowOptions)
  const busy = reject("BreakerProbing")
  let refusal = reject("BreakerOpen")

  let state: "closed" | "open" | "half-open" = "closed"
  let generation = 0
  /** Consecutive open periods; the k of the back-off. */
  let opens = 0
  let until: Millis = 0
  /** Length of the last open period, hints included. */
  let openMs = 0
  /** Staying closed until then resets `opens`. */
  let forgetAt: Millis = Number.NEGATIVE_INFINITY
  /** The latest moment until which a counted failure asked us to stay away. */
  let hintUntil: Millis = Number.NEGATIVE_INFINITY
  let jitter = Number.NaN
  let probing: Array<Permit> = []
  let probeSuccesses = 0
  let events: Array<GateEvent> = []

  const enter = (next: typeof state, event: GateEvent): void => {
    state = next
    generation++
    probing = []
    probeSuccesses = 0
    events.push(event)
  }
  const untilAfter = (at: Millis, k: number): Millis =>
    Math.max(at + Math.min(maxOpenFor, openFor * 2 ** Math.min(k - 1, 60)) * jitter, hintUntil)
  const open = (at: Millis): void => {
    if (state === "closed" && at >= forgetAt) opens = 0
    opens++
    until = untilAfter(at, opens)
    openMs = until - at
    jitter = Number.NaN
    enter("open", { _tag: "BreakerOpened", gate: "breaker", until })
  }
  const close = (at: Millis): void => {
    window.clear()
    forgetAt = at + openMs
    enter("closed", { _tag: "BreakerClosed", gate: "breaker" })
  }

  const firstLease = (): Millis => {
    let first = Number.POSITIVE_INFINITY
    for (const probe of probing) if (probe.leaseUntil < first) first = probe.leaseUntil
    return first
  }
  /** Makes up for a lease that ran out while nobody looked. */
  const expire = (now: Millis): void => {
    if (state !== "half-open") return
    const lease = firstLease()
    if (lease <= now) open(lease)
  }
  const refuse = (retryAt: Millis): LocalReject => {
    if (refusal.retryAt !== retryAt) refusal = reject("BreakerOpen", retryAt)
    return refusal
  }
  const hintOf = (outcome: Outcome | Unused, now: Millis): Millis =>
    outcome._tag === "Failure" && outcome.retryAfter !== undefined && outcome.retryAfter > 0
      ? now + Math.min(outcome.retryAfter, maxHint)
      : Number.NEGATIVE_INFINITY

  const learn = (permit: Permit, outcome: Outcome | Unused, now: Millis): void => {
    const probe = state === "half-open"
    if (probe) probing.splice(probing.indexOf(permit), 1)
    if (!counts(outcome)) return
    const failed = outcome._tag === "Failure"
    if (failed) hintUntil = Math.max(hintUntil, hintOf(outcome, now))
    if (probe) {
      if (failed) open(now)
      else if (++probeSuccesses >= successesToClose) close(now)
      return
    }
    window.add(failed ? failures : successes, 1, now)
    const bad = window.sum(failures, now)
    if (bad === 0) return
    const all = bad + window.sum(successes, now)
    if (all >= minCalls && bad / all >= failureRate) open(now)
  }
  const ignoreStale = (outcome: Outcome | Unused, now: Millis): void => {
    if (!counts(outcome)) return
    const hint = hintOf(outcome, now)
    if (state !== "open" || hint <= until) {
      events.push({ _tag: "StaleOutcome", gate: "breaker" })
      return
    }
    openMs += hint - until
    until = hint
    events.push({ _tag: "StaleOutcome", gate: "breaker", until })
  }

  return {
    name: "breaker",
    peek: (now) => {
      if (state === "closed") return undefined
      if (state === "open") return now < until ? refuse(until) : undefined
      const lease = firstLease()
      if (lease > now) return probing.length < probes ? undefined : busy
      const again = untilAfter(lease, opens + 1)
      return now < again ? refuse(again) : undefined
    },
    admit: (now, _cost, rng) => {
      expire(now)
      if (state === "open") {
        if (now < until) return refuse(until)
        enter("half-open", { _tag: "BreakerHalfOpened", gate: "breaker" })
      }
      if (Number.isNaN(jitter)) jitter = 0.9 + 0.2 * rng()
      if (state === "closed") return { generation, leaseUntil: Number.POSITIVE_INFINITY, settled: false }
      if (probing.length >= probes) return busy
      const probe = { generation, leaseUntil: now + probeLease, settled: false }
      probing.push(probe)
      return probe
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      expire(now)
      if (permit.generation === generation) learn(permit, outcome, now)
      else ignoreStale(outcome, now)
      if (events.length === 0) return noEvents
      const published = events
      events = []
      return published
    },
    clear: (now) => {
      if (state !== "closed") close(now)
      window.clear()
      opens = 0
      hintUntil = Number.NEGATIVE_INFINITY
    },
    snapshot: (now) => {
      expire(now)
      return {
        state,
        successes: window.sum(successes, now),
        failures: window.sum(failures, now),
        opens: state === "closed" && now >= forgetAt ? 0 : opens,
        openMs: Math.min(openMs, Number.MAX_SAFE_INTEGER),
        retryInMs: state === "open" ? remaining(until, now) : 0,
        forgetInMs: state === "closed" ? remaining(forgetAt, now) : 0,
        hintInMs: remaining(hintUntil, now),
        probeSuccesses
      }
    },
    restore: (snapshot, now) => {
      const word = snapshot.state
      state = word === "open" || word === "half-open" ? word : "closed"
      generation++
      probing = []
      probeSuccesses = numberAt(snapshot, "probeSuccesses")
      opens = numberAt(snapshot, "opens")
      openMs = numberAt(snapshot, "openMs")
      until = now + numberAt(snapshot, "retryInMs")
      forgetAt = now + numberAt(snapshot, "forgetInMs")
      hintUntil = now + numberAt(snapshot, "hintInMs")
      // Their age is not in the snapshot: they count as fresh.
      window.clear()
      window.add(successes, numberAt(snapshot, "successes"), now)
      window.add(failures, numberAt(snapshot, "failures"), now)
    }
  }
}

const counts = (outcome: Outcome | Unused): boolean =>
  outcome._tag === "Success" || outcome._tag === "Slow" || outcome._tag === "Failure"

const resolve = (options: Options) => {
  const millis = (name: string, input: Duration.Input) => positiveMillis(`Breaker: ${name}`, input)
  const openFor = millis("openFor", options.openFor ?? "5 seconds")
  const maxOpenFor =
    options.maxOpenFor === undefined ? Math.max(60_000, openFor) : millis("maxOpenFor", options.maxOpenFor)
  if (maxOpenFor < openFor) {
    throw new InvalidOption("Breaker: maxOpenFor", `a duration >= openFor (${openFor} ms)`, options.maxOpenFor)
  }
  return {
    failureRate: share("Breaker: failureRate", options.failureRate ?? 0.5),
    windowOptions: {
      ms: positive("Breaker: window", millis("window", options.window ?? "10 seconds")),
      buckets: integer("Breaker: buckets", options.buckets ?? 10),
      counters: 2
    },
    minCalls: integer("Breaker: minCalls", options.minCalls ?? 20),
    openFor,
    maxOpenFor,
    maxHint: millis("maxHint", options.maxHint ?? "10 minutes"),
    probes: integer("Breaker: probes", options.probes ?? 1),
    successesToClose: integer("Breaker: successesToClose", options.successesToClose ?? 1),
    probeLease: millis("probeLease", options.probeLease ?? "6 minutes")
  }
}
