/**
 * How long to wait before a retry. The range grows with each retry up to a cap, and chance spreads the waits over it, so
 * that clients that failed together do not come back together.
 *
 * b = `base`, d = min(`cap`, b · `factor`^n), n = 0 before the first retry, U(x, y) uniform:
 *
 * | jitter | wait | when |
 * | --- | --- | --- |
 * | `full` | U(0, d) | the default: fewest collisions |
 * | `equal` | d/2 + U(0, d/2) | a wait near 0 is of no use |
 * | `decorrelated` | min(`cap`, U(b, `factor` · previous)), `factor` 3 | many callers for a long time |
 * | `decorrelatedV2` | b/1.4 · (x(n + U(0, 1)) - the same before) | smooth: retries come near d after the first failure |
 * | `additive` | min(`cap` - `spread`, d) + U(0, `spread`) | a contract that names the waits |
 * | `none` | d | with `factor: 1` a constant; only where nobody else waits |
 *
 * with x(t) = `factor`^t · tanh √(4t), 0 before the first retry.
 *
 * A `Retry-After` is a floor with a tenth of itself on top, so that not all who were told the same come back together.
 * Sources: gRPC proposal A6 (full); M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full, equal,
 * decorrelated); App-vNext/Polly#530 and Polly v8 (decorrelatedV2).
 */
import type * as Duration from "effect/Duration"
import type { Millis, Rng } from "../model/Gate.ts"
import { InvalidOption, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"

export type Jitter = "full" | "equal" | "decorrelated" | "decorrelatedV2" | "additive" | "none"

export interface Options {
  /** Where the waits lie in their range. Default `"full"`. */
  readonly jitter?: Jitter
  /** The first wait before chance has its say: b of the table. > 0, finite, default 50 ms. */
  readonly base?: Duration.Input
  /** Growth per retry. Finite, >= 1, default 2; 3 when decorrelated, where it multiplies the previous wait. */
  readonly factor?: number
  /** Upper end of any wait. >= `base`, finite, default 20 seconds or `base` if that is longer; `spread` counts with it. */
  readonly cap?: Duration.Input
  /** `additive` only: upper end of what chance adds. > 0, finite, default `base`. */
  readonly spread?: Duration.Input
}

/** Milliseconds. */
export interface Policy {
  readonly jitter: Jitter
  readonly base: Millis
  readonly factor: number
  readonly cap: Millis
  /** 0 unless `additive`. */
  readonly spread: Millis
}

/**
 * What the decorrelated kinds have to know of a call's waits so far: one per call, shared by all policies it waits with.
 * `delayMs` writes it.
 */
export interface Memory {
  /** The last wait, without a hint; 0 before the first. */
  previousMs: Millis
  /** The last draw of `decorrelatedV2`. */
  draw: number | undefined
}

/**
 * The rule for rate limits: 1 s · 2^n + U(0, 1) s, at most 20 s. With 5 attempts in all the four waits take 15 to 19 s
 * together. `RetryTable.rateLimitRule` adds the number of attempts.
 */
export const rateLimitRule = {
  jitter: "additive",
  base: "1 second",
  factor: 2,
  spread: "1 second",
  cap: "20 seconds"
} as const satisfies Options

const jitters: ReadonlySet<string> = new Set<Jitter>([
  "full",
  "equal",
  "decorrelated",
  "decorrelatedV2",
  "additive",
  "none"
])

/** Throws `InvalidOption`, which names options as `where` + name. */
export const make = (options: Options = {}, where = "Backoff: "): Policy => {
  const millis = (name: string, input: Duration.Input) => positive(where + name, positiveMillis(where + name, input))
  const jitter = options.jitter ?? "full"
  if (!jitters.has(jitter)) throw new InvalidOption(`${where}jitter`, `one of ${[...jitters].join(", ")}`, jitter)
  const base = millis("base", options.base ?? "50 millis")
  if (options.spread !== undefined && jitter !== "additive") {
    throw new InvalidOption(`${where}spread`, `left out unless jitter is "additive"`, options.spread)
  }
  const spread = jitter !== "additive" ? 0 : options.spread === undefined ? base : millis("spread", options.spread)
  const least = base + spread
  const cap = options.cap === undefined ? Math.max(20_000, least) : millis("cap", options.cap)
  if (cap < least) {
    const name = spread === 0 ? "base" : "base + spread"
    throw new InvalidOption(`${where}cap`, `a duration >= ${name} (${least} ms)`, options.cap)
  }
  const factor = options.factor ?? (jitter === "decorrelated" ? 3 : 2)
  if (!(factor >= 1 && factor < Number.POSITIVE_INFINITY)) {
    throw new InvalidOption(`${where}factor`, "a finite number >= 1", factor)
  }
  return { jitter, base, factor, cap, spread }
}

/** For one call, before its first wait. */
export const memory = (): Memory => ({ previousMs: 0, draw: undefined })

/**
 * Milliseconds to wait before retry `n` (integer >= 0). `hintMs` is what the target asked for; never less is waited. A hint
 * of 0 or less is none. Without a `memory`, `decorrelated` takes every wait for the first and `decorrelatedV2` makes up the
 * draw before: each wait is still right by itself.
 */
export const delayMs = (policy: Policy, n: number, rng: Rng, hintMs?: Millis, memory?: Memory): Millis => {
  const own = jittered(policy, n, rng, memory)
  if (memory !== undefined) memory.previousMs = own
  if (hintMs === undefined || !(hintMs > 0)) return own
  return Math.max(0, own - hintMs) + hintMs * (1 + 0.1 * rng())
}

const jittered = (policy: Policy, n: number, rng: Rng, memory: Memory | undefined): Millis => {
  const { base, cap, factor, spread } = policy
  switch (policy.jitter) {
    case "full":
      return rng() * range(policy, n)
    case "equal":
      return (0.5 + 0.5 * rng()) * range(policy, n)
    case "decorrelated": {
      // A previous wait of another policy may have been shorter than this one's base. A chance of 0 times Infinity is no wait.
      const upper = Math.min(Number.MAX_VALUE, factor * Math.max(base, memory?.previousMs ?? 0))
      return Math.min(cap, base + rng() * (upper - base))
    }
    case "decorrelatedV2": {
      const before = n === 0 ? 0 : curve(factor, n - 1 + (memory?.draw ?? rng()))
      const draw = rng()
      if (memory !== undefined) memory.draw = draw
      const after = curve(factor, n + draw)
      return after < Number.POSITIVE_INFINITY ? Math.min(cap, (base / 1.4) * (after - before)) : cap
    }
    case "additive":
      // The cap is kept by the part that grows, so that chance still spreads those who have reached it.
      return Math.min(cap - spread, range(policy, n)) + rng() * spread
    case "none":
      return range(policy, n)
  }
}

/** A power too large for a number is Infinity, and that is the cap: nothing overflows (App-vNext/Polly#2163). */
const range = (policy: Policy, n: number): Millis => Math.min(policy.cap, policy.base * policy.factor ** n)

/** Grows by `factor` per step and starts at 0 with a steep, smooth rise. */
const curve = (factor: number, t: number): number => factor ** t * Math.tanh(Math.sqrt(4 * t))
