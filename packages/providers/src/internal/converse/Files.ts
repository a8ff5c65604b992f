/**
 * Files of a prompt as content blocks: images, documents and videos, as bytes or by an `s3://` address. Converse takes no
 * web address and no audio; such a file is a fault, and another vendor may take it.
 *
 * Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import { type Fault, unsupported } from "../errors/Fault.ts"

export type Block = Readonly<Record<string, unknown>>

/** `nameOf` gives a document the name it must have: unique in the request, of few kinds of characters. */
export const block = (part: Prompt.FilePart, nameOf: (fileName: string | undefined) => string): Block | Fault => {
  const source = sourceOf(part.data)
  if (source === undefined) return unsupported("prompt", "Bedrock takes no file by a web address", true)
  const mediaType = part.mediaType.split(";", 1)[0]?.trim().toLowerCase() ?? ""
  if (mediaType.startsWith("image/")) {
    const format = imageFormats[mediaType] ?? sniffed(source.bytes)
    return format === undefined ? unknownType : { image: { format, source } }
  }
  const video = videoFormats[mediaType]
  if (video !== undefined) return { video: { format: video, source } }
  const format = documentFormats[mediaType] ?? (mediaType.startsWith("text/") ? "txt" : undefined)
  return format === undefined ? unknownType : { document: { format, name: nameOf(part.fileName), source } }
}

const unknownType = unsupported("prompt", "Bedrock does not take a file of this media type", true)

interface Source {
  /** Base64. */
  readonly bytes?: string
  readonly s3Location?: { readonly uri: string }
}

const sourceOf = (data: Prompt.FilePart["data"]): Source | undefined => {
  if (data instanceof Uint8Array) return { bytes: Base64.encode(data) }
  const text = data instanceof URL ? data.href : data
  if (text.startsWith("s3://")) return { s3Location: { uri: text } }
  const inline = /^data:[^,]*;base64,(.*)$/s.exec(text)?.[1]
  if (inline !== undefined) return { bytes: inline }
  return data instanceof URL || /^(data|https?):/.test(text) ? undefined : { bytes: text }
}

const imageFormats: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/jpg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp"
}

/** `image/*` stands for "some image" in effect/ai: the first bytes tell which. */
const sniffed = (base64: string | undefined): string | undefined => {
  const head = base64?.slice(0, 5) ?? ""
  return Object.entries({ iVBOR: "png", "/9j/": "jpeg", R0lGO: "gif", UklGR: "webp" }).find(([start]) =>
    head.startsWith(start)
  )?.[1]
}

const videoFormats: Readonly<Record<string, string>> = {
  "video/mp4": "mp4",
  "video/quicktime": "mov",
  "video/webm": "webm",
  "video/x-matroska": "mkv",
  "video/x-flv": "flv",
  "video/mpeg": "mpeg",
  "video/x-ms-wmv": "wmv",
  "video/3gpp": "three_gp"
}

const documentFormats: Readonly<Record<string, string>> = {
  "application/pdf": "pdf",
  "application/json": "txt",
  "text/csv": "csv",
  "text/html": "html",
  "text/markdown": "md",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx"
}

/** Letters, digits, single blanks, hyphens, parentheses and square brackets are all that a name may hold. */
export const documentNames = (): ((fileName: string | undefined) => string) => {
  const taken = new Set<string>()
  return (fileName) => {
    const stem = fileName?.replace(/\.[a-z0-9]{1,5}$/i, "").replace(/[^A-Za-z0-9()[\]-]+/g, " ")
    const wanted = stem?.trim().slice(0, 100) || "document"
    let name = wanted
    for (let n = 2; taken.has(name); n++) name = `${wanted} (${n})`
    taken.add(name)
    return name
  }
}
