/**
 * A prompt of `effect/ai` as the dialect's messages.
 *
 * Repairs, because a history may come from another vendor or from a cut turn: a call without a result is answered with a
 * failure (servers answer 400 otherwise), a result without its call is left out, reasoning that another vendor made is not
 * sent back as one's own, ids of calls are put into the vendor's form, and text without a character is left out.
 */
import * as Prompt from "effect/ai/Prompt"
import type { Profile } from "../../Profile.ts"
import { record } from "../json.ts"
import { file } from "./Files.ts"
import * as Reasoning from "./Reasoning.ts"
import * as ToolIds from "./ToolIds.ts"

export type Message = Record<string, unknown> & { readonly role: string }

/** Whose history it becomes. */
interface Reader {
  readonly profile: Profile
  readonly model: string
  readonly rename: ToolIds.Rename
}

export const from = (prompt: Prompt.Prompt, profile: Profile, model: string): Array<Message> => {
  const reader: Reader = { profile, model, rename: ToolIds.renamer(profile.toolIds) }
  const messages: Array<Message> = []
  // Calls of the last assistant turn that have no result yet.
  let open = new Set<string>()
  const answerOpen = () => {
    for (const id of open) messages.push(toolMessage(id, "The call was not executed.", reader))
    open = new Set()
  }
  const push = (message: Message | undefined) => {
    if (message !== undefined) messages.push(message)
  }
  for (const message of prompt.content) {
    if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type === "tool-result" && open.delete(part.id)) push(toolMessage(part.id, textOf(part), reader))
      }
      continue
    }
    answerOpen()
    switch (message.role) {
      case "system":
        push({ role: profile.systemRole, content: message.content })
        break
      case "user":
        push(user(message))
        break
      case "assistant":
        push(assistant(message, reader))
        open = new Set(message.content.filter(isOwnCall).map((part) => part.id))
    }
  }
  answerOpen()
  return messages
}

const isOwnCall = (part: Prompt.AssistantMessagePart): part is Prompt.ToolCallPart =>
  part.type === "tool-call" && !part.providerExecuted

const user = (message: Prompt.UserMessage): Message | undefined => {
  const parts = message.content.filter((part) => part.type !== "text" || part.text !== "")
  if (parts.length === 0) return undefined
  const only = parts.length === 1 ? parts[0] : undefined
  const content =
    only?.type === "text"
      ? only.text
      : parts.map((part) => (part.type === "text" ? { type: "text", text: part.text } : file(part)))
  return { role: "user", content }
}

const assistant = (message: Prompt.AssistantMessage, reader: Reader): Message | undefined => {
  const text = message.content.map((part) => (part.type === "text" ? part.text : "")).join("")
  const calls = message.content.filter(isOwnCall).map((part) => toolCall(part, reader))
  const reasoning = Reasoning.back(message, reader.profile, reader.model)
  if (text === "" && calls.length === 0 && reasoning === undefined) return undefined
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...reasoning,
    ...(calls.length === 0 ? undefined : { tool_calls: calls })
  }
}

const toolCall = (part: Prompt.ToolCallPart, { profile, rename }: Reader): unknown => {
  const extra = record(record(part.options[Reasoning.ownerOf(profile)])?.["extra"])
  return {
    id: rename(part.id),
    type: "function",
    function: { name: part.name, arguments: JSON.stringify(part.params ?? {}) },
    ...(extra === undefined ? undefined : { extra_content: extra })
  }
}

const toolMessage = (id: string, content: string, { rename }: Reader): Message => ({
  role: "tool",
  tool_call_id: rename(id),
  content
})

const textOf = (part: Prompt.ToolResultPart): string => {
  if (part.modelOutput !== undefined) return Prompt.toolModelOutputToText(part.modelOutput)
  return typeof part.result === "string" ? part.result : (JSON.stringify(part.result) ?? "null")
}
