/**
 * Entries in memory, bounded by number and by weight: what was not used for longest goes first (LRU). An entry whose time
 * is over is never found, and leaves when it is met; each write meets two more, so that none of them stays for good. There
 * are no timers. Everything is O(1) except `deletePrefix`.
 */
import type { Millis } from "../../../model/Gate.ts"
import { type Entry, keepMs } from "./Entry.ts"

export interface Kept {
  readonly entry: Entry
  /** When it was fetched, on the clock of `now`. */
  readonly storedAt: Millis
  /** A refresh failed: none before this time. */
  refreshAfter: Millis
}

export class Memory {
  readonly #maxEntries: number
  readonly #maxWeight: number
  /** A `Map` keeps the order of insertion; use takes an entry out and puts it in again. */
  readonly #entries = new Map<string, Kept>()
  #sweep: Iterator<[string, Kept]> | undefined = undefined
  /** Entries the sweep has to meet before it begins anew: use moves them ahead of it, so its end may never come. */
  #toSweep = 0
  #weight = 0
  /** Left for want of room. */
  evicted = 0
  /** Left because their time was over. */
  expired = 0

  constructor(maxEntries: number, maxWeight: number) {
    this.#maxEntries = maxEntries
    this.#maxWeight = maxWeight
  }

  get size(): number {
    return this.#entries.size
  }

  /** Of all entries together. */
  get weight(): number {
    return this.#weight
  }

  /** Using it makes it the last to leave. */
  get(slot: string, now: Millis): Kept | undefined {
    const kept = this.peek(slot, now)
    if (kept === undefined) return undefined
    this.#entries.delete(slot)
    this.#entries.set(slot, kept)
    return kept
  }

  /** Looking is not using. */
  peek(slot: string, now: Millis): Kept | undefined {
    const kept = this.#entries.get(slot)
    if (kept === undefined || !this.#isOver(slot, kept, now)) return kept
    return undefined
  }

  /** False when it finds no room, however much leaves. */
  set(slot: string, entry: Entry, storedAt: Millis, now: Millis): boolean {
    this.delete(slot)
    this.#meetTwo(now)
    if (this.#maxEntries === 0 || !(entry.weight <= this.#maxWeight) || !(now - storedAt < keepMs(entry))) return false
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#maxEntries && this.#weight + entry.weight <= this.#maxWeight) break
      this.delete(oldest)
      this.evicted++
    }
    this.#entries.set(slot, { entry, storedAt, refreshAfter: Number.NEGATIVE_INFINITY })
    this.#weight += entry.weight
    return true
  }

  delete(slot: string): void {
    const kept = this.#entries.get(slot)
    if (kept === undefined) return
    this.#entries.delete(slot)
    // Sums of fractions drift; an empty store weighs nothing.
    this.#weight = this.#entries.size === 0 ? 0 : this.#weight - kept.entry.weight
  }

  deletePrefix(prefix: string): void {
    for (const slot of this.#entries.keys()) if (slot.startsWith(prefix)) this.delete(slot)
  }

  #isOver(slot: string, kept: Kept, now: Millis): boolean {
    if (now - kept.storedAt < keepMs(kept.entry)) return false
    this.delete(slot)
    this.expired++
    return true
  }

  #meetTwo(now: Millis): void {
    for (let met = 0; met < 2; met++) {
      if (this.#sweep === undefined || this.#toSweep <= 0) {
        this.#sweep = this.#entries.entries()
        this.#toSweep = this.#entries.size
      }
      const next = this.#sweep.next()
      this.#toSweep--
      if (next.done === true) this.#sweep = undefined
      else this.#isOver(next.value[0], next.value[1], now)
    }
  }
}
