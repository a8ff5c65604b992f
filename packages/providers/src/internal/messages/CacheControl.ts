/**
 * Marks what the vendor may keep between calls: everything up to and with a marked block. Three marks of the four allowed:
 * the last tool, the last block of the system text, the last block of the last user message.
 * Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
import type { Block, Message } from "./Prompt.ts"

/** How long it is kept after its last use. Five minutes cost a quarter more to write, an hour twice as much. */
export type Lifetime = "5m" | "1h"

interface Parts {
  readonly system: ReadonlyArray<Block>
  readonly messages: ReadonlyArray<Message>
  readonly tools: ReadonlyArray<unknown>
}

export const mark = ({ messages, system, tools }: Parts, lifetime: Lifetime | undefined): Parts => {
  if (lifetime === undefined) return { messages, system, tools }
  const cache_control = lifetime === "5m" ? { type: "ephemeral" } : { type: "ephemeral", ttl: lifetime }
  const last = <A>(blocks: ReadonlyArray<A>) =>
    blocks.map((block, i) => (i === blocks.length - 1 ? Object.assign({}, block, { cache_control }) : block))
  const user = messages.findLastIndex(({ role }) => role === "user")
  return {
    system: last(system),
    tools: last(tools),
    messages: messages.map((message, i) => (i === user ? { ...message, content: last(message.content) } : message))
  }
}
