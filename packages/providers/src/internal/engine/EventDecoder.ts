/**
 * An answer with status 200 that is SSE (or JSON, where a gateway sends that instead): the body's kind, its events and the
 * state of the answer, in one synchronous machine. The same for every dialect that frames its events by SSE.
 */
import { truncated, undecodable } from "../errors/Fault.ts"
import { parse } from "../json.ts"
import * as BodyReader from "../sse/BodyReader.ts"
import type { AnswerDecoder, AnswerState } from "./Dialect.ts"

/** Events some gateways send to keep a connection alive; what they hold is not for us. */
const idle = /^(ping|heartbeat|keep-?alive)$/i

export const make = (answer: AnswerState): AnswerDecoder => {
  // After the finish part only the end of the stream is waited for: `[DONE]`, one more event, or the end of the bytes.
  let over = false
  const reader = BodyReader.make({
    event: (name, data, last) => {
      if (over) return
      const text = data.trim()
      if (text === "[DONE]") {
        answer.doneMarker()
        over = true
        return
      }
      if (text === "" || (name !== "" && idle.test(name))) return
      if (answer.ended) {
        over = true
        return
      }
      const json = parse(text)
      // A last event without its blank line may have been cut: then the end of the bytes decides.
      if (json === undefined && last) return
      if (json === undefined && name !== "error") return answer.fail(undecodable("An event of the stream is no JSON"))
      answer.event(json ?? {}, name)
    },
    json: (text) => {
      const json = parse(text)
      if (json !== undefined) answer.wholeAnswer(json)
      else answer.fail(/[}\]]\s*$/.test(text) ? undecodable("The answer is no JSON") : truncated)
    },
    html: () => answer.fail(undecodable("The answer is a web page, not the provider's")),
    tooLarge: () => {
      answer.fail(undecodable("The answer is larger than an answer can be"))
      over = true
    }
  })
  return {
    feed: (bytes) => {
      reader.feed(bytes)
      return answer.take()
    },
    end: (broken) => {
      if (!broken || reader.kind() === "sse") reader.end()
      answer.endOfBytes(reader.kind() !== "unknown")
      return answer.take()
    },
    ended: () => over || answer.fault !== undefined,
    settling: () => answer.settling === true,
    fault: () => answer.fault,
    hasContent: () => answer.hasContent
  }
}
