/**
 * Asks a target last whose context window is clearly too small for the call. A preference, not a limit: the tokens are an
 * estimate and only the server knows, so the target is asked after all when nobody else can take the call. What must not be
 * asked at all is said with `needs.contextTokens`.
 *
 * Clearly too small: estimated input * 1.1 + the tokens reserved for the answer are more than the window. A call without an
 * estimate fits everywhere.
 */
import type { Cost } from "../model/Cost.ts"
import { type Gate, type LocalReject, noEvents } from "../model/Gate.ts"
import { positive } from "../model/InvalidOption.ts"

export interface Options {
  /** Tokens, input and output together. > 0. */
  readonly contextWindow: number
}

const permit = {}
const refused: LocalReject = { _tag: "LocalReject", reason: "Context", retryAt: undefined, soft: true }

/** Throws `InvalidOption`. It has no state: nothing is settled, saved or restored. */
export const make = (options: Options): Gate => {
  const contextWindow = positive("ContextFit: contextWindow", options.contextWindow)
  // In tenths, so that 900 * 1.1 is no more than 990.
  const fits = ({ outputTokens = 0, tokens }: Cost): boolean =>
    (tokens - outputTokens) * 11 + outputTokens * 10 <= contextWindow * 10
  return {
    name: "context",
    peek: () => undefined,
    admit: (_now, cost, rng) => (fits(cost) || rng() === 0 ? permit : refused),
    settle: () => noEvents,
    snapshot: () => ({ state: "open", contextWindow }),
    restore: () => {}
  }
}
