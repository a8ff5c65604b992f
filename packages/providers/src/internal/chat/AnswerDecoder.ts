/**
 * From the bytes of an answer with status 200 to parts: the body's kind, its events and the state of the answer, in one
 * synchronous machine that knows no Effect, no clock and no socket.
 */
import type { StreamPart } from "@spillway/core/ProviderModel"
import { type Fault, truncated, undecodable } from "../errors/Fault.ts"
import { parse } from "../json.ts"
import * as BodyReader from "../sse/BodyReader.ts"
import { ChatStream, type Options } from "./ChatStream.ts"

export interface AnswerDecoder {
  /** The next bytes, split anywhere. Gives out the parts that became certain. */
  readonly feed: (bytes: Uint8Array) => Array<StreamPart>
  /** No more bytes: the body ended, or the connection broke (`broken`). */
  readonly end: (broken: boolean) => Array<StreamPart>
  /** Nothing more will be given out: read no further. */
  readonly ended: () => boolean
  readonly fault: () => Fault | undefined
  readonly hasContent: () => boolean
}

/** Events some gateways send to keep a connection alive; what they hold is not for us. */
const idle = /^(ping|heartbeat|keep-?alive)$/i

export const make = (options: Options): AnswerDecoder => {
  const answer = new ChatStream(options)
  // After the finish part only the end of the stream is waited for: `[DONE]` or the end of the bytes.
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
      if (text === "" || idle.test(name)) return
      if (answer.ended) {
        over = true
        return
      }
      const json = parse(text)
      // A last event without its blank line may have been cut: then the end of the bytes decides.
      if (json === undefined && last) return
      if (json === undefined && name !== "error") return answer.fail(undecodable("An event of the stream is no JSON"))
      answer.chunk(json ?? {}, name)
    },
    json: (text) => {
      const json = parse(text)
      if (json !== undefined) answer.whole(json)
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
    fault: () => answer.fault,
    hasContent: () => answer.hasContent
  }
}
