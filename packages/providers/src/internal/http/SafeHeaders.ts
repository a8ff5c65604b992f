/**
 * Which headers of an answer an error may carry, and where the vendor's request id stands. A short list of what may pass
 * instead of a long one of what may not: nobody knows what a gateway adds.
 */
import * as Secrets from "./Secrets.ts"

// The edge's own id comes last: only the edge saw it.
const requestIds: ReadonlyArray<string> = [
  "x-request-id",
  "request-id",
  "x-ds-trace-id",
  "x-amzn-requestid",
  "apim-request-id",
  "x-siliconcloud-trace-id",
  "mistral-correlation-id",
  "cf-ray"
]

const passed = /^(retry-after(-ms)?|x-should-retry|date|(x-|anthropic-)?ratelimit\S*|x-ms-region)$/

/** The first request id that is present. */
export const requestId = (headers: Readonly<Record<string, string>>): string | undefined =>
  requestIds.map((name) => headers[name]).find((id) => id !== undefined && id !== "")

/** Status and harmless headers, for `AiError`'s `http`. What holds a secret is no harmless header. */
export const httpDetails = (
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  secrets: Secrets.Secrets
) => ({
  status: answer.status,
  headers: Object.fromEntries(
    Object.entries(answer.headers).filter(
      ([name, value]) => (passed.test(name) || requestIds.includes(name)) && !Secrets.isIn(secrets, value)
    )
  )
})
