/** Reading and writing the numbers of a `GateSnapshot`: durations relative to `now`, finite, never negative. */
import type { GateSnapshot, Millis } from "../../model/Gate.ts"

/** Milliseconds from `now` until `at`; what is past is 0, "for ever" is the largest safe integer, as JSON has no infinity. */
export const remaining = (at: Millis, now: Millis): Millis =>
  at > now ? Math.min(at - now, Number.MAX_SAFE_INTEGER) : 0

/** The number under `key`, 0 when there is none: a snapshot may come from an older version or a broken file. */
export const numberAt = (snapshot: GateSnapshot, key: string): number => {
  const value = snapshot[key]
  return typeof value === "number" && value >= 0 ? value : 0
}
