/**
 * What the targets' accounts allow, as a plan is measured against:
 *
 *     { "headroom": 0.3, "targets": { "main": { "requestsPerMinute": 600, "tokensPerMinute": 200000, "maxInFlight": 40 } } }
 *
 * A limit that is left out is not known, and nothing is said about it.
 */
import * as Schema from "effect/Schema"

const Rate = Schema.Finite.check(Schema.isGreaterThan(0))

export const TargetLimits = Schema.Struct({
  /** Attempts a minute, > 0. */
  requestsPerMinute: Schema.optionalKey(Rate),
  /** Input and output tokens together, > 0. */
  tokensPerMinute: Schema.optionalKey(Rate),
  /** Attempts in flight, > 0. */
  maxInFlight: Schema.optionalKey(Rate)
})
export type TargetLimits = typeof TargetLimits.Type

export const PlanLimits = Schema.Struct({
  /** Share of each limit that is to stay free in ordinary times. In [0, 1), default 0.3. */
  headroom: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1))),
  /** By target id. */
  targets: Schema.Record(Schema.String, TargetLimits)
})
export type PlanLimits = typeof PlanLimits.Type

export const resources = ["requestsPerMinute", "tokensPerMinute", "maxInFlight"] as const
export type Resource = (typeof resources)[number]

export const resourceNames: Readonly<Record<Resource, string>> = {
  requestsPerMinute: "requests a minute",
  tokensPerMinute: "tokens a minute",
  maxInFlight: "in flight"
}
