/**
 * For how long a breaker stays open: min(longest, first * 2^(k-1)) for the k-th time in a row, ±10 %, and never shorter than
 * the target asked for. k begins anew after it has stayed closed for as long as it was open the last time.
 *
 * Source: the back-off of effect's `CircuitBreaker`. That hints only lengthen is the lesson of BerriAI/litellm#40130, that the
 * exponent is clamped that of App-vNext/Polly#2163.
 */
import type * as Duration from "effect/Duration"
import type { GateSnapshot, Millis, Rng } from "../../model/Gate.ts"
import { InvalidOption } from "../../model/InvalidOption.ts"
import type { Failure, Slow, Success } from "../../model/Outcome.ts"
import { positiveMillis } from "../../model/RouteRequest.ts"
import { numberAt, remaining } from "./snapshots.ts"

export interface Options {
  readonly openFor?: Duration.Input
  readonly maxOpenFor?: Duration.Input
  readonly maxHint?: Duration.Input
}

export interface OpenPeriod {
  /** Where the last period ends. */
  readonly until: () => Millis
  /** Where one that began at `at`, directly after the last one, would end. */
  readonly next: (at: Millis) => Millis
  /** Takes a chance for the next period, unless there is one left. */
  readonly draw: (rng: Rng) => void
  readonly begin: (at: Millis, wasClosed: boolean) => void
  readonly end: (at: Millis) => void
  /** The target failed and may have said for how long to stay away: counts for whatever period begins before that is over. */
  readonly hear: (outcome: Success | Slow | Failure, now: Millis) => void
  /** The same after the fact: lengthens the period that runs. True when it did. */
  readonly lengthen: (outcome: Success | Slow | Failure, now: Millis) => boolean
  readonly forget: () => void
  readonly snapshot: (now: Millis, state: string) => Readonly<Record<string, number>>
  readonly restore: (snapshot: GateSnapshot, now: Millis) => void
}

/** Throws `InvalidOption`. */
export const make = (options: Options): OpenPeriod => {
  const { longest, maxHint, shortest } = resolve(options)
  let opens = 0
  let until: Millis = 0
  /** Length of the last period, hints included. */
  let length = 0
  /** Staying closed until then resets `opens`. */
  let forgetAt: Millis = Number.NEGATIVE_INFINITY
  let hintUntil: Millis = Number.NEGATIVE_INFINITY
  let jitter = Number.NaN

  const endOf = (at: Millis, k: number): Millis =>
    Math.max(at + Math.min(longest, shortest * 2 ** Math.min(k - 1, 60)) * jitter, hintUntil)
  // A hint that is no number of milliseconds is no hint.
  const hintOf = (outcome: Success | Slow | Failure, now: Millis): Millis =>
    outcome._tag === "Failure" && outcome.retryAfter !== undefined && outcome.retryAfter > 0
      ? now + Math.min(outcome.retryAfter, maxHint)
      : Number.NEGATIVE_INFINITY

  return {
    until: () => until,
    next: (at) => endOf(at, opens + 1),
    draw: (rng) => {
      if (Number.isNaN(jitter)) jitter = 0.9 + 0.2 * rng()
    },
    begin: (at, wasClosed) => {
      if (wasClosed && at >= forgetAt) opens = 0
      opens++
      until = endOf(at, opens)
      length = until - at
      jitter = Number.NaN
    },
    end: (at) => {
      forgetAt = at + length
    },
    hear: (outcome, now) => {
      if (outcome._tag === "Failure") hintUntil = Math.max(hintUntil, hintOf(outcome, now))
    },
    lengthen: (outcome, now) => {
      const hint = hintOf(outcome, now)
      if (hint <= until) return false
      length += hint - until
      until = hint
      return true
    },
    forget: () => {
      opens = 0
      hintUntil = Number.NEGATIVE_INFINITY
    },
    snapshot: (now, state) => ({
      opens: state === "closed" && now >= forgetAt ? 0 : opens,
      openMs: Math.min(length, Number.MAX_SAFE_INTEGER),
      retryInMs: state === "open" ? remaining(until, now) : 0,
      forgetInMs: state === "closed" ? remaining(forgetAt, now) : 0,
      hintInMs: remaining(hintUntil, now)
    }),
    restore: (snapshot, now) => {
      opens = numberAt(snapshot, "opens")
      length = numberAt(snapshot, "openMs")
      until = now + numberAt(snapshot, "retryInMs")
      forgetAt = now + numberAt(snapshot, "forgetInMs")
      hintUntil = now + numberAt(snapshot, "hintInMs")
    }
  }
}

const resolve = (options: Options) => {
  const millis = (name: string, input: Duration.Input) => positiveMillis(`Breaker: ${name}`, input)
  const shortest = millis("openFor", options.openFor ?? "5 seconds")
  const longest =
    options.maxOpenFor === undefined ? Math.max(60_000, shortest) : millis("maxOpenFor", options.maxOpenFor)
  if (longest < shortest) {
    throw new InvalidOption("Breaker: maxOpenFor", `a duration >= openFor (${shortest} ms)`, options.maxOpenFor)
  }
  return { shortest, longest, maxHint: millis("maxHint", options.maxHint ?? "10 minutes") }
}
