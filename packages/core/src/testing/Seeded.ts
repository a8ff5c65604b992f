/**
 * Chance that can be repeated: the same seed gives the same numbers on every machine. For tests and simulations, not for
 * secrets.
 *
 * Source: xoshiro128** 1.1 of D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47(4),
 * 2021. Its state is filled from one number by a Weyl sequence through the 32-bit finalizer of A. Appleby's MurmurHash3, so
 * that neighbouring seeds have nothing in common.
 */
import type { Rng } from "../model/Gate.ts"

/** Four unsigned 32-bit words, not all 0. */
export type Words = readonly [number, number, number, number]

/** Uniform in [0, 1), 32 bits each. `seed` is any number; its integer part modulo 2^32 counts. */
export const rng = (seed: number): Rng => {
  let weyl = seed >>> 0
  const word = (): number => {
    weyl = (weyl + 0x9e3779b9) >>> 0
    return finalize(weyl)
  }
  const next = uint32([word(), word(), word(), word()])
  return () => next() / 0x1_0000_0000
}

/** The generator itself: unsigned 32-bit integers from a state. */
export const uint32 = (state: Words): (() => number) => {
  let [a, b, c, d] = state
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }
}

/** An integer in [0, `below`). `below` is an integer in [1, 2^32]. */
export const int = (next: Rng, below: number): number => Math.floor(next() * below)

/** A new list in a random order, every order with the same chance (Fisher and Yates, 1938). */
export const shuffle = <A>(next: Rng, items: Iterable<A>): Array<A> => {
  const rest = [...items]
  const out: Array<A> = []
  while (rest.length > 0) out.push(...rest.splice(int(next, rest.length), 1))
  return out
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const finalize = (word: number): number => {
  let hash = word
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
