/**
 * Several measures weighed against each other: price, latency, headroom. Of a few candidates drawn at random, the one with the
 * lowest sum of its normalised measures; of equals each with the same chance.
 *
 * Use it where no single number says which target is better. Each measure counts relative to the drawn candidates, from 0 for
 * the best to 1 for the worst, so units do not matter and weights do. Only `choices` are looked at, so a pick is O(choices) and
 * not every caller goes to the same best target. The order among two is a majority vote by weight; with more the differences
 * count.
 *
 * Source: min-max normalisation and a weighted sum, as in simple additive weighting (C. Hwang, K. Yoon, "Multiple Attribute
 * Decision Making", 1981); the choices are those of `PowerOfTwo`.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { InvalidOption, integer, onlyKeys, positive } from "@spillway/core/InvalidOption"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Picker, Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import { Sample } from "../internal/sample.ts"

export interface Measure {
  /** Lower is better; any unit. Not finite or `undefined` counts as the worst. */
  readonly of: (candidate: Candidate, now: Millis, request: RouteRequest) => number | undefined
  /** > 0, default 1. */
  readonly weight?: number
}

export interface RankOptions {
  /** Candidates that are drawn and compared. Integer >= 2, default 4. */
  readonly choices?: number
  /** For spans and records. Default `rank`. */
  readonly name?: string
}

const measureKeys: ReadonlySet<string> = new Set(["of", "weight"])
const optionKeys: ReadonlySet<string> = new Set(["choices", "name"])

/** `score` is the weighted sum of the measures over all targets of the tier, in [0, 1]. Throws `InvalidOption`. */
export const rank = (measures: ReadonlyArray<Measure>, options: RankOptions = {}): Strategy => {
  if (!Array.isArray(measures) || measures.length === 0) {
    throw new InvalidOption("rank", "a list of at least one { of, weight }", measures)
  }
  measures.forEach((measure, i) => {
    if (typeof measure?.of !== "function") throw new InvalidOption(`rank[${i}].of`, "a function", measure?.of)
    onlyKeys(`rank[${i}]`, measure, measureKeys)
    if (measure.weight !== undefined) positive(`rank[${i}].weight`, measure.weight)
  })
  onlyKeys("rank", options, optionKeys)
  const choices = integer("rank: choices", options.choices ?? 4, 2)
  const total = measures.reduce((sum, { weight = 1 }) => sum + weight, 0)
  return {
    name: options.name ?? "rank",
    make: (candidates) => Effect.sync(() => new Rank(candidates, measures, total, choices))
  }
}

class Rank implements Picker {
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #measures: ReadonlyArray<Measure>
  readonly #total: number
  readonly #sample: Sample
  readonly #values: Float64Array
  readonly #sums: Float64Array

  constructor(candidates: ReadonlyArray<Candidate>, measures: ReadonlyArray<Measure>, total: number, choices: number) {
    this.#candidates = candidates
    this.#measures = measures
    this.#total = total
    this.#sample = new Sample(candidates, choices)
    this.#values = new Float64Array(candidates.length)
    this.#sums = new Float64Array(candidates.length)
  }

  readonly pick: Picker["pick"] = (request, eligible, now, rng) => {
    const drawn = this.#sample.draw(eligible, rng)
    const { size } = this.#sample
    if (size < 2) return size === 0 ? undefined : drawn[0]
    this.#weigh(drawn, size, now, request)
    let best = 0
    let ties = 1
    for (let i = 1; i < size; i++) {
      const ahead = this.#sumOf(best) - this.#sumOf(i)
      // A few targets are all drawn, in their order: the first of equals would have every call.
      if (ahead > 0 || (ahead === 0 && rng() * ++ties < 1)) {
        best = i
        if (ahead > 0) ties = 1
      }
    }
    return drawn[best]
  }

  readonly score: Picker["score"] = (candidate, request, now) => {
    const at = this.#candidates.indexOf(candidate)
    if (at < 0) return Number.POSITIVE_INFINITY
    this.#weigh(this.#candidates, this.#candidates.length, now, request)
    return this.#sumOf(at) / this.#total
  }

  #sumOf(i: number): number {
    return this.#sums[i] ?? 0
  }

  /** Into `sums`, for the first `size` of the candidates. */
  #weigh(candidates: ReadonlyArray<Candidate | undefined>, size: number, now: Millis, request: RouteRequest): void {
    this.#sums.fill(0, 0, size)
    for (const { of, weight = 1 } of this.#measures) {
      let least = Number.POSITIVE_INFINITY
      let most = Number.NEGATIVE_INFINITY
      for (let i = 0; i < size; i++) {
        const candidate = candidates[i]
        const value = candidate === undefined ? undefined : of(candidate, now, request)
        const known = value !== undefined && Number.isFinite(value) ? value : Number.POSITIVE_INFINITY
        this.#values[i] = known
        if (known < least) least = known
        if (known > most && known < Number.POSITIVE_INFINITY) most = known
      }
      for (let i = 0; i < size; i++) {
        const value = this.#values[i] ?? 0
        const share = value === Number.POSITIVE_INFINITY ? 1 : most > least ? (value - least) / (most - least) : 0
        this.#sums[i] = this.#sumOf(i) + weight * share
      }
    }
  }
}
