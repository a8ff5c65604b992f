import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Chain from "../../src/gates/Chain.ts"
import * as Headroom from "../../src/gates/Headroom.ts"
import type { AttemptReason, Cost, Priority } from "../../src/model/Cost.ts"
import { type Gate, isReject } from "../../src/model/Gate.ts"
import { failure, ignored, type Outcome, rateLimited, success, type Unused, unused } from "../../src/model/Outcome.ts"
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const asks = (priority: Priority, reason: AttemptReason = "primary"): Cost => ({
  requests: 1,
  tokens: 0,
  priority,
  reason
})

/** Admits until it refuses. */
const admits = (gate: Gate<Headroom.Permit>, cost: Cost = one) => {
  const permits: Array<Headroom.Permit> = []
  for (;;) {
    const answer = gate.admit(0, cost, half)
    if (isReject(answer)) return permits
    permits.push(answer)
  }
}

const everyone = (["P0", "P1", "P2", "P3"] as const).flatMap((priority) =>
  (["primary", "retry", "failover", "hedge"] as const).map((reason) => [priority, reason] as const)
)
const chosen = new Set(["P0 primary", "P0 failover", "P1 failover"])

describe("Headroom", () => {
  describe("for normal traffic", () => {
    obeysTheLaws({ make: () => Headroom.make({ capacity: 10 }) })
  })
  describe("for P0", () => {
    obeysTheLaws({ make: () => Headroom.make({ capacity: 10 }), cost: asks("P0") })
  })

  it("gives normal traffic the whole part of its share, and the rest to P0 and failovers of P1 alone", () => {
    const rows: ReadonlyArray<readonly [capacity: number, headroom: number, normal: number]> = [
      [10, 0.3, 7],
      [100, 0.3, 70],
      [5, 0.3, 3],
      [3, 0.3, 2],
      [2, 0.3, 1],
      [10, 0.1, 9],
      [10, 0.9, 1],
      [7, 0, 7]
    ]
    for (const [capacity, headroom, normal] of rows) {
      for (const [priority, reason] of everyone) {
        const gate = Headroom.make({ capacity, headroom })
        const before = admits(gate)
        assert.strictEqual(before.length, normal)
        assert.isTrue(before.every(({ note }) => note === undefined))
        const after = admits(gate, asks(priority, reason))
        const passes = chosen.has(`${priority} ${reason}`)
        assert.strictEqual(after.length, passes ? capacity - normal : 0, `${priority} ${reason}`)
        assert.isTrue(after.every(({ note }) => note === "Reserve"))
        const { reason: why, retryAt } = refused(gate, 0, asks(priority, reason))
        const full = passes || normal === capacity
        assert.deepStrictEqual([why, retryAt], [full ? "BulkheadFull" : "Reserved", undefined])
      }
    }
  })

  it("counts everyone, so P0 that came first leaves less to the others, and a note tells who is in the reserve", () => {
    const gate = Headroom.make({ capacity: 10 })
    const urgent = [1, 2, 3, 4, 5].map(() => admitted(gate, 0, asks("P0")))
    assert.isTrue(urgent.every(({ note }) => note === undefined))
    assert.strictEqual(admits(gate).length, 2)
    const reserve = admitted(gate, 0, asks("P1", "failover"))
    assert.strictEqual(reserve.note, "Reserve")
    assert.deepStrictEqual(gate.snapshot(0), { state: "reserved", inFlight: 8, capacity: 10, utilisation: 0.8 })
    const [first] = urgent
    if (first === undefined) return assert.fail()
    gate.settle(first, success, 0)
    assert.strictEqual(refused(gate, 0).reason, "Reserved") // 7 of 7
    gate.settle(reserve, ignored, 0)
    admitted(gate, 0)
  })

  it("leaves a part of the reserve to P0 alone where that is wanted", () => {
    const gate = Headroom.make({ capacity: 20, headroom: 0.4, keepForP0: 0.25 })
    assert.strictEqual(admits(gate).length, 12)
    assert.strictEqual(admits(gate, asks("P1", "failover")).length, 6)
    assert.strictEqual(refused(gate, 0, asks("P1", "failover")).reason, "Reserved")
    assert.strictEqual(admits(gate, asks("P0")).length, 2)
    assert.strictEqual(refused(gate, 0, asks("P0")).reason, "BulkheadFull")
  })

  it("follows a capacity that is learned, and always leaves normal traffic one place", () => {
    let limit = 20
    const gate = Headroom.make({ capacity: () => limit })
    const permits = admits(gate)
    assert.strictEqual(permits.length, 14)
    limit = 10.9
    assert.strictEqual(refused(gate, 0, asks("P0")).reason, "BulkheadFull")
    for (const permit of permits.splice(0, 8)) gate.settle(permit, success, 0)
    assert.strictEqual(admits(gate).length, 1)
    for (const permit of admits(gate, asks("P0"))) gate.settle(permit, success, 0)
    for (const broken of [1, 0, -5]) {
      limit = broken
      const fresh = Headroom.make({ capacity: () => limit })
      assert.strictEqual(admits(fresh).length, 1)
    }
  })

  it("shows in the notes of a chain", () => {
    const chain = Chain.make([Headroom.make({ capacity: 2, headroom: 0.5 })])
    const notes = [0, 1].map(() => {
      const permit = chain.admit(0, asks("P0"), half)
      return isReject(permit) ? undefined : Chain.notesOf(permit)
    })
    assert.deepStrictEqual(notes, [[], ["Reserve"]])
  })

  it("holds exactly the permits that were not settled, whoever asks, and never lets the wrong ones into the reserve", () => {
    const outcomes = [success, ignored, unused, rateLimited(1), failure("Network")]
    fc.assert(
      fc.property(
        fc.record({
          capacity: fc.integer({ min: 2, max: 12 }),
          headroom: fc.constantFrom(0, 0.1, 0.3, 0.5),
          keepForP0: fc.constantFrom(0, 0.5, 1)
        }),
        fc.array(
          fc.record({
            who: fc.constantFrom(...everyone),
            ends: fc.option(fc.nat(15)),
            outcome: fc.constantFrom<Outcome | Unused>(...outcomes)
          }),
          { maxLength: 60, size: "max" }
        ),
        (options, commands) => {
          const gate = Headroom.make(options)
          const { capacity, headroom, keepForP0 } = options
          // In tenths and twentieths of a place, so that there is nothing to round.
          const tenths = Math.round(headroom * 10)
          const normal = Math.floor((capacity * (10 - tenths)) / 10)
          const failover = Math.floor((capacity * (20 - tenths * 2 * keepForP0)) / 20)
          const given: Array<Headroom.Permit> = []
          const open = new Set<number>()
          for (const { ends, outcome, who } of commands) {
            const [priority, reason] = who
            const room =
              priority === "P0" && (reason === "primary" || reason === "failover")
                ? capacity
                : priority === "P1" && reason === "failover"
                  ? failover
                  : normal
            const cost = asks(priority, reason)
            const verdict = gate.peek(0, cost)
            const expected = open.size < room ? undefined : open.size < capacity ? "Reserved" : "BulkheadFull"
            assert.strictEqual(verdict?.reason, expected)
            if (ends === null) {
              const answer = gate.admit(0, cost, half)
              if (isReject(answer)) assert.strictEqual(answer, verdict)
              else {
                assert.strictEqual(answer.note, open.size < normal ? undefined : "Reserve")
                open.add(given.push(answer) - 1)
              }
            } else {
              const permit = given[ends]
              // Settling twice is part of the game.
              if (permit !== undefined) gate.settle(permit, outcome, 0)
              open.delete(ends)
            }
            assert.strictEqual(gate.snapshot(0)["inFlight"], open.size)
          }
        }
      ),
      { numRuns: 1500 }
    )
  })

  it("names option, range and value of a mistake", () => {
    const throws = (options: Headroom.Options, message: string) => assert.throws(() => Headroom.make(options), message)
    throws({ capacity: 0 }, "Headroom: capacity must be an integer >= 1, got 0")
    throws({ capacity: 5, headroom: 1 }, "Headroom: headroom must be a share in [0, 1), got 1")
    throws({ capacity: 5, headroom: -0.1 }, "Headroom: headroom must be a share in [0, 1), got -0.1")
    throws({ capacity: 5, keepForP0: 1.1 }, "Headroom: keepForP0 must be a share in [0, 1], got 1.1")
    throws({ capacity: 1 }, "Headroom: headroom must be small enough to leave normal traffic 1 of 1, got 0.3")
  })
})

describe("Headroom.validate", () => {
  const equal = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`t${i}`, 1]))

  it("finds that N equal targets need N >= 4 at 30 %", () => {
    const safe = [2, 3, 4, 5, 6].map((n) => Headroom.validate({ headroom: 0.3, weights: equal(n) }) === undefined)
    assert.deepStrictEqual(safe, [false, false, true, true, true])
    assert.include(Headroom.validate({ headroom: 0.3, weights: equal(2) }), "t1 would run at 1.40 of capacity")
    assert.include(Headroom.validate({ headroom: 0.3, weights: equal(3) }), "t1, t2 would run at 1.05 of capacity")
  })

  it("says for 5/3/2 whose loss the others do not survive, by how much, and what to do", () => {
    assert.strictEqual(
      Headroom.validate({ headroom: 0.3, weights: { a: 5, b: 3, c: 2 } }),
      "Without a (50 % of the weight), b, c would run at 1.40 of capacity. Set headroom to at least 50 %, give no target " +
        "more than 30 % of the weight (4 equal targets), or accept that the rest is shed."
    )
    // b is the border, c is safe: 1.00 and .875 (they stand in the message only when less is kept).
    const less = Headroom.validate({ headroom: 0.1, weights: { a: 5, b: 3, c: 2 } })
    assert.include(less, "Without a (50 % of the weight), b, c would run at 1.80")
    assert.include(less, "Without b (30 % of the weight), a, c would run at 1.29")
    assert.include(less, "Without c (20 % of the weight), a, b would run at 1.13")
    assert.isUndefined(Headroom.validate({ headroom: 0.5, weights: { a: 5, b: 3, c: 2 } }))
    assert.isDefined(Headroom.validate({ headroom: 0.49, weights: { a: 5, b: 3, c: 2 } }))
  })

  // The arithmetic of the message, carried out by gates: every target full of normal traffic, then one of them is lost.
  it("agrees with what the gates do when a target is lost", () => {
    const shed = (weights: Readonly<Record<string, number>>, lost: string) => {
      const gates = new Map(
        Object.entries(weights).map(([id, weight]) => [id, Headroom.make({ capacity: weight * 10 })])
      )
      const running = new Map([...gates].map(([id, gate]) => [id, admits(gate).length]))
      const others = [...gates].filter(([id]) => id !== lost).map(([, gate]) => gate)
      let left = running.get(lost) ?? 0
      for (const gate of others) while (left > 0 && !isReject(gate.admit(0, asks("P1", "failover"), half))) left--
      return left
    }
    const weights = { a: 5, b: 3, c: 2 }
    assert.deepStrictEqual([shed(weights, "a"), shed(weights, "b"), shed(weights, "c")], [20, 0, 0])
    assert.deepStrictEqual([shed(equal(3), "t0"), shed(equal(4), "t0")], [1, 0])
    for (const [n, one] of [
      [3, false],
      [4, true]
    ] as const) {
      assert.strictEqual(Headroom.validate({ headroom: 0.3, weights: equal(n) }) === undefined, one)
    }
  })

  it("does not take one target for a group, and names mistakes", () => {
    assert.strictEqual(
      Headroom.validate({ headroom: 0.9, weights: { a: 1 } }),
      "Nobody is left when a is lost: add a second target."
    )
    assert.throws(() => Headroom.validate({ headroom: 0.3, weights: {} }), "weights must be at least one target")
    assert.throws(
      () => Headroom.validate({ headroom: 0.3, weights: { a: 0 } }),
      "weights.a must be a finite number > 0"
    )
    assert.throws(() => Headroom.validate({ headroom: 2, weights: { a: 1 } }), "headroom must be a share in [0, 1)")
    // Nothing is kept: nobody's loss is survived, and there is no share of the weight to recommend.
    assert.notInclude(Headroom.validate({ headroom: 0, weights: equal(3) }), "give no target")
  })
})

describe("Headroom.wait", () => {
  it("gives the chance and the length of a wait at 70 %", () => {
    const rows: ReadonlyArray<readonly [capacity: number, chance: number, mean: number]> = [
      [1, 0.7, 2.33],
      [5, 0.38, 0.25],
      [10, 0.22, 0.074],
      [20, 0.09, 0.016],
      [50, 0.01, 0.001]
    ]
    for (const [capacity, chance, mean] of rows) {
      const wait = Headroom.wait({ capacity, utilisation: 0.7 })
      assert.approximately(wait.chance, chance, 0.0051)
      assert.approximately(wait.mean, mean, mean < 0.1 ? 0.00051 : 0.0051)
    }
  })

  it("is the formula of a single server for one place, and nothing for an idle one", () => {
    for (const utilisation of [0, 0.1, 0.5, 0.99]) {
      const { chance, mean } = Headroom.wait({ capacity: 1, utilisation })
      assert.approximately(chance, utilisation, 1e-12)
      assert.approximately(mean, utilisation / (1 - utilisation), 1e-9)
    }
    assert.isTrue(Number.isFinite(Headroom.wait({ capacity: 5000, utilisation: 0.9 }).chance))
    assert.throws(() => Headroom.wait({ capacity: 1, utilisation: 1 }), "utilisation must be a share in [0, 1), got 1")
  })
})
