/** The bytes of a file in a prompt: text in base64, raw bytes, or an address. */
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"

/** `image/*` stands for "some image" in `effect/ai`; vendors want a real type. */
export const mediaTypeOf = (part: Prompt.FilePart): string =>
  part.mediaType === "image/*" ? "image/jpeg" : part.mediaType

/** The address of what is not in the prompt itself; `undefined` for data, data URLs included. */
export const addressOf = ({ data }: Prompt.FilePart): string | undefined => {
  const address = data instanceof URL ? data.href : typeof data === "string" ? data : undefined
  return address !== undefined && /^(https?|gs|s3):\/\//.test(address) ? address : undefined
}

/** Base64 without anything around it, also from a data URL; what is an address is no data. */
export const base64Of = ({ data }: Prompt.FilePart): string => {
  if (data instanceof Uint8Array) return Base64.encode(data)
  const text = data instanceof URL ? data.href : data
  return text.replace(/^data:[^,]*?;base64,/, "")
}

/** An address, or a data URL. */
export const urlOf = (part: Prompt.FilePart): string => {
  const { data } = part
  const text = data instanceof URL ? data.href : data
  return typeof text === "string" && /^(data:|https?:\/\/)/.test(text)
    ? text
    : `data:${mediaTypeOf(part)};base64,${base64Of(part)}`
}

/** Bytes of an answer that are no base64 would fail the whole answer when it is decoded. */
export const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
