/**
 * One assistant turn of a prompt as content blocks, in the order in which they came.
 *
 * Thinking goes back as it came, signature included, but only to the model that signed it; a tool the vendor ran goes back
 * with its call and result. To all other models both are left out and the words go without them. Thinking with nothing
 * behind it is left out too: the vendor refuses it.
 * Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking (preserving thinking blocks)
 */
import type * as Prompt from "effect/ai/Prompt"
import { type JsonRecord, record, text } from "../json.ts"
import type { ToolIds } from "./ToolIds.ts"

export type Block = Record<string, unknown> & { readonly type: string }

export interface Target {
  /** Key of the metadata. */
  readonly owner: string
  readonly model: string
  /** Does the server think without signing? Then thinking goes back without a signature. */
  readonly unsigned: boolean
}

export const isCall = (part: Prompt.AssistantMessagePart): part is Prompt.ToolCallPart =>
  part.type === "tool-call" && !part.providerExecuted

export const isThinking = (block: Block | undefined): boolean =>
  block?.type === "thinking" || block?.type === "redacted_thinking"

/** A block of a tool the vendor runs itself. */
export const isServerBlock = ({ type }: Block): boolean => type === "server_tool_use" || isServerResult(type)

const isServerResult = (type: string) => type.endsWith("_tool_result")

export const from = (message: Prompt.AssistantMessage, target: Target, ids: ToolIds): Array<Block> =>
  message.content.flatMap((part) => blockOf(part, ownOf(part.options, target), target, ids) ?? [])

/**
 * What of a whole turn the vendor takes: its own tools' calls with their results, no thinking at the end. `last`: nothing
 * follows, so such a call may still wait for its result: the turn was paused.
 */
export const settled = (blocks: ReadonlyArray<Block>, last: boolean): ReadonlyArray<Block> => {
  const calls = new Set(blocks.flatMap((block) => (block.type === "server_tool_use" ? [block["id"]] : [])))
  const results = new Set(blocks.flatMap((block) => (isServerResult(block.type) ? [block["tool_use_id"]] : [])))
  const paired = blocks.filter((block) => {
    if (isServerResult(block.type)) return calls.has(block["tool_use_id"])
    return block.type !== "server_tool_use" || last || results.has(block["id"])
  })
  while (isThinking(paired.at(-1))) paired.pop()
  return paired
}

/** What this vendor's same model noted, else nothing. */
const ownOf = (options: Prompt.ProviderOptions, { model, owner }: Target): JsonRecord | undefined => {
  const noted = record(options[owner])
  return noted?.["model"] === model ? noted : undefined
}

const blockOf = (
  part: Prompt.AssistantMessagePart,
  own: JsonRecord | undefined,
  target: Target,
  ids: ToolIds
): Block | undefined => {
  switch (part.type) {
    case "text":
      return part.text.trim() === "" ? undefined : { type: "text", text: part.text }
    case "reasoning":
      return own === undefined ? undefined : thinking(part.text, own, target)
    case "tool-call":
      return part.providerExecuted ? serverCall(part, own) : call(part, own, ids)
    case "tool-result": {
      const block = record(own?.["block"])
      const type = text(block?.["type"])
      return type === undefined ? undefined : { ...block, type }
    }
    default:
      return undefined
  }
}

const thinking = (words: string, own: JsonRecord, { unsigned }: Target): Block | undefined => {
  const redacted = text(own["redactedData"])
  if (redacted !== undefined) return { type: "redacted_thinking", data: redacted }
  const signature = text(own["signature"])
  if (signature === undefined && (!unsigned || words === "")) return undefined
  return { type: "thinking", thinking: words, signature: signature ?? "" }
}

const call = (part: Prompt.ToolCallPart, own: JsonRecord | undefined, ids: ToolIds): Block => {
  const caller = record(own?.["caller"])
  return {
    type: "tool_use",
    id: ids.call(part.id),
    name: part.name.replace(/[^\w-]/g, "_").slice(0, 128) || "tool",
    input: record(part.params) ?? {},
    ...(caller === undefined ? undefined : { caller })
  }
}

const serverCall = (part: Prompt.ToolCallPart, own: JsonRecord | undefined): Block | undefined =>
  own === undefined
    ? undefined
    : { type: "server_tool_use", id: part.id, name: part.name, input: record(part.params) ?? {} }
