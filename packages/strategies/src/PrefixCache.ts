/**
 * Prefix-cache-aware routing: a call goes to the target that has seen the longest beginning of its prompt, as long as load is
 * spread evenly enough; else to where load says. O(blocks of the prompt) per pick.
 *
 * Use it with targets that keep the beginnings of prompts they have computed (vLLM, SGLang, accounts with a prompt cache),
 * and with prompts that begin alike: long system prompts, documents, conversations. It needs no keys; where calls have one,
 * `Affinity` is cheaper, and agrees between processes, which this does not: each process knows what it sent itself.
 *
 * The rule is SGLang's. The load is uneven when most - least > `balanceAbs` and most > `balanceRel` * least attempts in
 * flight per weight, and then nothing but load counts. Otherwise the target with the longest match is taken when more than
 * `threshold` of the prompt's blocks match. Either way the tree learns who was sent the prompt. Different from there: who
 * matches too little goes where `orElse` says, by default two random choices by latency, failures and attempts in flight, and
 * not to the smallest tree or to the least loaded of all, which draws every process to the same target; and a target that
 * fails is passed over. SGLang's thread trims its tree every 120 seconds; here every insertion keeps the bound.
 *
 * Source: SGLang Model Gateway, `src/policies/cache_aware.rs`; its constants.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis, Rng } from "@spillway/core/Gate"
import { InvalidOption, integer, onlyKeys, share } from "@spillway/core/InvalidOption"
import type { Outcome } from "@spillway/core/Outcome"
import { positiveMillis, type RouteRequest } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Eligible, type Picker, type Settlement, type Strategy } from "@spillway/core/Strategy"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkStrategy } from "./internal/inner.ts"
import { PrefixTree } from "./internal/PrefixTree.ts"
import { Spread } from "./internal/Spread.ts"
import * as PowerOfTwo from "./PowerOfTwo.ts"

export interface Options<Id extends string = never> {
  /** A match counts when it is more than this share of the prompt's blocks. In [0, 1], default 0.3. */
  readonly threshold?: number
  /** Attempts in flight per weight by which the most may exceed the least. >= 0, default 64. */
  readonly balanceAbs?: number
  /** Factor by which the most may exceed the least; both must be crossed. >= 1, default 1.5. */
  readonly balanceRel?: number
  /** A beginning that a target was not sent for so long is taken to be forgotten there. > 0, default 10 minutes. */
  readonly forgetAfter?: Duration.Input
  /** Blocks that are remembered; beyond, those unused for longest are dropped. Integer >= 1, default 65,536. */
  readonly maxNodes?: number
  /** A target is passed over while its success rate is below. In [0, 1], default 0.5; 0: never. */
  readonly minSuccessRate?: number
  /** Picks where no beginning decides. Default `PowerOfTwo.make()`. */
  readonly orElse?: Strategy<Id>
}

const optionKeys: ReadonlySet<string> = new Set([
  ...["threshold", "balanceAbs", "balanceRel", "forgetAfter", "maxNodes", "minSuccessRate", "orElse"]
])

/**
 * `score` is minus the matching share of the prompt where that decides, else that of `orElse`. Throws `InvalidOption`.
 */
export const make = <const Id extends string = never>(options: Options<Id> = {}): Strategy<Id> => {
  onlyKeys("PrefixCache", options, optionKeys)
  const settings: Settings = {
    threshold: share("PrefixCache: threshold", options.threshold ?? 0.3),
    balanceAbs: atLeast("PrefixCache: balanceAbs", options.balanceAbs ?? 64, 0),
    balanceRel: atLeast("PrefixCache: balanceRel", options.balanceRel ?? 1.5, 1),
    minSuccessRate: share("PrefixCache: minSuccessRate", options.minSuccessRate ?? 0.5)
  }
  const maxNodes = integer("PrefixCache: maxNodes", options.maxNodes ?? 65_536)
  const forgetMs = positiveMillis("PrefixCache: forgetAfter", options.forgetAfter ?? "10 minutes")
  const orElse: Strategy<Id> | Strategy = options.orElse ?? PowerOfTwo.make()
  checkStrategy("PrefixCache: orElse", orElse)
  return {
    name: "prefix-cache",
    ...(options.orElse?.targets === undefined ? {} : { targets: options.orElse.targets }),
    make: (candidates, before) => {
      const last = before instanceof PrefixPicker ? before : undefined
      return Effect.map(orElse.make(candidates, last?.orElse), (inner) => {
        const tree = last?.tree ?? new PrefixTree(maxNodes, forgetMs)
        tree.retain(new Set(candidates))
        return new PrefixPicker(candidates, inner, tree, settings)
      })
    }
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))

const atLeast = (option: string, value: number, minimum: number): number => {
  if (typeof value === "number" && value >= minimum) return value
  throw new InvalidOption(option, `a number >= ${minimum}`, value)
}

interface Settings {
  readonly threshold: number
  readonly balanceAbs: number
  readonly balanceRel: number
  readonly minSuccessRate: number
}

const noBlocks: ReadonlyArray<number> = []

class PrefixPicker implements Picker {
  readonly orElse: Picker
  readonly tree: PrefixTree
  readonly #settings: Settings
  readonly #spread: Spread
  // Of one pick: one closure for all of them.
  #eligible: Eligible = never
  #now: Millis = 0
  readonly #accepts = (candidate: Candidate): boolean =>
    candidate.successRate(this.#now) >= this.#settings.minSuccessRate && this.#eligible(candidate)

  constructor(candidates: ReadonlyArray<Candidate>, orElse: Picker, tree: PrefixTree, settings: Settings) {
    this.orElse = orElse
    this.tree = tree
    this.#settings = settings
    this.#spread = new Spread(candidates)
  }

  readonly pick = (request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng): Candidate | undefined => {
    const blocks = request.promptPrefix?.blocks() ?? noBlocks
    if (blocks.length === 0) return this.orElse.pick(request, eligible, now, rng)
    this.#spread.prepare(now, request.cost)
    const picked = this.#matching(blocks, eligible, now) ?? this.orElse.pick(request, eligible, now, rng)
    if (picked !== undefined) this.tree.insert(blocks, picked, now)
    return picked
  }

  readonly settled = (candidate: Candidate, outcome: Outcome, now: Millis, settlement: Settlement): void => {
    this.orElse.settled?.(candidate, outcome, now, settlement)
  }

  readonly score = (candidate: Candidate, request: RouteRequest, now: Millis): number => {
    const blocks = request.promptPrefix?.blocks() ?? noBlocks
    if (blocks.length > 0 && !this.#isUneven() && candidate.successRate(now) >= this.#settings.minSuccessRate) {
      const matching = this.tree.depth(blocks, candidate, now) / blocks.length
      if (matching > this.#settings.threshold) return -matching
    }
    return this.orElse.score?.(candidate, request, now) ?? 0
  }

  #matching(blocks: ReadonlyArray<number>, eligible: Eligible, now: Millis): Candidate | undefined {
    if (this.#isUneven()) return undefined
    this.#eligible = eligible
    this.#now = now
    try {
      return this.tree.match(blocks, this.#settings.threshold * blocks.length, now, this.#accepts)
    } finally {
      this.#eligible = never
    }
  }

  #isUneven(): boolean {
    const { least, most } = this.#spread
    return most - least > this.#settings.balanceAbs && most > this.#settings.balanceRel * least
  }
}

const never: Eligible = () => false
