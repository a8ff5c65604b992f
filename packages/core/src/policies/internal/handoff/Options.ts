/** What can be said about a hand-off and about one call of it, and the checks on that. */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption, integer, onlyKeys } from "../../../model/InvalidOption.ts"
import { positiveMillis } from "../../../model/RouteRequest.ts"
import type * as TaskTable from "./TaskTable.ts"

export interface Options {
  /** How long a caller waits before the work becomes a task. > 0, default 500 ms; `"Infinity"`: to the end. */
  readonly after?: Duration.Input
  /**
   * How long a task may take, from the beginning of its work: then it is interrupted, and has failed with `TaskTimedOut`.
   * Longer than `after`, default 10 minutes. It does not bound a call that is still waited for: that is its deadline's.
   */
  readonly asyncMax?: Duration.Input
  /** Tasks whose work has not ended, at most. Integer >= 1, default 1,000. */
  readonly maxAsync?: number
  /**
   * What becomes of a long call while `maxAsync` tasks run: `"wait"` (default) answers it when it ends, however long that
   * takes; `"reject"` interrupts it, and it fails with `HandoffFull`.
   */
  readonly onFull?: "wait" | "reject"
  /** How long the end of a task is kept, from that end. > 0, default 1 hour. */
  readonly ttl?: Duration.Input
  /** Ends of tasks kept; beyond it the oldest leave first, read or not. Integer >= 1, default 10,000. */
  readonly maxResults?: number
  /**
   * Makes task ids. Whoever has an id can read the result, so they must not be guessable, and must never repeat. Default:
   * random UUIDs of the platform's secure generator.
   */
  readonly newTaskId?: () => string
}

/** What may be said about one call. */
export interface RunOptions {
  /** Instead of the service's `after`: > 0 and shorter than `asyncMax`, or `"Infinity"`. */
  readonly after?: Duration.Input | undefined
  /** How long it will probably take (of a stream: to its first content), >= 0. Beyond `after` it becomes a task at once. */
  readonly expected?: Duration.Input | undefined
}

export interface StreamOptions<A> extends RunOptions {
  /**
   * Is this part content? The limit is on the first one; a stream that has begun is never handed off. Default: every part is.
   */
  readonly isContent?: ((part: A) => boolean) | undefined
  /**
   * What a task may keep of a stream, in units of `sizeOf`: beyond it, it fails with `ResultTooLarge`. A stream that is
   * still waited for and holds back more than this begins without content. Integer >= 1, default 65,536.
   */
  readonly maxSize?: number | undefined
  /** Size of one part, >= 0. Default 1: `maxSize` counts parts. */
  readonly sizeOf?: ((part: A) => number) | undefined
}

export interface Limits {
  /** How long the caller waits. */
  readonly afterMs: Millis
  /** How long it will probably take. Longer than `afterMs`: it is handed off unless it ends in its first turn. */
  readonly expectedMs: Millis
}

export interface Settings {
  readonly limits: Limits
  readonly asyncMaxMs: Millis
  readonly onFull: "wait" | "reject"
  readonly table: TaskTable.Options
  readonly newTaskId: () => string
}

const optionKeys: ReadonlySet<string> = new Set([
  "after",
  "asyncMax",
  "maxAsync",
  "onFull",
  "ttl",
  "maxResults",
  "newTaskId"
])

/** Throws `InvalidOption`. */
export const resolve = (options: Options): Settings => {
  onlyKeys("Handoff", options, optionKeys)
  const { asyncMax, maxAsync, maxResults, newTaskId, onFull = "wait" } = options
  const asyncMaxMs = positiveMillis("Handoff: asyncMax", asyncMax ?? "10 minutes")
  const afterMs = limit("Handoff: after", options.after ?? "500 millis", asyncMaxMs)
  if (onFull !== "wait" && onFull !== "reject") {
    throw new InvalidOption("Handoff: onFull", `"wait" or "reject"`, onFull)
  }
  return {
    limits: { afterMs, expectedMs: 0 },
    asyncMaxMs,
    onFull,
    table: {
      maxRunning: maxAsync === undefined ? 1000 : integer("Handoff: maxAsync", maxAsync),
      ttl: positiveMillis("Handoff: ttl", options.ttl ?? "1 hour"),
      maxResults: maxResults === undefined ? 10_000 : integer("Handoff: maxResults", maxResults)
    },
    newTaskId: newTaskId ?? (() => SecureRandom.uuidV4Unsafe())
  }
}

/** What one call says, above what the service says. Throws `InvalidOption`. */
export const limitsOf = (settings: Settings, where: string, options: RunOptions): Limits => {
  const { after, expected } = options
  return {
    afterMs: after === undefined ? settings.limits.afterMs : limit(`${where}: after`, after, settings.asyncMaxMs),
    expectedMs: expected === undefined ? 0 : notNegative(`${where}: expected`, expected)
  }
}

/** A task that is too old the moment it begins would be of no use. */
const limit = (option: string, input: Duration.Input, asyncMaxMs: Millis): Millis => {
  const ms = positiveMillis(option, input)
  if (ms < asyncMaxMs || ms === Number.POSITIVE_INFINITY) return ms
  throw new InvalidOption(option, `a duration shorter than asyncMax (${asyncMaxMs} ms), or "Infinity"`, input)
}

const notNegative = (option: string, input: Duration.Input): Millis => {
  const duration = Duration.fromInput(input)
  const ms = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (ms >= 0) return ms
  throw new InvalidOption(option, "a duration >= 0", input)
}
