/** What is counted of one target, or of all: sums by hour of week, and minutes. */
import type { PlanRecord } from "../PlanRecord.ts"
import * as Minutes from "./minutes.ts"
import * as Sketch from "./sketch.ts"
import { cellOf, cells, minuteMs } from "./week.ts"

export interface Sums {
  calls: number
  attempts: number
  failures: number
  inputTokens: number
  outputTokens: number
  /** `undefined` until one cost is known. */
  costUsd: number | undefined
  readonly latency: Sketch.Sketch
}

export const noSums = (): Sums => ({
  calls: 0,
  attempts: 0,
  failures: 0,
  inputTokens: 0,
  outputTokens: 0,
  costUsd: undefined,
  latency: Sketch.make()
})

export interface Ledger {
  /** By hour of week; `undefined` where nothing came. */
  readonly week: Array<Sums | undefined>
  readonly minutes: Minutes.Minutes
  /** First and last minute with an attempt or a part of one. */
  first: number
  last: number
}

export const make = (room: Minutes.Room): Ledger => ({
  week: Array.from({ length: cells }, () => undefined),
  minutes: Minutes.make(room),
  first: Number.POSITIVE_INFINITY,
  last: Number.NEGATIVE_INFINITY
})

const sumsAt = (ledger: Ledger, minute: number): Sums => {
  const cell = cellOf(minute)
  const known = ledger.week[cell]
  if (known !== undefined) return known
  const sums = noSums()
  ledger.week[cell] = sums
  return sums
}

const see = (ledger: Ledger, minute: number) => {
  ledger.first = Math.min(ledger.first, minute)
  ledger.last = Math.max(ledger.last, minute)
}

/** A call that began at `at`, in milliseconds of the plan's clock. */
export const addCall = (ledger: Ledger, at: number): void => {
  const minute = Math.floor(at / minuteMs)
  see(ledger, minute)
  sumsAt(ledger, minute).calls++
}

/** False when there was no room for its day; then nothing of it is counted. */
export const addAttempt = (ledger: Ledger, attempt: PlanRecord["attempts"][number], at: number): boolean => {
  const input = attempt.facts?.inputTokens ?? 0
  const output = attempt.facts?.outputTokens ?? 0
  if (!ledger.minutes.start(at, input + output)) return false
  ledger.minutes.occupy(at, at + attempt.ms)
  see(ledger, Math.floor(at / minuteMs))
  see(ledger, Math.max(Math.floor(at / minuteMs), Math.ceil((at + attempt.ms) / minuteMs) - 1))
  const sums = sumsAt(ledger, Math.floor(at / minuteMs))
  sums.attempts++
  sums.inputTokens += input
  sums.outputTokens += output
  if (attempt.outcome === "failed") sums.failures++
  if (attempt.outcome === "won") sums.latency.add(attempt.ms)
  if (typeof attempt.costUsd === "number") sums.costUsd = (sums.costUsd ?? 0) + attempt.costUsd
  return true
}
