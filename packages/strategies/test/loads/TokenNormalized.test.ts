import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { CandidateFixture } from "@spillway/core/testing"
import fc from "fast-check"
import * as PeakEwma from "../../src/loads/PeakEwma.ts"
import * as TokenNormalized from "../../src/loads/TokenNormalized.ts"

const { candidate } = CandidateFixture
const load = (values: CandidateFixture.Values, options?: TokenNormalized.Options) =>
  TokenNormalized.make(options)(candidate("a", values), 0)

/** What a target shows that needs `first` ms to begin and `perToken` for each of `tokens`. */
const streamed = (first: number, perToken: number, tokens: number) => ({
  latency: first + perToken * tokens,
  timeToFirstContent: first,
  timePerToken: perToken
})

/** The same, not streamed: what a router sees is the whole. */
const whole = (first: number, perToken: number, tokens: number) => ({
  latency: first + perToken * tokens,
  timePerToken: (first + perToken * tokens) / tokens
})

const time = fc.option(fc.double({ min: 0, max: 600_000, noNaN: true }), { nil: undefined })
const live = fc.record({
  weight: fc.double({ min: 0.01, max: 1000, noNaN: true }),
  inFlight: fc.nat({ max: 10_000 }),
  latency: time,
  timeToFirstContent: time,
  timePerToken: fc.option(fc.double({ min: 0, max: 1000, noNaN: true }), { nil: undefined }),
  successRate: fc.double({ min: 0, max: 1, noNaN: true })
})

describe("TokenNormalized", () => {
  it("is the time of an answer of 256 tokens, times attempts in flight and this one, for the weight", () => {
    assert.strictEqual(load(streamed(400, 20, 1000)), 400 + 256 * 20)
    assert.strictEqual(load({ ...streamed(400, 20, 1000), inFlight: 3, weight: 2 }), (400 + 256 * 20) * 2)
    assert.strictEqual(load(streamed(400, 20, 1000), { tokens: 10 }), 600)
  })

  it("does not take a target that is given long answers for a slow one", () => {
    assert.strictEqual(load(streamed(400, 20, 8000)), load(streamed(400, 20, 300)))
    // Whole answers: the waiting is spread over the tokens, and less of it falls on each of many.
    assert.closeTo(load(whole(400, 20, 8000)) / load(whole(400, 20, 300)), 1, 0.07)
    const long = candidate("a", streamed(400, 20, 8000))
    const short = candidate("b", streamed(400, 20, 300))
    assert.isAbove(PeakEwma.load(long, 0), 20 * PeakEwma.load(short, 0))
  })

  it("does not take waiting for slow writing where answers are short", () => {
    assert.strictEqual(load(whole(600, 10, 3)), 630)
  })

  it("takes a target that writes slowly for slow, however soon it begins", () => {
    assert.isAbove(load(streamed(100, 80, 500)), 3 * load(streamed(400, 20, 500)))
  })

  it("can compare one that has streamed with one that never has: equals within a tenth", () => {
    assert.closeTo(load(whole(400, 20, 500)) / load(streamed(400, 20, 500)), 1, 0.1)
    // Nor does it matter that the time to first content has faded since.
    const faded = load({ ...whole(400, 20, 500), timeToFirstContent: 0.001 })
    assert.closeTo(load(whole(400, 20, 500)) / faded, 1, 0.1)
  })

  it("is the latency where no tokens are counted: then it is peak EWMA, in all else too", () => {
    fc.assert(
      fc.property(live, (values) => {
        const uncounted = { ...values, timePerToken: undefined }
        assert.strictEqual(load(uncounted), PeakEwma.load(candidate("a", uncounted), 0))
      })
    )
  })

  it("costs little unknown and idle, and the unknown time for each attempt once one runs (finagle#449)", () => {
    assert.strictEqual(load({}), 1)
    for (let inFlight = 1; inFlight < 1000; inFlight++) {
      assert.strictEqual(load({ inFlight: inFlight + 1 }) - load({ inFlight }), 10_000)
    }
  })

  it("does not believe a failing target that is fast", () => {
    assert.closeTo(load({ latency: 5, successRate: 0.5 }), 5000 / 0.25, 1e-6)
    assert.closeTo(load({ latency: 5, successRate: 0.5 }, { unknown: "2 seconds" }), 1000 / 0.25, 1e-6)
    assert.closeTo(load({ ...streamed(400, 20, 256), successRate: 0.9 }), 5520 / 0.81, 1e-6)
  })

  it("is positive and finite, and its pace for each attempt, where known", () => {
    fc.assert(
      fc.property(live, (values) => {
        const own = candidate("a", values)
        const value = TokenNormalized.load(own, 0)
        assert.isTrue(value > 0 && Number.isFinite(value))
        const pace = TokenNormalized.load.pace(own, 0)
        if (values.latency === undefined) assert.isNaN(pace)
        else assert.strictEqual(pace * (values.inFlight + 1), value)
      })
    )
  })

  it("refuses options that are none, and names them", () => {
    assert.throws(
      () => TokenNormalized.make({ tokens: 0 }),
      InvalidOption,
      /TokenNormalized: tokens must be an integer >= 1/
    )
    assert.throws(() => TokenNormalized.make({ unknown: "Infinity" }), InvalidOption, /TokenNormalized: unknown/)
    assert.throws(() => TokenNormalized.make({ measure: "latency" } as never), InvalidOption, /measure/)
  })
})
