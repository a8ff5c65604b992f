/**
 * Hard constraints of a call. They filter: no failover, no hedge, no affinity and no panic crosses them. What is merely
 * better (cheaper, nearer, warmer) is a strategy's business.
 *
 * What is not known of a target counts against it where a constraint is a promise to somebody (region, retention, price), and
 * for it where the constraint only saves an attempt (context window).
 */
import type { Cost } from "./Cost.ts"
import { InvalidOption, integer, onlyKeys, positive } from "./InvalidOption.ts"
import type { Rates } from "./Price.ts"
import type { Capability, Target } from "./Target.ts"

export interface Constraints<Id extends string = string> {
  /** The target must have all of these. Default none. */
  readonly capabilities?: ReadonlyArray<Capability> | undefined
  /** Residency: the target's region must be one of these. Default any. */
  readonly regions?: ReadonlyArray<string> | undefined
  /** True: only targets that promise to keep nothing of prompt and answer (`zeroRetention`). Default false. */
  readonly zeroRetention?: boolean | undefined
  /** Tokens that prompt and answer need together; a target with a smaller known context window is left out. */
  readonly contextTokens?: number | undefined
  /** Only targets that the selector matches. Default all. */
  readonly only?: Selector<Id> | undefined
  /** None that this one matches, also where `only` does. Default none. */
  readonly except?: Selector<Id> | undefined
  /** Dearest rates, USD per million tokens, > 0; compared with the base rates. A target without a price is left out. */
  readonly maxPrice?: { readonly input?: number | undefined; readonly output?: number | undefined } | undefined
  /**
   * Most the call may cost in USD, > 0, by `estimatedTokens` and the base rates. Where the length of the answer is not known
   * nobody can promise that, and every target is left out: a routed model needs `maxOutputTokens`. So is one without a price.
   */
  readonly maxCostUsd?: number | undefined
  /**
   * The one target that holds what the call refers to: a stored response, an uploaded file, encrypted reasoning. Where every
   * target of an account has it, say `only: { accounts: [...] }`.
   */
  readonly pinnedTo?: Id | undefined
  /** Only targets for which this says true. Called per decision: keep it cheap and pure. */
  readonly allow?: ((target: Target) => boolean) | undefined
}

/** Matches a target that is in every list that is given. One that gives none matches every target. */
export interface Selector<Id extends string = string> {
  readonly targets?: ReadonlyArray<Id> | undefined
  readonly providers?: ReadonlyArray<string> | undefined
  readonly models?: ReadonlyArray<string> | undefined
  readonly accounts?: ReadonlyArray<string> | undefined
  readonly regions?: ReadonlyArray<string> | undefined
  /** The tag has this value, or one of these. */
  readonly tags?: Readonly<Record<string, string | ReadonlyArray<string>>> | undefined
}

/** Why a target cannot take a call at all. */
export type Violation = "Capability" | "Region" | "Retention" | "Context" | "NotAllowed" | "Price" | "Pinned"

/** Exclusions that no waiting changes. */
export const violations: ReadonlySet<string> = new Set([
  "Capability",
  "Region",
  "Retention",
  "Context",
  "NotAllowed",
  "Price",
  "Pinned"
] satisfies ReadonlyArray<Violation>)

/** Why `target` cannot take a call that needs this and costs that, or `undefined` when it can. */
export const violated = (needs: Constraints, target: Target, cost: Cost): Violation | undefined => {
  if (needs.pinnedTo !== undefined && needs.pinnedTo !== target.id) return "Pinned"
  if (needs.capabilities !== undefined) {
    for (const capability of needs.capabilities) if (!target.capabilities.has(capability)) return "Capability"
  }
  if (needs.regions !== undefined && !isIn(needs.regions, target.region)) return "Region"
  if (needs.zeroRetention === true && !target.zeroRetention) return "Retention"
  if (needs.contextTokens !== undefined && needs.contextTokens > (target.contextWindow ?? Number.POSITIVE_INFINITY)) {
    return "Context"
  }
  if (needs.only !== undefined && !matches(needs.only, target)) return "NotAllowed"
  if (needs.except !== undefined && matches(needs.except, target)) return "NotAllowed"
  if ((needs.maxPrice !== undefined || needs.maxCostUsd !== undefined) && isTooDear(needs, target, cost)) return "Price"
  // Nothing but true: a promise of an answer is none.
  return needs.allow === undefined || needs.allow(target) === true ? undefined : "NotAllowed"
}

/** As they are now: what the application does to its lists later changes no call that has begun. */
export const copy = (needs: Constraints): Constraints => ({
  ...needs,
  capabilities: needs.capabilities?.slice(),
  regions: needs.regions?.slice(),
  only: needs.only === undefined ? undefined : copySelector(needs.only),
  except: needs.except === undefined ? undefined : copySelector(needs.except),
  maxPrice: needs.maxPrice === undefined ? undefined : { ...needs.maxPrice }
})

const copySelector = (selector: Selector): Selector => ({
  targets: selector.targets?.slice(),
  providers: selector.providers?.slice(),
  models: selector.models?.slice(),
  accounts: selector.accounts?.slice(),
  regions: selector.regions?.slice(),
  tags: selector.tags === undefined ? undefined : { ...selector.tags }
})

/**
 * A text that two sets of constraints share only when they mean the same: answers made under other constraints are other
 * answers. `undefined` for one with a function, of which nobody can tell.
 */
export const keyOf = (needs: Constraints): string | undefined =>
  needs.allow === undefined ? JSON.stringify(needs, sorted) : undefined

/** Names and lists in one order: neither of them means anything here. */
const sorted = (_name: string, value: unknown): unknown => {
  if (Array.isArray(value)) return value.toSorted()
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The same for people: what the target has and what was asked for. `undefined` when nothing is violated. */
export const because = (needs: Constraints, target: Target, cost: Cost): string | undefined => {
  switch (violated(needs, target, cost)) {
    case "Pinned":
      return `what the call refers to is at ${needs.pinnedTo}`
    case "Capability":
      return `lacks ${needs.capabilities?.filter((capability) => !target.capabilities.has(capability)).join(", ")}`
    case "Region":
      return `${target.region ?? "unknown"}, not one of ${needs.regions?.join(", ")}`
    case "Retention":
      return "no promise to keep nothing"
    case "Context":
      return `${target.contextWindow} tokens, ${needs.contextTokens} needed`
    case "Price":
      return dearness(needs, target, cost)
    case "NotAllowed":
      if (needs.only !== undefined && !matches(needs.only, target)) return "not among `only`"
      return needs.except !== undefined && matches(needs.except, target) ? "among `except`" : "`allow` says no"
    default:
      return undefined
  }
}

export const matches = (selector: Selector, target: Target): boolean => {
  const { accounts, models, providers, regions, tags, targets } = selector
  if (targets !== undefined && !targets.includes(target.id)) return false
  if (providers !== undefined && !providers.includes(target.provider)) return false
  if (models !== undefined && !models.includes(target.model)) return false
  if (accounts !== undefined && !isIn(accounts, target.account)) return false
  if (regions !== undefined && !isIn(regions, target.region)) return false
  if (tags === undefined) return true
  for (const name in tags) {
    const wanted = tags[name]
    const value = Object.hasOwn(target.tags, name) ? target.tags[name] : undefined
    if (value === undefined || (typeof wanted === "string" ? wanted !== value : wanted?.includes(value) !== true)) {
      return false
    }
  }
  return true
}

const isIn = (list: ReadonlyArray<string>, value: string | undefined): boolean =>
  value !== undefined && list.includes(value)

const isTooDear = ({ maxCostUsd, maxPrice }: Constraints, { price }: Target, cost: Cost): boolean => {
  if (price === undefined) return true
  if (maxPrice?.input !== undefined && price.input > maxPrice.input) return true
  if (maxPrice?.output !== undefined && price.output > maxPrice.output) return true
  return maxCostUsd !== undefined && (isOpenEnded(cost) || usdOf(price, cost) > maxCostUsd)
}

/** Nobody said how many tokens it may take. */
const isOpenEnded = ({ estimate, tokens }: Cost): boolean =>
  estimate === undefined ? tokens === 0 : estimate.maxOutput === undefined

/** At the base rates. */
const usdOf = (price: Rates, cost: Cost): number => {
  const output = cost.outputTokens ?? 0
  return ((cost.tokens - output) * price.input + output * price.output) / 1e6
}

const dearness = ({ maxCostUsd, maxPrice }: Constraints, { price }: Target, cost: Cost): string => {
  if (price === undefined) return "its price is not known"
  for (const name of ["input", "output"] as const) {
    const most = maxPrice?.[name]
    if (most !== undefined && price[name] > most) {
      return `${price[name]} USD per million ${name} tokens, at most ${most}`
    }
  }
  if (isOpenEnded(cost)) return "how long the answer may be is not known"
  return `about ${Number(usdOf(price, cost).toPrecision(3))} USD, at most ${maxCostUsd}`
}

const needKeys: ReadonlySet<string> = new Set([
  ...["capabilities", "regions", "zeroRetention", "contextTokens", "only", "except", "maxPrice", "maxCostUsd"],
  ...["pinnedTo", "allow"]
])
const listKeys = ["targets", "providers", "models", "accounts", "regions"] as const
const selectorKeys: ReadonlySet<string> = new Set([...listKeys, "tags"])
const priceKeys: ReadonlySet<string> = new Set(["input", "output"])

/** Throws `InvalidOption`: a constraint that is misspelt must not be ignored. */
export const check = (where: string, needs: Constraints): void => {
  isObject(where, needs)
  onlyKeys(where, needs, needKeys)
  if (needs.contextTokens !== undefined) integer(`${where}.contextTokens`, needs.contextTokens, 0)
  for (const name of ["regions", "capabilities"] as const) isList(`${where}.${name}`, needs[name])
  if (needs.zeroRetention !== undefined && typeof needs.zeroRetention !== "boolean") {
    throw new InvalidOption(`${where}.zeroRetention`, "true or false", needs.zeroRetention)
  }
  for (const name of ["only", "except"] as const) checkSelector(`${where}.${name}`, needs[name])
  if (needs.maxPrice !== undefined) {
    isObject(`${where}.maxPrice`, needs.maxPrice)
    onlyKeys(`${where}.maxPrice`, needs.maxPrice, priceKeys)
    for (const name of ["input", "output"] as const) {
      const rate = needs.maxPrice[name]
      if (rate !== undefined) positive(`${where}.maxPrice.${name}`, rate)
    }
  }
  if (needs.maxCostUsd !== undefined) positive(`${where}.maxCostUsd`, needs.maxCostUsd)
  if (needs.pinnedTo !== undefined && typeof needs.pinnedTo !== "string") {
    throw new InvalidOption(`${where}.pinnedTo`, "a target id", needs.pinnedTo)
  }
  if (needs.allow !== undefined && typeof needs.allow !== "function") {
    throw new InvalidOption(`${where}.allow`, "a function of a target", needs.allow)
  }
}

/** Throws `InvalidOption`; also for strategies and rules that take a selector. */
export const checkSelector = (where: string, selector: Selector | undefined): void => {
  if (selector === undefined) return
  isObject(where, selector)
  onlyKeys(where, selector, selectorKeys)
  for (const name of listKeys) isList(`${where}.${name}`, selector[name])
  if (selector.tags !== undefined) isObject(`${where}.tags`, selector.tags)
}

const isObject = (where: string, value: unknown): void => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidOption(where, "an object", value)
  }
}

const isList = (where: string, value: unknown): void => {
  if (value !== undefined && !Array.isArray(value)) throw new InvalidOption(where, "a list", value)
}
