/**
 * The same world, smaller: calls come at a share of their rate, and what limits them is smaller by as much. Shares and
 * latencies stay about the same; a queue in front of few places is rougher than one in front of many.
 */
import type { Contender } from "@spillway/core/testing/Contender"
import type { Arrivals, Capacity, Provider, Scenario } from "@spillway/core/testing/Scenario"

type Limited = Record<string, unknown>

const whole = (value: number, by: number) => Math.max(1, Math.round(value * by))

const arrivals = (all: Arrivals, by: number): Arrivals => {
  switch (all.kind) {
    case "callers":
      return { ...all, count: whole(all.count, by) }
    case "times":
      // Every n-th, so that those which stay keep their shape.
      return { ...all, at: all.at.filter((_, i) => Math.floor((i + 1) * by) > Math.floor(i * by)) }
    case "rates":
      return { ...all, perSecond: all.perSecond.map((rate) => rate * by) }
    case "bursts":
      return { ...all, perSecond: all.perSecond * by, burstPerSecond: all.burstPerSecond * by }
    default:
      return { ...all, perSecond: all.perSecond * by }
  }
}

const capacity = (all: Capacity, by: number): Capacity => ({
  ...all,
  ...(all.concurrency === undefined ? {} : { concurrency: whole(all.concurrency, by) }),
  ...(all.maxQueued === undefined ? {} : { maxQueued: Math.round(all.maxQueued * by) }),
  ...(all.requestsPerMinute === undefined ? {} : { requestsPerMinute: all.requestsPerMinute * by }),
  ...(all.tokensPerMinute === undefined ? {} : { tokensPerMinute: all.tokensPerMinute * by })
})

const provider = (all: Provider, by: number): Provider =>
  all.capacity === undefined ? all : { ...all, capacity: capacity(all.capacity, by) }

const mapValues = <A>(record: Readonly<Record<string, A>>, change: (value: A) => A): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))

/** `by` > 0. */
export const scenario = (all: Scenario, by: number): Scenario =>
  by === 1
    ? all
    : {
        ...all,
        traffic: all.traffic.map((each) => ({ ...each, arrivals: arrivals(each.arrivals, by) })),
        providers: mapValues(all.providers, (each) => provider(each, by)),
        ...(all.accounts === undefined ? {} : { accounts: mapValues(all.accounts, (each) => capacity(each, by)) })
      }

/** All limits of a target are amounts or rates; all but the two rates are whole. */
const fractional: ReadonlySet<string> = new Set(["requestsPerMinute", "usdPerDay", "usdPerMonth"])

const limits = (all: object, by: number): Limited =>
  Object.fromEntries(
    Object.entries(all).map(([name, value]) => {
      if (typeof value !== "number") return [name, value]
      return [name, fractional.has(name) ? value * by : whole(value, by)]
    })
  )

/** The limits that a router keeps to are those of its targets; other contenders keep to none. */
export const contender = (all: Contender, by: number): Contender =>
  by === 1 || all._tag !== "Router"
    ? all
    : {
        ...all,
        targets: all.targets.map((target) =>
          target.limits === undefined ? target : { ...target, limits: limits(target.limits, by) }
        )
      }
