/**
 * A binary-heap's cousin with four children per place: numbers with the least on top, each with an integer beside it. Half as
 * deep as a binary heap, so that putting back what was on top, nearly all that a rotation does, touches half as many places.
 *
 * Nothing is allocated after it is made. Room for `capacity` entries; a push beyond it is lost, so there is none.
 * Source: D. B. Johnson, "Priority queues with update and finding minimum spanning trees", IPL 4(3), 1975 (d-ary heaps).
 */
export class Heap {
  readonly keys: Float64Array
  readonly items: Int32Array
  size = 0

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity)
    this.items = new Int32Array(capacity)
  }

  /** Adds an entry where it happens to stand: call `build` before anything else is read. */
  append(key: number, item: number): void {
    this.keys[this.size] = key
    this.items[this.size++] = item
  }

  push(key: number, item: number): void {
    const { items, keys } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 2
      const above = keys[parent] as number
      if (above <= key) break
      keys[at] = above
      items[at] = items[parent] as number
      at = parent
    }
    keys[at] = key
    items[at] = item
  }

  /** Removes the top. */
  pop(): void {
    const last = --this.size
    if (last > 0) this.#sink(0, this.keys[last] as number, this.items[last] as number)
  }

  /** Gives the top another key, not less than its own. */
  retop(key: number): void {
    this.#sink(0, key, this.items[0] as number)
  }

  /** Puts everything in order after keys were changed by hand. O(n). */
  build(): void {
    for (let at = (this.size - 2) >> 2; at >= 0; at--) {
      this.#sink(at, this.keys[at] as number, this.items[at] as number)
    }
  }

  #sink(from: number, key: number, item: number): void {
    const { items, keys, size } = this
    let at = from
    for (let child = 4 * at + 1; child < size; child = 4 * at + 1) {
      let least = child
      let below = keys[child] as number
      const end = Math.min(child + 4, size)
      for (let other = child + 1; other < end; other++) {
        const value = keys[other] as number
        if (value < below) {
          below = value
          least = other
        }
      }
      if (below >= key) break
      keys[at] = below
      items[at] = items[least] as number
      at = least
    }
    keys[at] = key
    items[at] = item
  }
}
