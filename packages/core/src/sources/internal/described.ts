/** From the records of a registry to a set, by the application's `describe`: which keeps what it said of a record. */
import * as Result from "effect/Result"
import type { TargetSpec } from "../../model/Target.ts"
import { problem, type TargetUpdate, targets } from "../../model/TargetSource.ts"
import * as Kept from "./kept.ts"
import { tiersOf } from "./reader.ts"

/** A target of a registry: as in a program's options, and its tier. */
export interface Described<C> extends TargetSpec<string, C> {
  /** Integer >= 0; lower ones are asked first. Default: what the registry says, else 0. */
  readonly tier?: number
}

/** A record, and what its registry says of it; `describe` may say otherwise. */
export interface Entry<R> {
  readonly record: R
  readonly weight?: number
  readonly tier?: number
}

export type ToSet<C, R> = (where: string, entries: ReadonlyArray<Entry<R>>) => TargetUpdate<C>

export const make = <C, R>(describe: (record: R) => Described<C>): ToSet<C, R> => {
  const kept = Kept.make<Described<C>>()
  return (where, entries) => {
    const made = kept.take(entries.map(({ record }) => ({ key: JSON.stringify(record), make: () => describe(record) })))
    if (Result.isFailure(made)) {
      const { error } = made.failure
      return problem(`${where}: describe: ${error instanceof Error ? error.message : "it threw what is no Error"}`)
    }
    const seen = new Set<string>()
    const described = made.success.map((one, i): Described<C> => {
      const { tier, weight } = entries[i] ?? {}
      return { ...(weight === undefined ? {} : { weight }), ...(tier === undefined ? {} : { tier }), ...one }
    })
    for (const { id } of described) {
      if (seen.has(id)) return problem(`${where}: describe: two records have the id ${JSON.stringify(id)}`)
      seen.add(id)
    }
    const specs = described.map(({ tier: _, ...spec }) => spec)
    return targets(specs.length === 0 ? { targets: specs } : { targets: specs, tiers: tiersOf(described) })
  }
}
