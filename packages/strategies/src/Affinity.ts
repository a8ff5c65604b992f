/**
 * Session and prompt-cache affinity: calls with the same key go to the same target. O(1) per pick, nothing is allocated.
 *
 * Use it when a target remembers something of a conversation: a prompt cache, a session, a warm model. It is a preference and
 * never a pin: a target that may not be picked, that fails, or that holds more than its share is passed over for the next in
 * the key's own order, and the key returns when it is well again. Calls without a key are left to another strategy. Where
 * prompts share beginnings across users, see `PrefixCache`; what only one target can answer is `needs.pinnedTo`.
 *
 * A key's target stands in a Maglev table, so that all processes agree on it without talking, and a change of the set moves
 * few other keys. The order behind it: the table's next places, by a step of the key's own; when those are all passed over,
 * few targets are left, and weighted rendezvous among them finds the key's own one whatever the set. Both are needed: the
 * table alone could look long for the one target left, rendezvous alone looks at all targets for every pick.
 *
 * With `promptCache` a key sticks only while that pays: to where it was last answered, until the provider's cache has
 * forgotten it. A prompt too short to be kept, or one whose cache has gone cold, goes where load says.
 *
 * Sources: `internal/maglev.ts`, `internal/LoadBound.ts`, `internal/rendezvous.ts`; the health override answers
 * QuantumNous/new-api#4541 (keys pinned to a dead target).
 */
import type { Candidate } from "@spillway/core/Candidate"
import { InvalidOption, integer, onlyKeys, share } from "@spillway/core/InvalidOption"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Picker, type Strategy } from "@spillway/core/Strategy"
import type { Target } from "@spillway/core/Target"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AffinityPicker } from "./internal/AffinityPicker.ts"
import { checkStrategy } from "./internal/inner.ts"
import { isPrime } from "./internal/maglev.ts"
import { documented, known, type PromptCache } from "./internal/promptCaches.ts"
import { RecentKeys } from "./internal/RecentKeys.ts"
import * as PowerOfTwo from "./PowerOfTwo.ts"

export type { PromptCache } from "./internal/promptCaches.ts"

export interface Options<Id extends string = never> {
  /** The key of a call; `undefined` is none. Default `request.affinityKey`. */
  readonly keyOf?: (request: RouteRequest) => string | undefined
  /** Picks for calls without a key, and where sticking does not pay. Default `PowerOfTwo.make()`. */
  readonly orElse?: Strategy<Id>
  /**
   * How much more than its weighted share of the attempts in flight a target may hold before its keys go elsewhere. > 1,
   * default 1.25; `Infinity`: no bound.
   */
  readonly loadFactor?: number
  /** A target with fewer attempts in flight than this is never over its share. Integer >= 0, default 4; 0 is the paper's. */
  readonly freeInFlight?: number
  /** A target is passed over while its success rate is below. In [0, 1], default 0.5; 0: never. */
  readonly minSuccessRate?: number
  /**
   * What is known of the targets' prompt caches. `"documented"`: what their vendors write. A function: per target, with
   * `undefined` for one that keeps for ever. Asked once per target and set. Default: keys always stick.
   */
  readonly promptCache?: "documented" | ((target: Target) => PromptCache | undefined)
  /** With `promptCache`: keys whose last target is remembered, the most recent ones. Integer >= 1, default 10,000. */
  readonly recentKeys?: number
  /** Places of the table. A prime, at least 100 times the targets for even shares. Default 65,537. */
  readonly tableSize?: number
}

const optionKeys: ReadonlySet<string> = new Set([
  ...["keyOf", "orElse", "loadFactor", "freeInFlight", "minSuccessRate", "promptCache", "recentKeys", "tableSize"]
])

/**
 * `score` is a call's order of preference: 0 for the key's own target, more for those behind it, most for those it passes
 * over now. Throws `InvalidOption`.
 */
export const make = <const Id extends string = never>(options: Options<Id> = {}): Strategy<Id> => {
  onlyKeys("Affinity", options, optionKeys)
  const { loadFactor = 1.25, promptCache, tableSize = 65_537 } = options
  if (!(typeof loadFactor === "number" && loadFactor > 1)) {
    throw new InvalidOption("Affinity: loadFactor", "a number > 1", loadFactor)
  }
  if (!isPrime(tableSize) || tableSize > 5_000_011) {
    throw new InvalidOption("Affinity: tableSize", "a prime number up to 5,000,011", tableSize)
  }
  if (promptCache !== undefined && promptCache !== "documented" && typeof promptCache !== "function") {
    throw new InvalidOption("Affinity: promptCache", `"documented" or a function of a target`, promptCache)
  }
  if (options.keyOf !== undefined && typeof options.keyOf !== "function") {
    throw new InvalidOption("Affinity: keyOf", "a function of a request", options.keyOf)
  }
  const cacheOf = promptCache === "documented" ? documented : promptCache
  const recentKeys = integer("Affinity: recentKeys", options.recentKeys ?? 10_000)
  const settings = {
    keyOf: options.keyOf ?? ((request: RouteRequest) => request.affinityKey),
    loadFactor,
    freeInFlight: integer("Affinity: freeInFlight", options.freeInFlight ?? 4, 0),
    minSuccessRate: share("Affinity: minSuccessRate", options.minSuccessRate ?? 0.5),
    cacheOf: cacheOf === undefined ? undefined : (target: Target) => known("Affinity: promptCache()", cacheOf(target)),
    tableSize
  }
  const orElse: Strategy<Id> | Strategy = options.orElse ?? PowerOfTwo.make()
  checkStrategy("Affinity: orElse", orElse)
  return {
    name: "affinity",
    ...(options.orElse?.targets === undefined ? {} : { targets: options.orElse.targets }),
    make: (candidates: ReadonlyArray<Candidate>, before?: Picker) => {
      const last = before instanceof AffinityPicker ? before : undefined
      return Effect.map(orElse.make(candidates, last?.orElse), (inner) => {
        const recent = settings.cacheOf === undefined ? undefined : (last?.recent ?? new RecentKeys(recentKeys))
        return new AffinityPicker(candidates, inner, recent, settings)
      })
    }
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))
