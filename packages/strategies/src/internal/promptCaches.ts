/**
 * What vendors write about their prompt caches: for how long a beginning is kept that nobody uses, and how long it must be.
 * As of November 2026; where a vendor gives a range, the end at which sticking costs less than missing a warm cache.
 *
 * Sources:
 * - Anthropic: docs "Prompt caching": 5 minutes from the start of the last use (1 hour where asked for); minimum by model.
 *   Of Sonnet 4.6 the page says 1024, users measured 2048 (anthropics/anthropic-sdk-python#1194).
 * - Amazon Bedrock: user guide "Prompt caching for faster model inference": 5 minutes; Claude as Anthropic, Nova 1,000.
 * - OpenAI, Azure: guide "Prompt caching": 1024 tokens, 5 to 10 minutes of inactivity (up to 24 hours where asked for).
 * - DeepSeek: guide "Context Caching": cleared when unused, "a few hours to a few days"; units of 64 tokens.
 */
import { integer } from "@spillway/core/InvalidOption"
import { positiveMillis } from "@spillway/core/RouteRequest"
import type { Target } from "@spillway/core/Target"
import type * as Duration from "effect/Duration"

export interface PromptCache {
  /** How long it keeps what is not used, from the beginning of the last use. > 0; default: no end is known. */
  readonly ttl?: Duration.Input | undefined
  /** Input tokens; a shorter prompt is not kept. Integer >= 0, default 0. */
  readonly minTokens?: number | undefined
}

export interface KnownCache {
  readonly ttlMs: number
  readonly minTokens: number
}

/** Throws `InvalidOption`. */
export const known = (where: string, cache: PromptCache | undefined): KnownCache | undefined =>
  cache === undefined
    ? undefined
    : {
        ttlMs: cache.ttl === undefined ? Number.POSITIVE_INFINITY : positiveMillis(`${where}.ttl`, cache.ttl),
        minTokens: integer(`${where}.minTokens`, cache.minTokens ?? 0, 0)
      }

const minute = 60_000

/** First match wins: the part of the model's name as it stands in `claude-opus-4-8` and `anthropic.claude-opus-4-8-v1:0`. */
const claude: ReadonlyArray<readonly [RegExp, number]> = [
  [/(opus|fable|mythos)-5/, 512],
  [/opus-4-7/, 2048],
  [/opus-4-[56]|haiku-4-5/, 4096],
  [/haiku/, 2048],
  [/sonnet-4-6/, 2048],
  [/./, 1024]
]

/** `undefined`: nothing is known, so that a key always sticks. */
export const documented = ({ model, provider }: Target): PromptCache | undefined => {
  const name = model.toLowerCase().replaceAll(".", "-")
  if (name.includes("claude")) {
    return { ttl: 5 * minute, minTokens: claude.find(([pattern]) => pattern.test(name))?.[1] ?? 1024 }
  }
  const vendor = provider.toLowerCase()
  if (/nova/.test(name) && /bedrock|aws|amazon/.test(vendor)) return { ttl: 5 * minute, minTokens: 1000 }
  if (/^(openai|azure)/.test(vendor)) return { ttl: 10 * minute, minTokens: 1024 }
  if (/^deepseek/.test(vendor)) return { ttl: 180 * minute, minTokens: 64 }
  return undefined
}
