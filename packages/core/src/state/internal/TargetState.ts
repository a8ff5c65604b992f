/**
 * A target of a running router: its gates, its numbers, its hand controls. Written by attempts only; strategies read it
 * as a `Candidate`. It is the same object for as long as its id is in the set and until its last attempt has ended: what it
 * is made of (weight, client, limits) may change under it.
 */
import type * as Chain from "../../gates/Chain.ts"
import type { Candidate } from "../../model/Candidate.ts"
import type { Cost } from "../../model/Cost.ts"
import {
  type GateEvent,
  isReject,
  type LocalReject,
  type Measured,
  type Millis,
  type Rng,
  reject,
  type Verdict
} from "../../model/Gate.ts"
import type { Outcome } from "../../model/Outcome.ts"
import type { Picker } from "../../model/Strategy.ts"
import type { Target } from "../../model/Target.ts"
import * as Ewma from "../Ewma.ts"
import * as SuccessRate from "../SuccessRate.ts"
import { LearnedTokens } from "./LearnedTokens.ts"

/** Closed by hand: until `restore`. */
export type Control = "open" | "isolated" | "draining"

const refused: Record<Exclude<Control, "open">, LocalReject> = {
  isolated: reject("Isolated"),
  draining: reject("Draining")
}

/** How long the slow ones of a target's answers take, as hedging last said. */
export class Tail {
  readonly key: string
  delayMs: Millis | undefined = undefined
  askAgainAt: Millis = Number.NEGATIVE_INFINITY
  constructor(key: string) {
    this.key = key
  }
}

/** What moved in gates that admit nobody any more would be taken for news of those that do. */
const aboutOthers = (events: ReadonlyArray<GateEvent>, id: string): ReadonlyArray<GateEvent> =>
  events.filter((event) => event.target !== undefined && event.target !== id)

const tailsOf = ({ model }: Target) => ({ whole: new Tail(model), stream: new Tail(`${model} stream`) })

export class TargetState<out Id extends string = string, out C = unknown> implements Candidate<Id, C> {
  /** What it is now. An attempt keeps what it began with. */
  target: Target<Id, C>
  /** The gates that admit now. A permit knows the chain that gave it. */
  chain: Chain.Chain
  /** Of the tier it is in: told what becomes of its attempts. `undefined` when the router does not pick it any more. */
  picker: Picker | undefined = undefined
  readonly since: Millis
  inFlight = 0
  /** Of whole answers, and of the first content of streams: targets of one model are one population. */
  tails: { readonly whole: Tail; readonly stream: Tail }
  /** What its answers have taught about the router's own token counts. */
  tokens: LearnedTokens
  /** Since the router was made. */
  attempts = 0
  answered = 0
  failed = 0
  /** How often a gate took the target out of rotation: breaker opened, parked. */
  ejections = 0

  #control: Control = "open"
  #isLeaving = false
  /** What it says to everybody while it is closed by hand or on its way out. */
  #closed: LocalReject | undefined = undefined
  #idle: Array<() => void> | undefined = undefined
  #latency = Ewma.make()
  #timeToFirstContent = Ewma.make()
  #timePerToken = Ewma.make()
  #success = SuccessRate.make()

  constructor(target: Target<Id, C>, chain: Chain.Chain, since: Millis) {
    this.target = target
    this.since = since
    this.chain = chain
    this.tokens = new LearnedTokens(target)
    this.tails = tailsOf(target)
  }

  get control(): Control {
    return this.#control
  }

  set control(control: Control) {
    this.#control = control
    this.#close()
  }

  /** It has left the set: nobody picks it, and its last attempts go on. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  set isLeaving(isLeaving: boolean) {
    if (this.#isLeaving === isLeaving) return
    this.#isLeaving = isLeaving
    this.chain.inSet(!isLeaving)
    this.#close()
  }

  #close(): void {
    const why = this.#control === "open" && this.#isLeaving ? "draining" : this.#control
    this.#closed = why === "open" ? undefined : refused[why]
  }

  /**
   * The same deployment by another description: its numbers stay, but for those that belong to the model. `chain` is the one
   * it has, or the one that stands in for it; the caller says what that takes over.
   */
  become(target: Target<Id, C>, chain: Chain.Chain): void {
    const before = this.target
    this.target = target
    this.chain = chain
    if (target.model === before.model && target.provider === before.provider) return
    this.tokens = new LearnedTokens(target)
    this.tails = tailsOf(target)
    this.#latency = Ewma.make()
    this.#timeToFirstContent = Ewma.make()
    this.#timePerToken = Ewma.make()
    this.#success = SuccessRate.make()
  }

  latency(now: Millis): Millis | undefined {
    return this.#latency.value(now)
  }

  timeToFirstContent(now: Millis): Millis | undefined {
    return this.#timeToFirstContent.value(now)
  }

  timePerToken(now: Millis): Millis | undefined {
    return this.#timePerToken.value(now)
  }

  headroom(now: Millis): number | undefined {
    return this.chain.headroom(now)
  }

  successRate(now: Millis): number {
    return this.#success.value(now)
  }

  verdict(now: Millis, cost: Cost): Verdict {
    if (this.#closed !== undefined) return this.#closed
    return this.chain.peek(now, cost.estimate === undefined ? cost : this.tokens.costFor(cost))
  }

  /** Takes a permit from every gate, or none. */
  admit(now: Millis, cost: Cost, rng: Rng): Chain.ChainPermit | LocalReject {
    if (this.#closed !== undefined) return this.#closed
    const permit = this.chain.admit(now, cost.estimate === undefined ? cost : this.tokens.costFor(cost), rng)
    if (isReject(permit)) return permit
    this.inFlight++
    this.attempts++
    return permit
  }

  /**
   * Gives back what `admit` took and learns. The times are samples only where the answer was complete:
   * a fast failure must not look like a fast target.
   */
  settle(permit: Chain.ChainPermit, outcome: Outcome, now: Millis, measured: Measured): ReadonlyArray<GateEvent> {
    const { firstContentMs, ms, outputTokens = 0 } = measured
    this.inFlight--
    switch (outcome._tag) {
      case "Success":
      case "Slow":
        this.answered++
        this.#latency.observe(ms, now)
        if (firstContentMs !== undefined) this.#timeToFirstContent.observe(firstContentMs, now)
        if (outputTokens > 0) this.#timePerToken.observe((ms - (firstContentMs ?? 0)) / outputTokens, now)
        this.#success.observe(true, now)
        break
      case "Failure":
      case "Misconfigured":
        this.failed++
        this.#success.observe(false, now)
        break
      case "RateLimited":
        this.failed++
        break
      case "Ignored":
        break
    }
    const chain = permit.chain ?? this.chain
    const events = chain.settle(permit, outcome, now, measured)
    if (chain === this.chain || events.length === 0) return events
    return aboutOthers(events, this.target.id)
  }

  /** Says to those who wait for it that no attempt is in flight. Once per attempt, after the last word about it. */
  rest(): void {
    if (this.inFlight > 0 || this.#idle === undefined) return
    const waiting = this.#idle
    this.#idle = undefined
    for (const resume of waiting) resume()
  }

  /** Calls `resume` once no attempt is in flight: at once, or when the last one has been given back. */
  whenIdle(resume: () => void): void {
    if (this.inFlight === 0) resume()
    else if (this.#idle === undefined) this.#idle = [resume]
    else this.#idle.push(resume)
  }

  /** Back into rotation, with gates that have forgotten why they were closed. */
  restore(now: Millis): void {
    this.control = "open"
    for (const gate of this.chain.gates) gate.clear?.(now)
  }
}
