/** Prepared replies in the chat dialect, of the size that vendors send. */
const head = `{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1767225600,"model":"bench-1","service_tier":"default","system_fingerprint":"fp_06737a9306"`

const chunk = (delta: string, finishReason: string | null) =>
  `data: ${head},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${JSON.stringify(finishReason)}}],"usage":null}\n\n`

export const event = chunk(`{"content":" harbor"}`, null)

const usage = `{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}`

export const finish = `${chunk("{}", "stop")}data: ${head},"choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`

export const completion = `{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1767225600,"model":"bench-1","choices":[{"index":0,"message":{"role":"assistant","content":"${"harbor ".repeat(16).trim()}","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":${usage},"service_tier":"default"}`
