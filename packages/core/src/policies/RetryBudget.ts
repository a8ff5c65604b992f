/**
 * How many extra attempts a router may make: a share of its calls plus a small reserve. It keeps retries, hedges and
 * failovers from multiplying the load exactly when everything fails. One budget covers all of them.
 *
 * Each call deposits `ratio` extras that expire after `ttl`; the reserve lets a router that has just started, or that has
 * little to do, retry as well. The law it keeps, at each withdrawal and looking back over `ttl`:
 * `extras <= ratio · calls + minPerSecond · ttl`. So that it holds to the letter, withdrawals are remembered one bucket
 * longer than deposits: 1.1 · `ttl`. What we refuse ourselves is no call: do not deposit it.
 * Source: Finagle's `RetryBudget` over a leaky token bucket (twitter/finagle, twitter/util).
 */
import type * as Duration from "effect/Duration"
import * as TimeWindow from "../gates/TimeWindow.ts"
import type { Millis } from "../model/Gate.ts"
import { InvalidOption, share } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export interface Options {
  /** Extra attempts per call, a share in [0, 1]. Default 0.2. */
  readonly ratio?: number
  /** Extra attempts per second that need no calls. Finite, >= 0, default 10. */
  readonly minPerSecond?: number
  /** How long a call is remembered. 1 to 60 seconds, default 10 seconds. */
  readonly ttl?: Duration.Input
}

export interface Snapshot {
  /** Calls in the last `ttl`. */
  readonly calls: number
  /** Extra attempts in the last 1.1 · `ttl`. */
  readonly extras: number
  /** Extra attempts that may start now. */
  readonly balance: number
}

export interface RetryBudget {
  /** A call has begun: its first attempt. */
  readonly deposit: (now: Millis) => void
  /** Would `tryWithdraw` say yes? Changes nothing. */
  readonly hasBalance: (now: Millis) => boolean
  /** Pays for one extra attempt; to be asked before its back-off, not after. False: the balance is untouched. */
  readonly tryWithdraw: (now: Millis) => boolean
  readonly snapshot: (now: Millis) => Snapshot
}

const buckets = 10

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): RetryBudget => {
  const ratio = share("RetryBudget: ratio", options.ratio ?? 0.2)
  const minPerSecond = options.minPerSecond ?? 10
  if (!(minPerSecond >= 0 && minPerSecond < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption("RetryBudget: minPerSecond", "a finite number >= 0", minPerSecond)
  }
  const ttl = positiveMillis("RetryBudget: ttl", options.ttl ?? "10 seconds")
  if (ttl < 1000 || ttl > 60_000) {
    throw new InvalidOption("RetryBudget: ttl", "a duration from 1 to 60 seconds", options.ttl)
  }
  const reserve = (minPerSecond * ttl) / 1000
  const deposits = TimeWindow.make({ ms: ttl, buckets })
  const withdrawals = TimeWindow.make({ ms: ttl + ttl / buckets, buckets: buckets + 1 })

  // One time for both: a clock that steps back must not put a withdrawal before the deposits it was made against.
  let lastSeen = Number.NEGATIVE_INFINITY
  const see = (now: Millis): Millis => {
    if (now > lastSeen) lastSeen = now
    return lastSeen
  }
  // Ten deposits of 0.1 are one extra, whatever binary fractions make of it.
  const balance = (at: Millis): number => ratio * deposits.sum(0, at) + reserve - withdrawals.sum(0, at) + 1e-9

  return {
    deposit: (now) => deposits.add(0, 1, see(now)),
    hasBalance: (now) => balance(see(now)) >= 1,
    tryWithdraw: (now) => {
      const at = see(now)
      if (balance(at) < 1) return false
      withdrawals.add(0, 1, at)
      return true
    },
    snapshot: (now) => {
      const at = see(now)
      return {
        calls: deposits.sum(0, at),
        extras: withdrawals.sum(0, at),
        balance: Math.max(0, Math.floor(balance(at)))
      }
    }
  }
}
