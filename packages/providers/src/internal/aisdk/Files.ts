/** Contents of files: base64 text, bytes or an address, in the three spellings in use. */
import type { LanguageModelV4FilePart } from "@ai-sdk/provider"
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import { record, text } from "../json.ts"

/** V3 has plain data where V4 has tagged data. */
export type Version = "v3" | "v4"

/** What a prompt of `effect/ai` holds, in the form `version` takes. */
export const toData = (data: Prompt.FilePart["data"], version: Version): LanguageModelV4FilePart["data"] => {
  const plain = typeof data === "string" ? fromText(data) : data
  if (version === "v3") return plain as unknown as LanguageModelV4FilePart["data"]
  return plain instanceof URL ? { type: "url", url: plain } : { type: "data", data: plain }
}

/** A text is base64, unless it says that it is an address. */
const fromText = (data: string): string | URL => {
  const embedded = /^data:[^,]*;base64,/.exec(data)
  if (embedded !== null) return data.slice(embedded[0].length)
  return /^https?:\/\//i.test(data) && URL.canParse(data) ? new URL(data) : data
}

/** What a prompt of the AI SDK holds, for `effect/ai`; `undefined` for a file that only its vendor can find. */
export const fromData = (data: unknown): Prompt.FilePart["data"] | undefined => {
  if (typeof data === "string" || data instanceof Uint8Array || data instanceof URL) return data
  const tagged = record(data)
  switch (tagged?.["type"]) {
    case "data":
      return typeof tagged["data"] === "string" || tagged["data"] instanceof Uint8Array ? tagged["data"] : undefined
    case "url":
      return tagged["url"] instanceof URL ? tagged["url"] : undefined
    case "text":
      return new TextEncoder().encode(text(tagged["text"]) ?? "")
    default:
      return undefined
  }
}

/** A file of an answer as base64; `undefined` for an address, which `effect/ai` has no place for. */
export const toBase64 = (data: unknown): string | undefined => {
  const found = fromData(data)
  if (found === undefined || found instanceof URL) return undefined
  return typeof found === "string" ? found : Base64.encode(found)
}

/** `effect/ai` wants both halves of a media type; the AI SDK may say `image` alone. */
export const mediaType = (type: string): string =>
  type.includes("/") ? type : type === "text" ? "text/plain" : `${type}/*`
