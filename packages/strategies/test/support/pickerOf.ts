import type { Candidate } from "@spillway/core/Candidate"
import type { Picker, Strategy } from "@spillway/core/Strategy"
import { Effect } from "effect"

/** The picker of a strategy that owns nothing. */
export const pickerOf = (strategy: Strategy<string>, candidates: ReadonlyArray<Candidate>): Picker =>
  Effect.runSync(Effect.scoped(strategy.make(candidates)))

export const always = () => true
