import { assert, describe, it } from "@effect/vitest"
import { reportedLimits } from "../src/internal/http/ReportedLimits.ts"

const now = Date.parse("2026-01-01T00:00:00Z")

describe("limits in the headers of an answer", () => {
  it("are read in OpenAI's spelling, with Go durations", () => {
    assert.deepStrictEqual(
      reportedLimits(
        {
          "x-ratelimit-limit-requests": "60",
          "x-ratelimit-remaining-requests": "59",
          "x-ratelimit-reset-requests": "1s",
          "x-ratelimit-limit-tokens": "150000",
          "x-ratelimit-remaining-tokens": "149984",
          "x-ratelimit-reset-tokens": "6m0s"
        },
        now
      ),
      [
        { resource: "requests", remaining: 59, limit: 60, resetMs: 1000 },
        { resource: "tokens", remaining: 149_984, limit: 150_000, resetMs: 360_000 }
      ]
    )
  })

  it("are read in Anthropic's spelling, with times against the server's own clock", () => {
    assert.deepStrictEqual(
      reportedLimits(
        {
          date: "Thu, 01 Jan 2026 00:00:00 GMT",
          "anthropic-ratelimit-input-tokens-limit": "50000",
          "anthropic-ratelimit-input-tokens-remaining": "0",
          "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:30Z"
        },
        now + 3_600_000
      ),
      [{ resource: "inputTokens", remaining: 0, limit: 50_000, resetMs: 30_000 }]
    )
  })

  it("say nothing without a remaining number that is one", () => {
    assert.isUndefined(reportedLimits({ "x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "1s" }, now))
    assert.isUndefined(reportedLimits({ "x-ratelimit-remaining-requests": "many" }, now))
    assert.deepStrictEqual(reportedLimits({ "x-ratelimit-remaining": "3" }, now), [
      { resource: "requests", remaining: 3 }
    ])
  })
})
