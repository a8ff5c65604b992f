/**
 * A prompt of `effect/ai` as the dialect's system text and messages.
 *
 * Repairs, because a history may come from another vendor or from a cut turn: a call without a result is answered with a
 * failure (the server answers 400 otherwise), a result without its call is left out, all results of a turn stand together
 * right after it, messages of one role in a row become one, blank text is left out, ids are renamed where they have to be
 * (`ToolIds`), what another model signed is dropped (`Turn`). The first message has to be a user's: where it is not, a
 * short one is put before it. System messages in the middle of a history move to the system text.
 * Source: https://platform.claude.com/docs/en/api/messages and …/agents-and-tools/tool-use/implement-tool-use
 */
import * as Ai from "effect/ai/Prompt"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as Files from "./Files.ts"
import * as ToolIds from "./ToolIds.ts"
import * as Turn from "./Turn.ts"

export type Block = Turn.Block

export interface Message {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

export interface Target extends Turn.Target {
  /** Does the model go on with an answer that was begun? */
  readonly prefill: boolean
}

export interface Prompt {
  readonly system: ReadonlyArray<Block>
  readonly messages: ReadonlyArray<Message>
  /** The answer has been begun: the last words are the assistant's. */
  readonly begun: boolean
  /** Results of tools are on their way back, and the turn that called them began without thinking. */
  readonly inUnthoughtLoop: boolean
}

export const text = (text: string): Block => ({ type: "text", text })

export const from = (prompt: Ai.Prompt, target: Target): Prompt | Fault => {
  const system: Array<Block> = []
  const messages: Array<Open> = []
  const ids = ToolIds.make()
  // Calls of the last assistant turn that have no result yet.
  let open = new Set<string>()
  const push = (role: Message["role"], blocks: ReadonlyArray<Block>) => append(messages, role, blocks)
  const answerOpen = () => {
    push(
      "user",
      [...open].map((id) => result(ids.result(id), "The call was not executed.", true))
    )
    open = new Set()
  }
  for (const message of prompt.content) {
    switch (message.role) {
      case "system":
        if (message.content.trim() !== "") system.push(text(message.content))
        break
      case "tool":
        for (const part of message.content) {
          if (part.type !== "tool-result" || !open.delete(part.id)) continue
          const content = contentOf(part)
          if (typeof content === "object" && "verdict" in content) return content
          push("user", [result(ids.result(part.id), content, part.isFailure)])
        }
        break
      case "user": {
        answerOpen()
        const blocks = Files.blocks(message.content)
        if ("verdict" in blocks) return blocks
        push("user", blocks)
        break
      }
      case "assistant":
        answerOpen()
        push("assistant", Turn.from(message, target, ids))
        open = new Set(message.content.flatMap((part) => (Turn.isCall(part) ? [part.id] : [])))
    }
  }
  answerOpen()
  const ended = endOf(settled(messages), target)
  if ("verdict" in ended) return ended
  const whole: ReadonlyArray<Message> =
    ended[0]?.role === "user" ? ended : [{ role: "user", content: [text("(start of the conversation)")] }, ...ended]
  const last = whole.at(-1)
  const begun = last?.role === "assistant" && !last.content.some(Turn.isServerBlock)
  return { system, messages: whole, begun, inUnthoughtLoop: inUnthoughtLoop(whole) }
}

interface Open extends Message {
  readonly content: Array<Block>
}

const append = (messages: Array<Open>, role: Message["role"], blocks: ReadonlyArray<Block>): void => {
  if (blocks.length === 0) return
  const last = messages.at(-1)
  if (last?.role === role) last.content.push(...blocks)
  else messages.push({ role, content: [...blocks] })
}

/** Turns that were paused are whole only when they stand together. */
const settled = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const whole: Array<Open> = []
  for (const { content, role } of messages) {
    const blocks = role === "user" ? content : Turn.settled(content, content === messages.at(-1)?.content)
    append(whole, role, blocks)
  }
  return whole
}

const result = (tool_use_id: string, content: string | ReadonlyArray<Block>, isFailure: boolean): Block => ({
  type: "tool_result",
  tool_use_id,
  ...(isBlank(content) ? undefined : { content }),
  ...(isFailure ? { is_error: true } : undefined)
})

const isBlank = (content: string | ReadonlyArray<Block>) =>
  typeof content === "string" ? content.trim() === "" : content.length === 0

const contentOf = ({ modelOutput, result }: Ai.ToolResultPart): string | ReadonlyArray<Block> | Fault => {
  if (modelOutput === undefined) return typeof result === "string" ? result : (JSON.stringify(result) ?? "null")
  return modelOutput.some((part) => part.type === "file")
    ? Files.blocks(modelOutput)
    : Ai.toolModelOutputToText(modelOutput)
}

/** A last message of the assistant is to be gone on with: words that were begun, or a turn the vendor paused. */
const endOf = (messages: ReadonlyArray<Message>, { prefill }: Target): ReadonlyArray<Message> | Fault => {
  const last = messages.at(-1)
  if (last?.role !== "assistant" || last.content.some(Turn.isServerBlock)) return messages
  const words = last.content.flatMap((block) => (typeof block["text"] === "string" ? [block["text"]] : []))
  // Blanks at the end are refused, and words are all that can be begun.
  const end = words.pop()?.trimEnd() ?? ""
  const begun = [...words, end].filter((word) => word !== "").map(text)
  // A turn that was cut before its first word begins nothing.
  if (begun.length === 0) return messages.slice(0, -1)
  if (!prefill) return unsupported("prompt", "This model does not go on with an answer that was begun", true)
  return [...messages.slice(0, -1), { role: "assistant", content: begun }]
}

const inUnthoughtLoop = (messages: ReadonlyArray<Message>): boolean => {
  let first: Message | undefined
  for (let i = messages.length - 1; i > 0; i -= 2) {
    if (messages[i]?.role !== "user" || messages[i]?.content[0]?.type !== "tool_result") break
    first = messages[i - 1]
  }
  return first !== undefined && !Turn.isThinking(first.content[0])
}
