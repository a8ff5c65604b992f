/**
 * Load by the time of a typical answer, attempts in flight and success rate: the default of `PowerOfTwo`.
 *
 * Use it for language models, whose answers take as long as they are: a target that is given long ones is not slow. The time
 * is that of an answer of `tokens` output tokens, time to first content + tokens * time per token, as far as it was measured;
 * or the latency of the whole answers it gave, where that is less: in a short answer nearly all is waiting, which the time per
 * token would take for slow writing. Of both readings the kinder one is right for long and for short answers.
 *
 * The time to first content alone would be blind to a target that writes slowly, and cannot be compared with that of a whole
 * answer: of two equal targets the one that has streamed once would seem many times as fast for ever. For streams where it is
 * what counts, or without token counts: `PeakEwma` with `measure: "timeToFirstContent"`.
 *
 * What is made of the time, and of targets that have not answered or that fail: `internal/expectedTime.ts`.
 * Source: the formula is Finagle's `PeakEwma`; normalising by tokens and the squared success rate are ours.
 */
import type { Candidate } from "@spillway/core/Candidate"
import type { Millis } from "@spillway/core/Gate"
import { integer, onlyKeys } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import { expectedTime, type TimedLoad, unknownMillis } from "../internal/expectedTime.ts"

export type { TimedLoad } from "../internal/expectedTime.ts"

export interface Options {
  /** Output tokens of a typical answer. Integer >= 1, default 256. */
  readonly tokens?: number
  /** What a target is taken to need of which nothing is known; about a slow answer. Finite, > 0, default 10 seconds. */
  readonly unknown?: Duration.Input
}

const optionKeys: ReadonlySet<string> = new Set(["tokens", "unknown"])

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): TimedLoad => {
  onlyKeys("TokenNormalized", options, optionKeys)
  const tokens = integer("TokenNormalized: tokens", options.tokens ?? 256)
  const timeOf = (candidate: Candidate, now: Millis): Millis | undefined => {
    const whole = candidate.latency(now)
    if (whole === undefined) return undefined
    const perToken = candidate.timePerToken(now)
    if (perToken === undefined) return whole
    const written = perToken * tokens
    // Not less already: the first content is not asked for, which costs what the rest does.
    if (written >= whole) return whole
    const typical = written + (candidate.timeToFirstContent(now) ?? 0)
    return Math.min(typical, whole)
  }
  return expectedTime(timeOf, unknownMillis("TokenNormalized", options.unknown))
}

/** With all defaults. */
export const load: TimedLoad = make()
