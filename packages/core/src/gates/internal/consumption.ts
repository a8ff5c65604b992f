/**
 * What an attempt is taken to need before it starts, and what it has consumed when it has ended, per resource.
 *
 * What the provider said always counts. Where nobody said:
 *
 * | outcome                      | requests | input  | output |
 * | ---------------------------- | -------- | ------ | ------ |
 * | `Success`, `Slow`            | kept     | kept   | kept   |
 * | `Failure`, `Ignored`         | kept     | kept   | kept once content was seen, else returned |
 * | `RateLimited`, `Misconfigured` | kept   | returned | returned |
 * | `Unused`                     | returned | returned | returned |
 *
 * An interrupted request was sent, and its prompt read: that is counted and billed by the provider. Its answer is the part
 * that did not come about, mostly the larger one by far; where some of it did, nobody can say how much, and the estimate is
 * the safe side. A provider that refuses reads nothing, but counts the request.
 */
import type { Cost } from "../../model/Cost.ts"
import type { Measured } from "../../model/Gate.ts"
import type { Outcome } from "../../model/Outcome.ts"
import type { Price } from "../../model/Price.ts"

/** What is counted. `tokens` is input and output together; `usd` is counted in billionths, so that sums stay exact. */
export const resources = ["requests", "tokens", "inputTokens", "outputTokens", "usd"] as const
export type Counted = (typeof resources)[number]

/** Billionths of a dollar per dollar. */
export const nano = 1e9

/** One number per resource, in the order of `resources`. Without a price nothing costs money. */
export const fill = (
  amounts: Float64Array,
  requests: number,
  input: number,
  output: number,
  price: Price | undefined
): void => {
  amounts[0] = requests
  amounts[1] = input + output
  amounts[2] = input
  amounts[3] = output
  amounts[4] = price === undefined ? 0 : Math.round((input * price.input + output * price.output) * 1000)
}

export const outputOf = ({ outputTokens = 0, tokens }: Cost): number => Math.min(Math.max(0, outputTokens), tokens)

export const inputConsumed = (reserved: number, outcome: Outcome, measured: Measured | undefined): number =>
  known(measured?.inputTokens) ?? (refused(outcome) ? 0 : reserved)

export const outputConsumed = (reserved: number, outcome: Outcome, measured: Measured | undefined): number =>
  known(measured?.outputTokens) ?? (answered(outcome, measured) ? reserved : 0)

const known = (tokens: number | undefined): number | undefined =>
  tokens !== undefined && tokens >= 0 && Number.isFinite(tokens) ? tokens : undefined

const refused = ({ _tag }: Outcome): boolean => _tag === "RateLimited" || _tag === "Misconfigured"

const answered = (outcome: Outcome, measured: Measured | undefined): boolean => {
  switch (outcome._tag) {
    case "Success":
    case "Slow":
      return true
    case "Failure":
      return outcome.afterFirstContent || measured?.firstContentMs !== undefined
    case "Ignored":
      return measured?.firstContentMs !== undefined
    default:
      return false
  }
}
