/**
 * Only some targets: the strategy is made for those that match and never sees the others.
 *
 * Use it to build a strategy from parts: `orElse(where({ tags: { kind: "own" } }, a), b)`. What no call may cross is a
 * constraint of the call (`needs.only`) and not this: a strategy prefers, and another may stand behind it.
 */
import type { Candidate } from "@spillway/core/Candidate"
import { checkSelector, matches, type Selector } from "@spillway/core/Constraints"
import type { Picker, Strategy } from "@spillway/core/Strategy"
import type { Target } from "@spillway/core/Target"
import * as Effect from "effect/Effect"
import { checkStrategy, none, Outer } from "../internal/inner.ts"

/**
 * Targets that the selector matches, or for which the function says true; asked once per set. Picks nobody when none of them
 * is eligible. The score of the others is infinite. Throws `InvalidOption`.
 */
export const where = <const Id extends string = never, Named extends string = never>(
  which: Selector<Id> | ((target: Target) => boolean),
  strategy: Strategy<Named>
): Strategy<Id | Named> => {
  checkStrategy("where: strategy", strategy)
  if (typeof which !== "function") checkSelector("where: selector", which)
  const isMatch =
    typeof which === "function"
      ? (target: Target) => which(target) === true
      : (target: Target) => matches(which, target)
  const named: ReadonlyArray<Id | Named> = [
    ...new Set([...(typeof which === "function" ? [] : (which.targets ?? [])), ...(strategy.targets ?? [])])
  ]
  return {
    name: `${strategy.name} where`,
    ...(named.length === 0 ? {} : { targets: named }),
    make: (candidates, before) => {
      const some = candidates.filter(({ target }) => isMatch(target))
      if (some.length === 0) return Effect.succeed(none)
      const last = before instanceof Where ? before.inner[0] : undefined
      return Effect.map(strategy.make(some, last), (picker) => new Where(picker, new Set(some)))
    }
  }
}

class Where extends Outer {
  readonly pick: Picker["pick"]
  readonly score: Picker["score"]

  constructor(picker: Picker, members: ReadonlySet<Candidate>) {
    super([picker], members)
    this.pick = (request, eligible, now, rng) => picker.pick(request, eligible, now, rng)
    this.score = (candidate, request, now) =>
      members.has(candidate) ? (picker.score?.(candidate, request, now) ?? 0) : Number.POSITIVE_INFINITY
  }
}
