/**
 * When a breaker opens. A policy is a value, to be used for many targets; `make` gives one target its tally, which is told
 * every outcome that counts and says after each whether that is enough.
 *
 * - `consecutive`: so many failures in a row. Quick, and all that a target with little traffic needs.
 * - `timeWindow`, `countWindow`: a share of failures among the last seconds, or the last calls. For more traffic, where
 *   one failure now and then is normal.
 * - `slowCalls`: a share of slow answers. Fast and slow are told by the time to first content and by the pace of the tokens,
 *   never by the total time, which is mostly the length of the answer.
 * - `or`: any of several.
 *
 * Exactly the threshold trips, and without a failure (or a slow answer) nothing does, not even a threshold of 0. Only what
 * has ended counts, in the order in which it ended.
 * Source: count window, time window and slow calls of resilience4j, consecutive failures and `orElse` of Finagle.
 */
import type * as Duration from "effect/Duration"
import type { Measured, Millis } from "../model/Gate.ts"
import { InvalidOption, integer, share } from "../model/InvalidOption.ts"
import type { Failure, Slow, Success } from "../model/Outcome.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { type Extent, inCalls, inTime } from "./internal/windows.ts"

/** The outcomes that say something about a target's health. */
export type Counted = Success | Slow | Failure

/** Plain JSON. */
export type Numbers = Readonly<Record<string, number>>

export interface Trip {
  /** The rule in words, for people: it stands in the breaker's snapshot. */
  readonly name: string
  readonly make: () => Tally
}

/** What one target's outcomes add up to. Pure and synchronous; `now` never steps back. */
export interface Tally {
  readonly record: (outcome: Counted, now: Millis, measured: Measured | undefined) => void
  /** The rule that says "open now", in words; `undefined`: none. Asked after each `record`. */
  readonly tripped: (now: Millis) => string | undefined
  /** Does this outcome count against the target? A probe that ends so has failed. Changes nothing. */
  readonly against: (outcome: Counted, measured: Measured | undefined) => boolean
  readonly clear: () => void
  /** Merged into the breaker's snapshot, whose own keys stand above these. */
  readonly snapshot: (now: Millis) => Numbers
  /** Takes up numbers on another clock; those that are missing are 0. */
  readonly restore: (numbers: Numbers, now: Millis) => void
}

const failed = (outcome: Counted): boolean => outcome._tag === "Failure"

/** A whole number >= 0: a snapshot may come from an older version or a broken file. */
const whole = (numbers: Numbers, key: string): number =>
  Math.min(Math.max(0, Math.floor(numbers[key] ?? 0)), Number.MAX_SAFE_INTEGER)

/** `failures` in a row, in the order in which they ended (integer >= 1). Snapshot: `failuresInARow`. Throws `InvalidOption`. */
export const consecutive = (failures: number): Trip => {
  const limit = integer("Trip.consecutive: failures", failures)
  const name = `${limit} ${limit === 1 ? "failure" : "failures in a row"}`
  return {
    name,
    make: () => {
      let inARow = 0
      return {
        record: (outcome) => {
          inARow = failed(outcome) ? inARow + 1 : 0
        },
        tripped: () => (inARow >= limit ? name : undefined),
        against: failed,
        clear: () => {
          inARow = 0
        },
        snapshot: () => ({ failuresInARow: inARow }),
        restore: (numbers) => {
          inARow = whole(numbers, "failuresInARow")
        }
      }
    }
  }
}

interface Rule extends Extent {
  readonly name: string
  readonly rate: number
  /** `undefined`: says nothing, and is not counted. */
  readonly bad: (outcome: Counted, measured: Measured | undefined) => boolean | undefined
  readonly keys: readonly [good: string, bad: string]
}

const rated = ({ bad, keys, make, minCalls, name, rate }: Rule): Trip => ({
  name,
  make: () => {
    const window = make()
    return {
      record: (outcome, now, measured) => {
        const is = bad(outcome, measured)
        if (is !== undefined) window.add(is, now)
      },
      tripped: (now) => {
        const bads = window.bad(now)
        if (bads === 0) return undefined
        const all = bads + window.good(now)
        return all >= minCalls && bads / all >= rate ? name : undefined
      },
      against: (outcome, measured) => bad(outcome, measured) === true,
      clear: window.clear,
      snapshot: (now) => ({ [keys[0]]: window.good(now), [keys[1]]: window.bad(now) }),
      restore: (numbers, now) => window.fill(whole(numbers, keys[0]), whole(numbers, keys[1]), now)
    }
  }
})

const named = (rate: number, what: string, { minCalls, words }: Extent): string =>
  `${Number((rate * 100).toFixed(4))} % ${what} ${words}, at least ${minCalls}`

export interface TimeWindowOptions {
  /** Share of failures in [0, 1] that opens; exactly this share does. Default 0.5. */
  readonly failureRate?: number
  /** How far back outcomes count. > 0, finite, default 10 seconds. */
  readonly window?: Duration.Input
  /** Buckets the window is cut into. Integer >= 1, default 10. */
  readonly buckets?: number
  /** Fewer outcomes than this in the window never open. Integer >= 1, default 20. */
  readonly minCalls?: number
}

/** Failures among what ended in the last `window`. Snapshot: `successes`, `failures`. Throws `InvalidOption`. */
export const timeWindow = (options: TimeWindowOptions = {}): Trip =>
  failures("Trip.timeWindow", options.failureRate, inTime("Trip.timeWindow", options, "10 seconds"))

export interface CountWindowOptions {
  /** Share of failures in [0, 1] that opens; exactly this share does. Default 0.5. */
  readonly failureRate?: number
  /** How many of the latest outcomes count, however old they are. Integer >= 1, default 100. */
  readonly size?: number
  /** Fewer outcomes than this never open. Integer in [1, `size`], default 20, or `size` if that is less. */
  readonly minCalls?: number
}

/** Failures among the last `size` outcomes. Snapshot: `successes`, `failures`, without their order. Throws `InvalidOption`. */
export const countWindow = (options: CountWindowOptions = {}): Trip =>
  failures("Trip.countWindow", options.failureRate, inCalls("Trip.countWindow", options))

const failures = (where: string, failureRate: number | undefined, extent: Extent): Trip => {
  const rate = share(`${where}: failureRate`, failureRate ?? 0.5)
  return rated({ ...extent, rate, name: named(rate, "failed", extent), bad: failed, keys: ["successes", "failures"] })
}

/** Give `size` for the last so many answers, or `window` and `buckets` for a stretch of time; default a minute. */
export type SlowCallsOptions = {
  /** An answer whose first content took longer is slow. Streams only. > 0, default: not looked at. */
  readonly firstContent?: Duration.Input
  /**
   * An answer that took longer for each output token is slow; in a stream, counted from its first content on. Needs the
   * number of tokens. > 0, default: not looked at.
   */
  readonly perOutputToken?: Duration.Input
  /** Share of slow answers in [0, 1] that opens; exactly this share does. Default 0.5. */
  readonly slowRate?: number
  /** Fewer answers than this never open. Integer >= 1, at most `size`, default 20, or `size` if that is less. */
  readonly minCalls?: number
} & (
  | {
      /** > 0, finite, default 1 minute. */
      readonly window?: Duration.Input
      /** Integer >= 1, default 10. */
      readonly buckets?: number
      readonly size?: undefined
    }
  | {
      /** Integer >= 1. */
      readonly size: number
      readonly window?: undefined
      readonly buckets?: undefined
    }
)

/**
 * Slow answers among the answers. Failures are none; those have their own policies. `Slow` is slow whatever was measured. An
 * answer about whose speed nothing is known is not counted: there is a limit, and neither of them could be measured.
 * Snapshot: `fastAnswers`, `slowAnswers`. Throws `InvalidOption`.
 */
export const slowCalls = (options: SlowCallsOptions): Trip => {
  const where = "Trip.slowCalls"
  const limit = (option: "firstContent" | "perOutputToken") =>
    options[option] === undefined ? undefined : positiveMillis(`${where}: ${option}`, options[option])
  const first = limit("firstContent")
  const perToken = limit("perOutputToken")
  const rate = share(`${where}: slowRate`, options.slowRate ?? 0.5)
  const { buckets, size, window }: Partial<Record<"buckets" | "size" | "window", unknown>> = options
  if (size !== undefined && (window !== undefined || buckets !== undefined)) {
    throw new InvalidOption(`${where}: size`, "given without window and buckets", size)
  }
  const extent = options.size === undefined ? inTime(where, options, "1 minute") : inCalls(where, options)

  const isSlow = (outcome: Counted, measured: Measured | undefined): boolean | undefined => {
    if (outcome._tag !== "Success") return outcome._tag === "Slow" ? true : undefined
    if (first === undefined && perToken === undefined) return false
    if (measured === undefined) return undefined
    const { firstContentMs, ms, outputTokens } = measured
    let known = false
    if (first !== undefined && firstContentMs !== undefined) {
      if (firstContentMs > first) return true
      known = true
    }
    if (perToken !== undefined && outputTokens !== undefined && outputTokens > 0) {
      if ((ms - (firstContentMs ?? 0)) / outputTokens > perToken) return true
      known = true
    }
    return known ? false : undefined
  }
  return rated({
    ...extent,
    rate,
    name: named(rate, "slow", extent),
    bad: isSlow,
    keys: ["fastAnswers", "slowAnswers"]
  })
}

/**
 * Opens when any of the policies says so; at least one. Each sees every outcome. Snapshot: all of theirs; what two of them
 * call the same is numbered, `failures` and `failures2`. Throws `InvalidOption`.
 */
export const or = (...policies: ReadonlyArray<Trip>): Trip => {
  if (policies.length === 0) throw new InvalidOption("Trip.or", "given at least one policy", policies)
  return {
    name: policies.map(({ name }) => name).join(", or "),
    make: () => {
      const tallies = policies.map((policy) => policy.make())
      return {
        record: (outcome, now, measured) => {
          for (const tally of tallies) tally.record(outcome, now, measured)
        },
        tripped: (now) => {
          for (const tally of tallies) {
            const name = tally.tripped(now)
            if (name !== undefined) return name
          }
          return undefined
        },
        against: (outcome, measured) => tallies.some((tally) => tally.against(outcome, measured)),
        clear: () => {
          for (const tally of tallies) tally.clear()
        },
        snapshot: (now) =>
          Object.fromEntries(numbered(tallies.map((tally) => tally.snapshot(now))).map(({ as, value }) => [as, value])),
        restore: (numbers, now) => {
          const own = numbered(tallies.map((tally) => tally.snapshot(now)))
          for (const [i, tally] of tallies.entries()) {
            const its = own.filter(({ of }) => of === i).map(({ as, key }) => [key, numbers[as] ?? 0])
            tally.restore(Object.fromEntries(its), now)
          }
        }
      }
    }
  }
}

/** The entries of several snapshots under names that no two share. */
const numbered = (snapshots: ReadonlyArray<Numbers>) => {
  const taken = new Set<string>()
  return snapshots.flatMap((snapshot, of) =>
    Object.entries(snapshot).map(([key, value]) => {
      let as = key
      for (let n = 2; taken.has(as); n++) as = `${key}${n}`
      taken.add(as)
      return { of, key, as, value }
    })
  )
}

/** Five failures in a row, or half of at least 20 outcomes in 10 seconds. */
export const standard: Trip = or(consecutive(5), timeWindow())
