/// <reference types="node" />
/**
 * Frames of the AWS event stream, written; nothing of the library that reads them is used here.
 *
 * A frame: total length, length of the headers, CRC-32 of these eight bytes, headers, payload, CRC-32 of all before; all
 * numbers big-endian. A header: length of its name, name, type 7 (a string), length of its value in two bytes, value.
 *
 * Source: AWS, "Event stream encoding" (Amazon Transcribe and Smithy specifications); the CRC is that of ISO 3309.
 */
import { Buffer } from "node:buffer"

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** Unsigned 32 bits. */
export const crc32 = (bytes: Uint8Array): number => {
  let value = 0xffffffff
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return ~value >>> 0
}

const stringType = 7

const header = (name: string, value: string): Buffer => {
  const text = Buffer.from(value)
  const length = Buffer.alloc(3)
  length.writeUInt8(stringType)
  length.writeUInt16BE(text.length, 1)
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, text])
}

/** Header names are ASCII, of at most 255 characters. */
export const frame = (headers: Readonly<Record<string, string>>, payload: string): Buffer => {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => header(name, value)))
  const body = Buffer.from(payload)
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(12 + head.length + body.length + 4)
  prelude.writeUInt32BE(head.length, 4)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  const sum = Buffer.alloc(4)
  const message = Buffer.concat([prelude, head, body])
  sum.writeUInt32BE(crc32(message))
  return Buffer.concat([message, sum])
}

/** An event; `payload` is JSON. */
export const eventFrame = (name: string, payload: string): Buffer =>
  frame({ ":event-type": name, ":content-type": "application/json", ":message-type": "event" }, payload)

/** An exception: the stream's error. */
export const exceptionFrame = (name: string, payload: string): Buffer =>
  frame({ ":exception-type": name, ":content-type": "application/json", ":message-type": "exception" }, payload)
