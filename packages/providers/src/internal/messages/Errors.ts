/**
 * The words only this vendor has, over HTTP and inside a stream.
 *
 * Sources: https://platform.claude.com/docs/en/api/errors, the pages on rate limits and on handling stop reasons, and the
 * error classes of Anthropic's TypeScript SDK, as of November 2026.
 */
import { fromJson } from "../errors/ErrorBody.ts"
import { type ErrorRules, invalid, rateLimit, verdict } from "../errors/ErrorTable.ts"
import type { Fault } from "../errors/Fault.ts"
import { ofWords } from "../errors/ProviderError.ts"
import { type JsonRecord, record, text } from "../json.ts"

export const rules: ErrorRules = {
  rows: [
    // A limit on money under a word for rate, or as a plain 400: no waiting of ours mends it.
    [
      ({ is, words }) =>
        is(/(enforced|contract)_spend_limit_reached|linked_organization_/) ||
        /^you have reached your specified .*limit/i.test(words.message),
      verdict("QuotaExhausted", "QuotaExhausted", "other", "config", "The account has reached its spending limit", {
        quotable: true
      })
    ],
    // About the caller's ramp, not about the server.
    [({ is }) => is(/ramp_limit_exceeded/), rateLimit("The provider asks to grow more slowly")],
    [
      ({ status, says }) => status === 400 && says(/input length and `?max_tokens`? exceed context limit/i),
      verdict("InvalidRequest", "ContextLength", "other", "none", "Prompt and output cap are too long for this model", {
        parameter: "prompt",
        constraint: "must fit the context window together with max_tokens"
      })
    ],
    [
      ({ status, says }) => status === 400 && says(/content filtering policy/i),
      verdict("ContentPolicy", "ContentFilter", "none", "none", "The provider's content policy refused the request")
    ],
    // Elsewhere the thinking is left out, or the answer may be begun.
    [
      ({ status, says }) => status === 400 && says(/invalid `?signature`? in `?thinking/i),
      invalid("Thinking of the history was not signed by this model", { otherTarget: true, parameter: "prompt" })
    ],
    [
      ({ status, says }) =>
        status === 400 && says(/prefill|conversation must end with a (user message|message of the)/i),
      invalid("This model does not go on with an answer that was begun", { otherTarget: true, parameter: "prompt" })
    ]
  ],
  statuses: [
    [/overloaded_error/, 529],
    [/api_error/, 500],
    [/timeout_error/, 504],
    [/billing_error/, 402],
    [/request_too_large/, 413],
    [/conflict/, 409]
  ]
}

/** `{type: "error", error: {type, message, details?: {error_code}}, request_id}` inside a 200. */
export const ofInBand = (json: JsonRecord): Fault => {
  const words = fromJson(json)
  const code = text(record(record(json["error"])?.["details"])?.["error_code"])
  return ofWords(code === undefined ? words : { ...words, limit: `${words.limit} ${code}`.trim() }, rules)
}
