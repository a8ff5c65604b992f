/**
 * From the bytes of an answer to its events, at any split of the bytes.
 *
 * The first byte that is not blank tells what came: `{` or `[` is a whole JSON answer (or an error) although a stream was
 * asked for, `<` is a proxy's page, everything else is SSE. The content type is not asked: gateways send JSON as an event
 * stream and the other way round. Blank lines before a JSON answer are keep-alives.
 *
 * SSE itself is `effect/encoding/Sse`, by WHATWG's "event stream interpretation". `retry:` means nothing on a POST and is
 * dropped. At the end of the bytes an event without its blank line is dispatched all the same, marked `last`: if it does
 * not parse, it was cut.
 */
import * as Sse from "effect/encoding/Sse"
import * as ErrorField from "./ErrorField.ts"

/** Longest answer, bytes. */
const longestAnswer = 64 * 1024 * 1024

export interface BodySink {
  readonly event: (name: string, data: string, last: boolean) => void
  /** The whole body, once, at its end. */
  readonly json: (text: string) => void
  readonly html: () => void
  readonly tooLarge: () => void
}

export interface BodyReader {
  readonly feed: (bytes: Uint8Array) => void
  readonly end: () => void
  /** `unknown`: nothing but blanks has come so far. */
  readonly kind: () => "unknown" | "sse" | "json" | "html"
}

export const make = (sink: BodySink): BodyReader => {
  // The parser drops a byte order mark; two layers that do would drop two.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const errorField = ErrorField.make()
  let kind: ReturnType<BodyReader["kind"]> = "unknown"
  let size = 0
  let ending = false
  let json: Array<string> = []
  const parser = Sse.makeParser((event) => {
    if (event._tag === "Event") sink.event(event.event, event.data, ending)
  })

  const take = (text: string) => {
    if (kind === "json") json.push(text)
    else if (kind === "sse" && parser.feed(errorField.feed(text)) !== undefined) sink.tooLarge()
  }

  return {
    kind: () => kind,
    feed: (bytes) => {
      size += bytes.byteLength
      if (size > longestAnswer) return sink.tooLarge()
      if (kind === "unknown") {
        kind = sniff(bytes)
        if (kind === "html") return sink.html()
      }
      take(decoder.decode(bytes, { stream: true }))
    },
    end: () => {
      ending = true
      take(decoder.decode())
      if (kind === "sse") parser.feed(`${errorField.flush()}\n\n`)
      if (kind === "json") {
        const text = json.join("").replace(/^\uFEFF/, "")
        json = []
        sink.json(text)
      }
    }
  }
}

/** Blanks and the bytes of a byte order mark say nothing. */
const silent: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])

const sniff = (bytes: Uint8Array) => {
  for (const byte of bytes) {
    if (silent.has(byte)) continue
    return byte === 0x7b || byte === 0x5b ? "json" : byte === 0x3c ? "html" : "sse"
  }
  return "unknown"
}
