import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "@spillway/core/InvalidOption"
import { CandidateFixture } from "@spillway/core/testing"
import fc from "fast-check"
import * as PeakEwma from "../../src/loads/PeakEwma.ts"

const { candidate } = CandidateFixture
const load = (values: CandidateFixture.Values, options?: PeakEwma.Options) =>
  PeakEwma.make(options)(candidate("a", values), 0)

const live = fc.record({
  weight: fc.double({ min: 0.01, max: 1000, noNaN: true }),
  inFlight: fc.nat({ max: 10_000 }),
  latency: fc.option(fc.double({ min: 0, max: 600_000, noNaN: true }), { nil: undefined }),
  successRate: fc.double({ min: 0, max: 1, noNaN: true })
})

describe("PeakEwma", () => {
  it("is Finagle's cost * (pending + 1) for a healthy target, divided by its weight", () => {
    assert.strictEqual(load({ latency: 800 }), 800)
    assert.strictEqual(load({ latency: 800, inFlight: 3 }), 3200)
    assert.strictEqual(load({ latency: 800, inFlight: 3, weight: 4 }), 800)
  })

  it("is divided by the success rate squared", () => {
    assert.closeTo(load({ latency: 4000, successRate: 0.9 }), 4000 / 0.81, 1e-6)
    assert.closeTo(load({ latency: 9000, successRate: 0.5 }), 36_000, 1e-6)
  })

  it("does not believe a failing target that is fast: it costs a share of the unknown latency", () => {
    assert.closeTo(load({ latency: 5, successRate: 0.5 }), 5000 / 0.25, 1e-6)
    assert.closeTo(load({ latency: undefined, successRate: 0.5 }), 5000 / 0.25, 1e-6)
    assert.closeTo(load({ latency: 5, successRate: 0.5 }, { unknown: "2 seconds" }), 1000 / 0.25, 1e-6)
    assert.isAbove(load({ latency: 0, successRate: 0 }), load({ latency: 5000, inFlight: 100 }))
  })

  it("has a new target tried while it is idle, and not flooded before its first answer", () => {
    const known = load({ latency: 300, inFlight: 2 })
    assert.isBelow(load({ inFlight: 0 }), known)
    assert.isAbove(load({ inFlight: 1 }), known)
  })

  it("has a penalty beside which one more attempt still counts, and which a busy target exceeds (finagle#449)", () => {
    for (let inFlight = 1; inFlight < 1000; inFlight++) {
      assert.strictEqual(load({ inFlight: inFlight + 1 }) - load({ inFlight }), 10_000)
    }
    assert.isBelow(load({ inFlight: 1 }), load({ latency: 1000, inFlight: 25 }))
  })

  it("measures the first content of a stream on request", () => {
    const values = { latency: 9000, timeToFirstContent: 400 }
    assert.strictEqual(load(values, { measure: "timeToFirstContent" }), 400)
    assert.strictEqual(load(values), 9000)
  })

  it("is positive and finite for every candidate", () => {
    fc.assert(
      fc.property(live, (values) => {
        const value = load(values)
        assert.isTrue(value > 0 && Number.isFinite(value))
      })
    )
  })

  it("never falls with more attempts, more latency, less weight or less success", () => {
    fc.assert(
      fc.property(live, fc.nat({ max: 100 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, more, factor) => {
        const value = load(values)
        const worse: ReadonlyArray<CandidateFixture.Values> = [
          { ...values, inFlight: values.inFlight + more },
          { ...values, weight: Math.max(0.001, values.weight * factor) },
          { ...values, successRate: values.successRate * factor },
          values.latency === undefined ? values : { ...values, latency: values.latency + more }
        ]
        for (const other of worse) assert.isAtLeast(load(other), value)
      })
    )
  })

  it("refuses an unknown latency that is not finite and positive, and names the option", () => {
    for (const unknown of [0, -5, "Infinity", "soon"] as const) {
      assert.throws(() => PeakEwma.make({ unknown: unknown as "Infinity" }), InvalidOption, /PeakEwma: unknown must be/)
    }
  })
})
