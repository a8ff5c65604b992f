import { type Client, type Foreign, joined, parsed, roles, sse } from "./Client.ts"

export const responses: Client = {
  name: "responses",
  url: (fake) => `${fake.urls.openai}/responses`,
  key: (key) => ({ authorization: `Bearer ${key}` }),
  headers: {},
  body: (ask) => ({
    model: ask.model,
    stream: ask.stream,
    max_output_tokens: ask.maxTokens,
    include: ["reasoning.encrypted_content"],
    input: roles(ask).map(({ role, text }) => ({ type: "message", role, content: [{ type: "input_text", text }] }))
  }),
  events: sse,
  whole: ({ output, incomplete_details, status, usage }) => {
    const of = (type: string) => output.filter((item: Foreign) => item.type === type)
    return {
      text: joined(of("message"), (item) => item.content[0].text),
      reasoning: joined(of("reasoning"), (item) => item.summary[0].text),
      signatures: of("reasoning").flatMap((item: Foreign) => item.encrypted_content ?? []),
      calls: of("function_call").map((item: Foreign) => ({ name: item.name, args: parsed(item.arguments) })),
      finish: status === "incomplete" ? incomplete_details.reason : status === "completed" ? status : undefined,
      usage: {
        input: usage.input_tokens,
        output: usage.output_tokens,
        reasoning: usage.output_tokens_details.reasoning_tokens
      }
    }
  },
  // From the deltas; only finish and usage come from the last event.
  streamed: (events) => {
    const of = (type: string) => events.filter(({ name }) => name === `response.${type}`).map(({ data }) => data)
    const items = of("output_item.done").map(({ item }) => item)
    const end = [...of("completed"), ...of("incomplete")].map(({ response }) => responses.whole(response))[0]
    return {
      text: joined(of("output_text.delta"), ({ delta }) => delta),
      reasoning: joined(of("reasoning_summary_text.delta"), ({ delta }) => delta),
      signatures: items.flatMap((item) => item.encrypted_content ?? []),
      calls: items
        .filter(({ type }) => type === "function_call")
        .map(({ id, name }) => ({
          name,
          args: parsed(
            joined(of("function_call_arguments.delta"), ({ item_id, delta }) => (item_id === id ? delta : ""))
          )
        })),
      finish: end?.finish,
      usage: end?.usage ?? {}
    }
  },
  denied: 401,
  sign: ": keep-alive\n\n",
  words: ["completed", "completed", "max_output_tokens", "content_filter", undefined]
}
