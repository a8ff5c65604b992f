/**
 * The rotation behind `EdfWeightedRoundRobin`: a heap of deadlines in virtual time, which stands at the deadline picked last.
 *
 * One that may not be picked is treated as if it had been: its deadlines go by, in steps of 1 / weight as ever. So the others
 * come in the very order they would have come in without it, and when it returns its next turn is at most one step away: it
 * has lost nothing, and catches up nothing.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis, Rng } from "@spillway/core/Gate"
import type { RouteRequest } from "@spillway/core/RouteRequest"
import type { Eligible, Picker } from "@spillway/core/Strategy"
import { Heap } from "./heap.ts"

export type WeightOf = (candidate: Candidate, now: Millis) => number | undefined

/** So many that may not be picked are taken from the heap one by one; then one look at all the rest is cheaper. */
const aside = 16

/** Virtual time starts anew after so many picks, so that it has not outgrown the precision of the steps added to it. */
const renewal = 65_536

/** Weights that may change are asked for again after so many picks for each target: a look at one for every fourth pick. */
const rounds = 4

/** Weights that are said beyond these count as these. */
const least = 1e-6
const most = 1e9

export class EdfPicker implements Picker {
  readonly #candidates: ReadonlyArray<Candidate>
  readonly #weightOf: WeightOf | undefined
  /** 1 / weight, by index. */
  readonly #step: Float64Array
  /** What it takes over: steps until its next turn, in [0, 1]; NaN for one that is new and draws it. */
  readonly #due: Float64Array
  readonly #heap: Heap
  readonly #asideKeys = new Float64Array(aside)
  readonly #asideItems = new Int32Array(aside)
  #clock = 0
  #picks = 0

  constructor(candidates: ReadonlyArray<Candidate>, before: Picker | undefined, weightOf: WeightOf | undefined) {
    const n = candidates.length
    this.#candidates = candidates
    this.#weightOf = weightOf
    this.#step = Float64Array.from(candidates, ({ target }) => 1 / target.weight)
    this.#due = new Float64Array(n).fill(Number.NaN)
    this.#heap = new Heap(n)
    if (before instanceof EdfPicker) {
      const last = before.#dues()
      candidates.forEach((candidate, i) => {
        this.#due[i] = last.get(candidate) ?? Number.NaN
      })
    }
  }

  readonly pick = (_request: RouteRequest, eligible: Eligible, now: Millis, rng: Rng): Candidate | undefined => {
    const heap = this.#heap
    if (heap.size === 0) this.#start(now, rng)
    else if (this.#picks >= (this.#weightOf === undefined ? renewal : rounds * heap.size)) this.#renew(now)
    const item = heap.items[0] ?? -1
    const candidate = this.#candidates[item]
    if (candidate === undefined) return undefined
    if (!eligible(candidate)) return this.#search(eligible)
    this.#advance(item)
    return candidate
  }

  /** Virtual time until its next turn. */
  readonly score = (candidate: Candidate): number => {
    const item = this.#candidates.indexOf(candidate)
    if (item === -1) return Number.POSITIVE_INFINITY
    const at = this.#heap.items.indexOf(item)
    const step = this.#step[item] as number
    return this.#heap.size === 0
      ? due(this.#due[item] as number, 0.5) * step
      : (this.#heap.keys[at] as number) - this.#clock
  }

  /** The top is picked. */
  #advance(item: number): void {
    this.#clock = this.#heap.keys[0] as number
    this.#heap.retop(this.#clock + (this.#step[item] as number))
    this.#picks++
  }

  /** The first in order that may be picked; everything before it steps on. Each is asked once. */
  #search(eligible: Eligible): Candidate | undefined {
    const heap = this.#heap
    let taken = 0
    let picked: Candidate | undefined
    try {
      while (heap.size > 0 && taken < aside) {
        const item = heap.items[0] as number
        const candidate = this.#candidates[item] as Candidate
        // The first was asked already.
        if (taken > 0 && eligible(candidate)) {
          this.#advance(item)
          picked = candidate
          break
        }
        this.#asideKeys[taken] = heap.keys[0] as number
        this.#asideItems[taken++] = item
        heap.pop()
      }
      if (picked === undefined) picked = this.#scan(eligible)
    } finally {
      // Also when `eligible` throws: nobody is lost.
      for (let i = 0; i < taken; i++) {
        const item = this.#asideItems[i] as number
        heap.push(this.#after(this.#asideKeys[i] as number, item), item)
      }
    }
    return picked
  }

  /** One look at all that are left. */
  #scan(eligible: Eligible): Candidate | undefined {
    const heap = this.#heap
    let best = -1
    let bestKey = Number.POSITIVE_INFINITY
    for (let at = 0; at < heap.size; at++) {
      const key = heap.keys[at] as number
      if (!eligible(this.#candidates[heap.items[at] as number] as Candidate)) continue
      if (key < bestKey) {
        bestKey = key
        best = at
      }
    }
    if (best === -1) return undefined
    const item = heap.items[best] as number
    this.#clock = bestKey
    this.#picks++
    heap.keys[best] = bestKey + (this.#step[item] as number)
    for (let at = 0; at < heap.size; at++)
      heap.keys[at] = this.#after(heap.keys[at] as number, heap.items[at] as number)
    heap.build()
    return this.#candidates[item]
  }

  /** The first of its deadlines that has not gone by. */
  #after(key: number, item: number): number {
    if (key >= this.#clock) return key
    const step = this.#step[item] as number
    return key + step * Math.ceil((this.#clock - key) / step)
  }

  #start(now: Millis, rng: Rng): void {
    for (let item = 0; item < this.#candidates.length; item++) {
      const step = this.#stepOf(item, now)
      this.#step[item] = step
      const taken = this.#due[item] as number
      this.#heap.append(due(taken, Number.isNaN(taken) ? rng() : 0) * step, item)
    }
    this.#heap.build()
  }

  /** Virtual time from 0, and every weight as it is now: what is left of a step is stretched with it. */
  #renew(now: Millis): void {
    const { items, keys, size } = this.#heap
    for (let at = 0; at < size; at++) {
      const item = items[at] as number
      const step = this.#stepOf(item, now)
      keys[at] = (((keys[at] as number) - this.#clock) / (this.#step[item] as number)) * step
      this.#step[item] = step
    }
    this.#clock = 0
    this.#picks = 0
    this.#heap.build()
  }

  #stepOf(item: number, now: Millis): number {
    if (this.#weightOf === undefined) return this.#step[item] as number
    const candidate = this.#candidates[item] as Candidate
    const weight = this.#weightOf(candidate, now) ?? candidate.target.weight
    return 1 / (weight > least ? Math.min(weight, most) : least)
  }

  #dues(): Map<Candidate, number> {
    const dues = new Map<Candidate, number>()
    const { items, keys, size } = this.#heap
    for (let at = 0; at < size; at++) {
      const item = items[at] as number
      dues.set(this.#candidates[item] as Candidate, ((keys[at] as number) - this.#clock) / (this.#step[item] as number))
    }
    // It has not picked yet: what it took over itself.
    if (size === 0) for (const [i, candidate] of this.#candidates.entries()) dues.set(candidate, this.#due[i] as number)
    return dues
  }
}

const due = (taken: number, otherwise: number): number => (Number.isNaN(taken) ? otherwise : taken)
