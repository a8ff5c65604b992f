/** What an answer consists of, before it is put on the wire: tokens, finish reason and usage that fit each other. */
import { answerTo } from "../FakeAnswer.ts"
import { textOf } from "./ChatRequest.ts"
import type { Answer, FakeRequest } from "./Reaction.ts"
import { tokensOf } from "./Tokens.ts"

export interface Completion {
  readonly reasoning: ReadonlyArray<string>
  readonly content: ReadonlyArray<string>
  readonly toolCalls: ReadonlyArray<{
    readonly id: string
    readonly name: string
    readonly arguments: ReadonlyArray<string>
  }>
  readonly finish: string
  readonly tokens: number
  readonly usage: Readonly<Record<string, unknown>>
}

export const complete = (request: FakeRequest, answer: Answer): Completion => {
  const limit = limitOf(request.body)
  const thought =
    answer.reasoning === undefined ? "" : answerTo(`reasoning\n${request.question}`, answer.reasoning.tokens)
  const reasoning = tokensOf(thought).slice(0, limit)
  const toolCalls = answer.toolCalls.map((call, i) => ({
    id: `call_${request.index}_${i}`,
    name: call.name,
    arguments: call.arguments.match(/.{1,4}/gsu) ?? []
  }))
  const whole =
    toolCalls.length > 0 ? [] : tokensOf(rest(request, answer.text ?? answerTo(request.question, answer.tokens)))
  const content = whole.slice(0, limit - reasoning.length)
  const tokens = toolCalls.reduce((sum, call) => sum + 1 + call.arguments.length, reasoning.length + content.length)
  const finish = toolCalls.length > 0 ? "tool_calls" : content.length < whole.length ? "length" : "stop"
  return {
    reasoning,
    content,
    toolCalls,
    finish: answer.finish ?? finish,
    tokens,
    usage: usage(request, tokens, reasoning.length)
  }
}

const limitOf = (body: FakeRequest["body"]): number => {
  const limit = body["max_completion_tokens"] ?? body["max_tokens"]
  return typeof limit === "number" && limit >= 1 ? Math.floor(limit) : Number.POSITIVE_INFINITY
}

/** What is left of `text` after the prefill of a request whose last message is the assistant's. */
const rest = (request: FakeRequest, text: string): string => {
  const last = request.messages.at(-1)
  const prefill = last?.["role"] === "assistant" ? textOf(last["content"]) : ""
  return text.startsWith(prefill) ? text.slice(prefill.length) : text
}

const usage = (request: FakeRequest, completion: number, reasoning: number) => {
  const prompt = request.messages.reduce((sum, message) => sum + tokensOf(textOf(message["content"])).length, 0)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning }
  }
}
