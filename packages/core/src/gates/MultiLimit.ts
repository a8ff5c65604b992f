/**
 * Several limits in one step, all or nothing: requests, tokens, money per time, attempts in flight. For what an account
 * allows; give one `MultiLimit` to the gates of all targets of that account, and they obey it together.
 *
 * `admit` reserves what the attempt is estimated to need (`cost.tokens`, `cost.outputTokens`, and their `price`), `settle`
 * corrects that to what it consumed: less goes back, more is charged on top and may lead into debt, in which nothing passes
 * until it is worked off. What is settled is what was consumed; where nobody said what that was, the table of
 * `internal/consumption.ts` holds. Attempts that name no tokens reserve none: give estimates, or `defaultTokens`.
 *
 * When several limits refuse, the longest wait is told, and the `resource` it is for: `RequestsLimited`, `TokensLimited`,
 * `InputTokensLimited`, `OutputTokensLimited`, `BudgetExhausted`, or `BulkheadFull` when only a place is missing. `Reserved`:
 * only the reserve has room. What is more than a limit as a whole is `NeverFits`, and not given a time.
 *
 * Limits that a provider reports in its headers lower ours and never raise them. `remaining` holds until its reset, even if
 * the provider fills up meanwhile: the next answer brings a newer number. A reported `limit` counts for the limit per
 * minute, for 10 minutes. Of two reports that of the attempt admitted later is believed.
 *
 * Not shared between processes. `now` has no calendar: a day is the last 24 hours, a month the last 30 days.
 * Source: reserve and settle as TensorZero's rate limits take and return tickets; the algorithms name theirs.
 */
import type * as Duration from "effect/Duration"
import type { Gate, Millis } from "../model/Gate.ts"
import { InvalidOption, integer } from "../model/InvalidOption.ts"
import * as Price from "../model/Price.ts"
import type { Counted } from "./internal/consumption.ts"
import { Ledger, type Limits, type Permit, type Refusal, type Resource } from "./internal/ledger.ts"
import { inFlightOf, type Name, names, specOfLimit, specOfName } from "./internal/limitOptions.ts"
import type { Algorithm } from "./internal/line.ts"
import { type Reserve, resolve as resolveReserve } from "./internal/reserve.ts"

export interface LimitOptions extends Reserve {
  /** Units of the resource, > 0: an integer for requests and tokens (with `"gcra"` any number), USD for money. */
  readonly limit: number
  /**
   * `"gcra"`: evenly spread, with a burst; of what was reserved too much, the part goes back that is not worked off yet.
   * `"log"`: never more than `limit` in any stretch of the period; what was counted stays up to a hundredth of it longer.
   * `"counter"`: the estimate from two counters. Default `"gcra"` for requests per minute or less, else `"log"`; a total has
   * none.
   */
  readonly algorithm?: Algorithm
  /** Units that may come at once, for `"gcra"`. Integer >= 1. Default one second of the rate for requests, else `limit`. */
  readonly burst?: number
}

export interface Limit extends LimitOptions {
  readonly resource: Counted
  /** > 0, finite. Left out: a total, which nothing frees but `reset`. */
  readonly per?: Duration.Input
}

/** A number is the limit; everything about it else is its default. */
export interface Options extends Reserve {
  readonly requestsPerMinute?: number | LimitOptions
  readonly requestsPerDay?: number | LimitOptions
  /** Input and output together. */
  readonly tokensPerMinute?: number | LimitOptions
  readonly tokensPerDay?: number | LimitOptions
  readonly inputTokensPerMinute?: number | LimitOptions
  readonly outputTokensPerMinute?: number | LimitOptions
  readonly usdPerDay?: number | LimitOptions
  readonly usdPerMonth?: number | LimitOptions
  /** Until `reset`. */
  readonly usdTotal?: number | LimitOptions
  /** Attempts in flight, streams until their last part. Integer >= 1; no algorithm, no burst. */
  readonly maxInFlight?: number | (Reserve & { readonly limit: number })
  /** Any other. Two limits of one resource must differ in their period. */
  readonly limits?: ReadonlyArray<Limit>
  /** Needed where money is limited. Its `input` and `output` count: no rules, and tokens from a cache are input. */
  readonly price?: Price.Price
  /** Of every limit that does not say itself. Share in [0, 1), default 0. */
  readonly headroom?: number
  /** Reports of a provider count also for resources without a limit here. Default false. */
  readonly learn?: boolean
  /** What an attempt is taken to need whose cost names no tokens. Default 0 / 0. */
  readonly defaultTokens?: { readonly input: number; readonly output: number }
  /** Unique in its chain. Default `"multi-limit"`. */
  readonly name?: string
}

export type { Permit, Refusal, Resource }

export interface MultiLimit extends Gate<Permit> {
  /** The same limits, reservations and all, for a target with another price. */
  readonly priced: (price: Price.Price) => Gate<Permit>
  /** Forgets what providers reported. What was spent stays spent: bringing a target back is no new budget. */
  readonly clear: (now: Millis) => void
  /** A new budget: forgets everything counted. Attempts in flight keep their place and count as settled. */
  readonly reset: () => void
}

/** Throws `InvalidOption`. */
export const make = (options: Options): MultiLimit => {
  const ledger = new Ledger(resolve(options))
  const gate = (price: Price.Price | undefined): Gate<Permit> => ({
    name: options.name ?? "multi-limit",
    peek: (now, cost) => ledger.verdict(now, cost, price),
    admit: (now, cost) => ledger.admit(now, cost, price),
    settle: (permit, outcome, now, measured) => ledger.settle(permit, outcome, now, measured),
    headroom: (now) => ledger.headroom(now),
    snapshot: (now) => ledger.snapshot(now),
    restore: (snapshot, now) => ledger.restore(snapshot, now),
    clear: () => ledger.forgetReports()
  })
  return {
    ...gate(options.price),
    priced: (price) => gate(Price.check("MultiLimit.priced: price", price)),
    clear: () => ledger.forgetReports(),
    reset: () => ledger.reset()
  }
}

const others = ["maxInFlight", "limits", "price", "headroom", "keepForP0", "learn", "defaultTokens", "name"] as const
const known: ReadonlySet<string> = new Set([...names, ...others] satisfies ReadonlyArray<keyof Options>)

const resolve = (options: Options): Limits => {
  const where = "MultiLimit"
  for (const key of Object.keys(options)) {
    if (!known.has(key)) throw new InvalidOption(where, `made of ${[...known].join(", ")}`, key)
  }
  const { defaultTokens, learn = false, limits = [], price } = options
  const reserve = resolveReserve(`${where}: `, options, { headroom: 0, keepForP0: 0 })
  const fromName = (name: Name) => {
    const given = options[name]
    return given === undefined ? [] : [specOfName(where, name, given, reserve)]
  }
  const specs = [
    ...names.flatMap(fromName),
    ...limits.map((limit, i) => specOfLimit(`${where}: limits[${i}]`, limit, reserve))
  ]
  specs.forEach(({ label, per, resource }, i) => {
    if (specs.findIndex((other) => other.resource === resource && other.per === per) < i) {
      throw new InvalidOption(`${where}: limits`, "different from each other in resource or period", label)
    }
  })
  if (price !== undefined) Price.check(`${where}: price`, price)
  else if (specs.some(({ resource }) => resource === "usd")) {
    throw new InvalidOption(`${where}: price`, "given where money is limited (USD per million tokens)", price)
  }
  if (defaultTokens !== undefined) {
    integer(`${where}: defaultTokens.input`, defaultTokens.input, 0)
    integer(`${where}: defaultTokens.output`, defaultTokens.output, 0)
  }
  if (specs.length === 0 && options.maxInFlight === undefined && !learn) {
    throw new InvalidOption(where, "given at least one limit, or learn: true", "none")
  }
  const { inFlightReserve, maxInFlight } = inFlightOf(`${where}: maxInFlight`, options.maxInFlight, reserve)
  return { specs, maxInFlight, inFlightReserve, reserve, learn, defaultTokens }
}
