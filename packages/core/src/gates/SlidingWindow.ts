/**
 * So many requests in any stretch of `window`, all of them at once if they come at once. Two ways of counting:
 *
 * - sliding counter (default): two numbers. `estimate = current + previous·(1 - elapsed/W)` over fixed windows; a request
 *   passes iff `estimate + quantity <= limit`. Right on even traffic; one who knows the borders of the windows gets up to
 *   twice the limit into one stretch of `window`.
 * - `exact`: a log. No stretch of `window` ever holds more than `limit`, for a contract that is taken at its word. Memory
 *   for up to `limit` requests.
 *
 * Both say to the moment when the request would pass if nothing else came. Not for pacing: after a rest the whole limit may
 * come at once, and then nothing for a while. `RateLimit` spreads.
 * Source: the counter of Cloudflare (2017) and the log described by Figma (2017), see the files they stand in.
 */
import type * as Duration from "effect/Duration"
import { type Gate, type Millis, noEvents, reject, type Verdict } from "../model/Gate.ts"
import { integer, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import * as SlidingCounter from "./internal/slidingCounter.ts"
import * as SlidingLog from "./internal/slidingLog.ts"

export interface Options {
  /** Requests in any stretch of `window`. Integer >= 1. */
  readonly limit: number
  /** > 0, finite. */
  readonly window: Duration.Input
  /** True: every request is kept in a log; false: estimated from two counters. Default false. */
  readonly exact?: boolean
}

export interface Permit {
  readonly requests: number
  /** Where it was counted, for the limiter. */
  readonly mark: number
  readonly epoch: number
  settled: boolean
}

/**
 * The quantity is `cost.requests`, an integer. Rejects with `RateLimited`; what is more than the limit is not given a time.
 * `Unused` is taken out again, every other outcome stays: the request was sent. Throws `InvalidOption`.
 */
export const make = (options: Options): Gate<Permit> => {
  const limit = integer("SlidingWindow: limit", options.limit)
  const ms = positive("SlidingWindow: window", positiveMillis("SlidingWindow: window", options.window))
  const meter = options.exact === true ? SlidingLog.make(ms, 0) : SlidingCounter.make(ms)
  let lastSeen = Number.NEGATIVE_INFINITY
  let epoch = 0
  let refusal = reject("RateLimited")

  const see = (now: Millis): Millis => {
    if (now > lastSeen) lastSeen = now
    return lastSeen
  }
  const verdict = (at: Millis, quantity: number): Verdict => {
    const retryAt = meter.freeAt(at, quantity, limit)
    if (retryAt !== undefined && retryAt <= at) return undefined
    if (refusal.retryAt !== retryAt) refusal = reject("RateLimited", retryAt)
    return refusal
  }

  return {
    name: "sliding-window",
    peek: (now, cost) => verdict(see(now), cost.requests),
    admit: (now, cost) => {
      const at = see(now)
      const refused = verdict(at, cost.requests)
      if (refused !== undefined) return refused
      return { requests: cost.requests, mark: meter.add(at, cost.requests), epoch, settled: false }
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      if (outcome._tag === "Unused" && permit.epoch === epoch) meter.takeBack(permit.mark, permit.requests, see(now))
      return noEvents
    },
    headroom: (now) => Math.max(0, 1 - meter.used(see(now)) / limit),
    snapshot: (now) => {
      const at = see(now)
      const left = Math.max(0, Math.floor(limit - meter.used(at) + 1e-9))
      return { state: left > 0 ? "free" : "limited", left, ...meter.save(at) }
    },
    restore: (snapshot, now) => {
      epoch++ // permits from before stand in another log
      meter.load((key) => snapshot[key], now)
      lastSeen = now
    }
  }
}
