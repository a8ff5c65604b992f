/**
 * A capacity plan from what a router did: decision records, one JSON object a line, in any order. It says when targets are
 * busy by hour of week, how near they come to their limits, where too little is left free, and which limits and weights would
 * do. Use it when records of a week or more are at hand; a simulation answers "what if".
 *
 * Memory does not grow with the file but with targets and days: 35 kB for each day of each target, and up to `maxDays` of
 * them. What is measured by the minute is exact; quantiles of latency are within 2.5 %.
 *
 * It is not a forecast: it repeats the past, busiest minute included.
 */
import * as Result from "effect/Result"
import { InvalidOption, integer, onlyKeys, share } from "../../../model/InvalidOption.ts"
import { bears, type NMinusOne, nMinusOne, type PerResource, perResource, recommend, weigh } from "./internal/advice.ts"
import * as Ledger from "./internal/ledger.ts"
import { minuteMs } from "./internal/week.ts"
import {
  type Broken,
  brokenOf,
  type Hour,
  hoursOf,
  type Load,
  load,
  type Peak,
  peaksOf,
  total
} from "./internal/weekOf.ts"
import type { PlanLimits, TargetLimits } from "./PlanLimits.ts"
import { type PlanRecord, parse } from "./PlanRecord.ts"

export type { Broken, Hour, Load, Loss, NMinusOne, Peak, PerResource }

type Loss = NMinusOne["losses"][number]

export interface Options {
  /** Default: none are known. Then nothing is said about utilisation, and weights follow what targets bore. */
  readonly limits?: PlanLimits
  /** Minutes that the week's clock is ahead of UTC. Integer in [-840, 840], default 0. */
  readonly utcOffsetMinutes?: number
  /** Distinct targets; the attempts of further ones are counted together, as `(others)`. Integer >= 1, default 256. */
  readonly maxTargets?: number
  /** Days kept by the minute, those of all targets together. What lies beyond is counted in `crowdedOut`. Integer >= 1, default 4,000. */
  readonly maxDays?: number
}

export interface TargetPlan {
  readonly target: string
  readonly total: Load
  /** 168 hours from Monday 00:00. */
  readonly week: ReadonlyArray<Hour>
  readonly peaks: PerResource<Peak>
  readonly limits: TargetLimits
  /** Busiest minute against limit; `undefined` without a limit. */
  readonly utilisation: PerResource<number | undefined>
  /** Hours whose busiest minute leaves less than the headroom, in order of the week. */
  readonly broken: ReadonlyArray<Broken>
  /** Limits that leave the headroom in the busiest minute; `undefined` without load. */
  readonly recommended: PerResource<number | undefined>
  /** Requests a minute it takes: by its limits at the mean size of its requests, else the busiest minute it has seen. */
  readonly bears: number
  readonly bearsBy: "limits" | "records"
  /** In proportion to `bears`, about 100 in all. */
  readonly weight: number
}

export interface Plan {
  readonly records: number
  readonly badLines: number
  /** The first few of them. */
  readonly badExamples: ReadonlyArray<{ readonly line: number; readonly reason: string }>
  /** Attempts that no memory was left for: figures lack them. */
  readonly crowdedOut: number
  /** Epoch milliseconds, whole minutes; `undefined` without records. */
  readonly from: number | undefined
  readonly to: number | undefined
  readonly utcOffsetMinutes: number
  readonly headroom: number
  /** All targets together. */
  readonly all: Pick<TargetPlan, "total" | "week" | "peaks">
  /** By id. */
  readonly targets: ReadonlyArray<TargetPlan>
  /** `undefined` without load. */
  readonly nMinusOne: NMinusOne | undefined
}

export interface Planner {
  /** Takes one line of the file. A bad one is counted; an empty one is only a line. */
  readonly line: (text: string) => void
  /** Takes a line that could not even be read, e.g. one too long. */
  readonly badLine: (reason: string) => void
  readonly add: (record: PlanRecord) => void
  /** May be asked at any time, again after more. */
  readonly plan: () => Plan
}

export const others = "(others)"

/** Longer ids are cut: a record may hold anything. */
const longestId = 120
const idOf = (id: string): string => (id.length > longestId ? `${id.slice(0, longestId - 1)}…` : id)

const known: ReadonlySet<string> = new Set(["limits", "utcOffsetMinutes", "maxTargets", "maxDays"])
const shownBadLines = 5

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Planner => {
  onlyKeys("CapacityPlan.make", options, known)
  const offset = options.utcOffsetMinutes ?? 0
  if (!Number.isInteger(offset) || Math.abs(offset) > 840) {
    throw new InvalidOption("CapacityPlan.make: utcOffsetMinutes", "an integer in [-840, 840]", offset)
  }
  const maxTargets = integer("CapacityPlan.make: maxTargets", options.maxTargets ?? 256)
  const maxDays = integer("CapacityPlan.make: maxDays", options.maxDays ?? 4000)
  const headroom = share("CapacityPlan.make: limits.headroom", options.limits?.headroom ?? 0.3)
  if (headroom === 1) throw new InvalidOption("CapacityPlan.make: limits.headroom", "below 1", headroom)
  const limits = new Map(Object.entries(options.limits?.targets ?? {}))

  let days = 0
  const room = () => days < maxDays && ++days > 0
  const all = Ledger.make(room)
  const targets = new Map<string, Ledger.Ledger>()
  let [lines, records, badLines, crowdedOut] = [0, 0, 0, 0]
  const badExamples: Array<{ readonly line: number; readonly reason: string }> = []

  const ledgerOf = (target: string): Ledger.Ledger => {
    const id = targets.has(idOf(target)) || targets.size < maxTargets ? idOf(target) : others
    const ledger = targets.get(id) ?? Ledger.make(room)
    targets.set(id, ledger)
    return ledger
  }

  const add = (record: PlanRecord) => {
    records++
    const at = record.at + offset * minuteMs
    Ledger.addCall(all, at)
    const met = new Set<Ledger.Ledger>()
    for (const attempt of record.attempts) {
      const start = at + attempt.startedAt
      const ledger = ledgerOf(attempt.target)
      if (!Ledger.addAttempt(all, attempt, start) || !Ledger.addAttempt(ledger, attempt, start)) {
        crowdedOut++
        continue
      }
      if (!met.has(ledger)) Ledger.addCall(ledger, start)
      met.add(ledger)
    }
  }

  const bad = (reason: string) => {
    badLines++
    if (badExamples.length < shownBadLines) badExamples.push({ line: lines, reason })
  }

  const plan = (): Plan => {
    const empty = all.last < all.first
    const span = empty ? { first: 0, last: 0 } : { first: all.first, last: all.last }
    const bearing = [...targets]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([target, ledger]) => {
        const sums = total(ledger)
        const peaks = peaksOf(ledger, span, offset)
        let busy = 0
        ledger.minutes.forEach("maxInFlight", (_, value) => {
          busy += value
        })
        const n = Math.max(1, sums.attempts)
        const means = { tokens: (sums.inputTokens + sums.outputTokens) / n, minutes: busy / n }
        const byLimits = bears(limits.get(target), means)
        return { target, ledger, sums, peaks, byLimits, bears: byLimits ?? peaks.requestsPerMinute.peakMinute }
      })
    const weights = weigh(bearing.map((target) => target.bears))
    const allPeaks = peaksOf(all, span, offset)
    return {
      records,
      badLines,
      badExamples: [...badExamples],
      crowdedOut,
      from: empty ? undefined : (span.first - offset) * minuteMs,
      to: empty ? undefined : (span.last - offset + 1) * minuteMs,
      utcOffsetMinutes: offset,
      headroom,
      all: { total: load(total(all)), week: hoursOf(all, undefined, span), peaks: allPeaks },
      targets: bearing.map(({ target, ledger, sums, peaks, byLimits, bears }, i) => {
        const own = limits.get(target) ?? {}
        const week = hoursOf(ledger, own, span)
        return {
          target,
          total: load(sums),
          week,
          peaks,
          limits: own,
          utilisation: perResource((resource) => {
            const limit = own[resource]
            return limit === undefined ? undefined : peaks[resource].peakMinute / limit
          }),
          broken: brokenOf(week, own, headroom),
          recommended: perResource((resource) => recommend(resource, peaks[resource].peakMinute, headroom)),
          bears,
          bearsBy: byLimits === undefined ? "records" : "limits",
          weight: weights[i] ?? 1
        }
      }),
      nMinusOne: nMinusOne(bearing, allPeaks.requestsPerMinute.peakMinute, headroom)
    }
  }

  return {
    line: (text) => {
      lines++
      if (text.trim() === "") return
      const record = parse(text)
      if (Result.isSuccess(record)) add(record.success)
      else bad(record.failure)
    },
    badLine: (reason) => {
      lines++
      bad(reason)
    },
    add,
    plan
  }
}
