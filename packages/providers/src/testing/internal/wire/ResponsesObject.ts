/**
 * The response object of OpenAI Responses and its items. Source: OpenAI, API reference, "Responses".
 *
 * Reasoning comes as a summary, whether the request asked for one or not: a script that thinks is to be seen thinking.
 */
import type { Completion } from "../Completion.ts"
import type { FakeRequest } from "../Reaction.ts"
import { signatureOf } from "../Signature.ts"
import { created } from "./Wire.ts"

export type Item = Readonly<Record<string, unknown>> & { readonly id: string; readonly type: string }

/** The items of the answer, whole, in order: the place in the list is their `output_index`. */
export const itemsOf = (request: FakeRequest, completion: Completion): ReadonlyArray<Item> => {
  const { content, end, reasoning, toolCalls } = completion
  const items: Array<Item> = []
  if (reasoning.length > 0) {
    const text = reasoning.join("")
    const include = request.body["include"]
    const secret = Array.isArray(include) && include.includes("reasoning.encrypted_content")
    items.push({
      id: `rs_${request.index}`,
      type: "reasoning",
      summary: [{ type: "summary_text", text }],
      ...(secret ? { encrypted_content: signatureOf("responses", text) } : {})
    })
  }
  if (content.length > 0) {
    items.push({
      id: `msg_${request.index}`,
      type: "message",
      status: end === "stop" ? "completed" : "incomplete",
      role: "assistant",
      content: [{ type: "output_text", text: content.join(""), annotations: [] }]
    })
  }
  toolCalls.forEach(({ name, arguments: pieces }, call) => {
    items.push({
      id: `fc_${request.index}_${call}`,
      type: "function_call",
      status: "completed",
      call_id: `call_${request.index}_${call}`,
      name,
      arguments: pieces.join("")
    })
  })
  return items
}

const reasons: Partial<Record<Completion["end"], string>> = {
  length: "max_output_tokens",
  filtered: "content_filter",
  blocked: "content_filter"
}

/** The response object. `status` is that of one that is not over, or failed: it has no output yet. */
export const unfinished = (request: FakeRequest, status: "in_progress" | "failed") => ({
  id: `resp_${request.index}`,
  object: "response",
  created_at: created,
  status: status as string,
  error: null as object | null,
  incomplete_details: null as object | null,
  model: request.model,
  output: [] as ReadonlyArray<Item>,
  parallel_tool_calls: request.body["parallel_tool_calls"] !== false,
  previous_response_id: request.body["previous_response_id"] ?? null,
  store: request.body["store"] !== false,
  usage: null as object | null
})

/** The same of an answer that is over. */
export const responseOf = (request: FakeRequest, completion: Completion) => {
  // A scripted word that is no status is the reason of an incomplete answer.
  const reason = completion.finish === "completed" ? undefined : (completion.finish ?? reasons[completion.end])
  const { prompt, output, reasoning } = completion.usage
  return {
    ...unfinished(request, "in_progress"),
    status: reason === undefined ? "completed" : "incomplete",
    incomplete_details: reason === undefined ? null : { reason },
    output: itemsOf(request, completion),
    usage: {
      input_tokens: prompt,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: prompt + output
    }
  }
}
