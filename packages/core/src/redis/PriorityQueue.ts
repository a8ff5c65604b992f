/**
 * A queue of jobs in classes P0..P3 in Redis, worked on by any number of processes.
 *
 * **At least once.** A job is claimed for the time of a lease and gone only when it is acknowledged; a worker that dies
 * loses its lease, and the job goes to another one. So a handler may run twice for a job: make it idempotent by `job.id`.
 * What cannot happen is that two owners settle it: each claim has a token, and only the current one counts (the fence).
 * A failover of Redis itself can lose writes that it has acknowledged.
 *
 * Order: a job's place is its time of arrival plus the slack of its class (earliest deadline first), so urgent jobs overtake
 * and nobody starves; first come, first served within a class. A redelivered job keeps its place.
 *
 * Every step is one script, on keys under the hash tag `{pq:NAME}`, on the server's clock.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Priority } from "../model/Cost.ts"
import { InvalidOption, integer } from "../model/InvalidOption.ts"
import { positiveMillis } from "../model/RouteRequest.ts"
import * as Scripts from "./internal/queueScripts.ts"
import { statsOf } from "./internal/queueStats.ts"
import { keyName, Redis, type RedisError, within } from "./internal/server.ts"
import { work } from "./internal/worker.ts"
import {
  type DeadLetter,
  type Enqueued,
  InvalidBody,
  type Job,
  QueueError,
  type QueueEvent,
  QueueUnavailable,
  type Stats,
  type WorkOptions
} from "./Job.ts"

export interface Options<A> {
  /** Processes with the same name share the queue; give them the same options. Not empty, no braces. */
  readonly name: string
  /** Bodies are stored as its JSON form. */
  readonly schema: Schema.Codec<A, unknown>
  /** Jobs that may wait. Integer >= 1, default 10,000. Beyond it a more urgent newcomer evicts the least urgent job. */
  readonly max?: number
  /** Deliveries before a job becomes a dead letter. Integer >= 1, default 5. */
  readonly maxAttempts?: number
  /** Dead letters kept, the latest ones. Integer >= 1, default 1,000. */
  readonly keepDead?: number
  /**
   * How much later than it came a job of a class is treated; >= 0. Default 0, 5, 30, 120 seconds: a P3 that has waited two
   * minutes is level with a P0 that comes now.
   */
  readonly slack?: Partial<Record<Priority, Duration.Input>>
  /** True: a lower class waits for as long as a higher one has anything. P3 can starve. Default false. */
  readonly strict?: boolean
  /** Bound on each call to Redis. Default 1 second. */
  readonly timeout?: Duration.Input
  /** Told what happens to jobs in this process. Synchronous; if it throws, that is logged and changes nothing. */
  readonly onEvent?: (event: QueueEvent) => void
}

export interface PriorityQueue<A> {
  readonly name: string
  /**
   * Puts a job into the queue. An id (not empty) that is known is refused, so repeating a call whose answer was lost is
   * safe. `deadline` (> 0): a job not claimed by then is dropped.
   */
  readonly enqueue: (
    id: string,
    body: A,
    priority: Priority,
    options?: { readonly deadline?: Duration.Input }
  ) => Effect.Effect<Enqueued, QueueError>
  /**
   * Up to `count` jobs for the time of `lease` (default 30 seconds). Claim no more than you can start at once. Jobs whose
   * body cannot be decoded become dead letters on the way.
   */
  readonly claim: (count: number, lease?: Duration.Input) => Effect.Effect<ReadonlyArray<Job<A>>, QueueError>
  /** The job is done. False, here and below: the token is stale, nothing was done. */
  readonly ack: (id: string, token: string) => Effect.Effect<boolean, QueueError>
  /** The job failed: back to its place, after `delay` (default none), or to the dead letters after its last attempt. */
  readonly nack: (id: string, token: string, delay?: Duration.Input) => Effect.Effect<boolean, QueueError>
  /** Back to its place as if this claim had not been. */
  readonly release: (id: string, token: string) => Effect.Effect<boolean, QueueError>
  /** The lease ends `lease` (default 30 seconds) from now. */
  readonly extend: (id: string, token: string, lease?: Duration.Input) => Effect.Effect<boolean, QueueError>
  readonly stats: Effect.Effect<Stats, QueueError>
  /** The latest `limit` (default 100) dead letters. */
  readonly deadLetters: (limit?: number) => Effect.Effect<ReadonlyArray<DeadLetter>, QueueError>
  /** A dead letter back into the queue, with all its attempts / away for good. False when the id is no dead letter. */
  readonly revive: (id: string) => Effect.Effect<boolean, QueueError>
  readonly discard: (id: string) => Effect.Effect<boolean, QueueError>
  /**
   * Works for ever: claims as many jobs as it has room for, extends their leases while the handler runs, acks on success,
   * nacks on failure. Interrupted, it interrupts its handlers and releases their jobs. A handler whose lease is lost is
   * interrupted. An absent Redis is waited for.
   */
  readonly work: <E, R>(
    options: WorkOptions,
    handler: (job: Job<A>) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<never, never, R>
}

const classes = ["P0", "P1", "P2", "P3"] as const
const slacks: Record<Priority, Duration.Input> = { P0: 0, P1: 5000, P2: 30_000, P3: 120_000 }

/** A mistake in the options is an `InvalidOption` defect. */
export const make = Effect.fnUntraced(function* <A>(
  options: Options<A>
): Effect.fn.Return<PriorityQueue<A>, never, Redis> {
  const redis = yield* Redis
  const { keepDead, keys, max, maxAttempts, name, slackMs, timeoutMs, wake } = yield* Effect.sync(() =>
    resolve(options)
  )
  const codec = Schema.fromJsonString(Schema.toCodecJson(options.schema))
  const encode = Schema.encodeUnknownEffect(codec)
  const decode = Schema.decodeUnknownEffect(codec)

  const emit = (event: QueueEvent) =>
    Effect.sync(() => options.onEvent?.(event)).pipe(
      Effect.catchDefect(() => Effect.logError(`Queue ${name}: onEvent threw at ${event._tag}`))
    )
  const bounded = <X>(operation: string, call: Effect.Effect<X, RedisError>): Effect.Effect<X, QueueError> =>
    Effect.mapError(
      within(call, timeoutMs),
      ({ kind }) => new QueueError({ reason: new QueueUnavailable({ queue: name, operation, kind }) })
    )
  /** Settling: 0 from the script is a stale token. */
  const fenced = (operation: "ack" | "nack" | "extend", id: string, call: Effect.Effect<number, RedisError>) =>
    Effect.tap(bounded(operation, call), (code) =>
      code === 0 ? emit({ _tag: "StaleLease", id, operation }) : Effect.void
    )

  const scripts = {
    enqueue: redis.eval(Scripts.enqueue),
    claim: redis.eval(Scripts.claim),
    ack: redis.eval(Scripts.ack),
    nack: redis.eval(Scripts.nack),
    extend: redis.eval(Scripts.extend),
    kill: redis.eval(Scripts.kill),
    deadLetters: redis.eval(Scripts.deadLetters),
    undertake: redis.eval(Scripts.undertake),
    stats: redis.eval(Scripts.stats)
  }

  const enqueue: PriorityQueue<A>["enqueue"] = Effect.fnUntraced(function* (id, body, priority, enqueueOptions) {
    const at = `PriorityQueue(${name}).enqueue`
    if (typeof id !== "string" || id === "") throw new InvalidOption(`${at}: id`, "a non-empty string", id)
    const cls = classes.indexOf(priority)
    if (cls < 0) throw new InvalidOption(`${at}: priority`, `one of "P0", "P1", "P2", "P3"`, priority)
    const deadline = enqueueOptions?.deadline
    const deadlineMs = deadline === undefined ? 0 : Math.ceil(positiveMillis(`${at}: deadline`, deadline))
    const text = yield* Effect.mapError(
      encode(body),
      () => new QueueError({ reason: new InvalidBody({ queue: name, id }) })
    )
    const [verdict, evicted] = yield* bounded(
      "enqueue",
      scripts.enqueue(keys, id, text, cls, slackMs[priority], Number.isFinite(deadlineMs) ? deadlineMs : 0, max, wake)
    )
    if (verdict !== "Enqueued") return { _tag: verdict }
    if (evicted === "") return { _tag: "Enqueued", evicted: undefined }
    yield* emit({ _tag: "Shed", id: evicted })
    return { _tag: "Enqueued", evicted }
  })

  const claim: PriorityQueue<A>["claim"] = Effect.fnUntraced(function* (count, lease = defaultLease) {
    const at = `PriorityQueue(${name}).claim`
    integer(`${at}: count`, count)
    const leaseMs = wholeMillis(`${at}: lease`, lease)
    const [token, rows, expired, died] = yield* bounded(
      "claim",
      scripts.claim(keys, count, leaseMs, maxAttempts, keepDead)
    )
    for (const id of expired) yield* emit({ _tag: "Expired", id })
    for (const id of died) yield* emit({ _tag: "Died", id, reason: "Attempts" })
    const jobs: Array<Job<A>> = []
    for (const [id, text, attempt, cls, waitedMs, left] of rows) {
      const body = yield* Effect.result(decode(text))
      if (Result.isSuccess(body)) {
        const remainingMs = left < 0 ? undefined : left
        jobs.push({ id, body: body.success, priority: priorityOf(cls), attempt, token, waitedMs, remainingMs })
      } else {
        // It will not decode the next time either. Should Redis be away now, its lease runs out and it comes by again.
        const killed = yield* Effect.orElseSucceed(bounded("claim", scripts.kill(keys, id, token, keepDead)), () => 0)
        if (killed === 1) yield* emit({ _tag: "Died", id, reason: "InvalidBody" })
      }
    }
    return jobs
  })

  const ack: PriorityQueue<A>["ack"] = (id, token) =>
    fenced("ack", id, scripts.ack(keys, id, token)).pipe(
      Effect.tap((code) => (code === 0 ? Effect.void : emit({ _tag: "Acked", id }))),
      Effect.map((code) => code !== 0)
    )

  const handBack = (id: string, token: string, delayMs: number, undo: 0 | 1) =>
    fenced("nack", id, scripts.nack(keys, id, token, delayMs, maxAttempts, undo, keepDead, wake)).pipe(
      Effect.tap((code) => (code === 2 ? emit({ _tag: "Died", id, reason: "Attempts" }) : Effect.void)),
      Effect.tap((code) => (code === 1 && undo === 1 ? emit({ _tag: "Released", id }) : Effect.void)),
      Effect.map((code) => code !== 0)
    )

  const settle = {
    claim,
    ack,
    nack: (id: string, token: string, delay: Duration.Input = 0) =>
      Effect.suspend(() => handBack(id, token, delayMillis(`PriorityQueue(${name}).nack: delay`, delay), 0)),
    release: (id: string, token: string) => handBack(id, token, 0, 1),
    extend: (id: string, token: string, lease: Duration.Input = defaultLease) =>
      Effect.suspend(() => {
        const leaseMs = wholeMillis(`PriorityQueue(${name}).extend: lease`, lease)
        return Effect.map(fenced("extend", id, scripts.extend(keys, id, token, leaseMs)), (code) => code !== 0)
      })
  }

  const undertake = (operation: string, id: string, revive: 0 | 1) =>
    Effect.map(bounded(operation, scripts.undertake(keys, id, revive, wake)), (code) => code === 1)

  return {
    name,
    enqueue,
    ...settle,
    stats: Effect.map(bounded("stats", scripts.stats(keys)), statsOf),
    deadLetters: (limit = 100) =>
      Effect.suspend(() =>
        bounded("deadLetters", scripts.deadLetters(keys, integer("deadLetters: limit", limit)))
      ).pipe(
        Effect.map((rows) =>
          rows.map(([id, rawBody, attempts, cls, deadForMs]) => ({
            id,
            rawBody,
            attempts,
            priority: priorityOf(cls),
            deadForMs
          }))
        )
      ),
    revive: (id) => undertake("revive", id, 1),
    discard: (id) => undertake("discard", id, 0),
    work: (workOptions, handler) => work({ name, redis, wake, emit, ...settle }, workOptions, handler)
  }
})

const defaultLease: Duration.Input = "30 seconds"

const wholeMillis = (option: string, input: Duration.Input): number =>
  integer(option, Math.ceil(positiveMillis(option, input)))

const delayMillis = (option: string, input: Duration.Input): number => {
  const millis = Math.ceil(Duration.toMillis(Duration.fromInputUnsafe(input)))
  return millis === 0 ? 0 : integer(option, millis)
}

const priorityOf = (cls: string): Priority => classes[Number(cls)] ?? "P3"

const resolve = <A>(options: Options<A>) => {
  const where = "PriorityQueue"
  const name = keyName(`${where}: name`, options.name)
  const slack = (priority: Priority) =>
    options.strict === true
      ? -1
      : delayMillis(`${where}: slack.${priority}`, options.slack?.[priority] ?? slacks[priority])
  return {
    name,
    keys: Scripts.keysOf(name),
    wake: Scripts.wakeChannel(name),
    max: integer(`${where}: max`, options.max ?? 10_000),
    maxAttempts: integer(`${where}: maxAttempts`, options.maxAttempts ?? 5),
    keepDead: integer(`${where}: keepDead`, options.keepDead ?? 1000),
    slackMs: { P0: slack("P0"), P1: slack("P1"), P2: slack("P2"), P3: slack("P3") },
    timeoutMs: positiveMillis(`${where}: timeout`, options.timeout ?? 1000)
  }
}
