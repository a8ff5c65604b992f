/**
 * Two numbers for a sliding window: what came in the running fixed window, and in the one before it. The estimate takes the
 * latter as spread evenly: `current + previous·(1 - elapsed/W)`.
 *
 * An estimate: on even traffic it is right; one who knows the borders gets up to twice the limit into some window.
 * Source: J. Desgats, "How we built rate limiting capable of scaling to millions of domains", Cloudflare blog, 2017.
 */
import type { Millis } from "../../model/Gate.ts"
import { type Meter, numberFrom, tolerance } from "./meter.ts"

/** `ms` is finite and > 0. Windows begin at multiples of it, until a snapshot from another clock is loaded. */
export const make = (ms: Millis): Meter => {
  let start = Number.NEGATIVE_INFINITY
  let current = 0
  let previous = 0
  /** Counts the windows: the mark of what was added in one. */
  let number = 0

  const advance = (now: Millis): void => {
    const steps = Math.floor((now - start) / ms)
    if (steps < 1) return
    previous = steps === 1 ? current : 0
    current = 0
    number++
    start = start === Number.NEGATIVE_INFINITY ? Math.floor(now / ms) * ms : start + steps * ms
  }
  const used = (now: Millis): number => {
    advance(now)
    return current + previous * Math.max(0, 1 - (now - start) / ms)
  }

  return {
    freeAt: (now, quantity, capacity) => {
      if (quantity > capacity) return undefined
      advance(now)
      const room = capacity - quantity - current
      // In this window as soon as enough of the previous one has faded; else in the next, where this one fades.
      if (room >= 0 && previous <= room) return now
      const at = start + ms * (room >= 0 ? 1 - room / previous : 2 - (capacity - quantity) / current)
      return at <= now + tolerance ? now : at
    },
    add: (now, quantity) => {
      advance(now)
      current += quantity
      return number
    },
    takeBack: (mark, quantity, now) => {
      advance(now)
      if (mark === number) current = Math.max(0, current - quantity)
      else if (mark === number - 1) previous = Math.max(0, previous - quantity)
    },
    used,
    clear: () => {
      current = 0
      previous = 0
      number += 2
    },
    save: (now) => {
      advance(now)
      return { current, previous, elapsedMs: now - start }
    },
    load: (read, now) => {
      current = numberFrom(read, "current")
      previous = numberFrom(read, "previous")
      start = now - Math.min(numberFrom(read, "elapsedMs"), ms)
      number += 2
    }
  }
}
