/** What went wrong in other breakers, by the thread it was reported in, and does not go wrong here. */
import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "../../src/gates/Breaker.ts"
import * as Trip from "../../src/gates/Trip.ts"
import { isReject } from "../../src/model/Gate.ts"
import { failure, ignored, misconfigured, rateLimited, success, unused } from "../../src/model/Outcome.ts"
import { admitted, attempt, one, refused, tags } from "./support.ts"

const failed = failure("Overloaded")

const brittle = (options: Breaker.Options = {}) =>
  Breaker.make({ trip: Trip.consecutive(1), rampFor: false, ...options })

/** Opened at 0, and waits for a probe from 5000 on. */
const opened = (options: Breaker.Options = {}) => {
  const gate = brittle(options)
  attempt(gate, 0, failed)
  return gate
}

describe("Breaker, and the bugs of others", () => {
  it("Effect-TS/effect#8391, #6910: a permit that never reached its attempt, or was lost altogether, costs no slot", () => {
    const gate = opened({ probeLease: "30 seconds" })
    for (let n = 0; n < 5; n++) attempt(gate, 5000, unused)
    admitted(gate, 5000) // lost: nobody will settle it
    refused(gate, 34_999)
    assert.strictEqual(refused(gate, 35_000).retryAt, 45_000)
    admitted(gate, 45_000)
  })

  it("diegosouzapw/OmniRoute#13836: a probe that never comes back has failed when its lease ends, however late anyone looks", () => {
    for (const look of ["peek", "admit", "snapshot"] as const) {
      const gate = opened({ probeLease: "30 seconds" })
      admitted(gate, 5000)
      assert.strictEqual(gate.peek(34_999, one)?.reason, "BreakerProbing")
      if (look === "peek") assert.strictEqual(gate.peek(35_000, one)?.retryAt, 45_000)
      if (look === "admit") assert.strictEqual(refused(gate, 44_999).retryAt, 45_000)
      if (look === "snapshot") {
        const openedBy = "a probe that never ended"
        assert.deepInclude(gate.snapshot(40_000), { state: "open", retryInMs: 5000, opens: 2, openedBy })
      }
      assert.isUndefined(gate.peek(45_000, one))
      admitted(gate, 6 * 86_400_000)
    }
  })

  it("connor4312/cockatiel#64: four failures are forgotten after an hour without calls", () => {
    const gate = Breaker.make({ trip: Trip.timeWindow({ minCalls: 5 }) })
    for (let n = 0; n < 4; n++) attempt(gate, n, failed)
    assert.deepStrictEqual(attempt(gate, 3_600_000, failed), [])
    assert.strictEqual(gate.snapshot(3_600_000)["failures"], 1)
  })

  it("nodeshift/opossum#385: two failures at one moment open it once, and it comes back", () => {
    const gate = brittle()
    const two = [admitted(gate, 0), admitted(gate, 0)]
    const events = two.map((permit) => tags(gate.settle(permit, failed, 0)))
    assert.deepStrictEqual(events, [["BreakerOpened"], ["StaleOutcome"]])
    assert.strictEqual(refused(gate, 4999).retryAt, 5000)
    assert.deepStrictEqual(tags(attempt(gate, 5000, success)), ["BreakerHalfOpened", "BreakerClosed"])
  })

  it("nodeshift/opossum#276, #388, App-vNext/Polly#1979: a probe that says nothing neither closes it nor keeps its slot", () => {
    const gate = opened()
    for (const outcome of [ignored, unused, rateLimited(10), misconfigured("Auth")]) {
      const events = attempt(gate, 5000, outcome)
      assert.isFalse(tags(events).includes("BreakerClosed"))
      assert.strictEqual(gate.snapshot(5000).state, "half-open")
      assert.isUndefined(gate.peek(5000, one))
    }
  })

  it("nodeshift/opossum#119, resilience4j#1432: of a thousand that come when it half-opens, as many pass as there are probes", () => {
    for (const probes of [1, 3]) {
      const gate = opened({ probes, successesToClose: 2 })
      const answers = Array.from({ length: 1000 }, () => gate.admit(5000, one, () => 0.5))
      assert.strictEqual(answers.filter((answer) => !isReject(answer)).length, probes)
      // The place of one that has ended is one place.
      const [first] = answers
      if (first === undefined || isReject(first)) assert.fail("no probe")
      gate.settle(first, success, 5001)
      admitted(gate, 5001)
      refused(gate, 5001)
    }
  })

  it("App-vNext/Polly#216, #218: results that arrive late neither open it twice nor disturb its probe", () => {
    const gate = brittle()
    const late = Array.from({ length: 100 }, () => admitted(gate, 0))
    const events = late.slice(0, 50).flatMap((permit) => tags(gate.settle(permit, failed, 100)))
    assert.deepStrictEqual(events, ["BreakerOpened", ...Array.from({ length: 49 }, () => "StaleOutcome")])
    assert.strictEqual(refused(gate, 5099).retryAt, 5100)
    const probe = admitted(gate, 5100)
    for (const permit of late.slice(50)) gate.settle(permit, failed, 5101)
    assert.strictEqual(gate.peek(5101, one)?.reason, "BreakerProbing")
    assert.deepStrictEqual(tags(gate.settle(probe, success, 5102)), ["BreakerClosed"])
    assert.strictEqual(gate.snapshot(5102)["failuresInARow"], 0)
  })

  // cockatiel: a late failure made a successful probe leave the circuit open. opossum: a success begun before closed it.
  it("keeps what began before the trip away from the probe and from the closed breaker after it", () => {
    const gate = brittle()
    const [early, earlier, earliest] = [admitted(gate, 0), admitted(gate, 0), admitted(gate, 0)]
    attempt(gate, 0, failed)
    const probe = admitted(gate, 5000)
    assert.deepStrictEqual(tags(gate.settle(early, success, 5001)), ["BreakerHalfOpened", "StaleOutcome"])
    assert.strictEqual(gate.snapshot(5001).state, "half-open")
    gate.settle(earlier, failed, 5002)
    assert.deepStrictEqual(tags(gate.settle(probe, success, 5003)), ["BreakerClosed"])
    assert.deepStrictEqual(tags(gate.settle(earliest, failed, 5004)), ["StaleOutcome"])
    assert.deepInclude(gate.snapshot(5004), { state: "closed", failuresInARow: 0 })
  })

  it("App-vNext/Polly#2163: a thousand open periods in a row are never shorter than the first", () => {
    const gate = opened()
    let now = 5000
    for (let n = 0; n < 1100; n++) {
      attempt(gate, now, failed)
      const { retryAt } = refused(gate, now)
      assert.isAtLeast((retryAt ?? 0) - now, 10_000)
      assert.isAtMost((retryAt ?? 0) - now, 60_000)
      now = retryAt ?? 0
    }
  })

  it("sony/gobreaker#122: a result that comes too late is not silently dropped", () => {
    const gate = brittle()
    const late = admitted(gate, 0)
    attempt(gate, 0, failed)
    assert.deepStrictEqual(gate.settle(late, success, 1), [{ _tag: "StaleOutcome", gate: "breaker" }])
  })

  it("denoland/std#7306: a permit that is no probe frees no probe's slot", () => {
    const gate = brittle()
    const early = admitted(gate, 0)
    attempt(gate, 0, failed)
    admitted(gate, 5000)
    assert.deepStrictEqual(tags(gate.settle(early, ignored, 5001)), ["BreakerHalfOpened"])
    assert.strictEqual(gate.peek(5001, one)?.reason, "BreakerProbing")
  })
})
