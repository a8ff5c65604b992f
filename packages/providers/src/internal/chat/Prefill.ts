/**
 * A prompt that ends with words of the assistant asks for the rest of them. How that is said differs, and some servers
 * answer 400 to it or begin anew: see `Profile.prefill`.
 *
 * Source: https://api-docs.deepseek.com/guides/chat_prefix_completion, https://docs.mistral.ai/api (prefix),
 * https://platform.moonshot.ai/docs/guide/use-partial-mode-feature-of-kimi-api,
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (continue_final_message)
 */
import type { Profile } from "../../Profile.ts"
import { type Fault, unsupported } from "../errors/Fault.ts"
import type { Message } from "./Messages.ts"

export interface Prefill {
  readonly messages: Array<Message>
  /** Beside the messages. */
  readonly fields: Readonly<Record<string, unknown>>
}

export const from = (all: Array<Message>, { prefill }: Profile): Prefill | Fault => {
  // A turn that was cut before its first word begins nothing.
  const messages = isEmpty(all.at(-1)) ? all.slice(0, -1) : all
  const last = messages.at(-1)
  if (last?.role !== "assistant" || prefill === "plain") return { messages, fields: {} }
  switch (prefill) {
    case "none":
      return unsupported("prompt", "This vendor does not go on with an answer that was begun", true)
    case "continue":
      return { messages, fields: { continue_final_message: true, add_generation_prompt: false } }
    case "prefix":
    case "partial":
      return { messages: [...messages.slice(0, -1), { ...last, [prefill]: true }], fields: {} }
  }
}

const isEmpty = (message: Message | undefined): boolean =>
  message?.role === "assistant" && message["content"] === "" && message["tool_calls"] === undefined
