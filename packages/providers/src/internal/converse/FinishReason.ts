/** What a `stopReason` of Converse means: one of Effect's reasons. */
import type { FinishReason } from "effect/ai/Response"

const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  guardrail_intervened: "content-filter",
  content_filtered: "content-filter",
  // Not Converse's own, but what the model below it says.
  refusal: "content-filter",
  pause_turn: "pause",
  // The model wrote what nobody can read. As finish `error` no tool runs, and the text before it is kept.
  malformed_model_output: "error",
  malformed_tool_use: "error"
}

/** An unknown word is `other`, its raw form stays in the metadata. Calls with an ordinary end are still tool calls. */
export const from = (word: string, sawToolCalls: boolean): FinishReason => {
  const reason = Object.hasOwn(reasons, word) ? (reasons[word] ?? "other") : "other"
  return reason === "stop" && sawToolCalls ? "tool-calls" : reason
}

/** Ends after which a tool call may be half written: only calls that are whole are given out then. */
export const mayBeCut = (reason: FinishReason): boolean => reason !== "stop" && reason !== "tool-calls"
