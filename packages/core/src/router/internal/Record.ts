/** The record of a call that was not this call's own attempts to end: the cache, a ladder or another call's run did it. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type { DecisionRecord } from "../../model/Decision.ts"
import type { Millis } from "../../model/Gate.ts"
import { isRouteError } from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Core } from "./Core.ts"
import * as Verdict from "./Verdict.ts"

/** How the call came to its end, as far as it cannot be read from the request. */
export interface End {
  readonly streamed: boolean
  readonly startedAt: Millis
  readonly source: DecisionRecord["source"]
  readonly degraded: boolean
  readonly exit: Exit.Exit<unknown, unknown>
}

export const unasked = <Id extends string, C>(
  core: Core<Id, C>,
  request: RouteRequest,
  { degraded, exit, source, startedAt, streamed }: End,
  context: Context.Context<never>
): void => {
  const { route, strategy, telemetry } = core
  const listening = core.decisions.listening()
  const observer = telemetry?.call({ route, strategy, request, streamed }, context)
  if (observer === undefined && !listening) return
  const now = core.now()
  const record: DecisionRecord<Id> = {
    at: core.wallClock() - (now - startedAt),
    route,
    strategy,
    priority: request.priority,
    streamed,
    ...outcomeOf(core, exit),
    servedBy: undefined,
    source,
    degraded,
    rung: undefined,
    totalMs: now - startedAt,
    waitedMs: 0,
    queuedMs: 0,
    firstContentMs: undefined,
    costUsd: undefined,
    attempts: []
  }
  if (listening) core.decisions.publish(record)
  observer?.end(record)
}

const outcomeOf = <Id extends string, C>(
  { classify }: Core<Id, C>,
  exit: Exit.Exit<unknown, unknown>
): Pick<DecisionRecord, "outcome" | "errorType"> => {
  if (Exit.isSuccess(exit)) return { outcome: "ok", errorType: undefined }
  if (Cause.hasInterruptsOnly(exit.cause)) return { outcome: "cancelled", errorType: undefined }
  const failed = Cause.findErrorOption(exit.cause)
  if (failed._tag === "None") return { outcome: "error", errorType: Verdict.defect.errorType }
  const error = failed.value
  return {
    outcome: "error",
    errorType: isRouteError(error) ? error.reason._tag : Verdict.of(classify, error).errorType
  }
}
