/**
 * Requests per minute, spread evenly, with a burst: GCRA. One number of state, the theoretical arrival time (TAT): the moment
 * at which everything charged so far will have been worked off at the allowed rate.
 *
 * `burst` is the number of requests that may come at once after a rest: with T = one minute / rate, a request of quantity q
 * passes iff `max(now, TAT) + q·T <= now + burst·T`. (ATM writes the tolerance as τ and lets τ/T + 1 cells come at once; here
 * the "+ 1" is part of `burst`.) So any window of length L admits at most `burst + L/T`. What never fits is not given a time.
 * Source: ATM Forum TM 4.0 (virtual scheduling algorithm); throttled/throttled and brandur/redis-cell for the quantities.
 */
import { type Gate, type Millis, noEvents, reject, type Verdict } from "../model/Gate.ts"
import { integer, positive } from "../model/InvalidOption.ts"
import { numberAt, remaining } from "./internal/snapshots.ts"

export interface Options {
  /** Finite, > 0. */
  readonly requestsPerMinute: number
  /** Requests that may come at once. Integer >= 1, default one second of the rate, at least 1. */
  readonly burst?: number
}

export interface Permit {
  readonly charge: number
  /** The TAT with this charge in it. */
  readonly chargedUntil: number
  readonly refundedBefore: number
  readonly epoch: number
  settled: boolean
}

/** A microsecond. Sums of fractional spacings are not exact: without it the last request of a burst may seem too early. */
const tolerance = 0.001

/**
 * The quantity is `cost.requests`. `Unused` gives the charge back, every other outcome keeps it: the request was sent.
 * Throws `InvalidOption`.
 */
export const make = (options: Options): Gate<Permit> => {
  const rate = positive("RateLimit: requestsPerMinute", options.requestsPerMinute)
  const burst =
    options.burst === undefined ? Math.max(1, Math.ceil(rate / 60)) : integer("RateLimit: burst", options.burst)
  const spacing = 60_000 / rate
  let tat = Number.NEGATIVE_INFINITY
  let lastSeen = Number.NEGATIVE_INFINITY
  let refunded = 0
  let epoch = 0
  let refusal = reject("RateLimited")

  const verdict = (at: Millis, quantity: number): Verdict => {
    const retryAt = quantity > burst ? undefined : tat - (burst - quantity) * spacing
    if (retryAt !== undefined && retryAt <= at + tolerance) return undefined
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
      const charge = cost.requests * spacing
      tat = Math.max(lastSeen, tat) + charge
      return { charge, chargedUntil: tat, refundedBefore: refunded, epoch, settled: false }
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      if (outcome._tag !== "Unused" || permit.epoch !== epoch) return noEvents
      // On the axis of TAT this charge is the stretch that ends at `end`; charges refunded before it have moved it down.
      const end = permit.chargedUntil - (refunded - permit.refundedBefore)
      // Only what lies in the future goes back: the rest is worked off, and whoever came since has profited from it.
      const back = Math.min(permit.charge, Math.max(0, end - Math.max(now, lastSeen)))
      // The last stretch has none above it to move. (One below it may be moved too far: it then gets back less, never more.)
      if (end < tat - tolerance) refunded += back
      tat -= back
      return noEvents
    },
    snapshot: (now) => {
      const aheadMs = remaining(tat, Math.max(now, lastSeen))
      const left = Math.min(burst, Math.floor(burst - (aheadMs - tolerance) / spacing))
      return { state: left > 0 ? "free" : "limited", left, aheadMs }
    },
    restore: (snapshot, now) => {
      epoch++ // permits from before charged another TAT
      tat = now + numberAt(snapshot, "aheadMs")
      lastSeen = now
    }
  }
}
