/**
 * One run: calls come, the contender deals with them, everything is counted. It goes on in slices, each a loop without any
 * waiting; what happens between two of them changes nothing.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { classify } from "../../../model/Classifier.ts"
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption } from "../../../model/InvalidOption.ts"
import { DeadlineExceeded, isRouteError } from "../../../model/RouteError.ts"
import { rng } from "../../Seeded.ts"
import type { Contender } from "../Contender.ts"
import type { Result } from "../Result.ts"
import type { Scenario } from "../Scenario.ts"
import { CallTally } from "./CallTally.ts"
import { derive } from "./Chance.ts"
import * as customDriver from "./customDriver.ts"
import type { Driver, MakeDriver } from "./Driver.ts"
import * as plainDriver from "./plainDriver.ts"
import * as routerDriver from "./routerDriver.ts"
import { type Origin, SimCall } from "./SimCall.ts"
import * as Source from "./Source.ts"
import type { Traffic } from "./Traffic.ts"
import { World } from "./World.ts"

/** Events between two looks at the rest of the program: some 5 to 50 ms. */
const slice = 500
/** How long, in simulated time, anything may take to be made or to be closed. */
const patience = 60 * 60_000

export class Run {
  readonly world: World
  readonly contender: string
  readonly #context: Context.Context<never>
  readonly #make: MakeDriver
  readonly #scope = Scope.makeUnsafe()
  /** Calls under way. */
  readonly #live = new Set<SimCall>()
  #drive: Driver | undefined = undefined
  #calls = 0
  /** No more calls come. */
  #over = false
  /** A contender that throws has a bug: what it would do otherwise says nothing. */
  #defect: { readonly error: unknown } | undefined = undefined
  #closed = false

  /** Throws `InvalidOption`. */
  constructor(scenario: Scenario, contender: Contender) {
    this.world = new World(scenario)
    const { timeline } = this.world
    this.contender = contender.name
    this.#make = makeDriver(contender, this.world)
    this.#context = timeline.provide(
      Context.make(Clock.Clock, timeline).pipe(Context.add(Random.Random, randomOf(derive(this.world.seed, 0x5eed))))
    )
    this.#plan()
  }

  /** Goes on for a while; `true` when there is nothing left to do. */
  advance(): boolean {
    const { durationMs, drainMs, timeline } = this.world
    this.#drive ??= this.#made()
    for (let n = 0; n < slice; n++) {
      if (this.#defect !== undefined) throw this.#defect.error
      if (this.#over && this.#live.size === 0) return true
      if (!timeline.step(durationMs + drainMs)) return true
    }
    return false
  }

  /** How much of the time has passed, in [0, 1]. */
  get share(): number {
    return Math.min(1, this.world.timeline.now / this.world.durationMs)
  }

  /** Interrupts what is left and closes the contender; once. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { timeline } = this.world
    const until = timeline.now + patience
    for (const call of [...this.#live]) call.fiber?.interruptUnsafe()
    timeline.drain()
    while (this.#live.size > 0 && timeline.step(until));
    timeline.await(this.#fork(Scope.close(this.#scope, Exit.void)), until)
  }

  result(): Result {
    const { durationMs, recorder, targets, timeline, traffic, warmupMs } = this.world
    const countedMs = durationMs - warmupMs
    const overall = new CallTally()
    for (const { tally } of traffic) overall.merge(tally)
    const sum = (what: "attempts" | "answers") => targets.reduce((sum, target) => sum + target[what], 0)
    const totals = { attempts: sum("attempts"), answers: sum("answers"), from: warmupMs, to: durationMs }
    return {
      scenario: this.world.name,
      contender: this.contender,
      seed: this.world.seed,
      startsAt: this.world.startsAt,
      durationMs,
      warmupMs,
      overall: overall.stats(countedMs),
      classes: traffic.map(({ name, tally }) => ({ name, ...tally.stats(countedMs) })),
      targets: targets.map((target) => target.stats(totals)),
      series: recorder.series(targets),
      run: {
        calls: this.#calls,
        attempts: targets.reduce((sum, target) => sum + target.begun, 0),
        events: timeline.fired,
        endedAtMs: Math.max(durationMs, timeline.now)
      }
    }
  }

  /** Attempts under way at providers, and calls: nothing may be left when it is closed. */
  get underWay(): { readonly calls: number; readonly attempts: number; readonly held: number } {
    const { targets } = this.world
    return {
      calls: this.#live.size,
      attempts: targets.reduce((sum, target) => sum + target.inFlight.value, 0),
      held: this.world.held
    }
  }

  #plan(): void {
    const { durationMs, recorder, targets, timeline, traffic, warmupMs } = this.world
    timeline.at(warmupMs, (now) => {
      for (const target of targets) target.warm(now)
    })
    for (let bucket = 1; bucket <= recorder.buckets; bucket++) {
      timeline.at(Math.min(durationMs, bucket * recorder.bucketMs), (now) => recorder.tick(now, targets))
    }
    timeline.at(durationMs, (now) => {
      this.#over = true
      for (const target of targets) target.end(now)
    })
    traffic.forEach((traffic, i) => {
      Source.start(`Scenario: traffic[${i}].arrivals`, traffic, timeline, durationMs, (traffic, origin, now) =>
        this.#begin(traffic, origin, now)
      )
    })
  }

  #made(): Driver {
    const made = this.world.timeline.await(this.#fork(Scope.provide(this.#make, this.#scope)), patience)
    if (made === undefined)
      throw new Error(`The contender ${this.contender} was not made within an hour of simulated time`)
    if (Exit.isFailure(made)) throw Cause.squash(made.cause)
    return made.value
  }

  #begin(traffic: Traffic, origin: Origin, now: Millis): void {
    const call = new SimCall(traffic, origin, now, now >= this.world.warmupMs)
    this.#calls++
    if (call.counted) call.tally.offered++
    this.world.recorder.offered(now)
    this.#live.add(call)
    const fiber = this.#fork(this.#drive?.(call) ?? Effect.void)
    call.fiber = fiber
    fiber.addObserver((exit) => this.#ended(call, exit))
  }

  #ended(call: SimCall, exit: Exit.Exit<unknown, unknown>): void {
    const { recorder, timeline } = this.world
    const { now } = timeline
    const { counted, tally } = call
    this.#live.delete(call)
    const ms = now - call.startedAt
    if (Exit.isSuccess(exit)) {
      recorder.ended(ms, now)
      if (counted) {
        tally.answered++
        tally.latency.add(ms)
        if (call.streamed && call.firstContentAt >= 0) tally.firstContent.add(call.firstContentAt - call.startedAt)
        // A deadline is kept to the microsecond: times are sums of fractions.
        if (ms > call.deadlineMs + 1e-3) tally.late++
      }
    } else if (this.#closed) {
      recorder.cut(now)
      if (counted) tally.unfinished++
    } else {
      recorder.ended(undefined, now)
      if (Cause.hasDies(exit.cause)) this.#defect ??= { error: Cause.squash(exit.cause) }
      if (counted) tally.fail(errorTypeOf(exit.cause))
    }
    if (!this.#closed) call.ended?.(now)
  }

  #fork<A, E>(effect: Effect.Effect<A, E>) {
    return Effect.runForkWith(this.#context)(effect)
  }
}

const makeDriver = (contender: Contender, world: World): MakeDriver => {
  const where = `Contender ${contender?.name ?? ""}`
  switch (contender?._tag) {
    case "Router":
      return routerDriver.make(where, contender, world)
    case "Plain":
      return plainDriver.make(where, contender, world)
    case "Custom":
      return customDriver.make(where, contender, world)
    default:
      throw new InvalidOption("Simulation: contender", "made by Contender.router, .plain or .custom", contender)
  }
}

/** One word for what a call failed with. */
const errorTypeOf = (cause: Cause.Cause<unknown>): string => {
  const failed = Cause.findErrorOption(cause)
  if (failed._tag === "None") return "Interrupted"
  const error = failed.value
  if (isRouteError(error)) return error.reason._tag
  return error instanceof DeadlineExceeded ? error._tag : classify(error).errorType
}

const randomOf = (seed: number): Random.Random => {
  const next = rng(seed)
  return {
    nextDoubleUnsafe: next,
    nextIntUnsafe: () => Math.floor((next() - 0.5) * 2 * Number.MAX_SAFE_INTEGER)
  }
}
