/**
 * Parks a target that asked for it: after a 429 or a failure with `Retry-After`, and after a mistake in key or account.
 *
 * A rate limit is not a fault, so no breaker counts it; but asking again at once is a wasted call. A later, shorter wait
 * never shortens the one in force (the lesson of BerriAI/litellm#40130). Someone with new facts can `clear` it.
 * Source: the cooldowns of litellm's router; RFC 9110, 10.2.3 (Retry-After).
 */
import type * as Duration from "effect/Duration"
import { type Gate, type GateEvent, type LocalReject, type Millis, noEvents } from "../model/Gate.ts"
import { onlyKeys } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import { numberAt, remaining } from "./internal/snapshots.ts"

export interface Options {
  /** How long a rate-limited target rests when it did not say. > 0, default 1 second. */
  readonly withoutHint?: Duration.Input
  /** The longest a target's own hint is believed. > 0, default 10 minutes. */
  readonly maxHint?: Duration.Input
  /**
   * How long a target with a wrong key, account or model name rests. > 0, default 5 minutes; `"Infinity"` waits for `clear`.
   * The mistake stays until someone acts, but a router that never looks again would need a restart after that.
   */
  readonly misconfiguredFor?: Duration.Input
}

export interface Permit {
  settled: boolean
}

export interface Cooldown extends Gate<Permit> {
  /** Ends the rest at once: a new key is in place, an operator knows better. */
  readonly clear: () => void
}

type Reason = "CoolingDown" | "Misconfigured"

/** The rejection is the state: made when a rest begins, given to everyone who asks during it. */
const rest = (reason: Reason, until: Millis): LocalReject & { readonly reason: Reason; readonly retryAt: Millis } => ({
  _tag: "LocalReject",
  reason,
  retryAt: until
})
const ready = rest("CoolingDown", Number.NEGATIVE_INFINITY)

const optionKeys: ReadonlySet<string> = new Set(["withoutHint", "maxHint", "misconfiguredFor"])

/** Rejects with `CoolingDown` or `Misconfigured`, whichever set the end of the rest. Throws `InvalidOption`. */
export const make = (options: Options = {}): Cooldown => {
  onlyKeys("Cooldown", options, optionKeys)
  const withoutHint = positiveMillis("Cooldown: withoutHint", options.withoutHint ?? "1 second")
  const maxHint = positiveMillis("Cooldown: maxHint", options.maxHint ?? "10 minutes")
  const misconfiguredFor = positiveMillis("Cooldown: misconfiguredFor", options.misconfiguredFor ?? "5 minutes")
  let refusal = ready

  const park = (reason: Reason, until: Millis, now: Millis): ReadonlyArray<GateEvent> => {
    if (until <= refusal.retryAt || until <= now) return noEvents
    const event = now < refusal.retryAt ? "ParkExtended" : "Parked"
    refusal = rest(reason, until)
    return [{ _tag: event, gate: "cooldown", until }]
  }
  // A hint that is no number of milliseconds is no hint.
  const believed = (retryAfter: number | undefined): Millis | undefined =>
    retryAfter !== undefined && retryAfter >= 0 ? Math.min(retryAfter, maxHint) : undefined

  return {
    name: "cooldown",
    peek: (now) => (now < refusal.retryAt ? refusal : undefined),
    admit: (now) => (now < refusal.retryAt ? refusal : { settled: false }),
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      switch (outcome._tag) {
        case "RateLimited":
          return park("CoolingDown", now + (believed(outcome.retryAfter) ?? withoutHint), now)
        case "Failure": {
          const hint = believed(outcome.retryAfter)
          return hint === undefined ? noEvents : park("CoolingDown", now + hint, now)
        }
        case "Misconfigured":
          return park("Misconfigured", now + misconfiguredFor, now)
        default:
          return noEvents
      }
    },
    clear: () => {
      refusal = ready
    },
    snapshot: (now) => {
      const retryInMs = remaining(refusal.retryAt, now)
      return retryInMs === 0 ? { state: "ready" } : { state: "parked", reason: refusal.reason, retryInMs }
    },
    restore: (snapshot, now) => {
      const retryInMs = numberAt(snapshot, "retryInMs")
      const reason = snapshot["reason"] === "Misconfigured" ? "Misconfigured" : "CoolingDown"
      refusal = retryInMs > 0 ? rest(reason, now + retryInMs) : ready
    }
  }
}
