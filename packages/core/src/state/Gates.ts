/**
 * Which gates protect a target, and in which order. The default, outermost first: cooldown, ejection, limits of the target,
 * limits of its account, headroom, bulkhead, breaker; before all of them, where the window is known, whether the call fits
 * into it. The breaker stands last, so that its probe slot is only taken by an
 * attempt that nothing else refuses.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as AdaptiveBulkhead from "../gates/AdaptiveBulkhead.ts"
import * as Breaker from "../gates/Breaker.ts"
import * as Bulkhead from "../gates/Bulkhead.ts"
import * as ContextFit from "../gates/ContextFit.ts"
import * as Cooldown from "../gates/Cooldown.ts"
import * as Ejection from "../gates/Ejection.ts"
import * as Headroom from "../gates/Headroom.ts"
import * as MultiLimit from "../gates/MultiLimit.ts"
import * as RateLimit from "../gates/RateLimit.ts"
import type { Gate } from "../model/Gate.ts"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import type { Target } from "../model/Target.ts"

/** Makes the gates of one target. */
export interface GatesOf {
  (target: Target): ReadonlyArray<Gate>
  /**
   * Called once per router with all its targets, before any gate is made, for gates that look at them together; what it
   * returns makes the gates of that router. Throws `InvalidOption` when they do not go together.
   */
  readonly forTargets?: (targets: ReadonlyArray<Target>) => GatesOfRouter
}

/** Makes the gates of one router: for each target, and again for one whose limits, context window or account have changed. */
export interface GatesOfRouter {
  (target: Target): ReadonlyArray<Gate>
  /** Called with each further set of a router whose targets change, before it is used. Throws `InvalidOption`. */
  readonly check?: (targets: ReadonlyArray<Target>) => void
}

/** The gates of an application: `Layer.succeed(Gates, (target) => [...])`. */
export class Gates extends Context.Service<Gates, GatesOf>()("@spillway/core/state/Gates") {}

export interface Options {
  /** `false`: no breaker. */
  readonly breaker?: Breaker.Options | false
  readonly cooldown?: Cooldown.Options
  /** Attempts in flight per target that says nothing itself (`limits.maxInFlight`). Integer >= 1, default 100. */
  readonly maxInFlight?: number
  /**
   * A bulkhead that learns how much a target bears, from rate limits, overload and timeouts; `maxInFlight` is then the most
   * it may allow. Default: a fixed one.
   */
  readonly adaptive?: Omit<AdaptiveBulkhead.Options, "max"> | true
  /** Takes a target out of rotation that fails while others do not. Default: none; the breaker sees single targets. */
  readonly ejection?: Ejection.Options
  /**
   * Share of every concurrency limit, and of the limits of targets and accounts, that is kept for P0 and for failovers of P0
   * and P1. In [0, 1), default 0. Checked against the weights: with less than the share of the heaviest target, the others
   * do not bear its loss, which is an error unless `shedding` accepts it.
   */
  readonly headroom?: number | { readonly share: number; readonly shedding: "accepted" }
  /**
   * Believe what providers' headers say is left of their limits also for targets that name none: nothing left closes the
   * target until the reset. Limits that are named are lowered by such reports in any case, never raised. Default false.
   */
  readonly learnLimits?: boolean
  /** Limits that targets of one account share (`target.account`), by account. */
  readonly accounts?: Readonly<Record<string, MultiLimit.Options>>
}

/** The default gates. A limit only where the target, or its account, names one. */
export const make = (options: Options = {}): GatesOf => {
  if (typeof options !== "object" || options === null) throw new InvalidOption("Gates", "an object", options)
  onlyKeys("Gates", options, keys)
  const { headroom } = options
  if (typeof headroom === "object") onlyKeys("Gates: headroom", headroom, headroomKeys)
  if (typeof headroom === "object" && headroom.shedding !== "accepted") {
    throw new InvalidOption("Gates: headroom.shedding", `"accepted"`, headroom.shedding)
  }
  // Made once, not per router: routers that are given the same layer share the account as they do in reality.
  const accounts = new Map(
    Object.entries(options.accounts ?? {}).map(([name, limits]) => {
      const money = limits.usdPerDay ?? limits.usdPerMonth ?? limits.usdTotal
      if (money !== undefined && limits.price === undefined) {
        throw new InvalidOption(`Gates: accounts.${name}.price`, "given where money is limited", limits.price)
      }
      return [name, MultiLimit.make({ ...reserved(options), ...limits, name: "account" })] as const
    })
  )
  const forTargets = (targets: ReadonlyArray<Target>) => {
    const check = (targets: ReadonlyArray<Target>) => checkHeadroom(options, targets)
    check(targets)
    const group = options.ejection === undefined ? undefined : Ejection.make(options.ejection)
    return Object.assign((target: Target) => gatesOf(options, accounts, group, target), { check })
  }
  return Object.assign((target: Target) => forTargets([target])(target), { forTargets })
}

const keys: ReadonlySet<string> = new Set([
  ...["breaker", "cooldown", "maxInFlight", "adaptive", "ejection", "headroom", "learnLimits", "accounts"]
])
const headroomKeys: ReadonlySet<string> = new Set(["share", "shedding"])

export const layer = (options?: Options): Layer.Layer<Gates> => Layer.sync(Gates, () => make(options))

const gatesOf = (
  options: Options,
  accounts: ReadonlyMap<string, MultiLimit.MultiLimit>,
  group: Ejection.Group | undefined,
  target: Target
): ReadonlyArray<Gate> => {
  const headroom = shareOf(options)
  const maxInFlight = target.limits.maxInFlight ?? options.maxInFlight ?? 100
  const { contextWindow } = target
  const context = contextWindow === undefined ? undefined : ContextFit.make({ contextWindow })
  const cooldown = Cooldown.make(options.cooldown)
  const limits = limitsOf(options, target)
  const account = accountOf(accounts, target)
  const adaptive =
    options.adaptive === undefined
      ? undefined
      : AdaptiveBulkhead.make(within(options.adaptive === true ? {} : options.adaptive, maxInFlight))
  const bulkhead = adaptive ?? Bulkhead.make({ maxInFlight })
  const breaker = options.breaker === false ? undefined : Breaker.make(options.breaker)
  const cost = { requests: 1, tokens: 0 }
  const kept = headroom === 0 ? undefined : Headroom.make({ capacity: adaptive?.limit ?? maxInFlight, headroom })
  // Last: who has joined the group must not be lost because another option is wrong.
  const ejection = group?.gateFor({
    id: target.id,
    available: (now) => cooldown.peek(now, cost) === undefined && breaker?.peek(now, cost) === undefined
  })
  return [context, cooldown, ejection, limits, account, kept, bulkhead, breaker].filter((gate) => gate !== undefined)
}

/** What a target says itself is the most, also where the application would begin higher. */
const within = (adaptive: Omit<AdaptiveBulkhead.Options, "max">, max: number): AdaptiveBulkhead.Options => ({
  ...adaptive,
  max,
  ...(adaptive.initial === undefined ? {} : { initial: Math.min(adaptive.initial, max) }),
  ...(adaptive.min === undefined ? {} : { min: Math.min(adaptive.min, max) })
})

/** Requests per minute alone need no more than one number. */
const limitsOf = (options: Options, target: Target): Gate | undefined => {
  const { burst, maxInFlight: _, requestsPerMinute, ...others } = target.limits
  const simple = Object.values(others).every((limit) => limit === undefined) && options.learnLimits !== true
  if (simple && requestsPerMinute === undefined) return undefined
  if (simple && requestsPerMinute !== undefined && shareOf(options) === 0) {
    return RateLimit.make({ requestsPerMinute, ...optional({ burst }) })
  }
  const perMinute = requestsPerMinute === undefined ? undefined : { limit: requestsPerMinute, ...optional({ burst }) }
  return MultiLimit.make({
    ...reserved(options),
    ...optional({ ...others, requestsPerMinute: perMinute, price: target.price }),
    learn: options.learnLimits === true,
    name: "limits"
  })
}

const accountOf = (accounts: ReadonlyMap<string, MultiLimit.MultiLimit>, target: Target): Gate | undefined => {
  if (target.account === undefined || accounts.size === 0) return undefined
  const account = accounts.get(target.account)
  if (account === undefined) {
    const known = [...accounts.keys()].join(", ")
    throw new InvalidOption(`Gates: account of target ${target.id}`, `one of ${known}`, target.account)
  }
  const gate = target.price === undefined ? account : account.priced(target.price)
  // It is the account's, not the target's: a target that changes its account takes nothing there.
  return { ...gate, takeOver: nothing }
}

const nothing = () => {}

const shareOf = ({ headroom }: Options): number => (typeof headroom === "object" ? headroom.share : (headroom ?? 0))

const reserved = (options: Options) => (shareOf(options) === 0 ? {} : { headroom: shareOf(options) })

const checkHeadroom = (options: Options, targets: ReadonlyArray<Target>): void => {
  const { headroom } = options
  if (headroom === undefined || headroom === 0 || targets.length === 0) return
  const weights = Object.fromEntries(targets.filter(({ tier }) => tier === 0).map(({ id, weight }) => [id, weight]))
  const overload = Headroom.validate({ headroom: shareOf(options), weights })
  if (overload === undefined || typeof headroom === "object") return
  throw new InvalidOption(
    "Gates: headroom",
    `enough for the loss of any target, or { share, shedding: "accepted" }`,
    headroom,
    overload
  )
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without what is `undefined`. */
const optional = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
