/** Foreign JSON, trusting nothing about its shape: what is not of the expected kind counts as absent. */

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The object that `text` is; `undefined` for anything else. */
export const objectIn = (text: string): Json | undefined => {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

export const objectAt = (json: Json, name: string): Json => {
  const value = json[name]
  return isObject(value) ? value : {}
}

export const objectsAt = (json: Json, name: string): ReadonlyArray<Json> => {
  const value = json[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

export const stringAt = (json: Json, name: string): string | undefined => {
  const value = json[name]
  return typeof value === "string" ? value : undefined
}

/** Text of a content: a string, or the text parts of a list. */
export const textOf = (content: unknown): string => {
  if (typeof content === "string") return content
  if (!Array.isArray(content)) return ""
  return content.map((part) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : "")).join("")
}
