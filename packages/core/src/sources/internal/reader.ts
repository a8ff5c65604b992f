/** From a value of any kind to what a source says: descriptions, their keys, their clients, tiers; or the problem. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidOption } from "../../model/InvalidOption.ts"
import type { TargetSpec } from "../../model/Target.ts"
import { problem, type TargetSet, type TargetUpdate, targets } from "../../model/TargetSource.ts"
import {
  type DecodeOptions,
  decodeSet,
  type KeyReference,
  type TargetData,
  type TargetDescription
} from "../TargetDescription.ts"
import * as Kept from "./kept.ts"

export interface ReaderOptions<C> extends DecodeOptions {
  /**
   * Makes what a call is handed when this target is picked. Called once for each description: a target whose description and
   * key have not changed keeps its client. What it throws is a problem of the source.
   */
  readonly clientOf: (description: TargetDescription) => C
}

/** For the options that every source of data shares. Throws `InvalidOption`. */
export const check = <C>(where: string, { clientOf, literalKeys }: ReaderOptions<C>): void => {
  if (typeof clientOf !== "function") throw new InvalidOption(`${where}: clientOf`, "a function", clientOf)
  if (literalKeys !== undefined && typeof literalKeys !== "boolean") {
    throw new InvalidOption(`${where}: literalKeys`, "true or false", literalKeys)
  }
}

/** Reads one whole set. `where` begins what it says of problems. */
export type Reader<C> = (where: string, data: unknown) => Effect.Effect<TargetUpdate<C>>

/** A reader keeps the clients of the last good set; keys come from the `ConfigProvider` it was made with. */
export const make = <C>(options: ReaderOptions<C>): Effect.Effect<Reader<C>> =>
  Effect.map(ConfigProvider.ConfigProvider, (provider) => {
    const clients = Kept.make<C>()
    return Effect.fnUntraced(function* (where: string, data: unknown): Effect.fn.Return<TargetUpdate<C>> {
      const decoded = decodeSet(data, options)
      if (Result.isFailure(decoded)) return problem(`${where}: ${summary(decoded.failure)}`)
      const keys = yield* Effect.forEach(decoded.success, ({ key }) => lookUp(provider, key))
      const complaints = keys.flatMap((key, i) => (typeof key === "string" ? [`targets[${i}].key: ${key}`] : []))
      if (complaints.length > 0) return problem(`${where}: ${summary(complaints)}`)
      const descriptions = decoded.success.map((target, i) => describe(target, keys[i]))
      const made = clients.take(
        descriptions.map((one) => ({ key: identityOf(one), make: () => options.clientOf(one) }))
      )
      if (Result.isSuccess(made)) return targets(setOf(descriptions, made.success))
      const { at, error } = made.failure
      return problem(`${where}: targets[${at}]: no client: ${withoutKey(error, descriptions[at]?.key)}`)
    })
  })

/** The first few: one that is repaired often repairs others. */
export const summary = (complaints: ReadonlyArray<string>): string => {
  const shown = complaints.slice(0, 5).join("; ")
  return complaints.length > 5 ? `${shown}; and ${complaints.length - 5} more` : shown
}

type Key = Redacted.Redacted<string> | undefined

/** A key, none, or what is wrong with the reference. */
const lookUp = (
  provider: ConfigProvider.ConfigProvider,
  reference: KeyReference | undefined
): Effect.Effect<Key | string> => {
  if (reference === undefined) return Effect.undefined
  if ("literal" in reference) return Effect.succeed(reference.literal)
  return Effect.match(provider.load([reference.env]), {
    onFailure: () => `the variable ${reference.env} cannot be read`,
    onSuccess: (node) =>
      node === undefined || node.value === undefined
        ? `the variable ${reference.env} is not set`
        : Redacted.make(node.value)
  })
}

const describe = ({ key: _, ...rest }: TargetData, key: Key | string): TargetDescription =>
  key === undefined || typeof key === "string" ? rest : { ...rest, key }

/** Equal for equal targets. The key is in it, so it never leaves this module. */
const identityOf = ({ key, ...rest }: TargetDescription): string =>
  JSON.stringify([rest, key === undefined ? null : Redacted.value(key)])

/** What an application's own code says about a client may quote the key it was made with. */
const withoutKey = (error: unknown, key: Key): string => {
  const message = error instanceof Error ? error.message : "it threw what is no Error"
  return key === undefined ? message : message.replaceAll(Redacted.value(key), "<redacted>")
}

const setOf = <C>(descriptions: ReadonlyArray<TargetDescription>, clients: ReadonlyArray<C>): TargetSet<C> => ({
  targets: descriptions.map((description, i) => specOf(description, clients[i] as C)),
  tiers: tiersOf(descriptions)
})

const specOf = <C>(description: TargetDescription, client: C): TargetSpec<string, C> => {
  const { baseUrl: _baseUrl, key: _key, options: _options, tier: _tier, ...rest } = description
  return { ...rest, client }
}

/** Lists of ids, best first, from a number per target (default 0). Numbers that nobody has leave no gap. */
export const tiersOf = (
  list: ReadonlyArray<{ readonly id: string; readonly tier?: number | undefined }>
): ReadonlyArray<ReadonlyArray<string>> => {
  const byTier = new Map<number, Array<string>>()
  for (const { id, tier = 0 } of list) {
    const ids = byTier.get(tier)
    if (ids === undefined) byTier.set(tier, [id])
    else ids.push(id)
  }
  return [...byTier].sort(([a], [b]) => a - b).map(([, ids]) => ids)
}
