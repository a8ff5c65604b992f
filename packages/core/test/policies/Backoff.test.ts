import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Random, Schedule } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import * as Backoff from "../../src/policies/Backoff.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

const most = () => 1 - 2 ** -53
const least = () => 0
const half = () => 0.5
const upper = (policy: Backoff.Policy, n: number) => Math.round(Backoff.delayMs(policy, n, most))
const jitters: ReadonlyArray<Backoff.Jitter> = ["full", "equal", "decorrelated", "decorrelatedV2", "additive", "none"]

/** The waits of one call. */
const waits = (policy: Backoff.Policy, count: number, rng: () => number): Array<number> => {
  const memory = Backoff.memory()
  return Array.from({ length: count }, (_, n) => Backoff.delayMs(policy, n, rng, undefined, memory))
}
const sum = (list: ReadonlyArray<number>) => list.reduce((total, item) => total + item, 0)
const median = (list: ReadonlyArray<number>) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN

describe("Backoff", () => {
  it("grows from 50 ms by doubling to 20 s, and from 1 s where it is told so", () => {
    const retries = [0, 1, 2, 3, 4, 8, 9, 30]
    assert.deepStrictEqual(
      retries.map((n) => upper(Backoff.make(), n)),
      [50, 100, 200, 400, 800, 12_800, 20_000, 20_000]
    )
    assert.deepStrictEqual(
      retries.map((n) => upper(Backoff.make({ base: "1 second" }), n)),
      [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]
    )
  })

  // grpc/proposal A6: retry n waits random(0, min(initialBackoff·backoffMultiplier^(n-1), maxBackoff)); its example has
  // 0.1 s, multiplier 2, at most 1 s.
  it("waits within the ranges of gRPC's example", () => {
    const policy = Backoff.make({ base: "100 millis", cap: "1 second" })
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4, 5].map((n) => upper(policy, n)),
      [100, 200, 400, 800, 1000, 1000]
    )
    for (let n = 0; n < 6; n++) assert.strictEqual(Backoff.delayMs(policy, n, least), 0)
  })

  // aws-samples/aws-arch-backoff-simulator: base 5, cap 2000, and the four rules of the AWS article. Its draws are put at
  // the ends and in the middle of their ranges; the numbers follow by hand.
  it("waits as AWS's simulator does, at the ends and in the middle of every range", () => {
    const of = (jitter: Backoff.Jitter, rng: () => number) =>
      waits(Backoff.make({ jitter, base: 5, cap: 2000 }), 10, rng).map((ms) => Math.round(ms * 1000) / 1000)
    const exponential = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2000]
    assert.deepStrictEqual(of("none", half), exponential)
    assert.deepStrictEqual(of("full", least), new Array(10).fill(0))
    assert.deepStrictEqual(of("full", most), exponential)
    assert.deepStrictEqual(of("equal", least), [2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1000])
    assert.deepStrictEqual(of("equal", half), [3.75, 7.5, 15, 30, 60, 120, 240, 480, 960, 1500])
    assert.deepStrictEqual(of("equal", most), exponential)
    assert.deepStrictEqual(of("decorrelated", least), new Array(10).fill(5))
    assert.deepStrictEqual(of("decorrelated", most), [15, 45, 135, 405, 1215, 2000, 2000, 2000, 2000, 2000])
    assert.deepStrictEqual(of("decorrelated", half).slice(0, 5), [10, 17.5, 28.75, 45.625, 70.938])
  })

  it("spreads evenly over the range of its kind", () => {
    const n = 20_000
    for (const [jitter, from, to] of [
      ["full", 0, 1000],
      ["equal", 500, 1000],
      ["decorrelated", 1000, 3000],
      ["additive", 1000, 2000]
    ] as const) {
      const rng = Seeded.rng(7)
      const policy = Backoff.make({ jitter, base: 1000, ...(jitter === "decorrelated" ? {} : { factor: 1 }) })
      const tenths = new Array<number>(10).fill(0)
      for (let i = 0; i < n; i++) {
        const tenth = Math.floor(((Backoff.delayMs(policy, i, rng) - from) / (to - from)) * 10)
        tenths[tenth] = (tenths[tenth] ?? 0) + 1
      }
      assert.strictEqual(tenths.length, 10)
      // n = 20,000, p = 0.1, five sigma.
      for (const count of tenths) assert.approximately(count, n / 10, 5 * Math.sqrt(n * 0.1 * 0.9), jitter)
    }
  })

  describe("decorrelatedV2", () => {
    const polly = (base: number) => Backoff.make({ jitter: "decorrelatedV2", base, cap: "1 hour" })

    // App-vNext/Polly, RetryHelper: the delay before try t (0-based) lies between 0 and f·(2^(t+1) - 2^(t-1)) for t >= 2, and
    // between 0 and f·2^(t+1) for t = 0, 1. Polly.Contrib.WaitAndRetry tests 1,000 seeds with f = 3 s and six retries.
    it("stays in the ranges that Polly documents, for 1,000 seeds", () => {
      for (let seed = 0; seed < 1000; seed++) {
        const list = waits(polly(3000), 6, Seeded.rng(seed))
        for (const [t, ms] of list.entries()) {
          const limit = t < 2 ? 2 ** (t + 1) : 2 ** (t + 1) - 2 ** (t - 1)
          assert.isAtLeast(ms, 0)
          assert.isAtMost(ms, 3000 * limit)
        }
      }
    })

    // The same place: "for example: 850ms, 1455ms, 3060ms". The draws that give it were found by bisection.
    it("can give the waits of Polly's example", () => {
      const draws = [0.4490279781556079, 0.7057314267309094, 0.9121362185793673]
      const list = waits(polly(1000), 3, () => draws.shift() ?? Number.NaN)
      assert.deepStrictEqual(list.map(Math.round), [850, 1455, 3060])
    })

    // Polly: the median of the first retry is close to f, later retries come at f·2^1, f·2^2, ... in the median. The exact
    // medians are f/1.4·2^t·tanh √(4t) at t = 0.5, 1.5, ...
    it("puts the medians of the times at which retries come near 1, 2, 4, 8 and 16 s", () => {
      const rng = Seeded.rng(5)
      const n = 20_000
      const times: Array<Array<number>> = [[], [], [], [], []]
      for (let i = 0; i < n; i++) {
        let at = 0
        for (const [t, ms] of waits(polly(1000), 5, rng).entries()) {
          at += ms
          times[t]?.push(at)
        }
      }
      for (const [t, list] of times.entries()) {
        assert.approximately(median(list) / 1000, 2 ** t, 0.11 * 2 ** t)
        // Of n draws about half lie below the middle of their range: n = 20,000, p = 0.5, five sigma.
        const exact = (1000 / 1.4) * 2 ** (t + 0.5) * Math.tanh(Math.sqrt(4 * (t + 0.5)))
        assert.approximately(list.filter((ms) => ms < exact).length, n / 2, 5 * Math.sqrt(n / 4))
      }
    })

    // App-vNext/Polly#2163, and the attempts of its test.
    it("is positive and at most the cap for any number of attempts", () => {
      const policy = Backoff.make({ jitter: "decorrelatedV2", base: 2000, cap: 30_000 })
      const rng = Seeded.rng(0)
      for (const n of [1, 2, 3, 4, 10, 100, 1000, 1024, 1025, Number.MAX_SAFE_INTEGER]) {
        const memory = Backoff.memory()
        for (let i = 0; i < 2; i++) {
          const ms = Backoff.delayMs(policy, n, rng, undefined, memory)
          assert.isAbove(ms, 0)
          assert.isAtMost(ms, 30_000)
        }
      }
    })

    it("draws each wait from the same distribution when nothing remembers the call", () => {
      const n = 20_000
      const remembered = Seeded.rng(1)
      const forgotten = Seeded.rng(2)
      const policy = polly(1000)
      const second = Array.from({ length: n }, () => waits(policy, 2, remembered)[1] ?? Number.NaN)
      const middle = median(second)
      let below = 0
      for (let i = 0; i < n; i++) if (Backoff.delayMs(policy, 1, forgotten) < middle) below++
      // Two samples of n = 20,000 each, p = 0.5, five sigma.
      assert.approximately(below, n / 2, 5 * Math.sqrt(n / 2))
    })
  })

  describe("the rule for rate limits", () => {
    const rule = Backoff.make(Backoff.rateLimitRule)

    it("waits 2^n to 2^n + 1 s, 15 to 19 s in all, 17 s in the mean", () => {
      assert.deepStrictEqual(
        waits(rule, 4, least).map((ms) => ms / 1000),
        [1, 2, 4, 8]
      )
      const n = 10_000
      const rng = Seeded.rng(11)
      let total = 0
      for (let i = 0; i < n; i++) {
        const list = waits(rule, 4, rng)
        for (const [retry, ms] of list.entries()) {
          assert.isAtLeast(ms, 1000 * 2 ** retry)
          assert.isBelow(ms, 1000 * 2 ** retry + 1000)
        }
        assert.isAtLeast(sum(list), 15_000)
        assert.isBelow(sum(list), 19_000)
        total += sum(list)
      }
      // Four uniform draws of 1 s: sigma of the mean is 1000 · √(4/12) / √n.
      assert.approximately(total / n, 17_000, (5 * 1000 * Math.sqrt(4 / 12)) / Math.sqrt(n))
    })

    it("stays at 20 s at most, a Retry-After apart, and still spreads those who have reached it", () => {
      for (const n of [5, 6, 100, 5000]) {
        assert.strictEqual(Backoff.delayMs(rule, n, least), 19_000)
        assert.approximately(Backoff.delayMs(rule, n, most), 20_000, 1e-6)
      }
      assert.strictEqual(Backoff.delayMs(rule, 0, least, 25_000), 25_000)
      assert.approximately(Backoff.delayMs(rule, 0, most, 25_000), 27_500, 1e-6)
    })

    const attempts = (seed: number, wait: (rng: () => number) => (n: number) => number) =>
      Effect.gen(function* () {
        const random = yield* Random.Random
        const delayMs = wait(() => random.nextDoubleUnsafe())
        const times: Array<number> = [yield* Clock.currentTimeMillis]
        for (let n = 0; n < 4; n++) {
          yield* Effect.sleep(Duration.millis(delayMs(n)))
          times.push(yield* Clock.currentTimeMillis)
        }
        return times
      }).pipe(Random.withSeed(seed))

    /** The same rule as a schedule of Effect's own parts. */
    const schedule = Schedule.exponential("1 second").pipe(
      Schedule.modifyDelay(({ duration }) =>
        Effect.map(Random.next, (next) => Duration.sum(duration, Duration.millis(next * 1000)))
      ),
      Schedule.upTo({ times: 4 })
    )

    // Under the seed 42, attempts at 0, 1227, 4048, 8212, 16512 ms.
    it.effect("makes attempts when the schedule of Effect's parts makes them", () =>
      Effect.gen(function* () {
        for (const seed of [42, 1, 2, 3]) {
          const times = yield* Effect.forkChild(attempts(seed, (rng) => (n) => Backoff.delayMs(rule, n, rng)))
          yield* TestClock.adjust("1 minute")
          const ours = yield* Fiber.join(times)
          const scheduled: Array<number> = []
          const start = yield* Clock.currentTimeMillis
          const failing = Effect.andThen(
            Effect.flatMap(Clock.currentTimeMillis, (at) => Effect.sync(() => scheduled.push(at - start))),
            Effect.fail("429")
          )
          yield* Effect.forkChild(failing.pipe(Effect.retry(schedule), Effect.ignore, Random.withSeed(seed)))
          yield* TestClock.adjust("1 minute")
          const first = ours[0] ?? Number.NaN
          assert.strictEqual(ours.length, 5)
          assert.strictEqual(scheduled.length, 5)
          for (const [i, at] of ours.entries()) assert.approximately(at - first, scheduled[i] ?? Number.NaN, 2)
          if (seed !== 42) continue
          for (const [i, at] of [0, 1227, 4048, 8212, 16512].entries()) {
            assert.approximately((ours[i] ?? Number.NaN) - first, at, 2)
          }
        }
      })
    )

    it("draws the waits of the seed 42 exactly", () => {
      const draws = Effect.runSync(
        Random.withSeed(Effect.all([Random.next, Random.next, Random.next, Random.next]), 42)
      )
      const list = waits(rule, 4, () => draws.shift() ?? Number.NaN)
      const times = [0, 1, 2, 3, 4].map((attempt) => Math.round(sum(list.slice(0, attempt))))
      assert.deepStrictEqual(times, [0, 1227, 4048, 8212, 16512])
    })
  })

  const kind = fc.record({
    jitter: fc.constantFrom(...jitters),
    base: fc.integer({ min: 1, max: 10_000 }),
    factor: fc.oneof(
      fc.constantFrom(1, 2, 3),
      fc.integer({ min: 1001, max: 50_000 }).map((permille) => permille / 1000)
    ),
    spread: fc.integer({ min: 1, max: 10_000 }),
    more: fc.nat(1_000_000)
  })
  const steps = fc.array(
    fc.record({
      skip: fc.oneof(fc.constant(0), fc.nat(20)),
      hint: fc.option(fc.integer({ min: -10, max: 60_000 }), { nil: undefined })
    }),
    { minLength: 1, maxLength: 12, size: "max" }
  )

  it("is the textbook's rule drawn by hand, with a floor and a tenth of it on top where there is a hint", () => {
    fc.assert(
      fc.property(kind, steps, fc.integer(), fc.boolean(), (kind, steps, seed, remember) => {
        const { base, factor, jitter, more } = kind
        const spread = jitter === "additive" ? kind.spread : 0
        const cap = base + spread + more
        const policy = Backoff.make({ jitter, base, factor, cap, ...(jitter === "additive" ? { spread } : {}) })
        const memory = remember ? Backoff.memory() : undefined
        const rng = Seeded.rng(seed)
        const draw = Seeded.rng(seed)
        const between = (low: number, high: number) => low + (high - low) * draw()
        const x = (t: number) => Math.exp(t * Math.log(factor)) * Math.tanh(2 * Math.sqrt(t))
        let sleep = base
        let lastT: number | undefined
        let n = -1
        for (const { hint, skip } of steps) {
          n += 1 + skip
          // Multiplied one by one and stopped at the cap: nothing to overflow.
          let range = base
          for (let i = 0; i < n && range < cap && factor > 1; i++) range = Math.min(cap, range * factor)
          let own = Number.NaN
          if (jitter === "full") own = between(0, range)
          else if (jitter === "equal") own = range / 2 + between(0, range / 2)
          else if (jitter === "none") own = range
          else if (jitter === "additive") own = Math.min(range, cap - spread) + between(0, spread)
          else if (jitter === "decorrelated") {
            own = Math.min(cap, between(base, factor * sleep))
            if (remember) sleep = own
          } else {
            const before = n === 0 ? 0 : lastT === undefined ? between(0, 1) : lastT
            const t = between(0, 1)
            if (remember) lastT = t
            const first = n === 0 ? 0 : x(n - 1 + before)
            own = Math.min(cap, (base / 1.4) * (x(n + t) - first))
          }
          const expected = hint !== undefined && hint > 0 ? Math.max(own, hint) + between(0, 0.1 * hint) : own
          const actual = Backoff.delayMs(policy, n, rng, hint, memory)
          // x_n - x_(n-1) cancels, so the tolerance follows what is subtracted, before the cap.
          const scale = jitter === "decorrelatedV2" ? Math.min(1e11, (base / 1.4) * x(n + 1)) : expected
          assert.approximately(actual, expected, 1e-11 * Math.max(1, scale) * (n + 1))
          if (hint !== undefined && hint > 0) {
            assert.isAtLeast(actual, hint)
            assert.isAtMost(actual, Math.max(cap, hint) + 0.1 * hint)
          } else {
            assert.isAtLeast(actual, 0)
            assert.isAtMost(actual, cap)
          }
        }
      }),
      { numRuns: 3000 }
    )
  })

  it("lets a hint lengthen this wait and not the next one", () => {
    const policy = Backoff.make({ jitter: "decorrelated", base: 100 })
    const memory = Backoff.memory()
    assert.approximately(Backoff.delayMs(policy, 0, half, 10_000, memory), 10_500, 1e-9)
    assert.strictEqual(memory.previousMs, 200)
    assert.strictEqual(Backoff.delayMs(policy, 1, half, undefined, memory), 350)
  })

  it("may share one memory among the policies of a call", () => {
    const memory = Backoff.memory()
    const short = Backoff.make({ jitter: "decorrelated", base: 10 })
    const long = Backoff.make({ jitter: "decorrelated", base: 1000 })
    const smooth = Backoff.make({ jitter: "decorrelatedV2", base: 1000 })
    assert.strictEqual(Backoff.delayMs(short, 0, half, undefined, memory), 20)
    assert.strictEqual(Backoff.delayMs(long, 1, half, undefined, memory), 2000)
    for (let n = 2; n < 40; n++) {
      const ms = Backoff.delayMs(n % 3 === 0 ? smooth : short, n, Seeded.rng(n), undefined, memory)
      assert.isAtLeast(ms, 0)
      assert.isAtMost(ms, 20_000)
    }
  })

  // App-vNext/Polly#2163: a large exponent overflowed into a negative delay.
  it("is the cap, and a number, however many retries there were and however fast it grows", () => {
    for (const factor of [1.0001, 2, 1e300, Number.MAX_VALUE]) {
      const policy = Backoff.make({ factor, cap: "20 seconds" })
      for (const n of [1e6, 1e15, Number.MAX_SAFE_INTEGER]) {
        assert.strictEqual(upper(policy, n), 20_000)
        assert.strictEqual(Backoff.delayMs(policy, n, least), 0)
      }
      for (const jitter of jitters) {
        const policy = Backoff.make({ jitter, factor, base: 10, cap: "20 seconds" })
        for (const rng of [least, half, most]) {
          const memory = Backoff.memory()
          for (const n of [0, 1, 2, 1e3, 1e6, Number.MAX_SAFE_INTEGER]) {
            const ms = Backoff.delayMs(policy, n, rng, undefined, memory)
            assert.isTrue(ms >= 0 && ms <= 20_000, `${jitter} ${factor} ${n}: ${ms}`)
          }
        }
      }
    }
  })

  it("takes a hint that is no wait for none, and one without end as one", () => {
    const policy = Backoff.make({ base: 1000 })
    for (const hint of [0, -1, Number.NaN]) assert.strictEqual(Backoff.delayMs(policy, 0, half, hint), 500)
    assert.strictEqual(Backoff.delayMs(policy, 0, least, Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
  })

  it("is a constant without jitter and growth", () => {
    const policy = Backoff.make({ jitter: "none", factor: 1, base: 700 })
    for (const n of [0, 1, 50]) assert.strictEqual(Backoff.delayMs(policy, n, most), 700)
  })

  it("lets the cap follow a longer base", () => {
    assert.strictEqual(upper(Backoff.make({ base: "1 minute" }), 3), 60_000)
    assert.strictEqual(Backoff.make({ jitter: "additive", base: "15 seconds" }).cap, 30_000)
  })

  it("names option, range and value of a mistake", () => {
    const message = (options: Backoff.Options, expected: string) => assert.throws(() => Backoff.make(options), expected)
    const duration = `must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got`
    message({ base: 0 }, `Backoff: base ${duration} 0`)
    message({ cap: "Infinity" }, "Backoff: cap must be a finite number > 0, got Infinity")
    message({ cap: 10 }, "Backoff: cap must be a duration >= base (50 ms), got 10")
    message({ factor: 0.5 }, "Backoff: factor must be a finite number >= 1, got 0.5")
    message({ factor: Number.NaN }, "Backoff: factor must be a finite number >= 1, got NaN")
    message(
      { jitter: "additive", base: 10, spread: 5, cap: 14 },
      "Backoff: cap must be a duration >= base + spread (15 ms), got 14"
    )
    message({ jitter: "additive", spread: 0 }, `Backoff: spread ${duration} 0`)
    message({ spread: 10 }, `Backoff: spread must be left out unless jitter is "additive", got 10`)
    // What plain JavaScript may pass.
    const wrong = { jitter: "some" } as unknown as Backoff.Options
    message(
      wrong,
      `Backoff: jitter must be one of full, equal, decorrelated, decorrelatedV2, additive, none, got "some"`
    )
    assert.throws(() => Backoff.make({ base: 0 }, "RetryTable: X.backoff."), `RetryTable: X.backoff.base ${duration} 0`)
  })
})
