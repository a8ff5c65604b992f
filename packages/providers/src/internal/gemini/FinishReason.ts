/**
 * What Gemini's finish words mean to `effect/ai`. A malformed call is a failure of the model's while nothing else was said;
 * behind other content it is the end `error`, after which no tool runs.
 * Source: https://ai.google.dev/api/generate-content#FinishReason
 */
import type { FinishReason } from "effect/ai/Response"

const reasons: Readonly<Record<string, FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  MALFORMED_FUNCTION_CALL: "error",
  UNEXPECTED_TOOL_CALL: "error"
}

/** The model meant to call a tool, and did not manage to. */
export const isBrokenCall = (word: string): boolean =>
  word === "MALFORMED_FUNCTION_CALL" || word === "UNEXPECTED_TOOL_CALL"

/** An unknown word is `other`; its raw form stays in the metadata. There is no word for calls: they end with `STOP`. */
export const from = (word: string, sawCalls: boolean): FinishReason => {
  if (word.startsWith("IMAGE_")) return "content-filter"
  const reason = Object.hasOwn(reasons, word) ? (reasons[word] ?? "other") : "other"
  return reason === "stop" && sawCalls ? "tool-calls" : reason
}
