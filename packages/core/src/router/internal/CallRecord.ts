/** The record of a call that its own attempts have ended. */
import type { AttemptRecord, DecisionRecord } from "../../model/Decision.ts"
import type { Millis } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Attempt } from "./Attempt.ts"
import type { Core } from "./Core.ts"

/** What a call knows of itself. */
interface Ended<Id extends string, C> {
  readonly core: Core<Id, C>
  readonly request: RouteRequest
  readonly streamed: boolean
  readonly startedAt: Millis
  readonly waitedMs: Millis
  readonly queuedMs: Millis
}

interface End<Id extends string, C> {
  readonly outcome: DecisionRecord["outcome"]
  readonly errorType: string | undefined
  readonly served: Attempt<Id, C> | undefined
  readonly now: Millis
}

/** Its cost is known when its last attempt has ended. */
export type Unfinished<Id extends string> = DecisionRecord<Id> & { costUsd: number | undefined }

export const recordOf = <Id extends string, C>(
  { core, queuedMs, request, startedAt, streamed, waitedMs }: Ended<Id, C>,
  attempts: ReadonlyArray<AttemptRecord<Id>>,
  { errorType, now, outcome, served }: End<Id, C>
): Unfinished<Id> => ({
  at: core.wallClock() - (now - startedAt),
  route: core.route,
  strategy: core.strategy,
  priority: request.priority,
  streamed,
  outcome,
  errorType,
  servedBy: served?.target.id,
  source: "model",
  degraded: served?.degraded === true,
  rung: request.rung,
  totalMs: now - startedAt,
  waitedMs,
  queuedMs,
  firstContentMs: served?.firstContentAt === undefined ? undefined : served.firstContentAt - startedAt,
  costUsd: undefined,
  attempts
})
