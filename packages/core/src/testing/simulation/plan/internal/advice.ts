/**
 * What the figures say to do: how large limits should be, how traffic should be weighed, and whether the rest bears the loss
 * of a target.
 *
 * A limit is large enough when its busiest minute leaves `headroom` of it free: peak / (1 - headroom). For attempts in flight
 * the peak is a minute's average; arrivals that know nothing of each other make the number a Poisson one, so the average
 * plus three deviations must fit as well, which is what decides for small pools.
 *
 * Weights are in proportion to what a target bears, in requests a minute. When the heaviest of them is lost, the others take
 * its share; at ordinary times full to 1 - headroom, they hold it when headroom >= its share of the weights.
 */
import { type Resource, resources, type TargetLimits } from "../PlanLimits.ts"

export type PerResource<A> = Readonly<Record<Resource, A>>

export const perResource = <A>(make: (resource: Resource) => A): PerResource<A> => ({
  requestsPerMinute: make("requestsPerMinute"),
  tokensPerMinute: make("tokensPerMinute"),
  maxInFlight: make("maxInFlight")
})

/** The smallest whole limit that leaves the headroom; `undefined` without load. */
export const recommend = (resource: Resource, peak: number, headroom: number): number | undefined => {
  if (peak <= 0) return undefined
  const roomy = peak / (1 - headroom)
  const needed = resource === "maxInFlight" ? Math.max(roomy, peak + 3 * Math.sqrt(peak)) : roomy
  // A hair below: 0.7 / 0.7 must not become 2 because of its last binary digit.
  return Math.max(1, Math.ceil(needed * (1 - 1e-12)))
}

export interface Means {
  readonly tokens: number
  readonly minutes: number
}

/** Requests a minute that the limits let through at the mean size of a request; `undefined` without limits. */
export const bears = (limits: TargetLimits | undefined, means: Means): number | undefined => {
  const rates = resources.flatMap((resource) => {
    const limit = limits?.[resource]
    if (limit === undefined) return []
    if (resource === "requestsPerMinute") return [limit]
    const cost = resource === "tokensPerMinute" ? means.tokens : means.minutes
    return cost > 0 ? [limit / cost] : []
  })
  return rates.length === 0 ? undefined : Math.min(...rates)
}

/** Whole numbers in proportion, about 100 in all, at least 1 each. */
export const weigh = (bearable: ReadonlyArray<number>): ReadonlyArray<number> => {
  const sum = bearable.reduce((a, b) => a + b, 0)
  return bearable.map((rate) => Math.max(1, Math.round(sum === 0 ? 100 / bearable.length : (rate / sum) * 100)))
}

export interface Loss {
  readonly target: string
  /** Its share of what all bear, in [0, 1]. */
  readonly share: number
  /** Busiest minute of all, in shares of what the others bear; above 1 it does not fit. `undefined`: no other is left. */
  readonly othersFull: number | undefined
}

export interface NMinusOne {
  readonly heaviest: string
  readonly share: number
  /** `headroom` >= the heaviest target's share. */
  readonly holds: boolean
  readonly losses: ReadonlyArray<Loss>
}

export const nMinusOne = (
  targets: ReadonlyArray<{ readonly target: string; readonly bears: number }>,
  peak: number,
  headroom: number
): NMinusOne | undefined => {
  const sum = targets.reduce((all, target) => all + target.bears, 0)
  if (sum <= 0) return undefined
  const losses = targets.map(({ target, bears }): Loss => {
    const rest = sum - bears
    return { target, share: bears / sum, othersFull: targets.length > 1 && rest > 0 ? peak / rest : undefined }
  })
  const heaviest = losses.reduce((a, b) => (b.share > a.share ? b : a))
  return {
    heaviest: heaviest.target,
    share: heaviest.share,
    holds: targets.length > 1 && headroom >= heaviest.share - 1e-12,
    losses
  }
}
