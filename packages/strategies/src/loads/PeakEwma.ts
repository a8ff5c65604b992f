/**
 * Load by one measured time, attempts in flight and success rate: Finagle's peak EWMA, failures counted.
 *
 * Use it where a whole answer, or the first content, is what "fast" means, whatever the length of the answers: embeddings,
 * classification, answers of about one length, streams without token counts. Where answers are long and short,
 * `TokenNormalized`, the default of `PowerOfTwo`, does not take a target that was given a long one for a slow one.
 *
 * The average jumps up with one slow answer and comes down slowly. What is made of it, and of targets that have not answered
 * or that fail: `internal/expectedTime.ts`.
 *
 * Source: Finagle, `PeakEwma`; twitter/finagle#449 (a penalty beside which one more attempt vanishes); the squared success
 * rate is ours.
 */
import { InvalidOption, onlyKeys } from "@spillway/core/InvalidOption"
import type * as Duration from "effect/Duration"
import { expectedTime, type TimedLoad, unknownMillis } from "../internal/expectedTime.ts"

export type { TimedLoad } from "../internal/expectedTime.ts"

export interface Options {
  /** What "fast" means: a whole answer, or the first content of a stream. Default `"latency"`. */
  readonly measure?: "latency" | "timeToFirstContent"
  /** What a target is taken to need of which nothing is known. Finite, > 0, default 10 seconds. */
  readonly unknown?: Duration.Input
}

const optionKeys: ReadonlySet<string> = new Set(["measure", "unknown"])

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): TimedLoad => {
  onlyKeys("PeakEwma", options, optionKeys)
  const { measure = "latency" } = options
  if (measure !== "latency" && measure !== "timeToFirstContent") {
    throw new InvalidOption("PeakEwma: measure", `"latency" or "timeToFirstContent"`, measure)
  }
  const unknown = unknownMillis("PeakEwma", options.unknown)
  return measure === "latency"
    ? expectedTime((candidate, now) => candidate.latency(now), unknown)
    : expectedTime((candidate, now) => candidate.timeToFirstContent(now), unknown)
}

/** With all defaults. */
export const load: TimedLoad = make()
