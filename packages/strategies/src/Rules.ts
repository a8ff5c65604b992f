/**
 * An ordered list of rules on what a call says about itself: the first that matches decides which targets are preferred, and by
 * which strategy. O(rules) per pick, and the pick of the strategy.
 *
 * Use it when people speak in rules: "batch jobs to the cheap account, the gold tenant to the fast one". A rule prefers: when
 * none of its targets is eligible the rules behind it go on, and at last `otherwise`. What a call must not cross belongs in its
 * `needs`, and which share of the calls tries something new in `Canary`.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Selector } from "@spillway/core/Constraints"
import type { Priority } from "@spillway/core/Cost"
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Picker, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { where } from "./combinators/where.ts"
import { checkStrategy, makeAll, namesOf, Outer } from "./internal/inner.ts"
import * as PowerOfTwo from "./PowerOfTwo.ts"

/** Matches a call for which all that is given holds. */
export interface When {
  /** The tag has this value, or one of these. */
  readonly tags?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly priorities?: ReadonlyArray<Priority>
  readonly tenants?: ReadonlyArray<string>
  /** Called per pick: keep it cheap and pure. */
  readonly matches?: (request: RouteRequest) => boolean
}

export interface Rule<Id extends string = never> {
  readonly when: When
  /** The targets it prefers. Default all. */
  readonly only?: Selector<Id>
  /** Who picks among them. Default `PowerOfTwo.make()`. */
  readonly use?: Strategy<Id>
}

const ruleKeys: ReadonlySet<string> = new Set(["when", "only", "use"])
const whenKeys: ReadonlySet<string> = new Set(["tags", "priorities", "tenants", "matches"])
const priorities: ReadonlySet<string> = new Set(["P0", "P1", "P2", "P3"])

/** `otherwise` picks where no rule does; default `PowerOfTwo.make()`. `score` is that of the first rule that matches. Throws `InvalidOption`. */
export const make = <const Id extends string = never>(
  rules: ReadonlyArray<Rule<Id>>,
  otherwise: Strategy<Id> = PowerOfTwo.make()
): Strategy<Id> => {
  if (!Array.isArray(rules)) throw new InvalidOption("Rules", "a list of rules", rules)
  rules.forEach(checkRule)
  checkStrategy("Rules: otherwise", otherwise)
  const strategies: ReadonlyArray<Strategy<Id>> = [
    ...rules.map(({ only, use = PowerOfTwo.make() }) => (only === undefined ? use : where(only, use))),
    otherwise
  ]
  const conditions = rules.map(({ when }) => when)
  return {
    name: "rules",
    ...namesOf(strategies),
    make: (candidates, before) =>
      Effect.map(
        makeAll(strategies, candidates, before instanceof RulesPicker ? before : undefined),
        (made) => new RulesPicker(made, conditions)
      )
  }
}

/** The application's strategy, as `make`. */
export const layer = (...args: Parameters<typeof make>): Layer.Layer<CurrentStrategy> =>
  Layer.succeed(CurrentStrategy, make(...args))

class RulesPicker extends Outer {
  readonly #conditions: ReadonlyArray<When>

  constructor(inner: ReadonlyArray<Picker>, conditions: ReadonlyArray<When>) {
    super(inner)
    this.#conditions = conditions
  }

  readonly pick: Picker["pick"] = (request, eligible, now, rng): Candidate | undefined => {
    for (let i = 0; i < this.inner.length; i++) {
      const when = this.#conditions[i]
      if (when !== undefined && !holds(when, request)) continue
      const picked = this.inner[i]?.pick(request, eligible, now, rng)
      if (picked !== undefined) return picked
    }
    return undefined
  }

  readonly score: Picker["score"] = (candidate, request, now) => {
    const found = this.#conditions.findIndex((when) => holds(when, request))
    const picker = found < 0 ? this.inner.at(-1) : this.inner[found]
    return picker?.score?.(candidate, request, now) ?? 0
  }
}

const holds = ({ matches, priorities, tags, tenants }: When, request: RouteRequest): boolean => {
  if (priorities !== undefined && !priorities.includes(request.priority)) return false
  if (tenants !== undefined && (request.tenant === undefined || !tenants.includes(request.tenant))) return false
  for (const name in tags) {
    const wanted = tags[name]
    const value = Object.hasOwn(request.tags, name) ? request.tags[name] : undefined
    if (value === undefined || (typeof wanted === "string" ? wanted !== value : wanted?.includes(value) !== true)) {
      return false
    }
  }
  return matches === undefined || matches(request)
}

const checkRule = (rule: Rule<string>, i: number): void => {
  const at = `Rules[${i}]`
  if (typeof rule !== "object" || rule === null)
    throw new InvalidOption(at, "an object with when and only or use", rule)
  onlyKeys(at, rule, ruleKeys)
  if (typeof rule.when !== "object" || rule.when === null) throw new InvalidOption(`${at}.when`, "an object", rule.when)
  onlyKeys(`${at}.when`, rule.when, whenKeys)
  if (rule.only === undefined && rule.use === undefined) throw new InvalidOption(at, "given only, use, or both", rule)
  if (rule.use !== undefined) checkStrategy(`${at}.use`, rule.use)
  for (const name of ["priorities", "tenants"] as const) {
    const list = rule.when[name]
    if (list !== undefined && !Array.isArray(list)) throw new InvalidOption(`${at}.when.${name}`, "a list", list)
  }
  const { matches, tags } = rule.when
  if (matches !== undefined && typeof matches !== "function") {
    throw new InvalidOption(`${at}.when.matches`, "a function of a request", matches)
  }
  if (tags !== undefined && (typeof tags !== "object" || tags === null || Array.isArray(tags))) {
    throw new InvalidOption(`${at}.when.tags`, "an object", tags)
  }
  for (const [name, wanted] of Object.entries(tags ?? {})) {
    if (typeof wanted === "string" || Array.isArray(wanted)) continue
    throw new InvalidOption(`${at}.when.tags.${name}`, "a value or a list of values", wanted)
  }
  const wrong = rule.when.priorities?.find((priority) => !priorities.has(priority))
  if (wrong !== undefined) throw new InvalidOption(`${at}.when.priorities`, `made of "P0" to "P3"`, wrong)
}
