/** Where the lines of a grid stand: round numbers, few of them. */

/** About `most` round steps from 0 to at least `max`: 1, 2 or 5 times a power of ten. */
export const ticks = (max: number, most = 4): ReadonlyArray<number> => {
  const top = Number.isFinite(max) && max > 0 ? max : 1
  const rough = top / most
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10)
  const n = Math.ceil(top / step - 1e-9)
  return Array.from({ length: n + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * minute),
  ...[1, 2, 3, 6, 12].map((n) => n * hour),
  ...[1, 2, 7, 14, 28, 91, 364].map((n) => n * day)
]

/** Round moments in [0, `length`], both in milliseconds; at most `most` + 1. */
export const timeTicks = (length: number, most = 5): ReadonlyArray<number> => {
  const step = steps.find((size) => size * most >= length) ?? Math.max(1, Math.ceil(length / most))
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step)
}
