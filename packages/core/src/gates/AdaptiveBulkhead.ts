/**
 * A bulkhead whose limit finds its own height: at most so many attempts in flight, more while the target takes them, fewer
 * when it says that it is too much. Rejects with `BulkheadFull` and never queues: waiting is the router's.
 *
 * Use it where nobody knows how many attempts a target takes at once, or where that changes: a provider's capacity is
 * shared with others, so the limit is a bound of politeness and not a property of the target. Where a contract names the
 * number, or the number is below ten, `Bulkhead` is better: looking for the edge of a small target costs many refusals. It
 * bounds attempts at once, not per minute; and it is no breaker: a target that fails in other ways keeps its limit.
 *
 * - `aimd` (the default) hears refusals and timeouts only; `gradient` also watches the time to first content of streams.
 * - An overload is believed once per generation. When forty attempts are out and the target is full, it refuses all forty:
 *   one fact, told forty times. Each lowering begins a new generation, and an attempt admitted in an earlier one lowers no
 *   more, or a single burst would take a limit of 40 to 1. The fence is the count of lowerings an attempt was admitted
 *   under, not a time: it needs no guess of how long an answer takes. It stops late successes too, which would undo the
 *   lowering with praise for the old limit.
 * - How many ran when an attempt was admitted is what its end speaks of: a target decides at the start whether it takes it.
 * - `Ignored` and `Unused` free their place and teach nothing: a caller that leaves says nothing about the target.
 * - A limit that falls below what is in flight interrupts nobody; it admits when enough have ended.
 *
 * Source: Netflix/concurrency-limits (`SimpleLimiter`, `AIMDLimit`, `Gradient2Limit`); one decrease per flight as in TCP's
 * fast recovery (RFC 6582).
 */
import { type Gate, type GateEvent, type LocalReject, type Millis, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys } from "../model/InvalidOption.ts"
import { aimd } from "./internal/aimd.ts"
import * as InFlight from "./internal/InFlight.ts"
import type { Algorithm } from "./internal/limits.ts"

export { type AimdOptions, aimd } from "./internal/aimd.ts"
export { type GradientOptions, gradient } from "./internal/gradient.ts"
export { type Algorithm, type Backoff, type Bounds, isOverload, type Limit } from "./internal/limits.ts"

export interface Options {
  /** How the limit moves. Default `aimd()`. */
  readonly algorithm?: Algorithm
  /** The limit never falls below. Integer >= 1, default 1; with `gradient` 20, or `max` if that is less. */
  readonly min?: number
  /** The limit never rises above. Integer >= `min`, default 200, or `min` if that is more. */
  readonly max?: number
  /** The first limit. Integer in [`min`, `max`], default 20, or the nearer bound. */
  readonly initial?: number
}

export interface Permit {
  /** How often the limit had been lowered for overload when it was given. */
  readonly generation: number
  /** Attempts in flight right after admission, this one included. */
  readonly inFlight: number
  settled: boolean
}

export interface AdaptiveBulkhead extends Gate<Permit> {
  /** Attempts that may run now. */
  readonly limit: () => number
  /** Not below `initial`, when a person says so. What was learned above it stays. */
  readonly clear: (now: Millis) => void
}

/** The target said that it was too much; the limit is lower now. At most one per generation. */
export interface LimitLowered extends GateEvent {
  readonly _tag: "LimitLowered"
  readonly limit: number
}

const optionKeys: ReadonlySet<string> = new Set(["algorithm", "min", "max", "initial"])

/** Throws `InvalidOption`. A snapshot carries what was learned; attempts in flight do not outlive a process. */
export const make = (options: Options = {}): AdaptiveBulkhead => {
  onlyKeys("AdaptiveBulkhead", options, optionKeys)
  const { algorithm, bounds } = resolve(options)
  const limit = algorithm.make(bounds)
  const full: LocalReject = reject("BulkheadFull") // made once: rejections are common
  let inFlight: InFlight.InFlight = { count: 0 }
  let generation = 0
  const gate: AdaptiveBulkhead & InFlight.Counting = {
    name: "adaptive-bulkhead",
    limit: limit.current,
    peek: () => (inFlight.count < limit.current() ? undefined : full),
    admit: () => {
      if (inFlight.count >= limit.current()) return full
      return { generation, inFlight: ++inFlight.count, settled: false }
    },
    settle: (permit, outcome, _now, measured) => {
      if (permit.settled) return noEvents
      permit.settled = true
      inFlight.count--
      if (outcome._tag === "Unused" || outcome._tag === "Ignored") return noEvents
      const fresh = permit.generation === generation
      if (!limit.learn(outcome, permit.inFlight, fresh, measured?.firstContentMs)) return noEvents
      generation++
      const event: LimitLowered = { _tag: "LimitLowered", gate: "adaptive-bulkhead", limit: limit.current() }
      return [event]
    },
    headroom: () => Math.max(0, 1 - inFlight.count / limit.current()),
    clear: () => limit.raiseTo(bounds.initial),
    snapshot: () => ({
      state: inFlight.count < limit.current() ? "free" : "full",
      inFlight: inFlight.count,
      ...limit.snapshot()
    }),
    restore: (snapshot) => {
      generation++ // attempts from before were admitted under another limit
      limit.restore(snapshot)
    },
    [InFlight.box]: () => inFlight,
    takeOver: (before, now) => {
      generation++
      limit.restore(before.snapshot(now))
      inFlight = InFlight.of(before) ?? inFlight
    }
  }
  return gate
}

const resolve = (options: Options) => {
  const where = "AdaptiveBulkhead"
  const algorithm = options.algorithm ?? aimd()
  const given = options.max === undefined ? undefined : integer(`${where}: max`, options.max)
  const min =
    options.min === undefined ? Math.min(algorithm.defaultMin, given ?? 200) : integer(`${where}: min`, options.min)
  const max = given ?? Math.max(200, min)
  if (max < min) throw new InvalidOption(`${where}: max`, `an integer >= min (${min})`, options.max)
  const initial = options.initial ?? Math.min(max, Math.max(min, 20))
  if (!Number.isSafeInteger(initial) || initial < min || initial > max) {
    throw new InvalidOption(`${where}: initial`, `an integer in [${min}, ${max}]`, options.initial)
  }
  return { algorithm, bounds: { min, max, initial } }
}
