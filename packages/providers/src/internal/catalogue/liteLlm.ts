/**
 * Reads the shape of LiteLLM's `model_prices_and_context_window.json`: one flat object, USD per token, tiers in the names
 * of fields (`input_cost_per_token_above_200k_tokens`). Only models that answer in text are taken.
 *
 * A model goes by its name there, less the provider's name before a slash. `max_input_tokens` is the nearest the list has to
 * a context window.
 * Source: https://github.com/BerriAI/litellm `model_prices_and_context_window.json` (MIT), its `sample_spec`.
 */
import { check, type Price, type Rule } from "@spillway/core/Price"
import { type JsonRecord, record, text } from "../json.ts"
import { Collected, capabilitiesOf, type Facts, odd, rate, tokens } from "./facts.ts"

/** What describes the format and is no model. */
const sample = "sample_spec"
const textModes: ReadonlySet<unknown> = new Set(["chat", "completion", "responses", undefined])
const perMillion = 1e6

export const decode = (json: unknown, asOf: string | undefined): Collected => {
  const collected = new Collected()
  const models = record(json)
  if (models === undefined) collected.skip("LiteLLM", "not an object of models")
  for (const [name, entry] of Object.entries(models ?? {})) {
    if (name === sample) continue
    const fields = record(entry)
    if (fields !== undefined && !textModes.has(fields["mode"])) continue
    const provider = text(fields?.["litellm_provider"])
    const facts = fields === undefined || provider === undefined ? undefined : factsOf(name, fields, asOf)
    if (facts === undefined || provider === undefined) {
      collected.skip(name, "not a model with a provider and finite prices >= 0")
    } else {
      collected.add(provider, name.startsWith(`${provider}/`) ? name.slice(provider.length + 1) : name, facts)
    }
  }
  return collected
}

const factsOf = (name: string, fields: JsonRecord, asOf: string | undefined): Facts | undefined => {
  const price = priceOf(name, fields, asOf)
  if (price === odd) return undefined
  return {
    price,
    contextWindow: tokens(fields["max_input_tokens"]),
    maxOutputTokens: tokens(fields["max_output_tokens"]),
    capabilities: capabilitiesOf([
      ["tools", fields["supports_function_calling"]],
      ["vision", fields["supports_vision"]],
      ["json-schema", fields["supports_response_schema"]],
      ["reasoning", fields["supports_reasoning"]],
      ["prefill", fields["supports_assistant_prefill"]]
    ])
  }
}

const names = [
  ["input", "input_cost_per_token"],
  ["output", "output_cost_per_token"],
  ["cacheRead", "cache_read_input_token_cost"],
  ["cacheWrite", "cache_creation_input_token_cost"],
  ["reasoning", "output_cost_per_reasoning_token"]
] as const

const priceOf = (name: string, fields: JsonRecord, asOf: string | undefined): Price | undefined | typeof odd => {
  const { input, output, ...others } = ratesOf(fields, "")
  if (input === undefined && output === undefined) return undefined
  if (typeof input !== "number" || typeof output !== "number") return odd
  const rules = tiersOf(fields).map((k): Rule => {
    // `check` finds what is odd in it.
    return { ...(ratesOf(fields, `_above_${k}k_tokens`) as Partial<Price>), inputAbove: k * 1000 }
  })
  const price = {
    input,
    output,
    ...others,
    ...(rules.length === 0 ? {} : { rules }),
    ...(asOf === undefined ? {} : { asOf })
  }
  try {
    return check(name, price as Price)
  } catch {
    return odd
  }
}

const ratesOf = (fields: JsonRecord, suffix: string) => {
  const rates: Partial<Record<(typeof names)[number][0], number | typeof odd>> = {}
  for (const [ours, theirs] of names) {
    const value = rate(fields, `${theirs}${suffix}`, perMillion)
    if (value !== undefined) rates[ours] = value
  }
  return rates
}

/** Thousands of input tokens above which there are other prices, the highest first. */
const tiersOf = (fields: JsonRecord): ReadonlyArray<number> =>
  Object.keys(fields)
    .flatMap((key) => {
      const found = /^input_cost_per_token_above_(\d+)k_tokens$/.exec(key)
      return found === null ? [] : [Number(found[1])]
    })
    .sort((a, b) => b - a)
