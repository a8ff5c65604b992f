/**
 * Results of tools that ran at the vendor: they come inside the answer and are no work for the caller. A stream brings one in
 * pieces like everything else.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type JsonRecord, list, record, records, text } from "../json.ts"
import type { ToolCall } from "./ToolCalls.ts"

export interface Pending {
  readonly callId: string | undefined
  readonly isFailure: boolean
  readonly content: Array<JsonRecord>
}

/** From the `toolResult` of a start, or of a block of a whole answer. */
export const open = (toolResult: JsonRecord): Pending => ({
  callId: text(toolResult["toolUseId"]),
  isFailure: toolResult["status"] === "error",
  content: [...records(toolResult["content"])]
})

/** A piece is a list; of a whole block, the start has taken all. */
export const add = (pending: Pending, piece: unknown): void => {
  for (const item of list(piece)) {
    const content = record(item)
    if (content !== undefined) pending.content.push(content)
  }
}

/** `undefined` where its call is not in this answer, or is the caller's to run. */
export const part = (pending: Pending, calls: ReadonlyArray<ToolCall>): StreamPart | undefined => {
  const call = calls.find(({ given, id, providerExecuted }) => providerExecuted && given && id === pending.callId)
  if (call === undefined) return undefined
  const results = pending.content.map((content) => text(content["text"]) ?? content["json"] ?? null)
  const { id, name } = call
  const result = results.length === 1 ? results[0] : results
  return { type: "tool-result", id, name, isFailure: pending.isFailure, result, providerExecuted: true }
}
