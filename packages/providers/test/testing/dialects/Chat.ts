import { type Client, type Foreign, joined, parsed, roles, sse } from "./Client.ts"

export const chat: Client = {
  name: "chat",
  url: (fake) => `${fake.urls.openai}/chat/completions`,
  key: (key) => ({ authorization: `Bearer ${key}` }),
  headers: {},
  body: (ask) => ({
    model: ask.model,
    stream: ask.stream,
    stream_options: { include_usage: true },
    max_completion_tokens: ask.maxTokens,
    messages: roles(ask).map(({ role, text }) => ({ role, content: text }))
  }),
  events: sse,
  whole: ({ choices: [choice], usage }) => ({
    text: choice.message.content ?? "",
    reasoning: choice.message.reasoning_content ?? "",
    signatures: [],
    calls: (choice.message.tool_calls ?? []).map((call: Foreign) => ({
      name: call.function.name,
      args: parsed(call.function.arguments)
    })),
    finish: choice.finish_reason ?? undefined,
    usage: chatUsage(usage)
  }),
  streamed: (events) => {
    const choices = events.flatMap(({ data }) => data.choices ?? [])
    const deltas = choices.flatMap(({ delta }) => delta.tool_calls ?? [])
    return {
      text: joined(choices, ({ delta }) => delta.content),
      reasoning: joined(choices, ({ delta }) => delta.reasoning_content),
      signatures: [],
      calls: deltas
        .filter(({ id }) => id !== undefined)
        .map((head) => ({
          name: head.function.name,
          args: parsed(joined(deltas, ({ index, function: called }) => (index === head.index ? called.arguments : "")))
        })),
      finish: choices.find(({ finish_reason }) => finish_reason !== null)?.finish_reason,
      usage: chatUsage(events.at(-1)?.data.usage)
    }
  },
  denied: 401,
  sign: ": keep-alive\n\n",
  words: ["stop", "tool_calls", "length", "content_filter", undefined]
}

const chatUsage = (usage: Foreign) => ({
  input: usage?.prompt_tokens,
  output: usage?.completion_tokens,
  reasoning: usage?.completion_tokens_details.reasoning_tokens
})
