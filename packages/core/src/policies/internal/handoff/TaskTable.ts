/**
 * The tasks of one hand-off: which run, how the others ended, and for how long that is remembered. A pure state machine: no
 * Effect, no clock, no timers. A task that has expired is dropped by whoever looks next.
 *
 * A task ends once: the first `settle` wins, whoever comes second hears so. Its slot is another matter: it stays taken until
 * the work itself has ended, finalizers included (`release`), so that cancelled tasks cannot pile up behind the cap.
 *
 * In memory, lost with the process. A durable table would write the task down before its id is handed out and the ending
 * before anybody is told: both go through `accept` and `settle`, and nothing else changes a task.
 */
import type * as Cause from "effect/Cause"
import type { Millis } from "../../../model/Gate.ts"

export interface Options {
  /** Tasks whose work has not ended. Integer >= 1. */
  readonly maxRunning: number
  /** How long an ending is kept, milliseconds > 0. */
  readonly ttl: Millis
  /** Endings kept. Integer >= 1. */
  readonly maxResults: number
}

/** How a task ended. */
export type Ending =
  | { readonly _tag: "Succeeded"; readonly value: unknown }
  | { readonly _tag: "Failed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Cancelled" }

interface Times {
  readonly startedAt: Millis
  /** The same moment in epoch milliseconds, for people. */
  readonly startedAtEpoch: number
}

/** `work` is whatever the owner needs to reach what runs. */
export interface RunningTask<W> extends Times {
  readonly _tag: "Running"
  readonly work: W
}

export interface EndedTask extends Times {
  readonly _tag: "Ended"
  readonly endedAt: Millis
  /** Gone from this moment on. */
  readonly expiresAt: Millis
  readonly ending: Ending
}

export interface Counts {
  readonly running: number
  /** Ended for their callers, while the work has not: it is being interrupted. */
  readonly stopping: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  /** Endings dropped before their time because there were too many; since the beginning. */
  readonly evicted: number
}

export interface TaskTable<W> {
  readonly isFull: () => boolean
  /** A task begins. False, and nothing is changed: the id is known, or the table is full. */
  readonly accept: (id: string, work: W, startedAt: Millis, startedAtEpoch: number) => boolean
  /** The task has ended so. `undefined`, and nothing is changed: it had ended already, or never began. */
  readonly settle: (id: string, ending: Ending, now: Millis) => EndedTask | undefined
  /** The work of the task has ended: its slot is free. A second call changes nothing. */
  readonly release: (id: string) => void
  /** `undefined`: never began, or no longer kept. Reading changes nothing. */
  readonly get: (id: string, now: Millis) => RunningTask<W> | EndedTask | undefined
  readonly counts: (now: Millis) => Counts
}

export const make = <W>(options: Options): TaskTable<W> => {
  const running = new Map<string, RunningTask<W>>()
  /** In the order in which they ended, which is the order in which they expire: the first is the oldest. */
  const ended = new Map<string, EndedTask>()
  const slots = new Set<string>()
  const kept: Record<Ending["_tag"], number> = { Succeeded: 0, Failed: 0, Cancelled: 0 }
  let evicted = 0
  let lastSeen = Number.NEGATIVE_INFINITY

  const drop = (id: string, task: EndedTask) => {
    ended.delete(id)
    kept[task.ending._tag]--
  }

  /** Takes up the time and drops what has expired by it. Each ending is dropped once: O(1) per task. */
  const see = (now: Millis): Millis => {
    if (now > lastSeen) lastSeen = now
    for (const [id, task] of ended) {
      if (task.expiresAt > lastSeen) break
      drop(id, task)
    }
    return lastSeen
  }

  const isFull = () => slots.size >= options.maxRunning

  return {
    isFull,
    accept: (id, work, startedAt, startedAtEpoch) => {
      // An id whose work is still being interrupted may have lost its ending already.
      if (isFull() || slots.has(id) || ended.has(id)) return false
      slots.add(id)
      running.set(id, { _tag: "Running", work, startedAt, startedAtEpoch })
      return true
    },
    settle: (id, ending, now) => {
      const endedAt = see(now)
      const task = running.get(id)
      if (task === undefined) return undefined
      running.delete(id)
      const { startedAt, startedAtEpoch } = task
      const end: EndedTask = {
        _tag: "Ended",
        startedAt,
        startedAtEpoch,
        endedAt,
        expiresAt: endedAt + options.ttl,
        ending
      }
      ended.set(id, end)
      kept[ending._tag]++
      if (ended.size > options.maxResults) {
        for (const [oldest, task] of ended) {
          drop(oldest, task)
          break
        }
        evicted++
      }
      return end
    },
    release: (id) => {
      if (!running.has(id)) slots.delete(id)
    },
    get: (id, now) => {
      see(now)
      return running.get(id) ?? ended.get(id)
    },
    counts: (now) => {
      see(now)
      return {
        running: running.size,
        stopping: slots.size - running.size,
        succeeded: kept.Succeeded,
        failed: kept.Failed,
        cancelled: kept.Cancelled,
        evicted
      }
    }
  }
}
