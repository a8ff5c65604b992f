/**
 * Token counts in Effect's form. The wire's `input_tokens` are those that no cache had a part in; the cache's stand beside
 * it. Thinking is inside `output_tokens`.
 * Source: https://platform.claude.com/docs/en/api/messages (usage), prompt caching: tracking cache performance
 */
import { type JsonRecord, record } from "../json.ts"
import { count, minus, none, plus, type Usage } from "../parts/Counts.ts"

/** The first event has a first figure, the last one corrects it: the later word counts, but `null` says nothing. */
export const merge = (before: JsonRecord | undefined, later: JsonRecord | undefined): JsonRecord | undefined => {
  if (before === undefined || later === undefined) return later ?? before
  const said = Object.entries(later).filter(([, value]) => value !== null && value !== undefined)
  return { ...before, ...Object.fromEntries(said) }
}

export const normalize = (usage: JsonRecord | undefined): Usage => {
  if (usage === undefined) return none
  const byLifetime = record(usage["cache_creation"])
  const uncached = count(usage["input_tokens"])
  const cacheRead = count(usage["cache_read_input_tokens"])
  const cacheWrite =
    count(usage["cache_creation_input_tokens"]) ??
    plus(count(byLifetime?.["ephemeral_5m_input_tokens"]), count(byLifetime?.["ephemeral_1h_input_tokens"]))
  const output = count(usage["output_tokens"])
  const reasoning = count(record(usage["output_tokens_details"])?.["thinking_tokens"])
  return {
    inputTokens: {
      total: uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (cacheWrite ?? 0),
      uncached,
      cacheRead,
      cacheWrite
    },
    outputTokens: { total: output, text: minus(output, reasoning ?? 0), reasoning }
  }
}
