/**
 * A small breaker on Redis itself: a server that is away must not cost its time bound on every call.
 *
 * After `losses` losses in a row nobody asks for `retryEveryMs`; then one caller probes while the others go on without.
 * Its answer closes the guard, another loss opens it again. `now` is milliseconds on a monotonic clock.
 */
import type { Loss } from "./server.ts"

export interface LossGuard {
  /** May this call go to Redis? A "yes" is followed by exactly one of `answered`, `lost`, `dropped`. */
  readonly ask: (now: number) => boolean
  /** True when Redis is back after it was given up. */
  readonly answered: () => boolean
  /** True when Redis is given up with this loss. */
  readonly lost: (now: number, kind: Loss["kind"]) => boolean
  /** The caller left before there was an answer. */
  readonly dropped: () => void
  /** Milliseconds until the next probe, 0 when Redis may be asked now. */
  readonly retryIn: (now: number) => number
  readonly snapshot: () => {
    readonly open: boolean
    readonly losses: number
    readonly lastLoss: Loss["kind"] | undefined
  }
}

export const make = (options: { readonly losses: number; readonly retryEveryMs: number }): LossGuard => {
  let inARow = 0
  let total = 0
  let lastLoss: Loss["kind"] | undefined
  let openUntil: number | undefined
  let probing = false
  return {
    ask: (now) => {
      if (openUntil === undefined) return true
      if (probing || now < openUntil) return false
      probing = true
      return true
    },
    answered: () => {
      const back = openUntil !== undefined
      inARow = 0
      openUntil = undefined
      probing = false
      return back
    },
    lost: (now, kind) => {
      total++
      lastLoss = kind
      probing = false
      if (++inARow < options.losses) return false
      const first = openUntil === undefined
      openUntil = now + options.retryEveryMs
      return first
    },
    dropped: () => {
      probing = false
    },
    retryIn: (now) => (openUntil === undefined ? 0 : Math.max(0, openUntil - now)),
    snapshot: () => ({ open: openUntil !== undefined, losses: total, lastLoss })
  }
}
