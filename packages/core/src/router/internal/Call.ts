/**
 * One call: its deadline, what it has tried, and its record. The attempt loop drives it; it ends exactly once.
 */
import type * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type { ChainPermit } from "../../gates/Chain.ts"
import { type AttemptReason, because, type Cost } from "../../model/Cost.ts"
import { type AttemptRecord, type DecisionRecord, totalCost } from "../../model/Decision.ts"
import { isReject, type LocalReject, type Millis } from "../../model/Gate.ts"
import { ignored, type Outcome, success } from "../../model/Outcome.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { CallObserver } from "../../model/Telemetry.ts"
import type * as Backoff from "../../policies/Backoff.ts"
import type * as RetryTable from "../../policies/RetryTable.ts"
import { Deadline } from "../../state/internal/Deadlines.ts"
import type { TargetState } from "../../state/internal/TargetState.ts"
import type { Resumption } from "../BreakPolicy.ts"
import { Attempt } from "./Attempt.ts"
import { recordOf } from "./CallRecord.ts"
import type { Core, History, Picked, Refusal } from "./Core.ts"
import { mayBeAsked } from "./Pick.ts"
import { tellSkipped } from "./Skipped.ts"

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

  largerThan: number | undefined = undefined
  refusals: ReadonlyArray<Refusal<Id, C>> | undefined = undefined
  spills = false

  /** Part of a stream's answer was handed over and broke: attempts from now on stand in for it. */
  broken = false
  resume: Resumption | undefined = undefined
  /** 1 when a target refused to go on from there: it is not asked for again, and that attempt does not count. */
  refusedResume: 0 | 1 = 0

  attempts = 0
  waits = 0
  waitedMs: Millis = 0
  /** Spent in the admission queue. */
  queuedMs: Millis = 0
  /** Of that, what counts against `maxWait`: not the time until a moment that a gate had named. */
  patienceMs: Millis = 0
  /** A further attempt was decided on and is not paid for yet. */
  owes = false
  /** What the last attempt failed with. */
  last: unknown = undefined
  lastOutcome: Outcome = ignored
  lastRule: RetryTable.Rule | undefined = undefined
  /** The last failure has not been slept over yet. */
  backsOff = false
  /** What its waits so far mean for the next one. */
  backoffMemory: Backoff.Memory | undefined = undefined
  /** Attempts that did not give the answer, and, when somebody listens, the one that did. */
  records: Array<AttemptRecord<Id>> | undefined = undefined
  /** By index: what the system said about failed attempts. */
  codes: Map<number, string> | undefined = undefined

  /** Attempts that run now: mostly one, two while a hedge is out. */
  running: Attempt<Id, C> | undefined = undefined
  rival: Attempt<Id, C> | undefined = undefined
  /** The attempt that decided how the loop ends; whatever else runs has lost. */
  decided: Attempt<Id, C> | undefined = undefined
  /** Ends its place in the admission queue; set while it has one. */
  leaveQueue: ((now: Millis) => void) | undefined = undefined
  /** Set until the moment for a hedge has come or gone. */
  hedgeTimer: Deadline | undefined = undefined
  /** What the call waits for besides attempts: a part of a stream, a back-off. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  deadlineHit = false
  /** The caller was interrupted or left. */
  cancelled = false
  ended = false
  #permit: ChainPermit | undefined = undefined
  /** The last one made for a further attempt: candidates mostly ask for one and the same. */
  #further: Cost | undefined = undefined
  #hedging = false
  #finish: (() => void) | undefined = undefined

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
    this.stopAll()
  }

  /** Ends whatever the call waits for; its observers go on from there. */
  stopAll(): void {
    // Read first: what an interrupted fiber does on its way out moves them.
    const { fiber, rival, running } = this
    this.leaveQueue?.(this.core.now())
    running?.stop()
    rival?.stop()
    fiber?.interruptUnsafe()
  }

  /** Passes the gates of the router, once; the rejection when one of them refuses. */
  enter(now: Millis): LocalReject | undefined {
    const { gates, rng } = this.core
    // A rung of a ladder is a further round of a call that has entered already.
    if (gates === undefined || this.request.cost.reason !== "primary") return undefined
    const permit = gates.admit(now, this.request.cost, rng)
    if (isReject(permit)) return permit
    this.#permit = permit
    return undefined
  }

  /** Picks a target and takes its permits; `undefined` when no target can take the call now. */
  begin(now: Millis, hedge = false): Attempt<Id, C> | undefined {
    let picked: Picked<Id, C> | undefined
    this.#hedging = hedge
    this.refusals = undefined
    try {
      picked = this.core.pick(this, now)
    } finally {
      this.#hedging = false
    }
    if (picked === undefined) return undefined
    const reason = hedge ? "hedge" : this.#reasonFor(picked.state)
    this.pay(now)
    if (this.attempts === 0) {
      this.core.retry.budget.deposit(now)
      this.core.hedging?.deposit(now)
    }
    const attempt = new Attempt(this.core, this.request, picked, this.attempts++, reason, now)
    if (this.broken) attempt.standIn(this.resume)
    if (this.running === undefined) this.running = attempt
    else this.rival = attempt
    if (this.observer !== undefined) {
      tellSkipped(this, this.observer, picked.state, now)
      attempt.observer = this.observer.attempt({ target: attempt.target, index: attempt.index, reason })
    }
    return attempt
  }

  /** Could any target that there is take it, now or later? */
  hasHope(now: Millis): boolean {
    return this.core.states.some((state) => mayBeAsked(state, this.request, this, now))
  }

  /** The first attempt to ask decides; `false`: another one has. */
  claim(attempt: Attempt<Id, C>): boolean {
    this.decided ??= attempt
    return this.decided === attempt
  }

  /** Does any attempt run that can still answer? What lost may take its time to stop. */
  competes(): boolean {
    return this.running?.lost === false || this.rival?.lost === false
  }

  /** The attempt runs no longer. */
  drop(attempt: Attempt<Id, C>): void {
    if (this.running === attempt) {
      this.running = this.rival
      this.rival = undefined
    } else if (this.rival === attempt) this.rival = undefined
  }

  costFor(state: TargetState<Id, C>): Cost {
    const { cost } = this.request
    if (this.attempts === 0) return cost
    const reason = this.#hedging ? "hedge" : this.#reasonFor(state)
    if (this.#further?.reason !== reason) this.#further = because(cost, reason)
    return this.#further
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

  keep(record: AttemptRecord<Id> | undefined): void {
    const finish = this.#finish
    if (finish !== undefined && !this.#othersRun(this.decided)) {
      this.#finish = undefined
      if (record !== undefined) this.records?.push(record)
      return finish()
    }
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
    this.stopHedge()
    if (this.#permit !== undefined) this.#leave(outcome, now)
    const listening = this.core.decisions.listening()
    if (this.observer === undefined && !listening) return
    this.records ??= []
    const record = recordOf(this, this.records, { outcome, errorType, served, now })
    const finish = () => {
      // Of two copies either may have ended first.
      if (this.attempts > 1) this.records?.sort((one, other) => one.index - other.index)
      record.costUsd = totalCost(record.attempts)
      if (listening) this.core.decisions.publish(record)
      this.observer?.end(record)
    }
    // A loser that is slow to stop belongs into the record too.
    if (this.#othersRun(served)) this.#finish = finish
    else finish()
  }

  /** Does any attempt run still, beside the one that answers? */
  #othersRun(served: Attempt<Id, C> | undefined): boolean {
    return (
      (this.running !== undefined && this.running !== served) || (this.rival !== undefined && this.rival !== served)
    )
  }

  /** The router's gates learn what became of the call. */
  #leave(outcome: DecisionRecord["outcome"], now: Millis): void {
    const permit = this.#permit
    if (permit === undefined) return
    const learned = outcome === "ok" ? success : outcome === "error" ? this.lastOutcome : ignored
    const events = this.core.gates?.settle(permit, learned, now) ?? []
    if (events.length > 0) this.core.publishOwn(events)
  }

  stopHedge(): void {
    if (this.hedgeTimer === undefined) return
    this.core.deadlines.clear(this.hedgeTimer)
    this.hedgeTimer = undefined
  }
}
