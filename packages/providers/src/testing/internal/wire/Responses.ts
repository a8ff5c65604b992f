/**
 * OpenAI Responses. Source: OpenAI, API reference, "Responses". Its answers: `ResponsesObject`; its events:
 * `ResponsesStream`.
 */
import { isObject, stringAt } from "../Json.ts"
import { fieldsOf, openAiRefusal } from "./OpenAiErrors.ts"
import { capOf, conversation } from "./Reading.ts"
import { responseOf, unfinished } from "./ResponsesObject.ts"
import { responsesStream } from "./ResponsesStream.ts"
import { eventStream, type Wire } from "./Wire.ts"

export const responses: Wire = {
  dialect: "responses",
  read: (body, target) => {
    const { input } = body
    const messages =
      typeof input === "string"
        ? [{ role: "user", content: input }]
        : Array.isArray(input)
          ? input.filter(isObject)
          : []
    return {
      ...conversation(messages, "content", "assistant", stringAt(body, "instructions")),
      model: target.model ?? stringAt(body, "model"),
      streamed: body["stream"] === true,
      maxTokens: capOf(body["max_output_tokens"])
    }
  },
  check: () => undefined,
  requestId: (index) => ({ "x-request-id": `req-${index}` }),
  refusal: openAiRefusal,
  blocksWith: "error",
  whole: (request, completion, finished) => {
    const open = finished ? {} : { status: "in_progress", incomplete_details: null }
    return JSON.stringify({ ...responseOf(request, completion), ...open })
  },
  errorIn200: (problem, request, shape) => {
    if (shape !== "failed") return openAiRefusal(problem, request).body
    const { code, message } = fieldsOf(problem, request)
    return JSON.stringify({ ...unfinished(request, "failed"), error: { code, message } })
  },
  streamType: eventStream,
  stream: responsesStream,
  malformed: `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"\n\n`,
  keepAlive: (comment) => `: ${comment}\n\n`
}
