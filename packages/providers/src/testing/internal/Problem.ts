/**
 * What a reply that is no answer says, before a dialect puts it into its own shape and words.
 *
 * `kind` is what went wrong where vendors disagree about the status, too: a wrong key is 401 at most and 400 at Gemini.
 */

/** What to say in an error. What is left out comes from the status. A dialect sends each field where it has a place for it. */
export interface ErrorFields {
  readonly message?: string
  /** Chat and Responses `type`; Messages `error.type`; Gemini `error.status`; Bedrock's exception type. */
  readonly type?: string
  /** Chat and Responses only. */
  readonly param?: string | null
  /** Chat and Responses `code`; Messages `error.details.error_code`; Gemini the `reason` of an ErrorInfo. */
  readonly code?: string | number | null
}

export type Kind = "status" | "key" | "context" | "policy" | "prefill" | "model"

export interface Problem {
  readonly status: number
  readonly kind: Kind
  readonly fields: ErrorFields
  /** Appended to the message. */
  readonly text: string | undefined
  /** Seconds of a `RetryInfo`, for the dialect that has one. */
  readonly retryInfo: number | undefined
  /** For `context`: the tokens that fit. */
  readonly window: number
}

/** What a dialect makes of a problem. */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const problem = (status: number, fields: ErrorFields = {}, kind: Kind = "status"): Problem => ({
  status,
  kind,
  fields,
  text: undefined,
  retryInfo: undefined,
  window: 8192
})

const messages: Readonly<Record<number, string>> = {
  400: "The request is not valid.",
  401: "The API key is missing or wrong.",
  402: "The account has no balance left.",
  403: "This key may not use the model.",
  404: "There is no such model.",
  408: "The server took too long.",
  413: "The prompt is too large for the model.",
  422: "A parameter is out of range.",
  429: "Rate limit reached.",
  500: "The server had an error.",
  502: "The upstream gave no valid reply.",
  503: "The server is overloaded.",
  504: "The upstream gave no reply in time.",
  529: "The server is overloaded."
}

/** The message of `problem`: what the script says, else `own` of the dialect, else what goes with the status. */
export const messageOf = ({ fields, status, text }: Problem, own?: string): string => {
  const usual = messages[status] ?? (status >= 500 ? "The server failed." : "The request was refused.")
  const message = fields.message ?? own ?? usual
  return text === undefined ? message : `${message} ${text}`
}

/** What a proxy shows when the server behind it is gone. */
export const htmlPage = (status: number): string =>
  `<!doctype html>\n<html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>\n`
