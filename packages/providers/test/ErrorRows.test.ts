/** What each vendor says when it refuses, in its own shape, and the four answers that come of it. */
import { assert, describe, it } from "@effect/vitest"
import { classify } from "@spillway/core/Classifier"
import * as ProviderError from "../src/internal/errors/ProviderError.ts"

const where: ProviderError.Where = { module: "Test", method: "generate", provider: "test", secret: undefined }
const now = Date.UTC(2026, 10, 22)

type Answers = readonly [reason: string, errorType: string, same: boolean, other: boolean, outcome: string]

const answers = {
  money: ["QuotaExhaustedError", "QuotaExhausted", false, true, "Misconfigured"],
  inFlightBudget: ["RateLimitError", "RateLimited", true, true, "RateLimited"],
  context: ["InvalidRequestError", "ContextLength", false, true, "Ignored"],
  policy: ["ContentPolicyError", "ContentFilter", false, false, "Ignored"],
  key: ["AuthenticationError", "Auth", false, true, "Misconfigured"],
  tooLarge: ["RateLimitError", "RateLimited", false, true, "Ignored"],
  day: ["QuotaExhaustedError", "QuotaExhausted", false, true, "RateLimited"],
  busy: ["InternalProviderError", "Overloaded", true, true, "Failure"],
  rate: ["RateLimitError", "RateLimited", true, true, "RateLimited"],
  model: ["InvalidRequestError", "ModelNotFound", false, true, "Misconfigured"],
  closed: ["InternalProviderError", "Overloaded", false, true, "Misconfigured"],
  conflict: ["InternalProviderError", "Overloaded", true, true, "Ignored"],
  invalid: ["InvalidRequestError", "InvalidRequest", false, false, "Ignored"],
  capability: ["InvalidRequestError", "InvalidRequest", false, true, "Ignored"],
  redirect: ["InvalidRequestError", "InvalidRequest", false, true, "Misconfigured"]
} as const satisfies Record<string, Answers>

interface Case {
  readonly status: number
  readonly body: unknown
  readonly is: keyof typeof answers
  readonly headers?: Record<string, string>
  /** Milliseconds. */
  readonly hint?: number
}

const openAi = (type: string | null, code: string | number | null, message = "m") => ({
  error: { message, type, param: null, code }
})
const flat = (code: string | number, message: string) => ({ code, message, data: null })

const vendors: Readonly<Record<string, ReadonlyArray<Case>>> = {
  OpenAI: [
    {
      status: 429,
      is: "rate",
      body: openAi("requests", "rate_limit_exceeded"),
      headers: { "retry-after-ms": "250" },
      hint: 250
    },
    {
      status: 429,
      is: "rate",
      body: openAi("tokens", "rate_limit_exceeded"),
      headers: { "retry-after": "1.5" },
      hint: 1500
    },
    { status: 429, is: "rate", body: openAi("rate_limit_error", "slow_down") },
    {
      status: 429,
      is: "rate",
      body: openAi("tokens", "rate_limit_exceeded"),
      headers: { "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s" },
      hint: 360_000
    },
    {
      status: 429,
      is: "tooLarge",
      body: openAi("tokens", "rate_limit_exceeded", "Request too large for m on tokens per min")
    },
    ...[
      "insufficient_quota",
      "credit_balance_exhausted",
      "organization_spend_limit_exceeded",
      "project_spend_limit_exceeded",
      "organization_usage_limit_exceeded"
    ].map((code): Case => ({ status: 429, is: "money", body: openAi("insufficient_quota", code) })),
    { status: 500, is: "busy", body: openAi("server_error", null) },
    { status: 503, is: "busy", body: openAi("server_error", null, "That model is currently overloaded") },
    { status: 403, is: "key", body: openAi("request_forbidden", "unsupported_country_region_territory") },
    { status: 401, is: "key", body: openAi("invalid_request_error", "invalid_api_key") },
    { status: 404, is: "model", body: openAi("invalid_request_error", "model_not_found") },
    { status: 400, is: "context", body: openAi("invalid_request_error", "context_length_exceeded") },
    { status: 400, is: "context", body: openAi("invalid_request_error", "string_above_max_length") },
    { status: 400, is: "policy", body: openAi("invalid_request_error", "content_policy_violation") },
    { status: 400, is: "capability", body: openAi("invalid_request_error", "unsupported_parameter") },
    { status: 400, is: "capability", body: openAi("invalid_request_error", "unsupported_value") },
    { status: 400, is: "invalid", body: openAi("invalid_request_error", null) },
    { status: 409, is: "conflict", body: openAi("conflict", null) }
  ],
  Azure: [
    {
      status: 429,
      is: "rate",
      body: { error: { code: "429", message: "Rate limit is exceeded." } },
      headers: { "retry-after": "20" },
      hint: 20_000
    },
    {
      status: 400,
      is: "policy",
      body: {
        error: {
          code: "content_filter",
          param: "prompt",
          status: 400,
          innererror: {
            code: "ResponsibleAIPolicyViolation",
            content_filter_result: { jailbreak: { filtered: true, detected: true } }
          }
        }
      }
    },
    { status: 401, is: "key", body: { statusCode: 401, message: "Unauthorized. Access token is missing or invalid." } },
    { status: 404, is: "model", body: { statusCode: 404, message: "Resource not found" } },
    { status: 404, is: "model", body: { error: { code: "DeploymentNotFound", message: "m" } } },
    { status: 408, is: "busy", body: { error: { code: "Timeout", message: "The operation was timeout." } } }
  ],
  DeepSeek: [
    { status: 400, is: "invalid", body: openAi("invalid_request_error", "invalid_request_error") },
    { status: 401, is: "key", body: openAi("authentication_error", "invalid_request_error") },
    { status: 402, is: "money", body: openAi("unknown_error", "invalid_request_error", "Insufficient Balance") },
    { status: 422, is: "invalid", body: openAi("invalid_request_error", "invalid_request_error") },
    { status: 429, is: "rate", body: openAi(null, null, "Too many requests in flight") },
    { status: 500, is: "busy", body: "" },
    { status: 503, is: "busy", body: openAi("service_unavailable_error", null) }
  ],
  OpenRouter: [
    { status: 402, is: "money", body: { error: { code: 402, message: "Insufficient credits" } } },
    {
      status: 402,
      is: "inFlightBudget",
      body: { error: { code: 402, message: "m", metadata: { limit_source: "in_flight_budget" } } },
      headers: { "retry-after": "2" },
      hint: 2000
    },
    {
      status: 403,
      is: "policy",
      body: {
        error: {
          code: 403,
          message: "Your chosen model requires moderation and your input was flagged",
          metadata: { reasons: ["x"] }
        }
      }
    },
    {
      status: 429,
      is: "rate",
      body: { error: { code: 429, message: "Provider returned error", metadata: { provider_name: "p", raw: "r" } } },
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(now + 4000) },
      hint: 4000
    },
    {
      status: 404,
      is: "capability",
      body: { error: { code: 404, message: "No endpoints found that support tool use." } }
    },
    {
      status: 404,
      is: "capability",
      body: { error: { code: 404, message: "No endpoints found that can handle the requested parameters." } }
    },
    { status: 404, is: "model", body: { error: { code: 404, message: "No endpoints found for x/y." } } },
    { status: 502, is: "busy", body: { error: { code: 502, message: "Bad gateway" } } }
  ],
  Groq: [
    { status: 498, is: "rate", body: openAi("capacity_exceeded", "flex_tier_capacity") },
    {
      status: 424,
      is: "busy",
      body: openAi("failed_dependency", null, "Error occurred when retrieving results of an MCP server")
    },
    {
      status: 400,
      is: "capability",
      body: {
        error: { message: "m", type: "invalid_request_error", code: "tool_use_failed", failed_generation: "<f>" }
      }
    },
    { status: 413, is: "context", body: openAi("invalid_request_error", "request_too_large") },
    {
      status: 429,
      is: "day",
      body: openAi("requests", "rate_limit_exceeded", "Rate limit reached on requests per day (RPD)"),
      headers: { "retry-after": "600" },
      hint: 600_000
    },
    {
      status: 429,
      is: "rate",
      body: openAi("tokens", "rate_limit_exceeded", "Rate limit reached on tokens per minute (TPM)")
    }
  ],
  Mistral: [
    {
      status: 400,
      is: "model",
      body: { object: "error", message: "Invalid model: x", type: "invalid_model", code: "1500" }
    },
    { status: 401, is: "key", body: { detail: "Unauthorized" } },
    {
      status: 422,
      is: "invalid",
      body: { detail: [{ type: "missing", loc: ["body"], msg: "Field required", input: "p" }] }
    },
    {
      status: 400,
      is: "context",
      body: {
        object: "error",
        message: "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        type: "invalid_request_prompt"
      }
    },
    {
      status: 429,
      is: "rate",
      body: { message: "Requests rate limit exceeded" },
      headers: { "ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "7" },
      hint: 7000
    }
  ],
  Moonshot: [
    { status: 429, is: "busy", body: openAi("engine_overloaded_error", null, "The engine is currently overloaded") },
    { status: 429, is: "money", body: openAi("exceeded_current_quota_error", null) },
    { status: 403, is: "money", body: openAi("exceeded_current_quota_error", null) },
    { status: 429, is: "rate", body: openAi("rate_limit_reached_error", null) },
    { status: 400, is: "policy", body: openAi("content_filter", null) },
    {
      status: 400,
      is: "context",
      body: openAi("invalid_request_error", null, "Your request exceeded model token limit: 8192")
    },
    { status: 404, is: "model", body: openAi("resource_not_found_error", null) }
  ],
  DashScope: [
    {
      status: 429,
      is: "rate",
      body: openAi(
        "insufficient_quota",
        "insufficient_quota",
        "Allocated quota exceeded, please increase your quota limit."
      )
    },
    {
      status: 429,
      is: "rate",
      body: { code: "Throttling.RateQuota", message: "Requests rate limit exceeded", request_id: "r" }
    },
    {
      status: 400,
      is: "money",
      body: { code: "Arrearage", message: "Access denied, please make sure your account is in good standing." }
    },
    { status: 403, is: "money", body: openAi(null, "AllocationQuota.FreeTierOnly") },
    { status: 400, is: "policy", body: openAi("data_inspection_failed", "data_inspection_failed") },
    {
      status: 400,
      is: "context",
      body: openAi("invalid_request_error", "invalid_parameter_error", "Range of input length should be [1, 30720]")
    },
    { status: 404, is: "model", body: openAi("invalid_request_error", "model_not_found") },
    { status: 401, is: "key", body: openAi("invalid_request_error", "invalid_api_key") }
  ],
  SiliconFlow: [
    { status: 400, is: "model", body: flat(20012, "Model does not exist. Please check it carefully.") },
    { status: 400, is: "invalid", body: flat(20015, "The parameter is invalid.") },
    { status: 503, is: "busy", body: flat(50505, "Model service overloaded. Please try again later.") },
    {
      status: 429,
      is: "rate",
      body: { message: "Request was rejected due to rate limiting. Details:TPM limit reached.", data: null }
    },
    { status: 403, is: "money", body: flat(30001, "Sorry, your account balance is insufficient") },
    { status: 401, is: "key", body: `"Invalid token"` }
  ],
  Ark: [
    { status: 403, is: "money", body: openAi("Forbidden", "AccountOverdueError") },
    { status: 429, is: "money", body: openAi("TooManyRequests", "SetLimitExceeded") },
    { status: 404, is: "model", body: openAi("NotFound", "ModelNotOpen") },
    { status: 404, is: "model", body: openAi("NotFound", "InvalidEndpointOrModel.NotFound") },
    { status: 400, is: "closed", body: openAi("BadRequest", "InvalidEndpoint.ClosedEndpoint") },
    { status: 400, is: "policy", body: openAi("BadRequest", "InputTextRiskDetection") },
    { status: 400, is: "policy", body: openAi("BadRequest", "SensitiveContentDetected.SevereViolation") },
    { status: 429, is: "rate", body: openAi("TooManyRequests", "RateLimitExceeded.EndpointRPMExceeded") },
    { status: 429, is: "rate", body: openAi("TooManyRequests", "RateLimitExceeded.EndpointTPMExceeded") },
    { status: 429, is: "busy", body: openAi("TooManyRequests", "ServerOverloaded") },
    { status: 401, is: "key", body: openAi("Unauthorized", "AuthenticationError") },
    { status: 500, is: "busy", body: openAi("InternalServerError", "InternalServiceError") }
  ],
  Together: [
    { status: 402, is: "money", body: openAi("credit_limit", null) },
    {
      status: 403,
      is: "context",
      body: openAi(
        "invalid_request_error",
        null,
        "Input token count plus max_tokens is more than the 8193 tokens of the model"
      )
    },
    { status: 403, is: "key", body: openAi("invalid_request_error", null, "No access") },
    { status: 503, is: "busy", body: openAi("service_unavailable", null) },
    { status: 524, is: "busy", body: "<!DOCTYPE html><title>524: A timeout occurred</title>" }
  ],
  XAi: [
    {
      status: 400,
      is: "context",
      body: {
        code: "Client specified an invalid argument",
        error: "This model's maximum prompt length is 131072 but the request contains 150000 tokens."
      }
    },
    { status: 400, is: "invalid", body: { code: "Client specified an invalid argument", error: "Bad argument" } },
    { status: 429, is: "rate", body: { code: "Some resource has been exhausted", error: "Too many requests" } },
    { status: 403, is: "key", body: { code: "The caller does not have permission", error: "No access to this model" } }
  ],
  Gemini: [
    {
      status: 429,
      is: "rate",
      body: [
        {
          error: {
            code: 429,
            status: "RESOURCE_EXHAUSTED",
            details: [{ "@type": "t/google.rpc.RetryInfo", retryDelay: "34.4s" }]
          }
        }
      ],
      hint: 34_400
    },
    {
      status: 400,
      is: "key",
      body: [{ error: { code: 400, status: "INVALID_ARGUMENT", details: [{ reason: "API_KEY_INVALID" }] } }]
    },
    {
      status: 503,
      is: "busy",
      body: [{ error: { code: 503, status: "UNAVAILABLE", message: "The model is overloaded." } }]
    }
  ],
  vLLM: [
    {
      status: 400,
      is: "context",
      body: {
        object: "error",
        type: "BadRequestError",
        code: 400,
        message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
      }
    },
    {
      status: 404,
      is: "model",
      body: { object: "error", type: "NotFoundError", code: 404, message: "The model `x` does not exist." }
    },
    {
      status: 400,
      is: "capability",
      body: {
        error: {
          type: "BadRequestError",
          code: 400,
          message: `"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`
        }
      }
    },
    { status: 400, is: "invalid", body: { error: { type: "BadRequestError", code: 400, message: "m" } } }
  ],
  SGLang: [
    {
      status: 400,
      is: "context",
      body: {
        object: "error",
        type: "BadRequestError",
        code: 400,
        message: "The input (9000 tokens) is longer than the model's context length (8192 tokens)."
      }
    },
    { status: 503, is: "busy", body: { object: "error", message: "The request queue is full.", code: 503 } }
  ],
  "llama.cpp": [
    {
      status: 400,
      is: "context",
      body: {
        error: { code: 400, type: "exceed_context_size_error", message: "m", n_prompt_tokens: 9000, n_ctx: 8192 }
      }
    },
    {
      status: 500,
      is: "context",
      body: { error: { code: 500, type: "server_error", message: "Context size has been exceeded." } }
    },
    { status: 503, is: "busy", body: { error: { code: 503, type: "unavailable_error", message: "Loading model" } } },
    {
      status: 500,
      is: "capability",
      body: { error: { code: 500, type: "server_error", message: "tools param requires --jinja flag" } }
    },
    {
      status: 500,
      is: "capability",
      body: {
        error: { code: 500, type: "server_error", message: "image input is not supported - hint: provide the mmproj" }
      }
    }
  ],
  "a model without eyes": [
    "Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected `text`",
    "messages[0].content[1]: unknown variant 'image_url'",
    "This model does not support images",
    "This model does not support image input",
    "The model does not support image_url content",
    "Models of this kind do not support vision",
    "Image input is not supported by this model",
    "Images are not supported",
    "vision is not supported for this model"
  ].flatMap((message) =>
    [400, 422].map((status): Case => ({ status, is: "capability", body: openAi(null, null, message) }))
  ),
  Ollama: [
    { status: 404, is: "model", body: { error: `model "x" not found, try pulling it first` } },
    { status: 503, is: "busy", body: { error: "server busy, please try again. maximum pending requests exceeded" } },
    { status: 400, is: "capability", body: { error: "registry.ollama.ai/library/x does not support tools" } },
    { status: 400, is: "context", body: { error: "the input length exceeds the context length" } },
    {
      status: 400,
      is: "context",
      body: {
        error: { message: "prompt too long; exceeded max context length by 7 tokens", type: "invalid_request_error" }
      }
    }
  ],
  "any gateway": [
    { status: 302, is: "redirect", body: "" },
    ...[500, 502, 504, 520, 527, 529, 530].map((status): Case => ({ status, is: "busy", body: "<html>" })),
    { status: 425, is: "busy", body: "" },
    ...[400, 405, 411, 415, 422].map((status): Case => ({ status, is: "invalid", body: "" }))
  ]
}

const errorOf = ({ body, headers = {}, status }: Case) => {
  const answer = { status, headers }
  const fault = ProviderError.ofStatus(answer, typeof body === "string" ? body : JSON.stringify(body), now)
  return ProviderError.make(where, fault, { answer, now })
}

describe("what vendors say when they refuse", () => {
  for (const [vendor, cases] of Object.entries(vendors)) {
    cases.forEach((one, i) => {
      it(`${vendor} ${i}: ${one.status} is ${one.is}`, () => {
        const error = errorOf(one)
        const { errorType, otherTarget, outcome, sameTarget } = classify(error)
        const given: Answers = [error.reason._tag, errorType, sameTarget, otherTarget, outcome._tag]
        assert.deepStrictEqual(given, answers[one.is])
        const hints = "metadata" in error.reason ? error.reason.metadata["spillway"] : undefined
        assert.strictEqual((hints as { readonly retryAfter?: number } | undefined)?.retryAfter, one.hint)
      })
    })
  }

  it("is the same inside an answer with status 200, where the words say enough", () => {
    const inBand: ReadonlyArray<readonly [keyof typeof answers, unknown]> = [
      ["rate", openAi("rate_limit_reached_error", null)],
      ["rate", openAi("requests", "rate_limit_exceeded")],
      ["busy", openAi("engine_overloaded_error", null)],
      ["money", openAi("insufficient_quota", "insufficient_quota")],
      ["policy", openAi("content_filter", null)],
      ["context", openAi("exceed_context_size_error", 400)],
      ["key", openAi("authentication_error", null)],
      ["model", openAi("NotFoundError", 404)],
      ["closed", openAi("BadRequest", "InvalidEndpoint.ClosedEndpoint")],
      ["invalid", openAi("invalid_request_error", null)],
      ["busy", openAi(null, null)],
      ["rate", { error: { code: "429", message: "m" } }],
      ["busy", { object: "error", message: "The request queue is full.", code: 503 }]
    ]
    for (const [is, json] of inBand) {
      const error = ProviderError.make(where, ProviderError.ofInBand(json), { now })
      const { errorType, otherTarget, outcome, sameTarget } = classify(error)
      const given: Answers = [error.reason._tag, errorType, sameTarget, otherTarget, outcome._tag]
      assert.deepStrictEqual(given, answers[is], JSON.stringify(json))
    }
  })

  it("x-should-retry speaks about the same target only", () => {
    const told = (status: number, advice: string) =>
      classify(errorOf({ status, body: "", is: "busy", headers: { "x-should-retry": advice } }))
    assert.deepInclude(told(503, "false"), { sameTarget: false, otherTarget: true })
    assert.deepInclude(told(429, "false"), { sameTarget: false, otherTarget: true })
    assert.deepInclude(told(400, "true"), { sameTarget: true, otherTarget: false })
    assert.deepInclude(told(503, "perhaps"), { sameTarget: true, otherTarget: true })
  })

  it("a phrase far down in a message, or a word of the request in quotes, parks no target", () => {
    for (const phrase of [
      "balance is insufficient",
      "does not support tools",
      "requires --jinja",
      "maximum prompt length"
    ]) {
      const body = openAi("invalid_request_error", null, `Could not parse: ${"x".repeat(300)} ${phrase}`)
      assert.strictEqual(classify(errorOf({ status: 400, body, is: "invalid" })).errorType, "InvalidRequest", phrase)
    }
    const quoted = openAi("invalid_request_error", null, "Unknown field 'FreeTierOnly SetLimitExceeded'")
    assert.strictEqual(classify(errorOf({ status: 400, body: quoted, is: "invalid" })).errorType, "InvalidRequest")
  })
})
