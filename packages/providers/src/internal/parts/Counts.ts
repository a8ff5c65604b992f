/** Token counts off the wire: whole numbers >= 0. What is missing or no count is `undefined`, never 0. */
import type { FinishPartEncoded } from "effect/ai/Response"
import { finite } from "../json.ts"

export type Usage = FinishPartEncoded["usage"]

export const none: Usage = {
  inputTokens: { total: undefined, uncached: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined }
}

/** Far above any count, and three of them added up are still whole: a larger number would fail the whole answer. */
const most = 2 ** 50

/** A float is cut, a negative is no count. */
export const count = (value: unknown): number | undefined => {
  const number = finite(value)
  return number === undefined || number < 0 || number > most ? undefined : Math.trunc(number)
}

/** What is left of `total`, never below 0. */
export const minus = (total: number | undefined, part: number): number | undefined =>
  total === undefined ? undefined : Math.max(0, total - part)

/** `undefined` only where neither was said. */
export const plus = (first: number | undefined, second: number | undefined): number | undefined =>
  first === undefined && second === undefined ? undefined : (first ?? 0) + (second ?? 0)
