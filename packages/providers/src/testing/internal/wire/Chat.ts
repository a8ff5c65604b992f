/**
 * OpenAI Chat Completions. Source: OpenAI, API reference, "Chat Completions" and "Streaming".
 *
 * A stream's error comes in one of five shapes (see `errorIn200`): compatible servers differ there.
 */
import type { Completion } from "../Completion.ts"
import { objectAt, objectsAt, stringAt, textOf } from "../Json.ts"
import type { Piece } from "../Pieces.ts"
import type { FakeRequest } from "../Reaction.ts"
import { fieldsOf, openAiRefusal } from "./OpenAiErrors.ts"
import { capOf, conversation } from "./Reading.ts"
import { created, eventStream, type StreamWriter, type Wire } from "./Wire.ts"

const finishWords = {
  stop: "stop",
  length: "length",
  tools: "tool_calls",
  filtered: "content_filter",
  blocked: "content_filter"
}

const finishOf = ({ end, finish }: Completion): string => finish ?? finishWords[end]

const callId = (request: FakeRequest, call: number) => `call_${request.index}_${call}`

const usageOf = ({ usage }: Completion) => ({
  prompt_tokens: usage.prompt,
  completion_tokens: usage.output,
  total_tokens: usage.prompt + usage.output,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: usage.reasoning }
})

const whole = (request: FakeRequest, completion: Completion, finished: boolean): string => {
  const { content, reasoning, reasoningField, toolCalls } = completion
  const calls = toolCalls.map(({ name, arguments: pieces }, call) => ({
    id: callId(request, call),
    type: "function",
    function: { name, arguments: pieces.join("") }
  }))
  const message = {
    role: "assistant",
    content: calls.length > 0 ? null : content.join(""),
    ...(reasoning.length > 0 ? { [reasoningField]: reasoning.join("") } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {})
  }
  return JSON.stringify({
    id: `chatcmpl-${request.index}`,
    object: "chat.completion",
    created,
    model: request.model,
    choices: [{ index: 0, message, finish_reason: finished ? finishOf(completion) : null }],
    usage: usageOf(completion)
  })
}

const stream = (request: FakeRequest, completion: Completion): StreamWriter => {
  const withUsage = objectAt(request.body, "stream_options")["include_usage"] === true
  const head = `data: {"id":"chatcmpl-${request.index}","object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(request.model)},"choices":`
  const tail = withUsage ? `,"usage":null}\n\n` : "}\n\n"
  const chunk = (delta: object, finish: string | null = null) =>
    `${head}[{"index":0,"delta":${JSON.stringify(delta)},"finish_reason":${JSON.stringify(finish)}}]${tail}`
  return {
    open: () => chunk({ role: "assistant", content: "" }),
    piece: (piece) => chunk(deltaOf(piece, request, completion)),
    finish: () =>
      chunk({}, finishOf(completion)) +
      (withUsage ? `${head}[],"usage":${JSON.stringify(usageOf(completion))}}\n\n` : ""),
    done: () => "data: [DONE]\n\n",
    error: (problem, shape) => {
      const body = errorIn200(problem, request, shape)
      if (shape === "field") return `error: ${body.slice(`{"error":`.length, -1)}\n\n`
      return `${shape === "named" ? "event: error\n" : ""}data: ${body}\n\n`
    }
  }
}

const errorIn200: Wire["errorIn200"] = (problem, request, shape) => {
  const { message, type, param, code } = fieldsOf(problem, request)
  switch (shape) {
    case "flat":
      return JSON.stringify({ object: "error", message, type, code: problem.status })
    case "openrouter": {
      const choices = [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
      return JSON.stringify({ object: "chat.completion.chunk", choices, error: { code: problem.status, message } })
    }
    default:
      return JSON.stringify({ error: { message, type, param, code } })
  }
}

const deltaOf = (piece: Piece, request: FakeRequest, completion: Completion): object => {
  switch (piece._tag) {
    case "Reasoning":
      return { [completion.reasoningField]: piece.text }
    case "Text":
      return { content: piece.text }
    case "Call": {
      const called = { name: completion.toolCalls[piece.call]?.name, arguments: "" }
      return {
        tool_calls: [{ index: piece.call, id: callId(request, piece.call), type: "function", function: called }]
      }
    }
    case "Arguments":
      return { tool_calls: [{ index: piece.call, function: { arguments: piece.text } }] }
  }
}

export const chat: Wire = {
  dialect: "chat",
  read: (body, target) => {
    const messages = objectsAt(body, "messages")
    const asked = messages.findLast((message) => message["role"] === "user")
    return {
      ...conversation(messages, "content", "assistant"),
      question: textOf(asked?.["content"]),
      model: target.model ?? stringAt(body, "model"),
      streamed: body["stream"] === true,
      maxTokens: capOf(body["max_completion_tokens"] ?? body["max_tokens"])
    }
  },
  check: () => undefined,
  requestId: (index) => ({ "x-request-id": `req-${index}` }),
  refusal: openAiRefusal,
  blocksWith: "error",
  whole,
  errorIn200,
  streamType: eventStream,
  stream,
  malformed: `data: {"choices":[{"index":0,"delta":{"content":"\n\n`,
  keepAlive: (comment) => `: ${comment}\n\n`
}
