/**
 * Refuses a fixed share of new requests while too many of those it let in fail: "error rate above 5 %, reject 10 %".
 *
 * e = failures / (failures + successes) over the last `window`. With at least `minSamples` outcomes, a step is on as soon as
 * e > `above` (exactly `above` is not enough) and off when e <= `clearBelow` or the samples have become too few, but never
 * sooner than `hold` after the last change. Of several steps the highest counts; falling, it goes to the highest one that e
 * has not cleared. Up it goes at once.
 *
 * - Only completed attempts count: `Success` and `Slow` against `Failure`. `RateLimited` is the limiters' and the cooldown's
 *   business, `Ignored` says nothing. `Misconfigured` does not count either: a wrong key is no overload, it stays wrong
 *   whatever share is refused, and the cooldown takes such a target out at once. Our own rejections never count.
 * - Refused are new requests (`cost.reason` is `"primary"` or missing), before anything else is taken; retries, failovers and
 *   hedges pass, and are no arrivals. Whom of the new ones: see `order`, `choice`, `exempt`.
 * - `peek` says no only where that is certain: to a class that is refused altogether. A caller that goes elsewhere on that
 *   "no", as a router does with a target, hides such arrivals, the share of that class seems to fall, and the next class is
 *   refused for it. So for one shedder per target take `order: "all"`, or one `arrivals` for the router, counted per call.
 * - `admit` cannot publish: its events come with the next `settle`.
 *
 * Not a breaker (something always passes) and not a rate limit. A step overreacts where it stands and is easy to reason
 * about; the smooth curve is `AdmissionControl`.
 * Source: the threshold rule of operators' runbooks, with the hysteresis of a Schmitt trigger; the order of classes is that
 * of failsafe-go's prioritizer.
 */
import type * as Duration from "effect/Duration"
import type { Cost, Priority } from "../model/Cost.ts"
import { type Gate, type GateEvent, type LocalReject, type Millis, noEvents, reject } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, positive } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import type * as Selection from "./internal/Selection.ts"
import { make as makeSelection } from "./internal/Selection.ts"
import { numberAt, remaining } from "./internal/snapshots.ts"
import * as TimeWindow from "./TimeWindow.ts"

/** Counts arrivals by class for several gates at once: see `Options.arrivals`. */
export { type Arrivals, make as arrivals } from "./internal/Arrivals.ts"

export interface Step {
  /** The step is on above this error rate. A share in [0, 1), higher than that of the step before. */
  readonly above: number
  /** And off at or below this one. A share in [0, `above`]. */
  readonly clearBelow: number
  /** Share of all new requests to refuse. In (0, 1), higher than that of the step before: someone must find out. */
  readonly reject: number
}

/** `order` is `"lowestFirst"` by default, `exempt` is `["P0"]`. */
export interface Options extends Selection.Options {
  /** How far back outcomes and arrivals count. > 0, finite, default 10 seconds. */
  readonly window?: Duration.Input
  /** Buckets the window is cut into. Integer >= 1, default 10. */
  readonly buckets?: number
  /**
   * Fewer outcomes than this in the window turn nothing on, and turn off what is on. Integer >= 1, default 100: with 20, a
   * true error rate of 3 % seems to be above 5 % in 12 of 100 windows.
   */
  readonly minSamples?: number
  /** The shortest time between a change and going down. > 0, finite, default 5 seconds. */
  readonly hold?: Duration.Input
  /** Ascending, at least one. Default `[{ above: 0.05, clearBelow: 0.03, reject: 0.1 }]`. */
  readonly steps?: ReadonlyArray<Step>
}

export interface Permit {
  readonly at: Millis
  readonly priority: Priority | undefined
  /** The chance it was refused with; NaN for what is no new request. */
  readonly fraction: number
  readonly epoch: number
  settled: boolean
}

export interface Shedder extends Gate<Permit> {
  /** Lets everything in and forgets the outcomes, when a person says so. */
  readonly clear: () => void
}

const successes = 0
const failures = 1

const optionKeys: ReadonlySet<string> = new Set([
  "order",
  "choice",
  "exempt",
  "arrivals",
  "window",
  "buckets",
  "minSamples",
  "hold",
  "steps"
])

/** Rejects with `Shed`; `retryAt` is when the step may end at the earliest, unless that is past. Throws `InvalidOption`. */
export const make = (options: Options = {}): Shedder => {
  onlyKeys("Shedder", options, optionKeys)
  const { buckets, hold, minSamples, steps, windowMs } = resolve(options)
  const defaults = { order: "lowestFirst", exempt: ["P0"], windowMs, buckets } as const
  const selection = makeSelection("Shedder", options, defaults)
  const outcomes = TimeWindow.make({ ms: windowMs, buckets, counters: 2 })

  let lastSeen = Number.NEGATIVE_INFINITY
  /** How many steps are on; 0 is none. */
  let level = 0
  let heldUntil: Millis = Number.NEGATIVE_INFINITY
  let rejected = 0
  let epoch = 0
  let events: Array<GateEvent> = []
  let refusal = reject("Shed")

  /** The level as of `at`. Nothing is written: someone who looks must not start a step that nobody else would have seen. */
  const levelAt = (at: Millis): number => {
    const failed = outcomes.sum(failures, at)
    const samples = failed + outcomes.sum(successes, at)
    const rate = samples >= minSamples ? failed / samples : 0
    for (let next = steps.length; next > level; next--) {
      const step = steps[next - 1]
      if (step !== undefined && rate > step.above) return next
    }
    if (level === 0 || at < heldUntil) return level
    for (let next = level; next > 0; next--) {
      const step = steps[next - 1]
      if (step !== undefined && rate > step.clearBelow) return next
    }
    return 0
  }
  const enter = (next: number, at: Millis): void => {
    if (next === level) return
    const started = level === 0
    level = next
    heldUntil = at + hold
    if (next === 0) events.push({ _tag: "ShedEnded", gate: "shedder" })
    else events.push({ _tag: started ? "ShedStarted" : "ShedStepChanged", gate: "shedder", until: heldUntil })
  }
  const heldAt = (next: number, at: Millis): Millis => (next === level ? heldUntil : at + hold)
  const shareOf = (next: number): number => (next === 0 ? 0 : (steps[next - 1]?.reject ?? 0))
  const refuse = (next: number, at: Millis): LocalReject => {
    const until = heldAt(next, at)
    const retryAt = until > at ? until : undefined
    if (refusal.retryAt !== retryAt) refusal = reject("Shed", retryAt)
    return refusal
  }

  return {
    name: "shedder",
    peek: (now, cost) => {
      if (!isNew(cost)) return undefined
      const at = Math.max(now, lastSeen)
      const next = levelAt(at)
      return next > 0 && selection.fraction(shareOf(next), at, cost) >= 1 ? refuse(next, at) : undefined
    },
    admit: (now, cost, rng) => {
      if (now > lastSeen) lastSeen = now
      const at = lastSeen
      enter(levelAt(at), at)
      if (!isNew(cost)) return { at, priority: cost.priority, fraction: Number.NaN, epoch, settled: false }
      const fraction = selection.fraction(shareOf(level), at, cost)
      if (!selection.refuses(fraction, at, cost, rng)) {
        return { at, priority: cost.priority, fraction, epoch, settled: false }
      }
      rejected++
      return refuse(level, at)
    },
    settle: (permit, outcome, now) => {
      if (permit.settled) return noEvents
      permit.settled = true
      if (now > lastSeen) lastSeen = now
      const at = lastSeen
      switch (outcome._tag) {
        case "Success":
        case "Slow":
          outcomes.add(successes, 1, at)
          break
        case "Failure":
          outcomes.add(failures, 1, at)
          break
        case "Unused":
          if (permit.epoch === epoch && !Number.isNaN(permit.fraction)) {
            selection.undo(permit.fraction, permit.at, at, permit.priority)
          }
          break
        default:
          break
      }
      enter(levelAt(at), at)
      if (events.length === 0) return noEvents
      const published = events
      events = []
      return published
    },
    clear: () => {
      outcomes.clear()
      enter(0, lastSeen)
    },
    snapshot: (now) => {
      const at = Math.max(now, lastSeen)
      const next = levelAt(at)
      const failed = outcomes.sum(failures, at)
      const samples = failed + outcomes.sum(successes, at)
      return {
        state: next === 0 ? "open" : "shedding",
        step: next,
        rejectShare: shareOf(next),
        errorRate: samples === 0 ? 0 : failed / samples,
        samples,
        failures: failed,
        holdInMs: next === 0 ? 0 : remaining(heldAt(next, at), at),
        rejected,
        ...selection.snapshot(at)
      }
    },
    restore: (snapshot, now) => {
      epoch++ // permits from before were counted by another
      lastSeen = now
      level = Math.min(Math.floor(numberAt(snapshot, "step")), steps.length)
      heldUntil = now + numberAt(snapshot, "holdInMs")
      rejected = numberAt(snapshot, "rejected")
      // Their age is not in the snapshot: they count as fresh.
      const failed = numberAt(snapshot, "failures")
      outcomes.clear()
      outcomes.add(failures, failed, now)
      outcomes.add(successes, Math.max(0, numberAt(snapshot, "samples") - failed), now)
      selection.restore(snapshot, now)
    }
  }
}

const isNew = (cost: Cost): boolean => cost.reason === undefined || cost.reason === "primary"

const resolve = (options: Options) => {
  const millis = (name: string, input: Duration.Input) =>
    positive(`Shedder: ${name}`, positiveMillis(`Shedder: ${name}`, input))
  const steps = (options.steps ?? [{ above: 0.05, clearBelow: 0.03, reject: 0.1 }]).map((step) => ({ ...step }))
  if (steps.length === 0) throw new InvalidOption("Shedder: steps", "a list with at least one step", steps)
  steps.forEach(({ above, clearBelow, reject }, i) => {
    const before = steps[i - 1]
    const at = (name: string) => `Shedder: steps[${i}].${name}`
    const least = before?.above ?? 0
    if (!(above < 1 && (before === undefined ? above >= 0 : above > least))) {
      throw new InvalidOption(at("above"), `a share in ${before === undefined ? "[" : "("}${least}, 1)`, above)
    }
    if (!(clearBelow >= 0 && clearBelow <= above)) {
      throw new InvalidOption(at("clearBelow"), `a share in [0, ${above}], its \`above\``, clearBelow)
    }
    if (!(reject > (before?.reject ?? 0) && reject < 1)) {
      throw new InvalidOption(at("reject"), `a share in (${before?.reject ?? 0}, 1)`, reject)
    }
  })
  return {
    windowMs: millis("window", options.window ?? "10 seconds"),
    buckets: integer("Shedder: buckets", options.buckets ?? 10),
    minSamples: integer("Shedder: minSamples", options.minSamples ?? 100),
    hold: millis("hold", options.hold ?? "5 seconds"),
    steps
  }
}
