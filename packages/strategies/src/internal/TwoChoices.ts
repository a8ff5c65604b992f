/**
 * The picker of `PowerOfTwo`: two different candidates, each pair with the same chance, and which of them is taken.
 *
 * By index it keeps the pace of each candidate for a moment, and when an answer of it was last heard, for the rule about
 * targets whose speed nobody knows.
 */
import type { Candidate, Load } from "@spillway/core/Candidate"
import type { Millis, Rng } from "@spillway/core/Gate"
import type { Outcome } from "@spillway/core/Outcome"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Eligible, Picker } from "@spillway/core/Strategy"
import { isTimed, type TimedLoad } from "./expectedTime.ts"
import { successSquared } from "./successSquared.ts"

/** Draws before the pass over all: with nine of ten eligible, one pick in 10,000 comes to it. */
const tries = 4

/** How long a pace is kept. */
const keptMs = 50

/** Places in the memory of one candidate. */
const paceAt = 0
const readAt = 1
const heardAt = 2
const stride = 4

export class TwoChoices implements Picker {
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #load: Load
  readonly #pace: TimedLoad["pace"] | undefined
  readonly #staleAfter: Millis
  readonly #indexOf: Map<Candidate, number>
  /** By index, side by side because they are read together: the pace, when it was read, when an answer was last heard. */
  readonly #memory: Float64Array

  constructor(candidates: ReadonlyArray<Candidate>, before: Picker | undefined, load: Load, staleAfter: Millis) {
    const n = candidates.length
    this.#candidates = candidates
    this.#load = load
    this.#pace = isTimed(load) ? load.pace : undefined
    this.#staleAfter = staleAfter
    this.#indexOf = new Map(candidates.map((candidate, i) => [candidate, i]))
    this.#memory = new Float64Array(n * stride)
    for (const [candidate, i] of this.#indexOf) {
      this.#memory[i * stride + readAt] = Number.NEGATIVE_INFINITY
      this.#memory[i * stride + heardAt] = before instanceof TwoChoices ? before.#heard(candidate) : Number.NaN
    }
  }

  readonly pick = (_request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng): Candidate | undefined => {
    const candidates = this.#candidates
    const n = candidates.length
    // One draw for both: what is left of it after the first is uniform too.
    const x = rng() * n
    let a = Math.floor(x)
    let b = Math.floor((x - a) * (n - 1))
    if (b >= a) b++
    let first = candidates[a]
    let second = candidates[b]
    if (first === undefined) return undefined
    if (!eligible(first)) {
      a = draw(candidates, eligible, -1, rng)
      first = candidates[a]
      if (first === undefined) return undefined
      b = draw(candidates, eligible, a, rng)
      second = candidates[b]
    } else if (second !== undefined && !eligible(second)) {
      b = draw(candidates, eligible, a, rng)
      second = candidates[b]
    }
    if (second === undefined) return first
    const isLess = this.#loadOf(second, b, now) < this.#loadOf(first, a, now)
    if (!this.#isStale(isLess ? b : a, now)) return isLess ? second : first
    return withoutSpeed(second, now) < withoutSpeed(first, now) ? second : first
  }

  readonly settled = (candidate: Candidate, outcome: Outcome, now: Millis): void => {
    const i = this.#indexOf.get(candidate)
    if (i === undefined) return
    this.#memory[i * stride + readAt] = Number.NEGATIVE_INFINITY
    if (outcome._tag === "Success" || outcome._tag === "Slow") this.#memory[i * stride + heardAt] = now
  }

  readonly score = (candidate: Candidate, _request: RouteRequest, now: Millis): number => this.#load(candidate, now)

  #loadOf(candidate: Candidate, i: number, now: Millis): number {
    if (this.#pace === undefined) return this.#load(candidate, now)
    const at = i * stride
    const age = now - (this.#memory[at + readAt] as number)
    // A clock that steps back reads again.
    if (age >= 0 && age < keptMs) return (this.#memory[at + paceAt] as number) * (candidate.inFlight + 1)
    const pace = this.#pace(candidate, now)
    // Unknown: what it costs depends on what runs there, and is cheap to say.
    if (Number.isNaN(pace)) return this.#load(candidate, now)
    this.#memory[at + paceAt] = pace
    this.#memory[at + readAt] = now
    return pace * (candidate.inFlight + 1)
  }

  /** When an answer of it was last heard; NaN: nobody has wanted to know. */
  #heard(candidate: Candidate): Millis {
    const i = this.#indexOf.get(candidate)
    return i === undefined ? Number.NaN : (this.#memory[i * stride + heardAt] as number)
  }

  #isStale(i: number, now: Millis): boolean {
    if (this.#staleAfter === Number.POSITIVE_INFINITY) return false
    const heard = this.#memory[i * stride + heardAt] as number
    if (!Number.isNaN(heard)) return now - heard > this.#staleAfter
    // It may have answered before this picker was there: when is not known, and not long ago is likelier.
    const first = this.#candidates[i]?.latency(now) === undefined ? Number.NEGATIVE_INFINITY : now
    this.#memory[i * stride + heardAt] = first
    return now - first > this.#staleAfter
  }
}

/** Attempts in flight for the weight, failures counted: what is left of a load where all are equally fast. */
const withoutSpeed = (candidate: Candidate, now: Millis): number =>
  (candidate.inFlight + 1) / (candidate.target.weight * successSquared(candidate, now))

/** The index of an eligible candidate other than `except`, each with the same chance; -1 when there is none. */
const draw = (candidates: ReadonlyArray<Candidate>, eligible: Eligible, except: number, rng: Rng): number => {
  const n = except === -1 ? candidates.length : candidates.length - 1
  if (n === 0) return -1
  for (let left = tries; left > 0; left--) {
    const drawn = Math.floor(rng() * n)
    const i = except !== -1 && drawn >= except ? drawn + 1 : drawn
    if (eligible(candidates[i] as Candidate)) return i
  }
  // Few are left. One pass, in which the k-th that qualifies replaces the choice with chance 1/k (reservoir sampling).
  let chosen = -1
  let seen = 0
  for (let i = 0; i < candidates.length; i++) {
    if (i !== except && eligible(candidates[i] as Candidate) && rng() * ++seen < 1) chosen = i
  }
  return chosen
}
