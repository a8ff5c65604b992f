/** What the dialects' readers share: a conversation's question, prefill and size; the cap on the answer. */
import { type Json, textOf } from "../Json.ts"
import { tokensOf } from "../Tokens.ts"
import type { Facts } from "./Wire.ts"

/**
 * `content` finds the text of a message, `assistant` is the dialect's word for the model, `system` what it is told outside
 * the messages. A user's message without text (the results of tools, an image) is no question.
 */
export const conversation = (
  messages: ReadonlyArray<Json>,
  content: "content" | "parts",
  assistant: string,
  system = ""
): Pick<Facts, "question" | "messages" | "prefill" | "promptTokens"> => {
  const last = messages.at(-1)
  const asked = messages.findLast((message) => message["role"] === "user" && textOf(message[content]) !== "")
  return {
    messages,
    question: textOf(asked?.[content]),
    prefill: last?.["role"] === assistant ? textOf(last[content]) : undefined,
    promptTokens: messages.reduce(
      (sum, message) => sum + tokensOf(textOf(message[content])).length,
      tokensOf(system).length
    )
  }
}

/** A cap on output tokens: a number >= 1, rounded down; anything else is no cap. */
export const capOf = (value: unknown): number | undefined =>
  typeof value === "number" && value >= 1 ? Math.floor(value) : undefined
