/** What combinators share: pickers made of pickers. */
import type { Candidate } from "@spillway/core/Candidate"
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Picker, Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A picker that holds others, in the order of their strategies. */
export abstract class Outer implements Picker {
  readonly inner: ReadonlyArray<Picker>
  abstract readonly pick: Picker["pick"]
  /** Left out where no inner picker listens: the router then prepares nothing. */
  readonly settled: Picker["settled"]

  /** `members`: the candidates the inner pickers were made for. Default: all. */
  constructor(inner: ReadonlyArray<Picker>, members?: ReadonlySet<Candidate>) {
    this.inner = inner
    const listening = inner.filter((picker) => picker.settled !== undefined)
    this.settled =
      listening.length === 0
        ? undefined
        : (candidate, outcome, now, settlement) => {
            if (members?.has(candidate) === false) return
            for (const picker of listening) picker.settled?.(candidate, outcome, now, settlement)
          }
  }
}

/** Pickers of all the strategies for the same candidates; each is handed its own last picker where `before` holds one. */
export const makeAll = (
  strategies: ReadonlyArray<Strategy<string>>,
  candidates: ReadonlyArray<Candidate>,
  before: Picker | undefined
): Effect.Effect<ReadonlyArray<Picker>, never, Scope.Scope> => {
  const last = before instanceof Outer && before.inner.length === strategies.length ? before.inner : undefined
  return Effect.forEach(strategies, (strategy, i) => strategy.make(candidates, last?.[i]))
}

/** What they name together; nothing where none of them names any. */
export const namesOf = <Id extends string>(
  strategies: ReadonlyArray<Strategy<Id>>
): { readonly targets?: ReadonlyArray<Id> } => {
  const named = new Set(strategies.flatMap(({ targets }) => targets ?? []))
  return named.size === 0 ? {} : { targets: [...named] }
}

/** Throws `InvalidOption` for what is no strategy: the module or its layer, mostly. */
export const checkStrategy = (option: string, strategy: Strategy<string>): void => {
  if (typeof strategy?.make === "function" && typeof strategy.name === "string") return
  throw new InvalidOption(option, "a strategy, such as PowerOfTwo.make()", strategy, "Not the module and not its layer")
}

/** Picks nobody: everybody is infinitely far. */
export const none: Picker = { pick: () => undefined, score: () => Number.POSITIVE_INFINITY }
