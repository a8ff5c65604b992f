import { type Client, type Foreign, joined, parsed, roles, sse } from "./Client.ts"

export const messages: Client = {
  name: "messages",
  url: (fake) => `${fake.urls.anthropic}/messages`,
  key: (key) => ({ "x-api-key": key }),
  headers: { "anthropic-version": "2023-06-01" },
  body: (ask) => ({
    model: ask.model,
    stream: ask.stream,
    max_tokens: ask.maxTokens ?? 1000,
    messages: roles(ask).map(({ role, text }) => ({ role, content: [{ type: "text", text }] }))
  }),
  events: sse,
  whole: ({ content, stop_reason, usage }) => ({
    text: joined(content, ({ text }) => text),
    reasoning: joined(content, ({ thinking }) => thinking),
    signatures: content.flatMap(({ signature }: Foreign) => signature ?? []),
    calls: content.flatMap(({ type, name, input }: Foreign) => (type === "tool_use" ? [{ name, args: input }] : [])),
    finish: stop_reason ?? undefined,
    usage: messagesUsage(usage)
  }),
  streamed: (events) => {
    const deltas = events.filter(({ name }) => name === "content_block_delta").map(({ data }) => data)
    const starts = events.filter(({ data }) => data.content_block?.type === "tool_use").map(({ data }) => data)
    const end = events.find(({ name }) => name === "message_delta")?.data
    return {
      text: joined(deltas, ({ delta }) => delta.text),
      reasoning: joined(deltas, ({ delta }) => delta.thinking),
      signatures: deltas.flatMap(({ delta }) => delta.signature ?? []),
      calls: starts.map(({ index: at, content_block }) => ({
        name: content_block.name,
        args: parsed(joined(deltas, ({ index, delta }) => (index === at ? delta.partial_json : "")) || "{}")
      })),
      finish: end?.delta.stop_reason,
      usage: messagesUsage(end?.usage)
    }
  },
  denied: 401,
  sign: 'event: ping\ndata: {"type":"ping"}\n\n',
  words: ["end_turn", "tool_use", "max_tokens", "refusal", "refusal"]
}

const messagesUsage = (usage: Foreign) => ({
  input: usage?.input_tokens,
  output: usage?.output_tokens,
  reasoning: usage?.output_tokens_details?.thinking_tokens ?? 0
})
