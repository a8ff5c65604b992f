/**
 * Stops asking a target that fails, finds out by single probes when it works again, and then lets it have its traffic back
 * step by step.
 *
 * closed: outcomes are told to the `trip` policy, which says when to open. open: nothing passes until `until`. half-open: up
 * to `probes` attempts at once; the first failure opens again, for longer, `successesToClose` successes close. Then, for
 * `rampFor`, a growing share passes; for the rest others are asked first. isolated: nothing passes until `clear`.
 *
 * - Only completed outcomes count. `RateLimited`, `Misconfigured`, `Ignored`, `Unused` count nothing and free their probe
 *   slot. `Slow` is a success, unless the policy counts slow answers.
 * - Each transition begins a new generation, and a permit belongs to the generation it was given in. A result that comes
 *   later changes nothing and shows as `StaleOutcome`; only a hint to stay away is heard, while open, and only lengthens.
 * - A probe has a lease. When it runs out unsettled, that is a failure at that moment, however late someone looks.
 * - A failure during the ramp weighs as much as any other: one in a hundred may be normal for a target, and a breaker that
 *   took the first one for a relapse would never let it come back. A relapse soon after opens for longer.
 * - Chance arrives in `admit` only, so the jitter of the next open period is drawn by the first admission after the last
 *   one was used up: one draw per open period. During the ramp each admission draws once.
 * - Only `settle` can publish: what happens elsewhere comes with the next one, the latest 32 events at most.
 *
 * No timers: a time that has passed is seen by whoever looks next. A clock that steps back stands still.
 * Source: fence and back-off of effect's `CircuitBreaker`, generations of sony/gobreaker, probes and metrics-only mode of
 * resilience4j, the ramp of Envoy's slow start.
 */
import type * as Duration from "effect/Duration"
import {
  type Gate,
  type GateEvent,
  type GateSnapshot,
  isReject,
  type LocalReject,
  type Measured,
  type Millis,
  noEvents,
  type Rng,
  reject
} from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, positive } from "../model/InvalidOption.ts"
import type { Outcome, Unused } from "../model/Outcome.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import * as OpenPeriod from "./internal/OpenPeriod.ts"
import { share } from "./internal/ramp.ts"
import { numberAt, remaining } from "./internal/snapshots.ts"
import * as Trip from "./Trip.ts"

export interface Options {
  /** When it opens. Default 5 failures in a row, or half of at least 20 outcomes in 10 seconds (`Trip.standard`). */
  readonly trip?: Trip.Trip
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
  /**
   * After probes have closed it, the share that passes rises from a tenth to all within this time. >= 0, finite, default
   * 30 seconds; 0 or `false`: all at once.
   */
  readonly rampFor?: Duration.Input | false
  /** How the share rises: 1 evenly, above 1 faster at first, below 1 slower. > 0, finite, default 1. */
  readonly aggression?: number
  /**
   * Never refuses, not even isolated: permits it would have refused carry the note `WouldReject`, and what becomes of them
   * teaches it nothing. All else happens as it would, events and all. For trying out a policy. Default false.
   */
  readonly metricsOnly?: boolean
}

export interface Permit {
  readonly generation: number
  /** Infinity unless it is a probe. */
  readonly leaseUntil: Millis
  /** `Probe`, `Ramp` or `WouldReject`. */
  readonly note: string | undefined
  settled: boolean
}

export interface Breaker extends Gate<Permit> {
  /** Closed, without a history and without a ramp, when a person says so. Attempts in flight belong to the past if it was not. */
  readonly clear: (now: Millis) => void
  /** Refuses everything until `clear`, when a person says so. Attempts in flight belong to the past. */
  readonly isolate: (now: Millis) => void
}

type State = "closed" | "open" | "half-open" | "isolated"

/** The generation of permits that it would have refused. */
const outside = -1
const eventsKept = 32

// Made once: an open breaker is asked often. No time opens an isolated one, so nobody waits for it.
const busy = reject("BreakerProbing")
const byHand = reject("Isolated", Number.POSITIVE_INFINITY)
const ramping: LocalReject = { ...reject("Ramping"), soft: true }

const optionKeys: ReadonlySet<string> = new Set([
  "trip",
  "openFor",
  "maxOpenFor",
  "maxHint",
  "probes",
  "successesToClose",
  "probeLease",
  "rampFor",
  "aggression",
  "metricsOnly"
])

/**
 * Rejects with `BreakerOpen` (and until when), `BreakerProbing` (a probe may end any time), `Isolated`, or softly with
 * `Ramping`. Throws `InvalidOption`.
 */
export const make = (options: Options = {}): Breaker => {
  onlyKeys("Breaker", options, optionKeys)
  const { aggression, metricsOnly, probeLease, probes, rampFor, successesToClose, trip } = resolve(options)
  const period = OpenPeriod.make(options)
  const tally = trip.make()
  let refusal = reject("BreakerOpen")

  let state: State = "closed"
  let generation = 0
  // In an array it is overwritten in place; in a variable of this closure each new fraction would be allocated.
  const seen = new Float64Array([Number.NEGATIVE_INFINITY])
  let openedBy = ""
  let rampUntil: Millis = Number.NEGATIVE_INFINITY
  let probing: Array<Permit> = []
  let probeSuccesses = 0
  let events: Array<GateEvent> = []

  const latest = (now: Millis): Millis => Math.max(now, seen[0] ?? now)
  const see = (now: Millis): Millis => {
    const at = latest(now)
    seen[0] = at
    return at
  }
  const tell = (event: GateEvent): void => {
    if (events.length === eventsKept) events.shift()
    events.push(event)
  }
  const enter = (next: State, event: GateEvent): void => {
    state = next
    generation++
    probing = []
    probeSuccesses = 0
    tell(event)
  }
  const open = (at: Millis, why: string): void => {
    openedBy = why
    period.begin(at, state === "closed")
    enter("open", { _tag: "BreakerOpened", gate: "breaker", until: period.until() })
  }
  const close = (at: Millis): void => {
    tally.clear()
    period.end(at)
    rampUntil = at + rampFor
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
    if (lease <= now) open(lease, "a probe that never ended")
  }
  const refuse = (retryAt: Millis): LocalReject => {
    if (refusal.retryAt !== retryAt) refusal = reject("BreakerOpen", retryAt)
    return refusal
  }
  const give = (leaseUntil: Millis, note: string | undefined): Permit => ({
    generation,
    leaseUntil,
    note,
    settled: false
  })
  const admit = (now: Millis, rng: Rng): Permit | LocalReject => {
    expire(now)
    if (state === "isolated") return byHand
    if (state === "open") {
      const until = period.until()
      if (now < until) return refuse(until)
      enter("half-open", { _tag: "BreakerHalfOpened", gate: "breaker" })
    }
    period.draw(rng)
    if (state === "closed") {
      if (now >= rampUntil) return give(Number.POSITIVE_INFINITY, undefined)
      const passes = rng() < share(rampFor - (rampUntil - now), rampFor, aggression)
      return passes ? give(Number.POSITIVE_INFINITY, "Ramp") : ramping
    }
    if (probing.length >= probes) return busy
    const probe = give(now + probeLease, "Probe")
    probing.push(probe)
    return probe
  }

  const learn = (permit: Permit, outcome: Outcome | Unused, now: Millis, measured: Measured | undefined): void => {
    const probe = state === "half-open"
    if (probe) probing.splice(probing.indexOf(permit), 1)
    if (!counts(outcome)) return
    period.hear(outcome, now)
    if (probe) {
      if (outcome._tag === "Failure" || tally.against(outcome, measured)) open(now, "a failed probe")
      else if (++probeSuccesses >= successesToClose) close(now)
      return
    }
    tally.record(outcome, now, measured)
    const why = tally.tripped(now)
    if (why !== undefined) open(now, why)
  }
  const ignoreStale = (outcome: Outcome | Unused, now: Millis): void => {
    if (!counts(outcome)) return
    const longer = state === "open" && period.lengthen(outcome, now)
    tell({ _tag: "StaleOutcome", gate: "breaker", ...(longer ? { until: period.until() } : undefined) })
  }

  return {
    name: "breaker",
    peek: (at) => {
      if (state === "closed" || metricsOnly) return undefined
      if (state === "isolated") return byHand
      const now = latest(at)
      if (state === "open") return now < period.until() ? refuse(period.until()) : undefined
      const lease = firstLease()
      if (lease > now) return probing.length < probes ? undefined : busy
      const again = period.next(lease)
      return now < again ? refuse(again) : undefined
    },
    admit: (now, _cost, rng) => {
      const answer = admit(see(now), rng)
      return metricsOnly && isReject(answer)
        ? { generation: outside, leaseUntil: Number.POSITIVE_INFINITY, note: "WouldReject", settled: false }
        : answer
    },
    settle: (permit, outcome, at, measured) => {
      if (permit.settled) return noEvents
      permit.settled = true
      const now = see(at)
      expire(now)
      if (permit.generation === generation) learn(permit, outcome, now, measured)
      else if (permit.generation !== outside) ignoreStale(outcome, now)
      if (events.length === 0) return noEvents
      const published = events
      events = []
      return published
    },
    clear: (at) => {
      const now = see(at)
      expire(now)
      if (state !== "closed") close(now)
      tally.clear()
      period.forget()
      rampUntil = Number.NEGATIVE_INFINITY
    },
    isolate: (at) => {
      expire(see(at))
      if (state === "isolated") return
      period.forget() // only `clear` ends this, and that forgets
      enter("isolated", { _tag: "BreakerIsolated", gate: "breaker" })
    },
    snapshot: (at) => {
      const now = see(at)
      expire(now)
      return {
        ...tally.snapshot(now),
        state,
        trip: trip.name,
        ...(state === "open" || state === "half-open" ? { openedBy } : undefined),
        ...period.snapshot(now, state),
        rampLeftMs: state === "closed" ? remaining(rampUntil, now) : 0,
        probeSuccesses
      }
    },
    restore: (snapshot, now) => {
      state = stateOf(snapshot)
      seen[0] = now
      generation++
      probing = []
      probeSuccesses = numberAt(snapshot, "probeSuccesses")
      openedBy = typeof snapshot["openedBy"] === "string" ? snapshot["openedBy"] : ""
      period.restore(snapshot, now)
      rampUntil = now + Math.min(numberAt(snapshot, "rampLeftMs"), rampFor)
      tally.restore(numbersOf(snapshot), now)
    }
  }
}

const counts = (outcome: Outcome | Unused): outcome is Trip.Counted =>
  outcome._tag === "Success" || outcome._tag === "Slow" || outcome._tag === "Failure"

const stateOf = ({ state }: GateSnapshot): State =>
  state === "open" || state === "half-open" || state === "isolated" ? state : "closed"

const numbersOf = (snapshot: GateSnapshot): Trip.Numbers =>
  Object.fromEntries(Object.entries(snapshot).filter((entry): entry is [string, number] => Number.isFinite(entry[1])))

const resolve = (options: Options) => {
  const millis = (name: string, input: Duration.Input) => positiveMillis(`Breaker: ${name}`, input)
  const { rampFor = "30 seconds", trip = Trip.standard } = options
  if (typeof trip.make !== "function") throw new InvalidOption("Breaker: trip", "a policy of Trip", trip)
  return {
    trip,
    probes: integer("Breaker: probes", options.probes ?? 1),
    successesToClose: integer("Breaker: successesToClose", options.successesToClose ?? 1),
    probeLease: millis("probeLease", options.probeLease ?? "6 minutes"),
    rampFor: rampFor === false || rampFor === 0 ? 0 : positive("Breaker: rampFor", millis("rampFor", rampFor)),
    aggression: positive("Breaker: aggression", options.aggression ?? 1),
    metricsOnly: options.metricsOnly ?? false
  }
}
