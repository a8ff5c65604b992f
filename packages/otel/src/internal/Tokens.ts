/**
 * Token metrics of one attempt, in the way of the chosen convention. A number the wire did not give is not recorded: the
 * conventions forbid a guess, and a 0 would pull every percentile down.
 */
import type { Attributes, Meter } from "@opentelemetry/api"
import type { AttemptFacts } from "@spillway/core/Decision"
import * as Names from "../Names.ts"

export interface Tokens {
  /** `labels`: operation, provider, model. `withError`: the same, with the error type if there was one. */
  readonly record: (facts: AttemptFacts, labels: Attributes, withError: Attributes) => void
  /** Starts the sums of one target at 0. */
  readonly zero: (labels: Attributes) => void
}

export const make = (meter: Meter, convention: Names.Convention): Tokens =>
  convention.tokens._tag === "Typed"
    ? typed(meter, convention, convention.tokens)
    : split(meter, convention, convention.tokens)

const typed = (
  meter: Meter,
  { attribute }: Names.Convention,
  names: Extract<Names.TokenMetrics, { _tag: "Typed" }>
): Tokens => {
  const usage = histogram(meter, names.usage, "Tokens of one attempt")
  return {
    zero: () => {},
    record: ({ inputTokens, outputTokens }, labels) => {
      if (inputTokens !== undefined) usage.record(inputTokens, { ...labels, [attribute.tokenType]: "input" })
      if (outputTokens !== undefined) usage.record(outputTokens, { ...labels, [attribute.tokenType]: "output" })
    }
  }
}

const split = (
  meter: Meter,
  { attribute }: Names.Convention,
  names: Extract<Names.TokenMetrics, { _tag: "Split" }>
): Tokens => {
  const counter = (name: string, description: string) => meter.createCounter(name, { unit: "{token}", description })
  const input = counter(names.input, "Input tokens, cached ones included")
  const output = counter(names.output, "Output tokens, reasoning included")
  const cacheRead = counter(names.cacheRead, "Input tokens read from a provider's cache")
  const cacheWrite = counter(names.cacheWrite, "Input tokens written to a provider's cache")
  const reasoning = counter(names.reasoning, "Output tokens spent on reasoning")
  const inputPerOperation = histogram(meter, names.inputPerOperation, "Input tokens of one attempt")
  const outputPerOperation = histogram(meter, names.outputPerOperation, "Output tokens of one attempt")
  // Providers do not say which tokens were text.
  const unknownModality = { [attribute.tokenModality]: "unknown" }
  return {
    zero: (labels) => {
      input.add(0, { ...labels, ...unknownModality })
      output.add(0, { ...labels, ...unknownModality })
    },
    record: (facts, labels, withError) => {
      const counted = { ...labels, ...unknownModality }
      if (facts.inputTokens !== undefined) {
        input.add(facts.inputTokens, counted)
        inputPerOperation.record(facts.inputTokens, withError)
      }
      if (facts.outputTokens !== undefined) {
        output.add(facts.outputTokens, counted)
        outputPerOperation.record(facts.outputTokens, withError)
      }
      if (facts.cacheReadTokens !== undefined) cacheRead.add(facts.cacheReadTokens, counted)
      if (facts.cacheWriteTokens !== undefined) cacheWrite.add(facts.cacheWriteTokens, counted)
      if (facts.reasoningTokens !== undefined) reasoning.add(facts.reasoningTokens, counted)
    }
  }
}

const histogram = (meter: Meter, name: string, description: string) =>
  meter.createHistogram(name, {
    unit: "{token}",
    description,
    advice: { explicitBucketBoundaries: Names.buckets.tokens }
  })
