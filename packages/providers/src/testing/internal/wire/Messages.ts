/**
 * Anthropic Messages. Source: Anthropic, API reference, "Messages" and "Versions". Its answers: `MessagesAnswer`.
 *
 * `anthropic-version` and `max_tokens` are required; the version of October 2026 refuses sampling fields.
 */
import { objectsAt, stringAt, textOf } from "../Json.ts"
import { problem } from "../Problem.ts"
import { messagesStream, messagesWhole } from "./MessagesAnswer.ts"
import { messagesError, messagesRefusal, messagesRequestId } from "./MessagesErrors.ts"
import { capOf, conversation } from "./Reading.ts"
import { eventStream, named, type Wire } from "./Wire.ts"

const withoutSampling = "2026-10-21"
const samplingFields = ["temperature", "top_p", "top_k"]

export const messages: Wire = {
  dialect: "messages",
  read: (body, target) => ({
    ...conversation(objectsAt(body, "messages"), "content", "assistant", textOf(body["system"])),
    model: target.model ?? stringAt(body, "model"),
    streamed: body["stream"] === true,
    maxTokens: capOf(body["max_tokens"])
  }),
  check: ({ body, headers, maxTokens, path }) => {
    const version = headers["anthropic-version"]
    if (version === undefined) return problem(400, { message: "anthropic-version: header is required" })
    if (path.endsWith("/count_tokens")) return undefined
    if (maxTokens === undefined) return problem(400, { message: "max_tokens: Field required" })
    const sampling = samplingFields.find((field) => version >= withoutSampling && body[field] !== undefined)
    return sampling === undefined
      ? undefined
      : problem(400, { message: `${sampling}: not supported by version ${withoutSampling}` })
  },
  requestId: (index) => ({ "request-id": messagesRequestId(index) }),
  refusal: messagesRefusal,
  blocksWith: "answer",
  whole: messagesWhole,
  errorIn200: (problem, request) => JSON.stringify(messagesError(problem, request)),
  streamType: eventStream,
  stream: messagesStream,
  malformed: `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"\n\n`,
  keepAlive: () => named({ type: "ping" })
}
