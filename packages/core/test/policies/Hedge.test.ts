import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import * as Hedge from "../../src/policies/Hedge.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

const feed = (hedge: Hedge.Hedge, key: string, times: ReadonlyArray<number>, now = 0) => {
  for (const ms of times) hedge.observe(key, ms, now)
}

/** Up to two digits by its decimal notation, whole milliseconds at least. */
const roundedUp = (ms: number) => {
  const [digits = "0", exponent = "0"] = ms.toExponential(15).split("e")
  const places = Math.max(0, Number(exponent) - 1)
  const scaled = Number(`${digits}e${Number(exponent) - places}`)
  return Number(`${Math.ceil(scaled)}e${places}`)
}

const normal = (rng: () => number) => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng())

describe("Hedge", () => {
  it.effect("is off unless it is turned on by a layer", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* Hedge.Hedging.pipe(Effect.provide(Hedge.layerOff)))
      const hedge = yield* Hedge.Hedging.pipe(Effect.provide(Hedge.layer({ after: "2 seconds" })))
      assert.strictEqual(hedge?.delayMs("any", 0), 2000)
    })
  )

  it("waits for 20 times of the same key, and longer than 95 % of them", () => {
    const hedge = Hedge.make()
    feed(hedge, "m", new Array(18).fill(1000))
    hedge.observe("m", 5000, 0)
    feed(hedge, "other", new Array(50).fill(100))
    assert.isUndefined(hedge.delayMs("m", 0))
    assert.isUndefined(hedge.delayMs("never heard of", 0))
    hedge.observe("m", 8000, 0)
    // The 19th of 20, known to 5 %, in two digits.
    const delay = hedge.delayMs("m", 0) ?? Number.NaN
    assert.isTrue(delay >= 4700 && delay <= 5300 && delay % 100 === 0, String(delay))
    hedge.observe("m", 1000, 0)
    hedge.observe("m", 8000, 0)
    assert.isAbove(hedge.delayMs("m", 0) ?? 0, 7000)
  })

  it("forgets times that are older than its window, and then hedges no more", () => {
    const hedge = Hedge.make({ window: "1 minute" })
    feed(hedge, "m", new Array(20).fill(1000))
    assert.isDefined(hedge.delayMs("m", 47_999))
    assert.isUndefined(hedge.delayMs("m", 60_000))
    feed(hedge, "m", new Array(20).fill(300), 60_000)
    assert.isAtMost(hedge.delayMs("m", 60_000) ?? Number.NaN, 320)
  })

  it("keeps to the shortest and the longest delay", () => {
    const hedge = Hedge.make({ min: 200, max: 3000 })
    feed(hedge, "fast", new Array(20).fill(10))
    feed(hedge, "slow", new Array(20).fill(60_000))
    assert.strictEqual(hedge.delayMs("fast", 0), 200)
    assert.strictEqual(hedge.delayMs("slow", 0), 3000)
  })

  it("is the same percentile as that of a list of all recent times, rounded up to two digits", () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant("observe" as const),
          key: fc.constantFrom("a", "b", "c"),
          ms: fc.integer({ min: 0, max: 1500 }).map((e) => 10 ** (e / 250)),
          times: fc.integer({ min: 1, max: 5 })
        })
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: -50, max: 400 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("ask" as const), key: fc.constantFrom("a", "b", "c") }) }
    )
    fc.assert(
      fc.property(
        fc.record({
          percent: fc.integer({ min: 1, max: 99 }),
          minSamples: fc.integer({ min: 1, max: 8 }),
          min: fc.integer({ min: 1, max: 1000 }),
          more: fc.option(fc.nat(100_000), { nil: undefined }),
          slice: fc.integer({ min: 1, max: 300 })
        }),
        fc.array(step, { maxLength: 60, size: "max" }),
        ({ min, minSamples, more, percent, slice }, steps) => {
          const window = slice * 5
          const max = more === undefined ? Number.POSITIVE_INFINITY : min + more
          const hedge = Hedge.make({ percentile: percent / 100, minSamples, min, max, window })
          const log: Array<{ key: string; ms: number; at: number }> = []
          // Each key has a clock of its own that never goes back; a key nobody asked about has seen nothing.
          const seen: Record<string, number> = {}
          const see = (key: string, now: number) => {
            const at = Math.max(seen[key] ?? now, now)
            seen[key] = at
            return at
          }
          let now = 0
          const check = (key: string) => {
            const delay = hedge.delayMs(key, now)
            if (!log.some((entry) => entry.key === key)) return assert.isUndefined(delay)
            const at = see(key, now)
            const live = log
              .filter((entry) => entry.key === key && at - Math.floor(entry.at / slice) * slice < window)
              .map(({ ms }) => ms)
              .sort((a, b) => a - b)
            if (live.length < minSamples) return assert.isUndefined(delay)
            const exact = live[Math.max(1, Math.floor((percent * live.length + 99) / 100)) - 1] ?? Number.NaN
            const bounded = (ms: number) => Math.min(max, Math.max(min, roundedUp(ms)))
            const actual = delay ?? Number.NaN
            assert.isAtLeast(actual, bounded(exact * 0.95 * (1 - 1e-9)))
            assert.isAtMost(actual, bounded(exact * 1.05 * (1 + 1e-9)))
            if (actual !== min && actual !== max) assert.strictEqual(actual, roundedUp(actual))
          }
          for (const step of steps) {
            if (step.do === "wait") now += step.ms
            else if (step.do === "ask") check(step.key)
            else
              for (let i = 0; i < step.times; i++) {
                hedge.observe(step.key, step.ms, now)
                log.push({ key: step.key, ms: step.ms, at: see(step.key, now) })
              }
          }
          for (const key of ["a", "b", "c"]) check(key)
        }
      ),
      { numRuns: 1500 }
    )
  })

  it("knows few delays, so that the router needs few timers", () => {
    const delays = new Set<number>()
    const rng = Seeded.rng(1)
    for (let i = 0; i < 5000; i++) {
      const hedge = Hedge.make({ minSamples: 1, min: 1 })
      hedge.observe("m", 1000 * 10 ** rng(), 0)
      delays.add(hedge.delayMs("m", 0) ?? Number.NaN)
    }
    assert.isAtMost(delays.size, 92)
    for (const ms of delays) assert.strictEqual(ms, Number(ms.toPrecision(2)))
  })

  it("keeps its law: copies of any minute <= maxExtra · calls of that minute + the minimum", () => {
    fc.assert(
      fc.property(
        fc.record({ maxExtra: fc.constantFrom(0, 0.05, 0.2, 1), minPerSecond: fc.constantFrom(0, 0.02, 0.1) }),
        fc.array(
          fc.record({
            wait: fc.oneof(fc.nat(900), fc.integer({ min: -500, max: 40_000 })),
            calls: fc.nat(25),
            wishes: fc.nat(5)
          }),
          { maxLength: 40, size: "max" }
        ),
        (options, steps) => {
          const hedge = Hedge.make({ ...options, after: 1 })
          const calls: Array<number> = []
          const copies: Array<number> = []
          let clock = 0
          let now = 0
          for (const { calls: begun, wait, wishes } of steps) {
            clock += wait
            if (begun + wishes > 0) now = Math.max(now, clock)
            for (let i = 0; i < begun; i++) {
              hedge.deposit(clock)
              calls.push(now)
            }
            for (let i = 0; i < wishes; i++) {
              const may = hedge.hasBalance(clock)
              assert.strictEqual(hedge.tryWithdraw(clock), may)
              if (!may) continue
              copies.push(now)
              const within = (list: ReadonlyArray<number>) => list.filter((at) => at > now - 60_000).length
              assert.isAtMost(within(copies), options.maxExtra * within(calls) + options.minPerSecond * 60 + 1e-6)
            }
          }
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("allows one copy in twenty calls by default, and none without", () => {
    const hedge = Hedge.make()
    assert.isFalse(hedge.tryWithdraw(0))
    for (let i = 0; i < 39; i++) hedge.deposit(0)
    assert.isTrue(hedge.tryWithdraw(0))
    assert.isFalse(hedge.tryWithdraw(0))
    hedge.deposit(0)
    assert.isTrue(hedge.tryWithdraw(59_000))
    assert.deepStrictEqual(hedge.snapshot(59_000).budget, { calls: 40, extras: 2, balance: 0 })
    for (let i = 0; i < 100; i++) hedge.deposit(60_000)
    assert.strictEqual(hedge.snapshot(60_000).budget.balance, 3)
  })

  it("measures no more keys than it may, and keeps those in use for as long as they are", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ key: fc.nat(7), wait: fc.oneof(fc.nat(20), fc.nat(700)) }), {
          maxLength: 30,
          size: "max"
        }),
        (maxKeys, steps) => {
          const window = 500
          const hedge = Hedge.make({ maxKeys, window, minSamples: 1 })
          const names = (now: number) =>
            hedge
              .snapshot(now)
              .keys.filter(({ samples }) => samples > 0)
              .map(({ key }) => key)
          let now = 0
          for (const { key, wait } of steps) {
            now += wait
            const before = names(now)
            hedge.observe(String(key), 100, now)
            const after = names(now)
            assert.isAtMost(hedge.snapshot(now).keys.length, maxKeys)
            for (const name of before) assert.include(after, name)
            if (before.length === maxKeys && !before.includes(String(key))) assert.notInclude(after, String(key))
          }
          // All idle: a new key is in with the first try.
          hedge.observe("new", 100, now + 1000)
          assert.deepStrictEqual(names(now + 1000), ["new"])
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("gives the place of an idle key to a new one after asking every key once", () => {
    const hedge = Hedge.make({ maxKeys: 3, window: 1000, minSamples: 1 })
    const now = 2000
    hedge.observe("busy 1", 100, 0)
    hedge.observe("busy 2", 100, 0)
    hedge.observe("idle", 100, 0)
    hedge.observe("busy 1", 100, now)
    hedge.observe("busy 2", 100, now)
    for (let i = 0; i < 2; i++) {
      hedge.observe("new", 100, now)
      assert.isUndefined(hedge.delayMs("new", now))
    }
    hedge.observe("new", 100, now)
    assert.isDefined(hedge.delayMs("new", now))
    assert.isUndefined(hedge.delayMs("idle", now))
    assert.isDefined(hedge.delayMs("busy 1", now))
    assert.isDefined(hedge.delayMs("busy 2", now))
  })

  // Dean and Barroso, "The Tail at Scale": deferred to the 95th percentile, copies add about 5 % of load and cut the tail.
  it("sends about 5 % of copies at most and cuts the slowest hundredth of a stalling provider", () => {
    const rng = Seeded.rng(2013)
    // 98 % lognormal around a second, 2 % stalls of 20 s and more.
    const time = () => (rng() < 0.02 ? 20_000 : 0) + 1000 * Math.exp(0.4 * normal(rng))
    const calls = 20_000
    const run = (hedge: Hedge.Hedge) => {
      const totals: Array<number> = []
      let copies = 0
      let wishes = 0
      for (let i = 0; i < calls; i++) {
        const now = i * 50
        hedge.deposit(now)
        const first = time()
        const delay = hedge.delayMs("m", now) ?? Number.POSITIVE_INFINITY
        let total = first
        if (first > delay) {
          wishes++
          if (hedge.hasBalance(now) && hedge.tryWithdraw(now)) {
            copies++
            const second = time()
            total = Math.min(first, delay + second)
            // The winner with its own time, the loser with the time it had run.
            hedge.observe("m", Math.min(second, total - delay), now)
          }
        }
        hedge.observe("m", total, now)
        totals.push(total)
      }
      totals.sort((a, b) => a - b)
      return { copies, wishes, p99: totals[Math.floor(calls * 0.99)] ?? Number.NaN }
    }
    const plain = run(Hedge.make({ maxExtra: 0 }))
    const hedged = run(Hedge.make())
    assert.strictEqual(plain.copies, 0)
    // What wants a copy is 5 % by the percentile; its 5 % of error and the two digits move that a little.
    for (const { wishes } of [plain, hedged]) {
      assert.isAtLeast(wishes, 0.035 * calls)
      assert.isAtMost(wishes, 0.058 * calls + 5 * Math.sqrt(calls * 0.058 * 0.942))
    }
    assert.isAtMost(hedged.copies, 0.05 * calls)
    assert.isAtLeast(hedged.copies, 0.03 * calls)
    assert.isAbove(plain.p99, 20_000)
    assert.isBelow(hedged.p99, plain.p99 / 2)
  })

  it("names option, range and value of a mistake", () => {
    const message = (options: Hedge.Options, expected: string) => assert.throws(() => Hedge.make(options), expected)
    message({ percentile: 1 }, "Hedge: percentile must be a share in (0, 1), got 1")
    message({ minSamples: 0 }, "Hedge: minSamples must be an integer >= 1, got 0")
    message({ min: "Infinity" }, "Hedge: min must be a finite number > 0, got Infinity")
    message({ min: 100, max: 99 }, "Hedge: max must be a duration >= min (100 ms), got 99")
    message({ maxExtra: 1.5 }, "Hedge: maxExtra must be a share in [0, 1], got 1.5")
    message({ minPerSecond: -1 }, "Hedge: minPerSecond must be a finite number >= 0, got -1")
    message({ maxKeys: 0 }, "Hedge: maxKeys must be an integer >= 1, got 0")
    message({ window: "Infinity" }, "Hedge: window must be a finite number > 0, got Infinity")
    message({ after: 0 }, `Hedge: after must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got 0`)
    message({ after: 100, percentile: 0.9 }, "Hedge: percentile must be left out beside after, got 0.9")
  })
})
