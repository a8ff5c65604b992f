/**
 * One assistant turn of a prompt as Gemini's parts, in the order in which they came.
 *
 * A signature returns on the same part, to the same model only. Thoughts without one are left out: nobody reads them. From
 * Gemini 3 on the first call of a step must be signed; where another model made it, Google's own word for "not checked"
 * stands in.
 * Source: https://ai.google.dev/gemini-api/docs/thought-signatures
 */
import type * as Prompt from "effect/ai/Prompt"
import { type JsonRecord, record, text } from "../json.ts"
import * as FileData from "../parts/FileData.ts"
import { isOlder } from "./Family.ts"

export type Part = Record<string, unknown>

export interface Target {
  readonly owner: string
  readonly model: string
}

export interface Call {
  /** As in the prompt. */
  readonly id: string
  readonly name: string
  /** The vendor's own; most models send none. */
  readonly wireId: string | undefined
}

export const unchecked = "skip_thought_signature_validator"

export const from = (message: Prompt.AssistantMessage, target: Target): Array<Part> => {
  const parts = message.content.flatMap((part): Array<Part> => {
    const own = ownOf(part.options, target)
    const thoughtSignature = text(own["thoughtSignature"])
    const signature = thoughtSignature === undefined ? undefined : { thoughtSignature }
    switch (part.type) {
      case "text":
        return part.text === "" && signature === undefined ? [] : [{ text: part.text, ...signature }]
      case "reasoning": {
        const whole = record(own["part"])
        if (whole !== undefined) return [{ ...whole }]
        return signature === undefined ? [] : [{ text: part.text, thought: true, ...signature }]
      }
      case "file":
        return FileData.addressOf(part) === undefined ? [{ ...inline(part), ...signature }] : []
      case "tool-call": {
        if (part.providerExecuted) return []
        const { name, wireId } = callOf(part, target)
        const id = wireId === undefined ? undefined : { id: wireId }
        return [{ functionCall: { ...id, name, args: record(part.params) ?? {} }, ...signature }]
      }
      default:
        return []
    }
  })
  const first = parts.find((part) => part["functionCall"] !== undefined)
  if (first !== undefined && !isOlder(target.model)) first["thoughtSignature"] ??= unchecked
  return parts
}

/** The calls that want a result. */
export const callsOf = (message: Prompt.AssistantMessage, target: Target): ReadonlyArray<Call> =>
  message.content.flatMap((part) => (part.type === "tool-call" && !part.providerExecuted ? [callOf(part, target)] : []))

const callOf = (part: Prompt.ToolCallPart, { owner }: Target): Call => ({
  id: part.id,
  name: part.name
    .replace(/[^\w.:-]/g, "_")
    .replace(/^(?![A-Za-z_])/, "_")
    .slice(0, 64),
  wireId: text(record(part.options[owner])?.["id"])
})

/** What this vendor's same model noted, else nothing. */
const ownOf = (options: Prompt.ProviderOptions, { model, owner }: Target): JsonRecord => {
  const noted = record(options[owner])
  return noted?.["model"] === model ? noted : {}
}

export const inline = (part: Prompt.FilePart): Part => ({
  inlineData: { mimeType: FileData.mediaTypeOf(part), data: FileData.base64Of(part) }
})
