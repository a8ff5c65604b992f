/**
 * What is simulated: who calls, and what the providers are really like. Plain data, so that it can be kept as a JSON file.
 *
 * Use it to ask "what would happen if": an outage at noon, twice the load, a provider that answers 429. It says nothing about
 * who deals with that; contenders do (`Contender.ts`), and each is given the very same calls.
 *
 * Times count from the beginning of the run. Distributions are sampled by inversion, one uniform number each, so that two
 * contenders meet the same luck. Durations are `Duration.Input` as far as JSON has it: `"2 minutes"`, or milliseconds.
 */
import type { Constraints } from "../../model/Constraints.ts"
import type { Priority } from "../../model/Cost.ts"

/** `"30 seconds"`, `"1.5 hours"`, or milliseconds. */
export type DurationText = number | `${number} ${string}`

export interface Scenario {
  readonly name: string
  /** An integer; its value modulo 2^32 counts. Default 1. */
  readonly seed?: number
  /** How long calls come, warm-up included. > 0. */
  readonly duration: DurationText
  /** What begins before is not counted, except in the series. >= 0, < `duration`; default 0. */
  readonly warmup?: DurationText
  /** How long, after the last arrival, calls may take to end. What is left then is unfinished. >= 0, default 10 minutes. */
  readonly drain?: DurationText
  /** An ISO date in UTC: the hour and the day of the week matter to diurnal traffic and to prices. Default `"2024-01-01"`, a Monday. */
  readonly startsAt?: string
  /** At least one; names are unique. */
  readonly traffic: ReadonlyArray<TrafficClass>
  /** By name; at least one. */
  readonly providers: Readonly<Record<string, Provider>>
  /** Limits that several providers share, by the name that `Provider.account` says. */
  readonly accounts?: Readonly<Record<string, Capacity>>
  /** Between regions; a pair that is not named, and a region to itself, is no time apart. */
  readonly network?: ReadonlyArray<Link>
}

// --- Numbers -------------------------------------------------------------------------------------------------------

/** Milliseconds, tokens or whatever stands beside it, each >= 0. A plain number is a constant. */
export type Distribution =
  | number
  | { readonly kind: "uniform"; readonly from: number; readonly to: number }
  | { readonly kind: "exponential"; readonly mean: number }
  /** `median` > 0 and `p95` >= `median`. */
  | { readonly kind: "lognormal"; readonly median: number; readonly p95: number }
  /** `sigma` >= 0 is the standard deviation of the logarithm. */
  | { readonly kind: "lognormal"; readonly median: number; readonly sigma: number }
  /** Pairs of rank in [0, 1] and value, both ascending, from rank 0 to rank 1; straight lines in between. */
  | { readonly kind: "quantiles"; readonly points: ReadonlyArray<readonly [rank: number, value: number]> }

// --- Traffic -------------------------------------------------------------------------------------------------------

/** Calls that are alike. */
export interface TrafficClass {
  readonly name: string
  readonly arrivals: Arrivals
  /** Default `"P1"`. */
  readonly priority?: Priority
  /** After which an answer is late; a router is told it. > 0, default 5 minutes. */
  readonly deadline?: DurationText
  /** True, or the share of calls that are streamed, in [0, 1]. Default false. */
  readonly streamed?: boolean | number
  /** Default 0 tokens. */
  readonly tokens?: Tokens
  /** How many tenants share the calls evenly (integer >= 1), or the weight of each by name. Default: none. */
  readonly tenants?: number | Readonly<Record<string, number>>
  /** Where the callers are. Default: nowhere, no time from every provider. */
  readonly region?: string
  /** Calls with the same key share a cached answer. Default: not cached. */
  readonly cacheKeys?: Zipf
  /** Calls with the same key like the same target. Default: none. */
  readonly affinityKeys?: Zipf
  /** For constraints and strategies. */
  readonly tags?: Readonly<Record<string, string>>
  readonly needs?: Constraints
  /** Default true. */
  readonly idempotent?: boolean
}

export interface Tokens {
  readonly input: Distribution
  readonly output: Distribution
  /**
   * What the caller says of them beforehand. `typical`: the input as it is, of the output the median; `exact`: both as they
   * will be; `none`: nothing. Default `typical`.
   */
  readonly told?: "typical" | "exact" | "none"
}

/** Key k of `count` is asked for with a chance in proportion to 1 / k^`exponent`. */
export interface Zipf {
  /** Integer in [1, 1,000,000]. */
  readonly count: number
  /** >= 0 (0: all alike), default 1. */
  readonly exponent?: number
}

export type Arrivals =
  /** Independent callers, many: exponential gaps. */
  | { readonly kind: "poisson"; readonly perSecond: number }
  /** One every 1 / `perSecond` seconds. */
  | { readonly kind: "constant"; readonly perSecond: number }
  /** Poisson, at `burstPerSecond` for the first `lasting` of every `every`, else at `perSecond`; the first burst begins at `from` (default 0). */
  | {
      readonly kind: "bursts"
      readonly perSecond: number
      readonly burstPerSecond: number
      readonly every: DurationText
      readonly lasting: DurationText
      readonly from?: DurationText
    }
  /**
   * Poisson with a daily peak of e^(k·cos) form at `peakHour` (UTC, [0, 24)); `perSecond` is the mean of a weekday,
   * `peakToMean` >= 1, at most 10. Saturdays and Sundays have `weekendFactor` (>= 0, default 1) times as many.
   */
  | {
      readonly kind: "diurnal"
      readonly perSecond: number
      readonly peakToMean: number
      readonly peakHour: number
      readonly weekendFactor?: number
    }
  /** At exactly these times, milliseconds, ascending. */
  | { readonly kind: "times"; readonly at: ReadonlyArray<number> }
  /** Poisson with a rate for each interval of `every`; after the last one from the beginning again. */
  | { readonly kind: "rates"; readonly every: DurationText; readonly perSecond: ReadonlyArray<number> }
  /**
   * `count` callers (integer in [1, 1,000,000]), each of which calls, waits for the end, thinks (milliseconds, default 0 and
   * at least 1 ms), and calls again. They begin one after the other within `rampUp` (default 0).
   */
  | {
      readonly kind: "callers"
      readonly count: number
      readonly think?: Distribution
      readonly rampUp?: DurationText
    }

// --- Providers -----------------------------------------------------------------------------------------------------

/** The truth about a provider, which no contender sees. */
export interface Provider {
  readonly latency: Latency
  /** Its own; the account's count too. Default: no limits. */
  readonly capacity?: Capacity
  /** A key of `Scenario.accounts`. */
  readonly account?: string
  readonly region?: string
  /** At most one of them happens to an attempt; the rates add up to at most 1. */
  readonly errors?: ReadonlyArray<ErrorRate>
  /** Share of attempts that are never answered, in [0, 1]. Default 0. */
  readonly silent?: number
  readonly events?: ReadonlyArray<ProviderEvent>
}

/** Milliseconds. An answer takes `firstContent` + output tokens × `perToken`. */
export interface Latency {
  readonly firstContent: Distribution
  /** Drawn once per attempt. Default 0. */
  readonly perToken?: Distribution
  /** Added to `firstContent` per input token. >= 0, default 0. */
  readonly perInputToken?: number
}

/** What it takes at once and per minute. What is left out is not limited. */
export interface Capacity {
  /** Attempts under way at once. Integer >= 1. */
  readonly concurrency?: number
  /** What happens above that: `reject` answers 429, `queue` lets it wait, first come first served. Default `reject`. */
  readonly whenFull?: "reject" | "queue"
  /** With `queue`: 429 when so many wait. Integer >= 0, default no bound. */
  readonly maxQueued?: number
  /** Said with the 429 of `concurrency`. > 0, default: nothing is said. */
  readonly retryAfter?: DurationText
  /** A bucket that holds a minute's worth and fills evenly; above it 429. > 0. */
  readonly requestsPerMinute?: number
  /** The same for tokens, input and output: an attempt is charged for both when it begins. > 0. */
  readonly tokensPerMinute?: number
  /** Whether a 429 for a rate says, in whole seconds, when there is enough again. Default true. */
  readonly saysWhen?: boolean
  /**
   * Whether attempts answered with a 429 use up requests too, as far as there are any: whoever asks faster than the bucket fills
   * keeps it empty. OpenAI does so (help article 5955604). Default false.
   */
  readonly rejectionsCount?: boolean
}

export interface ErrorRate {
  /** Share of attempts, in [0, 1]. */
  readonly rate: number
  /** HTTP status, 400 to 599. */
  readonly status: number
  /** Milliseconds after which it comes. Default 20. */
  readonly after?: Distribution
  /** Said with it. Default: nothing. */
  readonly retryAfter?: DurationText
}

/** Something that happens at `from` and ends after `lasting` (> 0). Several at a time add up. */
export type ProviderEvent = Outage | BrownOut | Flap | CapacityChange

/** Every attempt fails with `status` after `after`, or gets no answer at all; so do those under way when it begins. */
export interface Outage {
  readonly kind: "outage"
  readonly from: DurationText
  readonly lasting: DurationText
  /** Default `errors`. */
  readonly how?: "errors" | "silence"
  /** Default 503. */
  readonly status?: number
  /** Milliseconds. Default 5. */
  readonly after?: Distribution
  /** What becomes of attempts under way at the beginning: they end as everything else does (`lost`), or `goOn`. Default `lost`. */
  readonly underWay?: "lost" | "goOn"
  readonly slowStart?: SlowStart
}

/** Latencies are multiplied, by `factor` at first and evenly less until they are as before, after `lasting`. */
export interface SlowStart {
  readonly lasting: DurationText
  /** >= 1. */
  readonly factor: number
}

/** It answers, slowly, or not always. */
export interface BrownOut {
  readonly kind: "brownOut"
  readonly from: DurationText
  readonly lasting: DurationText
  /** Of every latency. > 0, default 1. */
  readonly latencyFactor?: number
  /** Share of attempts that fail besides, in [0, 1]. Default 0. */
  readonly errorRate?: number
  /** Default 503. */
  readonly status?: number
  /** Milliseconds. Default 20. */
  readonly after?: Distribution
}

/** An outage that comes and goes: first `down`, then `up`, and so on. */
export interface Flap {
  readonly kind: "flap"
  readonly from: DurationText
  readonly lasting: DurationText
  readonly down: DurationText
  readonly up: DurationText
  readonly how?: "errors" | "silence"
  readonly status?: number
  readonly after?: Distribution
  readonly underWay?: "lost" | "goOn"
  readonly slowStart?: SlowStart
}

/** Its own limits (not the account's) are multiplied by `factor`, >= 0; a concurrency is rounded down. */
export interface CapacityChange {
  readonly kind: "capacity"
  readonly from: DurationText
  /** Default: until the end. */
  readonly lasting?: DurationText
  readonly factor: number
}

// --- Network -------------------------------------------------------------------------------------------------------

/** The way between two regions, the same in both directions. */
export interface Link {
  readonly between: readonly [string, string]
  /** Milliseconds one way, >= 0. */
  readonly oneWay: number
  /** Up to so much more, evenly distributed, drawn for each way. Milliseconds, >= 0, default 0. */
  readonly jitter?: number
}
