/** Lines of a file of any size, one at a time, in bounded memory: of a line that is too long nothing is kept but that. */
import { StringDecoder } from "node:string_decoder"

/** A mebibyte: a record with hundreds of attempts fits many times. */
export const longestLine = 1_048_576

export interface Visitor {
  readonly line: (text: string) => void
  readonly badLine: (reason: string) => void
}

export interface Splitter {
  readonly push: (chunk: Uint8Array) => void
  readonly end: () => void
}

export const splitter = ({ line, badLine }: Visitor, longest = longestLine): Splitter => {
  const decoder = new StringDecoder("utf8")
  let rest = ""
  let tooLong = false
  const finish = (text: string) => {
    if (tooLong || text.length > longest) badLine(`longer than ${longest} characters`)
    else line(text.endsWith("\r") ? text.slice(0, -1) : text)
    tooLong = false
  }
  const take = (text: string) => {
    let from = 0
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      finish(rest + text.slice(from, at))
      rest = ""
      from = at + 1
    }
    rest += text.slice(from)
    if (rest.length > longest) {
      tooLong = true
      rest = ""
    }
  }
  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end())
      if (rest !== "" || tooLong) finish(rest)
      rest = ""
    }
  }
}
