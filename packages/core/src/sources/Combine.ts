/** Several sources as one, or the targets of one as others. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { InvalidOption, onlyKeys } from "../model/InvalidOption.ts"
import {
  fromUpdates,
  problem,
  type TargetSet,
  type TargetSource,
  type TargetUpdate,
  targets
} from "../model/TargetSource.ts"

export interface MergeOptions {
  /**
   * How their tiers go together. `"together"` (the default): the first tiers of all are the first one, and so on. `"after"`:
   * a source's tiers come after all of the source before it, so that it answers only when that one cannot.
   */
  readonly tiers?: "together" | "after"
}

/**
 * The targets of all sources: a file for the vendors, Consul for one's own servers. Ids are unique across them; two that are
 * equal are a problem, and the targets that were there stay.
 *
 * It says nothing until each source has said something. A source that has only had problems adds no targets, and one that was
 * heard keeps its last set: the others go on without it. Problems are passed on, at the start after the first set.
 *
 * Throws `InvalidOption` for an empty list, or two sources of one name.
 */
export const merge = <C>(sources: ReadonlyArray<TargetSource<C>>, options: MergeOptions = {}): TargetSource<C> => {
  onlyKeys("Combine.merge", options, optionKeys)
  const { tiers = "together" } = options
  if (tiers !== "together" && tiers !== "after") {
    throw new InvalidOption("Combine.merge: tiers", `"together" or "after"`, tiers)
  }
  const names = sources.map(({ name }) => name)
  if (names.length === 0) throw new InvalidOption("Combine.merge: sources", "a list of at least one source", sources)
  names.forEach((name, i) => {
    if (names.indexOf(name) < i) throw new InvalidOption(`Combine.merge: sources[${i}].name`, "unique", name)
  })
  /** Each with its number; that it has ended is the last thing it says. */
  const numbered = sources.map(({ changes }, i) =>
    Stream.concat(
      Stream.map(changes, (update) => ({ i, update })),
      Stream.succeed({ i, update: undefined })
    )
  )
  const changes = Stream.suspend(() => {
    const heard = new Set<number>()
    const sets = new Map<number, TargetSet<C>>()
    /** Of before the first set. */
    let early: Array<TargetUpdate<C>> = []
    let begun = false
    return Stream.mergeAll(numbered, { concurrency: "unbounded" }).pipe(
      Stream.mapEffect(({ i, update }) =>
        Effect.sync((): ReadonlyArray<TargetUpdate<C>> => {
          const isFirst = !heard.has(i)
          heard.add(i)
          if (update?._tag === "Targets") sets.set(i, update.set)
          else if (update !== undefined && begun) return [update]
          else if (update !== undefined) early.push(update)
          else if (!isFirst) return []
          if (heard.size < sources.length) return []
          const all = sets.size === 0 ? undefined : together(names, sets, tiers)
          begun ||= all?._tag === "Targets"
          const before = early
          early = []
          // Where nobody has targets, whoever makes the router has to know why.
          return all === undefined ? before : begun ? [all, ...before] : [...before, all]
        })
      ),
      Stream.flattenIterable
    )
  })
  return fromUpdates(names.join(" + "), changes)
}

const optionKeys: ReadonlySet<string> = new Set(["tiers"])

const together = <C>(
  names: ReadonlyArray<string>,
  sets: ReadonlyMap<number, TargetSet<C>>,
  how: "together" | "after"
): TargetUpdate<C> => {
  const owner = new Map<string, string>()
  const tiers: Array<Array<string>> = []
  const all: Array<TargetSet<C>["targets"][number]> = []
  for (const [i, name] of names.entries()) {
    const set = sets.get(i)
    if (set === undefined) continue
    for (const target of set.targets) {
      const other = owner.get(target.id)
      if (other !== undefined) {
        return problem(`${other} and ${name} both have a target ${JSON.stringify(target.id)}`)
      }
      owner.set(target.id, name)
      all.push(target)
    }
    const own = set.tiers ?? [set.targets.map(({ id }) => id)]
    const first = how === "after" ? tiers.length : 0
    own.forEach((ids, t) => {
      if (ids.length === 0) return
      const tier = tiers[first + t]
      if (tier === undefined) tiers.push([...ids])
      else tier.push(...ids)
    })
  }
  return targets(tiers.length === 0 ? { targets: all } : { targets: all, tiers })
}

/** Every set as `change` makes it: other weights at night, one region only. What it throws is a problem. */
export const map = <C, D>(source: TargetSource<C>, change: (set: TargetSet<C>) => TargetSet<D>): TargetSource<D> => {
  if (typeof change !== "function") throw new InvalidOption("Combine.map: change", "a function", change)
  return fromUpdates(
    source.name,
    Stream.map(source.changes, (update): TargetUpdate<D> => {
      if (update._tag === "Problem") return update
      try {
        return targets(change(update.set))
      } catch (error) {
        return problem(`${source.name}: map: ${error instanceof Error ? error.message : "it threw what is no Error"}`)
      }
    })
  )
}
