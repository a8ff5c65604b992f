/**
 * One call: its deadline, what it has tried, and its record. The attempt loop drives it; it ends exactly once.
 */
import type * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type { AttemptReason } from "../../model/Cost.ts"
import type { AttemptRecord, DecisionRecord } from "../../model/Decision.ts"
import type { Millis } from "../../model/Gate.ts"
import * as RouteError from "../../model/RouteError.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { CallObserver } from "../../model/Telemetry.ts"
import { Deadline } from "../../state/internal/Deadlines.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import { Attempt } from "./Attempt.ts"
import type { Core, History } from "./Core.ts"
import { excluded } from "./Pick.ts"

export class Call<Id extends string, C> extends Deadline implements History<Id, C> {
  readonly core: Core<Id, C>
  readonly request: RouteRequest
  /** The caller's: attempts run in it. */
  readonly context: Context.Context<never>
  readonly streamed: boolean
  readonly startedAt: Millis
  readonly observer: CallObserver | undefined

  tried: Array<TargetState<Id, C>> | undefined = undefined
  barred: Array<TargetState<Id, C>> | undefined = undefined
  only: TargetState<Id, C> | undefined = undefined

  attempts = 0
  waits = 0
  waitedMs: Millis = 0
  /** Spent waiting for a permit that no gate gave a time for. */
  queuedMs: Millis = 0
  /** A further attempt was decided on and is not paid for yet. */
  owes = false
  /** What the last attempt failed with. */
  last: unknown = undefined
  lastWasRateLimit = false
  /** Attempts that did not give the answer, and, when somebody listens, the one that did. */
  records: Array<AttemptRecord<Id>> | undefined = undefined

  /** What the call is waiting for now: an attempt, a part of a stream, a back-off. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  deadlineHit = false
  /** The caller was interrupted or left. */
  cancelled = false
  ended = false

  constructor(core: Core<Id, C>, request: RouteRequest, context: Context.Context<never>, streamed: boolean) {
    super()
    this.core = core
    this.request = request
    this.context = context
    this.streamed = streamed
    this.startedAt = core.now()
    const telemetry = core.telemetry
    this.observer =
      telemetry === undefined
        ? undefined
        : telemetry.call({ route: core.route, strategy: core.strategy, request, streamed }, context)
  }

  get deadlineAt(): Millis {
    return this.startedAt + this.request.deadlineMs
  }

  /** Starts the call's own clock; not before something has to be waited for. */
  armDeadline(): void {
    if (this.lane === undefined && !this.deadlineHit) {
      // From the start of the call, on the lane of its duration: the list stays sorted but for the time spent since.
      this.core.deadlines.set(this, this.request.deadlineMs, this.startedAt)
    }
  }

  expired(): void {
    this.deadlineHit = true
    this.fiber?.interruptUnsafe()
  }

  /** Picks a target and takes its permits; `undefined` when no target can take the call now. */
  begin(now: Millis): Attempt<Id, C> | undefined {
    const picked = this.core.pick(this, now)
    if (picked === undefined) return undefined
    const reason = this.#reasonFor(picked.state)
    this.pay(now)
    if (this.attempts === 0) this.core.retry.budget.deposit(now)
    const attempt = new Attempt(this.core, picked.state, picked.permit, this.attempts++, reason, now)
    if (this.observer !== undefined) {
      this.#tellSkipped(this.observer, picked.state, now)
      attempt.observer = this.observer.attempt({ target: attempt.target, index: attempt.index, reason })
    }
    return attempt
  }

  /** A retry asks a target of this call again; a failover asks another one, however long the call has waited before. */
  #reasonFor(state: TargetState<Id, C>): AttemptReason {
    if (this.attempts === 0) return "primary"
    return this.records?.some((record) => record.target === state.target.id) === true ? "retry" : "failover"
  }

  /** Pays for the further attempt that the call has decided on, once. */
  pay(now: Millis): void {
    if (this.owes) this.core.retry.budget.tryWithdraw(now)
    this.owes = false
  }

  /** Who was passed over for `picked`, and why; walks all targets, so only for an observer that wants it. */
  #tellSkipped(observer: CallObserver, picked: TargetState<Id, C>, now: Millis): void {
    if (observer.skipped === undefined) return
    for (const state of this.core.states) {
      if (state === picked || state.target.tier > picked.target.tier) continue
      const why = whyNot(state, this, now)
      if (why !== undefined && why !== "Tried") observer.skipped(state.target, why)
    }
  }

  keep(record: AttemptRecord<Id> | undefined): void {
    if (record === undefined) return
    if (this.records === undefined) this.records = [record]
    else this.records.push(record)
  }

  /** The end of the call; `served` is the attempt that gave the answer. */
  end(
    outcome: DecisionRecord["outcome"],
    errorType: string | undefined,
    served: Attempt<Id, C> | undefined,
    now: Millis
  ): void {
    if (this.ended) return
    this.ended = true
    this.core.deadlines.clear(this)
    const listening = this.core.decisions.listening()
    if (this.observer === undefined && !listening) return
    const record: DecisionRecord<Id> = {
      at: this.core.wallClock() - (now - this.startedAt),
      route: this.core.route,
      strategy: this.core.strategy,
      priority: this.request.priority,
      streamed: this.streamed,
      outcome,
      errorType,
      servedBy: served?.target.id,
      degraded: served !== undefined && served.target.tier > 0,
      totalMs: now - this.startedAt,
      waitedMs: this.waitedMs,
      firstContentMs: served?.firstContentAt === undefined ? undefined : served.firstContentAt - this.startedAt,
      attempts: this.records ?? []
    }
    if (listening) this.core.decisions.publish(record)
    this.observer?.end(record)
  }

  error(reason: RouteError.RouteError["reason"], retryAt: Millis | undefined, now: Millis): RouteError.RouteError {
    const attempts = (this.records ?? []).map(
      (record) =>
        new RouteError.AttemptSummary({
          target: record.target,
          errorType: record.errorType ?? record.outcome,
          ms: record.ms
        })
    )
    return new RouteError.RouteError({
      reason,
      attempts,
      ...(retryAt === undefined ? {} : { retryAfterMs: Math.max(0, Math.ceil(retryAt - now)) }),
      ...(this.last === undefined ? {} : { last: this.last })
    })
  }

  /** Why no target can take the call, target by target. */
  exclusions(now: Millis): Array<RouteError.Exclusion> {
    const list: Array<RouteError.Exclusion> = []
    for (const state of this.core.states) {
      const why = excluded(state, this.request, this, now)
      if (why === undefined) continue
      const retryInMs = why.retryAt === undefined ? {} : { retryInMs: Math.max(0, why.retryAt - now) }
      list.push(new RouteError.Exclusion({ target: state.target.id, reason: why.reason, ...retryInMs }))
      this.observer?.skipped?.(state.target, why.reason)
    }
    return list
  }
}

/** Only for those who watch: an application's constraint that throws this time must not cost the call its permit. */
const whyNot = <Id extends string, C>(
  state: TargetState<Id, C>,
  call: Call<Id, C>,
  now: Millis
): string | undefined => {
  try {
    return excluded(state, call.request, call, now)?.reason
  } catch {
    return undefined
  }
}
