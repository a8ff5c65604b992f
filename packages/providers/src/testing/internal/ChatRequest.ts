/** Reads what a request says, trusting nothing about its shape. */
import type { FakeRequest } from "./Reaction.ts"

type Json = Readonly<Record<string, unknown>>

/** The facts of a body that the log and the scripts need; `undefined` when it is not a JSON object. */
export const parse = (
  body: string
):
  | (Pick<FakeRequest, "streamed" | "question" | "messages" | "body"> & {
      readonly model: string | undefined
    })
  | undefined => {
  const json = objectIn(body)
  if (json === undefined) return undefined
  const messages = Array.isArray(json["messages"]) ? json["messages"].filter(isObject) : []
  const asked = messages.findLast((message) => message["role"] === "user")
  return {
    body: json,
    model: typeof json["model"] === "string" ? json["model"] : undefined,
    streamed: json["stream"] === true,
    messages,
    question: textOf(asked?.["content"])
  }
}

const objectIn = (body: string): Json | undefined => {
  try {
    const json: unknown = JSON.parse(body)
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** Text of a message's content: a string, or the text parts of a list. */
export const textOf = (content: unknown): string => {
  if (typeof content === "string") return content
  if (!Array.isArray(content)) return ""
  return content.map((part) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : "")).join("")
}

const keys: ReadonlySet<string> = new Set(["authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"])

/** Headers as the log keeps them: one string each, without keys. */
export const publicHeaders = (headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>) => {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    kept[name] = keys.has(name) ? "<redacted>" : typeof value === "string" ? value : value.join(", ")
  }
  return kept
}
