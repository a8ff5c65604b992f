/**
 * Luck that belongs to a call and not to a moment: the n-th number of a call is a hash of the seed and n, so that it is the same
 * whatever a contender did before. Contenders are compared on common random numbers.
 *
 * Source: the 32-bit finalizer of A. Appleby's MurmurHash3 over a Weyl sequence; common random numbers: A. M. Law, "Simulation
 * Modeling and Analysis", 5th ed., 2015, section 11.2.
 */

const finalize = (word: number): number => {
  let hash = word
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A seed for the `index`-th part of what has the seed `seed`. Unsigned 32 bits. */
export const derive = (seed: number, index: number): number => finalize(finalize(seed + 0x9e3779b9) ^ index)

/** The `n`-th number of a seed, in (0, 1): never 0 and never 1, so that every quantile is finite. */
export const uniform = (seed: number, n: number): number => {
  // Twice, as neighbouring seeds and neighbouring n would else meet.
  const word = finalize(finalize(seed ^ 0x6a09e667) + Math.imul(n + 1, 0x9e3779b9))
  return (word + 0.5) / 0x1_0000_0000
}

/** What a call draws for itself. */
export const draws = {
  streamed: 0,
  input: 1,
  output: 2,
  tenant: 3,
  cacheKey: 4,
  affinityKey: 5,
  think: 6,
  pick: 7,
  instance: 8,
  /** The first of `perAttempt` for each further attempt. */
  attempts: 1024
} as const

export const perAttempt = 8

/** What an attempt draws. */
export const attemptDraws = {
  fate: 0,
  firstContent: 1,
  perToken: 2,
  errorAfter: 3,
  there: 4,
  back: 5,
  jitter: 6
} as const

/** The seed of the `nth` attempt that a call makes at a provider. */
export const attemptSeed = (callSeed: number, provider: number, nth: number): number =>
  derive(callSeed, (provider + 1) * 65_536 + nth)
