/**
 * Whom to refuse, once it is known what share of all requests is to be refused: which classes, and which of a class.
 *
 * `lowestFirst` lays the classes end to end, P3 first, each as long as its share of recent arrivals, and cuts at the share to
 * refuse: classes below the cut are refused, the class it falls into in part, those above not at all. An exempt class takes
 * no room. `all` refuses the same share of every class that is not exempt.
 * Source: the rejection threshold of failsafe-go's prioritizer, without cohorts inside a class.
 */
import { type Cost, levelOf, type Priority } from "../../model/Cost.ts"
import type { GateSnapshot, Millis, Rng } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import * as Arrivals from "./Arrivals.ts"
import * as Diffusion from "./Diffusion.ts"
import { numberAt } from "./snapshots.ts"

export interface Options {
  /** From the lowest class up, or the same share of every class. */
  readonly order?: "lowestFirst" | "all"
  /**
   * By chance, or `"stratified"`: evenly, exactly ⌊p·k⌋ of any k requests with the share p. No chance is asked then, so that
   * a `rng` of 0 does not get a request through either. Default `"bernoulli"`.
   */
  readonly choice?: "bernoulli" | "stratified"
  /** Classes never refused. */
  readonly exempt?: ReadonlyArray<Priority>
  /**
   * Where arrivals are counted by someone else, as a router does for all its targets: this gate then reads and counts none
   * itself. Default: its own, counted in `admit`. Matters to `"lowestFirst"` only.
   */
  readonly arrivals?: Arrivals.Arrivals
}

export interface Defaults {
  readonly order: "lowestFirst" | "all"
  readonly exempt: ReadonlyArray<Priority>
  /** Of its own count of arrivals. */
  readonly windowMs: Millis
  readonly buckets: number
}

export interface Selection {
  /** The part of its class to refuse for refusing `share` of all: 0 is never, 1 is certain. Changes nothing. */
  readonly fraction: (share: number, now: Millis, cost: Cost) => number
  /** Counts the request and says whether it is one of those, with the `fraction` of just now. */
  readonly refuses: (fraction: number, now: Millis, cost: Cost, rng: Rng) => boolean
  /** An admitted request was handed back unused. `at` is when it was admitted. */
  readonly undo: (fraction: number, at: Millis, now: Millis, priority: Priority | undefined) => void
  readonly snapshot: (now: Millis) => Readonly<Record<string, number>>
  readonly restore: (snapshot: GateSnapshot, now: Millis) => void
}

const classes: ReadonlyArray<Priority> = ["P0", "P1", "P2", "P3"]
const lowest = 3
/** What rounding leaves of a class that fits exactly. */
const tolerance = 1e-9

/** Throws `InvalidOption`; `where` is the gate's name in its message. */
export const make = (where: string, options: Options, defaults: Defaults): Selection => {
  const order = oneOf(`${where}: order`, options.order ?? defaults.order, ["lowestFirst", "all"])
  const choice = oneOf(`${where}: choice`, options.choice ?? "bernoulli", ["bernoulli", "stratified"])
  const exempt = [false, false, false, false]
  for (const priority of options.exempt ?? defaults.exempt) {
    exempt[levelOf(oneOf(`${where}: exempt`, priority, classes))] = true
  }
  const { buckets, windowMs } = defaults
  const own =
    order === "all" || options.arrivals !== undefined ? undefined : Arrivals.make({ window: windowMs, buckets })
  const arrivals = own ?? options.arrivals
  const diffusion = Diffusion.make()

  return {
    fraction: (share, now, cost) => {
      const level = levelOf(cost.priority)
      if (share <= 0 || exempt[level] === true) return 0
      if (order === "all" || arrivals === undefined) return share
      let all = 0
      let below = 0
      for (let other = lowest; other >= 0; other--) {
        const count = arrivals.of(other, now)
        all += count
        if (other > level && exempt[other] !== true) below += count
      }
      if (all === 0) return share
      const left = share * all - below
      if (left <= all * tolerance) return 0
      const part = left / arrivals.of(level, now)
      return part > 1 - tolerance ? 1 : part
    },
    refuses: (fraction, now, cost, rng) => {
      own?.count(now, cost.priority)
      if (fraction <= 0) return false
      if (fraction >= 1) return true
      return choice === "stratified" ? diffusion.take(fraction) : rng() >= 1 - fraction
    },
    undo: (fraction, at, now, priority) => {
      if (choice === "stratified") diffusion.undo(fraction)
      if (now - at < windowMs) own?.count(now, priority, -1)
    },
    snapshot: (now) => {
      const state: Record<string, number> = {}
      if (choice === "stratified") state["carry"] = diffusion.carry()
      if (own !== undefined) for (const name of classes) state[`arrivals${name}`] = own.of(levelOf(name), now)
      return state
    },
    restore: (snapshot, now) => {
      diffusion.restore(numberAt(snapshot, "carry"))
      if (own === undefined) return
      own.clear()
      for (const name of classes) own.count(now, name, numberAt(snapshot, `arrivals${name}`))
    }
  }
}

const oneOf = <A extends string>(option: string, value: A, known: ReadonlyArray<A>): A => {
  if (known.includes(value)) return value
  throw new InvalidOption(option, `one of ${known.join(", ")}`, value)
}
