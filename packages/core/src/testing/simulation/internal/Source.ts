/** Where calls of a class come from: an open process that does not care what becomes of them, or callers who wait. */
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption, integer, onlyKeys } from "../../../model/InvalidOption.ts"
import { rng } from "../../Seeded.ts"
import type { Arrivals as Spec } from "../Scenario.ts"
import * as Arrivals from "./Arrivals.ts"
import { derive, draws, uniform } from "./Chance.ts"
import { compile } from "./Distribution.ts"
import { SimEvent } from "./EventHeap.ts"
import { atLeast, list, millis, object } from "./options.ts"
import type { Origin } from "./SimCall.ts"
import type { Timeline } from "./Timeline.ts"
import type { Traffic } from "./Traffic.ts"

/** Begins a call. */
export type Begin = (traffic: Traffic, origin: Origin, now: Millis) => void

/** Puts the first calls of a class on the timeline; none begins at `until` or later. Throws `InvalidOption`. */
export const start = (where: string, traffic: Traffic, timeline: Timeline, until: Millis, begin: Begin): void => {
  const arrivals = traffic.spec.arrivals
  check(where, arrivals)
  if (arrivals.kind === "callers") return callers(where, arrivals, traffic, { timeline, until, begin })
  const ms = (duration: NonNullable<unknown>) => millis(where, duration, "zero")
  const next = Arrivals.make(arrivals, ms, traffic.startsAt, rng(traffic.seed))
  const source = new OpenSource(traffic, next, timeline, until, begin)
  source.plan(0)
}

class OpenSource extends SimEvent {
  readonly #traffic: Traffic
  readonly #next: Arrivals.Next
  readonly #timeline: Timeline
  readonly #until: Millis
  readonly #begin: Begin
  #index = 0

  constructor(traffic: Traffic, next: Arrivals.Next, timeline: Timeline, until: Millis, begin: Begin) {
    super()
    this.#traffic = traffic
    this.#next = next
    this.#timeline = timeline
    this.#until = until
    this.#begin = begin
  }

  plan(now: Millis): void {
    const at = this.#next(now)
    if (at !== undefined && at < this.#until) this.#timeline.schedule(this, at)
  }

  fire(): void {
    // By its own time, which may lie before the clock's: contenders must not shift what comes after.
    const { at } = this
    const index = this.#index++
    this.#begin(this.#traffic, { index, slot: index, seed: derive(this.#traffic.seed, index), ended: undefined }, at)
    this.plan(at)
  }
}

const callers = (
  where: string,
  arrivals: Extract<Spec, { readonly kind: "callers" }>,
  traffic: Traffic,
  { begin, timeline, until }: { readonly timeline: Timeline; readonly until: Millis; readonly begin: Begin }
): void => {
  const think = compile(`${where}.think`, arrivals.think ?? 0)
  const rampUp = millis(`${where}.rampUp`, arrivals.rampUp ?? 0, "zero")
  const { count } = arrivals
  let index = 0
  for (let slot = 0; slot < count; slot++) {
    const own = derive(traffic.seed, slot)
    let turn = 0
    const call = (now: Millis): void => {
      const seed = derive(own, turn++)
      const ended = (at: Millis) => {
        const again = at + Math.max(1, think(uniform(seed, draws.think)))
        if (again < until) timeline.at(again, call)
      }
      begin(traffic, { index: index++, slot, seed, ended }, now)
    }
    const first = (slot / count) * rampUp
    if (first < until) timeline.at(first, call)
  }
}

const keysOf: Readonly<Record<Spec["kind"], ReadonlyArray<string>>> = {
  poisson: ["perSecond"],
  constant: ["perSecond"],
  bursts: ["perSecond", "burstPerSecond", "every", "lasting", "from"],
  diurnal: ["perSecond", "peakToMean", "peakHour", "weekendFactor"],
  times: ["at"],
  rates: ["every", "perSecond"],
  callers: ["count", "think", "rampUp"]
}

const check = (where: string, arrivals: Spec): void => {
  const known = keysOf[object(where, arrivals).kind]
  if (known === undefined) {
    const kinds = Object.keys(keysOf).map((kind) => JSON.stringify(kind))
    throw new InvalidOption(`${where}.kind`, `one of ${kinds.join(", ")}`, arrivals.kind)
  }
  onlyKeys(where, arrivals, new Set(["kind", ...known]))
  switch (arrivals.kind) {
    case "poisson":
      atLeast(`${where}.perSecond`, arrivals.perSecond, 0)
      return
    case "constant":
      if (!(atLeast(`${where}.perSecond`, arrivals.perSecond, 0) > 0)) {
        throw new InvalidOption(`${where}.perSecond`, "a finite number > 0", arrivals.perSecond)
      }
      return
    case "bursts": {
      atLeast(`${where}.perSecond`, arrivals.perSecond, 0)
      atLeast(`${where}.burstPerSecond`, arrivals.burstPerSecond, 0)
      const every = millis(`${where}.every`, arrivals.every)
      if (millis(`${where}.lasting`, arrivals.lasting) >= every) {
        throw new InvalidOption(`${where}.lasting`, "a duration < every", arrivals.lasting)
      }
      if (arrivals.from !== undefined) millis(`${where}.from`, arrivals.from, "zero")
      return
    }
    case "diurnal": {
      atLeast(`${where}.perSecond`, arrivals.perSecond, 0)
      const { peakHour, peakToMean, weekendFactor = 1 } = arrivals
      if (!(peakToMean >= 1 && peakToMean <= 10)) {
        throw new InvalidOption(`${where}.peakToMean`, "a number in [1, 10]", peakToMean)
      }
      if (!(peakHour >= 0 && peakHour < 24)) {
        throw new InvalidOption(`${where}.peakHour`, "an hour in [0, 24)", peakHour)
      }
      atLeast(`${where}.weekendFactor`, weekendFactor, 0)
      return
    }
    case "times": {
      let before = 0
      list(`${where}.at`, arrivals.at).forEach((at, i) => {
        if (!(at >= before && Number.isFinite(at))) {
          throw new InvalidOption(`${where}.at[${i}]`, "a time in milliseconds, not before the last one", at)
        }
        before = at
      })
      return
    }
    case "rates": {
      millis(`${where}.every`, arrivals.every)
      const rates = list(`${where}.perSecond`, arrivals.perSecond, 1)
      for (const [i, rate] of rates.entries()) atLeast(`${where}.perSecond[${i}]`, rate, 0)
      if (!rates.some((rate) => rate > 0)) {
        throw new InvalidOption(`${where}.perSecond`, "rates of which one is > 0", arrivals.perSecond)
      }
      return
    }
    case "callers":
      if (integer(`${where}.count`, arrivals.count) > 1_000_000) {
        throw new InvalidOption(`${where}.count`, "an integer in [1, 1,000,000]", arrivals.count)
      }
      return
  }
}
