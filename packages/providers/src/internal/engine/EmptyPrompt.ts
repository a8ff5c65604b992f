/**
 * Is there anything to answer? Dialects leave blank text out, and a prompt of nothing but that would go out as a list of no
 * messages, or with an opener that nobody wrote. System text alone is something: most vendors answer it.
 */
import type * as Prompt from "effect/ai/Prompt"

export const isEmpty = (prompt: Prompt.Prompt): boolean => !prompt.content.some(hasContent)

const hasContent = (message: Prompt.Message): boolean =>
  message.role === "system" ? isSaid(message.content) : message.content.some(isContent)

/** Thinking is none: on its own it is sent to nobody. */
const isContent = (part: Prompt.Part): boolean => (part.type === "text" ? isSaid(part.text) : part.type !== "reasoning")

const isSaid = (text: string): boolean => text.trim() !== ""
