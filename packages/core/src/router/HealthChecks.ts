/**
 * Asks each target from time to time whether it is there, and leaves out those that do not answer: a part of a pipeline.
 *
 * ```ts
 * const pipeline = Pipeline.before(DefaultPipeline.pipeline, "gates", HealthChecks.part({ interval: "10 seconds" }))
 * ```
 *
 * Use it as `gates/HealthCheck` says, where the rules are. A check is no attempt: it enters no window, takes no permit and
 * counts against no limit. It is not made while calls are being answered, which says more at no cost. Each target has one
 * fiber; it lives in the router's scope and ends when its target has left.
 *
 * What changes is told as the gate events `TargetUnhealthy` and `TargetHealthy`.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as HealthCheck from "../gates/HealthCheck.ts"
import type { Gate, GateEvent } from "../model/Gate.ts"
import { InvalidOption, integer, onlyKeys, share } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import type { Target } from "../model/Target.ts"
import { CurrentTelemetry } from "../model/Telemetry.ts"
import type { GatesOf } from "../state/Gates.ts"
import { nowOf, rngOf } from "../state/internal/Time.ts"
import { guarded } from "./internal/Guarded.ts"
import * as Pipeline from "./Pipeline.ts"

export interface Options<R = never> extends HealthCheck.Options {
  /**
   * Succeeds when the target is there; whatever else it does, or a time out, is a failed check. `undefined`: this target is
   * not checked. Default: the client's own `probe`, where it has one.
   */
  readonly probe?: (target: Target) => Effect.Effect<unknown, unknown, R> | undefined
  /** From the end of a check to the next one. > 0, default 10 seconds. */
  readonly interval?: Duration.Input
  /** The same while the target is unhealthy. > 0, default `interval`. */
  readonly unhealthyInterval?: Duration.Input
  /** Intervals are up to this share longer, by chance. In [0, 1], default 0.1. */
  readonly jitter?: number
  /** > 0, default 5 seconds. */
  readonly timeout?: Duration.Input
  /** Checks at once. Integer >= 1, default 8. */
  readonly maxConcurrent?: number
}

/** Throws `InvalidOption`. */
export const part = <R = never>(options: Options<R> = {}): Pipeline.TargetGatesPart<"health", R | Scope.Scope> => {
  const rules = resolve(options)
  return Pipeline.targetGates("health", make(rules))
}

const make = Effect.fnUntraced(function* <R>(rules: Rules<R>): Effect.fn.Return<GatesOf, never, R | Scope.Scope> {
  const now = nowOf(yield* Clock.Clock)
  const rng = rngOf(yield* Random.Random)
  const given = yield* CurrentTelemetry
  const telemetry = given === undefined ? undefined : guarded(given)
  const run = yield* FiberSet.makeRuntime<R>()
  const turn = Semaphore.makeUnsafe(rules.maxConcurrent)
  const group = HealthCheck.make(rules.verdict)
  /** Whose fiber runs. */
  const watched = new Set<Watched>()
  /** The set that was described last. */
  let latest: ReadonlyMap<string, Target> = new Map()

  const publish = (target: Target, events: ReadonlyArray<GateEvent>): void => {
    for (const event of events) telemetry?.event?.(target, event)
  }
  /** Checks one target until it is interrupted. */
  const watch = Effect.fnUntraced(function* (one: Watched) {
    const { gate } = one
    // Who begins healthy is looked at somewhere in the first interval, so that not all of them are at once.
    let pause = gate.isHealthy() ? rules.intervalMs * rng() : 0
    while (true) {
      if (pause > 0) yield* Effect.sleep(pause)
      const { target } = one
      const probe = rules.probe(target)
      const lately = gate.answeredAt() > now() - rules.intervalMs
      const stretch = 1 + rules.jitter * rng()
      if (probe === undefined) gate.clear?.(now())
      else if (!(gate.isHealthy() && lately)) {
        const exit = yield* turn.withPermit(Effect.exit(Effect.timeout(probe, rules.timeoutMs)))
        publish(target, gate.checked(Exit.isSuccess(exit), now() + rules.unhealthyMs * stretch))
      }
      pause = (gate.isHealthy() ? rules.intervalMs : rules.unhealthyMs) * stretch
    }
  })

  const gatesOf = (target: Target): ReadonlyArray<Gate> => {
    if (rules.probe(target) === undefined) return []
    const gate = group.gate()
    const one: Watched = { target, gate }
    let wanted = true
    let fiber: Fiber.Fiber<unknown, unknown> | undefined
    // In a later turn: while a set is being looked at, gates go out and in again within one.
    const adjust = Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => {
        if (wanted === (fiber !== undefined)) return
        if (wanted) {
          one.target = latest.get(target.id) ?? one.target
          watched.add(one)
          fiber = run(watch(one))
        } else {
          watched.delete(one)
          fiber?.interruptUnsafe()
          fiber = undefined
        }
      })
    )
    run(adjust)
    const follower: Gate<HealthCheck.Permit> = {
      ...gate,
      inSet: (isInSet) => {
        gate.inSet(isInSet)
        wanted = isInSet
        run(adjust)
      }
    }
    return [follower as Gate]
  }
  /** A target that stays may have another client, and keeps its gate. */
  const check = (set: ReadonlyArray<Target>): void => {
    latest = new Map(set.map((target) => [target.id, target]))
    for (const one of watched) one.target = latest.get(one.target.id) ?? one.target
  }
  const forTargets = (set: ReadonlyArray<Target>) => {
    check(set)
    return Object.assign(gatesOf, { check })
  }
  return Object.assign((target: Target) => gatesOf(target), { forTargets })
})

interface Watched {
  /** As it was described last. */
  target: Target
  readonly gate: HealthCheck.HealthCheck
}

interface Rules<R> {
  readonly probe: (target: Target) => Effect.Effect<unknown, unknown, R> | undefined
  readonly intervalMs: number
  readonly unhealthyMs: number
  readonly jitter: number
  readonly timeoutMs: number
  readonly maxConcurrent: number
  readonly verdict: HealthCheck.Options
}

const keys: ReadonlySet<string> = new Set([
  ...["probe", "interval", "unhealthyInterval", "jitter", "timeout", "maxConcurrent"],
  ...["unhealthyAfter", "healthyAfter", "initial", "panicBelow"]
])

const resolve = <R>(options: Options<R>): Rules<R> => {
  onlyKeys("HealthChecks", options, keys)
  const { interval = "10 seconds", jitter, maxConcurrent, probe, timeout, unhealthyInterval, ...verdict } = options
  if (probe !== undefined && typeof probe !== "function") {
    throw new InvalidOption("HealthChecks: probe", "a function of a target", probe)
  }
  HealthCheck.make(verdict)
  return {
    probe: probe === undefined ? probeOfClient : (target) => checkedProbe(probe(target)),
    intervalMs: positiveMillis("HealthChecks: interval", interval),
    unhealthyMs: positiveMillis("HealthChecks: unhealthyInterval", unhealthyInterval ?? interval),
    jitter: share("HealthChecks: jitter", jitter ?? 0.1),
    timeoutMs: positiveMillis("HealthChecks: timeout", timeout ?? "5 seconds"),
    maxConcurrent: integer("HealthChecks: maxConcurrent", maxConcurrent ?? 8),
    verdict
  }
}

/** From plain JavaScript it may be a Promise, which would have begun already and could not be repeated. */
const checkedProbe = <R>(probe: Effect.Effect<unknown, unknown, R> | undefined) => {
  if (probe === undefined || Effect.isEffect(probe)) return probe
  throw new InvalidOption(
    "HealthChecks: probe",
    "a function that gives an Effect, such as Effect.tryPromise(...)",
    probe
  )
}

/** `ProviderModel.probe`; a client of another kind may have one, too. */
const probeOfClient = ({ client }: Target): Effect.Effect<unknown, unknown> | undefined => {
  const probe = typeof client === "object" && client !== null && "probe" in client ? client.probe : undefined
  // What a client calls a probe needs nothing: it has been given all it needs when it was made.
  return Effect.isEffect(probe) ? (probe as Effect.Effect<unknown, unknown>) : undefined
}
