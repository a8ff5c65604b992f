/**
 * The cheapest target for the tokens of the call, without flooding it: targets within a band of the lowest price share the
 * calls by load, and one whose limits are nearly used up is left for a dearer one.
 *
 * Use it for batch work, or wherever a second more does not matter and a cent does. It is not a limit: what a call may cost at
 * most is `needs.maxPrice` and `needs.maxCostUsd`. A target whose price is not known is never cheap: it comes last. Retries of a
 * cheap target that fails often cost too, so a price counts per success: divided by the success rate; and one that fails more
 * often than not is asked last.
 *
 * Prices are the targets' base rates (`Price` says why: they are the dearer ones where the hour matters), for input and output
 * as the call estimates them, or in the ratio of `outputShare`. O(n) per pick: two multiplications for each target.
 *
 * Source: cheapest-first of LiteLLM's `lowest_cost` floods one target; OpenRouter weighs by the inverse square of the price and
 * leaves out who failed of late. The band and what is kept free are ours.
 */
import type { Candidate, Load } from "@spillway/core/Candidate"
import type { Cost } from "@spillway/core/Cost"
import type { Millis, Rng } from "@spillway/core/Gate"
import { InvalidOption, onlyKeys, share } from "@spillway/core/InvalidOption"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Picker, type Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { load as defaultLoad } from "./loads/TokenNormalized.ts"

export interface Options {
  /** How much dearer than the cheapest a target may be and still share its calls. >= 0, default 0.1: a tenth. */
  readonly spread?: number
  /** A dearer target is taken while less than this share of a cheaper one's limits is left. In [0, 1], default 0.1; 0: never. */
  readonly keepFree?: number
  /** Part of a call's tokens that is output, where the call does not say. In [0, 1], default 0.25. */
  readonly outputShare?: number
  /** How busy a candidate is, among those within the band. Default `TokenNormalized.load`. */
  readonly load?: Load
}

const optionKeys: ReadonlySet<string> = new Set(["spread", "keepFree", "outputShare", "load"])

/** `score` is USD per million tokens of the call's kind, per success. Throws `InvalidOption`. */
export const make = (options: Options = {}): Strategy => {
  onlyKeys("Cheapest", options, optionKeys)
  const { spread = 0.1 } = options
  if (!(typeof spread === "number" && spread >= 0)) throw new InvalidOption("Cheapest: spread", "a number >= 0", spread)
  const keepFree = share("Cheapest: keepFree", options.keepFree ?? 0.1)
  const outputShare = share("Cheapest: outputShare", options.outputShare ?? 0.25)
  const load = options.load ?? defaultLoad
  if (typeof load !== "function") {
    throw new InvalidOption("Cheapest: load", "a function of a candidate and a time", load)
  }
  return {
    name: "cheapest",
    make: (candidates) => Effect.sync(() => new CheapestPicker(candidates, { spread, keepFree, outputShare, load }))
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))

interface Settings {
  readonly spread: number
  readonly keepFree: number
  readonly outputShare: number
  readonly load: Load
}

class CheapestPicker implements Picker {
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #settings: Settings
  /** Of one pick, by place; NaN: not eligible. */
  readonly #prices: Float64Array

  constructor(candidates: ReadonlyArray<Candidate>, settings: Settings) {
    this.#candidates = candidates
    this.#settings = settings
    this.#prices = new Float64Array(candidates.length)
  }

  readonly pick: Picker["pick"] = (request, eligible, now, rng) => {
    const output = this.#outputOf(request.cost)
    const { keepFree } = this.#settings
    let cheapest = Number.NaN
    let last: Candidate | undefined
    for (let i = 0; i < this.#candidates.length; i++) {
      const candidate = this.#candidates[i] as Candidate
      this.#prices[i] = Number.NaN
      if (!eligible(candidate)) continue
      if ((candidate.headroom(now) ?? 1) < keepFree || candidate.successRate(now) < leastRate) {
        // Better than nobody: of those that are ill or nearly full the one with the most left.
        if (last === undefined || (candidate.headroom(now) ?? 1) > (last.headroom(now) ?? 1)) last = candidate
        continue
      }
      const price = priceOf(candidate, output, now)
      this.#prices[i] = price
      if (!(price >= cheapest)) cheapest = price
    }
    if (Number.isNaN(cheapest)) return last
    const { spread } = this.#settings
    // Infinitely much of nothing is no number.
    return this.#twoOf(spread === Number.POSITIVE_INFINITY ? spread : cheapest * (1 + spread), now, rng)
  }

  readonly score: Picker["score"] = (candidate: Candidate, request: RouteRequest, now: Millis) =>
    priceOf(candidate, this.#outputOf(request.cost), now)

  /** The less loaded of two that were drawn from those that cost at most `upTo`. */
  #twoOf(upTo: number, now: Millis, rng: Rng): Candidate | undefined {
    const { load } = this.#settings
    let first: Candidate | undefined
    let second: Candidate | undefined
    let seen = 0
    for (let i = 0; i < this.#candidates.length; i++) {
      const price = this.#prices[i] as number
      if (!(price <= upTo)) continue
      const candidate = this.#candidates[i] as Candidate
      seen++
      if (first === undefined) first = candidate
      else if (second === undefined) second = candidate
      else {
        // Reservoir of two: each pair has the same chance.
        const place = Math.floor(rng() * seen)
        if (place === 0) first = candidate
        else if (place === 1) second = candidate
      }
    }
    if (first === undefined || second === undefined) return first
    const [one, other] = [load(first, now), load(second, now)]
    return other < one || (other === one && rng() < 0.5) ? second : first
  }

  /** The output's part of the tokens. */
  #outputOf(cost: Cost): number {
    const { estimate, outputTokens = 0 } = cost
    // The router counts prompts; without a cap nobody knows how long the answer is, which is not an answer of 0 tokens.
    if (estimate !== undefined && estimate.maxOutput === undefined && outputTokens === 0) {
      return this.#settings.outputShare
    }
    return cost.tokens > 0 ? Math.min(1, outputTokens / cost.tokens) : this.#settings.outputShare
  }
}

/** Per success; the largest number there is where the price is not known. */
const priceOf = (candidate: Candidate, output: number, now: Millis): number => {
  const { price } = candidate.target
  if (price === undefined) return Number.MAX_VALUE
  return ((1 - output) * price.input + output * price.output) / Math.max(lowestRate, candidate.successRate(now))
}

/** Who fails more than this is asked when nobody else is left: at a price of 0 no rate would make it dear. */
const leastRate = 0.5

/** So that no known price is infinite. */
const lowestRate = 0.01
