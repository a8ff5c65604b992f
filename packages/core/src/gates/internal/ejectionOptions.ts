/** The options of `Ejection`, checked and completed: times in milliseconds. */
import type * as Duration from "effect/Duration"
import { InvalidOption, integer, onlyKeys, positive, share } from "../../model/InvalidOption.ts"
import { positiveMillis } from "../../model/RouteRequest.ts"

export interface SuccessRate {
  /** Standard deviations below the mean. Finite, > 0, default 1.9. */
  readonly stdevFactor?: number
  /** Members with enough outcomes, below which nobody is compared. Integer >= 1, default 5. */
  readonly minHosts?: number
  /** Outcomes in an interval, below which a member is not compared. Integer >= 1, default 100. */
  readonly minRequests?: number
}

export interface FailurePercentage {
  /** Share of failures in [0, 1] that is too much; exactly this share is. Default 0.85. */
  readonly threshold?: number
  /** Members with enough outcomes, below which nobody is judged. Integer >= 1, default 2. */
  readonly minHosts?: number
  /** Outcomes in an interval, below which a member is not judged. Integer >= 1, default 20. */
  readonly minRequests?: number
}

export interface Options {
  /** Failures in a row that eject at once. Integer >= 1, default 5. `false`: never. */
  readonly consecutive?: number | false
  /**
   * Ejects who is far worse than the others. `false`: never. Its default of 1.9 standard deviations cannot be reached among
   * fewer than five (one outlier of N lies `sqrt(N - 1)` from the mean), and two equally bad of five hide each other.
   */
  readonly successRate?: SuccessRate | false
  /**
   * Ejects who fails nearly always, whatever the others do. `false`: never. The rule for small groups: two targets that can
   * be compared are enough, and twenty outcomes tell a share of 0.85 from one half (by chance once in 700).
   */
  readonly failurePercentage?: FailurePercentage | false
  /** How often rates are judged and a good time is rewarded. Finite, > 0, default 10 seconds. */
  readonly interval?: Duration.Input
  /** The first ejection; the k-th in a row lasts k times as long. Finite, > 0, default 30 seconds. */
  readonly baseEjection?: Duration.Input
  /** The longest ejection, without jitter. Finite, >= `baseEjection`, default 5 minutes or `baseEjection` if longer. */
  readonly maxEjection?: Duration.Input
  /** An ejection is longer by up to this share of itself, by chance: not all return at once. In [0, 1], default 0.1. */
  readonly jitter?: number
  /** Share of the members in [0, 1] that may be out at once, rounded down; but one always may. Default 0.5. */
  readonly maxEjectedShare?: number
  /** Members that stay available, whatever the others do. Integer >= 0, default 1. */
  readonly minAvailable?: number
  /** Share of the ejections found necessary that are carried out, in [0, 1]. 0 only watches. Default 1. */
  readonly enforcing?: number
  /**
   * With a smaller share of the members in rotation than this, in [0, 1], ejections are ignored. 0: never. Default 0.5,
   * which takes a `maxEjectedShare` above 0.5 to be reached.
   */
  readonly panicBelow?: number
}

export interface Rules {
  /** Infinity: never. */
  readonly consecutive: number
  readonly successRate: Required<SuccessRate> | undefined
  readonly failurePercentage: Required<FailurePercentage> | undefined
  readonly interval: number
  readonly baseEjection: number
  readonly maxEjection: number
  readonly jitter: number
  readonly maxEjectedShare: number
  readonly minAvailable: number
  readonly enforcing: number
  readonly panicBelow: number
}

const optionKeys: ReadonlySet<string> = new Set([
  "consecutive",
  "successRate",
  "failurePercentage",
  "interval",
  "baseEjection",
  "maxEjection",
  "jitter",
  "maxEjectedShare",
  "minAvailable",
  "enforcing",
  "panicBelow"
])

/** Throws `InvalidOption`. */
export const resolve = (options: Options): Rules => {
  onlyKeys("Ejection", options, optionKeys)
  const where = (name: string) => `Ejection: ${name}`
  const millis = (name: string, input: Duration.Input) => positive(where(name), positiveMillis(where(name), input))
  const baseEjection = millis("baseEjection", options.baseEjection ?? "30 seconds")
  const maxEjection =
    options.maxEjection === undefined ? Math.max(300_000, baseEjection) : millis("maxEjection", options.maxEjection)
  if (maxEjection < baseEjection) {
    throw new InvalidOption(
      where("maxEjection"),
      `a duration >= baseEjection (${baseEjection} ms)`,
      options.maxEjection
    )
  }
  const rate = options.successRate ?? {}
  const failing = options.failurePercentage ?? {}
  return {
    consecutive:
      options.consecutive === false
        ? Number.POSITIVE_INFINITY
        : integer(where("consecutive"), options.consecutive ?? 5),
    successRate:
      rate === false
        ? undefined
        : {
            stdevFactor: positive(where("successRate.stdevFactor"), rate.stdevFactor ?? 1.9),
            minHosts: integer(where("successRate.minHosts"), rate.minHosts ?? 5),
            minRequests: integer(where("successRate.minRequests"), rate.minRequests ?? 100)
          },
    failurePercentage:
      failing === false
        ? undefined
        : {
            threshold: share(where("failurePercentage.threshold"), failing.threshold ?? 0.85),
            minHosts: integer(where("failurePercentage.minHosts"), failing.minHosts ?? 2),
            minRequests: integer(where("failurePercentage.minRequests"), failing.minRequests ?? 20)
          },
    interval: millis("interval", options.interval ?? "10 seconds"),
    baseEjection,
    maxEjection,
    jitter: share(where("jitter"), options.jitter ?? 0.1),
    maxEjectedShare: share(where("maxEjectedShare"), options.maxEjectedShare ?? 0.5),
    minAvailable: integer(where("minAvailable"), options.minAvailable ?? 1, 0),
    enforcing: share(where("enforcing"), options.enforcing ?? 1),
    panicBelow: share(where("panicBelow"), options.panicBelow ?? 0.5)
  }
}
