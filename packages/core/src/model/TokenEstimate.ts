/**
 * How many input tokens a call has, roughly: for limits and context windows, before the server has counted. No tokenizer
 * and no dependency; one walk over the text, nothing allocated per token.
 *
 * Runs of characters of one class count by their length. The weights are set for tokenizers with about 200,000 tokens
 * (those of OpenAI, DeepSeek, Qwen, Llama, Mistral) on prose, code and JSON in several languages. An order of magnitude,
 * not a promise: usually within a quarter on a page, up to twofold on a line of odd text. The router corrects it per target
 * by what the target counts; `Tokenizer` takes an exact one.
 *
 * Source: the idea of class weights is that of `tokenx`; weights of our own. 4 tokens per message as OpenAI's guide
 * "Counting tokens" has it for chat; a flat figure for images, whose true count depends on vendor and size.
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ModelOptions } from "./ProviderModel.ts"

const perMessage = 4
const perTool = 8
const perImage = 1000
/** Nothing that is really JSON is deeper; what refers to itself is. */
const maxDepth = 64

type Class = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7
const space: Class = 0
const newline: Class = 1
const lower: Class = 2
const upper: Class = 3
const digit: Class = 4
const symbol: Class = 5
const latin: Class = 6
const other: Class = 7

const classOfAscii = (code: number): Class => {
  if (code >= 97 && code <= 122) return lower
  if (code === 32 || code === 9) return space
  if (code >= 65 && code <= 90) return upper
  if (code >= 48 && code <= 57) return digit
  if (code === 10 || code === 13) return newline
  return symbol
}

const ascii = Uint8Array.from({ length: 128 }, (_, code) => classOfAscii(code))

/** Han, kana, Hangul and their full-width punctuation: most characters are a token of their own, some share one. */
const isWide = (code: number): boolean =>
  (code >= 0x2e80 && code <= 0x9fff) ||
  (code >= 0xac00 && code <= 0xd7af) ||
  (code >= 0xf900 && code <= 0xfaff) ||
  code >= 0xff00

/** Tokens of a run of `length` characters of one class; a word is of one class with its capital. */
const ofRun = (of: Class, length: number): number => {
  switch (of) {
    case space:
      // The one before a word is part of its token; indentation is one.
      return length > 1 ? 1 : 0
    case newline:
      return 1
    case lower:
      return length <= 8 ? 1 : 1 + (length - 8) / 5
    case upper:
      return Math.max(1, length / 3)
    case digit:
      return Math.ceil(length / 3)
    case symbol:
      return length <= 3 ? 1 : 1 + (length - 3) / 6
    case latin:
      return Math.max(1, length / 4)
    case other:
      return Math.max(1, length / 3.2)
  }
}

/** Tokens of a text, with a fraction. O(n) in its length. */
export const text = (value: string): number => {
  let tokens = 0
  let of: Class | undefined
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    let next: Class
    if (code < 128) next = (ascii[code] ?? symbol) as Class
    else if (code < 0x250) next = latin
    else if (code >= 0xd800 && code <= 0xdfff) {
      tokens += 1 // half of an emoji, or of a rare character
      continue
    } else if (isWide(code)) {
      tokens += 0.75
      continue
    } else next = other
    if (next === of) length++
    else if (joins(of, next, length)) {
      of = next === latin ? latin : of === latin ? latin : lower
      length++
    } else {
      if (of !== undefined) tokens += ofRun(of, length)
      of = next
      length = 1
    }
  }
  return of === undefined ? tokens : tokens + ofRun(of, length)
}

/** `Word`, `größer`, `Élan`: letters of one word, though not of one class. */
const joins = (of: Class | undefined, next: Class, length: number): boolean =>
  (of === upper && (next === lower || next === latin) && length === 1) ||
  (of === lower && next === latin) ||
  (of === latin && next === lower)

/** Tokens of a value as JSON, with a fraction. */
export const json = (value: unknown, depth = 0): number => {
  if (typeof value === "string") return text(value) + 1
  if (typeof value === "number") return ofRun(digit, String(value).length)
  if (typeof value !== "object" || value === null || depth > maxDepth) return 1
  let tokens = 1
  if (Array.isArray(value)) {
    for (const item of value) tokens += json(item, depth + 1) + 0.5
    return tokens
  }
  for (const [key, item] of Object.entries(value)) tokens += text(key) + 1 + json(item, depth + 1)
  return tokens
}

export interface Estimator {
  /** Input tokens of a call: system text, messages, tools, the schema of the answer. An integer >= 0. */
  readonly estimate: (options: ModelOptions) => number
}

/** An estimator remembers the size of a tool and of an answer's schema, which most calls share. */
export const make = (): Estimator => {
  const sizes = new WeakMap<object, number>()
  const sizeOf = (key: object, schema: () => unknown): number => {
    const known = sizes.get(key)
    if (known !== undefined) return known
    const size = json(schema())
    sizes.set(key, size)
    return size
  }
  return {
    estimate: ({ prompt, responseFormat, tools }) => {
      let tokens = 0
      for (const message of prompt.content) tokens += perMessage + ofMessage(message)
      for (const tool of tools) {
        tokens += perTool + text(tool.name) + text(Tool.getDescription(tool) ?? "")
        tokens += sizeOf(tool, () => Tool.getJsonSchema(tool))
      }
      if (responseFormat.type === "json") {
        const { schema } = responseFormat
        tokens += text(responseFormat.objectName) + sizeOf(schema, () => Tool.getJsonSchemaFromSchema(schema))
      }
      return Math.ceil(tokens)
    }
  }
}

const ofMessage = ({ content }: Prompt.Message): number => {
  if (typeof content === "string") return text(content)
  let tokens = 0
  for (const part of content) tokens += ofPart(part)
  return tokens
}

const ofPart = (part: Exclude<Prompt.Message["content"], string>[number]): number => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return text(part.text)
    case "file":
      return perImage
    case "tool-call":
      return perMessage + text(part.name) + json(part.params)
    case "tool-result":
      return perMessage + text(part.name) + json(part.result)
    default:
      return perMessage
  }
}
