/**
 * Numbers from a beta distribution: how likely a rate is, after so many successes and failures.
 *
 * X / (X + Y) with X, Y from gamma distributions; gamma by G. Marsaglia and W. W. Tsang, "A Simple Method for Generating Gamma
 * Variables", ACM TOMS 26(3), 2000; shapes below 1 by their boost (section 6). Normal numbers by the polar method of Marsaglia
 * (1964). Expected O(1), about three normal and four uniform numbers.
 */
import type { Rng } from "@spillway/core/Gate"

/** In [0, 1]. `a` and `b` are > 0. */
export const beta = (a: number, b: number, rng: Rng): number => {
  const x = gamma(a, rng)
  const y = gamma(b, rng)
  // Both underflow only for tiny shapes, where the distribution is nearly two points.
  return x + y > 0 ? x / (x + y) : rng() < a / (a + b) ? 1 : 0
}

const gamma = (shape: number, rng: Rng): number => {
  if (shape < 1) return gamma(shape + 1, rng) * (1 - rng()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(rng)
    const root = 1 + c * x
    if (root <= 0) continue
    const v = root * root * root
    const u = 1 - rng()
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

const normal = (rng: Rng): number => {
  for (;;) {
    const x = 2 * rng() - 1
    const y = 2 * rng() - 1
    const square = x * x + y * y
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square)
  }
}
