/**
 * Results as JSON, in full and in the order in which `Result` names its figures: the same results give the same bytes.
 * `results` are in the order in which they were given.
 */
import type { Result } from "../Result.ts"

/** Ends in a line break. */
export const render = (results: ReadonlyArray<Result>): string => `${JSON.stringify({ results }, null, 2)}\n`
