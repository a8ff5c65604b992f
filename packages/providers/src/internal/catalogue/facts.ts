/** What is known of one model, and where a list of models keeps it. */
import type { Price } from "@spillway/core/Price"
import type { Capability } from "@spillway/core/Target"
import { finite, type JsonRecord } from "../json.ts"

export interface Facts {
  /** `undefined`: not known. */
  readonly price: Price | undefined
  /** Tokens, input and output together; where the list only says it, those of the input. */
  readonly contextWindow: number | undefined
  /** The most tokens of an answer. */
  readonly maxOutputTokens: number | undefined
  /** What the list says the model can do; `undefined` where it says nothing. */
  readonly capabilities: ReadonlySet<Capability> | undefined
}

/** Facts by provider and model, as the list spells them. */
export type Models = ReadonlyMap<string, ReadonlyMap<string, Facts>>

/** Collects models; what is odd about one is noted and costs nobody else anything. */
export class Collected {
  readonly models = new Map<string, Map<string, Facts>>()
  readonly skipped: Array<string> = []

  add(provider: string, model: string, facts: Facts): void {
    const known = this.models.get(provider)
    if (known === undefined) this.models.set(provider, new Map([[model, facts]]))
    else known.set(model, facts)
  }

  skip(where: string, why: string): void {
    this.skipped.push(`${where}: ${why}`)
  }
}

/** Says that a price is there and is none. */
export const odd = "odd"

/** A price of `fields[name]`; `undefined` when it is absent. Not finite and negative ones are odd. */
export const rate = (fields: JsonRecord, name: string, factor = 1): number | undefined | typeof odd => {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  const number = finite(value)
  // Prices per token, times a million, are not to end in 0.30000000000000004.
  return number === undefined || number < 0 ? odd : Number((number * factor).toPrecision(12))
}

/** A number of tokens; 0 is how some lists say "not known". */
export const tokens = (value: unknown): number | undefined => {
  const number = finite(value)
  return number === undefined || number <= 0 ? undefined : Math.trunc(number)
}

/** The capabilities that are known to be there; `undefined` when nothing is known of any. */
export const capabilitiesOf = (
  known: ReadonlyArray<readonly [Capability, unknown]>
): ReadonlySet<Capability> | undefined => {
  const said = known.filter(([, has]) => typeof has === "boolean")
  return said.length === 0
    ? undefined
    : new Set(said.flatMap(([capability, has]) => (has === true ? [capability] : [])))
}
