/**
 * Calls that take long become tasks: whoever calls gets the answer within 500 ms, or the id of a task that goes on alone
 * and is asked for later. It is a hand-off, not a retry: the work is forked once, before anybody waits, and the same
 * fiber goes on.
 *
 * Put it around a call (`handoff.run(router.route(request, call))`): what the call holds (permits, the breaker's outcome,
 * its record) stays with the call's fiber to its end. A call keeps its own deadline too: give calls that may become tasks
 * one that leaves them the time. In memory: tasks are lost with the process.
 *
 * "Longer than": work that ends at exactly the limit is answered, not handed off. Where several timers are due at that
 * moment, the limit's goes last, and then yields once.
 * Source: the "asynchronous request-reply" pattern (202 and a status to poll: RFC 9110, section 15.3.3).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Millis } from "../model/Gate.ts"
import * as Deadlines from "../state/internal/Deadlines.ts"
import { nowOf } from "../state/internal/Time.ts"
import * as Durations from "./internal/handoff/Durations.ts"
import { limitsOf, type Options, type RunOptions, resolve, type StreamOptions } from "./internal/handoff/Options.ts"
import { type Started, streamed } from "./internal/handoff/Streamed.ts"
import {
  type Accepted,
  type EndedStatus,
  endedStatus,
  type HandoffFull,
  runningStatus,
  TaskNotFound,
  type TaskStatus
} from "./internal/handoff/Task.ts"
import * as TaskTable from "./internal/handoff/TaskTable.ts"
import { type AnyWork, cancelled, type Desk, Work } from "./internal/handoff/Work.ts"

export type { Options, RunOptions, StreamOptions } from "./internal/handoff/Options.ts"
export type { Started } from "./internal/handoff/Streamed.ts"
export {
  type Accepted,
  type Cancelled,
  type EndedStatus,
  type Failed,
  HandoffFull,
  ResultTooLarge,
  type Running,
  type Succeeded,
  TaskNotFound,
  type TaskStatus,
  TaskTimedOut
} from "./internal/handoff/Task.ts"
export type { Counts } from "./internal/handoff/TaskTable.ts"

/** The work ended while its caller waited. */
export interface Done<out A> {
  readonly _tag: "Done"
  readonly value: A
}

export type Handed<A> = Done<A> | Accepted

export type HandedStream<A, E> = Started<A, E> | Accepted

export interface Snapshot extends TaskTable.Counts {
  /** Calls that are waited for now. */
  readonly waiting: number
}

export class Handoff extends Context.Service<
  Handoff,
  {
    /**
     * Runs `effect` and answers with its value, or with the id of the task it has become. Fails as `effect` does, and with
     * `HandoffFull` (see `onFull`).
     *
     * Interrupting the caller interrupts the work and waits for it, until the hand-off; after it only `cancel` does. A task
     * runs with the caller's services: a scope among them may be closed by then, so keep what the work needs in its own
     * (`Effect.scoped`). An interruption of the work by others is passed on while the caller waits.
     */
    readonly run: <A, E, R>(
      effect: Effect.Effect<A, E, R>,
      options?: RunOptions
    ) => Effect.Effect<Handed<A>, E | HandoffFull, R>
    /**
     * The same for streams: the limit is on the first content. Started, the stream lives in the caller's scope; accepted, it
     * is read to its end and its parts are the task's result. What a stream keeps running belongs into its scope
     * (`Effect.forkScoped`).
     */
    readonly stream: <A, E, R>(
      stream: Stream.Stream<A, E, R>,
      options?: StreamOptions<A>
    ) => Effect.Effect<HandedStream<A, E>, E | HandoffFull, R | Scope.Scope>
    /** How the task stands. Reading changes nothing and can be repeated until the result expires. */
    readonly poll: (taskId: string) => Effect.Effect<TaskStatus, TaskNotFound>
    /** Waits until the task has ended. */
    readonly await: (taskId: string) => Effect.Effect<EndedStatus, TaskNotFound>
    /**
     * Ends the task as `Cancelled`, interrupts its work and waits for that. True when this call made it so, false when the
     * task had ended before.
     */
    readonly cancel: (taskId: string) => Effect.Effect<boolean, TaskNotFound>
    readonly snapshot: Effect.Effect<Snapshot>
  }
>()("@spillway/core/policies/Handoff") {}

/**
 * Closing the scope interrupts the work of tasks and of waiting callers and waits for it; what had ended can still be read.
 * A mistake in the options is an `InvalidOption` defect.
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Handoff["Service"], never, Scope.Scope> {
  const desk = open(options, yield* Clock.Clock)
  yield* Effect.addFinalizer(() => close(desk))
  const { settings } = desk

  const find = <B>(
    taskId: string,
    use: (task: TaskTable.RunningTask<AnyWork> | TaskTable.EndedTask, now: Millis) => Effect.Effect<B>
  ): Effect.Effect<B, TaskNotFound> =>
    Effect.suspend(() => {
      const now = desk.now()
      const task = desk.table.get(taskId, now)
      return task === undefined ? Effect.fail(new TaskNotFound({})) : use(task, now)
    })

  return Handoff.of({
    run: <A, E, R>(effect: Effect.Effect<A, E, R>, options?: RunOptions) =>
      Effect.withFiber((fiber) => {
        const limits = options === undefined ? settings.limits : limitsOf(settings, "Handoff.run", options)
        // Fork and registration are one turn: no interruption falls in between.
        return Effect.callback<Handed<A>, E | HandoffFull, R>((resume) => {
          const work = new Work<A, E>(desk, fiber.context, keep, (answer) =>
            resume(answer._tag === "Accepted" ? Effect.succeed(answer) : Exit.map(answer, done))
          )
          // What it needs is in the caller's context, which the compiler saw in the signature.
          work.begin(effect as Effect.Effect<A, E>, limits)
          return Effect.suspend(() => work.leave())
        })
      }),

    stream: <A, E, R>(source: Stream.Stream<A, E, R>, options: StreamOptions<A> = {}) =>
      Effect.flatMap(Effect.scope, (scope) =>
        Effect.withFiber((fiber): Effect.Effect<HandedStream<A, E>, E | HandoffFull, R> => {
          const limits = limitsOf(settings, "Handoff.stream", options)
          return streamed(desk, source as Stream.Stream<A, E>, fiber.context, scope, limits, options)
        })
      ),

    poll: (taskId) =>
      find(taskId, (task, now) =>
        Effect.succeed(
          task._tag === "Ended"
            ? endedStatus(taskId, task, now)
            : runningStatus(taskId, task, now, desk.durations.remaining)
        )
      ),

    await: (taskId) =>
      find(taskId, (task, now) =>
        task._tag === "Ended" ? Effect.succeed(endedStatus(taskId, task, now)) : task.work.ended
      ),

    cancel: (taskId) =>
      find(taskId, (task) => {
        if (task._tag === "Ended") return Effect.succeed(false)
        const { fiber } = task.work
        // Found running and ended in one step: nobody can come between.
        task.work.end(cancelled)
        return fiber === undefined ? Effect.succeed(true) : Effect.as(Fiber.await(fiber), true)
      }),

    snapshot: Effect.sync(() => {
      const counts = desk.table.counts(desk.now())
      return { waiting: desk.live.size - counts.running - counts.stopping, ...counts }
    })
  })
})

export const layer = (options?: Options): Layer.Layer<Handoff> => Layer.effect(Handoff, make(options))

/** Throws `InvalidOption`. */
const open = (options: Options, clock: Clock.Clock): Desk => {
  const settings = resolve(options)
  const now = nowOf(clock)
  return {
    settings,
    now,
    wallClock: () => clock.currentTimeMillisUnsafe(),
    sleep: (ms) => clock.sleep(Duration.millis(Math.max(0, ms))),
    deadlines: Deadlines.make(clock, now),
    table: TaskTable.make(settings.table),
    durations: Durations.make(),
    live: new Set(),
    closed: false
  }
}

/** No work begins any more, and what runs is interrupted and waited for. */
const close = (desk: Desk): Effect.Effect<void> =>
  Effect.withFiber((current) => {
    desk.closed = true
    const fibers = [...desk.live].flatMap(({ fiber }) => (fiber === undefined ? [] : [fiber]))
    for (const fiber of fibers) fiber.interruptUnsafe()
    // Work that closes the service itself cannot wait for its own end.
    return Effect.asVoid(Fiber.awaitAll(fibers.filter((fiber) => fiber !== current)))
  })

const keep = <A>(value: A): A => value
const done = <A>(value: A): Done<A> => ({ _tag: "Done", value })
