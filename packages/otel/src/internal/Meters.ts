/**
 * The instruments of one meter provider, and what is written into them. Durations come from records, which are measured
 * on a monotonic clock whether or not a trace is sampled.
 */
import type { Attributes, Meter } from "@opentelemetry/api"
import type { AttemptRecord, DecisionRecord } from "@spillway/core/Decision"
import type { Target } from "@spillway/core/Target"
import * as Names from "../Names.ts"
import * as Breakers from "./Breakers.ts"
import type { Signal } from "./Guard.ts"
import type { Labels } from "./Labels.ts"
import * as Queues from "./Queues.ts"
import * as Tokens from "./Tokens.ts"

export interface Meters {
  /** Starts every counter of a route at 0: a counter born at 1 has no increase, so an alert would miss it. */
  readonly zero: (route: string) => void
  readonly callStarted: (route: string) => void
  readonly callEnded: (record: DecisionRecord, cache: Names.CacheOutcome) => void
  readonly attemptEnded: (target: Target, record: AttemptRecord) => void
  readonly fellBack: (route: string, from: Target, to: Target, reason: string | undefined) => void
  readonly breakerMoved: (target: string, to: Breakers.State) => void
  readonly dropped: (signal: Signal) => void
}

const outcomes = ["ok", "error", "cancelled"] as const
const attemptOutcome = { won: "ok", failed: "error", lost: "lost_race", cancelled: "cancelled" } as const
const attemptReasons = ["primary", "retry", "failover", "hedge"] as const
const cacheResults = ["hit", "miss", "stale", "coalesced"] as const

export const make = (
  meter: Meter,
  convention: Names.Convention,
  labels: Labels,
  breakers: Breakers.Breakers,
  queues: Queues.Queues
): Meters => {
  const { attribute } = convention
  const calls = counter(meter, Names.metric.calls, "{call}", "Calls by what the caller got")
  const active = meter.createUpDownCounter(Names.metric.callsActive, {
    unit: "{call}",
    description: "Calls that have entered and not ended"
  })
  const callDuration = seconds(meter, Names.metric.callDuration, Names.buckets.callSeconds, "Whole calls, streams too")
  const callFirst = seconds(
    meter,
    Names.metric.callTimeToFirstChunk,
    Names.buckets.callSeconds,
    "From the call's entry to its first content, failed attempts included"
  )
  const callAttempts = meter.createHistogram(Names.metric.callAttempts, {
    unit: "{attempt}",
    description: "Attempts a call needed",
    advice: { explicitBucketBoundaries: Names.buckets.attempts }
  })
  const queueWait = seconds(
    meter,
    Names.metric.queueWaitDuration,
    Names.buckets.callSeconds,
    "In the admission queue, of calls that had to wait there"
  )
  const cacheRequests = counter(meter, Names.metric.cacheRequests, "{request}", "Calls that named their answer")
  const attempts = counter(meter, Names.metric.attempts, "{attempt}", "Attempts by target")
  const fallbacks = counter(meter, Names.metric.fallbacks, "{fallback}", "Attempts on another target after a failure")
  const transitions = counter(meter, Names.metric.breakerTransitions, "{transition}", "Changes of a breaker's state")
  const dropped = counter(meter, Names.metric.dropped, "{record}", "Records the SDK did not take")
  const duration = seconds(meter, convention.duration, Names.buckets.seconds, "One attempt on one target")
  const firstChunk = seconds(
    meter,
    convention.timeToFirstChunk,
    Names.buckets.seconds,
    "From the start of an attempt to its first content"
  )
  const tokens = Tokens.make(meter, convention)
  const cost = counter(meter, Names.metric.cost, "{USD}", "What attempts cost, as far as it is known; not the ledger")
  observeBreakers(meter, labels, breakers)
  Queues.observe(meter, queues)

  // A target that nobody attached may have any model name, so all of its labels are closed.
  const ofTarget = (target: Target): Attributes => {
    const known = labels.target(target) !== Names.otherLabel
    return {
      [attribute.operation]: Names.operation,
      [attribute.provider]: known ? target.provider : Names.otherLabel,
      [attribute.requestModel]: known ? target.model : Names.otherLabel
    }
  }

  const costLabels = (target: Target): Attributes => {
    const { [attribute.provider]: provider, [attribute.requestModel]: model } = ofTarget(target)
    return { currency: Names.currency, [attribute.provider]: provider, [attribute.requestModel]: model }
  }

  const meters: Meters = {
    zero: (name) => {
      const route = labels.route(name)
      active.add(0, { route })
      for (const outcome of outcomes) for (const degraded of [false, true]) calls.add(0, { route, outcome, degraded })
      for (const id of labels.routes.get(name) ?? []) {
        const target = labels.targets.get(id)
        if (target === undefined) continue
        for (const outcome of Object.values(attemptOutcome)) {
          for (const reason of attemptReasons) attempts.add(0, { target: id, outcome, reason })
        }
        for (const to of Breakers.states) transitions.add(0, { target: id, to })
        tokens.zero(ofTarget(target))
        // Where no price is known, 0 would be a claim.
        if (target.price !== undefined) cost.add(0, costLabels(target))
      }
    },
    callStarted: (name) => active.add(1, { route: labels.route(name) }),
    callEnded: (record, cache) => {
      const route = labels.route(record.route)
      const { outcome, degraded, firstContentMs } = record
      active.add(-1, { route })
      calls.add(1, { route, outcome, degraded })
      callDuration.record(record.totalMs / 1000, { route, outcome })
      if (firstContentMs !== undefined) callFirst.record(firstContentMs / 1000, { route })
      callAttempts.record(record.attempts.length, { route })
      if (record.queuedMs > 0) queueWait.record(record.queuedMs / 1000, { queue: route })
      if (cache !== "bypass") cacheRequests.add(1, { result: cache })
    },
    attemptEnded: (target, record) => {
      const { outcome, reason } = record
      attempts.add(1, { target: labels.target(target), outcome: attemptOutcome[outcome], reason })
      const plain = ofTarget(target)
      const full = outcome === "failed" ? { ...plain, [attribute.errorType]: labels.word(record.errorType) } : plain
      duration.record(record.ms / 1000, full)
      if (record.firstContentMs !== undefined) firstChunk.record(record.firstContentMs / 1000, plain)
      if (record.facts !== undefined) tokens.record(record.facts, plain, full)
      if (record.costUsd !== undefined) cost.add(record.costUsd, costLabels(target))
    },
    fellBack: (route, from, to, reason) =>
      fallbacks.add(1, {
        route: labels.route(route),
        from: labels.target(from),
        to: labels.target(to),
        reason: labels.word(reason)
      }),
    breakerMoved: (target, to) => transitions.add(1, { target, to }),
    dropped: (signal) => dropped.add(1, { signal, reason: "error" })
  }
  for (const signal of ["traces", "metrics"] as const) dropped.add(0, { signal, reason: "error" })
  for (const result of cacheResults) cacheRequests.add(0, { result })
  for (const route of labels.routes.keys()) meters.zero(route)
  return meters
}

const counter = (meter: Meter, name: string, unit: string, description: string) =>
  meter.createCounter(name, { unit, description })

const seconds = (meter: Meter, name: string, bounds: Array<number>, description: string) =>
  meter.createHistogram(name, { unit: "s", description, advice: { explicitBucketBoundaries: bounds } })

/**
 * One-hot, so that a rule can say `{state="open"} == 1`. An SDK may go on repeating the last value of a series that has ended:
 * its last value is 0, so that no breaker stays open that is not there.
 */
const observeBreakers = (meter: Meter, labels: Labels, breakers: Breakers.Breakers) => {
  meter
    .createObservableGauge(Names.metric.breakerState, { description: "1 for the state a target's breaker is in" })
    .addCallback((result) => {
      for (const target of labels.targets.keys()) {
        const current = breakers.state(target)
        for (const state of Breakers.states) result.observe(state === current ? 1 : 0, { target, state })
      }
      for (const target of labels.ended.get("") ?? []) {
        if (labels.targets.has(target)) continue
        for (const state of Breakers.states) result.observe(0, { target, state })
      }
      labels.ended.delete("")
    })
  meter
    .createObservableGauge(Names.metric.routeTargetOpen, {
      description: "1 while a route's target has an open or isolated breaker"
    })
    .addCallback((result) => {
      for (const [route, targets] of labels.routes) {
        for (const target of targets) result.observe(breakers.isOpen(target) ? 1 : 0, { route, target })
        for (const target of labels.ended.get(route) ?? [])
          if (!targets.has(target)) result.observe(0, { route, target })
        labels.ended.delete(route)
      }
    })
}
