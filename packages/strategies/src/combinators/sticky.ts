/** Calls with the same key stay with the same target, as long as it is well; all others go where `strategy` says. */
import type { Strategy } from "@spillway/core/Strategy"
import * as Affinity from "../Affinity.ts"

/** `Affinity.make` with `strategy` for what has no key. Throws `InvalidOption`. */
export const sticky = <const Id extends string = never>(
  strategy: Strategy<Id>,
  options: Omit<Affinity.Options<Id>, "orElse"> = {}
): Strategy<Id> => Affinity.make({ ...options, orElse: strategy })
