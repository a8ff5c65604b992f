/**
 * SHA-256 in place, for texts that are not long. `SubtleCrypto`, and Effect's `Digest` over it, answer in another turn and
 * from another thread: some 100 µs for any prompt, where a kilobyte takes 11 here, and virtual time does not wait for them.
 * Long texts do go there, so that the event loop is not held up.
 *
 * Source: NIST FIPS 180-4, sections 4.1.2, 4.2.2, 5.3.3 and 6.2.
 */
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"

/** Up to here in place, bytes: less than a millisecond. */
const inPlace = 64 * 1024

/** Lower-case hexadecimal, 64 digits, of the text in UTF-8. */
export const digest = (text: string): Effect.Effect<string> =>
  Effect.suspend(() => {
    const bytes = new TextEncoder().encode(text)
    if (bytes.length <= inPlace) return Effect.succeed(sha256(bytes))
    return WebCrypto.use((crypto): Effect.Effect<string> => {
      // A page that is not served over TLS has none.
      const subtle: SubtleCrypto | undefined = crypto?.subtle
      if (subtle === undefined) return Effect.sync(() => sha256(bytes))
      return Effect.map(
        Effect.promise(() => subtle.digest("SHA-256", bytes)),
        (hash) => Hex.encode(new Uint8Array(hash))
      )
    })
  })

// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
])

/** The same at once. */
export const sha256 = (message: Uint8Array): string => {
  // The message, one bit, zeros, and its length in bits as 64-bit big-endian: a whole number of 64-byte blocks.
  const padded = new Uint8Array(((message.length + 8) >> 6) * 64 + 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(message.length / 0x2000_0000))
  view.setUint32(padded.length - 4, (message.length << 3) >>> 0)

  // First 32 bits of the fractional parts of the square roots of the first 8 primes.
  const state = new Int32Array([
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  ])
  const w = new Int32Array(64)
  for (let block = 0; block < padded.length; block += 64) compress(state, w, view, block)

  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
}

const compress = (state: Int32Array, w: Int32Array, view: DataView, block: number): void => {
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(block + t * 4)
  for (let t = 16; t < 64; t++) {
    const w15 = w[t - 15] as number
    const w2 = w[t - 2] as number
    const s0 = ((w15 >>> 7) | (w15 << 25)) ^ ((w15 >>> 18) | (w15 << 14)) ^ (w15 >>> 3)
    const s1 = ((w2 >>> 17) | (w2 << 15)) ^ ((w2 >>> 19) | (w2 << 13)) ^ (w2 >>> 10)
    w[t] = ((w[t - 16] as number) + s0 + (w[t - 7] as number) + s1) | 0
  }
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  let e = state[4] as number
  let f = state[5] as number
  let g = state[6] as number
  let h = state[7] as number
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + sum1 + ((e & f) ^ (~e & g)) + (K[t] as number) + (w[t] as number)) | 0
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  add(state, 0, a)
  add(state, 1, b)
  add(state, 2, c)
  add(state, 3, d)
  add(state, 4, e)
  add(state, 5, f)
  add(state, 6, g)
  add(state, 7, h)
}

const add = (words: Int32Array, i: number, word: number): void => {
  words[i] = (words[i] as number) + word
}
