import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Heap, type Item } from "../../../../src/state/internal/admission/Heap.ts"
import * as Seeded from "../../../../src/testing/Seeded.ts"

interface Ranked extends Item {
  rank: number
  readonly id: number
}

const ranked = (rank: number, id: number): Ranked => ({ heapIndex: -1, rank, id })
const byRank = (a: Ranked, b: Ranked) => a.rank < b.rank || (a.rank === b.rank && a.id < b.id)

describe("Heap", () => {
  it("has the first of its items on top, whoever joins, leaves or changes rank", () => {
    const command = fc.record({
      do: fc.constantFrom("add", "add", "add", "remove", "remove", "pop", "update"),
      rank: fc.nat(20),
      which: fc.nat(30)
    })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80, size: "max" }), (commands) => {
        const heap = new Heap<Ranked>(byRank)
        let model: Array<Ranked> = []
        let gone = ranked(0, -1)
        commands.forEach((command, id) => {
          const one = model[command.which]
          if (command.do === "add") {
            const item = ranked(command.rank, id)
            heap.add(item)
            model.push(item)
          } else if (command.do === "pop" && heap.top !== undefined) {
            gone = heap.top
            heap.remove(gone)
            model = model.filter((item) => item !== gone)
          } else if (command.do === "remove" && one !== undefined) {
            gone = one
            heap.remove(gone)
            model = model.filter((item) => item !== gone)
          } else if (command.do === "update" && one !== undefined) {
            one.rank = command.rank
            heap.update(one)
          }
          assert.strictEqual(heap.top, [...model].sort((a, b) => (byRank(a, b) ? -1 : 1))[0])
          assert.isFalse(heap.has(gone))
          for (const item of model) assert.isTrue(heap.has(item))
        })
        // What is left comes out in order: no item was lost, none is there twice.
        const out: Array<Ranked> = []
        for (let top = heap.top; top !== undefined; top = heap.top) {
          heap.remove(top)
          out.push(top)
        }
        assert.deepStrictEqual(
          out,
          [...model].sort((a, b) => (byRank(a, b) ? -1 : 1))
        )
      }),
      { numRuns: 1500 }
    )
  })

  it("knows its own items from those of another heap", () => {
    const [heap, other] = [new Heap<Ranked>(byRank), new Heap<Ranked>(byRank)]
    const [mine, theirs] = [ranked(1, 1), ranked(1, 2)]
    heap.add(mine)
    other.add(theirs)
    assert.isTrue(heap.has(mine))
    assert.isFalse(heap.has(theirs))
    assert.isFalse(heap.has(ranked(1, 3)))
  })

  it("compares O(log n) times for each that joins or leaves in any order, and O(1) times for latecomers in order", () => {
    for (const n of [1000, 100_000]) {
      let compared = 0
      const heap = new Heap<Ranked>((a, b) => {
        compared++
        return byRank(a, b)
      })
      const next = Seeded.rng(n)
      const items = Array.from({ length: n }, (_, id) => ranked(next(), id))
      for (const item of items) heap.add(item)
      for (const item of Seeded.shuffle(Seeded.rng(n + 1), items.slice(0, n / 2))) heap.remove(item)
      for (let top = heap.top; top !== undefined; top = heap.top) heap.remove(top)
      // Rising: at most one comparison per level. Sinking: two per level, and one to find the direction.
      assert.isAtMost(compared, n * (3 * Math.ceil(Math.log2(n)) + 1))
      compared = 0
      for (let id = 0; id < n; id++) heap.add(ranked(id, id))
      assert.isAtMost(compared, n)
    }
  })
})
