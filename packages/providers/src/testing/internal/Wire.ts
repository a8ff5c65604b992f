/** The OpenAI chat dialect as bytes: the JSON of a whole answer and the events of a stream. */
import type { Completion } from "./Completion.ts"
import type { Answer, FakeRequest } from "./Reaction.ts"

/** Always the same moment (2026-01-01), so that equal requests have equal answers. */
export const created = 1_767_225_600

/** An event of a stream before it is written; `tokens` of it take time. */
export interface Delta {
  readonly delta: string
  readonly tokens: number
}

export const streamHeaders = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" }
export const jsonHeaders = { "content-type": "application/json" }
export const done = "data: [DONE]\n\n"
export const malformed = `data: {"choices":[{"index":0,"delta":{"content":"\n\n`

export const requestId = (index: number) => ({ "x-request-id": `req-${index}` })

/** The events with content, after the one with the role. */
export const deltas = (completion: Completion, answer: Answer): ReadonlyArray<Delta> => [
  { delta: `{"role":"assistant","content":""}`, tokens: 0 },
  ...inChunks(completion.reasoning, answer, (text) => ({ [answer.reasoning?.field ?? "reasoning_content"]: text })),
  ...inChunks(completion.content, answer, (content) => ({ content })),
  ...completion.toolCalls.flatMap(({ id, name, arguments: pieces }, index) => [
    {
      delta: JSON.stringify({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
      tokens: 1
    },
    ...inChunks(pieces, answer, (text) => ({ tool_calls: [{ index, function: { arguments: text } }] }))
  ])
]

const inChunks = (tokens: ReadonlyArray<string>, answer: Answer, delta: (text: string) => object): Array<Delta> => {
  const chunks: Array<Delta> = []
  for (let from = 0; from < tokens.length; from += answer.chunkTokens) {
    const part = tokens.slice(from, from + answer.chunkTokens)
    chunks.push({ delta: JSON.stringify(delta(part.join(""))), tokens: part.length })
  }
  return chunks
}

/** Turns deltas into events of one stream. */
export const events = (request: FakeRequest) => {
  const options = request.body["stream_options"]
  const withUsage =
    typeof options === "object" && options !== null && (options as { include_usage?: unknown }).include_usage === true
  const head = `data: {"id":"chatcmpl-${request.index}","object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(request.model)},"choices":`
  const tail = withUsage ? `,"usage":null}\n\n` : "}\n\n"
  return {
    chunk: (delta: string) => `${head}[{"index":0,"delta":${delta},"finish_reason":null}]${tail}`,
    /** The finish, and the usage where the request asks for it. */
    finish: (completion: Completion) =>
      `${head}[{"index":0,"delta":{},"finish_reason":${JSON.stringify(completion.finish)}}]${tail}` +
      (withUsage ? `${head}[],"usage":${JSON.stringify(completion.usage)}}\n\n` : "")
  }
}

/** A whole answer. `finish` is `null` in one that breaks off. */
export const json = (request: FakeRequest, completion: Completion, field: string, finish: string | null): string =>
  JSON.stringify({
    id: `chatcmpl-${request.index}`,
    object: "chat.completion",
    created,
    model: request.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: completion.toolCalls.length > 0 ? null : completion.content.join(""),
          ...(completion.reasoning.length > 0 ? { [field]: completion.reasoning.join("") } : {}),
          ...(completion.toolCalls.length > 0
            ? {
                tool_calls: completion.toolCalls.map(({ id, name, arguments: pieces }) => ({
                  id,
                  type: "function",
                  function: { name, arguments: pieces.join("") }
                }))
              }
            : {})
        },
        finish_reason: finish
      }
    ],
    usage: completion.usage
  })
