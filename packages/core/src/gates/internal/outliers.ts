/**
 * Who among several is an outlier, from what each did in the last interval. Pure arithmetic, run once per interval.
 * Source: `successRateEjectionThreshold` and `processSuccessRateEjections` of Envoy's outlier detection.
 */
import type { Rules } from "./ejectionOptions.ts"

export interface Tally {
  readonly successes: number
  readonly failures: number
}

export type Cause = "Consecutive" | "SuccessRate" | "FailurePercentage"

/** Equal rates differ by rounding; nobody is an outlier by that. */
const tolerance = 1e-9

/** The mean of the rates less `factor` standard deviations (of the whole population). `NaN` for no rates. */
export const threshold = (rates: ReadonlyArray<number>, factor: number): number => {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  return mean - factor * Math.sqrt(variance)
}

/** The outliers, worst success rate first, so that a cap on ejections hits the worst; equals stay in their order. */
export const find = <A extends Tally>(
  members: ReadonlyArray<A>,
  rules: Pick<Rules, "successRate" | "failurePercentage">
): ReadonlyArray<{ readonly member: A; readonly cause: Cause }> => {
  const { failurePercentage, successRate } = rules
  const found = new Map<A, Cause>()
  if (successRate !== undefined) {
    const compared = members.filter((member) => volume(member) >= successRate.minRequests)
    if (compared.length >= successRate.minHosts) {
      const limit = threshold(compared.map(rateOf), successRate.stdevFactor) - tolerance
      for (const member of compared) if (rateOf(member) < limit) found.set(member, "SuccessRate")
    }
  }
  if (failurePercentage !== undefined) {
    const judged = members.filter((member) => volume(member) >= failurePercentage.minRequests)
    if (judged.length >= failurePercentage.minHosts) {
      for (const member of judged) {
        // As a share of the whole: 1 - 0.15 is not 0.85 in binary.
        const failing = member.failures > 0 && member.failures / volume(member) >= failurePercentage.threshold
        if (failing && !found.has(member)) found.set(member, "FailurePercentage")
      }
    }
  }
  return [...found].map(([member, cause]) => ({ member, cause })).sort((a, b) => rateOf(a.member) - rateOf(b.member))
}

const volume = (tally: Tally): number => tally.successes + tally.failures

const rateOf = (tally: Tally): number => tally.successes / volume(tally)
