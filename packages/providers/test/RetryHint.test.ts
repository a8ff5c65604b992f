import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { goDuration, retryAfter, shouldRetry } from "../src/internal/errors/RetryHint.ts"

const now = Date.UTC(2026, 10, 22, 8, 0, 0)
const hint = (headers: Record<string, string>, retryDelay?: string) => retryAfter({ headers, retryDelay, now })

describe("RetryHint", () => {
  it("prefers retry-after-ms, then retry-after, then RetryInfo, then an empty bucket", () => {
    const bucket = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "4s" }
    assert.strictEqual(hint({ "retry-after-ms": "120.5", "retry-after": "2", ...bucket }, "3s"), 120.5)
    assert.strictEqual(hint({ "retry-after": "2", ...bucket }, "3s"), 2000)
    assert.strictEqual(hint(bucket, "3s"), 3000)
    assert.strictEqual(hint(bucket), 4000)
    assert.isUndefined(hint({}))
  })

  it("reads fractional seconds", () => {
    assert.strictEqual(hint({ "retry-after": "0.25" }), 250)
    assert.strictEqual(hint({ "retry-after": "0" }), 0)
  })

  // The example dates of RFC 9110, section 5.6.7, are one moment in three forms.
  for (const date of ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]) {
    it(`reads the HTTP date "${date}"`, () => {
      const sent = { date: "Sun, 06 Nov 1994 08:49:00 GMT" }
      assert.strictEqual(hint({ ...sent, "retry-after": date }), 37_000)
    })
  }

  it("reads dates against the server's clock, and against ours without one", () => {
    const headers = { "retry-after": "Sun, 22 Nov 2026 08:01:00 GMT" }
    assert.strictEqual(hint(headers), 60_000)
    assert.strictEqual(hint({ ...headers, date: "Sun, 22 Nov 2026 08:00:50 GMT" }), 10_000)
  })

  it("rejects what is negative, no number or in the past", () => {
    for (const value of ["-1", "NaN", "soon", "", "1e999", "0x10", "Sun, 22 Nov 2020 08:00:00 GMT"]) {
      assert.isUndefined(hint({ "retry-after": value }), value)
      assert.isUndefined(hint({ "retry-after-ms": value }), value)
    }
  })

  it("reads Go durations", () => {
    const vectors: Record<string, number> = {
      "120ms": 120,
      "1s": 1000,
      "7.66s": 7660,
      "6m0s": 360_000,
      "2m59.56s": 179_560,
      "1h2m3s": 3_723_000
    }
    for (const [text, ms] of Object.entries(vectors))
      assert.approximately(goDuration(text) ?? Number.NaN, ms, 1e-6, text)
    for (const text of ["", "s", "5", "1 s", "-1s", "1d"]) assert.isUndefined(goDuration(text), text)
  })

  it("waits for the slowest of the empty buckets only", () => {
    assert.strictEqual(
      hint({
        "x-ratelimit-remaining-requests": "12",
        "x-ratelimit-reset-requests": "23h",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "7.66s"
      }),
      7660
    )
    assert.strictEqual(
      hint({
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "9"
      }),
      9000
    )
    assert.isUndefined(hint({ "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "9" }))
  })

  it("reads resets as seconds, epoch seconds, epoch milliseconds and RFC 3339", () => {
    const reset = (value: string) => hint({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": value })
    assert.strictEqual(reset("30"), 30_000)
    assert.strictEqual(reset(String(now / 1000 + 30)), 30_000)
    assert.strictEqual(reset(String(now + 30)), 30)
    assert.strictEqual(
      hint({
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2026-11-22T08:00:05Z"
      }),
      5000
    )
    assert.strictEqual(hint({ "ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "12" }), 12_000)
  })

  it("is a finite number >= 0 or nothing, whatever the headers say", () => {
    const value = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.date({ noInvalidDate: true }).map((d) => d.toUTCString())
    )
    fc.assert(
      fc.property(value, value, value, (after, reset, date) => {
        const ms = hint({ "retry-after": after, "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, date }, after)
        if (ms !== undefined) assert.isTrue(Number.isFinite(ms) && ms >= 0)
      })
    )
  })

  it("reads x-should-retry", () => {
    assert.deepStrictEqual(
      ["true", "False", "maybe"].map((value) => shouldRetry({ "x-should-retry": value })),
      [true, false, undefined]
    )
  })
})
