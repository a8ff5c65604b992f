/**
 * A prompt of `effect/ai` as `system` and `messages` of Converse.
 *
 * Converse is strict, and a history may come from another vendor or from a cut turn. Repairs:
 * - system messages go to the top, wherever they stand; turns of one role become one; the first turn is the user's;
 * - a call without a result is answered with a failure, a result without its call is left out, ids are made to fit;
 * - without tools in the request neither calls nor results may be in the history: they are told in words;
 * - reasoning goes back only to the model that signed it; unsigned reasoning does not;
 * - blank texts, which Converse refuses, are left out; a document brings a text along; a prefill ends without blanks.
 */
import type * as Prompt from "effect/ai/Prompt"
import type { Fault } from "../errors/Fault.ts"
import { record, text } from "../json.ts"
import * as CallIds from "./CallIds.ts"
import * as Files from "./Files.ts"
import * as ModelMark from "./ModelMark.ts"

export interface Input {
  readonly owner: string
  readonly model: string
  /** Tools are in the request. */
  readonly tools: boolean
}

export interface Turn {
  readonly role: "user" | "assistant"
  readonly content: Array<Files.Block>
}

export interface Messages {
  readonly system: ReadonlyArray<string>
  readonly turns: Array<Turn>
}

export const from = (prompt: Prompt.Prompt, input: Input): Messages | Fault => {
  const system: Array<string> = []
  const turns: Array<Turn> = []
  const ids = CallIds.make()
  const nameOf = Files.documentNames()
  let fault: Fault | undefined

  const push = (role: Turn["role"], blocks: ReadonlyArray<Files.Block>) => {
    const last = turns.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else if (blocks.length > 0) turns.push({ role, content: [...blocks] })
  }
  const fileOf = (part: Prompt.FilePart): ReadonlyArray<Files.Block> => {
    const block = Files.block(part, nameOf)
    if (!isFault(block)) return [block]
    fault ??= block
    return []
  }
  const answerOpen = () =>
    push(
      "user",
      ids.takeOpen().map((id) => answer(id, "The call was not executed.", true))
    )
  const answer = (toolUseId: string, words: string, isFailure: boolean) =>
    toolResult(toolUseId, [{ text: words }], isFailure, input)

  for (const message of prompt.content) {
    if (message.role === "tool") {
      for (const part of message.content) {
        if (part.type !== "tool-result") continue
        const id = input.tools ? ids.result(part.id) : part.id
        if (id === undefined) continue
        const content = resultContent(part, fileOf)
        if (input.tools) push("user", [toolResult(id, content, part.isFailure, input)])
        else push("user", [{ text: `[The tool ${part.name} answered:]` }, ...content])
      }
      continue
    }
    answerOpen()
    if (message.role === "system") {
      if (message.content.trim() !== "") system.push(message.content)
    } else if (message.role === "user") {
      push(
        "user",
        message.content.flatMap((part) => (part.type === "text" ? textBlocks(part.text) : fileOf(part)))
      )
    } else {
      const blocks = message.content.flatMap((part) => assistantBlocks(part, input, ids))
      // Of a turn that was cut behind its reasoning: makers refuse a turn that ends with it.
      push("assistant", blocks.slice(0, blocks.findLastIndex((block) => !("reasoningContent" in block)) + 1))
    }
  }
  answerOpen()
  return fault ?? { system, turns: finished(turns) }
}

export const isFault = (value: object): value is Fault => "verdict" in value

const textBlocks = (words: string): ReadonlyArray<Files.Block> => (words.trim() === "" ? [] : [{ text: words }])

const assistantBlocks = (
  part: Prompt.AssistantMessage["content"][number],
  input: Input,
  ids: CallIds.CallIds
): ReadonlyArray<Files.Block> => {
  if (part.type === "text") return textBlocks(part.text)
  if (part.type === "reasoning") return reasoning(part, input)
  if (part.type !== "tool-call" || part.providerExecuted) return []
  if (!input.tools) return [{ text: `[Called the tool ${part.name} with ${JSON.stringify(part.params ?? {})}]` }]
  const use = { toolUseId: ids.call(part.id), name: CallIds.toolName(part.name), input: record(part.params) ?? {} }
  return [{ toolUse: use }]
}

const reasoning = (part: Prompt.ReasoningPart, { model, owner }: Input): ReadonlyArray<Files.Block> => {
  const own = record(part.options[owner])
  if (own?.["model"] !== ModelMark.of(model)) return []
  const redactedContent = text(own["redactedContent"])
  if (redactedContent !== undefined) return [{ reasoningContent: { redactedContent } }]
  const signature = text(own["signature"])
  return signature === undefined ? [] : [{ reasoningContent: { reasoningText: { text: part.text, signature } } }]
}

const resultContent = (
  part: Prompt.ToolResultPart,
  fileOf: (part: Prompt.FilePart) => ReadonlyArray<Files.Block>
): ReadonlyArray<Files.Block> => {
  const words = typeof part.result === "string" ? part.result : (JSON.stringify(part.result) ?? "null")
  const content =
    part.modelOutput?.flatMap((piece) => (piece.type === "text" ? textBlocks(piece.text) : fileOf(piece))) ??
    textBlocks(words)
  return content.length > 0 ? content : [{ text: "(no output)" }]
}

/** Models other than Anthropic's and Amazon's refuse a status. */
const toolResult = (toolUseId: string, content: ReadonlyArray<Files.Block>, isFailure: boolean, { model }: Input) => {
  const mark = ModelMark.of(model)
  const status = isFailure && (ModelMark.isAnthropic(mark) || ModelMark.isNova(mark)) ? { status: "error" } : undefined
  return { toolResult: { toolUseId, content, ...status } }
}

const finished = (turns: Array<Turn>): Array<Turn> => {
  for (const { content } of turns) {
    if (content.some((block) => "document" in block) && !content.some((block) => "text" in block)) {
      content.push({ text: "See the document." })
    }
  }
  const last = turns.at(-1)
  const end = last?.role === "assistant" ? last.content.at(-1) : undefined
  if (end !== undefined && typeof end["text"] === "string") {
    last?.content.splice(-1, 1, { text: end["text"].trimEnd() })
  }
  return turns[0]?.role === "user" ? turns : [{ role: "user", content: [{ text: "Begin." }] }, ...turns]
}
