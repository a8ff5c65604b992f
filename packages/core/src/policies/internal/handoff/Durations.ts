/**
 * How much longer? What the last tasks took, and from it the median of what is left for one that has run for a while: only
 * tasks that ran longer than it has so far are its peers. A peak or a mean would be ruled by the few that took minutes.
 *
 * Feed it with successes only: a task that fails fast says nothing about how long an answer takes.
 */
import type { Millis } from "../../../model/Gate.ts"

/** Tasks remembered: enough for a median, few enough to sort when asked. */
const remembered = 64

export interface Durations {
  readonly observe: (ms: Millis) => void
  /** `undefined`: no remembered task ran so long. */
  readonly remaining: (elapsed: Millis) => Millis | undefined
}

export const make = (): Durations => {
  const samples: Array<Millis> = []
  let next = 0
  return {
    observe: (ms) => {
      samples[next] = ms
      next = (next + 1) % remembered
    },
    remaining: (elapsed) => {
      const longer = samples.filter((ms) => ms > elapsed).sort((x, y) => x - y)
      const upper = longer[longer.length >> 1]
      const lower = longer[(longer.length - 1) >> 1]
      return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2 - elapsed
    }
  }
}
