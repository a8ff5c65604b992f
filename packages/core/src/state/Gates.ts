/**
 * Which gates protect a target, and in which order. The default, outermost first: cooldown, rate limit, bulkhead,
 * breaker. The breaker stands last, so that its probe slot is only taken by an attempt that nothing else refuses.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Breaker from "../gates/Breaker.ts"
import * as Bulkhead from "../gates/Bulkhead.ts"
import * as Cooldown from "../gates/Cooldown.ts"
import * as RateLimit from "../gates/RateLimit.ts"
import type { Gate } from "../model/Gate.ts"
import type { Target } from "../model/Target.ts"

/** Makes the gates of one target. Called once per target; the gates are that target's own. */
export type GatesOf = (target: Target) => ReadonlyArray<Gate>

/** The gates of an application: `Layer.succeed(Gates, (target) => [...])`. */
export class Gates extends Context.Service<Gates, GatesOf>()("@spillway/core/state/Gates") {}

export interface Options {
  /** `false`: no breaker. */
  readonly breaker?: Breaker.Options | false
  readonly cooldown?: Cooldown.Options
  /** Attempts in flight per target that says nothing itself (`limits.maxInFlight`). Integer >= 1, default 100. */
  readonly maxInFlight?: number
}

/** The default gates. A rate limit only where the target names one (`limits.requestsPerMinute`). */
export const make =
  (options: Options = {}): GatesOf =>
  (target) => {
    const { burst, maxInFlight, requestsPerMinute } = target.limits
    const gates: Array<Gate> = [Cooldown.make(options.cooldown)]
    if (requestsPerMinute !== undefined) {
      gates.push(RateLimit.make(burst === undefined ? { requestsPerMinute } : { requestsPerMinute, burst }))
    }
    gates.push(Bulkhead.make({ maxInFlight: maxInFlight ?? options.maxInFlight ?? 100 }))
    if (options.breaker !== false) gates.push(Breaker.make(options.breaker))
    return gates
  }

export const layer = (options?: Options): Layer.Layer<Gates> => Layer.succeed(Gates, make(options))
