/** Counts what became of the calls of one class; memory does not grow with them. */
import type { DecisionRecord } from "../../../model/Decision.ts"
import type { CallStats } from "../Result.ts"
import { Sketch } from "./Sketch.ts"

export class CallTally {
  offered = 0
  answered = 0
  late = 0
  failed = 0
  unfinished = 0
  attempts = 0
  answers = 0
  costUsd = 0
  /** An attempt was made whose price nobody knows. */
  unpriced = false
  cacheHits = 0
  coalesced = 0
  degraded = 0
  readonly errors = new Map<string, number>()
  readonly latency = new Sketch()
  readonly firstContent = new Sketch()
  readonly queued = new Sketch()

  fail(type: string): void {
    this.failed++
    count(this.errors, type)
  }

  /** The router's own record of a call. */
  recorded(record: DecisionRecord): void {
    this.queued.add(record.queuedMs)
    if (record.outcome !== "ok") return
    if (record.degraded) this.degraded++
    if (record.source === "cache" || record.source === "stale") this.cacheHits++
    if (record.source === "coalesced") this.coalesced++
  }

  merge(other: CallTally): void {
    for (const key of summed) this[key] += other[key]
    this.unpriced ||= other.unpriced
    for (const [type, n] of other.errors) count(this.errors, type, n)
    for (const key of ["latency", "firstContent", "queued"] as const) this[key].merge(other[key])
  }

  stats(countedMs: number): CallStats {
    const { answered, attempts, late, offered } = this
    return {
      offered,
      answered,
      late,
      failed: this.failed,
      unfinished: this.unfinished,
      errors: sorted(this.errors),
      availability: ratio(answered, offered),
      onTime: ratio(answered - late, offered),
      goodputPerSecond: ((answered - late) / countedMs) * 1000,
      latency: this.latency.times(),
      firstContent: this.firstContent.times(),
      queued: this.queued.times(),
      attempts,
      attemptsPerCall: ratio(attempts, offered),
      wasted: attempts - this.answers,
      costUsd: this.unpriced ? null : this.costUsd,
      cacheHits: this.cacheHits,
      coalesced: this.coalesced,
      degraded: this.degraded
    }
  }
}

const summed = [
  ...(["offered", "answered", "late", "failed", "unfinished", "attempts", "answers"] as const),
  ...(["costUsd", "cacheHits", "coalesced", "degraded"] as const)
]

export const count = (counts: Map<string, number>, key: string, by = 1): void => {
  counts.set(key, (counts.get(key) ?? 0) + by)
}

export const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)

/** Plain, with its keys in one order. */
export const sorted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)))
