/**
 * Canary and A/B: a share of the calls goes to named targets, the rest to the others. Who is in a variant is decided by a hash
 * of the call's key, so the same user stays in it, on every machine and after every restart; inside a variant another
 * strategy decides. O(variants) beside that.
 *
 * Use it to try a model, a region or an account on some of the traffic, or to compare two. To let a new target of the same
 * kind grow into its load, a gate's slow start does; for shares that need no stable members, weights do.
 *
 * A share that grows keeps all who were in it. Variants are asked in the order in which they are written down, each with a
 * hash of its own, so another share leaves a variant's members where they are, but for those that a grown variant written
 * before it takes. (With three variants no rule without a memory could do better.) `name` is the experiment's salt: two
 * experiments with different names divide the same users independently.
 *
 * A variant none of whose targets may be picked falls to the rest, and the rest to the variants: a canary that is down costs
 * nobody an answer. `strict` forbids both.
 *
 * Source: D. Tang et al., "Overlapping Experiment Infrastructure: More, Better, Faster Experimentation", KDD 2010 (a hash per
 * experiment for independent division).
 */
import type { Candidate } from "@spillway/core/Candidate"
import { checkSelector, matches, type Selector } from "@spillway/core/Constraints"
import type { Millis, Rng } from "@spillway/core/Gate"
import * as Hash from "@spillway/core/Hash"
import { InvalidOption, onlyKeys, share } from "@spillway/core/InvalidOption"
import type { Outcome } from "@spillway/core/Outcome"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Eligible, Picker, Settlement, Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import { checkStrategy } from "./internal/inner.ts"
import * as PowerOfTwo from "./PowerOfTwo.ts"

export interface Variant<Id extends string = string> {
  /** Of all calls. In [0, 1]; those of all variants sum to at most 1. */
  readonly share: number
  /** Its targets, by id or by what they have. A target that several variants match belongs to the first. */
  readonly targets: ReadonlyArray<Id> | Selector<Id>
  /** Picks among its targets. Default `Options.within`. */
  readonly within?: Strategy<Id>
}

export interface Options<Id extends string = string> {
  /** The experiment's: another name is another division of the users. */
  readonly name: string
  /** By name, at least one. */
  readonly variants: Readonly<Record<string, Variant<Id>>>
  /** What a call is known by; `undefined`: drawn anew for each call. Default `affinityKey`, else `tenant`. */
  readonly keyOf?: (request: RouteRequest) => string | undefined
  /** Picks among the targets of the rest, and of variants that name no strategy. Default `PowerOfTwo.make()`. */
  readonly within?: Strategy<Id>
  /** True: nobody answers for another variant; where none of its targets may be picked, none is. Default false. */
  readonly strict?: boolean
}

const optionKeys: ReadonlySet<string> = new Set(["name", "variants", "keyOf", "within", "strict"])
const variantKeys: ReadonlySet<string> = new Set(["share", "targets", "within"])

/** `score` is that of the strategy within, `Infinity` for targets that are not the call's. Throws `InvalidOption`. */
export const make = <const Id extends string>(options: Options<Id>): Strategy<Id> => {
  const arms = check(options)
  const named = arms.flatMap(({ selector, within }) => [...(selector.targets ?? []), ...(within?.targets ?? [])])
  const settings: Settings = {
    arms,
    keyOf: options.keyOf ?? ((request) => request.affinityKey ?? request.tenant),
    strict: options.strict === true
  }
  const rest: Strategy<Id> | Strategy = options.within ?? PowerOfTwo.make()
  return {
    name: "canary",
    targets: [...new Set([...named, ...(options.within?.targets ?? [])])],
    make: (candidates, before) => {
      const last = before instanceof CanaryPicker ? before : undefined
      const groups: Array<Array<Candidate>> = [...arms, undefined].map(() => [])
      const groupOf = new Map<Candidate, number>()
      for (const candidate of candidates) {
        const arm = arms.findIndex(({ selector }) => matches(selector, candidate.target))
        const group = arm < 0 ? arms.length : arm
        groups[group]?.push(candidate)
        groupOf.set(candidate, group)
      }
      return Effect.map(
        Effect.forEach(groups, (members, i) => (arms[i]?.within ?? rest).make(members, last?.pickers[i])),
        (pickers) => new CanaryPicker(pickers, groupOf, settings)
      )
    }
  }
}

interface Arm<Id extends string = string> {
  /** Of those that no variant before it has taken. */
  readonly share: number
  readonly salt: number
  readonly selector: Selector<Id>
  readonly within: Strategy<Id> | undefined
}

interface Settings {
  readonly arms: ReadonlyArray<Arm>
  readonly keyOf: (request: RouteRequest) => string | undefined
  readonly strict: boolean
}

const check = <Id extends string>(options: Options<Id>): ReadonlyArray<Arm<Id>> => {
  onlyKeys("Canary", options, optionKeys)
  if (typeof options.name !== "string" || options.name === "") {
    throw new InvalidOption("Canary: name", "a non-empty string", options.name)
  }
  if (options.keyOf !== undefined && typeof options.keyOf !== "function") {
    throw new InvalidOption("Canary: keyOf", "a function of a request", options.keyOf)
  }
  if (options.strict !== undefined && typeof options.strict !== "boolean") {
    throw new InvalidOption("Canary: strict", "true or false", options.strict)
  }
  if (options.within !== undefined) checkStrategy("Canary: within", options.within)
  const names = Object.keys(options.variants ?? {})
  if (names.length === 0) throw new InvalidOption("Canary: variants", "an object of at least one", options.variants)
  let left = 1
  return names.map((name) => {
    const where = `Canary: variants.${name}`
    const variant = options.variants[name] as Variant<Id>
    onlyKeys(where, variant, variantKeys)
    const own = share(`${where}.share`, variant.share)
    if (variant.within !== undefined) checkStrategy(`${where}.within`, variant.within)
    // Ten times 0.1 is a little more than 1.
    if (own > left + 1e-9) throw new InvalidOption(`${where}.share`, `at most ${left}, what the others leave`, own)
    const selector: Selector<Id> = isList(variant.targets) ? { targets: variant.targets } : variant.targets
    checkSelector(`${where}.targets`, selector)
    if (selector === undefined || (selector.targets !== undefined && selector.targets.length === 0)) {
      throw new InvalidOption(`${where}.targets`, "a list of at least one target id, or a selector", variant.targets)
    }
    const ofLeft = left <= 0 ? 0 : Math.min(1, own / left)
    left -= own
    return { share: ofLeft, salt: Hash.text(`${options.name}\n${name}`), selector, within: variant.within }
  })
}

const isList = <A>(value: ReadonlyArray<A> | object): value is ReadonlyArray<A> => Array.isArray(value)

class CanaryPicker implements Picker {
  /** One per variant, and that of the rest. */
  readonly pickers: ReadonlyArray<Picker>
  readonly #groupOf: ReadonlyMap<Candidate, number>
  readonly #settings: Settings

  constructor(pickers: ReadonlyArray<Picker>, groupOf: ReadonlyMap<Candidate, number>, settings: Settings) {
    this.pickers = pickers
    this.#groupOf = groupOf
    this.#settings = settings
  }

  readonly pick = (request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng): Candidate | undefined => {
    const key = this.#settings.keyOf(request)
    const own = key === undefined ? this.#drawn(rng) : this.#groupOfKey(key)
    const picked = this.pickers[own]?.pick(request, eligible, now, rng)
    if (picked !== undefined || this.#settings.strict) return picked
    const rest = this.pickers.length - 1
    for (let group = rest; group >= 0; group--) {
      const other = group === own ? undefined : this.pickers[group]?.pick(request, eligible, now, rng)
      if (other !== undefined) return other
    }
    return undefined
  }

  readonly settled = (candidate: Candidate, outcome: Outcome, now: Millis, settlement: Settlement): void => {
    const group = this.#groupOf.get(candidate)
    if (group !== undefined) this.pickers[group]?.settled?.(candidate, outcome, now, settlement)
  }

  readonly score = (candidate: Candidate, request: RouteRequest, now: Millis): number => {
    const key = this.#settings.keyOf(request)
    const group = this.#groupOf.get(candidate)
    if (group === undefined || (key !== undefined && group !== this.#groupOfKey(key))) return Number.POSITIVE_INFINITY
    return this.pickers[group]?.score?.(candidate, request, now) ?? 0
  }

  #groupOfKey(key: string): number {
    const { arms } = this.#settings
    const hash = Hash.text(key)
    for (let i = 0; i < arms.length; i++) {
      const arm = arms[i] as Arm
      if (Hash.unit(Hash.mix(hash, arm.salt)) < arm.share) return i
    }
    return arms.length
  }

  #drawn(rng: Rng): number {
    const { arms } = this.#settings
    for (let i = 0; i < arms.length; i++) if (rng() < (arms[i] as Arm).share) return i
    return arms.length
  }
}
