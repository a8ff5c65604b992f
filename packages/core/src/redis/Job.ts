/**
 * What a `PriorityQueue` hands out, tells and fails with.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { Priority } from "../model/Cost.ts"

/** A claimed job: it is yours until its lease runs out. */
export interface Job<out A> {
  readonly id: string
  readonly body: A
  readonly priority: Priority
  /** 1 the first time. */
  readonly attempt: number
  /** Names this claim. Once somebody else has claimed the job, whatever is done with this token does nothing. */
  readonly token: string
  /** Milliseconds from enqueueing to this claim, on the server's clock. */
  readonly waitedMs: number
  /** Milliseconds from this claim to the job's deadline; `undefined` when it has none. */
  readonly remainingMs: number | undefined
}

/** A job that nobody works on any more, until it is revived or discarded. */
export interface DeadLetter {
  readonly id: string
  /** As stored (JSON): it may be dead because it cannot be decoded. */
  readonly rawBody: string
  readonly priority: Priority
  readonly attempts: number
  /** Milliseconds since it died. */
  readonly deadForMs: number
}

/** What `enqueue` did. `Full`: as many jobs wait as may, and none of them is less urgent. */
export type Enqueued =
  /** `evicted`: the id of the least urgent job, which had to go for this one. */
  | { readonly _tag: "Enqueued"; readonly evicted: string | undefined }
  /** A job with this id waits, runs or is dead; it is left as it is. */
  | { readonly _tag: "Duplicate" }
  | { readonly _tag: "Full" }

/** What happened to a job, told by the process that saw it. */
export type QueueEvent =
  | { readonly _tag: "Acked"; readonly id: string }
  /** A handler failed; `cause` is for your own eyes. */
  | { readonly _tag: "Failed"; readonly id: string; readonly attempt: number; readonly cause: Cause.Cause<unknown> }
  /** Handed back because its worker was interrupted. */
  | { readonly _tag: "Released"; readonly id: string }
  /**
   * The job is not this claim's any more, so its ack, nack or extend did nothing: the lease ran out, or an earlier ack or
   * nack, whose answer was lost, had done it already.
   */
  | { readonly _tag: "StaleLease"; readonly id: string; readonly operation: "ack" | "nack" | "extend" }
  /** A job's end could not be told to Redis. It is delivered again when its lease has run out. */
  | { readonly _tag: "Unsettled"; readonly id: string }
  /** Its deadline had passed before anybody claimed it. It is gone. */
  | { readonly _tag: "Expired"; readonly id: string }
  /** Evicted by a more urgent job. It is gone. */
  | { readonly _tag: "Shed"; readonly id: string }
  /** Now a dead letter. */
  | { readonly _tag: "Died"; readonly id: string; readonly reason: "Attempts" | "InvalidBody" }

/** A queue in numbers. The counters are of all processes, since the queue was first used. */
export interface Stats {
  /** Jobs that wait, by class. */
  readonly depth: Readonly<Record<Priority, number>>
  /** Of these: may be claimed now / handed back with a delay. */
  readonly ready: number
  readonly delayed: number
  /** Claimed and not settled. */
  readonly leased: number
  readonly dead: number
  /** Milliseconds the oldest waiting job has been in the queue; `undefined` when none waits. */
  readonly oldestMs: number | undefined
  readonly enqueued: number
  readonly acked: number
  /** Deliveries after the first one of a job. */
  readonly redelivered: number
  /** Leases that ran out. */
  readonly reclaimed: number
  /** Ack, nack and extend by somebody who was not the owner any more: fenced. */
  readonly stale: number
  readonly expired: number
  readonly shed: number
  /** Newcomers refused because the queue was full. */
  readonly refused: number
  readonly died: number
}

export interface WorkOptions {
  /** Jobs this worker runs at once, and the most it claims. Integer >= 1, default 1. */
  readonly concurrency?: number
  /** A job whose worker is silent for this long goes to another one. Default 30 seconds. */
  readonly lease?: Duration.Input
  /** How often a running job's lease is extended. At most a third of `lease`; default exactly that. */
  readonly heartbeat?: Duration.Input
  /** How often an idle worker asks, should it hear no wake-up. At most, and by default, 1 second. */
  readonly poll?: Duration.Input
  /** How long a job waits after its `attempt`-th failure. Default 1 s, doubled each time, at most 1 minute. */
  readonly retryDelay?: (attempt: number) => Duration.Input
}

/** Redis did not do it, or did not say so in time: the operation may have happened. */
export class QueueUnavailable extends Schema.TaggedError<QueueUnavailable>()("QueueUnavailable", {
  queue: Schema.String,
  operation: Schema.String,
  kind: Schema.Literals(["timeout", "error"])
}) {
  override get message() {
    return `${this.operation} on queue ${this.queue}: Redis ${this.kind === "timeout" ? "did not answer in time" : "failed"}`
  }
}

/** The body does not fit the queue's schema. */
export class InvalidBody extends Schema.TaggedError<InvalidBody>()("InvalidBody", {
  queue: Schema.String,
  id: Schema.String
}) {
  override get message() {
    return `The body of job ${this.id} does not fit the schema of queue ${this.queue}`
  }
}

/** The only error of a queue. */
export class QueueError extends Schema.TaggedError<QueueError>()("QueueError", {
  reason: Schema.Union([QueueUnavailable, InvalidBody])
}) {
  override get message() {
    return this.reason.message
  }
}
