/**
 * The loop of one worker process: claim what there is room for, run, settle, wait.
 *
 * It never claims more than it can start at once (a hoarded job waits although another worker is free). It waits for a
 * wake-up over pub/sub or for the next poll, so a lost message costs at most one poll.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import { InvalidOption, integer } from "../../model/InvalidOption.ts"
import { positiveMillis } from "../../model/RouteRequest.ts"
import type { Job, QueueError, QueueEvent, WorkOptions } from "../Job.ts"
import type { Redis } from "./server.ts"

/** What the loop needs of a queue. */
export interface Port<A> {
  readonly name: string
  readonly redis: Redis["Service"]
  readonly wake: string
  readonly emit: (event: QueueEvent) => Effect.Effect<void>
  readonly claim: (count: number, lease: Duration.Input) => Effect.Effect<ReadonlyArray<Job<A>>, QueueError>
  readonly ack: (id: string, token: string) => Effect.Effect<boolean, QueueError>
  readonly nack: (id: string, token: string, delay: Duration.Input) => Effect.Effect<boolean, QueueError>
  readonly release: (id: string, token: string) => Effect.Effect<boolean, QueueError>
  readonly extend: (id: string, token: string, lease: Duration.Input) => Effect.Effect<boolean, QueueError>
}

export const work = <A, E, R>(
  queue: Port<A>,
  options: WorkOptions,
  handler: (job: Job<A>) => Effect.Effect<unknown, E, R>
): Effect.Effect<never, never, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { concurrency, heartbeatMs, leaseMs, pollMs, retryDelay } = yield* Effect.sync(() =>
        resolve(queue, options)
      )
      const fibers = yield* FiberSet.make<void>()
      let closing = false
      // Runs before the finalizer of `fibers`, which interrupts the handlers.
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          closing = true
        })
      )
      const signal = yield* Queue.sliding<void>(1)
      const wakeUp = () => {
        Queue.offerUnsafe(signal, undefined)
      }
      const messages = yield* queue.redis.subscribe(queue.wake)
      yield* Queue.take(messages).pipe(Effect.map(wakeUp), Effect.forever, Effect.ignore, Effect.forkScoped)

      // A bound in time, not in tries: after the lease somebody else has the job anyway.
      const insist = { schedule: Schedule.spaced(leaseMs / 10), times: 5 }
      const settled = (job: Job<A>, settlement: Effect.Effect<boolean, QueueError>) =>
        Effect.catch(settlement, () => queue.emit({ _tag: "Unsettled", id: job.id }))

      /** Ends when the lease is lost. Redis being away is no proof of that. */
      const heartbeat = (job: Job<A>): Effect.Effect<"lost"> =>
        queue.extend(job.id, job.token, leaseMs).pipe(
          Effect.orElseSucceed(() => true),
          Effect.delay(heartbeatMs),
          Effect.repeat({ while: (current) => current }),
          Effect.as("lost" as const)
        )

      const failed = (job: Job<A>, cause: Cause.Cause<E>) =>
        Effect.andThen(
          queue.emit({ _tag: "Failed", id: job.id, attempt: job.attempt, cause }),
          settled(
            job,
            Effect.suspend(() => queue.nack(job.id, job.token, retryDelay(job.attempt))).pipe(Effect.retry(insist))
          )
        )

      const run = (job: Job<A>): Effect.Effect<void, never, R> =>
        Effect.uninterruptibleMask((restore) =>
          restore(
            Effect.raceFirst(
              Effect.as(
                Effect.suspend(() => handler(job)),
                "done" as const
              ),
              heartbeat(job)
            )
          ).pipe(
            Effect.exit,
            Effect.flatMap((exit) => {
              if (Exit.isSuccess(exit)) {
                if (exit.value === "lost") return Effect.void
                return settled(job, Effect.retry(queue.ack(job.id, job.token), insist))
              }
              return closing ? settled(job, queue.release(job.id, job.token)) : failed(job, exit.cause)
            }),
            Effect.asVoid
          )
        )

      let running = 0
      const fill = Effect.uninterruptible(
        Effect.gen(function* () {
          const room = concurrency - running
          if (room === 0) return false
          const jobs = yield* Effect.orElseSucceed(queue.claim(room, leaseMs), () => [])
          for (const job of jobs) {
            running++
            const done = Effect.sync(() => {
              running--
              wakeUp()
            })
            yield* FiberSet.run(fibers, Effect.ensuring(run(job), done), { startImmediately: true })
          }
          return jobs.length === room
        })
      )
      // Room that could not be filled means that there is nothing more: wait for a finished job, a wake-up or the poll.
      return yield* Effect.forever(
        Effect.flatMap(fill, (more) => (more ? Effect.void : Effect.timeoutOption(Queue.take(signal), pollMs)))
      )
    })
  )

const resolve = (queue: Port<unknown>, options: WorkOptions) => {
  const where = `PriorityQueue(${queue.name}).work`
  const leaseMs = positiveMillis(`${where}: lease`, options.lease ?? "30 seconds")
  const third = leaseMs / 3
  const heartbeatMs = options.heartbeat === undefined ? third : positiveMillis(`${where}: heartbeat`, options.heartbeat)
  if (heartbeatMs > third) {
    throw new InvalidOption(`${where}: heartbeat`, "at most a third of lease", options.heartbeat)
  }
  const pollMs = positiveMillis(`${where}: poll`, options.poll ?? 1000)
  if (pollMs > 1000) throw new InvalidOption(`${where}: poll`, "at most 1 second", options.poll)
  return {
    concurrency: integer(`${where}: concurrency`, options.concurrency ?? 1),
    leaseMs,
    heartbeatMs,
    pollMs,
    retryDelay: options.retryDelay ?? ((attempt: number) => Math.min(60_000, 1000 * 2 ** Math.min(attempt - 1, 10)))
  }
}
