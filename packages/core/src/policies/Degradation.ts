/**
 * When calls leave a tier for the next one, how they come back, and what is left to do when no tier could answer.
 *
 * A tier is left when all its targets are unavailable: at pick time, so that no call is wasted on finding out. It stays left
 * for `minStay`. From the moment it is seen available after that, its share of the calls grows over `rampFor` instead of
 * flipping back, and a relapse on the way begins a new stay. A tier that is merely busy is not left: the call waits for it.
 * All this says where calls go *first*; when the lower tiers cannot take a call, a tier that was left may still be asked.
 *
 * It does not look at outcomes (breaker and cooldown do), and it holds no call back: admission and order are the router's.
 * Sources: Envoy's priority levels (spill-over) and slow start: share = max(0.1, max(t, 1 s)/T).
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { GateEvent, LocalReject, Millis, Verdict } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import type { Target } from "../model/Target.ts"

/**
 * What a target is to a call that its gates do not admit right now. A tier is what the best of its targets is.
 *
 * - `available`: it takes the call after all (a gate that would only rather not).
 * - `busy`: soon; the call waits, and goes on to the next tier only when it has waited as long as it may.
 * - `refusing`: not this call, though it works for others (a probe is under way, the rest is reserved): the call goes on to
 *   the next tier, others may come.
 * - `unavailable`: nobody; the tier is left.
 */
export type Availability = "available" | "busy" | "refusing" | "unavailable"

export interface Options {
  /**
   * What a rejection says about its target. Default: unavailable while its breaker is open, it cools down, is misconfigured,
   * isolated, draining or ejected; refusing while a breaker probes, load is shed, the rest is reserved or the call will
   * never fit; busy when its bulkhead is full; anything else by the wait: busy up to `maxWait`, else unavailable.
   */
  readonly availability?: (reject: LocalReject, now: Millis, target: Target) => Availability
  /** The longest wait for a limiter that still counts as busy. > 0, finite, default 1 second. */
  readonly maxWait?: Duration.Input
  /** How long a tier that was left stays so at least. > 0, finite, default 10 seconds. */
  readonly minStay?: Duration.Input
  /** How long the way back takes. > 0, finite, default 30 seconds. */
  readonly rampFor?: Duration.Input
  /** What to do, in this order, when the tiers have failed. Default nothing: the call fails. */
  readonly ladder?: ReadonlyArray<Rung>
}

/** A tier was left, or has all its calls back. They take turns. */
export interface TierEvent extends GateEvent {
  readonly _tag: "Degraded" | "Recovered"
  /** 0 is the first tier. */
  readonly tier: number
}

export interface TierSnapshot {
  readonly state: "home" | "left" | "returning"
  /** Of the calls that would go there first. In [0, 1]. */
  readonly share: number
  /** Milliseconds until the minimum stay is over. */
  readonly stayMs: Millis
  /** How often it was left since it last had all its calls: more than 1 is a relapse. */
  readonly stays: number
}

/** The tiers of one router. */
export interface Tiers {
  readonly availability: (verdict: Verdict, now: Millis, target: Target) => Availability
  /** A call went on to the next tier because this one was unavailable. The last tier cannot be left. */
  readonly left: (tier: number, now: Millis) => ReadonlyArray<TierEvent>
  /** What the tier is to a call now; to be told, before `share` is asked, while it is not home. */
  readonly seen: (tier: number, availability: Availability, now: Millis) => ReadonlyArray<TierEvent>
  /** Share of the calls that may go there first: let one through when `rng() < share`. */
  readonly share: (tier: number, now: Millis) => number
  /** True while all calls go there: nothing needs to be told or asked. */
  readonly isHome: (tier: number) => boolean
  readonly snapshot: (now: Millis) => ReadonlyArray<TierSnapshot>
}

export interface Policy {
  /** New tiers for one router, all of them home. `count` >= 1. */
  readonly tiers: (count: number) => Tiers
  /** What may be tried, in order, after the tiers failed for this `FailureReason`; nothing for any other word. */
  readonly rungs: (reason: string) => ReadonlyArray<Rung>
}

/** The degradation of an application. Its tiers' states are each router's own. */
export class Degradation extends Context.Service<Degradation, Policy>()("@spillway/core/policies/Degradation") {}

const optionKeys: ReadonlySet<string> = new Set(["availability", "maxWait", "minStay", "rampFor", "ladder"])

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Policy => {
  onlyKeys("Degradation", options, optionKeys)
  const millis = (name: string, input: Duration.Input) =>
    positive(`Degradation: ${name}`, positiveMillis(`Degradation: ${name}`, input))
  const minStay = millis("minStay", options.minStay ?? "10 seconds")
  const rampFor = millis("rampFor", options.rampFor ?? "30 seconds")
  const maxWait = millis("maxWait", options.maxWait ?? "1 second")
  const judge = options.availability ?? ((reject, now) => byReason(reject, now, maxWait))
  if (typeof judge !== "function") throw new InvalidOption("Degradation: availability", "a function", judge)
  const ladder: unknown = options.ladder ?? []
  if (!Array.isArray(ladder)) throw new InvalidOption("Degradation: ladder", "a list of rungs", ladder)
  const rungs = rungsByReason(options.ladder ?? [])
  return {
    tiers: (count) =>
      tiers(integer("Degradation: tiers", count), minStay, rampFor, (verdict, now, target) =>
        verdict === undefined ? "available" : judge(verdict, now, target)
      ),
    rungs: (reason) => rungs.get(reason) ?? noRungs
  }
}

export const layer = (options?: Options): Layer.Layer<Degradation> => Layer.sync(Degradation, () => make(options))

/** The reasons of `RouteError` that a ladder may answer. */
export const failureReasons = [
  "NoCandidate",
  "AttemptsExhausted",
  "RetryBudgetExhausted",
  "DeadlineExceeded",
  "Overloaded"
] as const

/** What the tiers failed with: the reasons of `RouteError` that a ladder may answer. */
export type FailureReason = (typeof failureReasons)[number]

/** One more thing to try when the tiers have failed. Each is tried once per call, from the first. */
export type Rung = ShorterOutput | StaleCache | Refuse

/** The tiers again, for an answer of at most `maxTokens`. A further attempt: the deadline and the retry budget hold for it. */
export interface ShorterOutput {
  readonly _tag: "ShorterOutput"
  readonly maxTokens: number
  readonly on: ReadonlyArray<FailureReason>
}

/** The last answer to the same cache key, though it has expired, if it is no older than `maxAgeMs`. Needs no time. */
export interface StaleCache {
  readonly _tag: "StaleCache"
  readonly maxAgeMs: Millis
  readonly on: ReadonlyArray<FailureReason>
}

/** The end, with words of the application's own in place of an error about targets. Needs no time. */
export interface Refuse {
  readonly _tag: "Refuse"
  readonly text: string
  readonly on: ReadonlyArray<FailureReason>
}

/**
 * `maxTokens`: integer >= 1, never more than the call itself asks for. `on`: by default `NoCandidate` and
 * `AttemptsExhausted`. Not after the deadline, because it takes time; after the other two it adds load to what is overloaded.
 */
export const shorterOutput = (options: {
  readonly maxTokens: number
  readonly on?: ReadonlyArray<Exclude<FailureReason, "DeadlineExceeded">>
}): Rung => ({
  _tag: "ShorterOutput",
  maxTokens: integer("Degradation: shorterOutput.maxTokens", options.maxTokens),
  on: options.on ?? ["NoCandidate", "AttemptsExhausted"]
})

/** `maxAge`: since the answer was made, > 0, default 1 day, `"Infinity"` for any. `on`: by default every reason. */
export const staleCache = (
  options: { readonly maxAge?: Duration.Input; readonly on?: ReadonlyArray<FailureReason> } = {}
): Rung => ({
  _tag: "StaleCache",
  maxAgeMs: positiveMillis("Degradation: staleCache.maxAge", options.maxAge ?? "1 day"),
  on: options.on ?? failureReasons
})

/** `text` is for whoever reads the error. `on`: by default every reason; a rung behind it for the same reason never runs. */
export const refuse = (text: string, options: { readonly on?: ReadonlyArray<FailureReason> } = {}): Rung => ({
  _tag: "Refuse",
  text,
  on: options.on ?? failureReasons
})

const noRungs: ReadonlyArray<Rung> = []

const rungsByReason = (ladder: ReadonlyArray<Rung>): ReadonlyMap<string, ReadonlyArray<Rung>> => {
  for (const [i, rung] of ladder.entries()) {
    const where = `Degradation: ladder[${i}]`
    const refusals = ladder.slice(0, i).filter(({ _tag }) => _tag === "Refuse")
    if (rung.on.length > 0 && rung.on.every((reason) => refusals.some(({ on }) => on.includes(reason)))) {
      throw new InvalidOption(where, "before the refusals that leave nothing for it", rung._tag)
    }
    if (rung._tag === "ShorterOutput" && rung.on.some((reason) => reason === "DeadlineExceeded")) {
      throw new InvalidOption(`${where}.on`, "without DeadlineExceeded, because it takes time", "DeadlineExceeded")
    }
  }
  return new Map(failureReasons.map((reason) => [reason, ladder.filter(({ on }) => on.includes(reason))]))
}

const order: Record<Availability, number> = { available: 0, busy: 1, refusing: 2, unavailable: 3 }

/** The better of two: what a tier is, folded over its targets. */
export const better = (a: Availability, b: Availability): Availability => (order[a] <= order[b] ? a : b)

const byWord: ReadonlyMap<string, Availability> = new Map([
  ["BreakerOpen", "unavailable"],
  ["CoolingDown", "unavailable"],
  ["Misconfigured", "unavailable"],
  ["Isolated", "unavailable"],
  ["Draining", "unavailable"],
  ["Ejected", "unavailable"],
  // These say no to one call and yes to the next: a tier is not left for them.
  ["BreakerProbing", "refusing"],
  ["Ramping", "refusing"],
  ["Shed", "refusing"],
  ["Reserved", "refusing"],
  ["BulkheadFull", "busy"]
])

const byReason = (reject: LocalReject, now: Millis, maxWait: Millis): Availability => {
  if (reject.soft === true) return "available"
  const known = byWord.get(reject.reason)
  if (known !== undefined) return known
  if (reject.retryAt === undefined) return "unavailable"
  // A call that needs more than the whole limit.
  if (reject.retryAt === Number.POSITIVE_INFINITY) return "refusing"
  return reject.retryAt - now <= maxWait ? "busy" : "unavailable"
}

interface Tier {
  state: TierSnapshot["state"]
  stayUntil: Millis
  rampFrom: Millis
  stays: number
}

const none: ReadonlyArray<TierEvent> = []

const tiers = (count: number, minStay: Millis, rampFor: Millis, availability: Tiers["availability"]): Tiers => {
  const all = Array.from({ length: count }, (): Tier => ({ state: "home", stayUntil: 0, rampFrom: 0, stays: 0 }))
  let lastSeen = Number.NEGATIVE_INFINITY
  const see = (now: Millis): Millis => {
    if (now > lastSeen) lastSeen = now
    return lastSeen
  }
  const shareOf = (tier: Tier | undefined, at: Millis): number => {
    if (tier === undefined || tier.state === "home") return 1
    if (tier.state === "left") return 0
    return Math.min(1, Math.max(0.1, Math.max(at - tier.rampFrom, 1000) / rampFor))
  }
  const leave = (tier: Tier, at: Millis): void => {
    tier.state = "left"
    tier.stayUntil = at + minStay
    tier.stays++
  }
  /** A way back that ended while nobody looked. */
  const arrive = (tier: Tier, number: number, at: Millis): ReadonlyArray<TierEvent> => {
    if (tier.state !== "returning" || at - tier.rampFrom < rampFor) return none
    tier.state = "home"
    tier.stays = 0
    return [{ _tag: "Recovered", gate: "degradation", tier: number }]
  }

  return {
    availability,
    left: (number, now) => {
      const at = see(now)
      const tier = all[number]
      // Calls that were on their way when the tier was left say nothing new.
      if (tier === undefined || number >= count - 1 || tier.state === "left") return none
      const events = arrive(tier, number, at)
      const wasHome = tier.state === "home"
      leave(tier, at)
      if (!wasHome) return events
      const degraded = { _tag: "Degraded", gate: "degradation", tier: number, until: tier.stayUntil } as const
      return events === none ? [degraded] : [...events, degraded]
    },
    seen: (number, availability, now) => {
      const at = see(now)
      const tier = all[number]
      if (tier === undefined || tier.state === "home") return none
      const events = arrive(tier, number, at)
      if (tier.state === "left") {
        if (at >= tier.stayUntil && (availability === "available" || availability === "busy")) {
          tier.state = "returning"
          tier.rampFrom = at
        }
      } else if (tier.state === "returning" && availability === "unavailable") leave(tier, at)
      return events
    },
    share: (number, now) => shareOf(all[number], see(now)),
    isHome: (number) => all[number]?.state === "home",
    snapshot: (now) => {
      const at = see(now)
      return all.map((tier) => {
        const returned = tier.state === "returning" && at - tier.rampFrom >= rampFor
        return {
          state: returned ? "home" : tier.state,
          share: shareOf(tier, at),
          stayMs: tier.state === "left" ? Math.max(0, tier.stayUntil - at) : 0,
          stays: returned ? 0 : tier.stays
        }
      })
    }
  }
}
