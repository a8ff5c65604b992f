/** Reads AWS event-stream frames with Node's own CRC-32: nothing of what writes them, nothing of what the library reads with. */
import * as zlib from "node:zlib"

export interface Frame {
  readonly headers: Readonly<Record<string, string>>
  readonly payload: string
}

/** The frames that are whole; throws when a sum is wrong. */
export const framesOf = (bytes: Buffer): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  for (let at = 0; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    if (at + length > bytes.length) break
    const frame = bytes.subarray(at, at + length)
    if (zlib.crc32(frame.subarray(0, 8)) !== frame.readUInt32BE(8)) throw new Error("the sum of the prelude is wrong")
    if (zlib.crc32(frame.subarray(0, -4)) !== frame.readUInt32BE(length - 4)) throw new Error("the sum is wrong")
    const end = 12 + frame.readUInt32BE(4)
    frames.push({ headers: headersOf(frame.subarray(12, end)), payload: frame.toString("utf8", end, length - 4) })
    at += length
  }
  return frames
}

const headersOf = (bytes: Buffer): Record<string, string> => {
  const headers: Record<string, string> = {}
  let at = 0
  const text = (length: number) => {
    at += length
    return bytes.toString("utf8", at - length, at)
  }
  while (at < bytes.length) {
    const name = text(bytes.readUInt8(at++))
    if (bytes.readUInt8(at++) !== 7) throw new Error("only strings are expected")
    at += 2
    headers[name] = text(bytes.readUInt16BE(at - 2))
  }
  return headers
}
