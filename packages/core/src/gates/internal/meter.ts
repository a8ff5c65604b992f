/**
 * What has been counted against one limit, and when more of it fits: the shape that GCRA, the sliding windows and a total
 * have in common, so that a gate can hold several limits without knowing how each of them counts.
 *
 * `now` never steps back here: the gate that owns a meter sees to that.
 */
import type { Millis } from "../../model/Gate.ts"

export interface Meter {
  /**
   * From when on `quantity` more fits under `capacity` if nothing else comes: not after `now` when it fits at once,
   * `Infinity` when time alone does not help, `undefined` when it is more than the capacity.
   */
  readonly freeAt: (now: Millis, quantity: number, capacity: number) => Millis | undefined
  /** Counts `quantity`, whether it fits or not, and says where, for `takeBack`. */
  readonly add: (now: Millis, quantity: number) => number
  /** Takes off at most the `quantity` that was added at `mark`; nothing of it any more once time has done so. */
  readonly takeBack: (mark: number, quantity: number, now: Millis) => void
  readonly used: (now: Millis) => number
  readonly clear: () => void
  /** For a snapshot; times are relative to `now`. */
  readonly save: (now: Millis) => Readonly<Record<string, number | string>>
  /** Takes up what `save` wrote, on another clock too. Earlier marks mean nothing any more. */
  readonly load: (read: Read, now: Millis) => void
}

/** A field of a snapshot, which may come from an older version or a broken file. */
export type Read = (key: string) => unknown

/** The finite number >= 0 under `key`, 0 when there is none. */
export const numberFrom = (read: Read, key: string): number => {
  const value = read(key)
  return typeof value === "number" && value >= 0 && Number.isFinite(value) ? value : 0
}

/** A microsecond. Sums of fractional times are not exact: without it the last request of a burst may seem too early. */
export const tolerance = 0.001

/** Nothing is ever forgotten: a budget. */
export const total = (): Meter => {
  let sum = 0
  return {
    freeAt: (now, quantity, capacity) =>
      quantity > capacity ? undefined : sum + quantity <= capacity ? now : Number.POSITIVE_INFINITY,
    add: (_now, quantity) => {
      sum += quantity
      return 0
    },
    takeBack: (_mark, quantity) => {
      sum = Math.max(0, sum - quantity)
    },
    used: () => sum,
    clear: () => {
      sum = 0
    },
    save: () => ({ sum }),
    load: (read) => {
      sum = numberFrom(read, "sum")
    }
  }
}
