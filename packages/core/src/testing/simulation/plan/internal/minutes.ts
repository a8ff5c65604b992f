/**
 * What each minute saw, a day at a time, so that records may come in any order (they are written when calls end, and several
 * processes' files are joined end to end).
 *
 * Occupancy of a minute is the time attempts spent in it, divided by the minute: the average number in flight. Over any
 * interval that is exact, and is Little's law (J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations
 * Research 9(3), 1961) without its assumption of balance.
 */
import type { Resource } from "../PlanLimits.ts"
import { dayMinutes, minuteMs } from "./week.ts"

type Day = Readonly<Record<Resource, Float64Array>>

export interface Minutes {
  /** False where the day is one too many for memory; then nothing is added. */
  readonly start: (at: number, tokens: number) => boolean
  readonly occupy: (from: number, to: number) => void
  /** In order of time. `value` is a rate: per minute, or the average in flight. */
  readonly forEach: (resource: Resource, visit: (minute: number, value: number) => void) => void
}

/** Takes a place for one more day's minutes; false when there is none left. */
export type Room = () => boolean

/** About 35 kB a day. */
export const make = (room: Room): Minutes => {
  const days = new Map<number, Day>()
  const dayOf = (minute: number): Day | undefined => {
    const number = Math.floor(minute / dayMinutes)
    const known = days.get(number)
    if (known !== undefined || !room()) return known
    const day: Day = {
      requestsPerMinute: new Float64Array(dayMinutes),
      tokensPerMinute: new Float64Array(dayMinutes),
      maxInFlight: new Float64Array(dayMinutes)
    }
    days.set(number, day)
    return day
  }
  const add = (values: Float64Array, minute: number, value: number) => {
    const i = minute % dayMinutes
    values[i] = (values[i] ?? 0) + value
  }
  return {
    start: (at, tokens) => {
      const minute = Math.floor(at / minuteMs)
      const day = dayOf(minute)
      if (day === undefined) return false
      add(day.requestsPerMinute, minute, 1)
      add(day.tokensPerMinute, minute, tokens)
      return true
    },
    occupy: (from, to) => {
      for (let minute = Math.floor(from / minuteMs); minute * minuteMs < to; minute++) {
        const day = dayOf(minute)
        if (day === undefined) return
        const inside = Math.min(to, (minute + 1) * minuteMs) - Math.max(from, minute * minuteMs)
        add(day.maxInFlight, minute, inside / minuteMs)
      }
    },
    forEach: (resource, visit) => {
      for (const number of [...days.keys()].sort((a, b) => a - b)) {
        days.get(number)?.[resource].forEach((value, i) => {
          if (value > 0) visit(number * dayMinutes + i, value)
        })
      }
    }
  }
}
