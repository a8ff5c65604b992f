/**
 * What a stop reason means: one of Effect's reasons, or a failure that was dressed as an end.
 * Source: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
import type { FinishReason } from "effect/ai/Response"

const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  refusal: "content-filter",
  compaction: "other"
}

/** Words of compatible servers. */
const failures: ReadonlySet<string> = new Set(["error", "abort", "insufficient_system_resource"])

/** The server gave up and said so by a stop reason. */
export const isFailure = (word: string): boolean => failures.has(word)

/** An unknown word is `other`, its raw form stays in the metadata. Calls with an ordinary end are still tool calls. */
export const from = (word: string, sawToolCalls: boolean): FinishReason => {
  const reason = Object.hasOwn(reasons, word) ? (reasons[word] ?? "other") : "other"
  return reason === "stop" && sawToolCalls ? "tool-calls" : reason
}

/** Ends after which a tool call may be half written: only calls that are whole are given out then. */
export const mayBeCut = (reason: FinishReason): boolean => reason !== "stop" && reason !== "tool-calls"
