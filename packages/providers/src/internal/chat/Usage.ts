/**
 * Token counts of every known compatible server, in Effect's one normal form: `input.total = uncached + cacheRead +
 * cacheWrite`, `output.total = text + reasoning`.
 *
 * What the wire did not say stays `undefined`. Cached tokens nobody mentioned count as uncached, reasoning nobody
 * mentioned counts as text: both are the dearer reading.
 */
import { type JsonRecord, record } from "../json.ts"
import { count, minus, none, type Usage } from "../parts/Counts.ts"

export type { Usage } from "../parts/Counts.ts"

/** Where reasoning tokens stand: inside `completion_tokens`, beside them, or find out from `total_tokens`. */
export type ReasoningTokens = "inside" | "outside" | "detect"

export const normalize = (usage: JsonRecord | undefined, reasoningTokens: ReasoningTokens): Usage => {
  if (usage === undefined) return none
  const details = record(usage["prompt_tokens_details"])
  const hit = count(usage["prompt_cache_hit_tokens"])
  const miss = count(usage["prompt_cache_miss_tokens"])
  const cacheRead =
    count(details?.["cached_tokens"]) ?? hit ?? count(usage["cached_tokens"]) ?? count(usage["num_cached_tokens"])
  const cacheWrite = count(details?.["cache_write_tokens"]) ?? count(details?.["cache_creation_input_tokens"])
  const prompt = count(usage["prompt_tokens"]) ?? (hit === undefined || miss === undefined ? undefined : hit + miss)
  const completion = count(usage["completion_tokens"])
  const reasoning =
    count(record(usage["completion_tokens_details"])?.["reasoning_tokens"]) ?? count(usage["reasoning_tokens"])
  const outside =
    reasoningTokens === "outside" ||
    (reasoningTokens === "detect" && isBeside(reasoning, prompt, completion, count(usage["total_tokens"])))
  return {
    inputTokens: {
      total: prompt,
      uncached: minus(prompt, (cacheRead ?? 0) + (cacheWrite ?? 0)),
      cacheRead,
      cacheWrite
    },
    outputTokens: {
      total: completion === undefined ? undefined : completion + (outside ? (reasoning ?? 0) : 0),
      text: outside ? completion : minus(completion, reasoning ?? 0),
      reasoning
    }
  }
}

const isBeside = (
  reasoning: number | undefined,
  prompt: number | undefined,
  completion: number | undefined,
  total: number | undefined
): boolean =>
  reasoning !== undefined &&
  reasoning > 0 &&
  prompt !== undefined &&
  completion !== undefined &&
  total === prompt + completion + reasoning
