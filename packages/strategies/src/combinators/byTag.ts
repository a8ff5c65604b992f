/**
 * A strategy by what a call says about itself: `byTag("kind", { batch: Cheapest.make(), chat: PowerOfTwo.make() }, rest)`.
 *
 * Use it where one router serves calls of different kinds. For conditions beside tags (priority, tenant) see `Rules`.
 */
import { InvalidOption } from "@spillway/core/InvalidOption"
import type { Picker, Strategy } from "@spillway/core/Strategy"
import * as Effect from "effect/Effect"
import { checkStrategy, makeAll, namesOf, Outer } from "../internal/inner.ts"

/**
 * `strategies` by the value of the tag `tag` of the call; `otherwise` for calls without it, with another value, or when the
 * strategy of its value picks nobody. Throws `InvalidOption`.
 */
export const byTag = <Id extends string = never, Rest extends string = never>(
  tag: string,
  strategies: Readonly<Record<string, Strategy<Id>>>,
  otherwise: Strategy<Rest>
): Strategy<Id | Rest> => {
  if (typeof tag !== "string" || tag === "") throw new InvalidOption("byTag: tag", "a non-empty string", tag)
  if (typeof strategies !== "object" || strategies === null) {
    throw new InvalidOption("byTag: strategies", "an object of strategies by value", strategies)
  }
  const values = Object.keys(strategies)
  for (const value of values) checkStrategy(`byTag: strategies.${value}`, strategies[value] as Strategy<Id>)
  checkStrategy("byTag: otherwise", otherwise)
  const all: ReadonlyArray<Strategy<Id | Rest>> = [...Object.values(strategies), otherwise]
  const numbers = new Map(values.map((value, i) => [value, i]))
  return {
    name: `by ${tag}`,
    ...namesOf(all),
    make: (candidates, before) =>
      Effect.map(
        makeAll(all, candidates, before instanceof ByTag ? before : undefined),
        (made) => new ByTag(made, tag, numbers)
      )
  }
}

class ByTag extends Outer {
  readonly pick: Picker["pick"]
  readonly score: Picker["score"]

  constructor(inner: ReadonlyArray<Picker>, tag: string, numbers: ReadonlyMap<string, number>) {
    super(inner)
    const rest = inner.at(-1)
    const own = (tags: Readonly<Record<string, string>>): Picker | undefined => {
      const value = Object.hasOwn(tags, tag) ? tags[tag] : undefined
      const number = value === undefined ? undefined : numbers.get(value)
      return number === undefined ? rest : inner[number]
    }
    this.pick = (request, eligible, now, rng) => {
      const picker = own(request.tags)
      const picked = picker?.pick(request, eligible, now, rng)
      return picked === undefined && picker !== rest ? rest?.pick(request, eligible, now, rng) : picked
    }
    this.score = (candidate, request, now) => own(request.tags)?.score?.(candidate, request, now) ?? 0
  }
}
