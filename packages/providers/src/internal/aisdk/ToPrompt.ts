/**
 * A prompt of `effect/ai` in the AI SDK's words.
 *
 * Reasoning that another vendor marked as its own stays out: its signature would be refused. Everything else keeps its
 * `options`; a model reads its own key and no other.
 */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart
} from "@ai-sdk/provider"
import type * as Prompt from "effect/ai/Prompt"
import { record, text } from "../json.ts"
import * as Files from "./Files.ts"
import * as Json from "./Json.ts"

type AssistantContent = Extract<LanguageModelV4Message, { readonly role: "assistant" }>["content"]
type ToolContent = Extract<LanguageModelV4Message, { readonly role: "tool" }>["content"]

/** `vendor` is the key under which the model keeps what is its own. */
export const from = (prompt: Prompt.Prompt, vendor: string, version: Files.Version): LanguageModelV4Prompt =>
  prompt.content.flatMap((message) => messageOf(message, vendor, version) ?? [])

/** `undefined` for a message of which nothing is left. */
const messageOf = (
  message: Prompt.Message,
  vendor: string,
  version: Files.Version
): LanguageModelV4Message | undefined => {
  const options = Json.providerOptions(message.options)
  switch (message.role) {
    case "system":
      return { role: "system", content: message.content, ...options }
    case "user":
      return { role: "user", content: message.content.map((part) => user(part, version)), ...options }
    case "assistant": {
      const content = assistant(message, vendor, version)
      return content.length === 0 ? undefined : { role: "assistant", content, ...options }
    }
    case "tool": {
      const content = message.content.map((part) => toolPart(part, version))
      return content.length === 0 ? undefined : { role: "tool", content, ...options }
    }
  }
}

type UserPart = Extract<LanguageModelV4Message, { readonly role: "user" }>["content"][number]

const user = (part: Prompt.UserMessagePart, version: Files.Version): UserPart =>
  part.type === "text" ? { type: "text", text: part.text, ...Json.providerOptions(part.options) } : file(part, version)

const file = (part: Prompt.FilePart, version: Files.Version): LanguageModelV4FilePart => ({
  type: "file",
  mediaType: part.mediaType,
  data: Files.toData(part.data, version),
  ...(part.fileName === undefined ? undefined : { filename: part.fileName }),
  ...Json.providerOptions(part.options)
})

const assistant = (message: Prompt.AssistantMessage, vendor: string, version: Files.Version): AssistantContent =>
  message.content.flatMap((part): AssistantContent => {
    const options = Json.providerOptions(part.options)
    switch (part.type) {
      case "text":
        return [{ type: "text", text: part.text, ...options }]
      case "reasoning":
        return isOwn(part.options, vendor) ? [{ type: "reasoning", text: part.text, ...options }] : []
      case "file":
        return [file(part, version)]
      case "tool-call":
        return [
          {
            type: "tool-call",
            toolCallId: part.id,
            toolName: part.name,
            input: part.params ?? {},
            ...(part.providerExecuted ? { providerExecuted: true } : undefined),
            ...options
          }
        ]
      case "tool-result":
        return [toolResult(part, version)]
      default:
        // A request for approval has been answered before a model is asked.
        return []
    }
  })

const isOwn = (options: Prompt.ProviderOptions, vendor: string): boolean => {
  const owners = Object.keys(options)
  return owners.length === 0 || owners.includes(vendor)
}

const toolPart = (part: Prompt.ToolMessage["content"][number], version: Files.Version): ToolContent[number] =>
  part.type === "tool-result"
    ? toolResult(part, version)
    : {
        type: "tool-approval-response",
        approvalId: part.approvalId,
        approved: part.approved,
        ...(part.reason === undefined ? undefined : { reason: part.reason }),
        ...Json.providerOptions(part.options)
      }

const toolResult = (part: Prompt.ToolResultPart, version: Files.Version): LanguageModelV4ToolResultPart => ({
  type: "tool-result",
  toolCallId: part.id,
  toolName: part.name,
  output: output(part, version),
  ...Json.providerOptions(part.options)
})

const output = (part: Prompt.ToolResultPart, version: Files.Version): LanguageModelV4ToolResultOutput => {
  const { isFailure, modelOutput, result } = part
  if (modelOutput !== undefined) {
    return { type: "content", value: modelOutput.map((shown) => (version === "v3" ? shownV3(shown) : shownV4(shown))) }
  }
  const failure = isFailure ? record(result) : undefined
  if (failure?.["type"] === "execution-denied") {
    const reason = text(failure["reason"])
    return { type: "execution-denied", ...(reason === undefined ? undefined : { reason }) }
  }
  return typeof result === "string"
    ? { type: isFailure ? "error-text" : "text", value: result }
    : { type: isFailure ? "error-json" : "json", value: Json.value(result) }
}

type Shown = NonNullable<Prompt.ToolResultPart["modelOutput"]>[number]
type ShownThere = Extract<LanguageModelV4ToolResultOutput, { readonly type: "content" }>["value"][number]

const shownV4 = (part: Shown): ShownThere =>
  part.type === "text"
    ? { type: "text", text: part.text, ...Json.providerOptions(part.options) }
    : {
        type: "file",
        data: Files.toData(part.data, "v4"),
        mediaType: part.mediaType,
        ...(part.fileName === undefined ? undefined : { filename: part.fileName })
      }

/** V3 has a word for each kind of file. */
const shownV3 = (part: Shown): ShownThere => {
  if (part.type === "text") return shownV4(part)
  const data = Files.toData(part.data, "v4")
  const image = part.mediaType.startsWith("image/")
  const shown =
    data.type === "url"
      ? { type: image ? "image-url" : "file-url", url: data.url.href }
      : { type: image ? "image-data" : "file-data", data: Files.toBase64(data) ?? "", mediaType: part.mediaType }
  return shown as unknown as ShownThere
}
