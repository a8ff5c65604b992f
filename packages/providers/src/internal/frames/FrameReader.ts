/**
 * From bytes to the frames of AWS's event stream (`application/vnd.amazon.eventstream`), at any split of the bytes.
 *
 * A frame, numbers big-endian: total length (4 bytes), length of the headers (4), CRC-32 of these eight (4), headers,
 * payload, CRC-32 of all before (4). The first thing that is wrong ends the reading: after it nobody knows where the next
 * frame begins. The lengths are believed only after their checksum, and the total is held against the cap before memory is
 * taken for it; that memory grows with what has come, not with what was announced. Each byte is copied at most twice, and
 * not at all where a frame lies whole in one chunk.
 *
 * Why not `@smithy/eventstream-codec`: it takes whole messages, so that the splitting, the cap and the buffer would be ours
 * all the same, and it brings 7 MB of `@smithy/core` for the rest. The tests hold this reader against it.
 *
 * Source: https://smithy.io/2.0/aws/amazon-eventstream.html
 */
import { crc32 } from "./Crc32.ts"
import * as FrameHeaders from "./FrameHeaders.ts"

/** Longest frame, bytes. */
const longestFrame = 16 * 1024 * 1024
/** Longest headers, bytes: the format's own limit. */
const longestHeaders = 128 * 1024
const preludeLength = 12
const checksumLength = 4
const shortestFrame = preludeLength + checksumLength
const firstBuffer = 4096

export interface Frame {
  readonly headers: FrameHeaders.FrameHeaders
  /** Valid until the sink returns. */
  readonly payload: Uint8Array
}

export interface FrameSink {
  readonly frame: (frame: Frame) => void
  /** Once; what comes after it is not read. `what` is our own words. */
  readonly damaged: (what: string) => void
}

export interface FrameReader {
  readonly feed: (bytes: Uint8Array) => void
}

export const make = (sink: FrameSink): FrameReader => {
  let buffer = new Uint8Array(firstBuffer)
  // Bytes of the frame that is not whole yet, from the start of `buffer`.
  let held = 0
  // Of that frame, once its prelude has been read.
  let total = 0
  let dead = false

  const damaged = (what: string) => {
    dead = true
    sink.damaged(what)
  }

  /** The total length; `undefined` when the prelude is not to be believed. */
  const prelude = (bytes: Uint8Array, at: number): number | undefined => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, preludeLength)
    if (crc32(bytes, at, at + 8) !== view.getUint32(8)) return void damaged("A frame's prelude has a wrong checksum")
    const total = view.getUint32(0)
    const headers = view.getUint32(4)
    if (total > longestFrame || headers > longestHeaders) return void damaged("A frame is larger than a frame can be")
    if (total < shortestFrame || headers > total - shortestFrame) return void damaged("A frame's lengths do not add up")
    return total
  }

  const give = (frame: Uint8Array) => {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    const end = frame.length - checksumLength
    if (crc32(frame, 0, end) !== view.getUint32(end)) return damaged("A frame has a wrong checksum")
    const headersEnd = preludeLength + view.getUint32(4)
    const headers = FrameHeaders.read(frame.subarray(preludeLength, headersEnd))
    if (headers === undefined) return damaged("A frame has headers that cannot be read")
    sink.frame({ headers, payload: frame.subarray(headersEnd, end) })
  }

  /** Copies from `bytes` until `held` is `wanted`; gives back how many were taken. */
  const hold = (bytes: Uint8Array, from: number, wanted: number): number => {
    const taken = Math.min(wanted - held, bytes.length - from)
    if (held + taken > buffer.length) {
      const larger = new Uint8Array(Math.min(longestFrame, Math.max(held + taken, buffer.length * 2)))
      larger.set(buffer.subarray(0, held))
      buffer = larger
    }
    buffer.set(bytes.subarray(from, from + taken), held)
    held += taken
    return taken
  }

  return {
    feed: (bytes) => {
      let at = 0
      while (!dead && at < bytes.length) {
        if (held === 0 && bytes.length - at >= preludeLength) {
          const length = prelude(bytes, at)
          if (length === undefined) return
          if (bytes.length - at >= length) {
            give(bytes.subarray(at, at + length))
            at += length
            continue
          }
          total = length
        }
        if (total === 0) {
          at += hold(bytes, at, preludeLength)
          if (held < preludeLength) return
          total = prelude(buffer, 0) ?? 0
          continue
        }
        at += hold(bytes, at, total)
        if (held < total) return
        const frame = buffer.subarray(0, total)
        held = 0
        total = 0
        give(frame)
      }
    }
  }
}
