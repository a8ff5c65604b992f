/**
 * Bedrock Converse and ConverseStream. Source: AWS, Amazon Bedrock API reference. Its answers: `ConverseAnswer`; its
 * frames: `EventFrame`.
 *
 * Roles must alternate and begin with the user's. A framed stream has no sign of life.
 */
import { objectAt, objectsAt, textOf } from "../Json.ts"
import { problem } from "../Problem.ts"
import { converseStream, converseWhole } from "./ConverseAnswer.ts"
import { converseFault, converseRefusal } from "./ConverseErrors.ts"
import { eventFrame } from "./EventFrame.ts"
import { capOf, conversation } from "./Reading.ts"
import type { Wire } from "./Wire.ts"

export const converse: Wire = {
  dialect: "converse",
  read: (body, target) => ({
    ...conversation(objectsAt(body, "messages"), "content", "assistant", textOf(body["system"])),
    model: target.model,
    streamed: target.streamed === true,
    maxTokens: capOf(objectAt(body, "inferenceConfig")["maxTokens"])
  }),
  check: ({ messages }) => {
    const wrong = messages.findIndex(({ role }, i) => role !== (i % 2 === 0 ? "user" : "assistant"))
    if (wrong < 0) return undefined
    const message =
      wrong === 0 ? "A conversation must start with a user message." : "The roles of a conversation must alternate."
    return problem(400, { message })
  },
  requestId: (index) => ({ "x-amzn-requestid": `00000000-0000-4000-8000-${String(index).padStart(12, "0")}` }),
  refusal: converseRefusal,
  blocksWith: "answer",
  whole: converseWhole,
  // The header with the exception's name is gone: the body names it.
  errorIn200: (problem, request) => {
    const { message, type } = converseFault(problem, request)
    return JSON.stringify({ __type: type, message })
  },
  streamType: "application/vnd.amazon.eventstream",
  stream: converseStream,
  malformed: eventFrame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"`),
  keepAlive: () => ""
}
