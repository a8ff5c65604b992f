/**
 * What a provider, or an account that several share, takes: so many attempts at once, so many requests and tokens per minute.
 * Rates are buckets that hold a minute's worth and fill evenly, as vendors describe theirs.
 */
import type { Millis } from "../../../model/Gate.ts"
import { integer, onlyKeys, positive } from "../../../model/InvalidOption.ts"
import type { Capacity } from "../Scenario.ts"
import { millis, object, oneOf } from "./options.ts"

const keys: ReadonlySet<string> = new Set([
  "concurrency",
  "whenFull",
  "maxQueued",
  "retryAfter",
  "requestsPerMinute",
  "tokensPerMinute",
  "saysWhen",
  "rejectionsCount"
] satisfies ReadonlyArray<keyof Capacity>)

class Bucket {
  readonly #perMinute: number
  #level: number
  #at: Millis = 0
  #factor = 1

  constructor(perMinute: number) {
    this.#perMinute = perMinute
    this.#level = perMinute
  }

  /** Until `amount` is there; 0 when it is. More than ever fits needs a full bucket. `Infinity`: never. */
  wait(amount: number, now: Millis): Millis {
    const missing = Math.min(amount, this.#perMinute * this.#factor) - this.#filled(now)
    if (this.#factor === 0) return Number.POSITIVE_INFINITY
    return missing <= 1e-9 ? 0 : (missing / (this.#perMinute * this.#factor)) * 60_000
  }

  take(amount: number, now: Millis): void {
    this.#level = this.#filled(now) - amount
  }

  /** Takes what there is, at most so much: a debt would keep out for ever whoever goes on asking. */
  spend(amount: number, now: Millis): void {
    this.#level = Math.max(0, this.#filled(now) - amount)
  }

  scale(factor: number, now: Millis): void {
    this.#filled(now)
    this.#factor = factor
    this.#level = Math.min(this.#level, this.#perMinute * factor)
  }

  #filled(now: Millis): number {
    const rate = (this.#perMinute * this.#factor) / 60_000
    this.#level = Math.min(this.#perMinute * this.#factor, this.#level + (now - this.#at) * rate)
    this.#at = now
    return this.#level
  }
}

export class Limiter<A> {
  readonly concurrency: number | undefined
  readonly retryAfter: number | undefined
  readonly #queues: boolean
  readonly #maxQueued: number
  readonly #requests: Bucket | undefined
  readonly #tokens: Bucket | undefined
  readonly #saysWhen: boolean
  readonly #rejectionsCount: boolean
  readonly #waiting = new Set<A>()
  #inUse = 0
  #factor = 1

  constructor(where: string, capacity: Capacity) {
    onlyKeys(where, object(where, capacity), keys)
    const { concurrency, maxQueued, requestsPerMinute, retryAfter, tokensPerMinute } = capacity
    this.concurrency = concurrency === undefined ? undefined : integer(`${where}.concurrency`, concurrency)
    this.#queues = oneOf(`${where}.whenFull`, capacity.whenFull ?? "reject", ["reject", "queue"]) === "queue"
    this.#maxQueued = maxQueued === undefined ? Number.POSITIVE_INFINITY : integer(`${where}.maxQueued`, maxQueued, 0)
    this.retryAfter = retryAfter === undefined ? undefined : millis(`${where}.retryAfter`, retryAfter) / 1000
    this.#requests =
      requestsPerMinute === undefined
        ? undefined
        : new Bucket(positive(`${where}.requestsPerMinute`, requestsPerMinute))
    this.#tokens =
      tokensPerMinute === undefined ? undefined : new Bucket(positive(`${where}.tokensPerMinute`, tokensPerMinute))
    this.#saysWhen = capacity.saysWhen ?? true
    this.#rejectionsCount = capacity.rejectionsCount ?? false
  }

  get inUse(): number {
    return this.#inUse
  }

  get queued(): number {
    return this.#waiting.size
  }

  /** Until the rates have room; 0 when they have. */
  wait(tokens: number, now: Millis): Millis {
    return Math.max(this.#requests?.wait(1, now) ?? 0, this.#tokens?.wait(tokens, now) ?? 0)
  }

  charge(tokens: number, now: Millis): void {
    this.#requests?.take(1, now)
    this.#tokens?.take(tokens, now)
  }

  /** Seconds that a 429 for a rate says. */
  refuse(wait: Millis, now: Millis): number | undefined {
    if (this.#rejectionsCount) this.#requests?.spend(1, now)
    return this.#saysWhen && Number.isFinite(wait) ? Math.max(1, Math.ceil(wait / 1000)) : undefined
  }

  /** Takes a place among those under way or among those who wait. */
  enter(who: A): "in" | "waits" | "full" {
    if (this.#inUse < this.#limit()) {
      this.#inUse++
      return "in"
    }
    if (!this.#queues || this.#waiting.size >= this.#maxQueued) return "full"
    this.#waiting.add(who)
    return "waits"
  }

  /** `true`: it was waiting. */
  forget(who: A): boolean {
    return this.#waiting.delete(who)
  }

  leave(): void {
    this.#inUse--
  }

  /** The next who waits and has a place now; call it until there is none. */
  next(): A | undefined {
    if (this.#waiting.size === 0 || this.#inUse >= this.#limit()) return undefined
    for (const who of this.#waiting) {
      this.#waiting.delete(who)
      this.#inUse++
      return who
    }
    return undefined
  }

  scale(factor: number, now: Millis): void {
    this.#factor = factor
    this.#requests?.scale(factor, now)
    this.#tokens?.scale(factor, now)
  }

  #limit(): number {
    return this.concurrency === undefined ? Number.POSITIVE_INFINITY : Math.floor(this.concurrency * this.#factor)
  }
}
