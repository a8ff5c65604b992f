/** Options of the cache and of its calls; checked, and in milliseconds. */
import * as Duration from "effect/Duration"
import { InvalidOption, integer, onlyKeys, positive, share } from "../../../model/InvalidOption.ts"
import { weigh } from "./weigh.ts"

/** How long an answer is kept, and what for. A call may say it for the answer it fetches; entries keep what they came with. */
export interface Windows {
  /** Answers from memory for so long, give or take `jitter`. >= 0, default 5 minutes. 0: calls are joined, nothing is kept. */
  readonly ttl?: Duration.Input | undefined
  /**
   * For so long after that the old answer is still given at once, while a new one is fetched in the background
   * (stale-while-revalidate). >= 0, default 0: off.
   */
  readonly staleFor?: Duration.Input | undefined
  /**
   * For so long after `ttl` the old answer is given when a new one cannot be had (stale-if-error). >= 0, default 0: off.
   * Independent of `staleFor`.
   */
  readonly staleIfError?: Duration.Input | undefined
}

export interface Options extends Windows {
  /** Spread of `ttl` to either side, so that what was stored together is not gone together. Share in [0, 1], default 0.1. */
  readonly jitter?: number | undefined
  /**
   * Renews a fresh answer in the background before its time, by chance: the factor β of the source. >= 0, default 0: off. It
   * pays where processes share a store; in one process coalescing does the same.
   */
  readonly earlyRefresh?: number | undefined
  /**
   * For so long after `ttl` an answer is kept for `peek`, which is where a ladder's `staleCache` looks. >= 0, default 0; the
   * default layers set it to the longest `maxAge` of the ladder.
   */
  readonly keepFor?: Duration.Input | undefined
  /** Integer >= 0, default 10,000. 0: nothing is kept in memory. */
  readonly maxEntries?: number | undefined
  /** Of all entries in memory together, in the unit of `weigh`. Finite, > 0, default 64 MiB. */
  readonly maxWeight?: number | undefined
  /**
   * Of one answer: a heavier one is not stored, and takes no new followers while it is under way. Finite, > 0, at most
   * `maxWeight`, default 4 MiB or `maxWeight` if that is less.
   */
  readonly maxEntryWeight?: number | undefined
  /** Of an answer or a part of one: finite, >= 0. Must not throw. Default: about its bytes in memory. */
  readonly weigh?: ((part: unknown) => number) | undefined
  /**
   * How long the readers of one stream wait for the slowest of them once the answer is heavier than `maxEntryWeight`; then
   * the slow one fails with `FollowerLagged`. > 0, default 5 seconds.
   */
  readonly maxStall?: Duration.Input | undefined
}

export interface CallOptions<A, E> extends Windows {
  /** Of the answer, or of one part of a stream. Default: the cache's `weigh`. */
  readonly weigh?: ((part: A) => number) | undefined
  /** Which failures an old answer may stand in for, within `staleIfError`. Default: all. A defect is none. */
  readonly staleOn?: ((error: E) => boolean) | undefined
}

export interface Settings {
  readonly jitter: number
  readonly earlyRefresh: number
  readonly keepForMs: number
  readonly maxEntries: number
  readonly maxWeight: number
  readonly maxEntryWeight: number
  readonly maxStallMs: number
  /** Of calls that say nothing. */
  readonly policy: Policy<unknown, unknown>
}

/** What may be done with the answer of one call. */
export interface Policy<A, E> {
  readonly ttlMs: number
  readonly staleMs: number
  readonly errorMs: number
  readonly weigh: (part: A) => number
  readonly staleOn: (error: E) => boolean
  /** At the end of the run: may these parts be kept? */
  readonly isComplete: ((parts: ReadonlyArray<A>) => boolean) | undefined
  /** The part without which the answer was cut. */
  readonly isEnd: ((part: A) => boolean) | undefined
}

const where = "ResponseCache"

const optionKeys: ReadonlySet<string> = new Set([
  "jitter",
  "earlyRefresh",
  "keepFor",
  "maxEntries",
  "maxWeight",
  "maxEntryWeight",
  "weigh",
  "maxStall",
  "ttl",
  "staleFor",
  "staleIfError"
])

/** Throws `InvalidOption`. */
export const settings = (options: Options = {}): Settings => {
  onlyKeys("ResponseCache", options, optionKeys)
  const earlyRefresh = options.earlyRefresh ?? 0
  if (!(earlyRefresh >= 0 && earlyRefresh < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption(`${where}: earlyRefresh`, "a finite number >= 0", earlyRefresh)
  }
  const maxWeight = positive(`${where}: maxWeight`, options.maxWeight ?? 64 * 1024 * 1024)
  const maxEntryWeight = positive(`${where}: maxEntryWeight`, options.maxEntryWeight ?? Math.min(4194304, maxWeight))
  if (maxEntryWeight > maxWeight) {
    throw new InvalidOption(`${where}: maxEntryWeight`, `at most maxWeight (${maxWeight})`, maxEntryWeight)
  }
  const maxStallMs = millis("maxStall", options.maxStall ?? "5 seconds")
  if (maxStallMs === 0) throw new InvalidOption(`${where}: maxStall`, "a duration > 0", options.maxStall)
  return {
    jitter: share(`${where}: jitter`, options.jitter ?? 0.1),
    earlyRefresh,
    keepForMs: millis("keepFor", options.keepFor ?? 0),
    maxEntries: options.maxEntries === undefined ? 10_000 : integer(`${where}: maxEntries`, options.maxEntries, 0),
    maxWeight,
    maxEntryWeight,
    maxStallMs,
    policy: {
      ttlMs: millis("ttl", options.ttl ?? "5 minutes"),
      staleMs: millis("staleFor", options.staleFor ?? 0),
      errorMs: millis("staleIfError", options.staleIfError ?? 0),
      weigh: options.weigh ?? weigh,
      staleOn: () => true,
      isComplete: undefined,
      isEnd: undefined
    }
  }
}

/** Throws `InvalidOption`. */
export const policy = <A, E>(
  { policy: general }: Settings,
  options: CallOptions<A, E> | undefined,
  isComplete: Policy<A, E>["isComplete"],
  isEnd: Policy<A, E>["isEnd"]
): Policy<A, E> => {
  if (options === undefined) return general
  return {
    ttlMs: options.ttl === undefined ? general.ttlMs : millis("ttl", options.ttl),
    staleMs: options.staleFor === undefined ? general.staleMs : millis("staleFor", options.staleFor),
    errorMs: options.staleIfError === undefined ? general.errorMs : millis("staleIfError", options.staleIfError),
    weigh: options.weigh ?? general.weigh,
    staleOn: options.staleOn ?? general.staleOn,
    isComplete,
    isEnd
  }
}

const millis = (name: string, input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  const value = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  // `Duration` takes "not a number" for zero.
  if (value >= 0 && !Number.isNaN(input)) return value
  throw new InvalidOption(`${where}: ${name}`, `a duration >= 0, such as "30 seconds" or 1500 (milliseconds)`, input)
}
