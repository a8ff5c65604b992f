/**
 * Reads the shape of models.dev's `api.json`: provider -> `models` -> model, USD per million tokens.
 *
 * Three ways to write a tier are in use (`tiers[].tier.size`, `tiers[].context.min`, `context_over_200k`): all are read.
 * `cost.windows` is not of models.dev: it is how our snapshot says at which hours a price is another one.
 * Source: https://models.dev, https://github.com/anomalyco/models.dev `packages/core/src/schema.ts`.
 */
import { check, type Hours, type Price, type Rates, type Rule } from "@spillway/core/Price"
import { type JsonRecord, list, record, records } from "../json.ts"
import { Collected, capabilitiesOf, type Facts, odd, rate, tokens } from "./facts.ts"

export const decode = (json: unknown, asOf: string | undefined): Collected => {
  const collected = new Collected()
  const providers = record(json)
  if (providers === undefined) collected.skip("models.dev", "not an object of providers")
  for (const [provider, value] of Object.entries(providers ?? {})) {
    const models = record(record(value)?.["models"])
    if (models === undefined) {
      collected.skip(provider, "has no models")
      continue
    }
    for (const [model, entry] of Object.entries(models)) {
      const where = `${provider}/${model}`
      const fields = record(entry)
      const facts = fields === undefined ? undefined : factsOf(where, fields, asOf)
      if (facts === undefined) collected.skip(where, "not a model with finite prices >= 0")
      else collected.add(provider, model, facts)
    }
  }
  return collected
}

const factsOf = (where: string, fields: JsonRecord, asOf: string | undefined): Facts | undefined => {
  const cost = record(fields["cost"])
  const price = cost === undefined ? undefined : priceOf(where, cost, asOf)
  if (price === odd || (fields["cost"] !== undefined && cost === undefined)) return undefined
  const limit = record(fields["limit"])
  const inputs = record(fields["modalities"])?.["input"]
  const toolCall = fields["tool_call"]
  return {
    price,
    contextWindow: tokens(limit?.["context"]),
    maxOutputTokens: tokens(limit?.["output"]),
    capabilities: capabilitiesOf([
      ["tools", record(toolCall)?.["supported"] ?? toolCall],
      ["vision", Array.isArray(inputs) ? inputs.includes("image") : undefined],
      ["json-schema", fields["structured_output"]],
      ["reasoning", fields["reasoning"]]
    ])
  }
}

const priceOf = (where: string, cost: JsonRecord, asOf: string | undefined): Price | typeof odd => {
  const rates = ratesOf(cost)
  if (rates === odd) return odd
  const { input, output } = rates
  if (input === undefined || output === undefined) return odd
  const rules = rulesOf(cost)
  if (rules === odd) return odd
  const price: Price = {
    ...rates,
    input,
    output,
    ...(rules.length === 0 ? {} : { rules }),
    ...(asOf === undefined ? {} : { asOf })
  }
  try {
    return check(where, price)
  } catch {
    return odd
  }
}

const ratesOf = (fields: JsonRecord): Partial<Rates> | typeof odd => {
  const names = [
    ["input", "input"],
    ["output", "output"],
    ["cacheRead", "cache_read"],
    ["cacheWrite", "cache_write"],
    ["reasoning", "reasoning"]
  ] as const
  const rates: { -readonly [K in keyof Rates]?: Rates[K] } = {}
  for (const [ours, theirs] of names) {
    const value = rate(fields, theirs)
    if (value === odd) return odd
    if (value !== undefined) rates[ours] = value
  }
  return rates
}

/** Hours first, then the highest tier first: the first rule that holds decides. */
const rulesOf = (cost: JsonRecord): ReadonlyArray<Rule> | typeof odd => {
  const windows: Array<Rule> = []
  for (const window of records(cost["windows"])) {
    const rates = ratesOf(window)
    if (rates === odd) return odd
    // `check` sees to what is in them.
    windows.push({ ...rates, hours: list(window["hours"]) as ReadonlyArray<Hours> })
  }
  const over200k = record(cost["context_over_200k"])
  const above = new Map<number, Rule>()
  if (over200k !== undefined) {
    const rates = ratesOf(over200k)
    if (rates === odd) return odd
    above.set(200_000, { ...rates, inputAbove: 200_000 })
  }
  for (const tier of records(cost["tiers"])) {
    const inputAbove = tokens(record(tier["tier"])?.["size"]) ?? tokens(record(tier["context"])?.["min"])
    const rates = ratesOf(tier)
    if (inputAbove === undefined || rates === odd) return odd
    above.set(inputAbove, { ...rates, inputAbove })
  }
  // The short form stands beside a tier list that says it better.
  if (above.size > 1 && records(cost["tiers"]).length > 0 && !sizes(cost).includes(200_000)) above.delete(200_000)
  return [...windows, ...[...above.values()].sort((a, b) => (b.inputAbove ?? 0) - (a.inputAbove ?? 0))]
}

const sizes = (cost: JsonRecord): ReadonlyArray<unknown> =>
  records(cost["tiers"]).map((tier) => record(tier["tier"])?.["size"] ?? record(tier["context"])?.["min"])
