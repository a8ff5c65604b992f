/**
 * When a call that has not been answered yet gets a second copy on another target: when it has taken longer than 95 % of
 * its like. Whoever answers first wins. It cuts the slow tail, costs tokens, and is off unless an application turns it on.
 *
 * The delay follows a percentile of recent times, one estimate per key (the router's keys tell models and streams apart),
 * and is rounded up to two digits, so that a router needs few timers. Copies are capped twice: here at `maxExtra` of the
 * calls, so that a percentile that is wrong for a moment cannot double the load, and by the retry budget. It does not
 * start anything and does not choose the other target.
 * Sources: J. Dean, L. A. Barroso, "The Tail at Scale", CACM 56(2), 2013 (95th percentile, about 5 % more load); Finagle's
 * `BackupRequestFilter` (a budget of its own beside the client's; which times count); gRPC proposal A6.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { Millis } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, positive, share } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import * as Quantile from "../state/Quantile.ts"
import * as RetryBudget from "./RetryBudget.ts"

export interface Options {
  /** A fixed delay instead of a percentile; nothing is measured then. > 0. */
  readonly after?: Duration.Input
  /** Share of recent times that are shorter than the delay. In (0, 1), default 0.95; known to 5 %. */
  readonly percentile?: number
  /** No copies before a key has so many recent times. Integer >= 1, default 20. */
  readonly minSamples?: number
  /** The shortest delay. > 0, finite, default 50 ms. */
  readonly min?: Duration.Input
  /** The longest delay: above it copies go out earlier than the percentile says. >= `min`, default `"Infinity"`. */
  readonly max?: Duration.Input
  /** How far back times count. > 0, finite, default 5 minutes. */
  readonly window?: Duration.Input
  /** Copies per call in any minute, a share in [0, 1]. Default 0.05. */
  readonly maxExtra?: number
  /**
   * Copies per second that need no calls, for a router with so little to do that `maxExtra` of its calls in a minute is less
   * than one. Finite, >= 0, default 0.
   */
  readonly minPerSecond?: number
  /** Keys that are measured; beyond them a new one waits until one has been idle for `window`. Integer >= 1, default 128. */
  readonly maxKeys?: number
}

export interface Snapshot {
  readonly keys: ReadonlyArray<{ readonly key: string; readonly samples: number; readonly delayMs: Millis | undefined }>
  readonly budget: RetryBudget.Snapshot
}

export interface Hedge {
  /** Milliseconds from the start of an attempt until its copy; `undefined`: none, too little is known. */
  readonly delayMs: (key: string, now: Millis) => Millis | undefined
  /**
   * An attempt took `ms`: to its first content for a stream, to its end otherwise. Successes count, and what ran out of time
   * or lost against its copy counts with the time it had run: without the slow ones the percentile would sink by its own
   * doing. Other failures are no sample; they may be fast.
   */
  readonly observe: (key: string, ms: Millis, now: Millis) => void
  /** A call has begun: its first attempt. */
  readonly deposit: (now: Millis) => void
  /** Would `tryWithdraw` say yes? Changes nothing: ask this and the retry budget before paying either. */
  readonly hasBalance: (now: Millis) => boolean
  /** Pays for one copy. False: the balance is untouched. */
  readonly tryWithdraw: (now: Millis) => boolean
  readonly snapshot: (now: Millis) => Snapshot
}

/** The hedging of an application, `undefined` for none. Routers that are given the same layer share its cap. */
export class Hedging extends Context.Service<Hedging, Hedge | undefined>()("@spillway/core/policies/Hedge") {}

const optionKeys: ReadonlySet<string> = new Set([
  "after",
  "percentile",
  "minSamples",
  "min",
  "max",
  "window",
  "maxExtra",
  "minPerSecond",
  "maxKeys"
])

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Hedge => {
  onlyKeys("Hedge", options, optionKeys)
  const delays = options.after === undefined ? measured(options) : fixed(options)
  const budget = RetryBudget.make({
    ratio: share("Hedge: maxExtra", options.maxExtra ?? 0.05),
    minPerSecond: atLeastZero("Hedge: minPerSecond", options.minPerSecond ?? 0),
    ttl: "1 minute"
  })
  return {
    delayMs: delays.delayMs,
    observe: delays.observe,
    deposit: budget.deposit,
    hasBalance: budget.hasBalance,
    tryWithdraw: budget.tryWithdraw,
    snapshot: (now) => ({ keys: delays.keys(now), budget: budget.snapshot(now) })
  }
}

export const layer = (options?: Options): Layer.Layer<Hedging> => Layer.sync(Hedging, () => make(options))

/** No copies: the default. */
export const layerOff: Layer.Layer<Hedging> = Layer.succeed(Hedging, undefined)

interface Delays extends Pick<Hedge, "delayMs" | "observe"> {
  readonly keys: (now: Millis) => Snapshot["keys"]
}

const fixed = (options: Options): Delays => {
  for (const name of ["percentile", "minSamples", "min", "max", "window", "maxKeys"] as const) {
    if (options[name] !== undefined) throw new InvalidOption(`Hedge: ${name}`, "left out beside after", options[name])
  }
  const after = positiveMillis("Hedge: after", options.after ?? 0)
  return { delayMs: () => after, observe: () => {}, keys: () => [] }
}

const measured = (options: Options): Delays => {
  const percentile = options.percentile ?? 0.95
  if (!(percentile > 0 && percentile < 1)) throw new InvalidOption("Hedge: percentile", "a share in (0, 1)", percentile)
  const minSamples = integer("Hedge: minSamples", options.minSamples ?? 20)
  const min = positive("Hedge: min", positiveMillis("Hedge: min", options.min ?? "50 millis"))
  const max = positiveMillis("Hedge: max", options.max ?? "Infinity")
  if (max < min) throw new InvalidOption("Hedge: max", `a duration >= min (${min} ms)`, options.max)
  const window = positive("Hedge: window", positiveMillis("Hedge: window", options.window ?? "5 minutes"))
  const maxKeys = integer("Hedge: maxKeys", options.maxKeys ?? 128)
  const known = new Map<string, Quantile.Quantile>()

  /** Makes room if it can: the key that has been known longest goes when it is idle, and to the back of the row when not. */
  const hasRoom = (now: Millis): boolean => {
    if (known.size < maxKeys) return true
    for (const [key, quantile] of known) {
      known.delete(key)
      if (quantile.count(now) === 0) return true
      known.set(key, quantile)
      return false
    }
    return false
  }
  const delayOf = (quantile: Quantile.Quantile, now: Millis): Millis | undefined => {
    if (quantile.count(now) < minSamples) return undefined
    const ms = quantile.value(percentile, now)
    return ms === undefined ? undefined : Math.min(max, Math.max(min, twoDigits(ms)))
  }

  return {
    delayMs: (key, now) => {
      const quantile = known.get(key)
      return quantile === undefined ? undefined : delayOf(quantile, now)
    },
    observe: (key, ms, now) => {
      let quantile = known.get(key)
      if (quantile === undefined) {
        if (!hasRoom(now)) return
        quantile = Quantile.make({ window })
        known.set(key, quantile)
      }
      quantile.observe(ms, now)
    },
    keys: (now) =>
      Array.from(known, ([key, quantile]) => ({
        key,
        samples: quantile.count(now),
        delayMs: delayOf(quantile, now)
      }))
  }
}

/** Up to two significant digits and whole milliseconds: at most 90 different delays from 1 to 10 s. */
const twoDigits = (ms: Millis): Millis => {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(ms)) - 1)
  return Math.ceil(ms / step) * step
}

const atLeastZero = (option: string, value: number): number => {
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return value
  throw new InvalidOption(option, "a finite number >= 0", value)
}
