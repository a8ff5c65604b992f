/**
 * A prompt of the AI SDK for `effect/ai`. What has no place there (a file that only its vendor can find, a part of a vendor's
 * own kind) is left out with a warning.
 */
import type { LanguageModelV4Message, LanguageModelV4Prompt, SharedV4Warning } from "@ai-sdk/provider"
import * as Prompt from "effect/ai/Prompt"
import { record, text } from "../json.ts"
import * as Files from "./Files.ts"
import * as Json from "./Json.ts"
import * as Warnings from "./Warnings.ts"

type Of<Role> = Extract<LanguageModelV4Message, { readonly role: Role }>["content"][number]
type UserPart = Prompt.UserMessagePartEncoded
type AssistantPart = Prompt.AssistantMessagePartEncoded
type ToolPart = Prompt.ToolMessagePartEncoded

/** Throws for a prompt that `effect/ai` does not take. `warn` is called once per thing that is left out. */
export const from = (prompt: LanguageModelV4Prompt, warn: (warning: SharedV4Warning) => void): Prompt.Prompt =>
  Prompt.make(
    prompt.flatMap((message): Array<Prompt.MessageEncoded> => {
      const options = Json.options(message.providerOptions)
      switch (message.role) {
        case "system":
          return [{ role: "system", content: message.content, ...options }]
        case "user":
          return some(
            message.content,
            (part) => user(part, warn),
            (content) => ({ role: "user", content, ...options })
          )
        case "assistant":
          return some(
            message.content,
            (part) => assistant(part, warn),
            (content) => ({ role: "assistant", content, ...options })
          )
        case "tool":
          return some(
            message.content,
            (part) => tool(part, warn),
            (content) => ({ role: "tool", content, ...options })
          )
        default:
          warn(Warnings.unsupported("prompt", "A message of an unknown role is left out"))
          return []
      }
    })
  )

/** A message of which nothing is left is no message. */
const some = <A, B>(
  parts: ReadonlyArray<A>,
  convert: (part: A) => B | undefined,
  make: (content: Array<B>) => Prompt.MessageEncoded
): Array<Prompt.MessageEncoded> => {
  const content = parts.flatMap((part) => convert(part) ?? [])
  return content.length === 0 ? [] : [make(content)]
}

type Warn = (warning: SharedV4Warning) => void

const user = (part: Of<"user">, warn: Warn): UserPart | undefined =>
  part.type === "text" ? { type: "text", text: part.text, ...Json.options(part.providerOptions) } : file(part, warn)

const file = (part: Extract<Of<"user">, { readonly type: "file" }>, warn: Warn): Prompt.FilePartEncoded | undefined => {
  const data = Files.fromData(part.data)
  if (data === undefined) {
    warn(Warnings.unsupported("file reference", "A file that only one vendor can find is left out"))
    return undefined
  }
  return {
    type: "file",
    mediaType: Files.mediaType(part.mediaType),
    data,
    ...(part.filename === undefined ? undefined : { fileName: part.filename }),
    ...Json.options(part.providerOptions)
  }
}

const assistant = (part: Of<"assistant">, warn: Warn): AssistantPart | undefined => {
  const options = Json.options(part.providerOptions)
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text, ...options }
    case "reasoning":
      return { type: "reasoning", text: part.text, ...options }
    case "file":
      return file(part, warn)
    case "tool-call":
      return {
        type: "tool-call",
        id: part.toolCallId,
        name: part.toolName,
        params: Json.pure(part.input) ?? {},
        providerExecuted: part.providerExecuted === true,
        ...options
      }
    case "tool-result":
      return toolResult(part, warn)
    default:
      warn(Warnings.unsupported(text(record(part)?.["type"]) ?? "part", "A part of a vendor's own kind is left out"))
      return undefined
  }
}

const tool = (part: Of<"tool">, warn: Warn): ToolPart | undefined =>
  part.type === "tool-result"
    ? toolResult(part, warn)
    : {
        type: "tool-approval-response",
        approvalId: part.approvalId,
        approved: part.approved,
        ...(part.reason === undefined ? undefined : { reason: part.reason }),
        ...Json.options(part.providerOptions)
      }

type Result = Extract<Of<"tool">, { readonly type: "tool-result" }>

const toolResult = (part: Result, warn: Warn): Prompt.ToolResultPartEncoded => ({
  type: "tool-result",
  id: part.toolCallId,
  name: part.toolName,
  ...resultOf(part.output, warn),
  ...Json.options(part.providerOptions)
})

const resultOf = (
  output: Result["output"],
  warn: Warn
): Pick<Prompt.ToolResultPartEncoded, "result" | "isFailure" | "modelOutput"> => {
  switch (output.type) {
    case "text":
      return { isFailure: false, result: output.value }
    case "json":
      return { isFailure: false, result: Json.value(output.value) }
    case "error-text":
      return { isFailure: true, result: output.value }
    case "error-json":
      return { isFailure: true, result: Json.value(output.value) }
    case "execution-denied":
      return { isFailure: true, result: { type: "execution-denied", reason: output.reason ?? "Not approved" } }
    case "content": {
      const modelOutput = output.value.flatMap((shown): Array<UserPart> => {
        if (shown.type === "text") return [{ type: "text", text: shown.text }]
        const found = shown.type === "file" ? file({ ...shown, type: "file" }, warn) : undefined
        if (shown.type !== "file") warn(Warnings.unsupported(shown.type, "A part of a tool's result is left out"))
        return found === undefined ? [] : [found]
      })
      const texts = modelOutput.flatMap((shown) => (shown.type === "text" ? [shown.text] : []))
      return { isFailure: false, result: texts.join("\n"), modelOutput }
    }
  }
}
