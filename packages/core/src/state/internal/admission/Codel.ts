/**
 * Is the delay of a queue a burst that will pass, or does it stand? A queue that never emptied during an interval, and of
 * which even the shortest delay seen in it was above `target`, stands: it is overloaded until an interval says otherwise.
 *
 * folly measures the delay of what it takes out; here it is the age of the oldest, which is the same while the oldest is
 * served first and remains meaningful when the newest is. An interval in which nobody was served is judged by the age of
 * the oldest at its end; an empty queue has no delay. What follows from it is the queue's affair.
 * Source: K. Nichols and V. Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012, in the form of facebook/folly's
 * `Codel` (no square-root law: everything older than twice the target goes) and of B. Maurer, "Fail at Scale", ACM Queue
 * 13(8), 2015 (when was it last empty?).
 */
import type { Millis } from "../../../model/Gate.ts"

export class Codel {
  readonly targetMs: Millis
  readonly intervalMs: Millis
  overloaded = false
  /** When the interval is judged; `Infinity` while the queue is empty. */
  endsAt: Millis = Number.POSITIVE_INFINITY
  #shortest: Millis = Number.POSITIVE_INFINITY

  constructor(targetMs: Millis, intervalMs: Millis) {
    this.targetMs = targetMs
    this.intervalMs = intervalMs
  }

  /** The queue is no longer empty. */
  began(now: Millis): void {
    this.#startInterval(now)
  }

  /** Somebody was served while the oldest had waited for `delay`. */
  observe(delay: Millis): void {
    if (delay < this.#shortest) this.#shortest = delay
  }

  /** Judges the interval if it has passed. `delay` is the age of the oldest. Call it before anything that looks or counts. */
  judge(now: Millis, delay: Millis): void {
    if (now < this.endsAt) return
    const shortest = this.#shortest === Number.POSITIVE_INFINITY ? delay : this.#shortest
    this.overloaded = shortest > this.targetMs
    this.#startInterval(now)
  }

  /** The queue is empty. */
  emptied(): void {
    this.overloaded = false
    this.endsAt = Number.POSITIVE_INFINITY
  }

  #startInterval(now: Millis): void {
    this.endsAt = now + this.intervalMs
    this.#shortest = Number.POSITIVE_INFINITY
  }
}
