/**
 * Refuses here what the backend would refuse anyway: adaptive throttling of a client.
 *
 * With the requests attempted and those the backend accepted in the last `window`, a request is refused with
 * p = max(0, (requests - k·accepts) / (requests + 1)). At an offered load of R times its capacity, the backend then gets
 * min(R, k) times its capacity, and no more of it is spent on saying no.
 *
 * - A request counts when it is attempted, refused here or not; counted at its end, it would be seen one round trip late
 *   (zeromicro/go-zero#5011). Every attempt counts and may be refused, retries too: the backend sees them all.
 * - An accept is a `Success` or a `Slow`. `RateLimited` is the backend's refusal, `Failure` is none of its work done: both
 *   leave a request without an accept. `Ignored` and `Misconfigured` say nothing about its load, `Unused` was not sent: these
 *   take their request back.
 * - `window` must not be shorter than the longest attempt, or its accept is counted when its request is forgotten.
 * - An attempt in flight is a request without an accept so far. The rule was made for short calls in great number; of two
 *   long answers that begin together in an idle process, the second is refused with p = 1/2. Set `protection` to the attempts
 *   usually in flight where they are long or few.
 * - `peek` says no only where that is certain: to a class that `lowestFirst` refuses altogether. Who leaves on that "no" is
 *   not counted.
 *
 * For a backend with a quota or a load limit of its own. Where only failures are to count: `AdmissionControl`.
 * Source: "Handling Overload", chapter 21 of Site Reliability Engineering (Google, 2016); `protection` is go-zero's.
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
  /** Requests per accepted one that the backend may get. Finite, >= 1, default 2: one refused for each accepted. */
  readonly k?: number
  /** How far back requests and accepts count. > 0, finite, at least the longest attempt. Default 2 minutes. */
  readonly window?: Duration.Input
  /** Buckets the window is cut into. Integer >= 1, default 24. */
  readonly buckets?: number
  /** So many requests are left out of the account. Integer >= 0, default 0, as published. */
  readonly protection?: number
  /** The highest chance of a refusal: what is left finds out that the backend is back. In [0, 1), default 0.99. */
  readonly maxReject?: number
}

export interface Permit {
  readonly at: Millis
  readonly priority: Priority | undefined
  readonly fraction: number
  readonly epoch: number
  settled: boolean
}

const requests = 0
const accepts = 1

/** The published rule: `requests` attempted, `accepts` of them accepted. */
export const rejectProbability = (requests: number, accepts: number, k = 2, protection = 0): number =>
  Math.max(0, (requests - protection - k * accepts) / (requests + 1))

/** Rejects with `Shed`; when to come back it cannot know. Throws `InvalidOption`. */
export const make = (options: Options = {}): Gate<Permit> => {
  const { buckets, k, maxReject, protection, windowMs } = resolve(options)
  const defaults = { order: "all", exempt: [], windowMs, buckets } as const
  const selection = makeSelection("ClientThrottle", options, defaults)
  const counts = TimeWindow.make({ ms: windowMs, buckets, counters: 2 })
  const refusal = reject("Shed")

  let lastSeen = Number.NEGATIVE_INFINITY
  let rejected = 0
  let epoch = 0

  // A request taken back leaves the window a little later than what it was counted as.
  const requestsAt = (at: Millis): number => Math.max(0, counts.sum(requests, at))
  const shareAt = (at: Millis): number =>
    Math.min(maxReject, rejectProbability(requestsAt(at), counts.sum(accepts, at), k, protection))
  const takeBack = (permit: Permit, at: Millis): void => {
    if (permit.epoch === epoch && at - permit.at < windowMs) counts.add(requests, -1, at)
  }

  return {
    name: "client-throttle",
    peek: (now, cost) => {
      const at = Math.max(now, lastSeen)
      return selection.fraction(shareAt(at), at, cost) >= 1 ? refusal : undefined
    },
    admit: (now, cost, rng) => {
      if (now > lastSeen) lastSeen = now
      const at = lastSeen
      const fraction = selection.fraction(shareAt(at), at, cost)
      counts.add(requests, 1, at)
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
          counts.add(accepts, 1, at)
          break
        case "Unused":
          takeBack(permit, at)
          if (permit.epoch === epoch) selection.undo(permit.fraction, permit.at, at, permit.priority)
          break
        case "Ignored":
        case "Misconfigured":
          takeBack(permit, at)
          break
        default:
          break
      }
      return noEvents
    },
    clear: () => counts.clear(),
    snapshot: (now) => {
      const at = Math.max(now, lastSeen)
      const rejectShare = shareAt(at)
      return {
        state: rejectShare > 0 ? "throttling" : "open",
        rejectShare,
        requests: requestsAt(at),
        accepts: counts.sum(accepts, at),
        rejected,
        ...selection.snapshot(at)
      }
    },
    restore: (snapshot, now) => {
      epoch++ // permits from before were counted by another
      lastSeen = now
      rejected = numberAt(snapshot, "rejected")
      // Their age is not in the snapshot: they count as fresh.
      counts.clear()
      counts.add(requests, numberAt(snapshot, "requests"), now)
      counts.add(accepts, numberAt(snapshot, "accepts"), now)
      selection.restore(snapshot, now)
    }
  }
}

const resolve = (options: Options) => {
  const k = options.k ?? 2
  if (!(k >= 1 && k < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption("ClientThrottle: k", "a finite number >= 1", options.k)
  }
  const maxReject = options.maxReject ?? 0.99
  if (!(maxReject >= 0 && maxReject < 1)) {
    throw new InvalidOption("ClientThrottle: maxReject", "a share in [0, 1)", options.maxReject)
  }
  const window = positiveMillis("ClientThrottle: window", options.window ?? "2 minutes")
  return {
    k,
    maxReject,
    windowMs: positive("ClientThrottle: window", window),
    buckets: integer("ClientThrottle: buckets", options.buckets ?? 24),
    protection: integer("ClientThrottle: protection", options.protection ?? 0, 0)
  }
}
