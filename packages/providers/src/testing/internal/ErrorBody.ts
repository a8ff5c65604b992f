/** Error bodies in OpenAI's shape: `{error: {message, type, param, code}}`. Codes follow OpenAI's list of API errors. */

/** What to say in an error. What is left out comes from the status. */
export interface ErrorFields {
  readonly message?: string
  readonly type?: string
  readonly param?: string | null
  readonly code?: string | number | null
}

const known: Readonly<Record<number, readonly [type: string, code: string | null, message: string]>> = {
  400: ["invalid_request_error", "invalid_value", "The request is not valid."],
  401: ["invalid_request_error", "invalid_api_key", "The API key is missing or wrong."],
  402: ["insufficient_quota", "insufficient_quota", "The account has no balance left."],
  403: ["permission_error", "model_not_allowed", "This key may not use the model."],
  404: ["invalid_request_error", "model_not_found", "There is no such model."],
  408: ["server_error", "timeout", "The server took too long."],
  413: ["invalid_request_error", "context_length_exceeded", "The prompt is too large for the model."],
  422: ["invalid_request_error", "invalid_parameter", "A parameter is out of range."],
  429: ["requests", "rate_limit_exceeded", "Rate limit reached."],
  500: ["server_error", "server_error", "The server had an error."],
  502: ["server_error", "bad_gateway", "The upstream gave no valid reply."],
  503: ["server_error", "overloaded", "The server is overloaded."],
  504: ["server_error", "gateway_timeout", "The upstream gave no reply in time."],
  529: ["overloaded_error", "overloaded_error", "The server is overloaded."]
}

export const errorFields = (status: number, fields: ErrorFields = {}): Required<ErrorFields> => {
  const [type, code, message] =
    known[status] ??
    (status >= 500
      ? (["server_error", null, "The server failed."] as const)
      : (["invalid_request_error", null, "The request was refused."] as const))
  return { message, type, param: null, code, ...fields }
}

export const errorBody = (status: number, fields?: ErrorFields): string =>
  JSON.stringify({ error: errorFields(status, fields) })

/** What a proxy shows when the server behind it is gone. */
export const htmlPage = (status: number): string =>
  `<!doctype html>\n<html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>\n`
