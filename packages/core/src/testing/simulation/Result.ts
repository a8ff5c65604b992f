/**
 * What a simulation found out: plain JSON, the same bytes for the same scenario, contender and seed. Times are milliseconds
 * of simulated time, money is USD. `null` stands where there is nothing to say (no sample, no price).
 *
 * Use it to compare contenders, to draw, to check a promise in a test. Nothing real is in it: neither how long the run took
 * nor when it ran.
 *
 * Quantiles come from bins whose borders grow by 2 %: each is at most 1 % from a sample of that rank. Source: C. Masson,
 * J. E. Rim, H. K. Lee, "DDSketch", PVLDB 12(12), 2019. Mean and maximum are exact.
 */

/** How some times are distributed. All but `count` are `null` when `count` is 0. */
export interface Times {
  readonly count: number
  readonly mean: number | null
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

/** What became of calls. `offered` = `answered` + `failed` + `unfinished`. */
export interface CallStats {
  /** Calls that came after the warm-up. */
  readonly offered: number
  /** Calls that got an answer, late ones included. */
  readonly answered: number
  /** Of the answered: those after the deadline of their class. */
  readonly late: number
  readonly failed: number
  /** Still without an answer when the run ended: they were interrupted then. */
  readonly unfinished: number
  /** The failed by error type: a reason of `RouteError`, else what the default classifier says. Keys are sorted. */
  readonly errors: Readonly<Record<string, number>>
  /** `answered / offered`, in [0, 1]; `null` when nothing was offered. */
  readonly availability: number | null
  /** Answered within the deadline, as a share of the offered. */
  readonly onTime: number | null
  /** Answered within the deadline, per second of the counted time. */
  readonly goodputPerSecond: number
  /** From the call's start to the end of its answer; answered calls only. */
  readonly latency: Times
  /** From the call's start to the first content; streamed calls only. */
  readonly firstContent: Times
  /** In the router's admission queue; every call that the router kept a record of. Empty for other contenders. */
  readonly queued: Times
  /** Sent to providers. */
  readonly attempts: number
  /** `attempts / offered`. */
  readonly attemptsPerCall: number | null
  /** Attempts that gave nobody an answer: they failed or were interrupted. */
  readonly wasted: number
  /** Paid to providers at the targets' prices, for failed and interrupted attempts too; `null` when a price is not known. */
  readonly costUsd: number | null
  /** Answered from the router's cache, stale entries included. */
  readonly cacheHits: number
  /** Answered by another call's run. */
  readonly coalesced: number
  /** Answered by a later tier, a rung of the ladder, or a stale entry. */
  readonly degraded: number
}

export interface ClassStats extends CallStats {
  readonly name: string
}

/** What one target of the contender was asked and gave; attempts of calls that came after the warm-up. */
export interface TargetStats {
  readonly id: string
  readonly provider: string
  readonly attempts: number
  /** Of all attempts, in [0, 1]; `null` when there was none. */
  readonly attemptShare: number | null
  readonly answers: number
  /** Of all answers. */
  readonly answerShare: number | null
  readonly failed: number
  /** The failed by type: `429`, `503`, … or `Cut` for one that an outage cut off. Keys are sorted. */
  readonly errors: Readonly<Record<string, number>>
  /** Given up by the contender before the provider was done: a time-out, a hedge that lost, a caller that left. */
  readonly interrupted: number
  /** Provider's time, milliseconds, that was spent on attempts which failed or were given up. */
  readonly wastedMs: number
  /** Attempts under way: the largest number, and the mean over the counted time. */
  readonly inFlightMax: number
  readonly inFlightMean: number
  /** Mean number under way as a share of the provider's own (unchanged) concurrency; `null` when it has none. */
  readonly utilisation: number | null
  /** From start to end, as the caller sees it; answers only. */
  readonly latency: Times
  readonly costUsd: number | null
  /** What the router's gates said of it: `BreakerOpened`, `TargetEjected`, … by number. Keys are sorted. */
  readonly events: Readonly<Record<string, number>>
}

/** A list per quantity, one entry per bucket, warm-up included; at most 288 buckets. What comes after the last counts as in it. */
export interface Series {
  /** Length of a bucket. The i-th begins at `i * bucketMs`. */
  readonly bucketMs: number
  /** Calls that began in the bucket. */
  readonly offered: ReadonlyArray<number>
  /** Calls that ended in it. */
  readonly answered: ReadonlyArray<number>
  readonly failed: ReadonlyArray<number>
  /** Of the calls answered in it. `null` when there was none. */
  readonly p50: ReadonlyArray<number | null>
  readonly p95: ReadonlyArray<number | null>
  /** Calls under way, mean over the bucket. */
  readonly inFlight: ReadonlyArray<number>
  readonly targets: ReadonlyArray<TargetSeries>
}

export interface TargetSeries {
  readonly id: string
  /** Attempts that began in the bucket. */
  readonly attempts: ReadonlyArray<number>
  /** Attempts that ended in it without an answer. */
  readonly failed: ReadonlyArray<number>
  /** Attempts under way, mean over the bucket. */
  readonly inFlight: ReadonlyArray<number>
}

export interface Result {
  readonly scenario: string
  readonly contender: string
  readonly seed: number
  /** Epoch milliseconds at which simulated time begins. */
  readonly startsAt: number
  readonly durationMs: number
  readonly warmupMs: number
  readonly overall: CallStats
  /** In the order of the scenario. */
  readonly classes: ReadonlyArray<ClassStats>
  /** In the order of the contender. */
  readonly targets: ReadonlyArray<TargetStats>
  readonly series: Series
  /** About the run itself. */
  readonly run: RunFacts
}

export interface RunFacts {
  /** Calls, warm-up included. */
  readonly calls: number
  readonly attempts: number
  /** Steps of simulated time. */
  readonly events: number
  /** Simulated time until the last call had ended, milliseconds; at least `durationMs`. */
  readonly endedAtMs: number
}
