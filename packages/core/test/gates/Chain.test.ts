import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Breaker from "../../src/gates/Breaker.ts"
import * as Bulkhead from "../../src/gates/Bulkhead.ts"
import * as Chain from "../../src/gates/Chain.ts"
import * as Cooldown from "../../src/gates/Cooldown.ts"
import * as RateLimit from "../../src/gates/RateLimit.ts"
import * as Trip from "../../src/gates/Trip.ts"
import { type Gate, type GateEvent, isReject, noEvents, reject } from "../../src/model/Gate.ts"
import { failure, ignored, type Outcome, rateLimited, success, type Unused, unused } from "../../src/model/Outcome.ts"
import { half, one, tags } from "./support.ts"

interface Slip {
  readonly of: string
  readonly number: number
}

/** A gate that does as it is told and writes down what it hears. */
const scripted = (name: string) => {
  const script = { rejects: false, throwsOnAdmit: false, throwsOnSettle: false, events: noEvents }
  const heard: Array<readonly [number, string]> = []
  let out = 0
  let numbers = 0
  const gate: Gate<Slip> = {
    name,
    peek: () => (script.rejects ? reject(name, 7) : undefined),
    admit: () => {
      if (script.throwsOnAdmit) throw new Error(`${name} is broken`)
      if (script.rejects) return reject(name, 7)
      out++
      return { of: name, number: numbers++ }
    },
    settle: (slip, outcome) => {
      assert.strictEqual(slip.of, name)
      // Deliberately not idempotent: it is the chain that settles once.
      out--
      heard.push([slip.number, outcome._tag])
      if (script.throwsOnSettle) throw new Error(`${name} is broken`)
      return script.events
    },
    snapshot: () => ({ state: "scripted", out }),
    restore: (snapshot) => {
      heard.push([-1, String(snapshot["out"])])
    }
  }
  return { gate, script, heard, out: () => out }
}

const event = (name: string): GateEvent => ({ _tag: `${name}Event`, gate: name })

describe("Chain", () => {
  it("gives one permit for all its gates and hands it back to each", () => {
    const [a, b] = [scripted("a"), scripted("b")]
    const chain = Chain.make([a.gate, b.gate])
    const permit = chain.admit(0, one, half)
    assert.isFalse(isReject(permit))
    if (isReject(permit)) return
    assert.deepStrictEqual([a.out(), b.out()], [1, 1])
    assert.strictEqual(chain.settle(permit, success, 0), noEvents)
    chain.settle(permit, failure("Network"), 0)
    assert.deepStrictEqual([a.heard, b.heard], [[[0, "Success"]], [[0, "Success"]]])
  })

  it("stops at the first rejection and hands the earlier permits back unused", () => {
    const [a, b, c] = [scripted("a"), scripted("b"), scripted("c")]
    b.script.rejects = true
    const chain = Chain.make([a.gate, b.gate, c.gate])
    assert.deepStrictEqual(chain.peek(0, one), { _tag: "LocalReject", reason: "b", retryAt: 7 })
    assert.deepStrictEqual(chain.admit(0, one, half), { _tag: "LocalReject", reason: "b", retryAt: 7 })
    assert.deepStrictEqual([a.heard, b.heard, c.heard], [[[0, "Unused"]], [], []])
  })

  it("tells with the next settlement what happened while permits were handed back inside an admission", () => {
    const [a, b] = [scripted("a"), scripted("b")]
    const chain = Chain.make([a.gate, b.gate])
    const permit = chain.admit(0, one, half)
    const other = chain.admit(0, one, half)
    b.script.rejects = true
    a.script.events = [event("a")]
    chain.admit(0, one, half)
    b.script.events = [event("b")]
    if (isReject(permit) || isReject(other)) return assert.fail("refused")
    assert.deepStrictEqual(tags(chain.settle(permit, success, 0)), ["aEvent", "aEvent", "bEvent"])
    assert.deepStrictEqual(tags(chain.settle(permit, success, 0)), [])
    assert.deepStrictEqual(tags(chain.settle(other, success, 0)), ["aEvent", "bEvent"])
  })

  it("costs no gate a permit when another one throws", () => {
    const [a, b, c] = [scripted("a"), scripted("b"), scripted("c")]
    const chain = Chain.make([a.gate, b.gate, c.gate])
    b.script.throwsOnSettle = true
    const permit = chain.admit(0, one, half)
    if (isReject(permit)) return assert.fail("refused")
    c.script.events = [event("c")]
    assert.deepStrictEqual(chain.settle(permit, success, 0), [{ _tag: "GateFailed", gate: "b" }, event("c")])
    assert.deepStrictEqual([a.out(), b.out(), c.out()], [0, 0, 0])
    c.script.throwsOnAdmit = true
    assert.throws(() => chain.admit(0, one, half), "c is broken")
    assert.deepStrictEqual([a.out(), b.out(), c.out()], [0, 0, 0])
    assert.deepStrictEqual(a.heard, [
      [0, "Success"],
      [1, "Unused"]
    ])
  })

  it("gives every permit back exactly once, whatever rejects, throws or is settled twice", () => {
    const command = fc.record({
      do: fc.constantFrom("admit", "settle", "script"),
      which: fc.nat(30),
      gate: fc.nat(3),
      script: fc.record({ rejects: fc.boolean(), throwsOnAdmit: fc.boolean(), throwsOnSettle: fc.boolean() }),
      outcome: fc.constantFrom<Outcome | Unused>(success, ignored, unused, failure("Network"))
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4 }),
        fc.array(command, { maxLength: 60, size: "max" }),
        (size, commands) => {
          const gates = Array.from({ length: size }, (_, i) => scripted(`g${i}`))
          const chain = Chain.make(gates.map(({ gate }) => gate))
          const given: Array<Chain.ChainPermit> = []
          const open = new Set<number>()
          for (const command of commands) {
            if (command.do === "script") Object.assign(gates[command.gate]?.script ?? {}, command.script)
            else if (command.do === "settle") {
              const permit = given[command.which]
              if (permit === undefined) continue
              const before = gates.map(({ heard }) => heard.length)
              const events = chain.settle(permit, command.outcome, 0)
              const first = open.delete(command.which)
              gates.forEach(({ heard }, i) => {
                assert.strictEqual(heard.length - (before[i] ?? 0), first ? 1 : 0)
                if (first) assert.strictEqual(heard.at(-1)?.[1], command.outcome._tag)
              })
              if (!first) assert.deepStrictEqual(events, [])
            } else {
              const stop = gates.find(({ script }) => script.rejects || script.throwsOnAdmit)?.script
              if (stop?.throwsOnAdmit === true) assert.throws(() => chain.admit(0, one, half))
              else {
                const verdict = chain.peek(0, one)
                const permit = chain.admit(0, one, half)
                assert.deepStrictEqual(verdict, isReject(permit) ? permit : undefined)
                assert.strictEqual(isReject(permit), stop !== undefined)
                if (!isReject(permit)) open.add(given.push(permit) - 1)
              }
            }
            for (const { out } of gates) assert.strictEqual(out(), open.size)
          }
          for (const permit of given) chain.settle(permit, success, 0)
          for (const { heard, out } of gates) {
            assert.strictEqual(out(), 0)
            assert.strictEqual(new Set(heard.map(([number]) => number)).size, heard.length)
          }
        }
      ),
      { numRuns: 1500 }
    )
  })

  it("admits with real gates exactly when each of them alone would, and leaves no permit behind", () => {
    const make = () => [
      Cooldown.make({ withoutHint: 200 }),
      RateLimit.make({ requestsPerMinute: 600, burst: 4 }),
      Bulkhead.make({ maxInFlight: 3 }),
      Breaker.make({ trip: Trip.timeWindow({ minCalls: 3 }), openFor: 300, probeLease: 2000, rampFor: false })
    ]
    const outcome = fc.constantFrom<Outcome | Unused>(
      success,
      failure("Network"),
      failure("Overloaded", { retryAfter: 250 }),
      rateLimited(),
      ignored,
      unused
    )
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat(150), which: fc.nat(8), settle: fc.boolean(), outcome }), {
          maxLength: 60,
          size: "max"
        }),
        (commands) => {
          const gates = make()
          const chain = Chain.make(gates)
          const held: Array<Chain.ChainPermit> = []
          let now = 0
          for (const { outcome, settle, wait, which } of commands) {
            now += wait
            const [permit] = settle ? held.splice(which, 1) : []
            if (permit !== undefined) chain.settle(permit, outcome, now)
            const alone = gates.map((gate) => gate.peek(now, one)).find((verdict) => verdict !== undefined)
            const before = gates.map((gate) => gate.snapshot(now))
            assert.deepStrictEqual(chain.peek(now, one), alone)
            const answer = chain.admit(now, one, half)
            assert.deepStrictEqual(isReject(answer) ? answer : undefined, alone)
            // A rejection enters no window and costs nothing.
            if (isReject(answer)) {
              assert.deepStrictEqual(
                gates.map((gate) => gate.snapshot(now)),
                before
              )
            } else held.push(answer)
          }
          for (const permit of held) chain.settle(permit, ignored, now)
          assert.strictEqual(chain.snapshot(now)["bulkhead"]?.["inFlight"], 0)
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("snapshots by the names of its gates and gives each what is its own", () => {
    const [a, b] = [scripted("a"), scripted("b")]
    const chain = Chain.make([a.gate, b.gate])
    chain.admit(0, one, half)
    assert.deepStrictEqual(chain.snapshot(0), { a: { state: "scripted", out: 1 }, b: { state: "scripted", out: 1 } })
    chain.restore({ b: { state: "scripted", out: 9 }, c: { state: "x" } }, 0)
    assert.deepStrictEqual([a.heard, b.heard], [[], [[-1, "9"]]])
  })

  it("admits everything when it is empty, and does not follow changes to the list it was made from", () => {
    const list: Array<Gate> = []
    const chain = Chain.make(list)
    list.push(scripted("late").gate)
    assert.isUndefined(chain.peek(0, one))
    assert.isFalse(isReject(chain.admit(0, one, half)))
    assert.deepStrictEqual(chain.gates, [])
  })

  it("refuses two gates of one name", () => {
    assert.throws(
      () => Chain.make([scripted("a").gate, scripted("b").gate, scripted("a").gate]),
      'Chain: gates[2].name must be unique in its chain, got "a"'
    )
  })
})
