/** What the parts of an answer say about it, for records, spans, limits and money. */
import type { AttemptFacts } from "../../model/Decision.ts"
import type { Part, StreamPart } from "../../model/ProviderModel.ts"

/** What is said by parts that say nothing. */
export const noFacts: AttemptFacts = {}

/** A name and nothing else: what a server says of itself goes into records and spans. */
const identifier = (value: string | undefined): string | undefined =>
  value !== undefined && /^[\w.:/@+-]{1,128}$/.test(value) ? value : undefined

/** What the parts say about the answer; never its text. */
export const factsOf = (parts: ReadonlyArray<Part | StreamPart>): AttemptFacts => {
  let facts = noFacts
  for (const part of parts) {
    if (part.type === "response-metadata") {
      const { limits } = (part.metadata?.["spillway"] ?? {}) as { readonly limits?: AttemptFacts["limits"] }
      facts = { ...facts, responseId: identifier(part.id), responseModel: identifier(part.modelId) }
      if (limits !== undefined) facts = { ...facts, limits }
    }
    if (part.type !== "finish") continue
    const { inputTokens, outputTokens } = part.usage
    facts = {
      ...facts,
      finishReason: part.reason,
      inputTokens: inputTokens.total,
      outputTokens: outputTokens.total,
      cacheReadTokens: inputTokens.cacheRead,
      cacheWriteTokens: inputTokens.cacheWrite,
      reasoningTokens: outputTokens.reasoning
    }
    const costUsd = costIn(part.metadata)
    if (costUsd !== undefined) facts = { ...facts, costUsd }
  }
  return facts
}

/** What the provider says the answer cost, USD: `spillway.costUsd` of the finish part's metadata. */
const costIn = (metadata: Readonly<Record<string, unknown>> | undefined): number | undefined => {
  const { costUsd } = (metadata?.["spillway"] ?? {}) as { readonly costUsd?: unknown }
  return typeof costUsd === "number" && costUsd >= 0 && Number.isFinite(costUsd) ? costUsd : undefined
}
