/**
 * A provider as it really is. An attempt travels there, passes the rates and then the places of the provider and its account,
 * meets its fate (an error, silence, an answer), and travels back. Each step is an event, none of them a fiber.
 */
import type { Millis } from "../../../model/Gate.ts"
import { ProviderError } from "../ProviderError.ts"
import type { Ask, Host } from "./Ask.ts"
import { attemptDraws, uniform } from "./Chance.ts"
import type { Quantile } from "./Distribution.ts"
import { type Down, Faults } from "./Faults.ts"
import type { Limiter } from "./Limiter.ts"
import * as Network from "./Network.ts"
import type { Timeline } from "./Timeline.ts"

/** A checked provider. */
export interface Spec {
  readonly name: string
  readonly region: string | undefined
  readonly firstContent: Quantile
  readonly perToken: Quantile
  readonly perInputToken: number
  /** The provider's own first, then the account's. */
  readonly limiters: ReadonlyArray<Limiter<Ask>>
  readonly errors: ReadonlyArray<Failure>
  readonly silent: number
}

export interface Failure {
  readonly rate: number
  readonly status: number
  readonly after: Quantile
  /** Seconds. */
  readonly retryAfter: number | undefined
}

/** How soon a provider says 429, milliseconds. */
const refusesAfter = 5

export class Server implements Host {
  readonly index: number
  readonly spec: Spec
  readonly faults = new Faults()
  readonly #timeline: Timeline
  readonly #network: Network.Network
  /** Those that an outage would cut off. */
  readonly #underWay = new Set<Ask>()

  constructor(index: number, spec: Spec, timeline: Timeline, network: Network.Network) {
    this.index = index
    this.spec = spec
    this.#timeline = timeline
    this.#network = network
  }

  way(region: string | undefined): Network.Way | undefined {
    return this.#network(region, this.spec.region)
  }

  begin(ask: Ask, now: Millis): void {
    ask.target.began(now, ask.counted)
    if (ask.counted) ask.call.tally.attempts++
    const there = this.#delay(ask, attemptDraws.there)
    if (there > 0) this.#schedule(ask, "arrive", now + there)
    else this.#arrive(ask, now)
  }

  fire(ask: Ask, now: Millis): void {
    switch (ask.phase) {
      case "arrive":
        return this.#arrive(ask, now)
      case "content":
        this.#schedule(ask, "done", ask.readyAt + this.#delay(ask, attemptDraws.back))
        return ask.listener.content(now)
      case "done":
        this.#leave(ask, now)
        return ask.answered(now)
      case "fail":
        this.#leave(ask, now)
        return ask.failed(ask.error ?? new ProviderError(500), now)
    }
  }

  /** Given up by the contender. */
  forget(ask: Ask, now: Millis): void {
    this.#timeline.cancel(ask)
    this.#leave(ask, now)
  }

  /** An outage begins. */
  wentDown(down: Down, now: Millis): void {
    for (const ask of [...this.#underWay]) {
      this.#timeline.cancel(ask)
      if (down.silent) continue
      this.#leave(ask, now)
      ask.error = new ProviderError(undefined)
      this.#schedule(ask, "fail", now + this.#delay(ask, attemptDraws.back))
    }
  }

  capacityIs(factor: number, now: Millis): void {
    const own = this.spec.limiters[0]
    if (own === undefined) return
    own.scale(factor, now)
    this.#serve(own, now)
  }

  #arrive(ask: Ask, now: Millis): void {
    const { down } = this.faults
    if (down !== undefined) {
      this.#underWay.add(ask)
      if (!down.silent) this.#fail(ask, down.status, undefined, this.#draw(ask, down.after, "errorAfter"), now)
      return
    }
    const tokens = ask.call.inputTokens + ask.call.outputTokens
    for (const limiter of this.spec.limiters) {
      const wait = limiter.wait(tokens, now)
      if (wait > 0) return this.#fail(ask, 429, limiter.refuse(wait, now), refusesAfter, now)
    }
    for (const limiter of this.spec.limiters) limiter.charge(tokens, now)
    this.enter(ask, now)
  }

  /** Takes the places it lacks, one after the other; waits where it has to. */
  enter(ask: Ask, now: Millis): void {
    this.#underWay.add(ask)
    const { limiters } = this.spec
    for (; ask.passed < limiters.length; ask.passed++) {
      const limiter = limiters[ask.passed]
      const place = limiter?.enter(ask)
      if (place === "waits") {
        ask.waitsIn = limiter
        return
      }
      if (place === "full") {
        this.#leave(ask, now)
        return this.#fail(ask, 429, limiter?.retryAfter, refusesAfter, now)
      }
    }
    this.#work(ask, now)
  }

  #work(ask: Ask, now: Millis): void {
    ask.worksFrom = now
    const { errors, firstContent, perInputToken, perToken, silent } = this.spec
    let fate = uniform(ask.seed, attemptDraws.fate)
    for (const { after, errorRate: rate, status } of this.faults.browns) {
      if (fate < rate) return this.#fail(ask, status, undefined, this.#draw(ask, after, "errorAfter"), now)
      // What is left is uniform again: an error more often, and everything else as it would have been.
      fate = (fate - rate) / (1 - rate)
    }
    for (const { after, rate, retryAfter, status } of errors) {
      if (fate < rate) return this.#fail(ask, status, retryAfter, this.#draw(ask, after, "errorAfter"), now)
      fate -= rate
    }
    if (fate < silent) return
    const { inputTokens, outputTokens, streamed } = ask.call
    const factor = this.faults.latencyFactor(now)
    const first = this.#draw(ask, firstContent, "firstContent") + inputTokens * perInputToken
    const rest = outputTokens === 0 ? 0 : outputTokens * this.#draw(ask, perToken, "perToken")
    ask.contentAt = now + first * factor
    ask.readyAt = ask.contentAt + rest * factor
    const back = this.#delay(ask, attemptDraws.back)
    this.#schedule(ask, streamed ? "content" : "done", (streamed ? ask.contentAt : ask.readyAt) + back)
    // Its place is free again while the last of the answer is on its way.
    if (back > 0) ask.leaving = this.#timeline.at(ask.readyAt, (at) => this.#leave(ask, at))
  }

  #fail(ask: Ask, status: number, retryAfter: number | undefined, after: Millis, now: Millis): void {
    ask.error = new ProviderError(status, retryAfter)
    this.#schedule(ask, "fail", now + after + this.#delay(ask, attemptDraws.back))
  }

  /** Gives back what it holds, once. */
  #leave(ask: Ask, now: Millis): void {
    this.#underWay.delete(ask)
    if (ask.leaving !== undefined) this.#timeline.cancel(ask.leaving)
    ask.leaving = undefined
    ask.waitsIn?.forget(ask)
    ask.waitsIn = undefined
    const { passed } = ask
    ask.passed = 0
    for (let i = 0; i < passed; i++) {
      const limiter = this.spec.limiters[i]
      if (limiter === undefined) continue
      limiter.leave()
      this.#serve(limiter, now)
    }
  }

  #serve(limiter: Limiter<Ask>, now: Millis): void {
    for (let next = limiter.next(); next !== undefined; next = limiter.next()) {
      next.waitsIn = undefined
      next.passed++
      next.server.enter(next, now)
    }
  }

  #schedule(ask: Ask, phase: Ask["phase"], at: Millis): void {
    ask.phase = phase
    this.#timeline.schedule(ask, at)
  }

  #draw(ask: Ask, quantile: Quantile, what: keyof typeof attemptDraws): number {
    return quantile(uniform(ask.seed, attemptDraws[what]))
  }

  #delay(ask: Ask, what: number): Millis {
    return ask.way === undefined ? 0 : Network.delay(ask.way, uniform(ask.seed, what))
  }
}
