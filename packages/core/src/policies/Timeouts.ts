/**
 * The clocks of one attempt. The call's own deadline (`RouteRequest.deadline`) stands above all of them; a target that was
 * silent for one of these is not asked again by the same call.
 */
import type * as Duration from "effect/Duration"
import { onlyKeys } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export interface Options {
  /** A whole answer that is not streamed. > 0, default 2 minutes. */
  readonly attempt?: Duration.Input
  /**
   * From the start of a streamed attempt to the headers of its answer: a host that is dead or silent is left then, while one
   * that has begun to answer keeps its `firstContent`. Counts for providers that tell when headers come, as those of
   * `@spillway/providers` do (`ProviderModel.CurrentAttemptSignals`), and only when shorter than `firstContent`. > 0, default
   * none; 10 to 60 s are useful.
   */
  readonly headers?: Duration.Input
  /** From the start of a streamed attempt to its first content; keep-alives do not count. > 0, default 60 s. */
  readonly firstContent?: Duration.Input
  /**
   * The same, in place of `firstContent`, for a vendor that keeps the connection alive without content: it has put the request
   * in its queue. How many keep-alives come does not matter. Counts for providers that tell of them, and only when longer than
   * `firstContent`. > 0, default `firstContent`; DeepSeek holds a request for up to 10 minutes.
   */
  readonly queued?: Duration.Input
  /** Between parts of a stream after that. > 0, default 60 s. */
  readonly idle?: Duration.Input
}

/** Milliseconds. */
export interface Timeouts {
  readonly attemptMs: number
  /** `Infinity` when it would not run out before `firstContentMs`. */
  readonly headersMs: number
  readonly firstContentMs: number
  /** At least `firstContentMs`. */
  readonly queuedMs: number
  /** What providers tell of an answer that has no content yet makes a difference. */
  readonly signalled: boolean
  readonly idleMs: number
}

/** Throws `InvalidOption`. */
export const make = (where: string, options: Options = {}): Timeouts => {
  onlyKeys(`${where}: timeouts`, options, keys)
  return resolve(where, options)
}

const keys: ReadonlySet<string> = new Set(["attempt", "headers", "firstContent", "queued", "idle"])

const resolve = (where: string, options: Options): Timeouts => {
  const ms = (key: keyof Options, input: Duration.Input) => positiveMillis(`${where}: timeouts.${key}`, input)
  const attemptMs = ms("attempt", options.attempt ?? "2 minutes")
  const firstContentMs = ms("firstContent", options.firstContent ?? "60 seconds")
  const headers = options.headers === undefined ? firstContentMs : ms("headers", options.headers)
  const queuedMs =
    options.queued === undefined ? firstContentMs : Math.max(firstContentMs, ms("queued", options.queued))
  return {
    attemptMs,
    headersMs: headers < firstContentMs ? headers : Number.POSITIVE_INFINITY,
    firstContentMs,
    queuedMs,
    signalled: headers < firstContentMs || queuedMs > firstContentMs,
    idleMs: ms("idle", options.idle ?? "60 seconds")
  }
}
