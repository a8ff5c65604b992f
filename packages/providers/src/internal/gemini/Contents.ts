/**
 * A prompt of `effect/ai` as Gemini's contents.
 *
 * Repairs, because a history may come from another vendor or from a cut turn: results stand together right behind their
 * calls, in the order of the calls, because most models match them by name and order; a call without a result is answered
 * with a failure; a result without its call and text that is empty are left out; names are cut to letters Gemini takes.
 * System messages have one place, wherever they stood.
 * Source: https://ai.google.dev/api/caching#Content
 */
import * as Prompt from "effect/ai/Prompt"
import { record } from "../json.ts"
import * as FileData from "../parts/FileData.ts"
import { isOlder } from "./Family.ts"
import * as Turn from "./Turn.ts"

export interface Content {
  readonly role: "user" | "model"
  readonly parts: Array<Turn.Part>
}

export interface Contents {
  readonly system: ReadonlyArray<string>
  readonly contents: ReadonlyArray<Content>
}

export const from = (prompt: Prompt.Prompt, target: Turn.Target): Contents => {
  const system: Array<string> = []
  const contents: Array<Content> = []
  let calls: ReadonlyArray<Turn.Call> = []
  let results = new Map<string, Prompt.ToolResultPart>()
  const answerCalls = () => {
    if (calls.length > 0) {
      contents.push({ role: "user", parts: calls.map((call) => answer(call, results.get(call.id), target)) })
    }
    calls = []
    results = new Map()
  }
  for (const message of prompt.content) {
    if (message.role === "tool") {
      for (const part of message.content) if (part.type === "tool-result") results.set(part.id, part)
      continue
    }
    if (message.role === "system") {
      if (message.content !== "") system.push(message.content)
      continue
    }
    answerCalls()
    const parts = message.role === "user" ? partsOf(message.content) : Turn.from(message, target)
    if (parts.length === 0) continue
    const last = contents.at(-1)
    if (message.role === "assistant") {
      calls = Turn.callsOf(message, target)
      if (last?.role === "model") last.parts.push(...parts)
      else contents.push({ role: "model", parts })
    } else contents.push({ role: "user", parts })
  }
  answerCalls()
  // A conversation that begins with the model's calls, or with nothing, is refused.
  if (contents[0]?.role !== "user") contents.unshift({ role: "user", parts: [{ text: "Begin." }] })
  return { system, contents }
}

const partsOf = (parts: ReadonlyArray<Prompt.TextPart | Prompt.FilePart>): Array<Turn.Part> =>
  parts.flatMap((part): Array<Turn.Part> => {
    if (part.type === "text") return part.text === "" ? [] : [{ text: part.text }]
    const fileUri = FileData.addressOf(part)
    if (fileUri !== undefined) return [{ fileData: { mimeType: FileData.mediaTypeOf(part), fileUri } }]
    return [Turn.inline(part)]
  })

const answer = (
  { name, wireId }: Turn.Call,
  result: Prompt.ToolResultPart | undefined,
  { model }: Turn.Target
): Turn.Part => {
  const files = result?.modelOutput?.filter((part) => part.type === "file") ?? []
  const withFiles = files.length > 0 && !isOlder(model)
  return {
    functionResponse: {
      ...(wireId === undefined ? undefined : { id: wireId }),
      name,
      response: responseOf(result, withFiles),
      ...(withFiles ? { parts: files.map(Turn.inline) } : undefined)
    }
  }
}

const responseOf = (part: Prompt.ToolResultPart | undefined, withFiles: boolean): unknown => {
  if (part === undefined) return { error: "The call was not executed." }
  const shown = part.modelOutput
  const text =
    shown && Prompt.toolModelOutputToText(withFiles ? shown.filter((output) => output.type === "text") : shown)
  const result = text ?? part.result ?? null
  if (part.isFailure) return { error: result }
  return record(result) ?? { output: result }
}
