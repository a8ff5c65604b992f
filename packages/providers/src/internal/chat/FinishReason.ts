/** What a vendor's finish word means: one of Effect's reasons, or a failure that was dressed as an end. */
import type { FinishReason } from "effect/ai/Response"

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  eos: "stop",
  length: "length",
  model_length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter"
}

const failures: ReadonlySet<string> = new Set(["error", "abort", "insufficient_system_resource"])

/** The server gave up and said so by a finish word. */
export const isFailure = (word: string): boolean => failures.has(word)

/**
 * Effect's reason for `word`; an unknown word is `other`, its raw form stays in the metadata. Calls with `stop` are still
 * tool calls; a refusal with `stop` is the content filter's.
 */
export const from = (word: string, sawToolCalls: boolean, sawRefusal: boolean): FinishReason => {
  const reason = Object.hasOwn(reasons, word) ? (reasons[word] ?? "other") : "other"
  if (reason !== "stop") return reason
  return sawRefusal ? "content-filter" : sawToolCalls ? "tool-calls" : "stop"
}

/** Ends after which a tool call may be half written: only calls that are whole are given out then. */
export const mayBeCut = (reason: FinishReason): boolean => reason !== "stop" && reason !== "tool-calls"
