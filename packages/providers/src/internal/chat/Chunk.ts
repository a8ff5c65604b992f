/** Where the chat dialect and its relatives keep things in a chunk. Pure look-ups, no state. */
import { finite, type JsonRecord, record, records, text } from "../json.ts"
import * as ReasoningDetails from "./ReasoningDetails.ts"

/** There is one answer: index 0, or no index at all. */
export const firstChoice = (chunk: JsonRecord): JsonRecord | undefined => {
  const choices = chunk["choices"]
  if (!Array.isArray(choices)) return undefined
  for (const item of choices) {
    const choice = record(item)
    if (choice !== undefined && (choice["index"] ?? 0) === 0) return choice
  }
  return undefined
}

/** Top level; or Groq's `x_groq`; or older Moonshot's place in the choice. */
export const usage = (chunk: JsonRecord, choice: JsonRecord | undefined): JsonRecord | undefined =>
  record(chunk["usage"]) ?? record(record(chunk["x_groq"])?.["usage"]) ?? record(choice?.["usage"])

/** Servers that send several names send the same text again. */
export const reasoning = (delta: JsonRecord): string =>
  text(delta["reasoning_content"]) ?? text(delta["reasoning"]) ?? ReasoningDetails.textOf(delta)

export interface Piece {
  readonly kind: "text" | "reasoning"
  readonly text: string
}

/** Text, nothing, or Mistral's list: all that content may be. */
export const isContent = (content: unknown): boolean =>
  content === undefined || content === null || typeof content === "string" || Array.isArray(content)

/** Mistral's list of text and thinking parts. */
export const pieces = (content: unknown): ReadonlyArray<Piece> =>
  records(content).flatMap((part): ReadonlyArray<Piece> => {
    const thinking = part["thinking"]
    const piece: Piece =
      thinking === undefined
        ? { kind: "text", text: textOf(part) }
        : { kind: "reasoning", text: typeof thinking === "string" ? thinking : records(thinking).map(textOf).join("") }
    return piece.text === "" ? [] : [piece]
  })

const textOf = (part: JsonRecord): string => text(part["text"]) ?? ""

export const toolDeltas = (delta: JsonRecord): ReadonlyArray<JsonRecord> => {
  const calls = records(delta["tool_calls"])
  const old = record(delta["function_call"])
  return old === undefined ? calls : [...calls, old]
}

/** Adds what is worth keeping of a chunk beside the answer, under the names it gets in the finish part's metadata. */
export const noteExtras = (
  extras: Record<string, string | number>,
  chunk: JsonRecord,
  choice: JsonRecord | undefined
): void => {
  noteText(extras, "serviceTier", chunk["service_tier"])
  noteText(extras, "systemFingerprint", chunk["system_fingerprint"])
  noteText(extras, "upstreamProvider", chunk["provider"])
  noteText(extras, "nativeFinishReason", choice?.["native_finish_reason"])
  const cost = finite(record(chunk["usage"])?.["cost"])
  if (cost !== undefined) extras["cost"] = cost
}

const noteText = (extras: Record<string, string | number>, name: string, value: unknown) => {
  if (typeof value === "string" && value !== "") extras[name] = value
}
