/**
 * A strategy for each tier: the main targets by load, the backups by price.
 *
 * A router asks a strategy for one tier at a time, so this only chooses when pickers are made: a pick costs nothing more.
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Strategy } from "@spillway/core/Strategy"
import { checkStrategy, namesOf } from "../internal/inner.ts"

/** Best tier first; tiers behind the list have its last strategy. At least one. Throws `InvalidOption`. */
export const byTier = <Id extends string = never>(strategies: ReadonlyArray<Strategy<Id>>): Strategy<Id> => {
  const last = strategies?.at?.(-1)
  if (!Array.isArray(strategies) || last === undefined) {
    throw new InvalidOption("byTier", "a list of at least one strategy", strategies)
  }
  strategies.forEach((strategy, i) => {
    checkStrategy(`byTier[${i}]`, strategy)
  })
  return {
    name: strategies.map(({ name }) => name).join(" / "),
    ...namesOf(strategies),
    make: (candidates, before) => (strategies[candidates[0]?.target.tier ?? 0] ?? last).make(candidates, before)
  }
}
