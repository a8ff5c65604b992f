/**
 * Refuses more requests the further the success rate has fallen below a threshold: the smooth form of `Shedder`.
 *
 * With n completed attempts in the last `window`, s of them successful, a request is refused with
 * p = (max(0, n - s/successRate) / (n + 1))^(1/aggression), at most `maxReject`. With the defaults it refuses nothing down to
 * 95 % successes, 10 % at 14.5 % errors, and 80 % once 81 % fail.
 *
 * - Only completed attempts count: `Success` and `Slow` are successes, `Failure` is not; `RateLimited`, `Misconfigured` and
 *   `Ignored` are neither. (Envoy's default takes every status below 500 for a success, so that callers' mistakes hide
 *   failures.) Our own rejections never count.
 * - Every attempt may be refused, retries too, as in Envoy: whether it is a new one does not matter to the backend.
 * - Few requests make a rough rate: after a single failure p is 1/2. `minRequestsPerSecond` sets below what it keeps out.
 * - `peek` says no only where that is certain: to a class that `lowestFirst` refuses altogether.
 *
 * failsafe-go's adaptive throttler is the same curve with `successRate` 0.9, `maxReject` 0.9, a minute in 20 buckets.
 * Source: Envoy's admission control filter, documentation and defaults of v3.
 */
import type * as Duration from "effect/Duration"
import type { Priority } from "../model/Cost.ts"
import { type Gate, type Millis, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption, integer, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import type * as Selection from "./internal/Selection.ts"
import { make as makeSelection } from "./internal/Selection.ts"
import { numberAt } from "./internal/snapshots.ts"
import * as TimeWindow from "./TimeWindow.ts"

/** `order` is `"all"` by default, `exempt` is empty. */
export interface Options extends Selection.Options {
  /** Nothing is refused at or above this share of successes. In (0, 1], default 0.95. */
  readonly successRate?: number
  /** 1 is a straight line; higher values refuse more as soon as it begins. Finite, >= 1, default 1. */
  readonly aggression?: number
  /** The highest chance of a refusal: what is left finds out that the backend is back. In [0, 1), default 0.8. */
  readonly maxReject?: number
  /** How far back outcomes count. > 0, finite, default 30 seconds. */
  readonly window?: Duration.Input
  /** Buckets the window is cut into. Integer >= 1, default 30. */
  readonly buckets?: number
  /** Refuses nothing below so many completed attempts per second, averaged over `window`. Finite, >= 0, default 0. */
  readonly minRequestsPerSecond?: number
}

export interface Permit {
  readonly at: Millis
  readonly priority: Priority | undefined
  readonly fraction: number
  readonly epoch: number
  settled: boolean
}

const successes = 0
const failures = 1

/** What rounding leaves of s/successRate when it is n. A root would make something of it. */
const tolerance = 1e-9

/** The published rule, without a cap: `n` attempts completed, `s` of them successful. */
export const rejectProbability = (n: number, s: number, successRate = 0.95, aggression = 1): number => {
  const excess = n - s / successRate
  if (excess <= n * tolerance) return 0
  const linear = excess / (n + 1)
  return aggression === 1 ? linear : linear ** (1 / aggression)
}

/** Rejects with `Shed`; when to come back it cannot know. Throws `InvalidOption`. */
export const make = (options: Options = {}): Gate<Permit> => {
  const { aggression, buckets, maxReject, minSamples, successRate, windowMs } = resolve(options)
  const defaults = { order: "all", exempt: [], windowMs, buckets } as const
  const selection = makeSelection("AdmissionControl", options, defaults)
  const outcomes = TimeWindow.make({ ms: windowMs, buckets, counters: 2 })
  const refusal = reject("Shed")

  let lastSeen = Number.NEGATIVE_INFINITY
  let rejected = 0
  let epoch = 0

  const shareAt = (at: Millis): number => {
    const failed = outcomes.sum(failures, at)
    if (failed === 0) return 0
    const good = outcomes.sum(successes, at)
    const samples = failed + good
    if (samples < minSamples) return 0
    return Math.min(maxReject, rejectProbability(samples, good, successRate, aggression))
  }

  return {
    name: "admission-control",
    peek: (now, cost) => {
      const at = Math.max(now, lastSeen)
      return selection.fraction(shareAt(at), at, cost) >= 1 ? refusal : undefined
    },
    admit: (now, cost, rng) => {
      if (now > lastSeen) lastSeen = now
      const at = lastSeen
      const fraction = selection.fraction(shareAt(at), at, cost)
      if (!selection.refuses(fraction, at, cost, rng)) {
        return { at, priority: cost.priority, fraction, epoch, settled: false }
      }
      rejected++
      return refusal
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      if (now > lastSeen) lastSeen = now
      const at = lastSeen
      switch (outcome._tag) {
        case "Success":
        case "Slow":
          outcomes.add(successes, 1, at)
          break
        case "Failure":
          outcomes.add(failures, 1, at)
          break
        case "Unused":
          if (permit.epoch === epoch) selection.undo(permit.fraction, permit.at, at, permit.priority)
          break
        default:
          break
      }
      return noEvents
    },
    clear: () => outcomes.clear(),
    snapshot: (now) => {
      const at = Math.max(now, lastSeen)
      const rejectShare = shareAt(at)
      const failed = outcomes.sum(failures, at)
      const samples = failed + outcomes.sum(successes, at)
      return {
        state: rejectShare > 0 ? "shedding" : "open",
        rejectShare,
        errorRate: samples === 0 ? 0 : failed / samples,
        samples,
        failures: failed,
        rejected,
        ...selection.snapshot(at)
      }
    },
    restore: (snapshot, now) => {
      epoch++ // permits from before were counted by another
      lastSeen = now
      rejected = numberAt(snapshot, "rejected")
      // Their age is not in the snapshot: they count as fresh.
      const failed = numberAt(snapshot, "failures")
      outcomes.clear()
      outcomes.add(failures, failed, now)
      outcomes.add(successes, Math.max(0, numberAt(snapshot, "samples") - failed), now)
      selection.restore(snapshot, now)
    }
  }
}

const resolve = (options: Options) => {
  const { aggression = 1, maxReject = 0.8, minRequestsPerSecond = 0, successRate = 0.95 } = options
  if (!(successRate > 0 && successRate <= 1)) {
    throw new InvalidOption("AdmissionControl: successRate", "a share in (0, 1]", successRate)
  }
  if (!(aggression >= 1 && aggression < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption("AdmissionControl: aggression", "a finite number >= 1", aggression)
  }
  if (!(maxReject >= 0 && maxReject < 1)) {
    throw new InvalidOption("AdmissionControl: maxReject", "a share in [0, 1)", maxReject)
  }
  if (!(minRequestsPerSecond >= 0 && minRequestsPerSecond < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption("AdmissionControl: minRequestsPerSecond", "a finite number >= 0", minRequestsPerSecond)
  }
  const window = positiveMillis("AdmissionControl: window", options.window ?? "30 seconds")
  const windowMs = positive("AdmissionControl: window", window)
  return {
    aggression,
    successRate,
    maxReject,
    windowMs,
    buckets: integer("AdmissionControl: buckets", options.buckets ?? 30),
    minSamples: (minRequestsPerSecond * windowMs) / 1000
  }
}
