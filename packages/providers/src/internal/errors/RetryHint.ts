/**
 * How long a server asks us to stay away: one number of milliseconds from the seven spellings in use.
 *
 * Precedence: `retry-after-ms`, `retry-after` (seconds, fractions allowed, or an HTTP date), Google's `RetryInfo`, then the
 * reset of the bucket whose `remaining` is 0 (the largest, if several are empty). A reset without an empty bucket is no
 * order to wait. What is negative, not a number or in the past is no hint. There is no cap here: it is the router's.
 *
 * Source: RFC 9110 sections 5.6.7 and 10.2.3; the rate-limit pages of OpenAI, Azure, Anthropic, Groq, Mistral, OpenRouter.
 */

export interface HintInput {
  readonly headers: Readonly<Record<string, string | undefined>>
  /** `RetryInfo.retryDelay` of the body. */
  readonly retryDelay?: string | undefined
  /** Epoch milliseconds; used only when the server sent no `date`. */
  readonly now: number
}

/** Milliseconds, >= 0; `undefined` when the server did not say. */
export const retryAfter = (input: HintInput): number | undefined => {
  const { headers } = input
  // The server's own clock: dates it sends are read against the date it sends, so skew between us cancels out.
  const clock = httpDate(headers["date"]) ?? input.now
  return (
    decimal(headers["retry-after-ms"]) ??
    scaled(decimal(headers["retry-after"]), 1000) ??
    until(httpDate(headers["retry-after"]), clock) ??
    goDuration(input.retryDelay) ??
    emptiestBucket(headers, clock)
  )
}

/** `true` / `false` of OpenAI's and Anthropic's own retry advice; `undefined` when not sent. */
export const shouldRetry = (headers: Readonly<Record<string, string | undefined>>): boolean | undefined => {
  const advice = headers["x-should-retry"]?.trim().toLowerCase()
  return advice === "true" ? true : advice === "false" ? false : undefined
}

/** `remaining` header, `reset` header. */
const buckets: ReadonlyArray<readonly [string, string]> = [
  ["x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
  ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
  ["x-ratelimit-remaining", "x-ratelimit-reset"],
  ["ratelimitbysize-remaining", "ratelimitbysize-reset"],
  ["ratelimit-remaining", "ratelimit-reset"],
  ...["requests", "tokens", "input-tokens", "output-tokens"].map(
    (name) => [`anthropic-ratelimit-${name}-remaining`, `anthropic-ratelimit-${name}-reset`] as const
  )
]

const emptiestBucket = (headers: HintInput["headers"], clock: number): number | undefined => {
  let longest: number | undefined
  for (const [remaining, reset] of buckets) {
    if (headers[remaining]?.trim() !== "0") continue
    const ms = resetIn(headers[reset], clock)
    if (ms !== undefined && (longest === undefined || ms > longest)) longest = ms
  }
  return longest
}

/** A Go duration, plain seconds, epoch seconds, epoch milliseconds or an RFC 3339 time. */
export const resetIn = (value: string | undefined, clock: number): number | undefined => {
  const number = decimal(value)
  if (number !== undefined) {
    // Anything from 2001 on is a time; no rate limit lasts thirty years.
    return number >= 1e12 ? until(number, clock) : number >= 1e9 ? until(number * 1000, clock) : number * 1000
  }
  return goDuration(value) ?? until(rfc3339(value), clock)
}

export const decimal = (value: string | undefined): number | undefined => {
  const trimmed = value?.trim()
  if (trimmed === undefined || !/^\d+(\.\d*)?$/.test(trimmed)) return undefined
  const number = Number(trimmed)
  return Number.isFinite(number) ? number : undefined
}

const scaled = (value: number | undefined, factor: number) => (value === undefined ? undefined : value * factor)

const until = (time: number | undefined, clock: number): number | undefined =>
  time === undefined || time < clock ? undefined : time - clock

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 1e-6
}

/** Go's `time.Duration`: `1h2m3s`, `2m59.56s`, `120ms`. */
export const goDuration = (value: string | undefined): number | undefined => {
  const trimmed = value?.trim()
  if (trimmed === undefined || !/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(trimmed)) return undefined
  let sum = 0
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * (units[unit ?? ""] ?? 0)
  }
  return Number.isFinite(sum) ? sum : undefined
}

const rfc3339 = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d/.test(value.trim()) ? time(value.trim()) : undefined

/** The three date forms of RFC 9110: IMF-fixdate, RFC 850, asctime. All are UTC, asctime without saying so. */
export const httpDate = (value: string | undefined): number | undefined => {
  const trimmed = value?.trim()
  if (trimmed === undefined || !/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[, ]/.test(trimmed)) return undefined
  return time(trimmed.endsWith("GMT") ? trimmed : `${trimmed} GMT`)
}

const time = (value: string): number | undefined => {
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : at
}
