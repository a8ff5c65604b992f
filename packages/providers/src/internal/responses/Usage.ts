/**
 * Token counts of the Responses dialect in Effect's form: cached tokens are inside `input_tokens`, reasoning is inside
 * `output_tokens`.
 * Source: https://platform.openai.com/docs/api-reference/responses/object
 */
import { type JsonRecord, record } from "../json.ts"
import { count, minus, none, type Usage } from "../parts/Counts.ts"

export const normalize = (usage: JsonRecord | undefined): Usage => {
  if (usage === undefined) return none
  const details = record(usage["input_tokens_details"])
  const input = count(usage["input_tokens"])
  const output = count(usage["output_tokens"])
  const cacheRead = count(details?.["cached_tokens"])
  const cacheWrite = count(details?.["cache_write_tokens"])
  const reasoning = count(record(usage["output_tokens_details"])?.["reasoning_tokens"])
  return {
    inputTokens: { total: input, uncached: minus(input, (cacheRead ?? 0) + (cacheWrite ?? 0)), cacheRead, cacheWrite },
    outputTokens: { total: output, text: minus(output, reasoning ?? 0), reasoning }
  }
}
