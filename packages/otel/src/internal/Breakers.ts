/**
 * The last known state of each target's breaker, for a gauge that is read when somebody collects. It is kept here and not
 * in the SDK, so an SDK that is registered after a breaker opened still shows it open.
 */
import type { GateEvent } from "@spillway/core/Gate"

/** `isolated`: closed off by hand. */
export type State = "closed" | "open" | "half_open" | "isolated"
export const states: ReadonlyArray<State> = ["closed", "open", "half_open", "isolated"]

const byEvent: ReadonlyMap<string, State> = new Map([
  ["BreakerOpened", "open"],
  ["BreakerHalfOpened", "half_open"],
  ["BreakerClosed", "closed"],
  ["BreakerIsolated", "isolated"]
])

export interface Breakers {
  /** `target` is a label, so that only so many are kept. Answers the new state, or `undefined` when the event is not a breaker's. */
  readonly moved: (target: string, event: GateEvent) => State | undefined
  /** A target that is gone: one that comes back under its name begins closed. */
  readonly forget: (target: string) => void
  /** `closed` until something else is heard. */
  readonly state: (target: string) => State
  /** Open or isolated: nothing passes. */
  readonly isOpen: (target: string) => boolean
}

export const make = (): Breakers => {
  const known = new Map<string, State>()
  const state = (target: string): State => known.get(target) ?? "closed"
  return {
    moved: (target, event) => {
      const state = byEvent.get(event._tag)
      if (state !== undefined) known.set(target, state)
      return state
    },
    forget: (target) => {
      known.delete(target)
    },
    state,
    isOpen: (target) => state(target) === "open" || state(target) === "isolated"
  }
}
