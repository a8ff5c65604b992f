/**
 * How long to wait before a retry: full jitter over an exponential, `U(0, min(cap, base · factor^n))`, n = 0 before the first
 * retry. Spreading over the whole interval, not only its end, is what keeps clients that failed together apart.
 *
 * A `Retry-After` is a floor with a tenth of itself on top, so that not all who were told the same come back together.
 * Source: gRPC proposal A6 (client retries); M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
import type * as Duration from "effect/Duration"
import type { Millis, Rng } from "../model/Gate.ts"
import { InvalidOption, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export interface Options {
  /** Upper end of the first wait. > 0, finite, default 50 ms. */
  readonly base?: Duration.Input
  /** Growth per retry. Finite, >= 1, default 2. */
  readonly factor?: number
  /** Upper end of any wait. >= `base`, finite, default 20 seconds or `base` if that is longer. */
  readonly cap?: Duration.Input
}

export interface Policy {
  readonly base: Millis
  readonly factor: number
  readonly cap: Millis
}

/** Throws `InvalidOption`. */
export const make = (options: Options = {}): Policy => {
  const millis = (name: string, input: Duration.Input) => positive(name, positiveMillis(name, input))
  const base = millis("Backoff: base", options.base ?? "50 millis")
  const cap = options.cap === undefined ? Math.max(20_000, base) : millis("Backoff: cap", options.cap)
  if (cap < base) throw new InvalidOption("Backoff: cap", `a duration >= base (${base} ms)`, options.cap)
  const factor = options.factor ?? 2
  if (!(factor >= 1 && factor < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption("Backoff: factor", "a finite number >= 1", factor)
  }
  return { base, factor, cap }
}

/**
 * Milliseconds to wait before retry `n` (integer >= 0). `hintMs` is what the target asked for; never less is waited. A hint
 * of 0 or less is none.
 */
export const delayMs = (policy: Policy, n: number, rng: Rng, hintMs?: Millis): Millis => {
  // A power too large for a number is Infinity, and that is the cap: nothing overflows (App-vNext/Polly#2163).
  const jittered = rng() * Math.min(policy.cap, policy.base * policy.factor ** n)
  if (hintMs === undefined || !(hintMs > 0)) return jittered
  return Math.max(0, jittered - hintMs) + hintMs * (1 + 0.1 * rng())
}
