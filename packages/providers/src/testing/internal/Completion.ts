/** What an answer consists of, before it is put on the wire: tokens, reason of its end and usage that fit each other. */
import { answerTo } from "../FakeAnswer.ts"
import type { Answer, FakeRequest } from "./Reaction.ts"
import { tokensOf } from "./Tokens.ts"

export interface Completion {
  readonly reasoning: ReadonlyArray<string>
  /** Where Chat puts the reasoning. */
  readonly reasoningField: string
  readonly content: ReadonlyArray<string>
  readonly toolCalls: ReadonlyArray<{ readonly name: string; readonly arguments: ReadonlyArray<string> }>
  /** Why it ends, for the dialect to say in its word. `blocked`: the prompt was against the policy, there is no answer. */
  readonly end: "stop" | "length" | "tools" | "filtered" | "blocked"
  /** The word itself, where the script says it. */
  readonly finish: string | undefined
  /** These take time. */
  readonly tokens: number
  /** `output` includes `reasoning`. */
  readonly usage: { readonly prompt: number; readonly output: number; readonly reasoning: number }
}

export const complete = (request: FakeRequest, answer: Answer): Completion => {
  const limit = request.maxTokens ?? Number.POSITIVE_INFINITY
  const blocked = answer.policy === "prompt"
  const thought =
    answer.reasoning === undefined || blocked ? "" : answerTo(`reasoning\n${request.question}`, answer.reasoning.tokens)
  const reasoning = tokensOf(thought).slice(0, limit)
  const toolCalls = (blocked ? [] : answer.toolCalls).map((call) => ({
    name: call.name,
    arguments: call.arguments.match(/.{1,4}/gsu) ?? []
  }))
  const whole =
    toolCalls.length > 0 || blocked
      ? []
      : tokensOf(rest(request, answer.text ?? answerTo(request.question, answer.tokens)))
  const content = whole.slice(0, limit - reasoning.length)
  const tokens = toolCalls.reduce((sum, call) => sum + 1 + call.arguments.length, reasoning.length + content.length)
  const kept = content.length < whole.length ? "length" : "stop"
  return {
    reasoning,
    reasoningField: answer.reasoning?.field ?? "reasoning_content",
    content,
    toolCalls,
    end: blocked ? "blocked" : answer.policy === "answer" ? "filtered" : toolCalls.length > 0 ? "tools" : kept,
    finish: answer.finish,
    tokens,
    usage: { prompt: request.promptTokens, output: tokens, reasoning: reasoning.length }
  }
}

/** What is left of `text` after the prefill of a request whose last message is the assistant's. */
const rest = ({ prefill = "" }: FakeRequest, text: string): string =>
  text.startsWith(prefill) ? text.slice(prefill.length) : text
