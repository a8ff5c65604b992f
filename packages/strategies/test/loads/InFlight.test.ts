import { assert, describe, it } from "@effect/vitest"
import { CandidateFixture } from "@spillway/core/testing"
import * as InFlight from "../../src/loads/InFlight.ts"

describe("InFlight", () => {
  it("is attempts in flight for the weight, whatever the latency and the failures", () => {
    const a = CandidateFixture.candidate("a", { weight: 4, inFlight: 6, latency: 9000, successRate: 0.1 })
    assert.strictEqual(InFlight.load(a, 0), 1.5)
    a.inFlight = 0
    assert.strictEqual(InFlight.load(a, 0), 0)
  })
})
