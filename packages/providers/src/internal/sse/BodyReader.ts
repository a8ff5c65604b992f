/**
 * From the bytes of an answer to its events, at any split of the bytes.
 *
 * The first byte that is not blank tells what came: `{` or `[` is a whole JSON answer (or an error) although a stream was
 * asked for, `<` is a proxy's page, everything else is SSE. The content type is not asked: gateways send JSON as an event
 * stream and the other way round. Blank lines before a JSON answer are keep-alives.
 *
 * At the end of the bytes an event without its blank line is dispatched all the same, marked `last`: if it does not parse,
 * it was cut.
 */
import * as EventReader from "./EventReader.ts"

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
  let text: SseText | undefined
  let kind: ReturnType<BodyReader["kind"]> = "unknown"
  let size = 0
  let ending = false
  let json: Array<Uint8Array> = []
  const parserOf = () => sseText((name, data) => sink.event(name, data, ending))

  return {
    kind: () => kind,
    feed: (chunk) => {
      let bytes = chunk
      size += bytes.byteLength
      if (size > longestAnswer) return sink.tooLarge()
      if (kind === "unknown") {
        const start = bytes.findIndex(speaks)
        if (start < 0) return
        kind = kindBy(bytes[start])
        if (kind === "html") return sink.html()
        // Blanks of earlier chunks are gone already; with half a byte order mark here, the first event would be lost.
        bytes = bytes.subarray(start)
      }
      if (kind === "json") json.push(bytes)
      else if (kind === "sse") {
        text ??= parserOf()
        if (!text.feed(bytes)) sink.tooLarge()
      }
    },
    end: () => {
      ending = true
      if (kind === "sse") text?.end()
      if (kind === "json") {
        const whole = jsonText(json)
        json = []
        sink.json(whole)
      }
    }
  }
}

/** Bytes to events. `feed` says false when an event is longer than an event can be. */
const sseText = (onEvent: (name: string, data: string) => void): SseText => {
  // The reader drops a byte order mark; two layers that do would drop two.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const events = EventReader.make(onEvent)
  return {
    feed: (bytes) => events.feed(decoder.decode(bytes, { stream: true })),
    end: () => {
      events.feed(decoder.decode())
      events.end()
    }
  }
}

interface SseText {
  readonly feed: (bytes: Uint8Array) => boolean
  readonly end: () => void
}

/** Decoding whole texts leaves no state behind, so that one decoder serves all. It drops a byte order mark. */
const wholeText = new TextDecoder()

const jsonText = (chunks: ReadonlyArray<Uint8Array>): string => {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return wholeText.decode(first)
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.byteLength
  }
  return wholeText.decode(all)
}

/** Blanks and the bytes of a byte order mark say nothing. */
const silent: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])

const speaks = (byte: number) => !silent.has(byte)

const kindBy = (byte: number | undefined) => (byte === 0x7b || byte === 0x5b ? "json" : byte === 0x3c ? "html" : "sse")
