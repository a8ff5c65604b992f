/**
 * Bedrock's own rows of the error table. Its exceptions are told by the header `x-amzn-errortype`, by `__type` in the body,
 * or by the name of an exception frame, whose first letter is small: hence no row minds the case.
 *
 * No row quotes the vendor's message. Messages about signatures repeat the signed request, with the session token in it,
 * and no row can know which token a signer has used.
 *
 * Source: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
 */
import { auth, type ErrorRules, invalid, overloaded, type Row, rateLimit, verdict } from "../errors/ErrorTable.ts"

const context =
  /input is too long|too many input tokens|prompt is too long|exceeds? the (context|maximum (number of )?(input )?tokens)/i
const signature = /InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken/i
const noModel = /model identifier is invalid|on-demand throughput|doesn'?t support the model/i
const capability = /(doesn'?t|does not|is not|isn'?t) (currently )?support/i

const rows: ReadonlyArray<Row> = [
  [
    ({ status, says }) => (status === 429 || status === 400) && says(/tokens per day|per[- ]day|daily/i),
    verdict("QuotaExhausted", "QuotaExhausted", "other", "throttle", "The day's quota is used up")
  ],
  // Waiting does not mend it soon, nor does a change of the configuration: only a higher quota or less load.
  [
    ({ is }) => is(/ServiceQuotaExceeded/i),
    verdict("QuotaExhausted", "QuotaExhausted", "other", "throttle", "A service quota of the account is used up")
  ],
  // An imported model that was asleep; it takes minutes.
  [({ is }) => is(/ModelNotReady/i), overloaded("The model is being loaded")],
  [
    ({ status, is }) => is(/Throttl|TooManyRequests/i) || status === 429,
    rateLimit("The account's rate limit was reached", { quotable: false })
  ],
  [
    ({ status, is, says }) => (status === 400 || is(/Validation/i)) && says(context),
    verdict("InvalidRequest", "ContextLength", "other", "none", "The prompt is too long for this model", {
      parameter: "prompt",
      constraint: "must fit the context window"
    })
  ],
  [
    ({ is }) => is(/GuardrailIntervened/i),
    verdict("ContentPolicy", "ContentFilter", "none", "none", "A guardrail refused the request")
  ],
  // `Signature expired: …` comes under these names too: it is the clock, not the key.
  [
    ({ is }) => is(signature),
    auth("InvalidKey", "The signature was refused: another secret key, or a clock that is wrong by minutes")
  ],
  [
    ({ status, is, says }) => is(/ExpiredToken/i) || ((status === 401 || status === 403) && says(/expired/i)),
    auth("ExpiredKey", "The credentials have expired")
  ],
  [
    ({ status, is, says }) =>
      status === 401 ||
      is(/UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId/i) ||
      (status === 403 && says(/api key|bearer token|authentication failed/i)),
    auth("InvalidKey", "The key was refused")
  ],
  [
    ({ status, is }) => status === 403 || is(/AccessDenied|OptInRequired/i),
    auth("InsufficientPermissions", "The account may not use this model or this region")
  ],
  [
    ({ status, is, says }) => is(/ResourceNotFound|UnknownOperation/i) || (status === 400 && says(noModel)),
    verdict("InvalidRequest", "ModelNotFound", "other", "config", "There is no such model or path here", {
      parameter: "model"
    })
  ],
  [
    ({ status, says }) => status === 400 && says(capability),
    invalid("This model does not take a part of the request", { otherTarget: true })
  ],
  [({ is }) => is(/ModelTimeout/i), overloaded("The model took too long")],
  [({ is }) => is(/Model(Stream)?Error/i), overloaded("The model failed")],
  [({ status, is }) => status === 503 || status === 529 || is(/ServiceUnavailable/i), overloaded("The server is busy")]
]

/** Rows, and the status each word of an error inside a 200 would have had. */
export const rules: ErrorRules = {
  rows,
  statuses: [
    [/Throttl|TooManyRequests|ModelNotReady/i, 429],
    [/ServiceUnavailable/i, 503],
    [/ModelTimeout/i, 408],
    [/Model(Stream)?Error/i, 424],
    [/Validation|ServiceQuotaExceeded/i, 400],
    [/AccessDenied|ExpiredToken|UnrecognizedClient|Signature/i, 403],
    [/NotFound/i, 404]
  ]
}
