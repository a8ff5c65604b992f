/** Counts what a target of the contender was asked and gave. */
import type { Millis } from "../../../model/Gate.ts"
import type { Price } from "../../../model/Price.ts"
import type { TargetSeries, TargetStats } from "../Result.ts"
import { count, ratio, sorted } from "./CallTally.ts"
import { Level } from "./Level.ts"
import { Sketch } from "./Sketch.ts"

export interface Totals {
  readonly attempts: number
  readonly answers: number
  readonly from: Millis
  readonly to: Millis
}

export class TargetTally {
  readonly id: string
  readonly provider: string
  readonly price: Price | undefined
  /** The provider's own; `undefined` when it has no such limit. */
  readonly concurrency: number | undefined
  /** All of them, warm-up included. */
  begun = 0
  attempts = 0
  answers = 0
  failed = 0
  interrupted = 0
  wastedMs = 0
  costUsd = 0
  readonly errors = new Map<string, number>()
  readonly events = new Map<string, number>()
  readonly latency = new Sketch()
  readonly inFlight = new Level()
  readonly #series: { attempts: Array<number>; failed: Array<number>; inFlight: Array<number> }
  #bucket = 0
  #areaBefore = 0
  #areaAtWarmup = 0
  #areaAtEnd = 0

  constructor(
    id: string,
    provider: string,
    price: Price | undefined,
    concurrency: number | undefined,
    buckets: number
  ) {
    this.id = id
    this.provider = provider
    this.price = price
    this.concurrency = concurrency
    const zeros = () => new Array<number>(buckets).fill(0)
    this.#series = { attempts: zeros(), failed: zeros(), inFlight: zeros() }
  }

  began(now: Millis, counted: boolean): void {
    this.inFlight.add(1, now)
    this.begun++
    this.#series.attempts[this.#bucket] = (this.#series.attempts[this.#bucket] ?? 0) + 1
    if (counted) this.attempts++
  }

  answered(ms: Millis, now: Millis, counted: boolean): void {
    this.inFlight.add(-1, now)
    if (!counted) return
    this.answers++
    this.latency.add(ms)
  }

  /** `type` is `undefined` when the contender gave it up. */
  wasted(type: string | undefined, workedMs: Millis, now: Millis, counted: boolean): void {
    this.inFlight.add(-1, now)
    this.#series.failed[this.#bucket] = (this.#series.failed[this.#bucket] ?? 0) + 1
    if (!counted) return
    this.wastedMs += workedMs
    if (type === undefined) this.interrupted++
    else {
      this.failed++
      count(this.errors, type)
    }
  }

  warm(now: Millis): void {
    this.#areaAtWarmup = this.inFlight.area(now)
    this.inFlight.max = this.inFlight.value
    this.events.clear()
  }

  end(now: Millis): void {
    this.#areaAtEnd = this.inFlight.area(now)
  }

  /** A bucket of the series is over; the last one stays open. */
  bucketEnds(bucket: number, ms: Millis, now: Millis, last: boolean): void {
    const area = this.inFlight.area(now)
    this.#series.inFlight[bucket] = (area - this.#areaBefore) / ms
    this.#areaBefore = area
    if (!last) this.#bucket = bucket + 1
  }

  series(): TargetSeries {
    return { id: this.id, ...this.#series }
  }

  stats({ answers, attempts, from, to }: Totals): TargetStats {
    const mean = (this.#areaAtEnd - this.#areaAtWarmup) / (to - from)
    return {
      id: this.id,
      provider: this.provider,
      attempts: this.attempts,
      attemptShare: ratio(this.attempts, attempts),
      answers: this.answers,
      answerShare: ratio(this.answers, answers),
      failed: this.failed,
      errors: sorted(this.errors),
      interrupted: this.interrupted,
      wastedMs: this.wastedMs,
      inFlightMax: this.inFlight.max,
      inFlightMean: mean,
      utilisation: this.concurrency === undefined ? null : mean / this.concurrency,
      latency: this.latency.times(),
      costUsd: this.price === undefined ? null : this.costUsd,
      events: sorted(this.events)
    }
  }
}
