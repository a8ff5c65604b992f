import { assert, describe, it } from "@effect/vitest"
import * as AdmissionControl from "../../src/gates/AdmissionControl.ts"
import type { AttemptReason, Cost, Priority } from "../../src/model/Cost.ts"
import { type Gate, isReject, type Rng } from "../../src/model/Gate.ts"
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
import { rng } from "../../src/testing/Seeded.ts"
import { admitted, obeysTheLaws, one } from "./support.ts"

const failed = failure("Overloaded")
const of = (priority: Priority, reason: AttemptReason = "primary"): Cost => ({ ...one, priority, reason })
const unlucky: Rng = () => 1 - Number.EPSILON
const lucky: Rng = () => 0

const feed = <P extends object>(gate: Gate<P>, n: number, outcome: Outcome | Unused, now = 0) => {
  for (let i = 0; i < n; i++) gate.settle(admitted(gate, now, one, lucky), outcome, now)
}

/** A gate that has seen `n` attempts, `s` of them successful. */
const after = (n: number, s: number, options: AdmissionControl.Options = {}) => {
  const gate = AdmissionControl.make(options)
  feed(gate, s, success)
  feed(gate, n - s, failed)
  return gate
}

const share = <P extends object>(gate: Gate<P>, now = 0) => Number(gate.snapshot(now)["rejectShare"])

describe("AdmissionControl", () => {
  obeysTheLaws({ make: () => AdmissionControl.make(), probabilistic: true })
  describe("evenly, from the lowest class up", () => {
    obeysTheLaws({
      make: () => AdmissionControl.make({ order: "lowestFirst", choice: "stratified", aggression: 2 }),
      probabilistic: true
    })
  })

  /** Of 100 requests; the values Envoy's own test of its filter expects, to within its 0.01. */
  const envoys = [
    { successRate: 1, aggression: 1, maxReject: 0.8, table: { 100: 0, 95: 0.05, 75: 0.25 } },
    { successRate: 1, aggression: 2, maxReject: 0.8, table: { 100: 0, 95: 0.22, 75: 0.5 } },
    { successRate: 0.95, aggression: 1, maxReject: 0.8, table: { 100: 0, 98: 0, 95: 0, 90: 0.05, 75: 0.2, 50: 0.46 } },
    { successRate: 1, aggression: 1, maxReject: 0.1, table: { 100: 0, 95: 0.05, 80: 0.1, 0: 0.1 } }
  ]

  it("refuses what Envoy's filter refuses", () => {
    for (const { table, ...options } of envoys) {
      for (const [s, p] of Object.entries(table)) {
        assert.approximately(share(after(100, Number(s), options)), p, 0.01, `${JSON.stringify(options)}: ${s} of 100`)
      }
    }
  })

  it("follows Envoy's formula to the last digit, computed by hand", () => {
    const p = AdmissionControl.rejectProbability
    assert.approximately(p(100, 90), (100 - 90 / 0.95) / 101, 1e-15)
    assert.approximately(p(100, 90), 0.0521105, 1e-7)
    assert.approximately(p(100, 50), 0.4689942, 1e-7)
    assert.approximately(p(100, 0), 0.990099, 1e-7)
    assert.approximately(p(100, 90, 0.95, 2), 0.2282772, 1e-7)
    assert.approximately(p(100, 90, 0.95, 3), 0.3735153, 1e-7)
    // failsafe-go: one failure of one execution.
    assert.strictEqual(p(1, 0, 0.9), 0.5)
    assert.strictEqual(p(0, 0), 0)
    assert.strictEqual(share(after(100, 0)), 0.8)
    assert.strictEqual(share(after(50, 0, { successRate: 0.9, maxReject: 0.9 })), 0.9)
  })

  it("needs 14.5 % errors to refuse 10 %, where a step needs 5 %", () => {
    // 1 - (1 - e)/.95 = .1 for e = .145, of many.
    assert.approximately(AdmissionControl.rejectProbability(1e9, 0.855e9), 0.1, 1e-9)
    assert.approximately(share(after(2000, 1710)), 0.1, 1e-4)
    assert.isBelow(share(after(2000, 1720)), 0.1)
    assert.isAbove(share(after(2000, 1700)), 0.1)
    assert.strictEqual(share(after(2000, 1900)), 0)
  })

  it("refuses nothing at exactly the threshold: no root makes something of what rounding leaves", () => {
    for (let permille = 500; permille < 1000; permille++) {
      for (const n of [1000, 2000]) {
        const p = AdmissionControl.rejectProbability(n, (n * permille) / 1000, permille / 1000, 10)
        // For .81 and others s/.81 is less than n, and the tenth root of 1e-16 is .025.
        if (p !== 0) assert.fail(`${p} at ${permille} of 1000`)
      }
    }
  })

  it("refuses the more the lower the success rate is, and the more aggressive it is", () => {
    for (let s = 0; s < 100; s++) {
      for (let aggression = 1; aggression < 5; aggression++) {
        const p = AdmissionControl.rejectProbability(100, s, 0.95, aggression)
        assert.isAtLeast(p, AdmissionControl.rejectProbability(100, s + 1, 0.95, aggression))
        assert.isAtMost(p, AdmissionControl.rejectProbability(100, s, 0.95, aggression + 1))
      }
    }
  })

  it("learns from completed attempts only", () => {
    for (const [outcome, samples, failures] of [
      [success, 10, 0],
      [slow, 10, 0],
      [failed, 10, 10],
      [rateLimited(1000), 0, 0],
      [ignored, 0, 0],
      [misconfigured("Auth"), 0, 0],
      [unused, 0, 0]
    ] as const) {
      const gate = AdmissionControl.make()
      feed(gate, 10, outcome)
      assert.deepInclude(gate.snapshot(0), { samples, failures }, outcome._tag)
    }
    const gate = after(100, 50)
    const before = share(gate)
    for (let i = 0; i < 100; i++) assert.isTrue(isReject(gate.admit(0, one, unlucky)))
    assert.deepInclude(gate.snapshot(0), { samples: 100, rejectShare: before, rejected: 100 })
  })

  it("refuses nothing below its rate of requests, averaged over the window", () => {
    const options = { minRequestsPerSecond: 5, window: "10 seconds" } as const
    assert.strictEqual(share(after(49, 0, options)), 0)
    assert.deepInclude(after(49, 0, options).snapshot(0), { state: "open", errorRate: 1 })
    assert.strictEqual(share(after(50, 0, options)), 0.8)
    assert.isAbove(share(after(1, 0)), 0)
  })

  it("looks back thirty seconds, in steps of one", () => {
    const gate = after(10, 0)
    assert.strictEqual(gate.snapshot(29_999)["samples"], 10)
    assert.strictEqual(gate.snapshot(30_000)["samples"], 0)
    assert.isUndefined(gate.peek(30_000, one))
  })

  it("refuses the share it says, by chance within five sigma, evenly to the request", () => {
    const n = 10_000
    for (const s of [90, 75, 50, 0]) {
      const chance = rng(s)
      const gate = after(100, s)
      const p = share(gate)
      let refused = 0
      for (let i = 0; i < n; i++) if (isReject(gate.admit(0, one, chance))) refused++
      assert.approximately(refused, n * p, 5 * Math.sqrt(n * p * (1 - p)), `${s} of 100`)

      // Fed one by one, it would refuse some of what it is fed.
      const even = AdmissionControl.make({ choice: "stratified" })
      even.restore(after(100, s).snapshot(0), 0)
      refused = 0
      for (let i = 0; i < n; i++) if (isReject(even.admit(0, one, lucky))) refused++
      assert.strictEqual(refused, Math.floor(n * p + 1e-6), `${s} of 100, evenly`)
    }
  })

  it("refuses retries as well, and always lets a chance of 0 in", () => {
    const gate = after(100, 0)
    for (const reason of ["primary", "retry", "failover", "hedge"] as const) {
      assert.isTrue(isReject(gate.admit(0, of("P0", reason), unlucky)), reason)
      assert.isFalse(isReject(gate.admit(0, of("P0", reason), lucky)), reason)
    }
  })

  it("refuses the lowest classes first when told to", () => {
    const gate = AdmissionControl.make({ order: "lowestFirst", exempt: ["P0"] })
    const ask = (n: number, priority: Priority, outcome: Outcome) => {
      for (let i = 0; i < n; i++) gate.settle(admitted(gate, 0, of(priority), lucky), outcome, 0)
    }
    ask(40, "P1", success)
    ask(20, "P2", success)
    ask(10, "P3", success)
    ask(30, "P0", failed)
    const p = share(gate) // (100 - 70/.95)/101, about 26 %
    assert.approximately(p, 0.2606, 1e-4)
    assert.strictEqual(gate.peek(0, of("P3"))?.reason, "Shed")
    assert.isUndefined(gate.peek(0, of("P2")))
    // What P3 leaves of it: 16 of 20. Others are not touched.
    const part = (100 * p - 10) / 20
    assert.isTrue(isReject(gate.admit(0, of("P3"), lucky)))
    assert.isFalse(isReject(gate.admit(0, of("P0"), unlucky)))
    assert.isFalse(isReject(gate.admit(0, of("P1"), unlucky)))
    // 103 arrivals now, 11 of them P3.
    const now = (103 * p - 11) / 20
    assert.approximately(now, part, 0.02)
    assert.isFalse(isReject(gate.admit(0, of("P2"), () => 1 - now - 1e-9)))
    assert.isTrue(isReject(gate.admit(0, of("P2"), () => 1 - (104 * p - 11) / 21 + 1e-9)))
  })

  it("forgets when told to, and survives a restart and a clock that steps back", () => {
    const gate = after(100, 80)
    feed(gate, 100, success, 20_000)
    feed(gate, 20, failed, 10_000)
    const snapshot = gate.snapshot(0)
    assert.deepStrictEqual(snapshot, {
      state: "shedding",
      rejectShare: (220 - 180 / 0.95) / 221,
      errorRate: 40 / 220,
      samples: 220,
      failures: 40,
      rejected: 0
    })
    const fresh = AdmissionControl.make()
    fresh.restore(JSON.parse(JSON.stringify(snapshot)), 7)
    assert.deepStrictEqual(fresh.snapshot(7), snapshot)
    fresh.clear?.(7)
    assert.deepInclude(fresh.snapshot(7), { state: "open", samples: 0, rejectShare: 0 })
  })

  it("makes the rejection once", () => {
    const gate = after(100, 0)
    const first = gate.admit(0, one, unlucky)
    assert.deepStrictEqual(first, { _tag: "LocalReject", reason: "Shed", retryAt: undefined })
    assert.strictEqual(gate.admit(1, one, unlucky), first)
  })

  it("names option, range and value of a mistake", () => {
    const bad = (options: AdmissionControl.Options, message: string) =>
      assert.throws(() => AdmissionControl.make(options), message)
    bad({ successRate: 0 }, "AdmissionControl: successRate must be a share in (0, 1], got 0")
    bad({ aggression: 0.5 }, "AdmissionControl: aggression must be a finite number >= 1, got 0.5")
    bad({ maxReject: 1 }, "AdmissionControl: maxReject must be a share in [0, 1), got 1")
    bad({ minRequestsPerSecond: -1 }, "AdmissionControl: minRequestsPerSecond must be a finite number >= 0, got -1")
    bad({ buckets: 0 }, "AdmissionControl: buckets must be an integer >= 1, got 0")
    bad({ window: "Infinity" }, "AdmissionControl: window must be a finite number > 0, got Infinity")
  })
})
