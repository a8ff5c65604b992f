import { assert, describe, it } from "@effect/vitest"
import * as Breaker from "../../src/gates/Breaker.ts"
import { share } from "../../src/gates/internal/ramp.ts"
import * as Trip from "../../src/gates/Trip.ts"
import { isReject, type Measured, type Millis } from "../../src/model/Gate.ts"
import { failure, ignored, slow, success } from "../../src/model/Outcome.ts"
import { rng } from "../../src/testing/Seeded.ts"
import { admitted, attempt, one, refused, tags } from "./support.ts"

const failed = failure("Overloaded")

/** One failure opens it, for 5 s. */
const brittle = (options: Breaker.Options = {}) => Breaker.make({ trip: Trip.consecutive(1), ...options })

/** Closed by a probe at 5000, which is where its ramp begins. */
const recovered = (options: Breaker.Options = {}) => {
  const gate = brittle(options)
  attempt(gate, 0, failed)
  attempt(gate, 5000, success)
  return gate
}

/** The least chance at which it refuses, found by halving: the share it admits. */
const shareOf = (gate: Breaker.Breaker, now: Millis): number => {
  let [passes, fails] = [0, 1]
  for (let n = 0; n < 50; n++) {
    const middle = (passes + fails) / 2
    const answer = gate.admit(now, one, () => middle)
    if (isReject(answer)) fails = middle
    else passes = middle
  }
  return fails
}

describe("Breaker, the ramp after closing", () => {
  // The formula is that of Envoy's slow start; 60 seconds with an aggression of 1.
  it("admits a tenth at first, then the share of the time that is over, then all", () => {
    const gate = recovered({ rampFor: "60 seconds" })
    for (const [seconds, expected] of [
      [0, 0.1],
      [6, 0.1],
      [15, 0.25],
      [30, 0.5],
      [45, 0.75],
      [59.9994, 0.99999],
      [60, 1],
      [3600, 1]
    ] as const) {
      assert.approximately(shareOf(gate, 5000 + seconds * 1000), expected, 1e-9, `${seconds} s`)
    }
  })

  it("rises faster at first with an aggression above 1, slower below", () => {
    for (const [aggression, seconds, expected] of [
      [2, 15, 0.5],
      [2, 1, Math.sqrt(1 / 60)],
      [2, 0.1, Math.sqrt(1 / 60)],
      [0.5, 15, 0.1],
      [0.5, 30, 0.25],
      [0.5, 45, 0.5625]
    ] as const) {
      assert.approximately(shareOf(recovered({ rampFor: 60_000, aggression }), 5000 + seconds * 1000), expected, 1e-9)
      assert.approximately(share(seconds * 1000, 60_000, aggression), expected, 1e-12)
    }
  })

  it("lasts 30 seconds by default and is off at 0 and `false`", () => {
    const gate = recovered()
    assert.approximately(shareOf(gate, 20_000), 0.5, 1e-9)
    assert.strictEqual(gate.snapshot(20_000)["rampLeftMs"], 15_000)
    assert.strictEqual(shareOf(gate, 35_000), 1)
    assert.strictEqual(gate.snapshot(35_000)["rampLeftMs"], 0)
    for (const rampFor of [0, false, "1 second"] as const) assert.strictEqual(shareOf(recovered({ rampFor }), 5000), 1)
  })

  it("refuses softly, with one and the same object, while peek says yes, and admits at a chance of 0", () => {
    const gate = recovered()
    const no = gate.admit(5000, one, () => 0.999)
    assert.deepStrictEqual(no, { _tag: "LocalReject", reason: "Ramping", retryAt: undefined, soft: true })
    assert.strictEqual(
      gate.admit(6000, one, () => 0.999),
      no
    )
    assert.isUndefined(gate.peek(5000, one))
    assert.strictEqual(admitted(gate, 5000, one, () => 0).note, "Ramp")
  })

  it("notes what it lets through: probes, the ramp's, and nothing about the others", () => {
    const gate = brittle()
    assert.isUndefined(admitted(gate, 0).note)
    attempt(gate, 0, failed)
    const probe = admitted(gate, 5000)
    assert.strictEqual(probe.note, "Probe")
    gate.settle(probe, success, 5000)
    assert.strictEqual(admitted(gate, 25_000).note, "Ramp")
    assert.isUndefined(admitted(gate, 35_000).note)
  })

  // n = 30,000 requests spread evenly over the ramp; the mean of max(.1, t) over [0, 1] is .505. Five sigma are 433 at most.
  it("admits half of what comes during the ramp, in a distribution of 30,000", () => {
    const gate = recovered()
    const chance = rng(7)
    let passed = 0
    for (let n = 0; n < 30_000; n++) if (!isReject(gate.admit(5000 + n, one, chance))) passed++
    assert.approximately(passed, 0.505 * 30_000, 5 * Math.sqrt(30_000 / 4))
  })

  it("counts a failure as at any other time: one does not open it again, as many as the policy says do, and for longer", () => {
    const gate = Breaker.make({ trip: Trip.consecutive(2) })
    attempt(gate, 0, failed)
    attempt(gate, 0, failed)
    attempt(gate, 5000, success)
    const certain = () => 0
    assert.deepStrictEqual(attempt(gate, 5001, failed, certain), [])
    assert.strictEqual(gate.snapshot(5001).state, "closed")
    assert.deepStrictEqual(tags(attempt(gate, 5002, failed, certain)), ["BreakerOpened"])
    assert.strictEqual(refused(gate, 5002).retryAt, 15_002)
  })

  it("goes on through a restart, not longer than its own length", () => {
    const snapshot = recovered().snapshot(15_000)
    for (const [rampFor, now, expected] of [
      ["30 seconds", 100, 1 / 3],
      ["30 seconds", 10_100, 2 / 3],
      ["30 seconds", 20_100, 1],
      ["10 seconds", 5100, 0.5],
      [false, 100, 1]
    ] as const) {
      const gate = brittle({ rampFor })
      gate.restore(JSON.parse(JSON.stringify(snapshot)), 100)
      assert.approximately(shareOf(gate, now), expected, 1e-9)
    }
  })

  it("is over when a person says so, and begins anew with each recovery", () => {
    const cleared = recovered()
    cleared.clear(6000)
    assert.strictEqual(shareOf(cleared, 6000), 1)
    const again = recovered()
    attempt(again, 34_000, failed, () => 0)
    attempt(again, 40_000, success)
    assert.approximately(shareOf(again, 55_000), 0.5, 1e-9)
  })
})

describe("Breaker, isolated by hand", () => {
  it("refuses everything until it is cleared, through a restart too, and gives no time", () => {
    const gate = brittle()
    gate.isolate(0)
    const refusal = { _tag: "LocalReject" as const, reason: "Isolated", retryAt: Number.POSITIVE_INFINITY }
    assert.deepStrictEqual(refused(gate, 1e12), refusal)
    assert.strictEqual(gate.peek(0, one), gate.peek(1, one))
    const fresh = brittle()
    fresh.restore(JSON.parse(JSON.stringify(gate.snapshot(2e12))), 0)
    assert.deepStrictEqual(fresh.peek(5, one), refusal)
    fresh.clear(10)
    assert.isUndefined(admitted(fresh, 10).note)
    assert.deepStrictEqual(tags(attempt(fresh, 10, success)), ["BreakerClosed"])
  })

  it("hears nothing of what was in flight, whatever state it was in", () => {
    const gate = opened()
    const probe = admitted(gate, 5000)
    gate.isolate(5001)
    gate.isolate(5002)
    assert.deepStrictEqual(tags(gate.settle(probe, success, 5003)), [
      "BreakerHalfOpened",
      "BreakerIsolated",
      "StaleOutcome"
    ])
    assert.strictEqual(gate.snapshot(5003).state, "isolated")
    gate.clear(5004)
    assert.deepInclude(gate.snapshot(5004), { state: "closed", opens: 0, rampLeftMs: 0 })
    attempt(gate, 5005, failed)
    assert.strictEqual(refused(gate, 5005).retryAt, 10_005)
  })
})

const opened = () => {
  const gate = brittle()
  attempt(gate, 0, failed)
  return gate
}

describe("Breaker, metrics only", () => {
  it("admits all, notes what it would have refused, and takes the first after its period for a probe", () => {
    const gate = brittle({ metricsOnly: true })
    assert.isUndefined(admitted(gate, 0).note)
    assert.deepStrictEqual(tags(attempt(gate, 0, failed)), ["BreakerOpened"])
    assert.isUndefined(gate.peek(1, one))
    assert.strictEqual(admitted(gate, 4999).note, "WouldReject")
    const probe = admitted(gate, 5000)
    assert.strictEqual(probe.note, "Probe")
    const other = admitted(gate, 5000)
    assert.strictEqual(other.note, "WouldReject")
    // It would not have been sent, so that nothing is learned from it.
    assert.deepStrictEqual(tags(gate.settle(other, failed, 5001)), ["BreakerHalfOpened"])
    assert.strictEqual(gate.snapshot(5001).state, "half-open")
    assert.deepStrictEqual(tags(gate.settle(probe, success, 5002)), ["BreakerClosed"])
    assert.strictEqual(admitted(gate, 5002, one, () => 0.5).note, "WouldReject")
    assert.strictEqual(admitted(gate, 5002, one, () => 0).note, "Ramp")
    gate.isolate(5003)
    assert.strictEqual(admitted(gate, 5003).note, "WouldReject")
    assert.strictEqual(gate.snapshot(5003).state, "isolated")
  })
})

describe("Breaker, when it counts slow answers", () => {
  const took = (firstContentMs: Millis): Measured => ({
    ms: 60_000,
    firstContentMs,
    inputTokens: undefined,
    outputTokens: undefined,
    limits: undefined
  })
  const trip = Trip.slowCalls({ firstContent: "2 seconds", size: 2 })

  it("opens at the share of slow answers, fails a probe that is slow, and closes at one that is not", () => {
    const gate = Breaker.make({ trip })
    const answered = (now: Millis, firstContentMs: Millis) =>
      tags(gate.settle(admitted(gate, now), success, now, took(firstContentMs)))
    assert.deepStrictEqual(answered(0, 2000), [])
    assert.deepStrictEqual(answered(0, 2001), ["BreakerOpened"])
    assert.strictEqual(gate.snapshot(0)["openedBy"], "50 % slow of the last 2, at least 2")
    assert.deepStrictEqual(answered(5000, 2001), ["BreakerHalfOpened", "BreakerOpened"])
    assert.deepStrictEqual(answered(15_000, 2000), ["BreakerHalfOpened", "BreakerClosed"])
  })

  it("takes a slow probe for a success where the policy does not ask for speed", () => {
    const gate = opened()
    assert.deepStrictEqual(tags(attempt(gate, 5000, slow)), ["BreakerHalfOpened", "BreakerClosed"])
  })
})

describe("Breaker, and what it costs", () => {
  it("makes the refusal of an open period once, for all who ask and peek", () => {
    const gate = opened()
    const no = gate.peek(0, one)
    for (let now = 0; now < 5000; now += 100) {
      assert.strictEqual(
        gate.admit(now, one, () => 0.5),
        no
      )
      assert.strictEqual(gate.peek(now, one), no)
    }
  })

  it("keeps the latest events only when nobody settles for a long time", () => {
    const gate = brittle()
    const running = admitted(gate, 0)
    for (let n = 0; n < 1000; n++) {
      gate.isolate(n)
      gate.clear(n)
    }
    const events = tags(gate.settle(running, ignored, 1000))
    assert.strictEqual(events.length, 32)
    assert.strictEqual(events.at(-1), "BreakerClosed")
  })

  it("stands still while the clock is behind what it has seen", () => {
    const gate = opened()
    attempt(gate, 5000, failed)
    assert.strictEqual(refused(gate, -1000).retryAt, 15_000)
    admitted(gate, 15_000)
    // A lease that began at 15 s does not end earlier because somebody's clock is slow.
    assert.strictEqual(gate.peek(0, one)?.reason, "BreakerProbing")
  })
})
