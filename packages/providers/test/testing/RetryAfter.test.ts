import { assert, describe, it } from "@effect/vitest"
import { Behaviour, RetryAfter } from "@spillway/providers/testing"
import { chat, withFake } from "./client.ts"

const hints = ["retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"]

const sent = (retryAfter: RetryAfter.RetryAfter, check: (headers: Record<string, unknown>, message: string) => void) =>
  withFake({ m: Behaviour.rateLimited({ retryAfter }) }, async (fake) => {
    const reply = await chat(fake)
    assert.strictEqual(reply.status, 429)
    const { error } = JSON.parse(reply.body) as { error: { message: string; code: string } }
    assert.strictEqual(error.code, "rate_limit_exceeded")
    check(reply.headers, error.message)
  })

describe("RetryAfter", () => {
  it.effect("none sends no hint at all", () =>
    sent(RetryAfter.none, (headers, message) => {
      for (const name of hints) assert.isUndefined(headers[name])
      assert.strictEqual(message, "Rate limit reached.")
    })
  )

  for (const [value, text] of [
    [20, "20"],
    [0, "0"],
    [1.5, "1.5"],
    [-3, "-3"],
    [Number.NaN, "NaN"]
  ] as const) {
    it.effect(`seconds sends ${text} as it is`, () =>
      sent(RetryAfter.seconds(value), (headers) => assert.strictEqual(headers["retry-after"], text))
    )
    it.effect(`milliseconds sends ${text} as it is`, () =>
      sent(RetryAfter.milliseconds(value), (headers) => assert.strictEqual(headers["retry-after-ms"], text))
    )
  }

  it.effect("date sends an HTTP date in whole seconds, never too early", () => {
    const before = Date.now()
    return sent(RetryAfter.date("7 seconds"), (headers) => {
      const value = String(headers["retry-after"])
      // IMF-fixdate, RFC 9110 section 5.6.7
      assert.match(value, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/)
      assert.isAtLeast(Date.parse(value), before + 7000)
      assert.isBelow(Date.parse(value), Date.now() + 8000)
    })
  })

  it.effect("date can lie in the past", () =>
    sent(RetryAfter.date(-60_000), (headers) => assert.isBelow(Date.parse(String(headers["retry-after"])), Date.now()))
  )

  it.effect("date with a skewed clock shows the skew in the date header", () => {
    const before = Date.now()
    return sent(RetryAfter.date(5000, { skew: 3_600_000 }), (headers) => {
      const date = Date.parse(String(headers["date"]))
      const delay = Date.parse(String(headers["retry-after"])) - date
      assert.isAtLeast(date, before + 3_599_000)
      assert.isTrue(delay === 5000 || delay === 6000, `${delay}`)
    })
  })

  it.effect("reset names the buckets that are empty, in Go's format", () =>
    sent(RetryAfter.reset({ requests: 120, tokens: "6 minutes" }), (headers) => {
      assert.strictEqual(headers["x-ratelimit-remaining-requests"], "0")
      assert.strictEqual(headers["x-ratelimit-reset-requests"], "120ms")
      assert.strictEqual(headers["x-ratelimit-remaining-tokens"], "0")
      assert.strictEqual(headers["x-ratelimit-reset-tokens"], "6m0s")
    })
  )

  it.effect("text puts the hint into the message only", () =>
    sent(RetryAfter.text(20), (headers, message) => {
      for (const name of hints) assert.isUndefined(headers[name])
      assert.strictEqual(message, "Rate limit reached. Please try again in 20s.")
    })
  )

  it.effect("raw sends garbage, under any name", () =>
    sent(RetryAfter.all([RetryAfter.raw("soon"), RetryAfter.raw("34.4", "x-ratelimit-reset")]), (headers) => {
      assert.strictEqual(headers["retry-after"], "soon")
      assert.strictEqual(headers["x-ratelimit-reset"], "34.4")
    })
  )

  it.effect("all sends several at once, the later of two equal headers", () =>
    sent(
      RetryAfter.all([
        RetryAfter.seconds(9),
        RetryAfter.milliseconds(250),
        RetryAfter.text(3),
        RetryAfter.seconds(8),
        RetryAfter.text(4)
      ]),
      (headers, message) => {
        assert.strictEqual(headers["retry-after"], "8")
        assert.strictEqual(headers["retry-after-ms"], "250")
        assert.strictEqual(message, "Rate limit reached. Please try again in 3s. Please try again in 4s.")
      }
    )
  )

  it("goDuration writes what OpenAI and Groq send", () => {
    // Values of the providers' pages on rate limits (x-ratelimit-reset-*), and time.Duration.String of Go.
    const vectors: ReadonlyArray<readonly [number, string]> = [
      [0, "0s"],
      [1, "1ms"],
      [120, "120ms"],
      [999.6, "1s"],
      [1000, "1s"],
      [7660, "7.66s"],
      [59_999, "59.999s"],
      [60_000, "1m0s"],
      [179_560, "2m59.56s"],
      [360_000, "6m0s"],
      [3_600_000, "1h0m0s"],
      [3_723_000, "1h2m3s"],
      [-5, "0s"]
    ]
    for (const [ms, text] of vectors) assert.strictEqual(RetryAfter.goDuration(ms), text)
  })

  it.effect("resetAt sends Anthropic's times, each with nothing left", () => {
    const before = Date.now()
    return sent(RetryAfter.resetAt({ requests: "2 seconds", tokens: 1500 }), (headers) => {
      for (const [bucket, delay] of [
        ["requests", 2000],
        ["tokens", 1500]
      ] as const) {
        const value = String(headers[`anthropic-ratelimit-${bucket}-reset`])
        assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        assert.isAtLeast(Date.parse(value), before + delay)
        assert.isAtMost(Date.parse(value), Date.now() + delay)
        assert.strictEqual(headers[`anthropic-ratelimit-${bucket}-remaining`], "0")
      }
    })
  })

  it("all takes the later of two RetryInfos", () => {
    const both = RetryAfter.all([RetryAfter.retryInfo(1), RetryAfter.retryInfo(2)])
    assert.strictEqual(both.retryInfo, 2)
    assert.isUndefined(RetryAfter.all([RetryAfter.seconds(1)]).retryInfo)
  })
})
