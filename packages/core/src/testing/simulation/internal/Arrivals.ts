/**
 * When calls come. Rates that are constant for a while are sampled exactly: a gap that would reach past the change is cut there
 * and drawn anew, which an exponential does not notice. A rate that changes all the time is thinned.
 *
 * Source: P. A. W. Lewis, G. S. Shedler, "Simulation of Nonhomogeneous Poisson Processes by Thinning", Naval Research Logistics
 * Quarterly 26(3), 1979. The daily curve is the density of R. von Mises, e^(k·cos), which is > 0 however sharp its peak.
 */
import type { Millis, Rng } from "../../../model/Gate.ts"
import type { Arrivals } from "../Scenario.ts"

export type Open = Exclude<Arrivals, { readonly kind: "callers" }>

/** The first arrival after `now`; `undefined` when there is none any more. */
export type Next = (now: Millis) => Millis | undefined

const hour = 3_600_000
const day = 24 * hour

/** `arrivals` is checked; `ms` reads its durations. `startsAt`: epoch milliseconds of time 0. */
export const make = (
  arrivals: Open,
  ms: (duration: NonNullable<unknown>) => Millis,
  startsAt: number,
  rng: Rng
): Next => {
  switch (arrivals.kind) {
    case "poisson":
      return poisson(arrivals.perSecond, rng)
    case "constant": {
      const gap = 1000 / arrivals.perSecond
      let n = 0
      return () => n++ * gap
    }
    case "times": {
      let n = 0
      return () => arrivals.at[n++]
    }
    case "bursts": {
      const [every, lasting, from] = [ms(arrivals.every), ms(arrivals.lasting), ms(arrivals.from ?? 0)]
      const phase = (now: Millis) => (((now - from) % every) + every) % every
      return stepwise(
        (now) => (now >= from && phase(now) < lasting ? arrivals.burstPerSecond : arrivals.perSecond),
        (now) => (now < from ? from : now - phase(now) + (phase(now) < lasting ? lasting : every)),
        rng
      )
    }
    case "rates": {
      const every = ms(arrivals.every)
      const at = (now: Millis) => Math.floor(now / every)
      return stepwise(
        (now) => arrivals.perSecond[at(now) % arrivals.perSecond.length] ?? 0,
        (now) => (at(now) + 1) * every,
        rng
      )
    }
    case "diurnal":
      return diurnal(arrivals, startsAt, rng)
  }
}

const exponential = (rng: Rng): number => -Math.log1p(-rng())

const poisson = (perSecond: number, rng: Rng): Next => {
  const mean = 1000 / perSecond
  return (now) => (perSecond === 0 ? undefined : now + mean * exponential(rng))
}

const stepwise = (perSecond: (now: Millis) => number, changes: (now: Millis) => Millis, rng: Rng): Next => {
  return (now) => {
    // All rates being 0 is refused beforehand; a change that rounding puts at `now` would never pass.
    for (let from = now; ; ) {
      const rate = perSecond(from) / 1000
      const until = Math.max(changes(from), from + 1e-6)
      const at = rate === 0 ? Number.POSITIVE_INFINITY : from + exponential(rng) / rate
      if (at < until) return at
      from = until
    }
  }
}

const diurnal = (options: Extract<Arrivals, { readonly kind: "diurnal" }>, startsAt: number, rng: Rng): Next => {
  const { peakHour, peakToMean, perSecond, weekendFactor = 1 } = options
  const k = sharpness(peakToMean)
  const peak = perSecond * peakToMean * Math.max(1, weekendFactor)
  const rate = (now: Millis) => {
    const time = startsAt + now
    // 1970-01-01 was a Thursday.
    const weekday = (Math.floor(time / day) + 4) % 7
    const shape = Math.exp(k * (Math.cos(((time - peakHour * hour) / day) * 2 * Math.PI) - 1))
    return perSecond * peakToMean * shape * (weekday === 0 || weekday === 6 ? weekendFactor : 1)
  }
  return (now) => {
    if (!(peak > 0)) return undefined
    for (let at = now; ; ) {
      at += (exponential(rng) / peak) * 1000
      if (rng() * peak < rate(at)) return at
    }
  }
}

/** The k at which the peak of e^(k·cos) is `peakToMean` times its mean. By bisection: the ratio grows with k. */
const sharpness = (peakToMean: number): number => {
  let [low, high] = [0, 1000]
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2
    if (1 / meanShape(middle) < peakToMean) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Mean of e^(k·(cos − 1)) over a circle. A sum over even steps is exact but for rounding, the function being periodic. */
const meanShape = (k: number): number => {
  let sum = 0
  for (let i = 0; i < 1024; i++) sum += Math.exp(k * (Math.cos((i / 1024) * 2 * Math.PI) - 1))
  return sum / 1024
}
