/**
 * CRC-32 of ISO 3309 (zip, PNG, AWS event streams): reflected polynomial 0xEDB88320, one table look-up per byte.
 *
 * Source: https://www.rfc-editor.org/rfc/rfc1952#section-8
 */

let table: Uint32Array | undefined

const makeTable = (): Uint32Array => {
  const made = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    made[byte] = value
  }
  return made
}

/** Of `bytes[start..end)`, as an unsigned 32-bit integer. */
export const crc32 = (bytes: Uint8Array, start = 0, end = bytes.length): number => {
  table ??= makeTable()
  let crc = 0xffffffff
  for (let at = start; at < end; at++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}
