/** Distributions by inversion: from a uniform number in (0, 1) to a value, so that one number is one draw whoever asks. */
import { InvalidOption, integer, onlyKeys } from "../../../model/InvalidOption.ts"
import type { Distribution, Zipf } from "../Scenario.ts"
import { normalQuantile } from "./normal.ts"

/** The value of which a share `u` lies below. */
export type Quantile = (u: number) => number

/** Throws `InvalidOption`. */
export const compile = (where: string, distribution: Distribution): Quantile => {
  if (typeof distribution === "number") {
    const value = atLeast(where, distribution, 0)
    return () => value
  }
  if (typeof distribution !== "object" || distribution === null) {
    throw new InvalidOption(where, "a number >= 0 or a distribution", distribution)
  }
  switch (distribution.kind) {
    case "uniform": {
      onlyKeys(where, distribution, new Set(["kind", "from", "to"]))
      const from = atLeast(`${where}.from`, distribution.from, 0)
      const width = atLeast(`${where}.to`, distribution.to, from) - from
      return (u) => from + u * width
    }
    case "exponential": {
      onlyKeys(where, distribution, new Set(["kind", "mean"]))
      const mean = atLeast(`${where}.mean`, distribution.mean, 0)
      return (u) => -mean * Math.log1p(-u)
    }
    case "lognormal": {
      onlyKeys(where, distribution, new Set(["kind", "median", "p95", "sigma"]))
      const median = atLeast(`${where}.median`, distribution.median, Number.MIN_VALUE)
      const sigma = sigmaOf(where, distribution, median)
      return sigma === 0 ? () => median : (u) => median * Math.exp(sigma * normalQuantile(u))
    }
    case "quantiles":
      onlyKeys(where, distribution, new Set(["kind", "points"]))
      return empirical(`${where}.points`, distribution.points)
    default:
      throw new InvalidOption(
        `${where}.kind`,
        `one of "uniform", "exponential", "lognormal", "quantiles"`,
        (distribution as { readonly kind: unknown }).kind
      )
  }
}

/** The normal quantile of 0.95. */
const z95 = 1.6448536269514722

const sigmaOf = (
  where: string,
  distribution: Extract<Distribution, { readonly kind: "lognormal" }>,
  median: number
): number => {
  if ("sigma" in distribution) return atLeast(`${where}.sigma`, distribution.sigma, 0)
  return Math.log(atLeast(`${where}.p95`, distribution.p95, median) / median) / z95
}

const empirical = (where: string, points: ReadonlyArray<readonly [number, number]>): Quantile => {
  const bad = (at: string, value: unknown) =>
    new InvalidOption(at, "pairs [rank, value], both ascending, from rank 0 to rank 1, values >= 0", value)
  if (!Array.isArray(points) || points.length < 2) throw bad(where, points)
  const ranks: Array<number> = []
  const values: Array<number> = []
  points.forEach((point: readonly [number, number], i) => {
    const rank = Array.isArray(point) ? point[0] : Number.NaN
    const value = Array.isArray(point) ? point[1] : Number.NaN
    const rankFits = i === 0 ? rank === 0 : rank > (ranks[i - 1] ?? 0)
    if (!rankFits || !(value >= (values[i - 1] ?? 0)) || !Number.isFinite(value)) throw bad(`${where}[${i}]`, point)
    ranks.push(rank)
    values.push(value)
  })
  if (ranks.at(-1) !== 1) throw bad(where, points)
  return (u) => {
    let i = 1
    while (i < ranks.length - 1 && (ranks[i] ?? 1) < u) i++
    const [from, to] = [ranks[i - 1] ?? 0, ranks[i] ?? 1]
    const [low, high] = [values[i - 1] ?? 0, values[i] ?? 0]
    return low + ((u - from) / (to - from)) * (high - low)
  }
}

const atLeast = (where: string, value: number, minimum: number): number => {
  if (typeof value === "number" && Number.isFinite(value) && value >= minimum) return value
  throw new InvalidOption(
    where,
    `a finite number >= ${minimum === Number.MIN_VALUE ? "0, not 0 itself" : minimum}`,
    value
  )
}

/** A key in [0, count), the first the most frequent. Source: G. K. Zipf; the cumulated weights are kept, 8 bytes per key. */
export const zipf = (where: string, options: Zipf): Quantile => {
  onlyKeys(where, options, new Set(["count", "exponent"]))
  const count = integer(`${where}.count`, options.count)
  if (count > 1_000_000) throw new InvalidOption(`${where}.count`, "an integer in [1, 1,000,000]", count)
  const s = atLeast(`${where}.exponent`, options.exponent ?? 1, 0)
  return weighted(where, (k) => (k + 1) ** -s, count)
}

/** Index i in [0, count) in proportion to `weight(i)`, by the cumulated weights: O(log count). */
export const weighted = (where: string, weight: (index: number) => number, count: number): Quantile => {
  const cumulated = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) {
    sum += atLeast(where, weight(i), 0)
    cumulated[i] = sum
  }
  if (!(sum > 0)) throw new InvalidOption(where, "weights of which one is > 0", sum)
  return (u) => {
    const wanted = u * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulated[middle] ?? sum) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
