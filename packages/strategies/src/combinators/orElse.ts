/**
 * One strategy, and another for when it picks nobody: `orElse(where({ regions: ["eu"] }, a), b)`.
 *
 * Use it behind `where`, `Affinity` without a strategy of its own, or any strategy that leaves targets out. A strategy that
 * looks at all targets only picks nobody when nobody is eligible, and then the second is asked in vain.
 */
import type { Picker, Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import { checkStrategy, makeAll, namesOf, Outer } from "../internal/inner.ts"

/**
 * The score is the first strategy's; of targets that it would not take (an infinite score) the second's, behind all of the
 * first's. Throws `InvalidOption`.
 */
export const orElse = <First extends string = never, Second extends string = never>(
  first: Strategy<First>,
  second: Strategy<Second>
): Strategy<First | Second> => {
  checkStrategy("orElse: first", first)
  checkStrategy("orElse: second", second)
  const both: ReadonlyArray<Strategy<First | Second>> = [first, second]
  return {
    name: `${first.name} or ${second.name}`,
    ...namesOf(both),
    make: (candidates, before) =>
      Effect.map(makeAll(both, candidates, before instanceof OrElse ? before : undefined), (made) => new OrElse(made))
  }
}

/** Behind every score of the first: loads are milliseconds, prices, counts. */
const behind = 1e12

class OrElse extends Outer {
  readonly pick: Picker["pick"] = (request, eligible, now, rng) =>
    this.inner[0]?.pick(request, eligible, now, rng) ?? this.inner[1]?.pick(request, eligible, now, rng)

  readonly score: Picker["score"] = (candidate, request, now) => {
    const first = this.inner[0]?.score?.(candidate, request, now) ?? 0
    return first < Number.POSITIVE_INFINITY ? first : behind + (this.inner[1]?.score?.(candidate, request, now) ?? 0)
  }
}
