/** The record of a call that no target was asked for: it was answered from the cache. */
import type * as Context from "effect/Context"
import type { DecisionRecord } from "../../model/Decision.ts"
import type { Millis } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Answer } from "../Answer.ts"
import type { Core } from "./Core.ts"

export const unasked = <Id extends string, C>(
  core: Core<Id, C>,
  request: RouteRequest,
  source: Answer<unknown>["source"],
  startedAt: Millis,
  context: Context.Context<never>
): void => {
  const { route, strategy, telemetry } = core
  const listening = core.decisions.listening()
  const observer = telemetry?.call({ route, strategy, request, streamed: false }, context)
  if (observer === undefined && !listening) return
  const now = core.now()
  const record: DecisionRecord<Id> = {
    at: core.wallClock() - (now - startedAt),
    route,
    strategy,
    priority: request.priority,
    streamed: false,
    outcome: "ok",
    errorType: undefined,
    servedBy: undefined,
    source,
    degraded: source === "stale",
    totalMs: now - startedAt,
    waitedMs: 0,
    firstContentMs: undefined,
    attempts: []
  }
  if (listening) core.decisions.publish(record)
  observer?.end(record)
}
