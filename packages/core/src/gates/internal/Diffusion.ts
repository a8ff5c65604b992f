/**
 * Takes a share of a sequence evenly and without chance: each element adds its share to what is carried on, and whenever
 * that makes a whole one, an element is taken. Of any k elements with the share p exactly ⌊p·k⌋ are.
 *
 * Source: error diffusion, R. W. Floyd and L. Steinberg, "An Adaptive Algorithm for Spatial Grey Scale", 1976, in one
 * dimension; the same arithmetic as J. E. Bresenham's line.
 */
export interface Diffusion {
  /** Is the next element, of which `share` in (0, 1) is to be taken, one of those? */
  readonly take: (share: number) => boolean
  /** An element that was not taken has never been there. */
  readonly undo: (share: number) => void
  /** What is carried on, in [0, 1). */
  readonly carry: () => number
  readonly restore: (carry: number) => void
}

/** Ten times a tenth is a little less than one in binary fractions. */
const tolerance = 1e-9

export const make = (): Diffusion => {
  let carry = 0
  return {
    take: (share) => {
      carry += share
      if (carry < 1 - tolerance) return false
      carry = Math.max(0, carry - 1)
      return true
    },
    undo: (share) => {
      carry = Math.max(0, carry - share)
    },
    carry: () => carry,
    restore: (value) => {
      carry = Math.min(value, 1 - tolerance)
    }
  }
}
