/**
 * One waiting caller, and a flow: the waiters of one tenant in one class.
 */
import type { Priority } from "../../../model/Cost.ts"
import type { Millis } from "../../../model/Gate.ts"
import type { Level } from "./ClassOrder.ts"
import type { Item } from "./Heap.ts"
import { Line, Links } from "./Line.ts"

/**
 * Why a waiter had to go. `QueueTimeout`: it has waited as long as it may. `DeadlineExceeded`: its call's deadline passed.
 * `Evicted`: the queue was full and somebody else needed the place more. `Overloaded`: CoDel.
 */
export type DropReason = "QueueTimeout" | "DeadlineExceeded" | "Evicted" | "Overloaded"

/** Somebody who waits for a target. Extend it: the object is its own place in the queue, in one queue at a time. */
export abstract class Waiter implements Item {
  abstract readonly priority: Priority
  /** `undefined`: all who name no tenant are one. */
  abstract readonly tenant: string | undefined
  /** When the call must have ended, on the clock of `now`; `Infinity` for never. */
  abstract readonly deadlineAt: Millis
  /**
   * Called once when the queue drops it, never when it was taken or left by itself. It is out of the queue by then, and the
   * queue may be used. Must not throw.
   */
  abstract dropped(reason: DropReason): void

  /** Worth waiting until then, longer than `maxWait` says: a target opens at a known time. Default: nothing known. */
  readonly atLeastUntil: Millis = Number.NEGATIVE_INFINITY
  /** There is something better to do then, whatever `maxWait` says. Default: there is not. */
  readonly atMostUntil: Millis = Number.POSITIVE_INFINITY

  /**
   * Spent in the queue by earlier waits of the same call; they count against `maxWait`. The queue adds each wait; set it
   * where every wait has a waiter of its own.
   */
  waitedMs: Millis = 0
  /** When it came to wait this time. Written by the queue. */
  enqueuedAt: Millis = 0
  /** It waits no longer than this. Written by the queue. */
  giveUpAt: Millis = 0

  /** @internal */ heapIndex = -1
  /** @internal Of `priority`, as it was when the waiter came. */ level: Level = 1
  /** @internal Rank of arrival, for what came at the same moment. */ arrival = 0
  /** @internal The scan that has seen it last. */ seen = 0
  /** @internal */ readonly inClass: Links<this> = new Links()
  /** @internal */ readonly inFlow: Links<this> = new Links()
  /** @internal */ flow: Flow<this> | undefined = undefined
}

/** The waiters of a class in the order in which they came. */
export class ClassLine<W extends Waiter> extends Line<W> {
  protected override linksOf(waiter: W): Links<W> {
    return waiter.inClass
  }
}

/** Those of one tenant among them. */
class FlowLine<W extends Waiter> extends Line<W> {
  protected override linksOf(waiter: W): Links<W> {
    return waiter.inFlow
  }
}

export class Flow<W extends Waiter> implements Item {
  readonly tenant: string | undefined
  /** Turns in a round. */
  readonly weight: number
  readonly line = new FlowLine<W>()
  size = 0
  /** Left in this round. */
  turns: number
  /** In the ring of the class's flows. */
  next: Flow<W> = this
  previous: Flow<W> = this
  /** In the heap of the class's flows by length. */
  heapIndex = -1

  /** The scan that `cursor` and `turnsAhead` belong to: how far it has come. */
  scan = 0
  cursor: W | undefined = undefined
  turnsAhead = 0

  constructor(tenant: string | undefined, weight: number) {
    this.tenant = tenant
    this.weight = weight
    this.turns = weight
  }
}
