/**
 * Requests per minute, spread evenly, with a burst: GCRA. One number of state, the theoretical arrival time (TAT): the moment
 * at which everything charged so far will have been worked off at the allowed rate.
 *
 * `burst` is the number of requests that may come at once after a rest: with T = one minute / rate, a request of quantity q
 * passes iff `max(now, TAT) + q·T <= now + burst·T`. (ATM writes the tolerance as τ and lets τ/T + 1 cells come at once; here
 * the "+ 1" is part of `burst`.) So any window of length L admits at most `burst + L/T`. What never fits is not given a time.
 *
 * For requests alone. For a strict number per window take `SlidingWindow`, for tokens, money and several limits at once
 * `MultiLimit`.
 * Source: ATM Forum TM 4.0 (virtual scheduling algorithm); throttled/throttled and brandur/redis-cell for the quantities.
 */
import { type Gate, type Millis, noEvents, reject, type Verdict } from "../model/Gate.ts"
import { integer, positive } from "../model/InvalidOption.ts"
import * as Gcra from "./internal/gcra.ts"

export interface Options {
  /** Finite, > 0. */
  readonly requestsPerMinute: number
  /** Requests that may come at once. Integer >= 1, default one second of the rate, at least 1. */
  readonly burst?: number
}

export interface Permit {
  readonly requests: number
  /** Where the charge stands, for the limiter. */
  readonly mark: number
  readonly epoch: number
  settled: boolean
}

/**
 * The quantity is `cost.requests`. `Unused` gives the charge back, every other outcome keeps it: the request was sent.
 * Throws `InvalidOption`.
 */
export const make = (options: Options): Gate<Permit> => {
  const rate = positive("RateLimit: requestsPerMinute", options.requestsPerMinute)
  const burst =
    options.burst === undefined ? Math.max(1, Math.ceil(rate / 60)) : integer("RateLimit: burst", options.burst)
  const gcra = Gcra.make({ spacing: 60_000 / rate, burst })
  let lastSeen = Number.NEGATIVE_INFINITY
  let epoch = 0
  let refusal = reject("RateLimited")

  const verdict = (at: Millis, quantity: number): Verdict => {
    const retryAt = gcra.freeAt(at, quantity, burst)
    if (retryAt !== undefined && retryAt <= at) return undefined
    if (refusal.retryAt !== retryAt) refusal = reject("RateLimited", retryAt)
    return refusal
  }

  return {
    name: "rate-limit",
    peek: (now, cost) => verdict(Math.max(now, lastSeen), cost.requests),
    admit: (now, cost) => {
      if (now > lastSeen) lastSeen = now
      const refused = verdict(lastSeen, cost.requests)
      if (refused !== undefined) return refused
      return { requests: cost.requests, mark: gcra.add(lastSeen, cost.requests), epoch, settled: false }
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      if (outcome._tag === "Unused" && permit.epoch === epoch) {
        gcra.takeBack(permit.mark, permit.requests, Math.max(now, lastSeen))
      }
      return noEvents
    },
    headroom: (now) => Math.max(0, 1 - gcra.used(Math.max(now, lastSeen)) / burst),
    snapshot: (now) => {
      const at = Math.max(now, lastSeen)
      const left = gcra.left(at)
      return { state: left > 0 ? "free" : "limited", left, ...gcra.save(at) }
    },
    restore: (snapshot, now) => {
      epoch++ // permits from before charged another TAT
      gcra.load((key) => snapshot[key], now)
      lastSeen = now
    }
  }
}
