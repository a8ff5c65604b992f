/**
 * Every way in which a provider says "come back in …", for `Behaviour.rateLimited` and `Behaviour.status`.
 *
 * Sources: RFC 9110 sections 5.6.7 and 10.2.3 (`Retry-After`: seconds or an HTTP date); the rate-limit headers of OpenAI's
 * API reference (`x-ratelimit-reset-*` in the format of Go's `time.Duration.String`); `retry-after-ms` as Azure sends it;
 * Anthropic's page "Rate limits" (`anthropic-ratelimit-*`); google.rpc's `RetryInfo`.
 */
import * as Duration from "effect/Duration"

/** A spelling: headers, words in the error message, or both. `wall` is the wall clock in epoch milliseconds. */
export interface RetryAfter {
  readonly headers: (wall: number) => Readonly<Record<string, string>>
  /** Appended to the error's `message`. */
  readonly text?: string
  /** Seconds of a `RetryInfo` in the error's `details`; only Gemini has it, other dialects leave it out. */
  readonly retryInfo?: number
}

/** No hint, as DeepSeek, Bedrock and Gemini send. */
export const none: RetryAfter = { headers: () => ({}) }

/** A header exactly as given, for negative numbers, garbage and vendors of your own. `name` defaults to `retry-after`. */
export const raw = (value: string, name = "retry-after"): RetryAfter => ({ headers: () => ({ [name]: value }) })

/** `retry-after: 20`. Fractions and negative numbers are sent as they are. */
export const seconds = (value: number): RetryAfter => raw(String(value))

/** `retry-after-ms: 250`. Fractions and negative numbers are sent as they are. */
export const milliseconds = (value: number): RetryAfter => raw(String(value), "retry-after-ms")

/**
 * `retry-after: Wed, 21 Oct 2026 07:28:00 GMT`, `delay` from now, rounded up to a whole second. A negative number of
 * milliseconds gives a date in the past. `skew`: how far the server's clock is ahead (milliseconds, default 0); with it
 * the `date` header shows the server's clock, so that a client can correct.
 */
export const date = (delay: Duration.Input, options?: { readonly skew?: number }): RetryAfter => ({
  headers: (wall) => {
    const now = wall + (options?.skew ?? 0)
    const until = Math.ceil((now + Duration.toMillis(Duration.fromInputUnsafe(delay))) / 1000) * 1000
    return {
      "retry-after": new Date(until).toUTCString(),
      ...(options?.skew === undefined ? {} : { date: new Date(now).toUTCString() })
    }
  }
})

/** `x-ratelimit-reset-requests` and `-tokens` as Go durations, each with `x-ratelimit-remaining-…: 0`. */
export const reset = (buckets: {
  readonly requests?: Duration.Input
  readonly tokens?: Duration.Input
}): RetryAfter => {
  const headers: Record<string, string> = {}
  for (const bucket of ["requests", "tokens"] as const) {
    const delay = buckets[bucket]
    if (delay === undefined) continue
    headers[`x-ratelimit-remaining-${bucket}`] = "0"
    headers[`x-ratelimit-reset-${bucket}`] = goDuration(Duration.toMillis(Duration.fromInputUnsafe(delay)))
  }
  return { headers: () => headers }
}

/** `anthropic-ratelimit-requests-reset` and `-tokens-reset` as times (RFC 3339), each with its `-remaining: 0`. */
export const resetAt = (buckets: {
  readonly requests?: Duration.Input
  readonly tokens?: Duration.Input
}): RetryAfter => ({
  headers: (wall) => {
    const headers: Record<string, string> = {}
    for (const bucket of ["requests", "tokens"] as const) {
      const delay = buckets[bucket]
      if (delay === undefined) continue
      const time = new Date(wall + Duration.toMillis(Duration.fromInputUnsafe(delay)))
      headers[`anthropic-ratelimit-${bucket}-remaining`] = "0"
      headers[`anthropic-ratelimit-${bucket}-reset`] = time.toISOString()
    }
    return headers
  }
})

/** Only in the body, and only from Gemini: `details` with a `RetryInfo` of `"34.4s"`. */
export const retryInfo = (value: number): RetryAfter => ({ ...none, retryInfo: value })

/** Only in the error's message: `Please try again in 20s.` */
export const text = (value: number): RetryAfter => ({ ...none, text: `Please try again in ${value}s.` })

/** Several at once; of two that send the same header or a `RetryInfo`, the later one wins. */
export const all = (spellings: ReadonlyArray<RetryAfter>): RetryAfter => {
  const texts = spellings.flatMap((spelling) => spelling.text ?? [])
  const infos = spellings.flatMap((spelling) => spelling.retryInfo ?? [])
  const info = infos.at(-1)
  return {
    headers: (wall) => Object.assign({}, ...spellings.map((spelling) => spelling.headers(wall))),
    ...(texts.length === 0 ? {} : { text: texts.join(" ") }),
    ...(info === undefined ? {} : { retryInfo: info })
  }
}

/** As Go prints it: `120ms`, `7.66s`, `6m0s`, `1h2m3s`. Whole milliseconds; less than one is `0s`. */
export const goDuration = (milliseconds: number): string => {
  const ms = Math.max(0, Math.round(milliseconds))
  if (ms === 0) return "0s"
  if (ms < 1000) return `${ms}ms`
  const minutes = Math.floor(ms / 60_000)
  const rest = `${(ms % 60_000) / 1000}s`
  if (minutes === 0) return rest
  return minutes < 60 ? `${minutes}m${rest}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}`
}
