import { framesOf } from "../frames.ts"
import { type Client, type Foreign, joined, parsed, roles } from "./Client.ts"

export const converse: Client = {
  name: "converse",
  url: (fake, model, stream) =>
    `${fake.urls.bedrock}/model/${encodeURIComponent(model)}/${stream ? "converse-stream" : "converse"}`,
  key: (key) => ({ authorization: `Bearer ${key}` }),
  headers: {},
  body: (ask) => ({
    messages: roles(ask).map(({ role, text }) => ({ role, content: [{ text }] })),
    inferenceConfig: { maxTokens: ask.maxTokens }
  }),
  events: ({ pieces }) =>
    framesOf(Buffer.concat(pieces)).map(({ headers, payload }) => ({
      name: headers[":event-type"] ?? headers[":exception-type"],
      data: parsed(payload)
    })),
  whole: ({ output, stopReason, usage }) => {
    const content = output.message.content
    return {
      text: joined(content, ({ text }) => text),
      reasoning: joined(content, ({ reasoningContent }) => reasoningContent?.reasoningText.text),
      signatures: content.flatMap(({ reasoningContent }: Foreign) => reasoningContent?.reasoningText.signature ?? []),
      calls: content.flatMap(({ toolUse }: Foreign) =>
        toolUse === undefined ? [] : [{ name: toolUse.name, args: toolUse.input }]
      ),
      finish: stopReason,
      usage: { input: usage.inputTokens, output: usage.outputTokens }
    }
  },
  streamed: (events) => {
    const of = (type: string) => events.filter(({ name }) => name === type).map(({ data }) => data)
    const deltas = of("contentBlockDelta")
    const usage = of("metadata")[0]?.usage
    return {
      text: joined(deltas, ({ delta }) => delta.text),
      reasoning: joined(deltas, ({ delta }) => delta.reasoningContent?.text),
      signatures: deltas.flatMap(({ delta }) => delta.reasoningContent?.signature ?? []),
      calls: of("contentBlockStart").map(({ contentBlockIndex: at, start }) => ({
        name: start.toolUse.name,
        args: parsed(
          joined(deltas, ({ contentBlockIndex, delta }) => (contentBlockIndex === at ? delta.toolUse.input : "")) ||
            "{}"
        )
      })),
      finish: of("messageStop")[0]?.stopReason,
      usage: { input: usage?.inputTokens, output: usage?.outputTokens }
    }
  },
  denied: 403,
  sign: "",
  words: ["end_turn", "tool_use", "max_tokens", "content_filtered", "guardrail_intervened"]
}
