/**
 * When a failed attempt is followed by another one. A retry asks the same target again after a back-off; a failover asks
 * the next target at once. Both are charged to one budget, shared by all calls that are given this policy.
 *
 * A router asks another target *before* it sleeps, never begins an attempt after the deadline, and never sleeps past it.
 * Source: Google SRE book, "Handling Overload" (3 attempts, a budget per process); gRPC proposal A6; AWS SDK retry modes.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { integer, onlyKeys } from "../model/InvalidOption.ts"
import * as Backoff from "./Backoff.ts"
import * as RetryBudget from "./RetryBudget.ts"
import * as RetryTable from "./RetryTable.ts"

export interface Options {
  /** Attempts in all, the first included: integer >= 1, default 3. */
  readonly maxAttempts?: number
  /** Back-off after a transient failure; default full jitter, 50 ms doubling to 20 s. */
  readonly transient?: Partial<Backoff.Options>
  /** Back-off after a rate limit; default full jitter, 1 s doubling to 20 s. A Retry-After is a floor under it. */
  readonly throttled?: Partial<Backoff.Options>
  readonly budget?: RetryBudget.Options
  /** What differs by error type: another bound, another back-off, same or other target. Default: nothing does. */
  readonly reasons?: RetryTable.Options
}

export interface Policy {
  readonly maxAttempts: number
  readonly transient: Backoff.Policy
  readonly throttled: Backoff.Policy
  readonly budget: RetryBudget.RetryBudget
  readonly table: RetryTable.RetryTable
}

/** The retry policy of an application. Routers that are given the same layer share its budget. */
export class RetryPolicy extends Context.Service<RetryPolicy, Policy>()("@spillway/core/policies/RetryPolicy") {}

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Policy => {
  onlyKeys("RetryPolicy", options, keys)
  onlyKeys("RetryPolicy: budget", options.budget ?? {}, budgetKeys)
  return resolve(options)
}

const keys: ReadonlySet<string> = new Set(["maxAttempts", "transient", "throttled", "budget", "reasons"])
const budgetKeys: ReadonlySet<string> = new Set(["ratio", "minPerSecond", "ttl"])

const resolve = (options: Options): Policy => ({
  maxAttempts: options.maxAttempts === undefined ? 3 : integer("RetryPolicy: maxAttempts", options.maxAttempts),
  transient: Backoff.make({ base: "50 millis", ...options.transient }),
  throttled: Backoff.make({ base: "1 second", ...options.throttled }),
  budget: RetryBudget.make(options.budget),
  table: RetryTable.make(options.reasons)
})

/** 5 calls on a rate limit, 1 s · 2^n + U(0, 1) s between them; everything else as by default. */
export const rateLimitRule: Options = { reasons: RetryTable.rateLimitRule }

export const layer = (options?: Options): Layer.Layer<RetryPolicy> => Layer.sync(RetryPolicy, () => make(options))
