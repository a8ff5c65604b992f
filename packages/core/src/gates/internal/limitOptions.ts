/** One limit of a `MultiLimit`, as it was written down: defaults filled in, mistakes found. */
import type * as Duration from "effect/Duration"
import { InvalidOption, integer, positive } from "../../model/InvalidOption.ts"
import { positiveMillis } from "../../model/RouteRequest.ts"
import { type Counted, nano, resources } from "./consumption.ts"
import type { Algorithm, Spec } from "./line.ts"
import { capacityFor, type Reserve, resolve as resolveReserve } from "./reserve.ts"

/** What may be said of a limit; `MultiLimit.LimitOptions` has the words. */
export interface Given extends Reserve {
  readonly limit: number
  readonly algorithm?: Algorithm
  readonly burst?: number
}

const minute = 60_000
const day = 1440 * minute

/** Limits with a name of their own: what they count, and in which time (`undefined`: in all). */
export const named = {
  requestsPerMinute: ["requests", minute],
  requestsPerDay: ["requests", day],
  tokensPerMinute: ["tokens", minute],
  tokensPerDay: ["tokens", day],
  inputTokensPerMinute: ["inputTokens", minute],
  outputTokensPerMinute: ["outputTokens", minute],
  usdPerDay: ["usd", day],
  usdPerMonth: ["usd", 30 * day],
  usdTotal: ["usd", undefined]
} as const satisfies Record<string, readonly [Counted, number | undefined]>

export type Name = keyof typeof named

export const names = Object.keys(named) as ReadonlyArray<Name>

const algorithms: ReadonlySet<string> = new Set<Algorithm>(["gcra", "counter", "log"])

/** Throws `InvalidOption`. */
export const specOfName = (where: string, name: Name, given: number | Given, defaults: Required<Reserve>): Spec => {
  const [resource, per] = named[name]
  return specOf(`${where}: ${name}`, name, resource, per, asGiven(given), defaults)
}

/** Throws `InvalidOption`. */
export const specOfLimit = (
  where: string,
  given: Given & { readonly resource: Counted; readonly per?: Duration.Input },
  defaults: Required<Reserve>
): Spec => {
  const { resource } = given
  if (!resources.includes(resource)) {
    throw new InvalidOption(`${where}.resource`, `one of ${resources.join(", ")}`, resource)
  }
  const per = given.per === undefined ? undefined : positive(`${where}.per`, positiveMillis(`${where}.per`, given.per))
  const label = per === undefined ? `${resource} in all` : `${resource} per ${per} ms`
  return specOf(where, label, resource, per, given, defaults)
}

/** Attempts in flight; `Infinity` when nothing limits them. Throws `InvalidOption`. */
export const inFlightOf = (where: string, given: number | Given | undefined, defaults: Required<Reserve>) => {
  if (given === undefined) return { maxInFlight: Number.POSITIVE_INFINITY, inFlightReserve: defaults }
  const options = asGiven(given)
  const maxInFlight = integer(where, options.limit)
  const inFlightReserve = resolveReserve(`${where}.`, options, defaults)
  leavesSome(where, maxInFlight, inFlightReserve)
  return { maxInFlight, inFlightReserve }
}

const asGiven = (given: number | Given): Given => (typeof given === "number" ? { limit: given } : given)

const specOf = (
  where: string,
  label: string,
  resource: Counted,
  per: number | undefined,
  given: Given,
  defaults: Required<Reserve>
): Spec => {
  const algorithm = given.algorithm ?? (resource === "requests" && per !== undefined && per <= minute ? "gcra" : "log")
  if (!algorithms.has(algorithm)) {
    throw new InvalidOption(`${where}.algorithm`, `one of ${[...algorithms].join(", ")}`, algorithm)
  }
  if (per === undefined && given.algorithm !== undefined) {
    throw new InvalidOption(`${where}.algorithm`, "left out where there is no period", algorithm)
  }
  if (algorithm !== "gcra" && given.burst !== undefined) {
    throw new InvalidOption(`${where}.burst`, `left out: only "gcra" has one`, given.burst)
  }
  const limit = limitOf(where, resource, algorithm, given.limit)
  const reserve = resolveReserve(`${where}.`, given, defaults)
  leavesSome(where, limit, reserve)
  return { label, resource, limit, per, algorithm, burst: burstOf(where, resource, limit, per, given.burst), reserve }
}

const limitOf = (where: string, resource: Counted, algorithm: Algorithm, limit: number): number => {
  if (resource === "usd") return Math.max(1, Math.round(positive(where, limit) * nano))
  return algorithm === "gcra" ? positive(where, limit) : integer(where, limit)
}

const burstOf = (
  where: string,
  resource: Counted,
  limit: number,
  per: number | undefined,
  burst: number | undefined
): number => {
  if (burst !== undefined) return integer(`${where}.burst`, burst) * (resource === "usd" ? nano : 1)
  return resource === "requests" && per !== undefined ? Math.max(1, Math.ceil((limit * 1000) / per)) : limit
}

const leavesSome = (where: string, limit: number, reserve: Required<Reserve>): void => {
  if (reserve.headroom > 0 && capacityFor(0, limit, reserve) < 1) {
    throw new InvalidOption(`${where}.headroom`, `small enough to leave normal traffic 1 of ${limit}`, reserve.headroom)
  }
}
