/** From a ledger to the figures of a plan: 168 hours and the busiest minutes. */
import { type Resource, resources, type TargetLimits } from "../PlanLimits.ts"
import { type PerResource, perResource } from "./advice.ts"
import { type Ledger, noSums, type Sums } from "./ledger.ts"
import { cellOf, cells, minuteMs, occurrences } from "./week.ts"

/** Sums over an hour of week or over everything. */
export interface Load {
  readonly calls: number
  readonly attempts: number
  readonly failures: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** USD; `undefined` where no cost is known. */
  readonly costUsd: number | undefined
  /** Of attempts that won, within 2.5 %. */
  readonly p95Ms: number | undefined
}

export interface Hour extends Load {
  /** 0 is Monday 00:00, 167 Sunday 23:00. */
  readonly hour: number
  /** How often this hour of week lies in the records, in part or wholly: sums divided by it are means per hour. */
  readonly times: number
  /** The busiest minute of such hours. */
  readonly peaks: PerResource<number>
  /** Peak against limit, the largest of those that are known. */
  readonly utilisation: number | undefined
}

export interface Peak {
  readonly peakMinute: number
  /** The start of that minute in epoch milliseconds; `undefined` without load. */
  readonly peakAt: number | undefined
  /** 99 % of all minutes from the first to the last record, idle ones too, saw this or less. */
  readonly p99Minute: number
}

export interface Broken {
  readonly hour: number
  readonly resource: Resource
  readonly peak: number
  /** What the limit less its headroom allows. */
  readonly allowed: number
  /** Share by which the peak is above it, > 0. */
  readonly over: number
}

export const load = (sums: Sums): Load => ({
  calls: sums.calls,
  attempts: sums.attempts,
  failures: sums.failures,
  inputTokens: sums.inputTokens,
  outputTokens: sums.outputTokens,
  costUsd: sums.costUsd,
  p95Ms: sums.latency.quantile(0.95)
})

export const total = (ledger: Ledger): Sums => {
  const sum = noSums()
  for (const part of ledger.week) {
    if (part === undefined) continue
    for (const key of ["calls", "attempts", "failures", "inputTokens", "outputTokens"] as const) sum[key] += part[key]
    if (part.costUsd !== undefined) sum.costUsd = (sum.costUsd ?? 0) + part.costUsd
    sum.latency.addAll(part.latency)
  }
  return sum
}

/** Both in minutes of the plan's clock, both included. */
export interface Span {
  readonly first: number
  readonly last: number
}

export const hoursOf = (
  ledger: Ledger,
  limits: TargetLimits | undefined,
  { first, last }: Span
): ReadonlyArray<Hour> => {
  const times = occurrences(first, last)
  const peaks = perResource(() => new Float64Array(cells))
  for (const resource of resources) {
    const highest = peaks[resource]
    ledger.minutes.forEach(resource, (minute, value) => {
      const cell = cellOf(minute)
      if (value > (highest[cell] ?? 0)) highest[cell] = value
    })
  }
  return ledger.week.map((sums, hour) => {
    const peak = perResource((resource) => peaks[resource][hour] ?? 0)
    return {
      hour,
      times: times[hour] ?? 0,
      ...load(sums ?? noSums()),
      peaks: peak,
      utilisation: utilisation(limits, peak)
    }
  })
}

/** The largest share of a limit that is used; `undefined` without limits. */
export const utilisation = (limits: TargetLimits | undefined, peaks: PerResource<number>): number | undefined => {
  const shares = resources.flatMap((resource) => {
    const limit = limits?.[resource]
    return limit === undefined ? [] : [peaks[resource] / limit]
  })
  return shares.length === 0 ? undefined : Math.max(...shares)
}

/** `offset`: minutes that the plan's clock is ahead of UTC. */
export const peaksOf = (ledger: Ledger, { first, last }: Span, offset: number): PerResource<Peak> =>
  perResource((resource) => {
    const values: Array<number> = []
    let peakMinute = 0
    let peakAt: number | undefined
    ledger.minutes.forEach(resource, (minute, value) => {
      values.push(value)
      if (value <= peakMinute) return
      peakMinute = value
      peakAt = (minute - offset) * minuteMs
    })
    values.sort((a, b) => a - b)
    const n = Math.max(values.length, last - first + 1)
    const rank = Math.ceil(0.99 * n - 1e-9)
    return { peakMinute, peakAt, p99Minute: values[rank - 1 - (n - values.length)] ?? 0 }
  })

/** In order of the week. */
export const brokenOf = (
  hours: ReadonlyArray<Hour>,
  limits: TargetLimits | undefined,
  headroom: number
): ReadonlyArray<Broken> =>
  hours.flatMap(({ hour, peaks }) =>
    resources.flatMap((resource) => {
      const limit = limits?.[resource]
      if (limit === undefined) return []
      const [peak, allowed] = [peaks[resource], limit * (1 - headroom)]
      return peak > allowed * (1 + 1e-9) ? [{ hour, resource, peak, allowed, over: peak / allowed - 1 }] : []
    })
  )
