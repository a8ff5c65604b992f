/** Tells an observer who was passed over for the target that was picked, and why. */
import type { Millis } from "../../model/Gate.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { CallObserver } from "../../model/Telemetry.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import type { Core, History } from "./Core.ts"
import { excluded } from "./Pick.ts"

interface Picking<Id extends string, C> extends History<Id, C> {
  readonly core: Core<Id, C>
  readonly request: RouteRequest
}

/** Walks all targets, so only for an observer that wants it. */
export const tellSkipped = <Id extends string, C>(
  call: Picking<Id, C>,
  observer: CallObserver,
  picked: TargetState<Id, C>,
  now: Millis
): void => {
  if (observer.skipped === undefined) return
  for (const state of call.core.states) {
    if (state === picked || state.target.tier > picked.target.tier) continue
    const why = whyNot(state, call, now)
    if (why !== undefined && why !== "Tried") observer.skipped(state.target, why)
  }
}

/** An application's constraint that throws this time must not cost the call its permit. */
const whyNot = <Id extends string, C>(
  state: TargetState<Id, C>,
  call: Picking<Id, C>,
  now: Millis
): string | undefined => {
  try {
    return excluded(state, call.request, call, now)?.reason
  } catch {
    return undefined
  }
}
