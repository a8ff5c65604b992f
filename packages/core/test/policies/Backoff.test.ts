import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Backoff from "../../src/policies/Backoff.ts"
import * as Seeded from "../../src/testing/Seeded.ts"

const most = () => 1 - 2 ** -53
const least = () => 0
const upper = (policy: Backoff.Policy, n: number) => Math.round(Backoff.delayMs(policy, n, most))

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

  it("spreads evenly from 0 to the end of the range", () => {
    const rng = Seeded.rng(7)
    const policy = Backoff.make({ base: 1000, factor: 1 })
    const n = 20_000
    const tenths = new Array<number>(10).fill(0)
    for (let i = 0; i < n; i++) {
      const tenth = Math.floor(Backoff.delayMs(policy, i, rng) / 100)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    // n = 20,000, p = 0.1, five sigma.
    for (const count of tenths) assert.approximately(count, n / 10, 5 * Math.sqrt(n * 0.1 * 0.9))
  })

  it("is the uniform draw over the range, with a floor and a tenth of it on top where there is a hint", () => {
    fc.assert(
      fc.property(
        fc.record({
          base: fc.integer({ min: 1, max: 10_000 }),
          factor: fc.oneof(
            fc.constant(1),
            fc.integer({ min: 1001, max: 50_000 }).map((permille) => permille / 1000)
          ),
          more: fc.nat(1_000_000)
        }),
        fc.oneof(fc.nat(15), fc.nat(5000)),
        fc.option(fc.integer({ min: -10, max: 60_000 }), { nil: undefined }),
        fc.integer(),
        ({ base, factor, more }, n, hint, seed) => {
          const cap = base + more
          const policy = Backoff.make({ base, factor, cap })
          const delay = Backoff.delayMs(policy, n, Seeded.rng(seed), hint)
          const draws = Seeded.rng(seed)
          // Multiplied one by one and stopped at the cap: nothing to overflow.
          let range = base
          for (let i = 0; i < n && range < cap && factor > 1; i++) range = Math.min(cap, range * factor)
          const jittered = draws() * range
          const expected = hint !== undefined && hint > 0 ? Math.max(jittered, hint) + 0.1 * hint * draws() : jittered
          assert.approximately(delay, expected, 1e-9 * Math.max(1, expected) * (n + 1))
          if (hint !== undefined && hint > 0) assert.isAtLeast(delay, hint)
        }
      ),
      { numRuns: 2000 }
    )
  })

  // App-vNext/Polly#2163: a large exponent overflowed into a negative delay.
  it("is the cap, and a number, however many retries there were", () => {
    for (const factor of [1.0001, 2, 1e300]) {
      const policy = Backoff.make({ factor, cap: "20 seconds" })
      for (const n of [1e6, 1e15, Number.MAX_SAFE_INTEGER]) {
        assert.strictEqual(upper(policy, n), 20_000)
        assert.strictEqual(Backoff.delayMs(policy, n, least), 0)
      }
    }
  })

  it("takes a hint that is no wait for none, and one without end as one", () => {
    const policy = Backoff.make({ base: 1000 })
    for (const hint of [0, -1, Number.NaN])
      assert.strictEqual(
        Backoff.delayMs(policy, 0, () => 0.5, hint),
        500
      )
    assert.strictEqual(Backoff.delayMs(policy, 0, least, Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
  })

  it("lets the cap follow a longer base", () => {
    assert.strictEqual(upper(Backoff.make({ base: "1 minute" }), 3), 60_000)
  })

  it("names option, range and value of a mistake", () => {
    const duration = `must be a duration > 0, such as "30 seconds" or 1500 (milliseconds), got`
    assert.throws(() => Backoff.make({ base: 0 }), `Backoff: base ${duration} 0`)
    assert.throws(() => Backoff.make({ cap: "Infinity" }), "Backoff: cap must be a finite number > 0, got Infinity")
    assert.throws(() => Backoff.make({ cap: 10 }), "Backoff: cap must be a duration >= base (50 ms), got 10")
    assert.throws(() => Backoff.make({ factor: 0.5 }), "Backoff: factor must be a finite number >= 1, got 0.5")
    assert.throws(() => Backoff.make({ factor: Number.NaN }), "Backoff: factor must be a finite number >= 1, got NaN")
  })
})
