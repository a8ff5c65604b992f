/**
 * A prompt of `effect/ai` as the dialect's messages.
 *
 * Three repairs, because a history may come from another vendor or from a cut turn: a call without a result is answered
 * with a failure (servers answer 400 otherwise), a result without its call is left out, and reasoning that another vendor
 * signed is not sent back as one's own.
 */
import * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import type { Profile } from "../../Profile.ts"
import { record } from "../json.ts"

export type Message = Record<string, unknown> & { readonly role: string }

export const from = (prompt: Prompt.Prompt, profile: Profile): Array<Message> => {
  const messages: Array<Message> = []
  // Calls of the last assistant turn that have no result yet.
  let open = new Set<string>()
  const answerOpen = () => {
    for (const id of open) messages.push({ role: "tool", tool_call_id: id, content: "The call was not executed." })
    open = new Set()
  }
  for (const message of prompt.content) {
    if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type === "tool-result" && open.delete(part.id)) messages.push(toolResult(part))
      }
      continue
    }
    answerOpen()
    switch (message.role) {
      case "system":
        messages.push({ role: profile.systemRole, content: message.content })
        break
      case "user":
        messages.push({ role: "user", content: userContent(message.content) })
        break
      case "assistant": {
        const calls = message.content.filter((part) => part.type === "tool-call" && !part.providerExecuted)
        messages.push(assistant(message, profile))
        open = new Set(calls.map((part) => (part.type === "tool-call" ? part.id : "")))
      }
    }
  }
  answerOpen()
  return messages
}

const userContent = (parts: Prompt.UserMessage["content"]): unknown => {
  const only = parts.length === 1 ? parts[0] : undefined
  if (only?.type === "text") return only.text
  return parts.map((part) => (part.type === "text" ? { type: "text", text: part.text } : file(part)))
}

const file = (part: Prompt.FilePart): unknown => {
  const { mediaType } = part
  if (mediaType.startsWith("image/")) {
    // `image/*` stands for "some image" in effect/ai; a data URL needs a real type.
    return { type: "image_url", image_url: { url: urlOf(part, mediaType === "image/*" ? "image/jpeg" : mediaType) } }
  }
  if (mediaType.startsWith("audio/") && !(part.data instanceof URL)) {
    const format = mediaType === "audio/mpeg" || mediaType === "audio/mp3" ? "mp3" : mediaType.slice("audio/".length)
    return { type: "input_audio", input_audio: { data: base64Of(part.data), format } }
  }
  return { type: "file", file: { filename: part.fileName ?? "file", file_data: urlOf(part, mediaType) } }
}

const urlOf = (part: Prompt.FilePart, mediaType: string): string => {
  if (part.data instanceof URL) return part.data.href
  if (typeof part.data === "string" && /^(data:|https?:\/\/)/.test(part.data)) return part.data
  return `data:${mediaType};base64,${base64Of(part.data)}`
}

const base64Of = (data: string | Uint8Array): string => (typeof data === "string" ? data : Base64.encode(data))

const assistant = (message: Prompt.AssistantMessage, profile: Profile): Message => {
  let text = ""
  let reasoning = ""
  const calls: Array<unknown> = []
  for (const part of message.content) {
    if (part.type === "text") text += part.text
    else if (part.type === "reasoning" && isOwn(part.options, profile)) reasoning += part.text
    else if (part.type === "tool-call" && !part.providerExecuted) calls.push(toolCall(part, profile))
  }
  const back = profile.reasoningIn
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...(back === "drop" || (reasoning === "" && !back.always) ? undefined : { [back.field]: reasoning }),
    ...(calls.length === 0 ? undefined : { tool_calls: calls })
  }
}

/** Reasoning is bound to the vendor that made it; without a mark nobody knows better, and the text is taken as it is. */
const isOwn = (options: Prompt.ProviderOptions, profile: Profile): boolean => {
  const owners = Object.keys(options)
  return owners.length === 0 || owners.includes(profile.provider)
}

const toolCall = (part: Prompt.ToolCallPart, profile: Profile): unknown => {
  const extra = record(record(part.options[profile.provider])?.["extra"])
  return {
    id: part.id,
    type: "function",
    function: { name: part.name, arguments: JSON.stringify(part.params ?? {}) },
    ...(extra === undefined ? undefined : { extra_content: extra })
  }
}

const toolResult = (part: Prompt.ToolResultPart): Message => ({
  role: "tool",
  tool_call_id: part.id,
  content:
    part.modelOutput !== undefined
      ? Prompt.toolModelOutputToText(part.modelOutput)
      : typeof part.result === "string"
        ? part.result
        : (JSON.stringify(part.result) ?? "null")
})
