/**
 * The nearest region first; a part of the calls to the next ones as far as the nearest is not well. Within a region another
 * strategy picks. The pick costs a look at each region, and the pick of the inner strategy.
 *
 * Use it where the way to a region is a good part of what users wait for, and where targets stand in several. Residency is no
 * matter of distance: `needs.regions` is what no call crosses. A region that is full but well is left through its gates: when
 * nobody in it is eligible the next region is asked.
 *
 * Regions are ordered by `order`, or by the time to first content (of whole answers: their time) that was measured: the fastest
 * first, and another one takes its place only when it is faster by `hysteresis`, so that two equals do not swap places. To know
 * how fast the others are, a share of the calls (`explore`) goes there. Each region has a health of 1.4 times the
 * share of its targets that are well (a region that lost two in seven still takes everything), and takes that much of what the
 * regions before it left; when all together have less than the whole they share in proportion. So losing half a region sends 30 % of its calls away.
 *
 * How well a region is, and the order, are looked at once in `refresh`, not per pick: a region that dies is left by degrees
 * within that time, and within the same pick when nobody in it is eligible.
 * Source: Envoy, "Priority levels" (overprovisioning factor 140 %) and its locality weights; hysteresis is ours.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis, Rng } from "@spillway/core/Gate"
import { InvalidOption, onlyKeys, positive, share } from "@spillway/core/InvalidOption"
import { positiveMillis, unspecified } from "@spillway/core/RouteRequest"
import { CurrentStrategy, type Picker, type Strategy } from "@spillway/core/Strategy"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { checkStrategy, Outer } from "./internal/inner.ts"
import { loadsOf } from "./internal/priorities.ts"
import { checkOrder, type Group, groupsOf } from "./internal/regions.ts"
import * as PowerOfTwo from "./PowerOfTwo.ts"

export interface Options<Id extends string = never> {
  /**
   * Regions, nearest first; those in one list are equally near and share by their targets' weights. Regions that are not named,
   * and targets without one, come last. Default: by measured time to first content, regions never measured last, in the order of the targets.
   */
  readonly order?: ReadonlyArray<string | ReadonlyArray<string>>
  /** Picks within a region. Default `PowerOfTwo.make()`. */
  readonly within?: Strategy<Id>
  /** A target with a success rate below counts as not well. In [0, 1], default 0.5. */
  readonly minSuccessRate?: number
  /** How much of a region may be lost before it gives away calls: health is so many times the share that is well. >= 1, default 1.4. */
  readonly overprovisioning?: number
  /** Part by which a region must be faster to overtake another. In [0, 1], default 0.2. */
  readonly hysteresis?: number
  /** Where regions are measured: share of the calls that go to one that is not the nearest. In [0, 1], default 0.01. */
  readonly explore?: number
  /** How old health and order may be. > 0, default 1 second. */
  readonly refresh?: Duration.Input
}

const optionKeys: ReadonlySet<string> = new Set([
  ...["order", "within", "minSuccessRate", "overprovisioning", "hysteresis", "explore", "refresh"]
])

/** `score` is the place of the region, with the inner score as what comes behind the point. Throws `InvalidOption`. */
export const make = <const Id extends string = never>(options: Options<Id> = {}): Strategy<Id> => {
  onlyKeys("NearestRegion", options, optionKeys)
  if (options.order !== undefined && !Array.isArray(options.order)) {
    throw new InvalidOption("NearestRegion: order", `a list of regions, such as ["eu", ["us", "ca"]]`, options.order)
  }
  const order = options.order?.map((near) => (typeof near === "string" ? [near] : near))
  if (order !== undefined) checkOrder(order)
  const overprovisioning = positive("NearestRegion: overprovisioning", options.overprovisioning ?? 1.4)
  if (overprovisioning < 1)
    throw new InvalidOption("NearestRegion: overprovisioning", "a number >= 1", overprovisioning)
  const settings: Settings = {
    isMeasured: order === undefined,
    overprovisioning,
    minSuccessRate: share("NearestRegion: minSuccessRate", options.minSuccessRate ?? 0.5),
    hysteresis: share("NearestRegion: hysteresis", options.hysteresis ?? 0.2),
    explore: order === undefined ? share("NearestRegion: explore", options.explore ?? 0.01) : 0,
    refreshMs: positiveMillis("NearestRegion: refresh", options.refresh ?? "1 second")
  }
  const within: Strategy<Id> | Strategy = options.within ?? PowerOfTwo.make()
  checkStrategy("NearestRegion: within", within)
  return {
    name: "nearest-region",
    ...(options.within?.targets === undefined ? {} : { targets: options.within.targets }),
    make: (candidates, before) => {
      const last = before instanceof NearestPicker ? before : undefined
      const groups = groupsOf(candidates, order)
      return Effect.map(
        Effect.forEach(groups, ({ members, name }) => within.make(members, last?.pickerOf(name))),
        (pickers) => new NearestPicker(groups, pickers, settings, last)
      )
    }
  }
}

/** The application's strategy, as `make`. */
export const layer = (options?: Options): Layer.Layer<CurrentStrategy> => Layer.succeed(CurrentStrategy, make(options))

interface Settings {
  readonly isMeasured: boolean
  readonly overprovisioning: number
  readonly minSuccessRate: number
  readonly hysteresis: number
  readonly explore: number
  readonly refreshMs: Millis
}

/** What the newest sample counts. */
const newest = 0.05

class NearestPicker extends Outer {
  readonly #groups: ReadonlyArray<Group>
  readonly #settings: Settings
  readonly #groupOf: ReadonlyMap<Candidate, number>
  /** Numbers of groups, nearest first. */
  readonly #order: Array<number>
  /** Of each place in the order, the share of the calls; they add up to 1. */
  readonly #loads: Float64Array
  readonly #health: Float64Array
  /** Of answers, a moving average over samples: it does not fade while a region is idle. NaN: never measured. */
  readonly #latency: Float64Array
  #freshUntil: Millis = Number.NEGATIVE_INFINITY

  override readonly settled: Picker["settled"]

  constructor(
    groups: ReadonlyArray<Group>,
    pickers: ReadonlyArray<Picker>,
    settings: Settings,
    last: NearestPicker | undefined
  ) {
    super(pickers)
    this.#groups = groups
    this.#settings = settings
    this.#groupOf = new Map(groups.flatMap(({ members }, i) => members.map((member) => [member, i] as const)))
    this.#order = groups.map((_, i) => i)
    if (settings.isMeasured && last !== undefined) {
      // Who was nearer stays so until another is faster by the hysteresis; regions that are new are sorted in from behind.
      const places = groups.map(({ name }) => last.placeOf(name))
      this.#order.sort((one, other) => (places[one] as number) - (places[other] as number))
    }
    this.#loads = new Float64Array(groups.length)
    this.#health = new Float64Array(groups.length)
    this.#latency = Float64Array.from(groups, ({ name }) => last?.latencyOf(name) ?? Number.NaN)
    this.settled = (candidate, outcome, now, settlement) => {
      const group = this.#groupOf.get(candidate)
      if (group === undefined) return
      this.inner[group]?.settled?.(candidate, outcome, now, settlement)
      if (outcome._tag === "Success" || outcome._tag === "Slow") {
        this.#observe(group, settlement.firstContentMs ?? settlement.ms)
      }
    }
  }

  latencyOf(name: string): Millis | undefined {
    return this.#latency[this.#groups.findIndex((group) => group.name === name)]
  }

  /** In the order; a region that is not there comes behind all. */
  placeOf(name: string): number {
    const place = this.#order.indexOf(this.#groups.findIndex((group) => group.name === name))
    return place < 0 ? this.#order.length : place
  }

  #observe(group: number, ms: Millis): void {
    const average = this.#latency[group] as number
    this.#latency[group] = Number.isNaN(average) ? ms : average + newest * (ms - average)
  }

  pickerOf(name: string): Picker | undefined {
    return this.inner[this.#groups.findIndex((group) => group.name === name)]
  }

  readonly pick: Picker["pick"] = (request, eligible, now, rng) => {
    if (now >= this.#freshUntil) this.#refresh(now)
    const first = this.#place(rng)
    const picked = this.inner[this.#order[first] as number]?.pick(request, eligible, now, rng)
    if (picked !== undefined) return picked
    for (let place = 0; place < this.#order.length; place++) {
      const other = place === first ? undefined : this.#order[place]
      const found = other === undefined ? undefined : this.inner[other]?.pick(request, eligible, now, rng)
      if (found !== undefined) return found
    }
    return undefined
  }

  readonly score: Picker["score"] = (candidate, request, now) => {
    const group = this.#groupOf.get(candidate)
    if (group === undefined) return Number.POSITIVE_INFINITY
    const inner = this.inner[group]?.score?.(candidate, request, now) ?? 0
    // Any score, squeezed between one region and the next.
    return this.#order.indexOf(group) + 0.5 + Math.atan(inner) / Math.PI
  }

  #place(rng: Rng): number {
    const { explore } = this.#settings
    const others = this.#order.length - 1
    if (explore > 0 && others > 0 && rng() < explore) return 1 + Math.floor(rng() * others)
    const point = rng()
    let sum = 0
    for (let place = 0; place < this.#loads.length; place++) {
      sum += this.#loads[place] as number
      if (point < sum) return place
    }
    return 0
  }

  #refresh(now: Millis): void {
    const { hysteresis, isMeasured, minSuccessRate, overprovisioning, refreshMs } = this.#settings
    this.#freshUntil = now + refreshMs
    this.#groups.forEach(({ members }, i) => {
      let well = 0
      let all = 0
      for (const member of members) {
        const { weight } = member.target
        all += weight
        if (member.verdict(now, unspecified.cost) === undefined && member.successRate(now) >= minSuccessRate) {
          well += weight
        }
      }
      this.#health[i] = all === 0 ? 0 : well / all
    })
    if (isMeasured) this.#sort(hysteresis)
    loadsOf(this.#order, this.#health, overprovisioning, this.#loads)
  }

  /**
   * Insertion sort from the order there was: who is behind passes whom it beats by more than the hysteresis. It goes before
   * the first of those, not only past its neighbours: regions each a little faster than the one before would hold it up.
   */
  #sort(hysteresis: number): void {
    const order = this.#order
    for (let i = 1; i < order.length; i++) {
      const own = order[i] as number
      let to = 0
      while (to < i && !this.#isFaster(own, order[to] as number, hysteresis)) to++
      order.copyWithin(to + 1, to, i)
      order[to] = own
    }
  }

  #isFaster(one: number, other: number, hysteresis: number): boolean {
    // Targets without a region stay last.
    if (this.#groups[one]?.name === "") return false
    if (this.#groups[other]?.name === "") return true
    // One that was never measured stays behind those that were: `explore` will find it.
    const [own, its] = [this.#latency[one] as number, this.#latency[other] as number]
    return !Number.isNaN(own) && (Number.isNaN(its) || own < (1 - hysteresis) * its)
  }
}
