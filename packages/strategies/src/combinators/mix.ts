/**
 * Several strategies, each for a share of the calls: `mix([{ share: 0.9, strategy: a }, { share: 0.1, strategy: b }])`.
 *
 * Use it to try a strategy on a part of the traffic, or to let a bandit explore beside a sure one. To send a share of the calls
 * to named targets, see `Canary`. A call is drawn anew at every attempt, unless it has a key: then it stays where it is, also
 * from process to process, as long as the shares do.
 */
import * as Hash from "@spillway/core/Hash"
import { InvalidOption, onlyKeys, positive } from "@spillway/core/InvalidOption"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Picker, Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import { checkStrategy, makeAll, namesOf, Outer } from "../internal/inner.ts"

export interface MixPart<Id extends string = never> {
  /** Relative to the others: > 0. */
  readonly share: number
  readonly strategy: Strategy<Id>
}

export interface MixOptions {
  /** Calls with the same key have the same strategy. Default: none, each pick is drawn. */
  readonly keyOf?: (request: RouteRequest) => string | undefined
}

const partKeys: ReadonlySet<string> = new Set(["share", "strategy"])
const optionKeys: ReadonlySet<string> = new Set(["keyOf"])

/**
 * When the drawn strategy picks nobody the others are asked, in order. The score is that of the strategy with the largest
 * share, since a draw cannot be foretold; of a call with a key, that of its own. Throws `InvalidOption`.
 */
export const mix = <Id extends string = never>(
  parts: ReadonlyArray<MixPart<Id>>,
  options: MixOptions = {}
): Strategy<Id> => {
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new InvalidOption("mix", "a list of at least one { share, strategy }", parts)
  }
  parts.forEach((part, i) => {
    onlyKeys(`mix[${i}]`, part, partKeys)
    positive(`mix[${i}].share`, part?.share)
    checkStrategy(`mix[${i}].strategy`, part.strategy)
  })
  onlyKeys("mix", options, optionKeys)
  if (options.keyOf !== undefined && typeof options.keyOf !== "function") {
    throw new InvalidOption("mix: keyOf", "a function of a request", options.keyOf)
  }
  const total = parts.reduce((sum, { share }) => sum + share, 0)
  let sum = 0
  const upTo = parts.map(({ share }) => {
    sum += share
    return sum / total
  })
  const strategies = parts.map(({ strategy }) => strategy)
  return {
    name: `mix of ${strategies.map(({ name }) => name).join(", ")}`,
    ...namesOf(strategies),
    make: (candidates, before) =>
      Effect.map(
        makeAll(strategies, candidates, before instanceof Mix ? before : undefined),
        (made) => new Mix(made, upTo, options.keyOf)
      )
  }
}

class Mix extends Outer {
  readonly pick: Picker["pick"]
  readonly score: Picker["score"]

  constructor(inner: ReadonlyArray<Picker>, upTo: ReadonlyArray<number>, keyOf: MixOptions["keyOf"]) {
    super(inner)
    const numberOf = (point: number): number => {
      const found = upTo.findIndex((end) => point < end)
      return found < 0 ? inner.length - 1 : found
    }
    const widths = upTo.map((end, i) => end - (upTo[i - 1] ?? 0))
    const widest = widths.indexOf(Math.max(...widths))
    const keyed = (request: RouteRequest): number | undefined => {
      const key = keyOf?.(request)
      return key === undefined ? undefined : numberOf(Hash.unit(Hash.text(key, seed)))
    }
    this.pick = (request, eligible, now, rng) => {
      const drawn = keyed(request) ?? numberOf(rng())
      const picked = inner[drawn]?.pick(request, eligible, now, rng)
      if (picked !== undefined) return picked
      for (let i = 0; i < inner.length; i++) {
        const other = i === drawn ? undefined : inner[i]?.pick(request, eligible, now, rng)
        if (other !== undefined) return other
      }
      return undefined
    }
    this.score = (candidate, request, now) => inner[keyed(request) ?? widest]?.score?.(candidate, request, now) ?? 0
  }
}

/** Of its own, so that a key's place here says nothing about its place in `Affinity` or `Canary`. */
const seed = 0x6d69
