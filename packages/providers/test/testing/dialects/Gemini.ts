import { type Client, joined, roles, sse } from "./Client.ts"

export const gemini: Client = {
  name: "gemini",
  url: (fake, model, stream) =>
    `${fake.urls.gemini}/models/${encodeURIComponent(model)}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
  key: (key) => ({ "x-goog-api-key": key }),
  headers: {},
  body: (ask) => ({
    contents: roles(ask, "model").map(({ role, text }) => ({ role, parts: [{ text }] })),
    generationConfig: { maxOutputTokens: ask.maxTokens }
  }),
  events: sse,
  whole: (answer) => gemini.streamed([{ name: undefined, data: answer }]),
  streamed: (events) => {
    const candidates = events.flatMap(({ data }) => data.candidates ?? [])
    const parts = candidates.flatMap(({ content }) => content.parts ?? [])
    const last = events.at(-1)?.data
    return {
      text: joined(parts, ({ text, thought }) => (thought ? "" : text)),
      reasoning: joined(parts, ({ text, thought }) => (thought ? text : "")),
      signatures: parts.flatMap(({ thoughtSignature }) => thoughtSignature ?? []),
      calls: parts.flatMap(({ functionCall }) => functionCall ?? []),
      finish: candidates.at(-1)?.finishReason ?? last?.promptFeedback?.blockReason,
      usage: {
        input: last?.usageMetadata?.promptTokenCount,
        output: last?.usageMetadata?.candidatesTokenCount + (last?.usageMetadata?.thoughtsTokenCount ?? 0),
        reasoning: last?.usageMetadata?.thoughtsTokenCount ?? 0
      }
    }
  },
  denied: 403,
  sign: ": keep-alive\r\n\r\n",
  words: ["STOP", "STOP", "MAX_TOKENS", "SAFETY", "SAFETY"]
}
