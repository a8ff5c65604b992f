/**
 * The message object of Anthropic Messages, and the events of a streamed one. Source: Anthropic, API reference,
 * "Messages" and "Streaming messages".
 *
 * Arguments that are no JSON object cannot be an `input`: a whole answer sends them as the string they are, so that a
 * client can show that it does not take it for arguments.
 */
import type { Completion } from "../Completion.ts"
import { objectIn } from "../Json.ts"
import type { Piece } from "../Pieces.ts"
import type { FakeRequest } from "../Reaction.ts"
import { signatureOf } from "../Signature.ts"
import { messagesError } from "./MessagesErrors.ts"
import { named, type StreamWriter } from "./Wire.ts"

const stopReasons: Readonly<Record<Completion["end"], string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tools: "tool_use",
  filtered: "refusal",
  blocked: "refusal"
}

const stopOf = (completion: Completion) => {
  const stop_reason = completion.finish ?? stopReasons[completion.end]
  const stop_details =
    stop_reason === "refusal" ? { type: "refusal", category: null, explanation: "Refused by the usage policy." } : null
  return { stop_reason, stop_sequence: null, stop_details }
}

const usageOf = ({ usage }: Completion) => ({
  input_tokens: usage.prompt,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: usage.output,
  ...(usage.reasoning > 0 ? { output_tokens_details: { thinking_tokens: usage.reasoning } } : {})
})

const toolId = (request: FakeRequest, call: number) => `toolu_${request.index}_${call}`

const thinkingSignature = ({ reasoning }: Completion) => signatureOf("messages", reasoning.join(""))

const envelope = (request: FakeRequest) => ({
  id: `msg_${request.index}`,
  type: "message",
  role: "assistant",
  model: request.model
})

export const messagesWhole = (request: FakeRequest, completion: Completion, finished: boolean): string => {
  const { content, reasoning, toolCalls } = completion
  const blocks: Array<object> = []
  if (reasoning.length > 0) {
    blocks.push({ type: "thinking", thinking: reasoning.join(""), signature: thinkingSignature(completion) })
  }
  if (content.length > 0) blocks.push({ type: "text", text: content.join("") })
  toolCalls.forEach(({ name, arguments: pieces }, call) => {
    const text = pieces.join("")
    blocks.push({
      type: "tool_use",
      id: toolId(request, call),
      name,
      input: text === "" ? {} : (objectIn(text) ?? text)
    })
  })
  return JSON.stringify({
    ...envelope(request),
    content: blocks,
    ...(finished ? stopOf(completion) : { stop_reason: null, stop_sequence: null }),
    usage: usageOf(completion)
  })
}

export const messagesStream = (request: FakeRequest, completion: Completion): StreamWriter => ({
  open: () => {
    // What is known before the first token: the input, and one token that is on its way.
    const { output_tokens_details: _later, ...usage } = { ...usageOf(completion), output_tokens: 1 }
    const message = { ...envelope(request), content: [], stop_reason: null, stop_sequence: null, usage }
    return named({ type: "message_start", message })
  },
  piece: (piece) => {
    const events: Array<object> = []
    const start = startOf(piece, request, completion)
    if (start !== undefined) events.push({ type: "content_block_start", content_block: start })
    const delta = deltaOf(piece)
    if (delta !== undefined) events.push({ type: "content_block_delta", delta })
    if (piece._tag === "Reasoning" && piece.last) {
      const signature = thinkingSignature(completion)
      events.push({ type: "content_block_delta", delta: { type: "signature_delta", signature } })
    }
    if (piece.last) events.push({ type: "content_block_stop" })
    return events.map((event) => named({ type: "", ...event, index: piece.block })).join("")
  },
  finish: () => named({ type: "message_delta", delta: stopOf(completion), usage: usageOf(completion) }),
  done: () => named({ type: "message_stop" }),
  error: (problem) => named(messagesError(problem, request))
})

const startOf = (piece: Piece, request: FakeRequest, completion: Completion): object | undefined => {
  switch (piece._tag) {
    case "Reasoning":
      return piece.first ? { type: "thinking", thinking: "", signature: "" } : undefined
    case "Text":
      return piece.first ? { type: "text", text: "" } : undefined
    case "Call": {
      const name = completion.toolCalls[piece.call]?.name
      return { type: "tool_use", id: toolId(request, piece.call), name, input: {} }
    }
    case "Arguments":
      return undefined
  }
}

const deltaOf = (piece: Piece): object | undefined => {
  switch (piece._tag) {
    case "Reasoning":
      return { type: "thinking_delta", thinking: piece.text }
    case "Text":
      return { type: "text_delta", text: piece.text }
    case "Call":
      return undefined
    case "Arguments":
      return { type: "input_json_delta", partial_json: piece.text }
  }
}
