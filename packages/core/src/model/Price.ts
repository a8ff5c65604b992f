/**
 * What a target's tokens cost, and what an answer came to. Prices are data given to a target, by the application or by a
 * catalogue; nothing here knows a vendor.
 *
 * An unknown price or an unknown count makes the cost `undefined` and never 0: "cheapest" would pick the unknown one, and a
 * sum would look complete.
 *
 * Source: the vendors' price pages as collected by models.dev; tiers replace the price of the whole request, windows are
 * evaluated at the time of the attempt.
 */
import { InvalidOption, integer, onlyKeys } from "./InvalidOption.ts"

/** USD per million tokens, each finite and >= 0. */
export interface Rates {
  readonly input: number
  readonly output: number
  /** Of input read from the provider's cache. Default `input`. */
  readonly cacheRead?: number
  /** Of input written to the provider's cache. Default `input`. */
  readonly cacheWrite?: number
  /** Of output spent on reasoning. Default `output`. */
  readonly reasoning?: number
}

/**
 * The rates, and what changes them. The rates here are what limits of money and strategies reckon with before an attempt:
 * where the price depends on the hour, let them be the dearer ones and a rule the discount.
 */
export interface Price extends Rates {
  /** The first one whose conditions all hold replaces the rates it names; the others stay. Default none. */
  readonly rules?: ReadonlyArray<Rule>
  /** The day the figures were read, `YYYY-MM-DD`. For people. */
  readonly asOf?: string
}

/** Other rates under a condition; at least one condition. */
export interface Rule extends Partial<Rates> {
  /** Holds while any of them does. */
  readonly hours?: ReadonlyArray<Hours>
  /** Holds when the request has more input tokens than this, cached ones included; then for all of its tokens. Integer >= 0. */
  readonly inputAbove?: number
}

/** A time of the week, in UTC. One that passes midnight is two. */
export interface Hours {
  /** 0 is Sunday, 6 Saturday. At least one; default every day. */
  readonly days?: ReadonlyArray<number>
  /** The first moment, in hours: [0, 24), fractions allowed. */
  readonly from: number
  /** The first moment after it: (`from`, 24]. */
  readonly to: number
}

/** Tokens of one answer; `AttemptFacts` are one. `inputTokens` and `outputTokens` are totals, the others parts of them. */
export interface Usage {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly cacheReadTokens?: number | undefined
  readonly cacheWriteTokens?: number | undefined
  readonly reasoningTokens?: number | undefined
}

/**
 * USD for `usage` at `at` (epoch milliseconds). `undefined` when the price, the input total or the output total is not
 * known. Parts that nobody mentioned count as the dearer reading says: uncached input, plain output.
 */
export const costOf = (price: Price | undefined, usage: Usage | undefined, at: number): number | undefined => {
  if (price === undefined || usage === undefined) return undefined
  const input = count(usage.inputTokens)
  const output = count(usage.outputTokens)
  if (input === undefined || output === undefined) return undefined
  const read = count(usage.cacheReadTokens) ?? 0
  const write = count(usage.cacheWriteTokens) ?? 0
  const reasoning = Math.min(output, count(usage.reasoningTokens) ?? 0)
  const rates = ratesAt(price, input, at)
  const usd =
    Math.max(0, input - read - write) * rates.input +
    read * (rates.cacheRead ?? rates.input) +
    write * (rates.cacheWrite ?? rates.input) +
    (output - reasoning) * rates.output +
    reasoning * (rates.reasoning ?? rates.output)
  return usd / 1e6
}

/** What holds for a request of `inputTokens` at `at` (epoch milliseconds). */
export const ratesAt = (price: Price, inputTokens: number, at: number): Rates => {
  if (price.rules === undefined) return price
  for (const rule of price.rules) if (holds(rule, inputTokens, at)) return { ...price, ...rule }
  return price
}

const holds = ({ hours, inputAbove }: Rule, inputTokens: number, at: number): boolean =>
  (inputAbove === undefined || inputTokens > inputAbove) &&
  (hours === undefined || hours.some((window) => within(window, at)))

const dayMs = 86_400_000

const within = ({ days, from, to }: Hours, at: number): boolean => {
  const day = Math.floor(at / dayMs)
  const hour = (at - day * dayMs) / 3_600_000
  // Day 0 was a Thursday.
  return hour >= from && hour < to && (days === undefined || days.includes((((day + 4) % 7) + 7) % 7))
}

const count = (tokens: number | undefined): number | undefined =>
  tokens !== undefined && tokens >= 0 && Number.isFinite(tokens) ? tokens : undefined

const rateNames = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const
const priceKeys: ReadonlySet<string> = new Set([...rateNames, "rules", "asOf"])
const ruleKeys: ReadonlySet<string> = new Set([...rateNames, "hours", "inputAbove"])
const hoursKeys: ReadonlySet<string> = new Set(["days", "from", "to"])

/** The price, if it is one. Throws `InvalidOption`. */
export const check = (where: string, price: Price): Price => {
  isObject(where, price)
  onlyKeys(where, price, priceKeys)
  checkRate(`${where}.input`, price.input)
  checkRate(`${where}.output`, price.output)
  checkRates(where, price)
  const { asOf, rules } = price
  if (asOf !== undefined && !(typeof asOf === "string" && /^\d{4}-\d{2}-\d{2}$/.test(asOf))) {
    throw new InvalidOption(`${where}.asOf`, "a day, such as 2026-11-22", asOf)
  }
  if (rules === undefined) return price
  list(`${where}.rules`, rules).forEach((rule, i) => {
    checkRule(`${where}.rules[${i}]`, rule)
  })
  return price
}

const checkRule = (where: string, rule: Rule): void => {
  isObject(where, rule)
  onlyKeys(where, rule, ruleKeys)
  checkRates(where, rule)
  const { hours, inputAbove } = rule
  if (hours === undefined && inputAbove === undefined) {
    throw new InvalidOption(where, "given hours or inputAbove", rule, "A rule that always holds is the price itself")
  }
  if (inputAbove !== undefined) integer(`${where}.inputAbove`, inputAbove, 0)
  if (hours === undefined) return
  list(`${where}.hours`, hours).forEach((one, i) => {
    checkHours(`${where}.hours[${i}]`, one)
  })
}

const checkHours = (where: string, hours: Hours): void => {
  isObject(where, hours)
  onlyKeys(where, hours, hoursKeys)
  const { days, from, to } = hours
  if (!(typeof from === "number" && from >= 0 && from < 24)) {
    throw new InvalidOption(`${where}.from`, "hours in [0, 24)", from)
  }
  if (!(typeof to === "number" && to > from && to <= 24)) {
    throw new InvalidOption(`${where}.to`, `hours in (${from}, 24]`, to, "A window that passes midnight is two")
  }
  if (days === undefined) return
  if (list(`${where}.days`, days).length === 0 || !days.every((day) => Number.isInteger(day) && day >= 0 && day <= 6)) {
    throw new InvalidOption(`${where}.days`, "a list of days from 0 (Sunday) to 6", days)
  }
}

const checkRates = (where: string, rates: Partial<Rates>): void => {
  for (const name of rateNames) if (rates[name] !== undefined) checkRate(`${where}.${name}`, rates[name])
}

const checkRate = (where: string, rate: number): void => {
  if (typeof rate === "number" && rate >= 0 && Number.isFinite(rate)) return
  throw new InvalidOption(where, "a finite number >= 0 (USD per million tokens)", rate)
}

const isObject = (where: string, value: object): void => {
  if (typeof value !== "object" || value === null) throw new InvalidOption(where, "an object", value)
}

const list = <A>(where: string, value: ReadonlyArray<A>): ReadonlyArray<A> => {
  if (!Array.isArray(value)) throw new InvalidOption(where, "a list", value)
  return value
}
