import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Cooldown from "../../src/gates/Cooldown.ts"
import { isReject } from "../../src/model/Gate.ts"
import {
  failure,
  ignored,
  misconfigured,
  type Outcome,
  rateLimited,
  slow,
  success,
  type Unused,
  unused
} from "../../src/model/Outcome.ts"
import { admitted, attempt, half, obeysTheLaws, one, refused } from "./support.ts"

describe("Cooldown", () => {
  obeysTheLaws({ make: () => Cooldown.make() })

  it("parks a rate-limited target for as long as it asked", () => {
    const gate = Cooldown.make()
    assert.deepStrictEqual(attempt(gate, 100, rateLimited(30_000)), [
      { _tag: "Parked", gate: "cooldown", until: 30_100 }
    ])
    assert.deepStrictEqual(refused(gate, 30_099), { _tag: "LocalReject", reason: "CoolingDown", retryAt: 30_100 })
    assert.isUndefined(gate.peek(30_100, one))
    admitted(gate, 30_100)
  })

  it("parks for a second when the target did not say, and not at all when it said 0", () => {
    const gate = Cooldown.make()
    attempt(gate, 0, rateLimited(0))
    assert.isUndefined(gate.peek(0, one))
    attempt(gate, 0, rateLimited())
    assert.strictEqual(gate.peek(999, one)?.retryAt, 1000)
    assert.isUndefined(gate.peek(1000, one))
  })

  it("takes a hint that is no number of milliseconds for none", () => {
    for (const nonsense of [Number.NaN, -5]) {
      const gate = Cooldown.make()
      attempt(gate, 0, failure("Overloaded", { retryAfter: nonsense }))
      assert.isUndefined(gate.peek(0, one))
      attempt(gate, 0, rateLimited(nonsense))
      assert.strictEqual(gate.peek(0, one)?.retryAt, 1000)
    }
  })

  it("parks after a failure only when the target asked for it", () => {
    const gate = Cooldown.make()
    assert.deepStrictEqual(attempt(gate, 0, failure("Network")), [])
    assert.isUndefined(gate.peek(0, one))
    attempt(gate, 0, failure("Overloaded", { retryAfter: 700 }))
    assert.strictEqual(gate.peek(0, one)?.retryAt, 700)
  })

  it("keeps a misconfigured target out for minutes, with its own reason", () => {
    const gate = Cooldown.make()
    attempt(gate, 0, misconfigured("Auth"))
    assert.deepStrictEqual(refused(gate, 299_999), { _tag: "LocalReject", reason: "Misconfigured", retryAt: 300_000 })
    admitted(gate, 300_000)
  })

  it("believes no hint beyond its maximum", () => {
    const gate = Cooldown.make({ maxHint: "1 minute" })
    attempt(gate, 0, rateLimited(86_400_000))
    assert.strictEqual(gate.peek(0, one)?.retryAt, 60_000)
    assert.isUndefined(Cooldown.make().peek(0, one))
  })

  // BerriAI/litellm#40130: the first of two cooldowns kept its end, although the second was longer.
  it("is lengthened by a later, longer wait and never shortened by a shorter one", () => {
    const gate = Cooldown.make()
    const late = admitted(gate, 0)
    const later = admitted(gate, 0)
    attempt(gate, 0, rateLimited(5000))
    assert.deepStrictEqual(gate.settle(late, rateLimited(1000), 1000), [])
    assert.strictEqual(gate.peek(1000, one)?.retryAt, 5000)
    assert.strictEqual(gate.settle(later, rateLimited(9000), 2000)[0]?.until, 11_000)
    assert.strictEqual(gate.peek(2000, one)?.retryAt, 11_000)
  })

  it("lets a person end the rest, also one that would last for ever", () => {
    const gate = Cooldown.make({ misconfiguredFor: "Infinity" })
    attempt(gate, 0, misconfigured("Auth"))
    assert.strictEqual(gate.peek(1e12, one)?.reason, "Misconfigured")
    gate.clear()
    admitted(gate, 0)
  })

  it("parks until the latest end anyone named, in any order of outcomes", () => {
    const outcome: fc.Arbitrary<Outcome | Unused> = fc.oneof(
      fc.constantFrom<Outcome | Unused>(success, slow, ignored, unused, failure("Network"), misconfigured("Auth")),
      fc.option(fc.nat(20_000), { nil: undefined }).map((ms) => rateLimited(ms)),
      fc.nat(20_000).map((retryAfter) => failure("Overloaded", { retryAfter }))
    )
    const expected = (said: Outcome | Unused): number | undefined => {
      if (said._tag === "RateLimited") return Math.min(said.retryAfter ?? 400, 9000)
      if (said._tag === "Misconfigured") return 5000
      return said._tag === "Failure" && said.retryAfter !== undefined ? Math.min(said.retryAfter, 9000) : undefined
    }
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat(3000), outcome, twice: fc.boolean(), restart: fc.boolean() }), {
          maxLength: 40,
          size: "max"
        }),
        (commands) => {
          const options = { withoutHint: 400, maxHint: 9000, misconfiguredFor: 5000 }
          let gate = Cooldown.make(options)
          // Permits taken before anything happened: a target in rest still hears of attempts under way.
          let held = commands.map(() => admitted(gate, 0))
          let now = 0
          let end = 0
          let reason = ""
          commands.forEach((command, i) => {
            now += command.wait
            const permit = held[i]
            if (permit === undefined) return
            const asked = expected(command.outcome)
            const events = gate.settle(permit, command.outcome, now)
            const moved = asked !== undefined && now + asked > Math.max(end, now)
            const _tag = now < end ? "ParkExtended" : "Parked"
            if (moved) {
              end = now + asked
              reason = command.outcome._tag === "Misconfigured" ? "Misconfigured" : "CoolingDown"
            }
            assert.deepStrictEqual(events, moved ? [{ _tag, gate: "cooldown", until: end }] : [])
            if (command.twice) assert.deepStrictEqual(gate.settle(permit, rateLimited(9000), now), [])
            if (command.restart) {
              const snapshot = gate.snapshot(now)
              gate = Cooldown.make(options)
              held = commands.map(() => admitted(gate, now))
              gate.restore(snapshot, now)
              assert.deepStrictEqual(gate.snapshot(now), snapshot)
            }
            const verdict = gate.peek(now, one)
            assert.deepStrictEqual(verdict, now < end ? { _tag: "LocalReject", reason, retryAt: end } : undefined)
            assert.strictEqual(isReject(gate.admit(now, one, half)), verdict !== undefined)
            // The same object for everyone who asks: rejections are common.
            assert.strictEqual(gate.peek(now, one), verdict)
          })
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("goes through a snapshot as plain JSON, counted from the new clock", () => {
    const gate = Cooldown.make({ misconfiguredFor: "Infinity" })
    assert.deepStrictEqual(gate.snapshot(0), { state: "ready" })
    attempt(gate, 1000, rateLimited(4000))
    assert.deepStrictEqual(gate.snapshot(2000), { state: "parked", reason: "CoolingDown", retryInMs: 3000 })
    const fresh = Cooldown.make()
    fresh.restore(JSON.parse(JSON.stringify(gate.snapshot(2000))), 50)
    assert.strictEqual(fresh.peek(50, one)?.retryAt, 3050)
    fresh.restore({ state: "parked", retryInMs: "soon" }, 50)
    assert.isUndefined(fresh.peek(50, one))
    gate.settle(admitted(gate, 9000), misconfigured("Auth"), 9000)
    fresh.restore(JSON.parse(JSON.stringify(gate.snapshot(9000))), 0)
    assert.strictEqual(fresh.peek(1e12, one)?.reason, "Misconfigured")
  })

  it("names option, range and value of a mistake", () => {
    const expected = `must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got`
    assert.throws(() => Cooldown.make({ withoutHint: 0 }), `Cooldown: withoutHint ${expected} 0`)
    assert.throws(() => Cooldown.make({ maxHint: -1 }), `Cooldown: maxHint ${expected} -1`)
    assert.throws(() => Cooldown.make({ misconfiguredFor: 0 }), `Cooldown: misconfiguredFor ${expected} 0`)
  })
})
