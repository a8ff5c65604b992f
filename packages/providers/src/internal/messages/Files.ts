/**
 * Text, images and documents of a prompt as content blocks. Blocks without a character in them are refused by the vendor
 * and left out; sound and video do not exist here.
 * Source: https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { type Fault, unsupported } from "../errors/Fault.ts"
import * as FileData from "../parts/FileData.ts"
import type { Block } from "./Turn.ts"

export const blocks = (parts: ReadonlyArray<Prompt.TextPart | Prompt.FilePart>): Array<Block> | Fault => {
  const all: Array<Block> = []
  for (const part of parts) {
    if (part.type === "text") {
      if (part.text.trim() !== "") all.push({ type: "text", text: part.text })
      continue
    }
    const block = file(part)
    if (block === undefined) {
      return unsupported("prompt", "The Messages dialect takes images, PDF and text, as data or at a web address", true)
    }
    all.push(block)
  }
  return all
}

const file = (part: Prompt.FilePart): Block | undefined => {
  const type = part.mediaType.startsWith("image/")
    ? "image"
    : part.mediaType === "application/pdf" || part.mediaType.startsWith("text/")
      ? "document"
      : undefined
  const address = FileData.addressOf(part)
  if (type === undefined || (address !== undefined && !/^https?:/.test(address))) return undefined
  const source = address === undefined ? dataOf(part) : { type: "url", url: address }
  return type === "image" || part.fileName === undefined ? { type, source } : { type, source, title: part.fileName }
}

const dataOf = (part: Prompt.FilePart) => {
  if (part.mediaType.startsWith("text/")) return { type: "text", media_type: "text/plain", data: textOf(part) }
  const data = FileData.base64Of(part)
  return { type: "base64", media_type: mediaTypeOf(part, data), data }
}

/** The vendor looks whether the type is the right one, so "some image" is looked at here: the first letters tell. */
const mediaTypeOf = (part: Prompt.FilePart, data: string): string => {
  if (part.mediaType === "image/jpg") return "image/jpeg"
  if (part.mediaType !== "image/*") return part.mediaType
  return beginnings.find(([beginning]) => data.startsWith(beginning))?.[1] ?? FileData.mediaTypeOf(part)
}

const beginnings = [
  ["iVBORw0KGgo", "image/png"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"]
] as const

/** A string is base64, as `effect/ai` has it. */
const textOf = (part: Prompt.FilePart): string => {
  if (part.data instanceof Uint8Array) return new TextDecoder().decode(part.data)
  const bytes = Base64.decode(FileData.base64Of(part))
  return Result.isSuccess(bytes) ? new TextDecoder().decode(bytes.success) : String(part.data)
}
