/**
 * An answer with status 200 that is AWS's event stream, or JSON: a call without streaming is answered so, and some gateways
 * do it to streams too. The frames and the state of the answer in one synchronous machine, as `EventDecoder` is for SSE.
 *
 * - The first byte tells what came. A frame begins with its length, whose first byte is 0 or 1 below the cap, so that
 *   neither JSON nor a web page is ever taken for one.
 * - `:message-type` is `event` (named by `:event-type`), `exception` (`:exception-type`, with a JSON body) or `error`
 *   (`:error-code`, `:error-message`). The last two are errors inside a 200 and are told by the words of the dialect's table.
 */
import type { AnswerDecoder, AnswerState } from "../engine/Dialect.ts"
import { type ErrorWords, fromJson, noWords } from "../errors/ErrorBody.ts"
import type { ErrorRules } from "../errors/ErrorTable.ts"
import { truncated, undecodable } from "../errors/Fault.ts"
import { ofWords } from "../errors/ProviderError.ts"
import { parse } from "../json.ts"
import * as FrameReader from "./FrameReader.ts"

/** Longest answer, bytes. */
const longestAnswer = 64 * 1024 * 1024

type Kind = "unknown" | "frames" | "json" | "other"

export const make = (answer: AnswerState, rules?: ErrorRules): AnswerDecoder => {
  let over = false
  let kind: Kind = "unknown"
  let size = 0
  let json = ""
  const decoder = new TextDecoder()

  const frames = FrameReader.make({
    damaged: (what) => {
      answer.fail(undecodable(what))
      over = true
    },
    frame: ({ headers, payload }) => {
      // After the finish part only the end of the stream is waited for: one more frame, or the end of the bytes.
      if (answer.ended) over = true
      if (over) return
      const header = (name: string) => {
        const value = headers.get(name)
        return typeof value === "string" ? value : ""
      }
      const body = payload.length === 0 ? {} : parse(utf8.decode(payload))
      const type = header(":message-type")
      if (type === "event") {
        if (body === undefined) return answer.fail(undecodable("An event of the stream is no JSON"))
        answer.event(body, header(":event-type"))
      } else if (type === "exception") {
        fail({ ...fromJson(body), type: header(":exception-type") })
      } else if (type === "error") {
        fail({ ...noWords, code: header(":error-code"), message: header(":error-message") })
      }
    }
  })

  const fail = (words: ErrorWords) => answer.fail(ofWords(words, rules))

  const take = (bytes: Uint8Array) => {
    if (kind === "frames") frames.feed(bytes)
    else if (kind === "json") json += decoder.decode(bytes, { stream: true })
    else if (kind === "unknown") {
      const start = bytes.findIndex((byte) => !silent.has(byte))
      if (start < 0) return
      kind = kindOf(bytes[start])
      if (kind === "other") answer.fail(undecodable("The answer is neither an event stream nor JSON"))
      take(bytes.subarray(start))
    }
  }

  return {
    feed: (bytes) => {
      size += bytes.length
      if (size > longestAnswer) {
        answer.fail(undecodable("The answer is larger than an answer can be"))
        over = true
      } else take(bytes)
      return answer.take()
    },
    end: (broken) => {
      if (kind === "json" && !broken) {
        json += decoder.decode()
        const whole = parse(json)
        if (whole !== undefined) answer.wholeAnswer(whole)
        else answer.fail(/[}\]]\s*$/.test(json) ? undecodable("The answer is no JSON") : truncated)
      }
      answer.endOfBytes(kind !== "unknown")
      return answer.take()
    },
    ended: () => over || answer.fault !== undefined,
    settling: () => answer.settling === true,
    fault: () => answer.fault,
    hasContent: () => answer.hasContent
  }
}

const utf8 = new TextDecoder()

/** Blanks and the bytes of a byte order mark say nothing. */
const silent: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])

const kindOf = (byte: number | undefined): Kind => {
  if (byte === 0 || byte === 1) return "frames"
  return byte === 0x7b || byte === 0x5b ? "json" : "other"
}
