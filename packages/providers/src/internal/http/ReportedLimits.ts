/**
 * What a provider's headers say is left of its limits, for gates that learn. Only buckets that say how much remains; a limit
 * or a reset alone is no news.
 *
 * Source: the rate-limit pages of OpenAI, Groq (its request bucket is per day), Azure, Anthropic and OpenRouter.
 */
import type { ReportedLimit } from "@spillway/core/Gate"
import { decimal, httpDate, resetIn } from "../errors/RetryHint.ts"

type Headers = Readonly<Record<string, string | undefined>>

const buckets: ReadonlyArray<readonly [ReportedLimit["resource"], string, string, string]> = [
  ...(["requests", "tokens"] as const).map(
    (name) => [name, `x-ratelimit-limit-${name}`, `x-ratelimit-remaining-${name}`, `x-ratelimit-reset-${name}`] as const
  ),
  ["requests", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
  ...(
    [
      ["requests", "requests"],
      ["tokens", "tokens"],
      ["inputTokens", "input-tokens"],
      ["outputTokens", "output-tokens"]
    ] as const
  ).map(
    ([resource, name]) =>
      [
        resource,
        `anthropic-ratelimit-${name}-limit`,
        `anthropic-ratelimit-${name}-remaining`,
        `anthropic-ratelimit-${name}-reset`
      ] as const
  )
]

/** A `ReportedLimit` of core as JSON, so that it fits the metadata of a part. */
export type Reported = {
  readonly resource: ReportedLimit["resource"]
  readonly remaining: number
  readonly limit?: number
  readonly resetMs?: number
}

/** `undefined` when the headers say nothing. `now` is epoch milliseconds, for servers that send no date. */
export const reportedLimits = (headers: Headers, now: number): ReadonlyArray<Reported> | undefined => {
  let found: Array<Reported> | undefined
  for (const [resource, limitName, remainingName, resetName] of buckets) {
    const remaining = decimal(headers[remainingName])
    if (remaining === undefined) continue
    const limit = decimal(headers[limitName])
    const resetMs = resetIn(headers[resetName], httpDate(headers["date"]) ?? now)
    found ??= []
    found.push({
      resource,
      remaining,
      ...(limit === undefined ? {} : { limit }),
      ...(resetMs === undefined ? {} : { resetMs })
    })
  }
  return found
}
