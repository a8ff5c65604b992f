import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as SlidingWindow from "../../src/gates/SlidingWindow.ts"
import { isReject, type Millis } from "../../src/model/Gate.ts"
import { failure, ignored, type Outcome, rateLimited, success, type Unused, unused } from "../../src/model/Outcome.ts"
import { admitted, half, obeysTheLaws, one, refused } from "./support.ts"

const quantity = (requests: number) => ({ requests, tokens: 0 })
const second = 1000
const minute = 60 * second

/** Admits at `now` until it refuses. */
const admits = (gate: ReturnType<typeof SlidingWindow.make>, now: Millis) => {
  let n = 0
  while (!isReject(gate.admit(now, one, half))) n++
  return n
}

interface Entry {
  readonly at: Millis
  readonly requests: number
}

/** What is left after `requests` more, from everything that was admitted and not handed back; negative: they do not fit. */
type Model = (entries: ReadonlyArray<Entry>, at: Millis, requests: number) => number

const total = (entries: ReadonlyArray<Entry>) => entries.reduce((sum, { requests }) => sum + requests, 0)

const exactModel =
  (limit: number, ms: Millis): Model =>
  (entries, at, requests) =>
    limit - total(entries.filter((entry) => entry.at > at - ms)) - requests

const counterModel =
  (limit: number, ms: Millis): Model =>
  (entries, at, requests) => {
    const window = Math.floor(at / ms)
    const inWindow = (n: number) => total(entries.filter((entry) => Math.floor(entry.at / ms) === n))
    const faded = 1 - (at - window * ms) / ms
    return limit - inWindow(window) - inWindow(window - 1) * faded - requests
  }

describe("SlidingWindow", () => {
  describe("counter", () => {
    obeysTheLaws({ make: () => SlidingWindow.make({ limit: 5, window: "1 minute" }) })
  })
  describe("exact", () => {
    obeysTheLaws({ make: () => SlidingWindow.make({ limit: 5, window: "1 minute", exact: true }) })
  })

  // J. Desgats, Cloudflare blog, 2017: limit 50, 42 in the previous minute, 18 in this one, 15 s old: 42·(45/60) + 18 = 49.5.
  it("gives the example of Cloudflare: 49.5 of 50, and the next one is too many", () => {
    const gate = SlidingWindow.make({ limit: 50, window: minute })
    for (let n = 0; n < 42; n++) admitted(gate, n * second)
    for (let n = 0; n < 18; n++) admitted(gate, 75 * second)
    const { retryAt } = refused(gate, 75 * second)
    // 42·(1 - e) + 19 = 50 at e = 11/42 of the minute.
    assert.approximately(retryAt ?? 0, (60 + (60 * 11) / 42) * second, 1e-6)
    if (retryAt === undefined) return
    assert.strictEqual(gate.peek(retryAt - 0.01, one)?.retryAt, retryAt)
    admitted(gate, retryAt)
  })

  // ElvinEfendi/lua-resty-global-throttle, spec/resty/global_throttle/sliding_window_spec.lua: 5 in 1 s, all at 0.678.
  it("gives the vectors of lua-resty-global-throttle", () => {
    const gate = SlidingWindow.make({ limit: 5, window: second })
    assert.strictEqual(admits(gate, 678), 5)
    // There the delay is what remains of the window, 322 ms; but the first moment of the next one counts these five in full.
    assert.approximately(refused(gate, 678).retryAt ?? 0, 1200, 1e-9)
    refused(gate, 1000)
    assert.strictEqual(admits(gate, 1200), 1) // 0.8·5 + 1 = 5
    assert.approximately(refused(gate, 1200).retryAt ?? 0, 1400, 1e-9) // 0.8 - (5 - 2)/5 s later
    const rested = SlidingWindow.make({ limit: 5, window: second })
    admits(rested, 678)
    assert.strictEqual(admits(rested, 2000), 5) // only the window right before counts
  })

  it("lets nobody have more than the limit in any minute when exact, where the counter can be led to nearly twice", () => {
    const most = (exact: boolean) => {
      const gate = SlidingWindow.make({ limit: 10, window: minute, exact })
      const times = new Array<Millis>(admits(gate, 59_990)).fill(59_990)
      for (let now = 60_000; now <= 119_980; now += 10) if (!isReject(gate.admit(now, one, half))) times.push(now)
      return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + minute).length))
    }
    assert.deepStrictEqual([most(true), most(false)], [10, 19])
  })

  it("admits the whole limit at once, and again when the window has passed to the moment", () => {
    const gate = SlidingWindow.make({ limit: 7, window: minute, exact: true })
    assert.strictEqual(admits(gate, 100.25), 7)
    assert.deepStrictEqual(refused(gate, 2000), { _tag: "LocalReject", reason: "RateLimited", retryAt: 60_100.25 })
    refused(gate, 60_100.2)
    assert.strictEqual(gate.snapshot(60_100.25)["left"], 7)
    assert.strictEqual(admits(gate, 60_100.25), 7)
  })

  it("says for a larger request when enough of the earlier ones have left", () => {
    const gate = SlidingWindow.make({ limit: 6, window: minute, exact: true })
    for (const at of [0, 1000, 2000]) admitted(gate, at, quantity(2))
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 6].map((requests) => refused(gate, 3000, quantity(requests)).retryAt),
      [60_000, 60_000, 61_000, 61_000, 62_000, 62_000]
    )
    for (const exact of [true, false]) {
      const fresh = SlidingWindow.make({ limit: 6, window: minute, exact })
      assert.isUndefined(refused(fresh, 0, quantity(7)).retryAt)
    }
  })

  const commands = fc.array(
    fc.record({
      wait: fc.integer({ min: -300, max: 1500 }),
      requests: fc.nat(6),
      refund: fc.option(fc.nat(20)),
      outcome: fc.constantFrom<Outcome | Unused>(success, ignored, rateLimited(5), failure("Network"))
    }),
    { maxLength: 50, size: "max" }
  )

  for (const [name, exact, modelOf] of [
    ["exact", true, exactModel],
    ["counter", false, counterModel]
  ] as const) {
    it(`says what a recomputation from everything says, and the first moment that fits: ${name}`, () => {
      fc.assert(
        fc.property(
          fc.record({ limit: fc.integer({ min: 1, max: 8 }), ms: fc.integer({ min: 500, max: 5000 }) }),
          commands,
          ({ limit, ms }, list) => {
            const gate = SlidingWindow.make({ limit, window: ms, exact })
            const model = modelOf(limit, ms)
            const given: Array<{ readonly permit: SlidingWindow.Permit; readonly entry: Entry }> = []
            let entries: ReadonlyArray<Entry> = []
            let clock = 0
            let now = Number.NEGATIVE_INFINITY
            for (const { outcome, refund, requests, wait } of list) {
              clock += wait
              now = Math.max(now, clock) // a clock that steps back
              const left = model(entries, now, requests)
              // Of fractions too close to the border it is not known what rounding does.
              if (Math.abs(left) < 2e-5 && left !== 0) continue
              const verdict = gate.peek(clock, quantity(requests))
              assert.strictEqual(verdict === undefined, left >= 0)
              if (verdict?.retryAt !== undefined) {
                assert.isAtLeast(model(entries, verdict.retryAt, requests), -1e-9)
                assert.isBelow(model(entries, Math.max(now, verdict.retryAt - 1e-3), requests), 0)
              } else if (verdict !== undefined) assert.isAbove(requests, limit)
              const answer = gate.admit(clock, quantity(requests), half)
              if (isReject(answer)) assert.strictEqual(answer, verdict)
              else {
                assert.isUndefined(verdict)
                const entry = { at: now, requests }
                given.push({ permit: answer, entry })
                entries = [...entries, entry]
              }
              const ended = given[refund ?? given.length - 3]
              if (ended === undefined) continue
              if (refund !== null && !ended.permit.settled) entries = entries.filter((entry) => entry !== ended.entry)
              // The second settle, and every later one, changes nothing.
              gate.settle(ended.permit, refund === null ? outcome : unused, clock)
              gate.settle(ended.permit, unused, clock)
            }
          }
        ),
        { numRuns: 1500 }
      )
    })
  }

  it("takes out what was not used, in any order and however often, without remembering it", () => {
    const gate = SlidingWindow.make({ limit: 3, window: minute, exact: true })
    admitted(gate, 0)
    for (let n = 1; n <= 20_000; n++) {
      const [first, second] = [admitted(gate, n), admitted(gate, n + 0.5)]
      gate.settle(first, unused, n + 0.5)
      gate.settle(second, unused, n + 0.5)
    }
    assert.strictEqual(gate.snapshot(20_001)["left"], 2)
    assert.strictEqual(gate.snapshot(20_001)["log"], "67:1")
    assert.strictEqual(admits(gate, 20_001), 2)
    assert.strictEqual(refused(gate, 20_001).retryAt, minute)
  })

  it("keeps each of many where it was, while others between them are taken out", () => {
    const gate = SlidingWindow.make({ limit: 100, window: minute, exact: true })
    for (let n = 0; n < 100; n++) {
      const early = admitted(gate, 10 * n)
      if (n < 50) admitted(gate, 10 * n + 5)
      gate.settle(early, unused, 10 * n + 5)
    }
    assert.strictEqual(gate.snapshot(1000)["left"], 50)
    for (let n = 0; n < 50; n++) {
      assert.strictEqual(refused(gate, 1000, quantity(51 + n)).retryAt, minute + 10 * n + 5)
    }
    for (let n = 0; n < 50; n++) assert.strictEqual(gate.snapshot(minute + 10 * n + 5)["left"], 51 + n)
  })

  it("counts a request of an earlier window where it was, when it is handed back", () => {
    const gate = SlidingWindow.make({ limit: 4, window: minute })
    const early = admitted(gate, 59_000)
    for (let n = 0; n < 3; n++) admitted(gate, 59_000)
    assert.strictEqual(admits(gate, 75_000), 1) // 4·0.75 + 1
    gate.settle(early, unused, 75_000)
    assert.strictEqual(gate.snapshot(75_000)["previous"], 3)
    assert.strictEqual(refused(gate, 75_000).retryAt, 80_000) // 3·(1 - e) + 2 = 4
  })

  it("survives a restart on another clock: nothing is forgotten, and nothing leaves too early", () => {
    for (const exact of [true, false]) {
      const gate = SlidingWindow.make({ limit: 5, window: minute, exact })
      for (const at of [0, 10_000, 20_000, 30_000, 40_000]) admitted(gate, at)
      const restored = SlidingWindow.make({ limit: 5, window: minute, exact })
      restored.restore(JSON.parse(JSON.stringify(gate.snapshot(45_000))), 1_000_000)
      const was = (refused(gate, 45_000).retryAt ?? 0) - 45_000
      const is = (refused(restored, 1_000_000).retryAt ?? 0) - 1_000_000
      assert.isAtLeast(is, was - 1e-6)
      assert.isAtMost(is, was + minute / 100)
    }
  })

  it("takes a broken snapshot for an empty one, and a permit from before a restore for nothing", () => {
    const gate = SlidingWindow.make({ limit: 2, window: minute, exact: true })
    const before = admitted(gate, 0)
    gate.restore({ state: "free", log: "x:1 5 3:-2 7:NaN 0:1 999:1 50:1 100:1 " }, 0)
    gate.settle(before, unused, 0)
    // The last of them stands where the permit's own request stood before.
    assert.strictEqual(gate.snapshot(0)["left"], 0)
    assert.strictEqual(gate.snapshot(0)["log"], "50:1 100:1")
  })

  it("makes one rejection for all who ask until the time changes", () => {
    const gate = SlidingWindow.make({ limit: 1, window: minute, exact: true })
    admitted(gate, 0)
    assert.strictEqual(gate.peek(1, one), gate.peek(2, one))
    assert.isUndefined(gate.peek(2, quantity(0)))
  })

  it("names option, range and value of a mistake", () => {
    assert.throws(
      () => SlidingWindow.make({ limit: 1.5, window: minute }),
      "SlidingWindow: limit must be an integer >= 1, got 1.5"
    )
    assert.throws(
      () => SlidingWindow.make({ limit: 1, window: "Infinity" }),
      "SlidingWindow: window must be a finite number > 0, got Infinity"
    )
    assert.throws(() => SlidingWindow.make({ limit: 1, window: 0 }), "SlidingWindow: window must be a duration > 0")
  })
})
