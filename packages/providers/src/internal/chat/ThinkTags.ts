/**
 * Tells thinking from text where a server leaves the model's tags in the text: `<think>…</think>` before the answer, as
 * Qwen, DeepSeek-R1 and GLM write it and unparsed local servers send it.
 *
 * Only at the start: after the first character of text that is no blank, tags are text like any other. A template that
 * opens the tag in the prompt leaves a lone `</think>` in the answer; what came before it has been given out as text by
 * then, so such a server needs its own reasoning parser. The blanks after the closing tag belong to neither.
 */
export interface Piece {
  readonly kind: "text" | "reasoning"
  readonly text: string
}

export interface ThinkTags {
  readonly feed: (text: string) => ReadonlyArray<Piece>
  /** What was held back because it might have become a tag. */
  readonly end: () => ReadonlyArray<Piece>
}

const opening = "<think>"
const closing = "</think>"

export const make = (): ThinkTags => {
  let state: "before" | "thinking" | "after" | "text" = "before"
  let held = ""

  const step = (pieces: Array<Piece>): boolean => {
    switch (state) {
      case "before":
      case "after": {
        const start = held.trimStart()
        if (state === "before" && start.startsWith(opening)) {
          state = "thinking"
          held = start.slice(opening.length)
          return true
        }
        // Blanks, or the beginning of a tag: the next piece decides.
        if (start === "" || (state === "before" && opening.startsWith(start))) return false
        // Blanks before an answer without thinking are its own.
        if (state === "after") held = start
        state = "text"
        return true
      }
      case "thinking": {
        const at = held.indexOf(closing)
        const safe = at < 0 ? held.length - overlap(held, closing) : at
        if (safe > 0) pieces.push({ kind: "reasoning", text: held.slice(0, safe) })
        held = held.slice(at < 0 ? safe : at + closing.length)
        if (at >= 0) state = "after"
        return at >= 0
      }
      case "text":
        if (held !== "") pieces.push({ kind: "text", text: held })
        held = ""
        return false
    }
  }

  const feed = (text: string): ReadonlyArray<Piece> => {
    held += text
    const pieces: Array<Piece> = []
    while (step(pieces));
    return pieces
  }

  return {
    feed,
    end: () => {
      const left: Piece = { kind: state === "thinking" ? "reasoning" : "text", text: held }
      // Blanks at the end of an answer that has not begun say nothing.
      const silent = state !== "thinking" && held.trim() === ""
      held = ""
      return left.text === "" || silent ? [] : [left]
    }
  }
}

/** How many of the last characters could be the beginning of `tag`. */
const overlap = (text: string, tag: string): number => {
  for (let length = Math.min(text.length, tag.length - 1); length > 0; length--) {
    if (tag.startsWith(text.slice(-length))) return length
  }
  return 0
}
