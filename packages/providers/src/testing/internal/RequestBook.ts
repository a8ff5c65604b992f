/**
 * What the fake knows about its requests: a log of bounded length, counts, and who waits for a change.
 *
 * A request is over for the log and for every limit just before its last bytes are sent: a client that has read them can
 * rely on its slot being free. It is gone (see `idle`) when its connection has nothing more to do with it.
 */
import type { Outcome, RequestLog } from "../RequestLog.ts"

/** A line of the log while it is written. */
export type Entry = { -readonly [Key in keyof RequestLog]: RequestLog[Key] }

interface Counts {
  arrived: number
  inFlight: number
  peak: number
}

export class RequestBook {
  readonly #keep: number
  #entries: Array<Entry> = []
  #index = 0
  #open = 0
  #total: Counts = { arrived: 0, inFlight: 0, peak: 0 }
  readonly #models = new Map<string, Counts>()
  readonly #waiting = new Set<() => void>()

  constructor(keep: number) {
    this.#keep = keep
  }

  get entries(): ReadonlyArray<RequestLog> {
    return this.#entries.slice(-this.#keep)
  }

  get open(): number {
    return this.#open
  }

  counts(model: string | undefined): Readonly<Counts> {
    return (model === undefined ? this.#total : this.#models.get(model)) ?? { arrived: 0, inFlight: 0, peak: 0 }
  }

  /** Forgets the past; requests in flight stay counted. */
  clear(): void {
    this.#entries = []
    for (const counts of [this.#total, ...this.#models.values()]) {
      counts.arrived = 0
      counts.peak = counts.inFlight
    }
  }

  /** A request's headers are here. */
  opened(): void {
    this.#open++
  }

  /** The connection is done with the request, for better or worse. */
  closed(): void {
    this.#open--
    this.#changed()
  }

  /** The whole request is here: it gets its number. */
  arrived(facts: Omit<Entry, "index" | "status" | "outcome">): Entry {
    const entry: Entry = { ...facts, index: this.#index++, status: undefined, outcome: "pending" }
    this.#entries.push(entry)
    // Twice the length, so that the cost of throwing away is spread over many requests.
    if (this.#entries.length >= 2 * this.#keep) this.#entries = this.#entries.slice(-this.#keep)
    for (const counts of this.#of(entry)) {
      counts.arrived++
      counts.inFlight++
      counts.peak = Math.max(counts.peak, counts.inFlight)
    }
    this.#changed()
    return entry
  }

  /** The request is over. */
  settled(entry: Entry, outcome: Outcome): void {
    entry.outcome = outcome
    for (const counts of this.#of(entry)) counts.inFlight--
    this.#changed()
  }

  /** Calls `then` once, as soon as `condition` holds. Returns how to stop waiting. */
  when(condition: () => boolean, then: () => void): () => void {
    const look = () => {
      if (!condition()) return
      this.#waiting.delete(look)
      then()
    }
    this.#waiting.add(look)
    look()
    return () => this.#waiting.delete(look)
  }

  #of(entry: Entry): ReadonlyArray<Counts> {
    if (entry.model === undefined) return [this.#total]
    const known = this.#models.get(entry.model) ?? { arrived: 0, inFlight: 0, peak: 0 }
    this.#models.set(entry.model, known)
    return [this.#total, known]
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look()
  }
}
