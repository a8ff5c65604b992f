/** The two things every decision is given from outside: the time and chance. Taken from the services once, then plain functions. */
import type * as Clock from "effect/Clock"
import type * as Random from "effect/Random"
import type { Millis, Rng } from "../../model/Gate.ts"

/** Milliseconds of the monotonic clock, with fractions. Under `TestClock` it is virtual time. */
export const nowOf =
  (clock: Clock.Clock): (() => Millis) =>
  () =>
    Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Uniform in [0, 1); seeded under `Random.withSeed`. */
export const rngOf =
  (random: Random.Random): Rng =>
  () =>
    random.nextDoubleUnsafe()
