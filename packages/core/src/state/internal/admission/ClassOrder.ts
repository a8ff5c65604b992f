/**
 * Which class is served next. An order gives every class that has waiters a score; the lowest is served, on a tie the more
 * urgent class. Three of them: by class, by share, by due time. Each keeps O(1) state.
 */
import type { levelOf } from "../../../model/Cost.ts"
import type { Millis } from "../../../model/Gate.ts"

/** 0 for P0 to 3 for P3. */
export type Level = ReturnType<typeof levelOf>

export interface ClassOrder {
  /**
   * The lowest is served first. `oldest` is when the longest waiting of the class came. `ahead`: look as if so many of the
   * class had been served already, for looking past the head of the queue. Changes nothing.
   */
  readonly score: (level: Level, oldest: Millis, ahead: number) => number
  /** The class has a waiter again. */
  readonly began?: (level: Level) => void
  /** One of the class is being served; `lowest` is the lowest score of all classes at that moment. */
  readonly served?: (level: Level, lowest: number) => void
  /** Nobody waits. */
  readonly emptied?: () => void
}

type PerLevel = readonly [number, number, number, number]

/** P0 before P1 before P2 before P3. */
export const byClass = (): ClassOrder => ({ score: (level) => level })

/** Earliest due time first, where due is `slack` of the class after arrival. Source: Liu and Layland, JACM 20(1), 1973. */
export const byDueTime = (slackMs: PerLevel): ClassOrder => ({ score: (level, oldest) => oldest + slackMs[level] })

/**
 * In proportion to `weights`: each service moves its class on by 1/weight, and the one that is furthest behind is next. A
 * class that had nobody waiting comes back level with the others: it neither saves up turns nor owes any that it had not
 * taken. Source: stride scheduling (Waldspurger and Weihl, MIT LCS TM-528, 1995) with the virtual time of start-time fair
 * queueing (Goyal, Vin, Cheng, SIGCOMM 1996).
 */
export const byShare = (weights: PerLevel): ClassOrder => {
  // Kept as a start and a count: so a look ahead gives bit for bit what serving will give.
  const start = [0, 0, 0, 0]
  const count = [0, 0, 0, 0]
  let virtualTime = 0
  const score = (level: Level, _oldest: Millis, ahead: number): number =>
    (start[level] ?? 0) + ((count[level] ?? 0) + ahead) / weights[level]
  return {
    score,
    began: (level) => {
      start[level] = Math.max(score(level, 0, 0), virtualTime)
      count[level] = 0
    },
    served: (level, lowest) => {
      virtualTime = lowest
      count[level] = (count[level] ?? 0) + 1
    },
    emptied: () => {
      start.fill(0)
      count.fill(0)
      virtualTime = 0
    }
  }
}
