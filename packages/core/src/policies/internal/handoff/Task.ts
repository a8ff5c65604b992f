/** What callers see of a task, and the errors of the hand-off. */
import * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"
import type { Millis } from "../../../model/Gate.ts"
import type { EndedTask, RunningTask } from "./TaskTable.ts"

/** The work goes on without its caller. */
export interface Accepted {
  readonly _tag: "Accepted"
  /** A secret: whoever has it can read the result. */
  readonly taskId: string
  /** Milliseconds that are probably left; `undefined` while nobody knows. */
  readonly etaMs: number | undefined
}

interface TaskFacts {
  readonly taskId: string
  /** When the work began, epoch milliseconds. */
  readonly startedAt: number
  /** Milliseconds since then; once the task has ended, until its end. */
  readonly elapsedMs: number
}

export interface Running extends TaskFacts {
  readonly _tag: "Running"
  /** Milliseconds that are probably left; `undefined` while nobody knows. */
  readonly etaMs: number | undefined
}

interface EndedFacts extends TaskFacts {
  /** Milliseconds for which this can still be asked. */
  readonly expiresInMs: number
}

export interface Succeeded extends EndedFacts {
  readonly _tag: "Succeeded"
  /** What the work gave. Of a stream: its parts, in a list. */
  readonly value: unknown
}

export interface Failed extends EndedFacts {
  readonly _tag: "Failed"
  /** What the work failed with, or `TaskTimedOut`, or, of a stream, `ResultTooLarge`. */
  readonly error: unknown
  readonly cause: Cause.Cause<unknown>
}

/** By `cancel`, or because the hand-off was closed. */
export interface Cancelled extends EndedFacts {
  readonly _tag: "Cancelled"
}

export type EndedStatus = Succeeded | Failed | Cancelled
export type TaskStatus = Running | EndedStatus

/**
 * No such task: the id was never given out, or its result is no longer kept. The id itself stands in no error, because
 * whoever has it can read the answer.
 */
export class TaskNotFound extends Schema.TaggedError<TaskNotFound>()("TaskNotFound", {}) {
  override get message() {
    return "There is no such task, or its result is no longer kept"
  }
}

/** The task ran for `asyncMax` and was interrupted. */
export class TaskTimedOut extends Schema.TaggedError<TaskTimedOut>()("TaskTimedOut", {
  asyncMaxMs: Schema.Finite
}) {
  override get message() {
    return `The task did not end within ${this.asyncMaxMs} ms`
  }
}

/** The call takes too long to be waited for, and as many tasks as may already run. Only with `onFull: "reject"`. */
export class HandoffFull extends Schema.TaggedError<HandoffFull>()("HandoffFull", {
  maxAsync: Schema.Int
}) {
  override get message() {
    return `The call takes long, and ${this.maxAsync} tasks run already`
  }
}

/** The parts of a streamed task are more than may be kept; the stream was closed. */
export class ResultTooLarge extends Schema.TaggedError<ResultTooLarge>()("ResultTooLarge", {
  maxSize: Schema.Int
}) {
  override get message() {
    return `The streamed result is larger than ${this.maxSize}`
  }
}

export const runningStatus = (
  taskId: string,
  task: RunningTask<unknown>,
  now: Millis,
  remaining: (elapsed: Millis) => Millis | undefined
): Running => {
  const elapsedMs = Math.max(0, now - task.startedAt)
  return { _tag: "Running", taskId, startedAt: task.startedAtEpoch, elapsedMs, etaMs: remaining(elapsedMs) }
}

export const endedStatus = (taskId: string, task: EndedTask, now: Millis): EndedStatus => {
  const { ending } = task
  const facts = {
    taskId,
    startedAt: task.startedAtEpoch,
    elapsedMs: Math.max(0, task.endedAt - task.startedAt),
    expiresInMs: task.expiresAt - Math.max(now, task.endedAt)
  }
  switch (ending._tag) {
    case "Succeeded":
      return { _tag: "Succeeded", ...facts, value: ending.value }
    case "Failed":
      return { _tag: "Failed", ...facts, error: Cause.squash(ending.cause), cause: ending.cause }
    case "Cancelled":
      return { _tag: "Cancelled", ...facts }
  }
}
