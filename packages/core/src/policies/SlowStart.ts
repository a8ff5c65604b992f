/**
 * A target that joins a running router gets its traffic step by step: a tenth at first, all of it when the window is over. At
 * full load at once, one with cold caches or few replicas fails, and looks worse than it is.
 *
 * Use it around any strategy where targets come and go. It is no gate: a breaker that closes again has a ramp of its own. It is
 * soft: who is the only one left takes every call, however new.
 *
 * While a candidate warms up it is eligible with the chance that the ramp says, drawn for each pick (a call with an `affinityKey`
 * keeps its draw, so that keys move once); when so nobody is left, the
 * strategy is asked again without. While nobody warms up, a pick costs one comparison more.
 * Source: Envoy, slow start mode (`slow_start_config`): window, aggression, a least share of 10 %.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { share as rampAt } from "../gates/internal/ramp.ts"
import type { Candidate } from "../model/Candidate.ts"
import type { Millis, Rng } from "../model/Gate.ts"
import * as Hash from "../model/Hash.ts"
import { onlyKeys, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import type { Eligible, Picker, Strategy } from "../model/Strategy.ts"

export interface Options {
  /** From the moment a target joins until it gets its full share. > 0, default 30 seconds. */
  readonly window?: Duration.Input
  /** 1: evenly; above, faster at first; below, slower at first. > 0, default 1. */
  readonly aggression?: number
}

const optionKeys: ReadonlySet<string> = new Set(["window", "aggression"])

/** The strategy, to which targets come slowly. Its name, its scores and what it names stay. Throws `InvalidOption`. */
export const wrap = <Id extends string>(strategy: Strategy<Id>, options: Options = {}): Strategy<Id> => {
  onlyKeys("SlowStart", options, optionKeys)
  const windowMs = positiveMillis("SlowStart: window", options.window ?? "30 seconds")
  const aggression = positive("SlowStart: aggression", options.aggression ?? 1)
  return {
    ...strategy,
    make: (candidates, before) =>
      Effect.map(strategy.make(candidates, before instanceof Slowly ? before.inner : before), (inner) => {
        const last = Math.max(...candidates.map(({ since }) => since))
        return last === Number.NEGATIVE_INFINITY ? inner : new Slowly(inner, last + windowMs, windowMs, aggression)
      })
  }
}

class Slowly implements Picker {
  readonly inner: Picker
  readonly settled: Picker["settled"]
  readonly score: Picker["score"]
  /** Of the youngest: from then on nobody is held back. */
  readonly #until: Millis
  readonly #windowMs: Millis
  readonly #aggression: number
  // Of one pick: one closure for all of them.
  #eligible: Eligible = nobody
  #now: Millis = 0
  #rng: Rng = zero
  #key: string | undefined
  /** Drawn once per pick, however often the strategy asks. */
  readonly #drawn = new Map<Candidate, boolean>()
  readonly #passes = (candidate: Candidate): boolean => {
    if (!this.#eligible(candidate)) return false
    const age = this.#now - candidate.since
    if (age >= this.#windowMs) return true
    let passes = this.#drawn.get(candidate)
    if (passes === undefined) {
      passes = this.#point(candidate) < rampAt(age, this.#windowMs, this.#aggression)
      this.#drawn.set(candidate, passes)
    }
    return passes
  }

  constructor(inner: Picker, until: Millis, windowMs: Millis, aggression: number) {
    this.inner = inner
    this.settled = inner.settled?.bind(inner)
    this.score = inner.score?.bind(inner)
    this.#until = until
    this.#windowMs = windowMs
    this.#aggression = aggression
  }

  /** Of a key always the same: it joins the newcomer once, and does not come and go with every call. */
  #point({ target }: Candidate): number {
    return this.#key === undefined ? this.#rng() : Hash.unit(Hash.mix(Hash.text(this.#key), Hash.text(target.id)))
  }

  readonly pick: Picker["pick"] = (request, eligible, now, rng) => {
    if (now >= this.#until) return this.inner.pick(request, eligible, now, rng)
    this.#eligible = eligible
    this.#now = now
    this.#rng = rng
    this.#key = request.affinityKey
    try {
      return this.inner.pick(request, this.#passes, now, rng) ?? this.inner.pick(request, eligible, now, rng)
    } finally {
      this.#eligible = nobody
      this.#drawn.clear()
    }
  }
}

const nobody: Eligible = () => false
const zero: Rng = () => 0
