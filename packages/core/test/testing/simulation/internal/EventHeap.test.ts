import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { EventHeap, SimEvent } from "../../../../src/testing/simulation/internal/EventHeap.ts"

class Noted extends SimEvent {
  readonly id: number
  constructor(id: number) {
    super()
    this.id = id
  }
  fire(): void {}
}

/** A list that is sorted whenever it is asked. */
class Naive {
  readonly entries: Array<{ readonly id: number; readonly at: number; readonly order: number }> = []
  order = 0
  push(id: number, at: number) {
    this.remove(id)
    this.entries.push({ id, at, order: this.order++ })
  }
  remove(id: number) {
    const at = this.entries.findIndex((entry) => entry.id === id)
    if (at >= 0) this.entries.splice(at, 1)
  }
  pop() {
    this.entries.sort((one, other) => one.at - other.at || one.order - other.order)
    return this.entries.shift()?.id
  }
}

const step = fc.oneof(
  fc.record({ op: fc.constant("push" as const), id: fc.nat(30), at: fc.nat(20) }),
  fc.record({ op: fc.constant("remove" as const), id: fc.nat(30), at: fc.constant(0) }),
  fc.record({ op: fc.constant("pop" as const), id: fc.constant(0), at: fc.constant(0) })
)

describe("EventHeap", () => {
  it("gives events in the order of a sorted list, ties in the order they were put in, moved and removed ones included", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const heap = new EventHeap()
        const naive = new Naive()
        const events = Array.from({ length: 31 }, (_, id) => new Noted(id))
        const popped = () => {
          const event = heap.pop()
          return event instanceof Noted ? event.id : undefined
        }
        for (const { at, id, op } of steps) {
          const event = events[id] as Noted
          if (op === "push") {
            heap.push(event, at)
            naive.push(id, at)
          } else if (op === "remove") {
            heap.remove(event)
            naive.remove(id)
          } else assert.strictEqual(popped(), naive.pop())
          assert.strictEqual(heap.size, naive.entries.length)
        }
        while (naive.entries.length > 0) assert.strictEqual(popped(), naive.pop())
        assert.strictEqual(heap.pop(), undefined)
        assert.isTrue(events.every((event) => event.place === -1))
      }),
      { numRuns: 300 }
    )
  })
})
