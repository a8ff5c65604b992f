/**
 * A 64-bit hash of a text, of which 53 bits are kept so that it is a plain number. For spreading keys over targets, for
 * shares that stay the same from process to process, for naming blocks of prompts without their text.
 *
 * Use it where equal texts must meet on every machine. It is not for secrets: who may choose the texts can make two that
 * collide, and who knows a hash can try texts against it.
 *
 * MurmurHash3 x86_128, of which the first two words are taken: all of it is 32-bit arithmetic, which JavaScript has
 * (`Math.imul`). xxHash64 and the x64 variant multiply 64-bit words, which it has not. Texts are hashed as UTF-8, half of a
 * surrogate pair as U+FFFD; words are read in the machine's order, which is little-endian wherever JavaScript runs.
 *
 * Source: A. Appleby, SMHasher, `MurmurHash3.cpp` (public domain).
 */

/** One hash is made at a time, so its text can be laid down here, and its words too. */
const kept = new Uint8Array(4096)
const keptWords = new Int32Array(kept.buffer)
const state = new Int32Array(4)
let into = kept
let words = keptWords

/** An integer in [0, 2^53), the same everywhere. `seed` is an integer; modulo 2^32 it counts. Default 0. */
export const text = (value: string, seed = 0): number => {
  if (value.length * 3 > kept.length) return long(value, seed)
  return murmur(pack(value), seed | 0)
}

/** All 128 bits of a list of bytes, as four unsigned 32-bit words. */
export const bytes = (value: Uint8Array, seed = 0): readonly [number, number, number, number] => {
  reserve(value.length)
  into.set(value)
  into.fill(0, value.length, (value.length + 3) & ~3)
  murmur(value.length, seed | 0)
  release()
  const [a = 0, b = 0, c = 0, d = 0] = state
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0]
}

/**
 * One hash from two; their order matters. For chains (each block with all before it) and for pairs (a key with each target).
 * Much cheaper than hashing a joined text, and as well spread.
 */
export const mix = (first: number, second: number): number => {
  let a = low(first)
  let b = high(first)
  a ^= Math.imul(rotate(Math.imul(low(second), c1), 15), c2)
  a = (Math.imul(rotate(a, 19) + b, 5) + 0x561ccd1b) | 0
  b ^= Math.imul(rotate(Math.imul(high(second), c2), 16), c3)
  b = (Math.imul(rotate(b, 17) + a, 5) + 0x0bcaa747) | 0
  a = (a + b) | 0
  b = (b + a) | 0
  a = finalize(a)
  b = finalize(b)
  a = (a + b) | 0
  return join(a, (b + a) | 0)
}

/** Uniform in (0, 1). */
export const unit = (hash: number): number => (hash + 0.5) / 0x20_0000_0000_0000

/** The lower 32 bits, unsigned: for a place in a table. */
export const low = (hash: number): number => hash >>> 0

/** The upper 21 bits, unsigned. */
export const high = (hash: number): number => (hash / 0x1_0000_0000) >>> 0

const join = (lower: number, upper: number): number => (upper & 0x1f_ffff) * 0x1_0000_0000 + (lower >>> 0)

const reserve = (length: number): void => {
  if (length <= kept.length) return
  into = new Uint8Array((length + 3) & ~3)
  words = new Int32Array(into.buffer)
}

/** A long text leaves nothing behind. */
const release = (): void => {
  into = kept
  words = keptWords
}

const long = (value: string, seed: number): number => {
  reserve(value.length * 3)
  const hash = murmur(encode(value), seed | 0)
  release()
  return hash
}

/** From here on the call of the encoder costs less than reading character by character. */
const short = 40

/** Lays the bytes of a text into `words`, the last one filled up with zeros; gives their number. */
const pack = (value: string): number => {
  const { length } = value
  if (length > short) return encode(value)
  const whole = length & ~3
  let i = 0
  for (; i < whole; i += 4) {
    const a = value.charCodeAt(i)
    const b = value.charCodeAt(i + 1)
    const c = value.charCodeAt(i + 2)
    const d = value.charCodeAt(i + 3)
    if ((a | b | c | d) > 127) return encode(value)
    keptWords[i >>> 2] = a | (b << 8) | (c << 16) | (d << 24)
  }
  if (i === length) return length
  let last = 0
  for (let shift = 0; i < length; i++, shift += 8) {
    const code = value.charCodeAt(i)
    if (code > 127) return encode(value)
    last |= code << shift
  }
  keptWords[whole >>> 2] = last
  return length
}

const encoder = new TextEncoder()

const encode = (value: string): number => {
  const { written } = encoder.encodeInto(value, into)
  for (let at = written; (at & 3) !== 0; at++) into[at] = 0
  return written
}

const c1 = 0x239b961b
const c2 = 0xab0e9789 | 0
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93 | 0

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const finalize = (word: number): number => {
  let hash = word
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Of the first `length` bytes of `words`: all into `state`, the first two words of it as a number. */
const murmur = (length: number, seed: number): number => {
  const from = words
  let a = seed
  let b = seed
  let c = seed
  let d = seed
  const whole = (length >>> 4) << 2
  for (let i = 0; i < whole; i += 4) {
    a ^= Math.imul(rotate(Math.imul(from[i] as number, c1), 15), c2)
    a = (Math.imul((rotate(a, 19) + b) | 0, 5) + 0x561ccd1b) | 0
    b ^= Math.imul(rotate(Math.imul(from[i + 1] as number, c2), 16), c3)
    b = (Math.imul((rotate(b, 17) + c) | 0, 5) + 0x0bcaa747) | 0
    c ^= Math.imul(rotate(Math.imul(from[i + 2] as number, c3), 17), c4)
    c = (Math.imul((rotate(c, 15) + d) | 0, 5) + 0x96cd1c35) | 0
    d ^= Math.imul(rotate(Math.imul(from[i + 3] as number, c4), 18), c1)
    d = (Math.imul((rotate(d, 13) + a) | 0, 5) + 0x32ac3b17) | 0
  }
  const rest = length & 15
  if (rest > 12) d ^= Math.imul(rotate(Math.imul(from[whole + 3] as number, c4), 18), c1)
  if (rest > 8) c ^= Math.imul(rotate(Math.imul(from[whole + 2] as number, c3), 17), c4)
  if (rest > 4) b ^= Math.imul(rotate(Math.imul(from[whole + 1] as number, c2), 16), c3)
  if (rest > 0) a ^= Math.imul(rotate(Math.imul(from[whole] as number, c1), 15), c2)
  a ^= length
  b ^= length
  c ^= length
  d ^= length
  a = (a + b + c + d) | 0
  b = (b + a) | 0
  c = (c + a) | 0
  d = (d + a) | 0
  a = finalize(a)
  b = finalize(b)
  c = finalize(c)
  d = finalize(d)
  a = (a + b + c + d) | 0
  b = (b + a) | 0
  state[0] = a
  state[1] = b
  state[2] = (c + a) | 0
  state[3] = (d + a) | 0
  return join(a, b)
}
