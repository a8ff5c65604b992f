/**
 * Gemini's token counts in Effect's form: cached tokens are inside the prompt, what tools put into the prompt is beside it,
 * and so are thoughts beside the answer's tokens.
 * Source: https://ai.google.dev/api/generate-content#UsageMetadata
 */
import type { JsonRecord } from "../json.ts"
import { count, minus, none, plus, type Usage } from "../parts/Counts.ts"

/** Counts grow from event to event; one that an event leaves out is not taken back. */
export const merge = (before: JsonRecord | undefined, later: JsonRecord | undefined): JsonRecord | undefined =>
  before === undefined || later === undefined ? (later ?? before) : { ...before, ...later }

export const normalize = (usage: JsonRecord | undefined): Usage => {
  if (usage === undefined) return none
  const input = plus(count(usage["promptTokenCount"]), count(usage["toolUsePromptTokenCount"]))
  const cacheRead = count(usage["cachedContentTokenCount"])
  const text = count(usage["candidatesTokenCount"])
  const reasoning = count(usage["thoughtsTokenCount"])
  return {
    inputTokens: { total: input, uncached: minus(input, cacheRead ?? 0), cacheRead, cacheWrite: undefined },
    outputTokens: { total: plus(text, reasoning), text, reasoning }
  }
}
