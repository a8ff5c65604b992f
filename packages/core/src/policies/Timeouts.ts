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
  /** From the start of a streamed attempt to its first content; keep-alives do not count. > 0, default 60 s. */
  readonly firstContent?: Duration.Input
  /** Between parts of a stream after that. > 0, default 60 s. */
  readonly idle?: Duration.Input
}

/** Milliseconds. */
export interface Timeouts {
  readonly attemptMs: number
  readonly firstContentMs: number
  readonly idleMs: number
}

/** Throws `InvalidOption`. */
export const make = (where: string, options: Options = {}): Timeouts => {
  onlyKeys(`${where}: timeouts`, options, keys)
  return resolve(where, options)
}

const keys: ReadonlySet<string> = new Set(["attempt", "firstContent", "idle"])

const resolve = (where: string, options: Options): Timeouts => ({
  attemptMs: positiveMillis(`${where}: timeouts.attempt`, options.attempt ?? "2 minutes"),
  firstContentMs: positiveMillis(`${where}: timeouts.firstContent`, options.firstContent ?? "60 seconds"),
  idleMs: positiveMillis(`${where}: timeouts.idle`, options.idle ?? "60 seconds")
})
