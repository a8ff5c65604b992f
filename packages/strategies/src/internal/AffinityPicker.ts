/** The picks of `Affinity` over one set of targets. */
import type { Candidate } from "@spillway/core/Candidate"
import type { Cost } from "@spillway/core/Cost"
import type { Millis, Rng } from "@spillway/core/Gate"
import * as Hash from "@spillway/core/Hash"
import type { Outcome } from "@spillway/core/Outcome"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Eligible, Picker, Settlement } from "@spillway/core/Strategy"
import type { Target } from "@spillway/core/Target"
import { LoadBound } from "./LoadBound.ts"
import * as Maglev from "./maglev.ts"
import type { KnownCache } from "./promptCaches.ts"
import type { RecentKeys } from "./RecentKeys.ts"
import * as Rendezvous from "./rendezvous.ts"

export interface Settings {
  readonly keyOf: (request: RouteRequest) => string | undefined
  readonly loadFactor: number
  readonly freeInFlight: number
  readonly minSuccessRate: number
  readonly cacheOf: ((target: Target) => KnownCache | undefined) | undefined
  readonly tableSize: number
}

/** Places of the table that a pick looks at: with half of the targets passed over, one pick in 65,000 finds none there. */
const mostProbes = 16
const idSeed = 2

export class AffinityPicker implements Picker {
  readonly orElse: Picker
  readonly recent: RecentKeys | undefined
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #settings: Settings
  readonly #table: Uint32Array
  readonly #size: number
  readonly #probes: number
  readonly #bound: LoadBound
  /** `undefined` for a target that keeps for ever; a candidate that is not in it has left the set. */
  readonly #caches: ReadonlyMap<Candidate, KnownCache | undefined>
  /** Scratch of one pick. */
  readonly #left: Array<Candidate> = []

  constructor(
    candidates: ReadonlyArray<Candidate>,
    orElse: Picker,
    recent: RecentKeys | undefined,
    settings: Settings
  ) {
    this.orElse = orElse
    this.recent = recent
    this.#candidates = candidates
    this.#settings = settings
    this.#table = Maglev.build(
      candidates.map(({ target }) => target),
      settings.tableSize
    )
    this.#size = this.#table.length
    this.#probes = Math.min(mostProbes, 2 * candidates.length)
    this.#bound = new LoadBound(candidates, settings.loadFactor, settings.freeInFlight, settings.minSuccessRate)
    this.#caches = new Map(candidates.map((candidate) => [candidate, settings.cacheOf?.(candidate.target)]))
  }

  readonly pick = (request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng): Candidate | undefined => {
    this.#bound.prepare(now, request.cost)
    const key = this.#settings.keyOf(request)
    const picked =
      key === undefined
        ? this.orElse.pick(request, eligible, now, rng)
        : this.#byKey(Hash.text(key), request, eligible, now, rng)
    if (picked !== undefined) this.#bound.began()
    return picked
  }

  readonly settled = (candidate: Candidate, outcome: Outcome, now: Millis, settlement: Settlement): void => {
    this.#bound.ended()
    if (this.recent !== undefined && (outcome._tag === "Success" || outcome._tag === "Slow")) {
      const key = this.#settings.keyOf(settlement.request)
      // A cache lives from the beginning of its last use: a long answer eats into the time.
      if (key !== undefined) this.recent.note(Hash.text(key), candidate, now - settlement.ms)
    }
    this.orElse.settled?.(candidate, outcome, now, settlement)
  }

  readonly score = (candidate: Candidate, request: RouteRequest, now: Millis): number => {
    const key = this.#settings.keyOf(request)
    const hash = key === undefined ? 0 : Hash.text(key)
    if (key === undefined || this.#wherever(hash, request.cost, now)) {
      return this.orElse.score?.(candidate, request, now) ?? 0
    }
    const passed = this.#isWell(candidate, now) && this.#bound.has(candidate) ? 0 : mostProbes + 2
    if (this.#warm(hash, request.cost, now) === candidate) return passed
    const step = this.#step(hash)
    let place = Hash.low(hash) % this.#size
    for (let n = 0; n < this.#probes; n++, place = this.#next(place, step)) {
      if (this.#candidates[this.#table[place] as number] === candidate) return n + passed + (this.recent ? 1 : 0)
    }
    return mostProbes + 1 + passed
  }

  #byKey(hash: number, request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng): Candidate | undefined {
    if (this.recent !== undefined) {
      const warm = this.#warm(hash, request.cost, now)
      if (warm !== undefined && this.#accepts(warm, eligible, now)) return warm
      if (this.#wherever(hash, request.cost, now)) return this.orElse.pick(request, eligible, now, rng)
    }
    if (this.#size === 0) return undefined
    let place = Hash.low(hash) % this.#size
    const own = this.#candidates[this.#table[place] as number] as Candidate
    if (this.#accepts(own, eligible, now)) return own
    const step = this.#step(hash)
    for (let n = 1; n < this.#probes; n++) {
      place = this.#next(place, step)
      const candidate = this.#candidates[this.#table[place] as number] as Candidate
      if (candidate !== own && this.#accepts(candidate, eligible, now)) return candidate
    }
    return this.#amongFew(hash, eligible, now)
  }

  #accepts(candidate: Candidate, eligible: Eligible, now: Millis): boolean {
    return this.#bound.has(candidate) && this.#isWell(candidate, now) && eligible(candidate)
  }

  #isWell(candidate: Candidate, now: Millis): boolean {
    return candidate.successRate(now) >= this.#settings.minSuccessRate
  }

  /** The size is prime, so any step leads through the whole table. */
  #step(hash: number): number {
    return (Hash.high(hash) % (this.#size - 1)) + 1
  }

  #next(place: number, step: number): number {
    const next = place + step
    return next >= this.#size ? next - this.#size : next
  }

  /** Where the key's prompt is still kept, as far as this process knows. */
  #warm(hash: number, cost: Cost, now: Millis): Candidate | undefined {
    const last = this.recent?.get(hash)
    if (last === undefined || !this.#caches.has(last.candidate)) return undefined
    const cache = this.#caches.get(last.candidate)
    if (cache === undefined) return last.candidate
    return now - last.at < cache.ttlMs && isLongEnough(cost, cache) ? last.candidate : undefined
  }

  /** Does sticking pay nothing? The cache has gone cold, or the prompt is too short for the key's own target to keep. */
  #wherever(hash: number, cost: Cost, now: Millis): boolean {
    if (this.recent === undefined) return false
    const last = this.recent.get(hash)
    if (last !== undefined && this.#caches.has(last.candidate)) return this.#warm(hash, cost, now) === undefined
    const own = this.#candidates[this.#table[Hash.low(hash) % this.#size] as number]
    const cache = own === undefined ? undefined : this.#caches.get(own)
    return cache !== undefined && !isLongEnough(cost, cache)
  }

  /** All that may be picked, the well ones if there are any: the first in the key's order that holds no more than its share. */
  #amongFew(hash: number, eligible: Eligible, now: Millis): Candidate | undefined {
    const left = this.#left
    left.length = 0
    let well = 0
    for (const candidate of this.#candidates) {
      if (!eligible(candidate)) continue
      const isWell = this.#isWell(candidate, now)
      // The first well one drops the others.
      if (isWell && well++ === 0) left.length = 0
      if (isWell || well === 0) left.push(candidate)
    }
    let inFlight = 1
    let weight = 0
    for (const candidate of left) {
      inFlight += candidate.inFlight
      weight += candidate.target.weight
    }
    const room = (this.#settings.loadFactor * inFlight) / weight
    let best: Candidate | undefined
    let highest = Number.NEGATIVE_INFINITY
    for (const candidate of left) {
      const { target } = candidate
      if (candidate.inFlight >= this.#settings.freeInFlight && candidate.inFlight >= room * target.weight) continue
      const score = Rendezvous.score(hash, Hash.text(target.id, idSeed), target.weight)
      if (score <= highest) continue
      highest = score
      best = candidate
    }
    left.length = 0
    return best
  }
}

/** Tokens that nobody knows (0) may be many. */
const isLongEnough = (cost: Cost, cache: KnownCache): boolean => {
  if (cache.minTokens <= 0) return true
  const tokens = cost.estimate?.input() ?? cost.tokens - (cost.outputTokens ?? 0)
  return tokens <= 0 || tokens >= cache.minTokens
}
