/**
 * Seeded chance. Every request has a generator of its own, made from the seed, the model and the request's number under
 * that model: what one request draws never shifts what another one draws, and other models do not matter.
 *
 * Sources: FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo), 32 bit, over UTF-16 code units; the finalizer of MurmurHash3
 * (A. Appleby); mulberry32 (T. Ettinger). All three are in the public domain.
 */

/** 32 bits of `text`, unsigned. Not for secrets. */
export const hash = (text: string): number => {
  let bits = 0x811c9dc5
  for (let i = 0; i < text.length; i++) bits = Math.imul(bits ^ text.charCodeAt(i), 0x01000193)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Uniform in [0, 1), period 2^32. The same `seed` gives the same numbers. */
export const generator = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
