/** The bounded table under the cache, against a naive one that keeps a list in order of use. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { Entry } from "../../src/policies/internal/cache/Entry.ts"
import { Memory } from "../../src/policies/internal/cache/Memory.ts"
import { weigh } from "../../src/policies/internal/cache/weigh.ts"

const entry = (weight: number, freshMs = Number.POSITIVE_INFINITY, staleMs = 0, errorMs = 0): Entry => ({
  parts: [],
  weight,
  freshMs,
  staleMs,
  errorMs,
  tookMs: 0
})
const slot = fc.constantFrom("a", "b", "c", "d", "ab", "ac", "e", "f")
const weight = fc.constantFrom(0, 0.5, 1, 2, 3, 5, 8, 13)

describe("Memory", () => {
  it("keeps what was used last, within both bounds", () => {
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("set" as const), slot, weight }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("get" as const), slot, weight }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("peek" as const), slot, weight }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), slot, weight }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("deletePrefix" as const), slot, weight }) }
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(command, { maxLength: 60, size: "max" }),
        (maxEntries, maxWeight, commands) => {
          const memory = new Memory(maxEntries, maxWeight)
          /** Least recently used first. */
          let model: Array<{ readonly slot: string; readonly entry: Entry }> = []
          const total = () => model.reduce((sum, kept) => sum + kept.entry.weight, 0)
          for (const { do: what, slot, weight } of commands) {
            const known = model.find((kept) => kept.slot === slot)
            const others = model.filter((kept) => kept.slot !== slot)
            switch (what) {
              case "set": {
                const next = { slot, entry: entry(weight) }
                model = others
                const fits = maxEntries > 0 && weight <= maxWeight
                if (fits) {
                  model.push(next)
                  while (model.length > maxEntries || total() > maxWeight + 1e-9) model.shift()
                }
                assert.strictEqual(memory.set(slot, next.entry, 0, 0), fits)
                break
              }
              case "get":
                if (known !== undefined) model = [...others, known]
                assert.strictEqual(memory.get(slot, 0)?.entry, known?.entry)
                break
              case "peek":
                assert.strictEqual(memory.peek(slot, 0)?.entry, known?.entry)
                break
              case "delete":
                model = others
                memory.delete(slot)
                break
              case "deletePrefix":
                model = model.filter((kept) => !kept.slot.startsWith(slot))
                memory.deletePrefix(slot)
            }
            assert.strictEqual(memory.size, model.length)
            assert.closeTo(memory.weight, total(), 1e-9)
            assert.isAtMost(memory.weight, maxWeight + 1e-9)
          }
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("never finds what is over, finds what is not unless it made room, and stays within its bounds", () => {
    const command = fc.record({
      do: fc.constantFrom("set", "get", "peek"),
      slot,
      weight,
      fresh: fc.integer({ min: 0, max: 50 }),
      stale: fc.integer({ min: 0, max: 50 }),
      error: fc.integer({ min: 0, max: 50 }),
      age: fc.constantFrom(0, 0, 0, 10, 40),
      wait: fc.constantFrom(0, 0, 1, 5, 30)
    })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: "max" }), (commands) => {
        const memory = new Memory(4, 12)
        const all = new Map<string, { readonly entry: Entry; readonly until: number }>()
        let now = 0
        for (const { age, do: what, error, fresh, slot, stale, wait, weight } of commands) {
          now += wait
          if (what === "set") {
            const next = entry(weight, fresh, stale, error)
            const until = now - age + fresh + Math.max(stale, error)
            all.set(slot, { entry: next, until })
            assert.strictEqual(memory.set(slot, next, now - age, now), weight <= 12 && until > now)
          } else {
            const found = what === "get" ? memory.get(slot, now) : memory.peek(slot, now)
            const known = all.get(slot)
            if (found !== undefined) assert.strictEqual(found.entry, known?.entry)
            if (known !== undefined && now >= known.until) assert.strictEqual(found, undefined)
            if (known !== undefined && now < known.until && known.entry.weight <= 12 && memory.evicted === 0) {
              assert.strictEqual(found?.entry, known.entry)
            }
          }
          assert.isAtMost(memory.size, 4)
          assert.isAtMost(memory.weight, 12 + 1e-9)
        }
      }),
      { numRuns: 1000 }
    )
  })

  it("lets go of what is over although nobody asks for it, while it is written to", () => {
    const memory = new Memory(1000, 1e9)
    for (let i = 0; i < 500; i++) memory.set(`old ${i}`, entry(1, 100), 0, 0)
    for (let i = 0; i < 10; i++) memory.set(`hot ${i}`, entry(1), 0, 0)
    // Hits move entries ahead of the sweep for ever: it must come round all the same.
    for (let i = 0; i < 600; i++) {
      for (let hit = 0; hit < 10; hit++) memory.get(`hot ${hit}`, 200)
      memory.set("written", entry(1), 200, 200)
    }
    assert.strictEqual(memory.size, 11)
    assert.strictEqual(memory.weight, 11)
    assert.strictEqual(memory.expired, 500)
  })
})

describe("the default weight", () => {
  it("is about the bytes in memory, and counts every string, key and byte", () => {
    assert.strictEqual(weigh("abc"), 22)
    assert.strictEqual(weigh(new Uint8Array(1000)), 1016)
    assert.strictEqual(weigh({ type: "text-delta", id: "0", delta: "Hello" }), 118)
    assert.isAbove(weigh([{ a: ["x".repeat(1000)] }]), 2000)
    assert.strictEqual(weigh(null), weigh(1))
  })

  it("grows with what is added, and knows no end of a cycle", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        assert.isAbove(weigh([one, other]), weigh(one))
        assert.isAtLeast(weigh({ one, other }), weigh(one) + weigh(other))
      }),
      { numRuns: 1000 }
    )
    const cycle: Array<unknown> = []
    cycle.push(cycle, cycle)
    assert.strictEqual(weigh(cycle), Number.POSITIVE_INFINITY)
  })
})
