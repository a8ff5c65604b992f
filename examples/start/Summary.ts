/** The end of the main job: one object for programs, a few lines for people. */
import type { Router } from "@spillway/core"
import type { Tally } from "./Traffic.ts"
import { percent } from "./Views.ts"

export interface Summary {
  readonly calls: number
  readonly answered: number
  readonly failed: number
  /** Answered by the backup. */
  readonly degraded: number
  /** Requests sent to providers. */
  readonly attempts: number
  readonly truncatedShownAsSuccess: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly targets: Readonly<
    Record<
      string,
      { readonly attempts: number; readonly answered: number; readonly share: number; readonly ejections: number }
    >
  >
}

export const make = (counts: Tally, status: Router.RouterStatus, degraded: number): Summary => {
  const answered = status.targets.reduce((sum, target) => sum + target.answered, 0)
  const sorted = [...counts.durations].sort((a, b) => a - b)
  const quantile = (q: number) => Math.round(sorted[Math.ceil(q * sorted.length) - 1] ?? 0)
  return {
    calls: counts.total,
    answered: counts.answered,
    failed: counts.failed,
    degraded,
    attempts: status.targets.reduce((sum, target) => sum + target.attempts, 0),
    truncatedShownAsSuccess: counts.truncatedShownAsSuccess,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    targets: Object.fromEntries(
      status.targets.map(({ id, attempts, answered: own, ejections }) => [
        id,
        { attempts, answered: own, share: answered === 0 ? 0 : Number((own / answered).toFixed(4)), ejections }
      ])
    )
  }
}

export const toText = (summary: Summary, sentences: ReadonlyArray<string>, errors: ReadonlyArray<string>): string =>
  [
    "",
    `${summary.calls} calls: ${summary.answered} answered, ${summary.failed} failed, ${summary.degraded} answered by the backup`,
    `${(summary.attempts / summary.calls).toFixed(2)} attempts per call; p50 ${summary.p50Ms} ms, p99 ${summary.p99Ms} ms`,
    `${summary.truncatedShownAsSuccess} incomplete answers were shown as complete`,
    ...Object.entries(summary.targets).map(
      ([id, target]) =>
        `  ${id.padEnd(8)} ${percent(target.share, 1)} of the answers, ${target.attempts} attempts, out of rotation ${target.ejections} times`
    ),
    "",
    ...sentences,
    ...errors.map((error) => `failed: ${error}`)
  ].join("\n")
