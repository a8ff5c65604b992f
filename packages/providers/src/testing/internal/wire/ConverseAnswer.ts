/// <reference types="node" />
/**
 * Answers of Bedrock Converse, whole and as frames. Source: AWS, Amazon Bedrock API reference, "Converse" and
 * "ConverseStream".
 *
 * A block has a start only when it calls a tool. Payloads carry the padding `p` that the service adds. Arguments that are
 * no JSON object are sent whole as the string they are.
 */
import { Buffer } from "node:buffer"
import type { Completion } from "../Completion.ts"
import { objectIn } from "../Json.ts"
import type { Piece } from "../Pieces.ts"
import type { FakeRequest } from "../Reaction.ts"
import { signatureOf } from "../Signature.ts"
import { converseFault } from "./ConverseErrors.ts"
import { eventFrame, exceptionFrame } from "./EventFrame.ts"
import type { StreamWriter } from "./Wire.ts"

const stopReasons: Readonly<Record<Completion["end"], string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tools: "tool_use",
  filtered: "content_filtered",
  blocked: "guardrail_intervened"
}

const stopOf = ({ end, finish }: Completion) => finish ?? stopReasons[end]

const statisticsOf = ({ usage }: Completion) => ({
  usage: {
    inputTokens: usage.prompt,
    outputTokens: usage.output,
    totalTokens: usage.prompt + usage.output,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0
  },
  metrics: { latencyMs: 1 }
})

const toolId = (request: FakeRequest, call: number) => `tooluse_${request.index}_${call}`

const signature = ({ reasoning }: Completion) => signatureOf("converse", reasoning.join(""))

export const converseWhole = (request: FakeRequest, completion: Completion, finished: boolean): string => {
  const { content, reasoning, toolCalls } = completion
  const blocks: Array<object> = []
  if (reasoning.length > 0) {
    const reasoningText = { text: reasoning.join(""), signature: signature(completion) }
    blocks.push({ reasoningContent: { reasoningText } })
  }
  if (content.length > 0) blocks.push({ text: content.join("") })
  toolCalls.forEach(({ name, arguments: pieces }, call) => {
    const text = pieces.join("")
    const input = text === "" ? {} : (objectIn(text) ?? text)
    blocks.push({ toolUse: { toolUseId: toolId(request, call), name, input } })
  })
  return JSON.stringify({
    output: { message: { role: "assistant", content: blocks } },
    ...(finished ? { stopReason: stopOf(completion) } : {}),
    ...statisticsOf(completion)
  })
}

const event = (name: string, fields: object) => eventFrame(name, JSON.stringify({ ...fields, p: "abcdefgh" }))

export const converseStream = (request: FakeRequest, completion: Completion): StreamWriter => ({
  open: () => event("messageStart", { role: "assistant" }),
  piece: (piece) => {
    const contentBlockIndex = piece.block
    const delta = (fields: object) => event("contentBlockDelta", { contentBlockIndex, delta: fields })
    const signed = piece._tag === "Reasoning" && piece.last
    return Buffer.concat([
      piece._tag === "Call"
        ? event("contentBlockStart", { contentBlockIndex, start: { toolUse: called(piece.call, request, completion) } })
        : delta(contentOf(piece)),
      ...(signed ? [delta({ reasoningContent: { signature: signature(completion) } })] : []),
      ...(piece.last ? [event("contentBlockStop", { contentBlockIndex })] : [])
    ])
  },
  finish: () => event("messageStop", { stopReason: stopOf(completion) }),
  done: () => event("metadata", statisticsOf(completion)),
  error: (problem) => {
    const { message, type } = converseFault(problem, request)
    return exceptionFrame(type.charAt(0).toLowerCase() + type.slice(1), JSON.stringify({ message }))
  }
})

const called = (call: number, request: FakeRequest, completion: Completion) => ({
  toolUseId: toolId(request, call),
  name: completion.toolCalls[call]?.name
})

const contentOf = (piece: Piece): object => {
  switch (piece._tag) {
    case "Reasoning":
      return { reasoningContent: { text: piece.text } }
    case "Text":
      return { text: piece.text }
    default:
      return { toolUse: { input: piece.text } }
  }
}
