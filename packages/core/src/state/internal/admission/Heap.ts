/**
 * A binary heap whose items know where they are, so that any of them can leave or change its rank in O(log n). An item is in
 * one heap at a time.
 * Source: J. Williams, "Algorithm 232: Heapsort", CACM 7(6), 1964; the handles are those of every timer heap (libevent).
 */
export interface Item {
  /** -1 while it is in no heap. Written by the heap. */
  heapIndex: number
}

export class Heap<T extends Item> {
  readonly #items: Array<T> = []
  readonly #before: (a: T, b: T) => boolean

  /** `before` is a strict order. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  /** The item that comes before all others. */
  get top(): T | undefined {
    return this.#items[0]
  }

  has(item: T): boolean {
    return item.heapIndex >= 0 && this.#items[item.heapIndex] === item
  }

  add(item: T): void {
    this.#rise(item, this.#items.length)
  }

  /** The item must be in this heap. */
  remove(item: T): void {
    const index = item.heapIndex
    item.heapIndex = -1
    const last = this.#items.pop()
    if (last !== undefined && last !== item) this.#settle(last, index)
  }

  /** To be called when the rank of an item in this heap has changed. */
  update(item: T): void {
    this.#settle(item, item.heapIndex)
  }

  #settle(item: T, index: number): void {
    const parent = index === 0 ? undefined : this.#items[(index - 1) >> 1]
    if (parent !== undefined && this.#before(item, parent)) this.#rise(item, index)
    else this.#sink(item, index)
  }

  #rise(item: T, from: number): void {
    let index = from
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = this.#items[above]
      if (parent === undefined || !this.#before(item, parent)) break
      this.#put(parent, index)
      index = above
    }
    this.#put(item, index)
  }

  #sink(item: T, from: number): void {
    let index = from
    for (;;) {
      let below = 2 * index + 1
      let child = this.#items[below]
      const right = this.#items[below + 1]
      if (child !== undefined && right !== undefined && this.#before(right, child)) {
        child = right
        below++
      }
      if (child === undefined || !this.#before(child, item)) break
      this.#put(child, index)
      index = below
    }
    this.#put(item, index)
  }

  #put(item: T, index: number): void {
    this.#items[index] = item
    item.heapIndex = index
  }
}
