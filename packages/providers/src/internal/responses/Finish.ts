/**
 * How an answer ended. The dialect has a status instead of a finish word, and no word for tool calls.
 * Source: https://platform.openai.com/docs/api-reference/responses/object
 */
import type { FinishReason } from "effect/ai/Response"
import { type JsonRecord, record, text } from "../json.ts"

export type End = "completed" | "incomplete" | "failed" | "cancelled" | "open"

/** What the event and the response in it say; the worse one counts. `open`: not at its end yet. */
export const endOf = (said: string | undefined, response: JsonRecord): End => {
  const words = [said, text(response["status"])]
  for (const end of ["failed", "cancelled", "incomplete", "completed"] as const) if (words.includes(end)) return end
  // A compatible server may leave the status out of a whole answer.
  return words.every((word) => word === undefined) && Array.isArray(response["output"]) ? "completed" : "open"
}

/** Kept in the metadata of the finish part: why it is incomplete, or the status. */
export const wordOf = (end: End, response: JsonRecord): string =>
  (end === "incomplete" ? text(record(response["incomplete_details"])?.["reason"]) : undefined) ?? end

export const reasonOf = (end: End, word: string, seen: { readonly calls: boolean; readonly refusal: boolean }) => {
  if (end === "incomplete") return incomplete(word)
  return seen.refusal ? "content-filter" : seen.calls ? "tool-calls" : "stop"
}

const incomplete = (word: string): FinishReason => {
  if (word === "max_output_tokens" || word === "max_tokens" || word === "length") return "length"
  return word === "content_filter" ? "content-filter" : "other"
}
