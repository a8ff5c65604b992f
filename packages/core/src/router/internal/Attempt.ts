/**
 * One attempt: one target, the permits it holds, the clock it runs against. It is also what the application's function is
 * handed. `settle` happens exactly once, when everything the attempt started has ended.
 */
import type * as Fiber from "effect/Fiber"
import * as Chain from "../../gates/Chain.ts"
import type { Candidate } from "../../model/Candidate.ts"
import { AttemptTimeout } from "../../model/Classifier.ts"
import type { AttemptReason } from "../../model/Cost.ts"
import type { AttemptFacts, AttemptRecord } from "../../model/Decision.ts"
import type { Measured, Millis } from "../../model/Gate.ts"
import { ignored, type Outcome } from "../../model/Outcome.ts"
import { costOf } from "../../model/Price.ts"
import type { RouteRequest } from "../../model/RouteRequest.ts"
import type { Picker, Settlement } from "../../model/Strategy.ts"
import type { Target } from "../../model/Target.ts"
import type { AttemptObserver } from "../../model/Telemetry.ts"
import { Deadline } from "../../state/internal/Deadlines.ts"
import type { Tail, TargetState } from "../../state/internal/TargetState.ts"
import type { Resumption } from "../BreakPolicy.ts"
import type { Core, Picked } from "./Core.ts"
import type { Signals } from "./Signals.ts"

export class Attempt<Id extends string, C> extends Deadline {
  readonly request: RouteRequest
  readonly state: TargetState<Id, C>
  /** As it was picked: what its state becomes in the meantime does not concern this attempt. */
  readonly target: Target<Id, C>
  readonly index: number
  readonly reason: AttemptReason
  readonly startedAt: Millis
  /** `undefined` once it has been given back. */
  #permit: Chain.ChainPermit | undefined
  readonly #core: Core<Id, C>
  #aborted = false
  #controller: AbortController | undefined = undefined
  #clock: AttemptTimeout["clock"] = "Attempt"
  #limit: Millis = 0

  /** What runs for this attempt now; interrupted when a clock runs out. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Set when one of its clocks ran out. */
  timeout: AttemptTimeout | undefined = undefined
  firstContentAt: Millis | undefined = undefined
  /** What its provider tells before the first content; `undefined` where no clock depends on it. */
  signals: Signals | undefined = undefined
  facts: AttemptFacts | undefined = undefined
  observer: AttemptObserver | undefined = undefined
  /** What is known of how long its like takes; `undefined` without hedging. */
  tail: Tail | undefined = undefined
  /** Another copy of the call was faster. */
  lost = false
  /** Where it goes on; `undefined`: it gives the whole answer. */
  resume: Resumption | undefined = undefined
  #note: "Continue" | "Restart" | undefined = undefined

  constructor(
    core: Core<Id, C>,
    request: RouteRequest,
    picked: Picked<Id, C>,
    index: number,
    reason: AttemptReason,
    startedAt: Millis
  ) {
    super()
    this.#core = core
    this.request = request
    this.state = picked.state
    this.target = picked.state.target
    this.#permit = picked.permit
    this.index = index
    this.reason = reason
    this.startedAt = startedAt
  }

  /** True when a tier before this target's was left out, or a rung of the ladder asks. */
  get degraded(): boolean {
    return this.target.tier > 0 || this.request.rung !== undefined
  }

  get client(): C {
    return this.target.client
  }

  /** It stands in for an answer that broke: it goes on from there where its target can, else it begins anew. */
  standIn(resume: Resumption | undefined): void {
    this.resume = this.target.capabilities.has("prefill") ? resume : undefined
    this.#note = this.resume === undefined ? "Restart" : "Continue"
  }

  /** Facts about the answer, for records, spans and money. May be called several times; later values win. */
  report(facts: AttemptFacts): void {
    if (typeof facts !== "object" || facts === null) return
    const known = isComplete(facts) ? facts : withoutUnknown(facts)
    this.facts = this.facts === undefined ? { ...known } : { ...this.facts, ...known }
  }

  /** Starts `clock` anew; `Infinity` stops it. */
  arm(clock: AttemptTimeout["clock"], ms: Millis, now: Millis): void {
    this.#clock = clock
    this.#limit = ms
    this.#core.deadlines.set(this, ms, now)
  }

  /** Fires when the attempt is over without its answer. Made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort()
    }
    return this.#controller.signal
  }

  abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }

  disarm(): void {
    this.#core.deadlines.clear(this)
  }

  /** It is no longer wanted. How long it takes to stop says nothing about its target. */
  stop(): void {
    this.disarm()
    this.fiber?.interruptUnsafe()
  }

  expired(): void {
    const further = this.signals?.further(this.#clock, this.#limit)
    if (further !== undefined) {
      // From when it came due: what the timer was late by does not add up.
      this.#core.deadlines.set(this, further - this.#limit, this.expiresAt)
      this.#clock = "FirstContent"
      this.#limit = further
      return
    }
    this.timeout = new AttemptTimeout(this.#clock, this.#limit)
    this.fiber?.interruptUnsafe()
  }

  firstContent(now: Millis): void {
    this.firstContentAt = now
    this.observer?.firstContent?.()
  }

  /** Gives everything back. `errorType` is `undefined` unless the attempt failed. */
  settle(
    result: AttemptRecord["outcome"],
    outcome: Outcome,
    errorType: string | undefined,
    now: Millis,
    callStart: Millis
  ): AttemptRecord<Id> | undefined {
    const permit = this.#permit
    if (permit === undefined) return undefined
    this.#permit = undefined
    this.disarm()
    if (result !== "won") this.abort()
    const core = this.#core
    const ms = now - this.startedAt
    const firstContentMs = this.firstContentAt === undefined ? undefined : this.firstContentAt - this.startedAt
    const { facts } = this
    if (this.tail !== undefined && (result === "won" || this.lost || this.timeout !== undefined)) {
      core.hedging?.observe(this.tail.key, firstContentMs ?? ms, now)
    }
    const measured: Measured = {
      ms,
      firstContentMs,
      inputTokens: facts?.inputTokens,
      outputTokens: facts?.outputTokens,
      limits: facts?.limits
    }
    const events = this.state.settle(permit, outcome, now, measured)
    if (events.length > 0) core.publish(this.state, events)
    const counted = this.request.cost.estimate?.counted()
    // A prefill was not among what was counted.
    if (counted !== undefined && this.resume === undefined) {
      const complete = outcome._tag === "Success" || outcome._tag === "Slow"
      this.state.tokens.observe(counted, facts?.inputTokens, complete ? facts?.outputTokens : undefined)
    }
    const { picker } = this.state
    if (picker?.settled !== undefined) {
      const settlement: Settlement = {
        ms,
        firstContentMs,
        inputTokens: measured.inputTokens,
        outputTokens: measured.outputTokens,
        limits: measured.limits,
        request: this.request,
        costUsd: this.#cost(ms).usd
      }
      tellStrategy(picker, this.state, outcome, now, settlement)
    }
    if (core.admission.size > 0) core.admission.released(now)
    // The answer of a call nobody watches needs no record.
    const isWanted = result !== "won" || this.observer !== undefined || core.decisions.listening()
    const record = isWanted ? this.#record(permit, result, errorType, ms, firstContentMs, callStart) : undefined
    this.state.rest()
    return record
  }

  #record(
    permit: Chain.ChainPermit,
    result: AttemptRecord["outcome"],
    errorType: string | undefined,
    ms: Millis,
    firstContentMs: Millis | undefined,
    callStart: Millis
  ): AttemptRecord<Id> {
    const { facts } = this
    const cost = this.#cost(ms)
    const record: AttemptRecord<Id> = {
      target: this.target.id,
      index: this.index,
      reason: this.reason,
      startedAt: this.startedAt - callStart,
      ms,
      firstContentMs,
      outcome: result,
      errorType,
      facts,
      costUsd: cost.usd,
      costSource: cost.source,
      notes: this.#note === undefined ? Chain.notesOf(permit) : [...Chain.notesOf(permit), this.#note]
    }
    this.observer?.end(record)
    return record
  }

  /** What it cost after so many milliseconds, and who says so. */
  #cost(ms: Millis): { readonly usd: number | undefined; readonly source: AttemptRecord["costSource"] } {
    const { facts } = this
    const told = usd(facts?.costUsd)
    if (told !== undefined) return { usd: told, source: "provider" }
    const { price } = this.target
    if (price === undefined || facts === undefined) return unknownCost
    const own = costOf(price, facts, this.#core.wallClock() - ms)
    return own === undefined ? unknownCost : { usd: own, source: "local" }
  }

  /** Given back without a word about the target. */
  cancel(now: Millis, callStart: Millis): AttemptRecord<Id> | undefined {
    return this.settle(this.lost ? "lost" : "cancelled", ignored, undefined, now, callStart)
  }
}

/** Copying what is all known keeps its shape, which makes reading it fast. */
const isComplete = (facts: AttemptFacts): boolean => {
  for (const name in facts) if (facts[name as keyof AttemptFacts] === undefined) return false
  return true
}

const withoutUnknown = (facts: AttemptFacts): AttemptFacts =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))

const unknownCost = { usd: undefined, source: undefined }

/** What somebody reported counts if it can be a sum of money. */
const usd = (amount: number | undefined): number | undefined =>
  typeof amount === "number" && amount >= 0 && Number.isFinite(amount) ? amount : undefined

/** A strategy that throws here loses what it would have learned, and nothing else. */
const tellStrategy = (
  picker: Picker,
  candidate: Candidate,
  outcome: Outcome,
  now: Millis,
  settlement: Settlement
): void => {
  try {
    picker.settled?.(candidate, outcome, now, settlement)
  } catch (error) {
    console.warn("Spillway: a strategy threw in settled.", error)
  }
}
