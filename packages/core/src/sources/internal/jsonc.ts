/**
 * JSON with comments and trailing commas, strictly otherwise, with the place of the first mistake.
 *
 * Its own reader because the errors are the point of a configuration file: `JSON.parse` quotes the text around a mistake (a
 * key may stand there), does not always say where it is, and lets the last of two equal keys win in silence. `jsonc-parser`
 * knows the places but takes what it does not understand for something else, and core has no dependency beside its peers.
 * Source: RFC 8259; comments and trailing commas as in the JSON with Comments of VS Code.
 */

/** Where and what; nothing of the text is in it. */
export class JsoncError extends Error {
  override readonly name = "JsoncError"
}

/** Deeper than any description of targets; a guard of the stack. */
const maxDepth = 64

const space = /(?:[ \t\r\n]+|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y
const word = /(?:true|false|null)(?!\w)/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: a raw control character ends no JSON string, it breaks it.
const text = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** The value. Throws `JsoncError`. */
export const parse = (source: string): unknown => {
  let at = source.startsWith("\uFEFF") ? 1 : 0

  const fail = (what: string): never => {
    const before = source.slice(0, at).split("\n")
    const column = (before.at(-1)?.length ?? 0) + 1
    throw new JsoncError(`line ${before.length}, column ${column}: ${what}`)
  }
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const skip = (): string => {
    match(space)
    if (source.startsWith("/*", at)) fail("a comment that does not end")
    return source.charAt(at)
  }
  const string = (): string => {
    const found = match(text)
    return found === undefined
      ? fail("a string that does not end, or has a character that must be escaped")
      : JSON.parse(found)
  }

  /** Members up to `end`, after the opening bracket; a comma before `end` is allowed. */
  const members = (end: "]" | "}", member: () => void): void => {
    at++
    while (skip() !== end) {
      member()
      const next = skip()
      if (next === ",") at++
      else if (next !== end) fail(`expected "," or "${end}"`)
    }
    at++
  }
  const list = (depth: number): ReadonlyArray<unknown> => {
    const values: Array<unknown> = []
    members("]", () => values.push(value(depth)))
    return values
  }
  const object = (depth: number): object => {
    const entries = new Map<string, unknown>()
    members("}", () => {
      if (source.charAt(at) !== '"') fail(`expected a key in double quotes, or "}"`)
      const start = at
      const key = string()
      if (entries.has(key)) {
        at = start
        fail("a key that this object has already")
      }
      if (skip() !== ":") fail(`expected ":"`)
      at++
      skip()
      entries.set(key, value(depth))
    })
    return Object.fromEntries(entries)
  }
  const value = (depth: number): unknown => {
    if (depth > maxDepth) fail(`more than ${maxDepth} levels`)
    switch (source.charAt(at)) {
      case "":
        return fail("it ends too early")
      case "{":
        return object(depth + 1)
      case "[":
        return list(depth + 1)
      case '"':
        return string()
    }
    const found = match(number) ?? match(word)
    return found === undefined ? fail("expected a value") : JSON.parse(found)
  }

  skip()
  const parsed = value(0)
  if (skip() !== "") fail("expected the end")
  return parsed
}
