/** The text of an answer so far, for an attempt that is to go on from it. Bounded: what is too long is let go. */

/** What broke. */
export interface Broken {
  readonly target: string
  /** Parts of the broken answer that had been handed over. */
  readonly parts: number
}

/** Remembers of one answer what a continuation needs. */
export interface Transcript<A> {
  /** A part was handed over. */
  add(part: A): void
  /** What the next attempt may go on from; `undefined`: nothing can, so that it begins anew. */
  resume(broken: Broken): Resumption | undefined
}

/** What a continued attempt goes on from: `attempt.resume`. */
export interface Resumption {
  /** The text that was handed over, as it was. */
  readonly text: string
  /** The same without whitespace at its end, which several vendors refuse there: the last message, the assistant's. Never empty. */
  readonly prefill: string
  /**
   * For the text of one continuation, piece by piece: leaves out the whitespace at its beginning that `text` ends with
   * already, so that none is shown twice and none is lost.
   */
  seam(): (delta: string) => string
}

/** Pieces that are joined in one go: a string that grew piece by piece would keep all of them alive. */
const batch = 256

export class BoundedText {
  readonly #limit: number
  #joined: Array<string> | undefined = []
  #pieces: Array<string> = []
  #length = 0

  /** `limit` in characters. */
  constructor(limit: number) {
    this.#limit = limit
  }

  add(piece: string): void {
    if (this.#joined === undefined || piece.length === 0) return
    this.#length += piece.length
    if (this.#length > this.#limit) return this.drop()
    if (this.#pieces.push(piece) < batch) return
    this.#joined.push(this.#pieces.join(""))
    this.#pieces = []
  }

  /** Lets go of everything, for good. */
  drop(): void {
    this.#joined = undefined
    this.#pieces = []
  }

  /** `undefined`: it was too long, or dropped. */
  get value(): string | undefined {
    return this.#joined === undefined ? undefined : this.#joined.join("") + this.#pieces.join("")
  }
}

export class TextResumption implements Resumption {
  readonly text: string
  readonly prefill: string

  constructor(text: string) {
    this.text = text
    this.prefill = text.trimEnd()
  }

  seam(): (delta: string) => string {
    const { prefill, text } = this
    let shown = prefill.length
    return (delta) => {
      if (shown === text.length) return delta
      let at = 0
      while (at < delta.length && shown < text.length && delta[at] === text[shown]) {
        at++
        shown++
      }
      // What differs is the continuation's own: from here on everything is.
      if (at < delta.length) shown = text.length
      return delta.slice(at)
    }
  }
}

/** Of any stream whose parts can say what text they add. */
export class TextTranscript<A> implements Transcript<A> {
  readonly #textOf: (part: A) => string | undefined
  readonly #text: BoundedText

  constructor(textOf: (part: A) => string | undefined, limit: number) {
    this.#textOf = textOf
    this.#text = new BoundedText(limit)
  }

  add(part: A): void {
    const text = this.#textOf(part)
    if (text === undefined) this.#text.drop()
    else this.#text.add(text)
  }

  resume(_broken: Broken): Resumption | undefined {
    return resumptionOf(this.#text.value, (text) => new TextResumption(text))
  }
}

/** Nothing but whitespace is nothing to go on from. */
export const resumptionOf = <R extends TextResumption>(
  text: string | undefined,
  make: (text: string) => R
): R | undefined => {
  if (text === undefined) return undefined
  const resumption = make(text)
  return resumption.prefill === "" ? undefined : resumption
}
