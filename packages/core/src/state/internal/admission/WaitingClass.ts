/**
 * The waiters of one class: who came first, and whose turn it is.
 *
 * Tenants take turns in a ring. A tenant serves as many in its turn as its weight says (1), then goes to the end; one that
 * has nobody waiting leaves the ring and is forgotten, and joins at the end when it comes back. So between two turns of a
 * tenant every other has at most one, however many it has waiting, and coming and going gains nothing.
 * Source: deficit round robin with costs of 1 (Shreedhar and Varghese, SIGCOMM 1995); taking places from the longest
 * flow: stochastic fairness queueing (McKenney, INFOCOM 1990).
 */
import type { Millis } from "../../../model/Gate.ts"
import type { Codel } from "./Codel.ts"
import { Heap } from "./Heap.ts"
import { ClassLine, Flow, type Waiter } from "./Waiter.ts"

export interface Rules {
  /** Turns of a tenant in a round. */
  readonly weightOf: (tenant: string | undefined) => number
  /** This class's own, if it is judged at all. */
  readonly codel: Codel | undefined
  /** Inside a flow the newest is served first while the class is overloaded. */
  readonly newestFirst: boolean
}

export class WaitingClass<W extends Waiter> {
  size = 0
  /** Seen by the current scan. */
  scanned = 0

  readonly #rules: Rules
  /** Everybody, in the order of arrival. */
  readonly #line = new ClassLine<W>()
  readonly #flows = new Map<string | undefined, Flow<W>>()
  readonly #byLength = new Heap<Flow<W>>(longer)
  /** Flow whose turn it is. */
  #ring: Flow<W> | undefined = undefined
  #scan = 0
  #scanRing: Flow<W> | undefined = undefined
  #scanOldest: W | undefined = undefined

  constructor(rules: Rules) {
    this.#rules = rules
  }

  /** Who has waited longest. */
  get oldest(): W | undefined {
    return this.#line.oldest
  }

  /** Tenants with somebody waiting. */
  get flows(): number {
    return this.#flows.size
  }

  get overloaded(): boolean {
    return this.#rules.codel?.overloaded === true
  }

  /** `tenant`: whose turns it takes. */
  add(waiter: W, tenant: string | undefined): void {
    if (this.size === 0) this.#rules.codel?.began(waiter.enqueuedAt)
    let flow = this.#flows.get(tenant)
    if (flow === undefined) {
      flow = new Flow<W>(tenant, this.#rules.weightOf(tenant))
      this.#flows.set(tenant, flow)
      this.#joinRing(flow)
      flow.line.add(waiter)
      flow.size = 1
      this.#byLength.add(flow)
    } else {
      flow.line.add(waiter)
      flow.size++
      this.#byLength.update(flow)
    }
    waiter.flow = flow
    this.#line.add(waiter)
    this.size++
  }

  remove(waiter: W): void {
    const flow = waiter.flow
    if (flow === undefined) return
    waiter.flow = undefined
    this.#line.remove(waiter)
    this.size--
    if (this.size === 0) {
      this.#rules.codel?.emptied()
      this.#scanRing = this.#scanOldest = undefined // hold on to nobody
    }
    flow.line.remove(waiter)
    flow.size--
    if (flow.size > 0) return this.#byLength.update(flow)
    this.#byLength.remove(flow)
    this.#flows.delete(flow.tenant)
    this.#leaveRing(flow)
  }

  /** The waiter is being served: uses up a turn of its tenant. To be called before it is removed. */
  charge(waiter: W, now: Millis): void {
    this.#rules.codel?.observe(this.#age(now))
    const flow = waiter.flow
    if (flow === undefined || --flow.turns > 0) return
    flow.turns = flow.weight
    this.#leaveRing(flow)
    this.#joinRing(flow)
  }

  /** To be called before whatever depends on being overloaded. */
  judge(now: Millis): void {
    this.#rules.codel?.judge(now, this.#age(now))
  }

  /** Somebody whom an overloaded class does not keep any longer. */
  stale(now: Millis): W | undefined {
    return this.#staleAt <= now ? this.#line.oldest : undefined
  }

  /** When `judge` or `stale` may have something new to say. */
  get nextLookAt(): Millis {
    const endsAt = this.#rules.codel?.endsAt ?? Number.POSITIVE_INFINITY
    return Math.min(endsAt, this.#staleAt)
  }

  get #staleAt(): Millis {
    const { codel } = this.#rules
    const oldest = this.#line.oldest
    if (codel === undefined || oldest === undefined || !codel.overloaded) return Number.POSITIVE_INFINITY
    return queuesSince(oldest) + 2 * codel.targetMs
  }

  /** How long the oldest has queued. */
  #age(now: Millis): Millis {
    const oldest = this.#line.oldest
    return oldest === undefined ? 0 : Math.max(0, now - queuesSince(oldest))
  }

  /** The youngest of the tenant with the most waiters for its weight; of several, the one whose youngest came last. */
  get expendable(): W | undefined {
    return this.#byLength.top?.line.youngest
  }

  /**
   * Should the expendable one go for another waiter of `tenant`? Only if that tenant then still has fewer waiting, for its
   * weight, than the other had: two tenants cannot throw each other out in turn.
   */
  yields(tenant: string | undefined): boolean {
    const longest = this.#byLength.top
    if (longest === undefined) return false
    const size = this.#flows.get(tenant)?.size ?? 0
    return (size + 1) * longest.weight < longest.size * this.#rules.weightOf(tenant)
  }

  /** When the longest waiting of those came whom scan number `scan` has not seen. */
  oldestUnseen(scan: number): W | undefined {
    this.#begin(scan)
    let oldest = this.#scanOldest
    while (oldest !== undefined && oldest.seen === scan) oldest = oldest.inClass.younger
    this.#scanOldest = oldest
    return oldest
  }

  /** Whom this class would serve next, had it served those that scan number `scan` has seen. O(1) amortised over a scan. */
  scanNext(scan: number): W | undefined {
    this.#begin(scan)
    if (this.scanned === this.size) return undefined
    const newestFirst = this.#rules.newestFirst && this.overloaded
    let flow = this.#scanRing
    while (flow !== undefined) {
      if (flow.scan !== scan) {
        flow.scan = scan
        flow.cursor = newestFirst ? flow.line.youngest : flow.line.oldest
        flow.turnsAhead = flow.turns
      }
      const waiter = flow.cursor
      if (waiter !== undefined) {
        flow.cursor = newestFirst ? waiter.inFlow.older : waiter.inFlow.younger
        flow.turnsAhead--
        if (flow.turnsAhead === 0) {
          flow.turnsAhead = flow.weight
          flow = flow.next
        }
        this.#scanRing = flow
        this.scanned++
        waiter.seen = scan
        return waiter
      }
      flow = flow.next
    }
    return undefined
  }

  #begin(scan: number): void {
    if (this.#scan === scan) return
    this.#scan = scan
    this.scanned = 0
    this.#scanRing = this.#ring
    this.#scanOldest = this.#line.oldest
  }

  /** At the end: right before the flow whose turn it is. */
  #joinRing(flow: Flow<W>): void {
    const ring = this.#ring
    if (ring === undefined) {
      flow.next = flow.previous = flow
      this.#ring = flow
      return
    }
    flow.next = ring
    flow.previous = ring.previous
    flow.previous.next = flow
    ring.previous = flow
  }

  #leaveRing(flow: Flow<W>): void {
    if (this.#ring === flow) this.#ring = flow.next === flow ? undefined : flow.next
    flow.previous.next = flow.next
    flow.next.previous = flow.previous
  }
}

/** To wait for a target that opens at a known time is not to queue: it is nobody's overload. */
const queuesSince = (waiter: Waiter): Millis => Math.max(waiter.enqueuedAt, waiter.atLeastUntil)

const longer = <W extends Waiter>(a: Flow<W>, b: Flow<W>): boolean => {
  const difference = a.size * b.weight - b.size * a.weight
  return difference === 0 ? (a.line.youngest?.arrival ?? 0) > (b.line.youngest?.arrival ?? 0) : difference > 0
}
