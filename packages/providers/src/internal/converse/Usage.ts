/**
 * Token counts of Converse in Effect's normal form. `inputTokens` leaves out what came from the cache and what was written to
 * it: the total is the sum of the three. Reasoning is not told apart and counts as text.
 *
 * What the wire did not say stays `undefined`. Counts are whole; a float is cut, a negative is no count.
 */
import type { JsonRecord } from "../json.ts"
import { count, type Usage } from "../parts/Counts.ts"

export const normalize = (usage: JsonRecord | undefined): Usage => {
  const uncached = count(usage?.["inputTokens"])
  const cacheRead = count(usage?.["cacheReadInputTokens"])
  const cacheWrite = count(usage?.["cacheWriteInputTokens"])
  const output = count(usage?.["outputTokens"])
  return {
    inputTokens: {
      total: uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (cacheWrite ?? 0),
      uncached,
      cacheRead,
      cacheWrite
    },
    outputTokens: { total: output, text: output, reasoning: undefined }
  }
}
