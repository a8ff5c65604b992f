/**
 * A target of a running router: its gates, its numbers, its hand controls. Written by attempts only; strategies read it
 * as a `Candidate`.
 */
import * as Chain from "../../gates/Chain.ts"
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
import type { Target } from "../../model/Target.ts"
import * as Ewma from "../Ewma.ts"
import type { GatesOf } from "../Gates.ts"
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

export class TargetState<out Id extends string = string, out C = unknown> implements Candidate<Id, C> {
  readonly target: Target<Id, C>
  readonly chain: Chain.Chain
  control: Control = "open"
  readonly since: Millis
  inFlight = 0
  /** Of whole answers, and of the first content of streams: targets of one model are one population. */
  readonly tails: { readonly whole: Tail; readonly stream: Tail }
  /** What its answers have taught about the router's own token counts. */
  readonly tokens: LearnedTokens
  /** Since the router was made. */
  attempts = 0
  answered = 0
  failed = 0
  /** How often a gate took the target out of rotation: breaker opened, parked. */
  ejections = 0

  #idle: Array<() => void> | undefined = undefined
  readonly #latency = Ewma.make()
  readonly #timeToFirstContent = Ewma.make()
  readonly #timePerToken = Ewma.make()
  readonly #success = SuccessRate.make()

  constructor(target: Target<Id, C>, gatesOf: GatesOf, since: Millis = Number.NEGATIVE_INFINITY) {
    this.target = target
    this.since = since
    this.chain = Chain.make(gatesOf(target))
    this.tokens = new LearnedTokens(target)
    this.tails = { whole: new Tail(target.model), stream: new Tail(`${target.model} stream`) }
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
    if (this.control !== "open") return refused[this.control]
    return this.chain.peek(now, cost.estimate === undefined ? cost : this.tokens.costFor(cost))
  }

  /** Takes a permit from every gate, or none. */
  admit(now: Millis, cost: Cost, rng: Rng): Chain.ChainPermit | LocalReject {
    if (this.control !== "open") return refused[this.control]
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
    const events = this.chain.settle(permit, outcome, now, measured)
    if (this.inFlight === 0 && this.#idle !== undefined) {
      const waiting = this.#idle
      this.#idle = undefined
      for (const resume of waiting) resume()
    }
    return events
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
