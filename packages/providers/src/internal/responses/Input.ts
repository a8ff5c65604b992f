/**
 * A prompt of `effect/ai` as the dialect's list of items.
 *
 * Repairs, because a history may come from another vendor or from a cut turn: a call without a result is answered with a
 * failure (servers answer 400 otherwise), a result without its call is left out, text that is empty is left out, ids and
 * names that are too long or of other letters are replaced, the same way in the call and in its result. What another
 * vendor or another model signed is not sent back (`Turn`).
 * Source: https://platform.openai.com/docs/api-reference/responses/create
 */
import * as Prompt from "effect/ai/Prompt"
import * as FileData from "../parts/FileData.ts"
import * as Turn from "./Turn.ts"

export type Item = Turn.Item

export interface Target extends Turn.Target {
  readonly systemRole: "system" | "developer"
}

/** `continued`: the vendor has what came before, so results may answer calls that are not in the prompt. */
export const from = (prompt: Prompt.Prompt, target: Target, continued: boolean): Array<Item> => {
  const items: Array<Item> = []
  const callId = callIds()
  // Calls of the last assistant turn that have no result yet.
  let open = new Set<string>()
  const answerOpen = () => {
    for (const id of open) items.push(output(callId(id), "The call was not executed."))
    open = new Set()
  }
  for (const message of prompt.content) {
    if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type !== "tool-result" || part.providerExecuted) continue
        if (open.delete(part.id) || continued) items.push(output(callId(part.id), resultOf(part)))
      }
      continue
    }
    answerOpen()
    switch (message.role) {
      case "system":
        if (message.content !== "") items.push({ role: target.systemRole, content: message.content })
        break
      case "user": {
        const content = contentOf(message.content)
        if (content.length > 0) items.push({ role: "user", content })
        break
      }
      case "assistant":
        for (const item of Turn.from(message, target, callId)) items.push(item)
        open = new Set(message.content.flatMap((part) => (Turn.isCall(part) ? [part.id] : [])))
    }
  }
  answerOpen()
  return items
}

const output = (call_id: string, output: unknown): Item => ({ type: "function_call_output", call_id, output })

/** At most 64 letters; another vendor's longer id gets a short one, by its place in the history. */
const callIds = () => {
  const short = new Map<string, string>()
  return (id: string): string => {
    if (/^[\w-]{1,64}$/.test(id)) return id
    const known = short.get(id) ?? `call_of_history_${short.size}`
    short.set(id, known)
    return known
  }
}

const contentOf = (parts: ReadonlyArray<Prompt.TextPart | Prompt.FilePart>): Array<Item> =>
  parts.flatMap((part): Array<Item> => {
    if (part.type === "file") return [file(part)]
    return part.text === "" ? [] : [{ type: "input_text", text: part.text }]
  })

const file = (part: Prompt.FilePart): Item => {
  if (part.mediaType.startsWith("image/")) return { type: "input_image", image_url: FileData.urlOf(part) }
  const address = FileData.addressOf(part)
  return address === undefined
    ? { type: "input_file", filename: part.fileName ?? "file", file_data: FileData.urlOf(part) }
    : { type: "input_file", file_url: address }
}

const resultOf = ({ modelOutput, result }: Prompt.ToolResultPart): unknown => {
  if (modelOutput === undefined) return typeof result === "string" ? result : (JSON.stringify(result) ?? "null")
  // Compatible servers know only text here, so a list is sent where there is no other way.
  return modelOutput.some((part) => part.type === "file")
    ? contentOf(modelOutput)
    : Prompt.toolModelOutputToText(modelOutput)
}
