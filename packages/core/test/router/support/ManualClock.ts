/**
 * A clock that goes on in the middle of anything: unlike `TestClock` it does not wait for fibers to come to rest, so a timer
 * can go off between any two operations of another fiber.
 */
import { type Clock, Duration, Effect } from "effect"

export interface ManualClock extends Clock.Clock {
  /** Wakes whoever sleeps until then, at once and in the order of their times. */
  readonly advance: (ms: number) => void
}

export const make = (): ManualClock => {
  let now = 0
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  const nanos = () => BigInt(Math.round(now * 1e6))
  return {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    // Nothing to wait for is a yield, as with the real clock: `Effect.repeat` sleeps so between its turns.
    sleep: (duration) =>
      Duration.toMillis(duration) <= 0
        ? Effect.yieldNow
        : Effect.callback<void>((resume) => {
            if (Duration.toMillis(duration) <= 0) return resume(Effect.void)
            const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
            sleepers.add(sleeper)
            return Effect.sync(() => sleepers.delete(sleeper))
          }),
    advance: (ms) => {
      const until = now + ms
      for (;;) {
        const due = [...sleepers].filter(({ at }) => at <= until).sort((x, y) => x.at - y.at)[0]
        if (due === undefined) break
        sleepers.delete(due)
        now = Math.max(now, due.at)
        due.wake()
      }
      now = until
    }
  }
}
