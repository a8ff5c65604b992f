/**
 * The generic cell rate algorithm. One number of state, the theoretical arrival time (TAT): the moment at which everything
 * charged so far will have been worked off at the allowed rate, one unit per `spacing`.
 *
 * A quantity q fits iff `max(now, TAT) + q·T <= now + burst·T`, so any window of length L admits at most `burst + L/T`.
 *
 * On the axis of TAT a charge is a stretch of its own length. Of what is taken back only the part that lies in the future
 * goes back: the rest is worked off, and whoever came since has profited from it. So it gives back exactly what is right
 * while nothing was worked off, and never more.
 * Source: ATM Forum TM 4.0 (virtual scheduling algorithm); throttled/throttled and brandur/redis-cell for the quantities.
 */
import type { Millis } from "../../model/Gate.ts"
import { type Meter, numberFrom, tolerance } from "./meter.ts"
import { remaining } from "./snapshots.ts"

export interface Options {
  /** T: milliseconds per unit. */
  readonly spacing: Millis
  /** Units that may come at once. */
  readonly burst: number
  /** Units beyond the burst that are remembered when more is added than fits. Default: all. */
  readonly maxDebt?: number
}

export interface Gcra extends Meter {
  /** Whole units that fit now; negative in debt. */
  readonly left: (now: Millis) => number
  /** Milliseconds until all is worked off. */
  readonly ahead: (now: Millis) => Millis
}

/** The capacity is the burst: `freeAt` does not ask for another one. */
export const make = ({ burst, maxDebt = Number.POSITIVE_INFINITY, spacing }: Options): Gcra => {
  const farthest = (burst + maxDebt) * spacing
  let tat = Number.NEGATIVE_INFINITY
  /** Stretches below TAT that have moved down because one beneath them was taken out. */
  let refunded = 0
  const ahead = (now: Millis) => remaining(tat, now)
  return {
    freeAt: (now, quantity) => {
      if (quantity > burst) return undefined
      const at = tat - (burst - quantity) * spacing
      return at <= now + tolerance ? now : at
    },
    add: (now, quantity) => {
      const end = Math.max(now, tat) + quantity * spacing
      if (end - now > farthest + tolerance) {
        tat = now + farthest
        return Number.NEGATIVE_INFINITY // part of it was dropped: nothing to take back
      }
      tat = end
      return end + refunded
    },
    takeBack: (mark, quantity, now) => {
      const end = mark - refunded
      const back = Math.min(quantity * spacing, Math.max(0, end - now))
      // The last stretch has none above it to move. (One below it may be moved too far: it then gets back less, never more.)
      if (end < tat - tolerance) refunded += back
      tat -= back
    },
    used: (now) => ahead(now) / spacing,
    left: (now) => Math.min(burst, Math.floor(burst - (ahead(now) - tolerance) / spacing)),
    ahead,
    clear: () => {
      tat = Number.NEGATIVE_INFINITY
    },
    save: (now) => ({ aheadMs: ahead(now) }),
    load: (read, now) => {
      tat = now + numberFrom(read, "aheadMs")
    }
  }
}
