import { assert, describe, it } from "@effect/vitest"
import * as ClientThrottle from "../../src/gates/ClientThrottle.ts"
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

/** `n` attempts that end as `outcome`, admitted whatever the chance of a refusal. */
const feed = <P extends object>(gate: Gate<P>, n: number, outcome: Outcome | Unused, now = 0) => {
  for (let i = 0; i < n; i++) gate.settle(admitted(gate, now, one, lucky), outcome, now)
}

const share = <P extends object>(gate: Gate<P>, now = 0) => Number(gate.snapshot(now)["rejectShare"])

describe("ClientThrottle", () => {
  obeysTheLaws({ make: () => ClientThrottle.make(), probabilistic: true })
  describe("evenly, from the lowest class up", () => {
    obeysTheLaws({
      make: () => ClientThrottle.make({ order: "lowestFirst", choice: "stratified", maxReject: 0.5 }),
      probabilistic: true
    })
  })

  /** By hand: (100 - 2·40)/101, (100 - 2·25)/101, (100 - 2·10)/101, 100/101. */
  const published = [
    [100, 0],
    [75, 0],
    [50, 0],
    [40, 0.198],
    [25, 0.495],
    [10, 0.792],
    [0, 0.99]
  ] as const

  it("follows the rule of the SRE book: of 100 requests 100 to 0 accepted, K = 2", () => {
    for (const [accepts, p] of published) {
      assert.approximately(ClientThrottle.rejectProbability(100, accepts), p, 0.0005, `${accepts}`)
      const gate = ClientThrottle.make()
      feed(gate, accepts, success)
      feed(gate, 100 - accepts, failed)
      assert.approximately(share(gate), p, 0.0005, `${accepts}`)
      assert.deepInclude(gate.snapshot(0), { requests: 100, accepts, state: p === 0 ? "open" : "throttling" })
    }
  })

  it("is the stricter the smaller K is, and leaves out what `protection` leaves out", () => {
    assert.approximately(ClientThrottle.rejectProbability(100, 50, 1.1), 45 / 101, 1e-12)
    assert.approximately(ClientThrottle.rejectProbability(100, 50, 1.5), 25 / 101, 1e-12)
    // go-zero: K = 1.5, protection = 5.
    assert.approximately(ClientThrottle.rejectProbability(100, 50, 1.5, 5), 20 / 101, 1e-12)
    assert.strictEqual(ClientThrottle.rejectProbability(5, 0, 1.5, 5), 0)
    const gate = ClientThrottle.make({ k: 1.5, protection: 5 })
    feed(gate, 50, success)
    feed(gate, 50, failed)
    assert.approximately(share(gate), 20 / 101, 1e-12)
  })

  it("counts a request when it is attempted, not when it ends", () => {
    const gate = ClientThrottle.make()
    const first = admitted(gate, 0, one, lucky)
    const second = admitted(gate, 0, one, lucky)
    assert.deepInclude(gate.snapshot(0), { requests: 2, accepts: 0 })
    assert.approximately(share(gate), 2 / 3, 1e-12)
    gate.settle(first, success, 0)
    assert.strictEqual(share(gate), 0)
    gate.settle(second, success, 0)
    assert.deepInclude(gate.snapshot(0), { requests: 2, accepts: 2 })
  })

  it("lets attempts in flight be when as many are protected", () => {
    const gate = ClientThrottle.make({ protection: 20 })
    const flying = Array.from({ length: 20 }, () => admitted(gate, 0, one, unlucky))
    for (const permit of flying) {
      gate.settle(permit, success, 30_000)
      admitted(gate, 30_000, one, unlucky)
    }
    assert.strictEqual(gate.snapshot(30_000)["rejected"], 0)
  })

  it("counts what it refuses itself", () => {
    const gate = ClientThrottle.make()
    feed(gate, 4, failed)
    for (let i = 0; i < 5; i++) assert.isTrue(isReject(gate.admit(0, one, unlucky)))
    assert.deepInclude(gate.snapshot(0), { requests: 9, rejected: 5 })
    assert.approximately(share(gate), 9 / 10, 1e-12)
  })

  it("takes answers for accepts, and limits and failures of the backend for none", () => {
    for (const [outcome, requests, accepts] of [
      [success, 10, 10],
      [slow, 10, 10],
      [failed, 10, 0],
      [rateLimited(1000), 10, 0],
      [ignored, 0, 0],
      [misconfigured("Auth"), 0, 0],
      [unused, 0, 0]
    ] as const) {
      const gate = ClientThrottle.make()
      feed(gate, 10, outcome)
      assert.deepInclude(gate.snapshot(0), { requests, accepts }, outcome._tag)
    }
  })

  it("takes nothing back that the window has forgotten", () => {
    const gate = ClientThrottle.make({ window: "1 second" })
    const long = admitted(gate, 0, one, lucky)
    feed(gate, 3, failed, 1500)
    gate.settle(long, ignored, 1500)
    assert.strictEqual(gate.snapshot(1500)["requests"], 3)
  })

  it("looks back two minutes, in steps of five seconds", () => {
    const gate = ClientThrottle.make()
    feed(gate, 10, failed, 4999)
    assert.strictEqual(gate.snapshot(119_999)["requests"], 10)
    assert.strictEqual(gate.snapshot(120_000)["requests"], 0)
    assert.strictEqual(share(gate, 120_000), 0)
  })

  it("refuses retries as well: the backend sees them all", () => {
    const gate = ClientThrottle.make()
    feed(gate, 10, failed)
    for (const reason of ["primary", "retry", "failover", "hedge"] as const) {
      assert.isTrue(isReject(gate.admit(0, of("P0", reason), unlucky)), reason)
    }
  })

  it("never refuses more than `maxReject`, so that someone finds out when the backend is back", () => {
    const n = 10_000
    const gate = ClientThrottle.make({ maxReject: 0.9 })
    feed(gate, 1000, failed)
    const chance = rng(1)
    let refused = 0
    for (let i = 0; i < n; i++) if (isReject(gate.admit(0, one, chance))) refused++
    assert.approximately(refused, 0.9 * n, 5 * Math.sqrt(n * 0.9 * 0.1))
    assert.strictEqual(share(gate), 0.9)
    assert.isFalse(isReject(gate.admit(0, one, lucky)))
  })

  it("sends a backend R times its capacity at most K times it, and all of it once there is room", () => {
    // 100 requests a second fit; what is more gets a 429. One minute to find the level, one to measure it.
    for (const [offered, k] of [
      [0.8, 2],
      [1.5, 2],
      [3, 2],
      [10, 2],
      [5, 1.1],
      [5, 3]
    ] as const) {
      const gate = ClientThrottle.make({ k, window: "30 seconds" })
      const chance = rng(offered * 10 + k)
      let sent = 0
      for (let second = 0; second < 120; second++) {
        let capacity = 100
        for (let i = 0; i < offered * 100; i++) {
          const permit = gate.admit(second * 1000, one, chance)
          if (isReject(permit)) continue
          gate.settle(permit, capacity-- > 0 ? success : rateLimited(), second * 1000)
          if (second >= 60) sent++
        }
      }
      const expected = Math.min(offered, k) * 100 * 60
      assert.approximately(sent, expected, 0.03 * expected, `R = ${offered}, K = ${k}`)
    }
  })

  it("refuses the lowest classes first when told to, and spares the exempt", () => {
    const gate = ClientThrottle.make({ order: "lowestFirst", exempt: ["P0"] })
    feed(gate, 60, success) // of class P1
    for (let i = 0; i < 60; i++) gate.settle(admitted(gate, 0, of("P3"), lucky), success, 0)
    for (let i = 0; i < 180; i++) gate.settle(admitted(gate, 0, of("P0"), lucky), failed, 0)
    // (300 - 2·120)/301 is about a fifth, and so is P3.
    assert.approximately(share(gate), 0.199, 0.001)
    assert.isUndefined(gate.peek(0, of("P3")))
    feed(gate, 1, failed)
    assert.strictEqual(gate.peek(0, of("P3"))?.reason, "Shed")
    assert.isUndefined(gate.peek(0, of("P1")))
    assert.isFalse(isReject(gate.admit(0, of("P0"), unlucky)))
    assert.isTrue(isReject(gate.admit(0, of("P3"), lucky)))
  })

  it("refuses evenly when told to: 4 of 5 at a chance of 0.8", () => {
    const gate = ClientThrottle.make({ choice: "stratified", maxReject: 0.8 })
    gate.restore({ state: "throttling", requests: 999, accepts: 0 }, 0)
    let refused = 0
    for (let i = 0; i < 1000; i++) if (isReject(gate.admit(0, one, lucky))) refused++
    assert.strictEqual(refused, 800)
    assert.deepInclude(gate.snapshot(0), { requests: 1999, rejected: 800 })
  })

  it("forgets when told to, and survives a restart and a clock that steps back", () => {
    const gate = ClientThrottle.make()
    feed(gate, 10, failed, 50_000)
    feed(gate, 2, success, 0)
    const snapshot = gate.snapshot(0)
    assert.deepStrictEqual(snapshot, {
      state: "throttling",
      rejectShare: 8 / 13,
      requests: 12,
      accepts: 2,
      rejected: 0
    })
    const fresh = ClientThrottle.make()
    fresh.restore(JSON.parse(JSON.stringify(snapshot)), 7)
    assert.deepStrictEqual(fresh.snapshot(7), snapshot)
    fresh.clear?.(7)
    assert.deepInclude(fresh.snapshot(7), { state: "open", requests: 0, accepts: 0 })
  })

  it("makes the rejection once", () => {
    const gate = ClientThrottle.make()
    feed(gate, 10, failed)
    const first = gate.admit(0, one, unlucky)
    assert.deepStrictEqual(first, { _tag: "LocalReject", reason: "Shed", retryAt: undefined })
    assert.strictEqual(gate.admit(1, one, unlucky), first)
  })

  it("names option, range and value of a mistake", () => {
    const bad = (options: ClientThrottle.Options, message: string) =>
      assert.throws(() => ClientThrottle.make(options), message)
    bad({ k: 0.9 }, "ClientThrottle: k must be a finite number >= 1, got 0.9")
    bad({ maxReject: 1 }, "ClientThrottle: maxReject must be a share in [0, 1), got 1")
    bad({ protection: -1 }, "ClientThrottle: protection must be an integer >= 0, got -1")
    bad({ buckets: 0 }, "ClientThrottle: buckets must be an integer >= 1, got 0")
    bad({ window: "Infinity" }, "ClientThrottle: window must be a finite number > 0, got Infinity")
    bad(JSON.parse(`{ "order": 1 }`), "ClientThrottle: order must be one of lowestFirst, all, got 1")
  })
})
