/**
 * What is yet to happen, the earliest first; of events at the same time, the one that was put in first. An event knows its
 * place, so that taking it out is O(log n) as well and nothing that was cancelled stays behind.
 *
 * Source: J. W. J. Williams, "Algorithm 232: Heapsort", CACM 7(6), 1964.
 */
import type { Millis } from "../../../model/Gate.ts"

/** Something that happens at a time. Extend it: the object is its own place. It is in at most one heap, once. */
export abstract class SimEvent {
  at: Millis = 0
  order = 0
  /** In the heap; -1 while it is in none. */
  place = -1
  abstract fire(now: Millis): void
}

const before = (one: SimEvent, other: SimEvent): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

export class EventHeap {
  readonly #events: Array<SimEvent> = []
  #order = 0

  get size(): number {
    return this.#events.length
  }

  peek(): SimEvent | undefined {
    return this.#events[0]
  }

  /** An event that is in already is moved. */
  push(event: SimEvent, at: Millis): void {
    if (event.place >= 0) this.remove(event)
    event.at = at
    event.order = this.#order++
    this.#events.push(event)
    this.#up(event, this.#events.length - 1)
  }

  pop(): SimEvent | undefined {
    const first = this.#events[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  remove(event: SimEvent): void {
    const { place } = event
    if (place < 0) return
    event.place = -1
    const last = this.#events.pop()
    if (last === undefined || last === event) return
    if (before(last, event)) this.#up(last, place)
    else this.#down(last, place)
  }

  #up(event: SimEvent, from: number): void {
    const events = this.#events
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = events[above]
      if (other === undefined || !before(event, other)) break
      events[place] = other
      other.place = place
      place = above
    }
    events[place] = event
    event.place = place
  }

  #down(event: SimEvent, from: number): void {
    const events = this.#events
    const { length } = events
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= length) break
      let other = events[below]
      const right = events[below + 1]
      if (other === undefined) break
      if (right !== undefined && before(right, other)) {
        other = right
        below++
      }
      if (!before(other, event)) break
      events[place] = other
      other.place = place
      place = below
    }
    events[place] = event
    event.place = place
  }
}
