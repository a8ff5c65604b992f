/**
 * Leaves a target out that does not pass its health checks. This is the verdict and its rules; who asks the targets, and when,
 * is `router/HealthChecks`.
 *
 * Use it for targets that are yours (model servers, a gateway of your own): it finds the dead one before a call does, and
 * finds out that it is back without spending a call on it. It goes together with passive judgement and replaces none of it:
 * a target may list its models and fail at every prompt, which only attempts show (breaker, ejection, cooldown). Each refuses
 * for itself, so a target answers again when nobody objects: a passed check ends no ejection, and an ejected target goes on
 * being checked.
 *
 * - `unhealthyAfter` failed checks in a row take a target out, `healthyAfter` passed ones bring it back.
 * - An answer to a call is worth more than a check: it ends a row of failed ones.
 * - Checks are the word of one small endpoint, over a network of ours: they never take out everybody. While nobody is
 *   healthy, or fewer than `panicBelow`, they are ignored, and the permit says `Panic`.
 *
 * Source: active health checking and panic threshold of Envoy, whose names these are.
 */
import { type Gate, type GateEvent, type LocalReject, type Millis, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, share } from "../model/InvalidOption.ts"
import { numberAt } from "./internal/snapshots.ts"

export interface Options {
  /** Failed checks in a row. Integer >= 1, default 3. */
  readonly unhealthyAfter?: number
  /** Passed checks in a row. Integer >= 1, default 2; the first check of a target that began `"unhealthy"` is enough. */
  readonly healthyAfter?: number
  /** What a target is before its first check. Default `"healthy"`. */
  readonly initial?: "healthy" | "unhealthy"
  /** Share of the router's checked targets. In [0, 1], default 0: ignored only when nobody is healthy. */
  readonly panicBelow?: number
}

export interface Permit {
  readonly note: string | undefined
  settled: boolean
}

export interface HealthEvent extends GateEvent {
  readonly _tag: "TargetUnhealthy" | "TargetHealthy"
}

export interface HealthCheck extends Gate<Permit> {
  readonly isHealthy: () => boolean
  /** The end of a check. `retryAt`: when the next one is due. What it changed, if anything. */
  readonly checked: (passed: boolean, retryAt: Millis) => ReadonlyArray<HealthEvent>
  /** The end of its last attempt that was answered; `-Infinity` before the first. */
  readonly answeredAt: () => Millis
  readonly inSet: (isInSet: boolean) => void
}

export interface Group {
  /** The gate of one more target. */
  readonly gate: () => HealthCheck
  /** Are verdicts ignored now? */
  readonly panicking: () => boolean
}

const optionKeys: ReadonlySet<string> = new Set(["unhealthyAfter", "healthyAfter", "initial", "panicBelow"])

/** The checked targets of one router: they are one group for `panicBelow`. Throws `InvalidOption`. */
export const make = (options: Options = {}): Group => {
  onlyKeys("HealthCheck", options, optionKeys)
  const unhealthyAfter = integer("HealthCheck: unhealthyAfter", options.unhealthyAfter ?? 3)
  const healthyAfter = integer("HealthCheck: healthyAfter", options.healthyAfter ?? 2)
  const panicBelow = share("HealthCheck: panicBelow", options.panicBelow ?? 0)
  const { initial = "healthy" } = options
  if (initial !== "healthy" && initial !== "unhealthy") {
    throw new InvalidOption("HealthCheck: initial", `"healthy" or "unhealthy"`, initial)
  }
  let members = 0
  let healthyMembers = 0
  const panicking = () => healthyMembers === 0 || healthyMembers < panicBelow * members

  const gate = (): HealthCheck => {
    let isMember = true
    let healthy = initial === "healthy"
    let isNew = true
    /** Checks in a row that speak against what it is now. */
    let against = 0
    let answeredAt = Number.NEGATIVE_INFINITY
    let refusal: LocalReject = reject("Unhealthy")
    const count = (sign: 1 | -1): void => {
      members += sign
      if (healthy) healthyMembers += sign
    }
    const become = (isHealthy: boolean): void => {
      if (isMember) count(-1)
      healthy = isHealthy
      against = 0
      if (isMember) count(1)
    }
    count(1)

    const self: HealthCheck = {
      name: "health",
      isHealthy: () => healthy,
      answeredAt: () => answeredAt,
      checked: (passed, retryAt) => {
        const enough = healthy ? unhealthyAfter : isNew ? 1 : healthyAfter
        isNew = false
        against = passed === healthy ? 0 : against + 1
        const changed = against >= enough
        if (changed) become(passed)
        if (!healthy) refusal = reject("Unhealthy", retryAt)
        if (!changed) return noEvents as ReadonlyArray<never>
        return [
          healthy
            ? { _tag: "TargetHealthy", gate: "health" }
            : { _tag: "TargetUnhealthy", gate: "health", until: retryAt }
        ]
      },
      peek: () => (healthy || panicking() ? undefined : refusal),
      admit: () => {
        if (healthy) return { note: undefined, settled: false }
        return panicking() ? { note: "Panic", settled: false } : refusal
      },
      settle: (permit, outcome, now) => {
        if (permit.settled) return noEvents
        permit.settled = true
        if (outcome._tag === "Success" || outcome._tag === "Slow") {
          answeredAt = now
          if (healthy) against = 0
        }
        return noEvents
      },
      inSet: (isInSet) => {
        if (isMember === isInSet) return
        isMember = isInSet
        count(isInSet ? 1 : -1)
      },
      takeOver: (before, now) => {
        self.restore(before.snapshot(now), now)
        before.inSet?.(false)
      },
      snapshot: () => ({ state: healthy ? "healthy" : "unhealthy", against, checked: !isNew }),
      restore: (snapshot) => {
        become(snapshot.state === "healthy")
        isNew = snapshot["checked"] !== true
        against = Math.min(numberAt(snapshot, "against"), (healthy ? unhealthyAfter : healthyAfter) - 1)
        refusal = reject("Unhealthy")
      },
      clear: () => become(true)
    }
    return self
  }
  return { gate, panicking }
}
