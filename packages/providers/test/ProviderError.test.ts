import { assert, describe, it } from "@effect/vitest"
import { classify } from "@spillway/core/Classifier"
import { Cause, Duration, Inspectable } from "effect"
import fc from "fast-check"
import * as ProviderError from "../src/internal/errors/ProviderError.ts"

const where: ProviderError.Where = {
  module: "OpenAi",
  method: "generate",
  provider: "openai",
  secret: "sk-very-secret"
}
const now = Date.UTC(2026, 10, 22)

const errorOf = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  const answer = { status, headers }
  const fault = ProviderError.ofStatus(answer, typeof body === "string" ? body : JSON.stringify(body), now)
  return ProviderError.make(where, fault, { answer, now })
}

const inner = (error: object) => ({ error })

type Health = "Failure" | "RateLimited" | "Misconfigured" | "Ignored"

/** Row of the design's table, who says it, status, body, then: reason, errorType, same target, other target, outcome. */
const table: ReadonlyArray<readonly [string, number, unknown, string, string, boolean, boolean, Health]> = [
  [
    "3 OpenAI",
    429,
    inner({ type: "insufficient_quota", code: "credit_balance_exhausted", message: "m" }),
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "Misconfigured"
  ],
  [
    "3 OpenAI limit",
    429,
    inner({ type: "insufficient_quota", code: "project_spend_limit_exceeded" }),
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "Misconfigured"
  ],
  [
    "3 DeepSeek",
    402,
    inner({ message: "Insufficient Balance", type: "unknown_error", code: "invalid_request_error" }),
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "Misconfigured"
  ],
  [
    "3 Moonshot",
    403,
    inner({ type: "exceeded_current_quota_error", message: "m" }),
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "Misconfigured"
  ],
  [
    "3 Ark",
    403,
    inner({ code: "AccountOverdueError", message: "m" }),
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "Misconfigured"
  ],
  [
    "3 DashScope",
    400,
    { code: "Arrearage", message: "m" },
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "Misconfigured"
  ],
  [
    "4 OpenRouter",
    402,
    inner({ code: 402, message: "m", metadata: { limit_source: "in_flight_budget" } }),
    "RateLimitError",
    "RateLimited",
    true,
    true,
    "RateLimited"
  ],
  [
    "5 OpenAI",
    400,
    inner({ code: "context_length_exceeded", type: "invalid_request_error", message: "m", param: "messages" }),
    "InvalidRequestError",
    "ContextLength",
    false,
    true,
    "Ignored"
  ],
  [
    "5 vLLM",
    400,
    {
      object: "error",
      message: "This model's maximum context length is 8192 tokens.",
      type: "BadRequestError",
      code: 400
    },
    "InvalidRequestError",
    "ContextLength",
    false,
    true,
    "Ignored"
  ],
  [
    "5 llama.cpp",
    400,
    inner({ code: 400, type: "exceed_context_size_error", n_ctx: 4096 }),
    "InvalidRequestError",
    "ContextLength",
    false,
    true,
    "Ignored"
  ],
  [
    "5 llama.cpp 500",
    500,
    inner({ message: "Context size has been exceeded." }),
    "InvalidRequestError",
    "ContextLength",
    false,
    true,
    "Ignored"
  ],
  [
    "5 Together",
    403,
    inner({ message: "input tokens exceed" }),
    "InvalidRequestError",
    "ContextLength",
    false,
    true,
    "Ignored"
  ],
  ["5 any", 413, "<html>too large</html>", "InvalidRequestError", "ContextLength", false, true, "Ignored"],
  [
    "6 Azure",
    400,
    inner({ code: "content_filter", message: "m" }),
    "ContentPolicyError",
    "ContentFilter",
    false,
    false,
    "Ignored"
  ],
  [
    "6 DashScope",
    400,
    { code: "data_inspection_failed", message: "m" },
    "ContentPolicyError",
    "ContentFilter",
    false,
    false,
    "Ignored"
  ],
  [
    "6 Ark",
    400,
    inner({ code: "InputTextRiskDetection" }),
    "ContentPolicyError",
    "ContentFilter",
    false,
    false,
    "Ignored"
  ],
  [
    "6 OpenRouter",
    403,
    inner({ code: 403, message: "requires moderation" }),
    "ContentPolicyError",
    "ContentFilter",
    false,
    false,
    "Ignored"
  ],
  [
    "7 any",
    401,
    inner({ message: "Incorrect API key provided: sk-ve***ret" }),
    "AuthenticationError",
    "Auth",
    false,
    true,
    "Misconfigured"
  ],
  [
    "7 Gemini",
    400,
    [
      inner({
        code: 400,
        status: "INVALID_ARGUMENT",
        message: "API key not valid",
        details: [{ reason: "API_KEY_INVALID" }]
      })
    ],
    "AuthenticationError",
    "Auth",
    false,
    true,
    "Misconfigured"
  ],
  [
    "8 OpenAI",
    403,
    inner({ code: "unsupported_country_region_territory" }),
    "AuthenticationError",
    "Auth",
    false,
    true,
    "Misconfigured"
  ],
  [
    "9 OpenAI",
    429,
    inner({ message: "Request too large for m on tokens per min", type: "tokens", code: "rate_limit_exceeded" }),
    "RateLimitError",
    "RateLimited",
    false,
    true,
    "Ignored"
  ],
  [
    "10 Groq",
    429,
    inner({ message: "Rate limit reached on requests per day (RPD)", type: "requests", code: "rate_limit_exceeded" }),
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "RateLimited"
  ],
  [
    "10 Gemini",
    429,
    [
      inner({
        status: "RESOURCE_EXHAUSTED",
        details: [{ violations: [{ quotaId: "GenerateRequestsPerDayPerProject" }] }]
      })
    ],
    "QuotaExhaustedError",
    "QuotaExhausted",
    false,
    true,
    "RateLimited"
  ],
  [
    "11 Moonshot",
    429,
    inner({ type: "engine_overloaded_error", message: "busy" }),
    "InternalProviderError",
    "Overloaded",
    true,
    true,
    "Failure"
  ],
  [
    "11 OpenAI",
    429,
    inner({ type: "rate_limit_error", code: "slow_down" }),
    "RateLimitError",
    "RateLimited",
    true,
    true,
    "RateLimited"
  ],
  [
    "12 OpenAI",
    429,
    inner({ type: "requests", code: "rate_limit_exceeded" }),
    "RateLimitError",
    "RateLimited",
    true,
    true,
    "RateLimited"
  ],
  [
    "12 DashScope",
    429,
    { code: "insufficient_quota", message: "Allocated quota exceeded, please increase your quota limit" },
    "RateLimitError",
    "RateLimited",
    true,
    true,
    "RateLimited"
  ],
  ["12 Groq", 498, inner({ message: "flex capacity" }), "RateLimitError", "RateLimited", true, true, "RateLimited"],
  [
    "13 OpenAI",
    404,
    inner({ code: "model_not_found" }),
    "InvalidRequestError",
    "ModelNotFound",
    false,
    true,
    "Misconfigured"
  ],
  [
    "13 Ollama",
    404,
    { error: `model "x" not found, try pulling it first` },
    "InvalidRequestError",
    "ModelNotFound",
    false,
    true,
    "Misconfigured"
  ],
  [
    "13 Mistral",
    400,
    { object: "error", message: "Invalid model: x", type: "invalid_model", code: "1500" },
    "InvalidRequestError",
    "ModelNotFound",
    false,
    true,
    "Misconfigured"
  ],
  [
    "13 SiliconFlow",
    400,
    { code: 20012, message: "Model does not exist", data: null },
    "InvalidRequestError",
    "ModelNotFound",
    false,
    true,
    "Misconfigured"
  ],
  [
    "14 Ark",
    400,
    inner({ code: "InvalidEndpoint.ClosedEndpoint" }),
    "InternalProviderError",
    "Overloaded",
    false,
    true,
    "Misconfigured"
  ],
  ["15 any", 408, "", "InternalProviderError", "Overloaded", true, true, "Failure"],
  ["15 conflict", 409, "", "InternalProviderError", "Overloaded", true, true, "Ignored"],
  [
    "16 any",
    400,
    inner({ type: "invalid_request_error", message: "m" }),
    "InvalidRequestError",
    "InvalidRequest",
    false,
    false,
    "Ignored"
  ],
  [
    "16 DeepSeek",
    422,
    { detail: [{ loc: ["body"], msg: "field required", input: "the prompt" }] },
    "InvalidRequestError",
    "InvalidRequest",
    false,
    false,
    "Ignored"
  ],
  [
    "16 capability",
    400,
    inner({ code: "unsupported_parameter", param: "temperature" }),
    "InvalidRequestError",
    "InvalidRequest",
    false,
    true,
    "Ignored"
  ],
  [
    "16 Groq",
    400,
    inner({ code: "tool_use_failed", failed_generation: "secret answer" }),
    "InvalidRequestError",
    "InvalidRequest",
    false,
    true,
    "Ignored"
  ],
  ["17 any", 424, "", "InternalProviderError", "Overloaded", true, true, "Failure"],
  ["18 any", 500, inner({ type: "server_error" }), "InternalProviderError", "Overloaded", true, true, "Failure"],
  ["18 edge", 524, "<html>", "InternalProviderError", "Overloaded", true, true, "Failure"],
  [
    "18 Anthropic",
    529,
    inner({ type: "overloaded_error" }),
    "InternalProviderError",
    "Overloaded",
    true,
    true,
    "Failure"
  ],
  ["20 redirect", 302, "", "InvalidRequestError", "InvalidRequest", false, true, "Misconfigured"],
  ["21 odd", 418, "", "UnknownError", "_OTHER", false, true, "Failure"]
]

describe("errors", () => {
  for (const [row, status, body, reason, errorType, sameTarget, otherTarget, outcome] of table) {
    it(`row ${row}, ${status}: ${reason}`, () => {
      const error = errorOf(status, body)
      assert.strictEqual(error.reason._tag, reason)
      const classification = classify(error)
      assert.deepInclude(classification, { errorType, sameTarget, otherTarget })
      assert.strictEqual(classification.outcome._tag, outcome)
    })
  }

  it("let x-should-retry replace the answer about the same target", () => {
    assert.isFalse(classify(errorOf(500, "", { "x-should-retry": "false" })).sameTarget)
    assert.isTrue(classify(errorOf(400, "", { "x-should-retry": "true" })).sameTarget)
  })

  it("carry the hint on every reason, and as retryAfter where there is a field", () => {
    const limited = errorOf(429, "", { "retry-after": "1.5" })
    assert.strictEqual(limited.retryAfter === undefined ? undefined : Duration.toMillis(limited.retryAfter), 1500)
    assert.deepInclude(classify(limited).outcome, { _tag: "RateLimited", retryAfter: 1500 })
    assert.deepInclude(classify(errorOf(503, "", { "retry-after-ms": "20" })).outcome, {
      _tag: "Failure",
      retryAfter: 20
    })
    const daily = errorOf(429, inner({ message: "per day" }), { "retry-after": "60" })
    assert.strictEqual(
      daily.reason._tag === "QuotaExhaustedError" && daily.reason.resetAt?.epochMilliseconds,
      now + 60_000
    )
  })

  it("read the hint of a Gemini body", () => {
    const body = [inner({ status: "RESOURCE_EXHAUSTED", details: [{ "@type": "RetryInfo", retryDelay: "34.4s" }] })]
    assert.deepInclude(classify(errorOf(429, body)).outcome, { _tag: "RateLimited", retryAfter: 34_400 })
  })

  it("keep type, code and request id, and the vendor's words only where they talk about limits", () => {
    const error = errorOf(
      429,
      inner({ type: "tokens", code: "rate_limit_exceeded", message: "Limit 10000, used 9000\nsecond line" }),
      { "x-request-id": "req_1", "x-ratelimit-remaining-tokens": "1000", "set-cookie": "c=1" }
    )
    const { reason } = error
    assert.isTrue(reason._tag === "RateLimitError")
    if (reason._tag !== "RateLimitError") return
    assert.deepStrictEqual(reason.metadata["openai"], {
      status: 429,
      type: "tokens",
      code: "rate_limit_exceeded",
      requestId: "req_1"
    })
    assert.deepStrictEqual(reason.http?.response?.headers, {
      "x-request-id": "req_1",
      "x-ratelimit-remaining-tokens": "1000"
    })
    assert.isUndefined(reason.http?.body)
    const busy = errorOf(503, inner({ message: "12 requests are waiting\nsecond line" }))
    assert.include(busy.message, "12 requests are waiting")
    assert.notInclude(busy.message, "second line")
  })

  it("never hold prompt, answer or key, whatever the vendor echoes", () => {
    const secrets = ["the-whole-prompt", "sk-very-secret"]
    const echo = secrets.join(" ")
    const bodies: ReadonlyArray<unknown> = [
      inner({ message: echo, type: echo, code: echo, param: echo }),
      inner({ message: "x", type: "sk-very-secret", code: "sk-very-secret", param: "sk-very-secret" }),
      inner({ message: "x", failed_generation: echo }),
      { detail: [{ msg: echo, input: echo, loc: [echo] }] },
      { error: echo },
      { message: echo, code: "c" },
      echo,
      `<html>${echo}</html>`
    ]
    for (const body of bodies) {
      for (const status of [302, 400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 424, 429, 498, 500, 502, 503, 529]) {
        const error = errorOf(status, body, {
          "x-request-id": "sk-very-secret",
          location: echo,
          "www-authenticate": echo
        })
        const printed = [
          error.message,
          String(error),
          JSON.stringify(error),
          Inspectable.toStringUnknown(error),
          Cause.pretty(Cause.fail(error)),
          String(error.stack)
        ].join("\n")
        assert.notInclude(printed, "sk-very-secret", `${status} ${JSON.stringify(body)}`)
        // Messages about limits and load are quoted: a server that quotes prompts there is not known.
        if (![402, 429, 498, 503, 529].includes(status)) assert.notInclude(printed, "the-whole-prompt", `${status}`)
      }
    }
  })

  it("are not led astray by a request that is quoted in a message", () => {
    for (const phrase of [
      "insufficient_quota",
      "Arrearage",
      "content_filter",
      "model_not_found",
      "context_length_exceeded"
    ]) {
      const error = errorOf(400, inner({ message: `Could not parse '${phrase}'`, type: "invalid_request_error" }))
      assert.strictEqual(classify(error).errorType, "InvalidRequest", phrase)
    }
    const long = `Could not parse: ${"x".repeat(300)} insufficient balance`
    assert.strictEqual(classify(errorOf(400, inner({ message: long }))).errorType, "InvalidRequest")
  })

  it("always are one of the documented types, whatever status and body", () => {
    const documented =
      "RateLimited QuotaExhausted Auth ContentFilter ContextLength InvalidRequest ModelNotFound Overloaded _OTHER".split(
        " "
      )
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), fc.oneof(fc.json(), fc.string()), (status, body) => {
        assert.include(documented, classify(errorOf(status, body)).errorType)
      })
    )
  })
})
