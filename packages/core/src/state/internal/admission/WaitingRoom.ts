/**
 * The queue itself, once its rules are resolved: the classes, and what spans them (the bound on all, the clock, the times
 * to give up, the choice of the class). Its methods are those of the public `AdmissionQueue`, and described there.
 */
import { levelOf, type Priority } from "../../../model/Cost.ts"
import { type LocalReject, type Millis, reject } from "../../../model/Gate.ts"
import type { ClassOrder, Level } from "./ClassOrder.ts"
import { Heap } from "./Heap.ts"
import type { DropReason, Waiter } from "./Waiter.ts"
import type { WaitingClass } from "./WaitingClass.ts"

export interface Rules<W extends Waiter> {
  readonly maxQueued: number
  readonly orderName: string
  readonly order: ClassOrder
  /** Tenants take turns. */
  readonly fair: boolean
  readonly classes: readonly [WaitingClass<W>, WaitingClass<W>, WaitingClass<W>, WaitingClass<W>]
  /** What is left of its longest wait, milliseconds; may be <= 0. */
  readonly mayWait: (waiter: W, now: Millis) => Millis
}

const levels: ReadonlyArray<Level> = [0, 1, 2, 3]
const leastUrgentFirst: ReadonlyArray<Level> = [3, 2, 1, 0]
/** Made once: a refusal has nothing to say about when. */
const refusals = {
  QueueFull: reject("QueueFull"),
  QueueTimeout: reject("QueueTimeout"),
  DeadlineExceeded: reject("DeadlineExceeded")
}

export class WaitingRoom<W extends Waiter> {
  size = 0
  readonly #rules: Rules<W>
  readonly #expiries = new Heap<W>(sooner)
  #lastSeen: Millis = Number.NEGATIVE_INFINITY
  #scans = 0
  #queued = 0
  #served = 0
  #left = 0
  readonly #refused = { QueueFull: 0, QueueTimeout: 0, DeadlineExceeded: 0 }
  readonly #dropped = { QueueTimeout: 0, DeadlineExceeded: 0, Evicted: 0, Overloaded: 0 }

  constructor(rules: Rules<W>) {
    this.#rules = rules
  }

  sizeOf(priority: Priority): number {
    return this.#rules.classes[levelOf(priority)].size
  }

  offer(waiter: W, now: Millis): LocalReject | undefined {
    if (waiter.heapIndex >= 0) throw new Error("AdmissionQueue: a waiter waits in one place at a time")
    const { maxQueued, mayWait } = this.#rules
    const at = this.#look(now)
    if (waiter.deadlineAt <= at) return this.#refuse("DeadlineExceeded")
    const bound = Math.max(at + mayWait(waiter, at), waiter.atLeastUntil)
    waiter.giveUpAt = Math.min(bound, waiter.atMostUntil, waiter.deadlineAt)
    if (waiter.giveUpAt <= at) return this.#refuse("QueueTimeout")
    waiter.level = levelOf(waiter.priority)
    const evicted = this.size < maxQueued ? undefined : this.#expendableFor(waiter)
    if (this.size >= maxQueued && evicted === undefined) return this.#refuse("QueueFull")
    if (evicted !== undefined) this.#remove(evicted, at)
    this.#add(waiter, at)
    if (evicted !== undefined) this.#tell(evicted, "Evicted")
    return undefined
  }

  head(now: Millis): W | undefined {
    return this.find(now, anybody, 1)
  }

  find(now: Millis, fits: (waiter: W) => boolean, limit = 16): W | undefined {
    this.#look(now)
    const { classes, order } = this.#rules
    const scan = ++this.#scans
    for (let looked = 0; looked < limit; looked++) {
      let next: WaitingClass<W> | undefined
      let lowest = Number.POSITIVE_INFINITY
      for (const level of levels) {
        const line = classes[level]
        const oldest = line.oldestUnseen(scan)
        if (oldest === undefined) continue
        const score = order.score(level, oldest.enqueuedAt, line.scanned)
        if (next !== undefined && score >= lowest) continue
        next = line
        lowest = score
      }
      const waiter = next?.scanNext(scan)
      if (waiter === undefined || fits(waiter)) return waiter
    }
    return undefined
  }

  take(waiter: W, now: Millis): boolean {
    if (!this.#expiries.has(waiter)) return false
    const at = this.#tick(now)
    const { classes, order } = this.#rules
    let lowest = Number.POSITIVE_INFINITY
    for (const level of levels) {
      const { oldest } = classes[level]
      if (oldest !== undefined) lowest = Math.min(lowest, order.score(level, oldest.enqueuedAt, 0))
    }
    order.served?.(waiter.level, lowest)
    classes[waiter.level].charge(waiter, at)
    this.#remove(waiter, at)
    this.#served++
    return true
  }

  leave(waiter: W, now: Millis): boolean {
    if (!this.#expiries.has(waiter)) return false
    this.#remove(waiter, this.#tick(now))
    this.#left++
    return true
  }

  expire(now: Millis): void {
    const at = this.#look(now)
    for (const level of leastUrgentFirst) {
      const line = this.#rules.classes[level]
      for (let stale = line.stale(at); stale !== undefined; stale = line.stale(at)) {
        this.#remove(stale, at)
        this.#tell(stale, "Overloaded")
      }
    }
  }

  nextExpiry(): Millis | undefined {
    let next = this.#expiries.top?.giveUpAt ?? Number.POSITIVE_INFINITY
    for (const line of this.#rules.classes) next = Math.min(next, line.nextLookAt)
    return next === Number.POSITIVE_INFINITY ? undefined : next
  }

  snapshot(now: Millis) {
    const { classes, maxQueued, orderName } = this.#rules
    const at = Math.max(now, this.#lastSeen)
    const [P0, P1, P2, P3] = classes
    const perPriority = <A>(of: (line: WaitingClass<W>) => A) => ({ P0: of(P0), P1: of(P1), P2: of(P2), P3: of(P3) })
    return {
      size: this.size,
      maxQueued,
      order: orderName,
      depth: perPriority((line) => line.size),
      oldestMs: perPriority(({ oldest }) => (oldest === undefined ? undefined : at - oldest.enqueuedAt)),
      flows: classes.reduce((sum, line) => sum + line.flows, 0),
      overloaded: perPriority((line) => line.overloaded),
      queued: this.#queued,
      served: this.#served,
      left: this.#left,
      refused: { ...this.#refused },
      dropped: { ...this.#dropped }
    }
  }

  /** The moment, on a clock that does not step back. */
  #tick(now: Millis): Millis {
    if (now > this.#lastSeen) this.#lastSeen = now
    for (const line of this.#rules.classes) line.judge(this.#lastSeen)
    return this.#lastSeen
  }

  /** Nobody whose time is up is looked at, however late the look. */
  #look(now: Millis): Millis {
    const at = this.#tick(now)
    for (let due = this.#expiries.top; due !== undefined && due.giveUpAt <= at; due = this.#expiries.top) {
      this.#remove(due, at)
      this.#tell(due, due.deadlineAt <= due.giveUpAt ? "DeadlineExceeded" : "QueueTimeout")
    }
    return at
  }

  #add(waiter: W, at: Millis): void {
    const { classes, fair, order } = this.#rules
    const line = classes[waiter.level]
    waiter.enqueuedAt = at
    waiter.arrival = this.#queued++
    waiter.seen = 0
    if (line.size === 0) order.began?.(waiter.level)
    line.add(waiter, fair ? waiter.tenant : undefined)
    this.#expiries.add(waiter)
    this.size++
  }

  #remove(waiter: W, at: Millis): void {
    const { classes, order } = this.#rules
    this.#expiries.remove(waiter)
    classes[waiter.level].remove(waiter)
    waiter.waitedMs += at - waiter.enqueuedAt
    if (--this.size === 0) order.emptied?.()
  }

  #tell(waiter: W, reason: DropReason): void {
    this.#dropped[reason]++
    waiter.dropped(reason)
  }

  #refuse(why: keyof typeof refusals): LocalReject {
    this.#refused[why]++
    return refusals[why]
  }

  /** Who has to go for this newcomer to a full queue. */
  #expendableFor(waiter: W): W | undefined {
    const { classes, fair } = this.#rules
    const worst = leastUrgentFirst.find((level) => classes[level].size > 0)
    if (worst === undefined || worst < waiter.level) return undefined
    if (worst === waiter.level && !(fair && classes[worst].yields(waiter.tenant))) return undefined
    return classes[worst].expendable
  }
}

const anybody = () => true

const sooner = (a: Waiter, b: Waiter): boolean =>
  a.giveUpAt < b.giveUpAt || (a.giveUpAt === b.giveUpAt && a.arrival < b.arrival)
