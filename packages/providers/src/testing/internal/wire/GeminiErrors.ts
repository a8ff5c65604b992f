/**
 * Errors of Gemini: `{error: {code, message, status, details}}`. Source: Google, "Gemini API troubleshooting" and
 * google.rpc's `Code`, `ErrorInfo` and `RetryInfo`. A wrong key is a 400 there, a missing one a 403.
 */
import { type Kind, messageOf, type Problem, type Refusal } from "../Problem.ts"
import type { FakeRequest } from "../Reaction.ts"

const words: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "FAILED_PRECONDITION",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  413: "INVALID_ARGUMENT",
  422: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
  529: "UNAVAILABLE"
}

interface Own {
  readonly message: string
  readonly status?: number
  readonly reason?: string
}

const own: Partial<Record<Kind, (problem: Problem, request: FakeRequest) => Own>> = {
  key: (_problem, { headers }) =>
    headers["x-goog-api-key"] === undefined
      ? { status: 403, message: "Method doesn't allow unregistered callers. Please use an API key." }
      : { status: 400, message: "API key not valid. Please pass a valid API key.", reason: "API_KEY_INVALID" },
  model: (_problem, { model }) => ({ message: `models/${model} is not found or does not take this method.` }),
  context: ({ window }) => ({
    message: `The input token count (${window + 1}) exceeds the maximum number of tokens allowed (${window}).`
  }),
  prefill: () => ({ message: "The conversation must end with a user turn or a function response." })
}

export const geminiError = (problem: Problem, request: FakeRequest) => {
  const { message: usual, reason, status = problem.status } = own[problem.kind]?.(problem, request) ?? {}
  const { code, type } = problem.fields
  const info = typeof code === "string" ? code : reason
  const details = [
    ...(info === undefined
      ? []
      : [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: info, domain: "googleapis.com" }]),
    ...(problem.retryInfo === undefined
      ? []
      : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${problem.retryInfo}s` }])
  ]
  return {
    error: {
      code: status,
      message: messageOf(problem, usual),
      status: type ?? words[status] ?? (status >= 500 ? "INTERNAL" : "UNKNOWN"),
      ...(details.length > 0 ? { details } : {})
    }
  }
}

export const geminiRefusal = (problem: Problem, request: FakeRequest): Refusal => {
  const body = geminiError(problem, request)
  return { status: body.error.code, headers: {}, body: JSON.stringify(body) }
}
