/**
 * One assistant turn of a prompt as items: messages, reasoning, calls, in the order in which they came.
 *
 * What the vendor gave out beside the words (item ids, sealed reasoning, the items of tools it ran itself) returns only to
 * the same owner and the same model; to all others it is left out and the words go without it. A reasoning item with
 * nothing behind it is left out too: the vendor refuses it.
 */
import type * as Prompt from "effect/ai/Prompt"
import { type JsonRecord, record, text } from "../json.ts"

export type Item = Record<string, unknown>

export interface Target {
  readonly owner: string
  readonly model: string
  /** Does the vendor keep answers? Then an item's id is enough to find what is sealed in it. */
  readonly store: boolean
}

export const isCall = (part: Prompt.AssistantMessagePart): part is Prompt.ToolCallPart =>
  part.type === "tool-call" && !part.providerExecuted

export const from = (message: Prompt.AssistantMessage, target: Target, callId: (id: string) => string): Array<Item> => {
  const items: Array<Item> = []
  const reasoning = new Map<string, Item>()
  for (const part of message.content) {
    const own = ownOf(part.options, target)
    if (part.type === "text") addText(items, part.text, own)
    else if (part.type === "reasoning") addReasoning(items, reasoning, part.text, own)
    else if (isCall(part)) items.push(call(part, own, callId))
  }
  const known = items.filter((item) => item["type"] !== "reasoning" || target.store || isWhole(item))
  while (known.at(-1)?.["type"] === "reasoning") known.pop()
  return known
}

/** An id alone says nothing to a vendor that kept no answer. */
const isWhole = (reasoning: Item) => reasoning["encrypted_content"] !== undefined || reasoning["content"] !== undefined

/** What this vendor's same model noted, else nothing. */
const ownOf = (options: Prompt.ProviderOptions, { model, owner }: Target): JsonRecord => {
  const noted = record(options[owner])
  return noted?.["model"] === model ? noted : {}
}

const addText = (items: Array<Item>, words: string, own: JsonRecord) => {
  if (words === "") return
  const id = text(own["id"])
  const last = items.at(-1)
  const content = { type: "output_text", text: words, annotations: [] }
  if (id === undefined) {
    // Every compatible server takes the short form.
    if (last?.["role"] === "assistant" && typeof last["content"] === "string") last["content"] += words
    else items.push({ role: "assistant", content: words })
  } else if (last?.["id"] === id && Array.isArray(last["content"])) last["content"].push(content)
  else {
    const phase = text(own["phase"])
    items.push({
      type: "message",
      id,
      role: "assistant",
      status: "completed",
      content: [content],
      ...(phase === undefined ? undefined : { phase })
    })
  }
}

/** Several parts may be one item: an item has a list of summaries. */
const addReasoning = (items: Array<Item>, known: Map<string, Item>, words: string, own: JsonRecord) => {
  const whole = record(own["item"])
  if (whole !== undefined) {
    items.push({ ...whole })
    return
  }
  const id = text(own["id"])
  const sealed = text(own["encryptedContent"])
  const raw = own["raw"] === true
  const before = id === undefined ? undefined : known.get(id)
  const item: Item = before ?? { type: "reasoning", ...(id === undefined ? undefined : { id }), summary: [] }
  if (before === undefined) {
    // Of several parts only the last one carries the seal.
    if (id === undefined && sealed === undefined && !raw) return
    if (id !== undefined) known.set(id, item)
    items.push(item)
  }
  if (sealed !== undefined) item["encrypted_content"] = sealed
  if (words !== "") {
    if (raw) item["content"] = [...listOf(item["content"]), { type: "reasoning_text", text: words }]
    else item["summary"] = [...listOf(item["summary"]), { type: "summary_text", text: words }]
  }
}

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const call = (part: Prompt.ToolCallPart, own: JsonRecord, callId: (id: string) => string): Item => {
  const id = text(own["id"])
  return {
    type: "function_call",
    ...(id === undefined ? undefined : { id }),
    call_id: callId(part.id),
    name: part.name.replace(/[^\w-]/g, "_").slice(0, 64) || "tool",
    arguments: JSON.stringify(part.params ?? {})
  }
}
