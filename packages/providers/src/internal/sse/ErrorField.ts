/**
 * llama.cpp announces a failure in the middle of a stream by a line `error: {…}`. To SSE that is a field without meaning,
 * and a parser drops it. This turns such a line into an `error` event, at any split of the text.
 */

const field = "error:"

export interface Rewriter {
  readonly feed: (text: string) => string
  /** What was held back because it might have become `error:`. */
  readonly flush: () => string
}

export const make = (): Rewriter => {
  let atLineStart = true
  let held = ""
  return {
    feed: (chunk) => {
      let text = held + chunk
      held = ""
      if (text.length === 0) return text
      const startsLine = atLineStart
      const lineStart = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r")) + 1
      const tail = text.slice(lineStart)
      if ((lineStart > 0 || startsLine) && tail.length < field.length && tail.length > 0 && field.startsWith(tail)) {
        held = tail
        text = text.slice(0, lineStart)
      }
      if (text.length > 0) atLineStart = text.endsWith("\n") || text.endsWith("\r")
      if (!text.includes(field)) return text
      const rewritten = text.replace(/([\r\n])error:/g, "$1event: error\ndata:")
      return startsLine && rewritten.startsWith(field)
        ? `event: error\ndata:${rewritten.slice(field.length)}`
        : rewritten
    },
    flush: () => {
      const text = held
      held = ""
      return text
    }
  }
}
