import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Bulkhead from "../../src/gates/Bulkhead.ts"
import { isReject } from "../../src/model/Gate.ts"
import { failure, ignored, type Outcome, success, type Unused, unused } from "../../src/model/Outcome.ts"
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const outcomes: ReadonlyArray<Outcome | Unused> = [success, ignored, unused, failure("Network")]

describe("Bulkhead", () => {
  obeysTheLaws({ make: () => Bulkhead.make({ maxInFlight: 3 }) })

  it("runs as many attempts as it may, and gives back on success, failure, interruption and disuse", () => {
    for (const outcome of outcomes) {
      const gate = Bulkhead.make({ maxInFlight: 2 })
      const first = admitted(gate, 0)
      admitted(gate, 0)
      assert.deepStrictEqual(refused(gate, 0), { _tag: "LocalReject", reason: "BulkheadFull", retryAt: undefined })
      assert.deepStrictEqual(gate.settle(first, outcome, 1), [])
      assert.isUndefined(gate.peek(1, one))
      admitted(gate, 1)
      assert.strictEqual(gate.peek(1, one)?.reason, "BulkheadFull")
    }
  })

  it("holds exactly the permits that were not settled, in any order of admissions and settlements", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.record({ settle: fc.boolean(), which: fc.nat(20), outcome: fc.constantFrom(...outcomes) }), {
          maxLength: 80,
          size: "max"
        }),
        (maxInFlight, commands) => {
          const gate = Bulkhead.make({ maxInFlight })
          const given: Array<Bulkhead.Permit> = []
          const open = new Set<number>()
          for (const { outcome, settle, which } of commands) {
            const yes = gate.peek(0, one) === undefined
            assert.strictEqual(yes, open.size < maxInFlight)
            if (settle) {
              const permit = given[which]
              // Settling twice is part of the game.
              if (permit !== undefined) gate.settle(permit, outcome, 0)
              open.delete(which)
            } else {
              const permit = gate.admit(0, one, half)
              assert.strictEqual(isReject(permit), !yes)
              if (!isReject(permit)) open.add(given.push(permit) - 1)
            }
            assert.strictEqual(gate.snapshot(0)["inFlight"], open.size)
          }
          for (const permit of given) gate.settle(permit, success, 0)
          assert.deepStrictEqual(gate.snapshot(0), { state: "free", inFlight: 0, maxInFlight })
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("does not take up permits of another process", () => {
    const gate = Bulkhead.make({ maxInFlight: 1 })
    admitted(gate, 0)
    const fresh = Bulkhead.make({ maxInFlight: 1 })
    fresh.restore(gate.snapshot(0), 0)
    assert.strictEqual(fresh.snapshot(0)["inFlight"], 0)
    assert.strictEqual(gate.snapshot(0).state, "full")
  })

  it("names option, range and value of a mistake", () => {
    assert.throws(() => Bulkhead.make({ maxInFlight: 0 }), "Bulkhead: maxInFlight must be an integer >= 1, got 0")
  })
})
