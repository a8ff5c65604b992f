/** One attempt at a provider, from its first byte to its last, or to the moment at which it is given up. */
import type { Millis } from "../../../model/Gate.ts"
import { costOf } from "../../../model/Price.ts"
import type { ProviderError } from "../ProviderError.ts"
import { attemptSeed } from "./Chance.ts"
import { SimEvent } from "./EventHeap.ts"
import type { Limiter } from "./Limiter.ts"
import type { Way } from "./Network.ts"
import type { SimCall } from "./SimCall.ts"
import type { TargetTally } from "./TargetTally.ts"

/** Told what arrives, in this order; one of the last two ends it. */
export interface Listener {
  readonly content: (now: Millis) => void
  readonly done: (now: Millis) => void
  readonly failed: (error: ProviderError, now: Millis) => void
}

/** The provider, as far as an attempt knows it. */
export interface Host {
  readonly index: number
  readonly way: (region: string | undefined) => Way | undefined
  /** Its event has come. */
  readonly fire: (ask: Ask, now: Millis) => void
  /** It waited, and has the place it waited for. */
  readonly enter: (ask: Ask, now: Millis) => void
  /** It was given up. */
  readonly forget: (ask: Ask, now: Millis) => void
}

/** What its event stands for. */
export type Phase = "arrive" | "content" | "done" | "fail"

export class Ask extends SimEvent {
  readonly server: Host
  readonly call: SimCall
  readonly target: TargetTally
  readonly listener: Listener
  readonly startedAt: Millis
  readonly seed: number
  readonly counted: boolean
  /** Between the caller's region and the provider's. */
  readonly way: Way | undefined
  phase: Phase = "arrive"
  /** How many of its limiters it has passed. */
  passed = 0
  waitsIn: Limiter<Ask> | undefined = undefined
  /** When the provider began to work on it, when it has said something, when it will be ready; -1: not known. */
  worksFrom: Millis = -1
  contentAt: Millis = -1
  readyAt: Millis = -1
  /** Gives its place back at the provider while the answer is on its way. */
  leaving: SimEvent | undefined = undefined
  error: ProviderError | undefined = undefined
  over = false

  constructor(server: Host, call: SimCall, target: TargetTally, listener: Listener, now: Millis) {
    super()
    this.server = server
    this.call = call
    this.target = target
    this.listener = listener
    this.startedAt = now
    this.seed = attemptSeed(call.seed, server.index, call.asks(server.index))
    this.counted = call.counted
    this.way = server.way(call.region)
  }

  fire(now: Millis): void {
    this.server.fire(this, now)
  }

  /** What the provider did for it so far, in milliseconds. */
  worked(now: Millis): Millis {
    return this.worksFrom < 0 ? 0 : now - this.worksFrom
  }

  answered(now: Millis): void {
    this.over = true
    this.target.answered(now - this.startedAt, now, this.counted)
    if (this.counted) this.call.tally.answers++
    this.#pay(1, now)
    this.listener.done(now)
  }

  failed(error: ProviderError, now: Millis): void {
    this.over = true
    this.target.wasted(error.type, this.worked(now), now, this.counted)
    this.#pay(0, now)
    this.listener.failed(error, now)
  }

  /** The contender wants it no longer. */
  giveUp(now: Millis): void {
    if (this.over) return
    this.over = true
    const share =
      this.contentAt < 0 || now <= this.contentAt ? 0 : (now - this.contentAt) / (this.readyAt - this.contentAt)
    // What had not been begun is not charged, an error neither.
    if (this.readyAt >= 0) this.#pay(Math.min(1, share), now, true)
    this.target.wasted(undefined, this.worked(now), now, this.counted)
    this.server.forget(this, now)
  }

  /** The input, and `share` of the output. */
  #pay(share: number, now: Millis, begun = share > 0): void {
    if (!this.counted || !begun) return
    const { call, target } = this
    const usage = { inputTokens: call.inputTokens, outputTokens: call.outputTokens * share }
    const at = call.startsAt + now
    const cost = target.price === undefined ? undefined : costOf(target.price, usage, at)
    if (cost === undefined) call.tally.unpriced = true
    else {
      call.tally.costUsd += cost
      target.costUsd += cost
    }
  }
}
