/**
 * The headers of a frame: name length (1 byte), name, type (1 byte), value. All ten types of the format are read, for one
 * unknown type would hide every header after it.
 *
 * Source: https://smithy.io/2.0/aws/amazon-eventstream.html
 */

/** Types 0 and 1 boolean; byte, short and int number; long and timestamp (epoch ms) bigint; bytes; text; uuid text. */
export type HeaderValue = boolean | number | bigint | Uint8Array | string

/** A map, not an object: a name may be `__proto__`. */
export type FrameHeaders = ReadonlyMap<string, HeaderValue>

/** `undefined` when the bytes are no headers: a length that leads outside, a type nobody knows, text that is no UTF-8. */
export const read = (bytes: Uint8Array): FrameHeaders | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headers = new Map<string, HeaderValue>()
  try {
    // A read beyond the end throws a RangeError: it is caught below with the others.
    let at = 0
    while (at < bytes.length) {
      const nameEnd = at + 1 + view.getUint8(at)
      const type = view.getUint8(nameEnd)
      const name = text(bytes, at + 1, nameEnd)
      const sized = type === 6 || type === 7
      const start = nameEnd + (sized ? 3 : 1)
      const length = sized ? view.getUint16(nameEnd + 1) : fixedLengths[type]
      if (length === undefined || start + length > bytes.length) return undefined
      headers.set(name, valueOf(type, bytes, view, start, start + length))
      at = start + length
    }
    return headers
  } catch {
    return undefined
  }
}

/** Bytes of a value, by type; those of 6 and 7 stand before it. */
const fixedLengths: ReadonlyArray<number | undefined> = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16]

const valueOf = (type: number, bytes: Uint8Array, view: DataView, start: number, end: number): HeaderValue => {
  switch (type) {
    case 0:
      return true
    case 1:
      return false
    case 2:
      return view.getInt8(start)
    case 3:
      return view.getInt16(start)
    case 4:
      return view.getInt32(start)
    case 5:
    case 8:
      return view.getBigInt64(start)
    case 6:
      return bytes.slice(start, end)
    case 7:
      return text(bytes, start, end)
    default:
      return uuid(bytes.subarray(start, end))
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Names and values are short ASCII nearly always, for which a `TextDecoder` is slow: six calls per frame. */
const text = (bytes: Uint8Array, start: number, end: number): string => {
  let ascii = ""
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === undefined || byte > 0x7f) return utf8.decode(bytes.subarray(start, end))
    ascii += String.fromCharCode(byte)
  }
  return ascii
}

const uuid = (bytes: Uint8Array): string => {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
