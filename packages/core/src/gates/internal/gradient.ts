/**
 * Follows the time to first content: as long as it is near its long-term average the limit rises, when it grows the limit
 * falls. Only for streams, and only where first content means little more than waiting and reading the prompt: one model,
 * on one target, with prompts of one kind. The total duration is never looked at.
 *
 *     gradient = clamp(tolerance * long / short, 0.5, 1)
 *     L = (1 - smoothing) * L + smoothing * (L * gradient + queueSize)
 *
 * `short` is the sample, `long` an average over about `longWindow` samples (the mean of the first ten). An attempt that was
 * admitted with less than half the limit in flight moves `long` only. `long` more than twice `short` is a memory of worse
 * times: it is cut by 5 %. The limit rests at `queueSize / (1 - gradient)`.
 *
 * A slow overload is learned as normal: `long` follows, and the limit drifts up (Netflix/concurrency-limits#134). So the
 * target's own "too much" is heard as well and lowers the limit as in AIMD; its source looks at the time alone.
 * Source: `Gradient2Limit` and `ExpAvgMeasurement` of Netflix/concurrency-limits.
 */
import { InvalidOption, integer } from "../../model/InvalidOption.ts"
import { type Algorithm, type Backoff, backoffShare, clamp, isOverload } from "./limits.ts"
import { numberAt } from "./snapshots.ts"

export interface GradientOptions extends Backoff {
  /** How many times the long-term average the time to first content may be before the limit falls. >= 1, default 1.5. */
  readonly tolerance?: number
  /** How much of a new estimate is taken at once, in (0, 1]. Default 0.2. */
  readonly smoothing?: number
  /** Attempts that may wait inside the target: what the limit rises by while nothing waits. Finite, >= 0, default 4. */
  readonly queueSize?: number
  /** Samples in the long-term average. Integer >= 1, default 600. */
  readonly longWindow?: number
}

const warmUp = 10

/** Throws `InvalidOption`. */
export const gradient = (options: GradientOptions = {}): Algorithm => {
  const where = "AdaptiveBulkhead.gradient"
  const overloaded = options.overloaded ?? isOverload
  const backoff = backoffShare(`${where}: backoff`, options.backoff ?? 0.9)
  const tolerance = atLeast(`${where}: tolerance`, options.tolerance ?? 1.5, 1)
  const queueSize = atLeast(`${where}: queueSize`, options.queueSize ?? 4, 0)
  const weight = 2 / (integer(`${where}: longWindow`, options.longWindow ?? 600) + 1)
  const smoothing = options.smoothing ?? 0.2
  if (!(smoothing > 0 && smoothing <= 1)) {
    throw new InvalidOption(`${where}: smoothing`, "a share in (0, 1]", smoothing)
  }
  return {
    name: "gradient",
    defaultMin: 20,
    make: ({ initial, max, min }) => {
      /** The limit before rounding down. */
      let estimate = initial
      let long = 0
      /** Of the first `warmUp` samples. */
      let samples = 0
      let sum = 0

      const average = (short: number): number => {
        if (samples < warmUp) {
          samples++
          sum += short
          long = sum / samples
        } else long += weight * (short - long)
        return long
      }
      const measure = (short: number, inFlight: number, fresh: boolean): void => {
        const before = average(short)
        if (before / short > 2) long *= 0.95
        if (inFlight < estimate / 2) return
        const slope = clamp((tolerance * before) / short, 0.5, 1)
        const next = (1 - smoothing) * estimate + smoothing * (estimate * slope + queueSize)
        // What was admitted before an overload lowered the limit does not speak for more.
        if (fresh || next < estimate) estimate = clamp(next, min, max)
      }

      return {
        current: () => Math.floor(estimate),
        learn: (outcome, inFlight, fresh, firstContentMs) => {
          if (overloaded(outcome)) {
            if (!fresh) return false
            const before = Math.floor(estimate)
            estimate = Math.max(min, estimate * backoff)
            return Math.floor(estimate) < before
          }
          if (outcome._tag !== "Success" && outcome._tag !== "Slow") return false
          if (firstContentMs !== undefined && firstContentMs > 0 && Number.isFinite(firstContentMs)) {
            measure(firstContentMs, inFlight, fresh)
          }
          return false
        },
        raiseTo: (to) => {
          estimate = Math.max(estimate, to)
        },
        snapshot: () => ({ limit: Math.floor(estimate), estimate, longMs: long, samples }),
        restore: (snapshot) => {
          estimate = clamp(numberAt(snapshot, "estimate") || numberAt(snapshot, "limit") || initial, min, max)
          long = numberAt(snapshot, "longMs")
          samples = long > 0 ? Math.min(warmUp, Math.floor(numberAt(snapshot, "samples"))) : 0
          sum = long * samples
        }
      }
    }
  }
}

const atLeast = (option: string, value: number, minimum: number): number => {
  if (typeof value === "number" && Number.isFinite(value) && value >= minimum) return value
  throw new InvalidOption(option, `a finite number >= ${minimum}`, value)
}
