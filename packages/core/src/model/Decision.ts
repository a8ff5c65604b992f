/** What the router decided and did: as data, for people, audits and tests. No prompt, no answer, no key. */
import type { Violation } from "./Constraints.ts"
import type { AttemptReason, Priority } from "./Cost.ts"
import type { Millis, RejectReason, ReportedLimit } from "./Gate.ts"

/** What the call told the router about its answer. Tokens are `undefined` when the wire did not say. */
export interface AttemptFacts {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly cacheReadTokens?: number | undefined
  readonly cacheWriteTokens?: number | undefined
  readonly reasoningTokens?: number | undefined
  readonly responseId?: string | undefined
  readonly responseModel?: string | undefined
  readonly finishReason?: string | undefined
  /** What the provider itself says the answer cost, in USD. It counts before our own sum. */
  readonly costUsd?: number | undefined
  /** What the provider said is left of its limits: for gates that learn. */
  readonly limits?: ReadonlyArray<ReportedLimit> | undefined
}

/** One attempt, when it has ended. Times are milliseconds. */
export interface AttemptRecord<Id extends string = string> {
  readonly target: Id
  readonly index: number
  readonly reason: AttemptReason
  /** From the start of the call. */
  readonly startedAt: Millis
  readonly ms: Millis
  /** From the start of the attempt; streams only. */
  readonly firstContentMs: Millis | undefined
  /** `lost`: the other copy of a hedged call was faster. */
  readonly outcome: "won" | "failed" | "lost" | "cancelled"
  /** `undefined` unless it failed. */
  readonly errorType: string | undefined
  readonly facts: AttemptFacts | undefined
  /**
   * USD, at the prices of the moment the attempt began. `undefined` where the price or the tokens are not known. An attempt
   * that failed or lost costs too.
   */
  readonly costUsd: number | undefined
  /** Whose figure `costUsd` is: the provider's own, or ours from tokens and price. */
  readonly costSource: "provider" | "local" | undefined
  /**
   * What gates had to say about letting it in: `Panic`, `Probe`, `Ramp`, `Reserve`, …; and of a stream that broke, whether
   * this attempt was to `Continue` the answer or to `Restart` it. Mostly empty.
   */
  readonly notes: ReadonlyArray<string>
}

/** One call, when it has ended. */
export interface DecisionRecord<Id extends string = string> {
  /** Epoch milliseconds at which the call entered. */
  readonly at: number
  readonly route: string
  readonly strategy: string
  readonly priority: Priority
  readonly streamed: boolean
  readonly outcome: "ok" | "error" | "cancelled"
  readonly errorType: string | undefined
  readonly servedBy: Id | undefined
  /** Where the answer comes from; `model` too when there is none. `coalesced`: another call's run. */
  readonly source: "model" | "cache" | "stale" | "coalesced"
  /** True when the answer came from a tier other than the first, from a rung of the ladder, or from a stale entry. */
  readonly degraded: boolean
  /** The rung of the ladder that asked: a call of its own, after the one that failed. */
  readonly rung: string | undefined
  readonly totalMs: Millis
  /** Spent waiting: between attempts, and for a target. */
  readonly waitedMs: Millis
  /** Of that, in the admission queue. */
  readonly queuedMs: Millis
  readonly firstContentMs: Millis | undefined
  /** USD, the sum over those attempts whose cost is known; `undefined` when none is. */
  readonly costUsd: number | undefined
  readonly attempts: ReadonlyArray<AttemptRecord<Id>>
}

/** The sum of what is known; `undefined` when nothing is. */
export const totalCost = (attempts: ReadonlyArray<AttemptRecord>): number | undefined => {
  let sum: number | undefined
  for (const { costUsd } of attempts) if (costUsd !== undefined) sum = (sum ?? 0) + costUsd
  return sum
}

/** One target as a decision sees it. */
export interface CandidateView<Id extends string = string> {
  readonly target: Id
  readonly tier: number
  readonly inFlight: number
  readonly successRate: number
  readonly latencyMs: Millis | undefined
  /** `undefined`: may be picked. */
  readonly excluded: RejectReason | Violation | undefined
  /** What exactly it lacks, for people, where a constraint left it out: `us-east, not one of eu-west`. */
  readonly because: string | undefined
  readonly retryInMs: Millis | undefined
  /** As the strategy sees it; lower is better, `Infinity`: it leaves it out. `undefined` where the strategy has no score. */
  readonly score: number | undefined
}

/** What `explain` answers: nothing was changed by asking. */
export interface Decision<Id extends string = string> {
  readonly strategy: string
  /** The tier that would serve most calls like this, or that they would wait for; `undefined` when none can. */
  readonly tier: number | undefined
  /** `undefined` when the call would wait. The best score in that tier: the pick of a deterministic strategy, the favourite of a random one. */
  readonly pick: Id | undefined
  readonly candidates: ReadonlyArray<CandidateView<Id>>
}
