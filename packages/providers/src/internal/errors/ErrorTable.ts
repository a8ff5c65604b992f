/**
 * From a status and the words of a body to a verdict: body first, status second. Rows are tried from the top, the first
 * match wins; the numbers are those of the design's table.
 *
 * `errorType` is one of: RateLimited, QuotaExhausted, Auth, ContentFilter, ContextLength, InvalidRequest, ModelNotFound,
 * Overloaded, Network, Truncated, Protocol, InvalidOutput, _OTHER.
 *
 * Sources: the error pages of OpenAI, DeepSeek, Azure, OpenRouter, Groq, Mistral, Moonshot, DashScope, SiliconFlow, Ark and
 * Together, and the error types in the sources of vLLM, SGLang, llama.cpp and Ollama, as of November 2026.
 */
import type { ErrorWords } from "./ErrorBody.ts"
import type { Verdict } from "./Fault.ts"

export interface Facts {
  readonly status: number
  /** Type, code and the name of the limit. */
  readonly is: (pattern: RegExp) => boolean
  /** The same, and the head of the message. */
  readonly says: (pattern: RegExp) => boolean
  readonly words: ErrorWords
}

export type Row = readonly [matches: (facts: Facts) => boolean, verdict: Verdict]

/** What one dialect adds: tried before the common rows and words. */
export interface ErrorRules {
  readonly rows: ReadonlyArray<Row>
  /** Words of an error inside a 200, and the status it would have had. */
  readonly statuses?: ReadonlyArray<readonly [RegExp, number]>
}

/** What a status and the words of its body mean. Never fails: what no row knows is `Unknown`. */
export const classify = (status: number, words: ErrorWords, own?: ErrorRules): Verdict => {
  const named = `${words.type} ${words.code} ${words.limit}`
  // Only the head of a message: further on, a server may quote the request, and a quoted phrase must not park a target.
  const all = `${named} ${words.message.slice(0, 240)}`
  const facts: Facts = { status, words, is: (pattern) => pattern.test(named), says: (pattern) => pattern.test(all) }
  for (const [matches, verdict] of own?.rows ?? []) if (matches(facts)) return verdict
  for (const [matches, verdict] of rows) if (matches(facts)) return verdict
  return unknown
}

/**
 * The status an error inside a 200 would have had. OpenRouter and vLLM put the number into `code`; others only have
 * words. Without either it is a server's failure: a request that was answered with 200 was accepted.
 */
export const statusOf = (words: ErrorWords, own?: ErrorRules): number => {
  const code = /^[45]\d\d$/.test(words.code) ? Number(words.code) : undefined
  if (code !== undefined) return code
  const named = `${words.type} ${words.code}`
  const ownStatus = own?.statuses?.find(([pattern]) => pattern.test(named))?.[1]
  return ownStatus ?? byWord.find(([pattern]) => pattern.test(named))?.[1] ?? 500
}

const byWord: ReadonlyArray<readonly [RegExp, number]> = [
  [/rate_limit|ratelimit|too_many_requests|TooManyRequests|RESOURCE_EXHAUSTED|throttl|^(requests|tokens) /i, 429],
  [/authentication|unauthorized|invalid_api_key|UNAUTHENTICATED/i, 401],
  [/permission|forbidden/i, 403],
  [/not_found|NotFound/i, 404],
  [/overloaded|unavailable|service_busy/i, 503],
  [/timeout/i, 504],
  [/invalid_request|BadRequest|INVALID_ARGUMENT|exceed_context_size/i, 400]
]

export const verdict = (
  reason: Verdict["reason"],
  errorType: string,
  targets: "same+other" | "other" | "none",
  health: Verdict["health"],
  description: string,
  more?: Partial<Verdict>
): Verdict => ({
  reason,
  errorType,
  sameTarget: targets === "same+other",
  otherTarget: targets !== "none",
  health,
  description,
  ...more
})

const quotable = { quotable: true } as const
export const rateLimit = (description: string, more?: Partial<Verdict>) =>
  verdict("RateLimit", "RateLimited", "same+other", "throttle", description, { ...quotable, ...more })
export const overloaded = (description: string, more?: Partial<Verdict>) =>
  verdict("InternalProvider", "Overloaded", "same+other", "fault", description, more)
export const auth = (kind: NonNullable<Verdict["kind"]>, description: string) =>
  verdict("Authentication", "Auth", "other", "config", description, { kind })
export const invalid = (description: string, more?: Partial<Verdict>) =>
  verdict("InvalidRequest", "InvalidRequest", "none", "none", description, more)

const unknown = verdict("Unknown", "_OTHER", "other", "fault", "The provider answered with a status nobody expected")

const anyOf = (...words: ReadonlyArray<string>) => new RegExp(words.join("|"), "i")

const money = anyOf(
  "insufficient_quota",
  "credit_balance_exhausted",
  "_spend_limit_",
  "organization_usage_limit_exceeded",
  "billing_(error|hard_limit|not_active)",
  "exceeded_current_quota",
  "AccountOverdue",
  "Arrearage",
  // DashScope's free tier, and a limit that an account at Ark has set itself.
  "FreeTierOnly",
  "SetLimitExceeded"
)
const moneyPhrase = /credit balance is too low|insufficient balance|balance is insufficient/i
const context = /context_length_exceeded|string_above_max_length|exceed_context_size/i
const contextPhrase = anyOf(
  "maximum (context|prompt) length",
  "prompt (is )?too long",
  "input token count.*exceeds",
  "input is too long",
  "context size has been exceeded",
  // SGLang, Ollama, Moonshot, DashScope, Ark.
  "longer than the model's context length",
  "exceeds the (maximum allowed|context) length",
  "exceeded model token limit",
  "range of input length should be",
  "input length \\d+ exceeds the maximum length"
)
const policy =
  /content_filter|content_policy_violation|ResponsibleAIPolicyViolation|data_inspection_failed|RiskDetection|SensitiveContentDetected/i
const perDay = /per[- _]?day|\b[RT]PD\b|daily/i
const noModel =
  /model_not_found|ModelNotOpen|InvalidEndpointOrModel|DeploymentNotFound|model_not_supported|invalid_model|\b20012\b/i
// Words that name something this target lacks and another may have. OpenRouter says it of all its upstreams, by a 404;
// llama.cpp and vLLM of the way they were started, llama.cpp by a 500.
const capability = anyOf(
  "unsupported_(parameter|value)",
  "do(es)? not support (tools|images?\\b|image[_ ]|vision)",
  "no endpoints found that (support|can handle)",
  "(images?( inputs?)?|vision) (is|are) not supported",
  // Of servers that know no part but text: the name stands in quotes or backticks.
  "unknown variant \\W?image_url",
  "requires --(jinja|enable-auto-tool-choice)"
)

const rows: ReadonlyArray<Row> = [
  // 4 stands before 3: the one 402 that passes by itself.
  [
    ({ status, words }) => status === 402 && /in.?flight/i.test(words.limit),
    rateLimit("Too much of the budget is in flight")
  ],
  // 3. DashScope's "Allocated quota exceeded" is tokens per minute under a word for money.
  [
    ({ status, is, says }) => ((is(money) || says(moneyPhrase)) && !says(/allocated quota/i)) || status === 402,
    verdict("QuotaExhausted", "QuotaExhausted", "other", "config", "The account has no credit left", quotable)
  ],
  // 5. Together says it with 403.
  [
    ({ status, is, says }) =>
      is(context) || says(contextPhrase) || status === 413 || (status === 403 && says(/\btokens\b/i)),
    verdict("InvalidRequest", "ContextLength", "other", "none", "The prompt is too long for this model", {
      parameter: "prompt",
      constraint: "must fit the context window"
    })
  ],
  // 6
  [
    ({ status, is, says }) => is(policy) || (status === 403 && says(/moderation/i)),
    verdict("ContentPolicy", "ContentFilter", "none", "none", "The provider's content policy refused the request")
  ],
  // 7
  [
    ({ status, says }) => (status === 401 || status === 403) && says(/expired/i),
    auth("ExpiredKey", "The API key has expired")
  ],
  [
    ({ status, is }) => status === 401 || is(/API_KEY_INVALID|invalid_api_key/),
    auth("InvalidKey", "The API key was refused")
  ],
  // 8
  [
    ({ status, is }) => status === 403 || is(/unsupported_country_region_territory|AccessDenied/),
    auth("InsufficientPermissions", "The account may not use this model or this region")
  ],
  // 9 to 12: the meanings of 429
  [
    ({ status, says }) => status === 429 && says(/request too large/i),
    rateLimit("The request needs more than the whole limit", { sameTarget: false, health: "none", neverFits: true })
  ],
  [
    ({ status, says }) => status === 429 && says(perDay),
    verdict("QuotaExhausted", "QuotaExhausted", "other", "throttle", "The day's quota is used up", quotable)
  ],
  [
    ({ status, is }) => status === 429 && is(/engine_overloaded|ServerOverloaded|ModelNotReady/i),
    overloaded("The server is busy", quotable)
  ],
  [({ status }) => status === 429 || status === 498, rateLimit("The provider's rate limit was reached")],
  // 14 stands before 13: its code has the same prefix.
  [
    ({ is }) => is(/ClosedEndpoint/),
    verdict("InternalProvider", "Overloaded", "other", "config", "The endpoint is closed")
  ],
  // 16, of which some come as a 404 or a 500.
  [
    ({ status, says }) => status >= 400 && status <= 500 && status !== 429 && says(capability),
    invalid("This model does not take something of the request", { otherTarget: true })
  ],
  // 13. A 404 without words is a wrong path: also a matter of configuration.
  [
    ({ status, is, says }) =>
      is(noModel) || status === 404 || (status === 400 && says(/invalid model|model not found/i)),
    verdict("InvalidRequest", "ModelNotFound", "other", "config", "There is no such model or path here", {
      parameter: "model"
    })
  ],
  // 15
  [({ status }) => status === 409, overloaded("The server had a conflict", { health: "none" })],
  [({ status }) => status === 408 || status === 425, overloaded("The server timed out")],
  // 16
  [
    ({ is }) => is(/tool_use_failed/),
    invalid("The model's tool call was refused by the server", { otherTarget: true })
  ],
  [({ status }) => [400, 405, 411, 415, 422].includes(status), invalid("The provider refused the request")],
  // 17
  [({ status }) => status === 424, overloaded("The model failed")],
  // 18. A 500 may quote what it choked on; the busy ones talk about load.
  [({ status }) => status === 503 || status === 529, overloaded("The server is busy", quotable)],
  [({ status }) => status >= 500 && status < 600, overloaded("The server failed")],
  // 20. A redirect is not followed: it would carry the prompt, and perhaps the key, somewhere nobody chose.
  [
    ({ status }) => status >= 300 && status < 400,
    verdict("InvalidRequest", "InvalidRequest", "other", "config", "The base URL redirects elsewhere", {
      parameter: "baseUrl"
    })
  ]
]
