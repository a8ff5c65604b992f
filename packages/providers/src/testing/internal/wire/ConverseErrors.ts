/**
 * Errors of Bedrock: `{message}`, with the exception's name in the header `x-amzn-errortype`. Source: AWS, Amazon Bedrock
 * API reference, "Converse" and "ConverseStream", errors.
 */
import { type Kind, messageOf, type Problem, type Refusal } from "../Problem.ts"
import type { FakeRequest } from "../Reaction.ts"

const types: Readonly<Record<number, string>> = {
  400: "ValidationException",
  401: "UnrecognizedClientException",
  402: "ServiceQuotaExceededException",
  403: "AccessDeniedException",
  404: "ResourceNotFoundException",
  408: "ModelTimeoutException",
  424: "ModelErrorException",
  429: "ThrottlingException",
  503: "ServiceUnavailableException",
  529: "ServiceUnavailableException"
}

interface Own {
  readonly message: string
  readonly status?: number
  readonly type?: string
}

const own: Partial<Record<Kind, (problem: Problem, request: FakeRequest) => Own>> = {
  key: () => ({
    status: 403,
    type: "UnrecognizedClientException",
    message: "The security token included in the request is invalid."
  }),
  model: () => ({ status: 400, message: "The provided model identifier is invalid." }),
  context: () => ({ message: "Input is too long for requested model." }),
  prefill: () => ({ message: "This model takes no prefill: the conversation must end with a message of the user." })
}

export const converseFault = (problem: Problem, request: FakeRequest) => {
  const { message: usual, status = problem.status, type } = own[problem.kind]?.(problem, request) ?? {}
  return {
    status,
    type:
      problem.fields.type ??
      type ??
      types[status] ??
      (status >= 500 ? "InternalServerException" : "ValidationException"),
    message: messageOf(problem, usual)
  }
}

export const converseRefusal = (problem: Problem, request: FakeRequest): Refusal => {
  const { message, status, type } = converseFault(problem, request)
  return {
    status,
    headers: { "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/` },
    body: JSON.stringify({ message })
  }
}
