/**
 * Errors of Anthropic Messages: `{type: "error", error: {type, message}, request_id}`. Source: Anthropic, API reference,
 * "Errors". A stream's `error` event has the same body.
 */
import { type Kind, messageOf, type Problem, type Refusal } from "../Problem.ts"
import type { FakeRequest } from "../Reaction.ts"

const types: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error"
}

const own: Partial<Record<Kind, (problem: Problem, request: FakeRequest) => string>> = {
  key: () => "invalid x-api-key",
  model: (_problem, { model }) => `model: ${model}`,
  context: ({ window }) => `prompt is too long: ${window + 1} tokens > ${window} maximum`,
  prefill: () => "This model takes no prefill: the conversation must end with a message of the user."
}

export const messagesRequestId = (index: number): string => `req_${index}`

export const messagesError = (problem: Problem, request: FakeRequest) => {
  const { code } = problem.fields
  const usual = types[problem.status] ?? (problem.status >= 500 ? "api_error" : "invalid_request_error")
  return {
    type: "error",
    error: {
      type: problem.fields.type ?? usual,
      message: messageOf(problem, own[problem.kind]?.(problem, request)),
      ...(code === undefined || code === null ? {} : { details: { error_code: code } })
    },
    request_id: messagesRequestId(request.index)
  }
}

export const messagesRefusal = (problem: Problem, request: FakeRequest): Refusal => ({
  status: problem.status,
  headers: {},
  body: JSON.stringify(messagesError(problem, request))
})
