/** The rules of load shedding written out over full logs: nothing is summed up, everything is counted again each time. */
import type { Priority } from "../../src/model/Cost.ts"

export interface Windowed {
  readonly window: number
  readonly buckets: number
}

interface Entry {
  readonly at: number
  readonly what: string
  readonly amount: number
}

/** Everything that was ever counted. An entry leaves the window with the whole bucket it fell into. */
export class Log {
  entries: Array<Entry> = []
  readonly rules: Windowed

  constructor(rules: Windowed) {
    this.rules = rules
  }

  count(what: string, now: number): number {
    const { buckets, window } = this.rules
    const width = window / buckets
    let sum = 0
    // In order of time, so that everything before the first that is too old is too old as well.
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const entry = this.entries[i]
      if (entry === undefined || now - Math.floor(entry.at / width) * width >= window) break
      if (entry.what === what) sum += entry.amount
    }
    return Math.max(0, sum)
  }

  /** What a restart leaves of it. */
  compress(now: number): void {
    const kinds = [...new Set(this.entries.map(({ what }) => what))]
    this.entries = kinds.map((what) => ({ at: now, what, amount: this.count(what, now) }))
  }
}

export interface Chosen extends Windowed {
  readonly order: "lowestFirst" | "all"
  readonly choice: "bernoulli" | "stratified"
  readonly exempt: ReadonlyArray<Priority>
}

/** Who is refused, as places on a line from 0 (the lowest class begins) to 1 (the highest one ends). */
export class SelectionModel {
  readonly rules: Chosen
  arrivals: Log
  /** Stratified: the sum of all shares so far, and how many were taken for it. */
  owed = 0
  paid = 0

  constructor(rules: Chosen) {
    this.rules = rules
    this.arrivals = new Log(rules)
  }

  part(share: number, now: number, priority: Priority): number {
    const { exempt, order } = this.rules
    if (share === 0 || exempt.includes(priority)) return 0
    const line = (["P3", "P2", "P1", "P0"] as const).map((name) => ({ name, n: this.arrivals.count(name, now) }))
    const total = line.reduce((all, { n }) => all + n, 0)
    if (order === "all" || total === 0) return share
    const shedable = line.filter(({ name }) => !exempt.includes(name))
    const place = shedable.findIndex(({ name }) => name === priority)
    const begins = shedable.slice(0, place).reduce((all, { n }) => all + n, 0) / total
    const width = (shedable[place]?.n ?? 0) / total
    const cut = share - begins
    if (cut <= 1e-9) return 0
    return cut >= width - width * 1e-9 ? 1 : cut / width
  }

  refuses(part: number, now: number, priority: Priority, draw: () => number): boolean {
    if (this.rules.order === "lowestFirst") this.arrivals.entries.push({ at: now, what: priority, amount: 1 })
    if (part === 0 || part === 1) return part === 1
    if (this.rules.choice === "bernoulli") return draw() >= 1 - part
    this.owed += part
    const refused = Math.floor(this.owed + 1e-9) > this.paid
    if (refused) this.paid++
    return refused
  }

  undo(part: number, at: number, now: number, priority: Priority): void {
    if (this.rules.choice === "stratified") this.owed = Math.max(this.paid, this.owed - part)
    if (this.rules.order === "lowestFirst" && now - at < this.rules.window) {
      this.arrivals.entries.push({ at: now, what: priority, amount: -1 })
    }
  }

  restart(now: number): void {
    this.arrivals.compress(now)
  }

  /** What the snapshot of a gate says about it. */
  facts(now: number): Record<string, number> {
    const facts: Record<string, number> = {}
    if (this.rules.choice === "stratified") facts["carry"] = Math.max(0, this.owed - this.paid)
    if (this.rules.order === "all") return facts
    for (const name of ["P0", "P1", "P2", "P3"]) facts[`arrivals${name}`] = this.arrivals.count(name, now)
    return facts
  }
}
