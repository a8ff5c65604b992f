/**
 * One piece of work and its caller, from the fork to the hand-off and to the end. The work runs in a fiber of its own from
 * the beginning, so handing it off moves nothing: the caller is told, and the same fiber goes on.
 *
 * Every change of state is one synchronous step, so each race (completion, the limit, the caller's interruption, `cancel`,
 * `asyncMax`, the end of the service) has exactly one winner.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Millis } from "../../../model/Gate.ts"
import { InvalidOption } from "../../../model/InvalidOption.ts"
import { Deadline, type Deadlines } from "../../../state/internal/Deadlines.ts"
import type { Durations } from "./Durations.ts"
import type { Limits, Settings } from "./Options.ts"
import { type Accepted, type EndedStatus, endedStatus, HandoffFull, TaskTimedOut } from "./Task.ts"
import type { EndedTask, Ending, TaskTable } from "./TaskTable.ts"

/** What all works of one service share. */
export interface Desk {
  readonly settings: Settings
  readonly now: () => Millis
  /** Epoch milliseconds. */
  readonly wallClock: () => number
  readonly sleep: (ms: Millis) => Effect.Effect<void>
  readonly deadlines: Deadlines
  readonly table: TaskTable<AnyWork>
  readonly durations: Durations
  /** Works whose fiber has not ended, handed off or not. */
  readonly live: Set<AnyWork>
  /** The service's scope is closed, or closing. */
  closed: boolean
}

/** What others may do to a work that was handed off. */
export interface AnyWork {
  readonly fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** Completes with the task's end. */
  readonly ended: Effect.Effect<EndedStatus>
  /** Ends the task, unless it has ended. The work is interrupted and may take its time. */
  readonly end: (ending: Ending) => void
}

/** What the caller is told: how the work ended, or that it goes on as a task. Told at most once. */
export type Answer<X, E> = Exit.Exit<X, E> | Accepted

/**
 * Timers of one moment go off in the order in which they were set. The one that counts is set only so long before the limit,
 * not at the start of the work, and so comes behind what the work itself has been waiting for: completion wins.
 */
const lastStretch: Millis = 1

export class Work<X, E> extends Deadline implements AnyWork {
  readonly #desk: Desk
  /** Let go of when the caller has gone: a task must not keep it in memory. */
  #tell: (answer: Answer<X, E | HandoffFull>) => void
  /** What is kept of a success. */
  readonly #resultOf: (success: X) => unknown
  readonly #context: Context.Context<never>
  readonly #startedAt: Millis
  #afterMs: Millis = Number.POSITIVE_INFINITY
  /**
   * - `attached`: the caller waits, and the limit counts
   * - `waiting`: the caller waits to the end, because no further task may run
   * - `committed`: the answer has begun to reach the caller (streams)
   * - `refused`, `left`: the caller gets an error, or is gone; the work is being interrupted
   * - `accepted`: the caller has the task's id
   * - `over`: the work has ended, and everybody knows
   */
  #state: "attached" | "waiting" | "committed" | "refused" | "left" | "accepted" | "over" = "attached"
  #fiber: Fiber.Fiber<X, E> | undefined = undefined
  #refusal: Exit.Exit<never, HandoffFull> | undefined = undefined
  #taskId: string | undefined = undefined
  /** Of the hand-off that is due, later of `asyncMax`. */
  #timer: Fiber.Fiber<unknown> | undefined = undefined
  #awaited: Deferred.Deferred<EndedStatus> | undefined = undefined

  constructor(
    desk: Desk,
    context: Context.Context<never>,
    resultOf: (success: X) => unknown,
    tell: (answer: Answer<X, E | HandoffFull>) => void
  ) {
    super()
    this.#desk = desk
    this.#context = context
    this.#resultOf = resultOf
    this.#tell = tell
    this.#startedAt = desk.now()
  }

  /** Starts the work at once. */
  begin(effect: Effect.Effect<X, E>, limits: Limits, uninterruptible = false): void {
    const desk = this.#desk
    if (desk.closed) return this.#over(Exit.interrupt())
    const fiber = Effect.runForkWith(this.#context)(effect, uninterruptible ? { uninterruptible } : undefined)
    this.#fiber = fiber
    const exit = fiber.pollUnsafe()
    // Nothing was waited for: no timer, no list.
    if (exit !== undefined) return this.#over(exit)
    desk.live.add(this)
    fiber.addObserver((exit) => this.#over(exit))
    if (desk.closed) return fiber.interruptUnsafe()
    if (limits.expectedMs > limits.afterMs) this.#handOff()
    else if (this.#state === "attached") {
      this.#afterMs = limits.afterMs
      desk.deadlines.set(this, Math.max(0, limits.afterMs - lastStretch), this.#startedAt)
    }
  }

  /** It was handed off: what becomes of it is no longer the caller's. */
  get isTask(): boolean {
    return this.#taskId !== undefined
  }

  get fiber(): Fiber.Fiber<X, E> | undefined {
    return this.#fiber
  }

  /** Streams: the answer begins to reach the caller and stays with it. False: the caller no longer waits for it. */
  commit(): boolean {
    if (this.#state !== "attached" && this.#state !== "waiting") return false
    this.#state = "committed"
    return true
  }

  /** The limit is near. */
  expired(): void {
    const handOff = Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => this.#handOff())
    )
    this.#timer = this.#after(this.#startedAt + this.#afterMs - this.#desk.now(), handOff)
  }

  /** In the caller's context, so that virtual time waits for what follows. */
  #after(ms: Millis, effect: Effect.Effect<unknown>): Fiber.Fiber<unknown> {
    return Effect.runForkWith(this.#context)(Effect.andThen(this.#desk.sleep(ms), effect))
  }

  #handOff(): void {
    const desk = this.#desk
    // What a closing service is interrupting must not be promised to anybody.
    if (this.#state !== "attached" || desk.closed) return
    const { asyncMaxMs, newTaskId, onFull, table } = desk.settings
    this.#disarm()
    if (desk.table.isFull()) {
      this.#state = "waiting"
      if (onFull === "reject") this.#refuse(Exit.fail(new HandoffFull({ maxAsync: table.maxRunning })))
      return
    }
    const elapsed = desk.now() - this.#startedAt
    let taskId: string
    try {
      taskId = newTaskId()
      if (!desk.table.accept(taskId, this, this.#startedAt, desk.wallClock() - elapsed)) {
        throw new InvalidOption("Handoff: newTaskId", "a function that gives no id twice", taskId)
      }
    } catch (defect) {
      return this.#refuse(Exit.die(defect))
    }
    this.#state = "accepted"
    this.#taskId = taskId
    if (asyncMaxMs < Number.POSITIVE_INFINITY) {
      const end = Effect.sync(() => this.end({ _tag: "Failed", cause: Cause.fail(new TaskTimedOut({ asyncMaxMs })) }))
      this.#timer = this.#after(asyncMaxMs - elapsed, end)
    }
    // Last: the caller goes on in this very turn, and may do anything with the task.
    const tell = this.#tell
    this.#tell = ignore
    tell({ _tag: "Accepted", taskId, etaMs: desk.durations.remaining(elapsed) })
  }

  #disarm(): void {
    this.#desk.deadlines.clear(this)
    this.#timer?.interruptUnsafe()
  }

  #refuse(refusal: Exit.Exit<never, HandoffFull>): void {
    this.#state = "refused"
    this.#refusal = refusal
    this.#fiber?.interruptUnsafe()
  }

  /**
   * The caller has gone: what was not handed off is interrupted, in this very step. What is given back waits for its end.
   */
  leave(): Effect.Effect<void> {
    const fiber = this.#fiber
    if (fiber === undefined || this.#state === "accepted" || this.#state === "over") return Effect.void
    this.#state = "left"
    this.#disarm()
    fiber.interruptUnsafe()
    return Effect.asVoid(Fiber.await(fiber))
  }

  end(ending: Ending): void {
    const ended = this.#settle(ending)
    if (ended === undefined) return
    this.#fiber?.interruptUnsafe()
    this.#announce(ended)
  }

  #settle(ending: Ending): EndedTask | undefined {
    if (this.#taskId === undefined) return undefined
    const ended = this.#desk.table.settle(this.#taskId, ending, this.#desk.now())
    if (ended !== undefined) this.#disarm()
    return ended
  }

  get ended(): Effect.Effect<EndedStatus> {
    this.#awaited ??= Deferred.makeUnsafe()
    return Deferred.await(this.#awaited)
  }

  #announce(ended: EndedTask): void {
    if (this.#awaited === undefined || this.#taskId === undefined) return
    Deferred.doneUnsafe(this.#awaited, Effect.succeed(endedStatus(this.#taskId, ended, ended.endedAt)))
  }

  /** The fiber has ended. */
  #over(exit: Exit.Exit<X, E>): void {
    const desk = this.#desk
    desk.live.delete(this)
    const state = this.#state
    this.#state = "over"
    if (this.#taskId !== undefined) {
      const ended = this.#settle(this.#endingOf(exit))
      desk.table.release(this.#taskId)
      if (ended === undefined) return
      if (ended.ending._tag === "Succeeded") desk.durations.observe(desk.now() - this.#startedAt)
      return this.#announce(ended)
    }
    this.#disarm()
    if (state === "left") return
    this.#tell(this.#refusal ?? exit)
  }

  #endingOf(exit: Exit.Exit<X, E>): Ending {
    if (Exit.isFailure(exit)) {
      return Cause.hasInterruptsOnly(exit.cause) ? cancelled : { _tag: "Failed", cause: exit.cause }
    }
    return { _tag: "Succeeded", value: this.#resultOf(exit.value) }
  }
}

const ignore = () => {}

export const cancelled: Ending = { _tag: "Cancelled" }
