/**
 * Who counts the tokens of a call to a language model before it is sent: for limits of tokens and money, and for context
 * windows. Asked only when somebody wants to know, and not where the call says itself (`estimatedTokens`).
 *
 * The default estimates (`TokenEstimate`). For exact counts give a tokenizer of your own:
 * `Layer.succeed(CurrentTokenizer, { estimate: (options) => ... })`.
 */
import * as Context from "effect/Context"
import type { ModelOptions } from "../model/ProviderModel.ts"
import * as TokenEstimate from "../model/TokenEstimate.ts"

export interface Tokenizer {
  /** Input tokens of the call, >= 0. Synchronous, because a decision never waits. */
  readonly estimate: (options: ModelOptions) => number
}

/** Default: the estimator without a dependency. */
export const CurrentTokenizer = Context.Reference<Tokenizer>("@spillway/core/policies/Tokenizer", {
  defaultValue: TokenEstimate.make
})

/** What `tokenizer` says, as a count; one that throws or says nothing sensible costs the call nothing but its estimate. */
export const count = (tokenizer: Tokenizer, options: ModelOptions): number => {
  try {
    const tokens = Math.ceil(tokenizer.estimate(options))
    return Number.isSafeInteger(tokens) && tokens > 0 ? tokens : 0
  } catch (error) {
    console.warn("Spillway: a tokenizer threw in estimate.", error)
    return 0
  }
}
