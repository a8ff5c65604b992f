/**
 * A bandit learns which target is worth asking: Thompson sampling over success, latency and cost. Each pick draws, for a few
 * candidates, a reward that fits what is known of them, and takes the highest: who is uncertain is tried, who is known to be
 * worse is not. O(choices) per pick.
 *
 * Use it when you cannot say which model or account is best and it changes: quality of service by hour, prices that differ, new
 * models. It needs traffic (some hundred calls per target and per `halfLife`); with less, a load or `rank` is better. It sees the
 * attempts in flight only through what they come to, so keep bulkheads on.
 *
 * The reward of an attempt lies in [0, 1]: 0 for a failure or a rate limit, else 1 less what latency and cost take away. Both are
 * halves: an answer after `goodLatency` loses half of the latency's weight, a cost of `goodCost` half of the cost's. A reward r
 * counts as r successes and 1 - r failures. What was learned fades with `halfLife`, towards knowing nothing, so a target
 * that was bad is tried again; and a share of the picks (`explore`) is drawn without looking, so that nobody is forgotten.
 *
 * Sources: S. Agrawal, N. Goyal, "Analysis of Thompson Sampling for the Multi-armed Bandit Problem", COLT 2012 (rewards in [0, 1]
 * there by a coin, here by fractions); V. Raj, S. Kalyani, "Taming Non-stationary Bandits: A Bayesian Approach", 2017 (discounting).
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { InvalidOption, integer, onlyKeys, positive, share } from "@spillway/core/InvalidOption"
import type { Outcome } from "@spillway/core/Outcome"
import { positiveMillis, type RouteRequest } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Picker, type Settlement, type Strategy } from "@spillway/core/Strategy"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { beta } from "./internal/beta.ts"
import { Sample } from "./internal/sample.ts"

export interface Options {
  /** What latency may take away from an answer's reward. In [0, 1], default 0.3; with `costWeight` at most 1. */
  readonly latencyWeight?: number
  /** Time to first content (of whole answers: their time) that loses half of that. Finite, > 0, default 2 seconds. */
  readonly goodLatency?: Duration.Input
  /** What cost may take away; an answer whose cost is not known loses half of it. In [0, 1], default 0. */
  readonly costWeight?: number
  /** USD that lose half of that. > 0, default 0.01. */
  readonly goodCost?: number
  /** After so long half of what was learned is forgotten. > 0, default 10 minutes. */
  readonly halfLife?: Duration.Input
  /** Share of the picks that are drawn without looking. In [0, 1], default 0.02. */
  readonly explore?: number
  /** Candidates that are drawn and compared; with more targets than that each pick looks at a part of them. Integer >= 2, default 8. */
  readonly choices?: number
  /** Kinds of calls that are learned apart (`"code"`, `"chat"`). Default: all are one kind. */
  readonly kindOf?: (request: RouteRequest) => string
  /** So many kinds are kept, the most recently used. Integer >= 1, default 32. */
  readonly maxKinds?: number
}

const optionKeys: ReadonlySet<string> = new Set([
  ...["latencyWeight", "goodLatency", "costWeight", "goodCost", "halfLife", "explore", "choices", "kindOf", "maxKinds"]
])

/** `score` is minus the mean reward as it is known. What was learned of targets that stay outlives a change of the set. Throws `InvalidOption`. */
export const make = (options: Options = {}): Strategy => {
  onlyKeys("Bandit", options, optionKeys)
  const latencyWeight = share("Bandit: latencyWeight", options.latencyWeight ?? 0.3)
  const costWeight = share("Bandit: costWeight", options.costWeight ?? 0)
  if (latencyWeight + costWeight > 1) {
    throw new InvalidOption("Bandit: latencyWeight and costWeight", "at most 1 together", latencyWeight + costWeight)
  }
  if (options.kindOf !== undefined && typeof options.kindOf !== "function") {
    throw new InvalidOption("Bandit: kindOf", "a function of a request", options.kindOf)
  }
  const settings: Settings = {
    latencyWeight,
    costWeight,
    goodMs: positive("Bandit: goodLatency", positiveMillis("Bandit: goodLatency", options.goodLatency ?? "2 seconds")),
    goodUsd: positive("Bandit: goodCost", options.goodCost ?? 0.01),
    halfLifeMs: positiveMillis("Bandit: halfLife", options.halfLife ?? "10 minutes"),
    explore: share("Bandit: explore", options.explore ?? 0.02),
    choices: integer("Bandit: choices", options.choices ?? 8, 2),
    kindOf: options.kindOf ?? oneKind,
    maxKinds: integer("Bandit: maxKinds", options.maxKinds ?? 32)
  }
  return {
    name: "bandit",
    make: (candidates, before) =>
      Effect.sync(() => new BanditPicker(candidates, settings, before instanceof BanditPicker ? before : undefined))
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))

interface Settings {
  readonly latencyWeight: number
  readonly costWeight: number
  readonly goodMs: Millis
  readonly goodUsd: number
  readonly halfLifeMs: Millis
  readonly explore: number
  readonly choices: number
  readonly kindOf: (request: RouteRequest) => string
  readonly maxKinds: number
}

const oneKind = (): string => ""

/** What is known of one target for one kind of calls, as of `at`: rewards and what was missing to 1. */
interface Arm {
  won: number
  lost: number
  at: Millis
}

type Arms = Map<Candidate, Arm>

class BanditPicker implements Picker {
  readonly #members: ReadonlySet<Candidate>
  readonly #settings: Settings
  readonly #sample: Sample
  /** By kind, the least recently used first. */
  readonly kinds: Map<string, Arms>

  constructor(candidates: ReadonlyArray<Candidate>, settings: Settings, before: BanditPicker | undefined) {
    this.#members = new Set(candidates)
    this.#settings = settings
    this.#sample = new Sample(candidates, settings.choices)
    this.kinds = new Map(
      [...(before?.kinds ?? [])].map(([kind, arms]) => [
        kind,
        new Map([...arms].filter(([one]) => this.#members.has(one)))
      ])
    )
  }

  readonly pick: Picker["pick"] = (request, eligible, now, rng) => {
    const drawn = this.#sample.draw(eligible, rng)
    const { size } = this.#sample
    if (size < 2) return size === 0 ? undefined : drawn[0]
    if (rng() < this.#settings.explore) return drawn[Math.floor(rng() * size)]
    const arms = this.#armsOf(this.#settings.kindOf(request))
    let best: Candidate | undefined
    let most = -1
    for (let i = 0; i < size; i++) {
      const candidate = drawn[i] as Candidate
      const arm = arms.get(candidate)
      const left = arm === undefined ? 0 : this.#left(arm, now)
      const reward = arm === undefined ? rng() : beta(1 + arm.won * left, 1 + arm.lost * left, rng)
      if (reward <= most) continue
      most = reward
      best = candidate
    }
    return best
  }

  readonly settled: Picker["settled"] = (candidate, outcome, now, settlement) => {
    const reward = rewardOf(outcome, settlement, this.#settings)
    if (reward === undefined || !this.#members.has(candidate)) return
    const arms = this.#armsOf(this.#settings.kindOf(settlement.request))
    const arm = arms.get(candidate)
    if (arm === undefined) {
      arms.set(candidate, { won: reward, lost: 1 - reward, at: now })
      return
    }
    const left = this.#left(arm, now)
    arm.won = arm.won * left + reward
    arm.lost = arm.lost * left + 1 - reward
    arm.at = Math.max(arm.at, now)
  }

  readonly score: Picker["score"] = (candidate, request, now) => {
    const arm = this.kinds.get(this.#settings.kindOf(request))?.get(candidate)
    if (arm === undefined) return -0.5
    const left = this.#left(arm, now)
    return -(1 + arm.won * left) / (2 + (arm.won + arm.lost) * left)
  }

  /** A clock that steps back forgets nothing. */
  #left(arm: Arm, now: Millis): number {
    return now > arm.at ? 2 ** ((arm.at - now) / this.#settings.halfLifeMs) : 1
  }

  #armsOf(kind: string): Arms {
    const found = this.kinds.get(kind)
    if (found !== undefined) {
      if (this.kinds.size > 1) {
        this.kinds.delete(kind)
        this.kinds.set(kind, found)
      }
      return found
    }
    if (this.kinds.size >= this.#settings.maxKinds) {
      for (const [oldest] of this.kinds) {
        this.kinds.delete(oldest)
        break
      }
    }
    const made: Arms = new Map()
    this.kinds.set(kind, made)
    return made
  }
}

/** In [0, 1]; `undefined`: it says nothing about the target. */
const rewardOf = (outcome: Outcome, settlement: Settlement, settings: Settings): number | undefined => {
  switch (outcome._tag) {
    case "Ignored":
      return undefined
    case "Success":
    case "Slow": {
      const { costUsd, firstContentMs, ms } = settlement
      const late = 1 - settings.goodMs / (settings.goodMs + (firstContentMs ?? ms))
      const dear = costUsd === undefined ? 0.5 : 1 - settings.goodUsd / (settings.goodUsd + costUsd)
      return 1 - settings.latencyWeight * late - settings.costWeight * dear
    }
    default:
      return 0
  }
}
