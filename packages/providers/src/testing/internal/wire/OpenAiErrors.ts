/**
 * Errors in OpenAI's shape: `{error: {message, type, param, code}}`, for Chat, Responses and embeddings.
 *
 * Source: OpenAI, API reference and guide "Error codes"; Azure OpenAI's page on content filtering for the policy.
 */
import { type ErrorFields, messageOf, type Problem, type Refusal } from "../Problem.ts"
import type { FakeRequest } from "../Reaction.ts"

const known: Readonly<Record<number, readonly [type: string, code: string | null]>> = {
  400: ["invalid_request_error", "invalid_value"],
  401: ["invalid_request_error", "invalid_api_key"],
  402: ["insufficient_quota", "insufficient_quota"],
  403: ["permission_error", "model_not_allowed"],
  404: ["invalid_request_error", "model_not_found"],
  408: ["server_error", "timeout"],
  413: ["invalid_request_error", "context_length_exceeded"],
  422: ["invalid_request_error", "invalid_parameter"],
  429: ["requests", "rate_limit_exceeded"],
  500: ["server_error", "server_error"],
  502: ["server_error", "bad_gateway"],
  503: ["server_error", "overloaded"],
  504: ["server_error", "gateway_timeout"],
  529: ["overloaded_error", "overloaded_error"]
}

type Own = Pick<Required<ErrorFields>, "message" | "param" | "code">

const kinds: Partial<Record<Problem["kind"], (problem: Problem, request: FakeRequest) => Own>> = {
  context: ({ window }, { dialect }) => ({
    message:
      `This model's maximum context length is ${window} tokens. However, your messages resulted in ` +
      `${window + 1} tokens. Please shorten them.`,
    param: dialect === "chat" ? "messages" : "input",
    code: "context_length_exceeded"
  }),
  policy: () => ({
    message: "The prompt was refused by the content management policy.",
    param: "prompt",
    code: "content_filter"
  }),
  model: (_problem, { model }) => ({
    message: `The fake has no model ${JSON.stringify(model)}.`,
    param: null,
    code: "model_not_found"
  }),
  prefill: () => ({
    message: "The last message must come from the user or a tool, got role assistant.",
    param: "messages",
    code: "invalid_value"
  })
}

export const fieldsOf = (problem: Problem, request: FakeRequest): Required<ErrorFields> => {
  const { fields, kind, status } = problem
  const own = kinds[kind]?.(problem, request)
  const [type, code] =
    known[status] ?? (status >= 500 ? (["server_error", null] as const) : (["invalid_request_error", null] as const))
  return {
    type,
    param: own?.param ?? null,
    code: own?.code ?? code,
    ...fields,
    message: messageOf(problem, own?.message)
  }
}

export const openAiRefusal = (problem: Problem, request: FakeRequest): Refusal => {
  const { message, type, param, code } = fieldsOf(problem, request)
  return { status: problem.status, headers: {}, body: JSON.stringify({ error: { message, type, param, code } }) }
}
