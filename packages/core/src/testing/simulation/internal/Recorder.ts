/** The time series: how the run went, bucket by bucket. Ticks of the timeline end a bucket; nothing is kept per call. */
import type { Millis } from "../../../model/Gate.ts"
import type { Series } from "../Result.ts"
import { Level } from "./Level.ts"
import { Sketch } from "./Sketch.ts"
import type { TargetTally } from "./TargetTally.ts"

const maxBuckets = 288

export class Recorder {
  readonly bucketMs: Millis
  readonly buckets: number
  readonly #inFlight = new Level()
  readonly #latency = new Sketch()
  readonly #series: Record<"offered" | "answered" | "failed" | "inFlight", Array<number>>
  readonly #quantiles: Record<"p50" | "p95", Array<number | null>>
  #bucket = 0
  #areaBefore = 0

  constructor(durationMs: Millis) {
    this.bucketMs = Math.max(1, Math.ceil(durationMs / maxBuckets))
    this.buckets = Math.ceil(durationMs / this.bucketMs)
    const zeros = () => new Array<number>(this.buckets).fill(0)
    const nulls = () => new Array<number | null>(this.buckets).fill(null)
    this.#series = { offered: zeros(), answered: zeros(), failed: zeros(), inFlight: zeros() }
    this.#quantiles = { p50: nulls(), p95: nulls() }
  }

  offered(now: Millis): void {
    this.#inFlight.add(1, now)
    this.#count("offered")
  }

  /** `ms` is `undefined` when there was no answer. */
  ended(ms: Millis | undefined, now: Millis): void {
    this.#inFlight.add(-1, now)
    if (ms === undefined) return this.#count("failed")
    this.#count("answered")
    this.#latency.add(ms)
  }

  /** It was still under way when the run ended. */
  cut(now: Millis): void {
    this.#inFlight.add(-1, now)
  }

  /** The bucket is over. What comes after the last one counts as in it, but for the mean number under way. */
  tick(now: Millis, targets: ReadonlyArray<TargetTally>): void {
    const last = this.#bucket === this.buckets - 1
    const area = this.#inFlight.area(now)
    const ms = now - this.#bucket * this.bucketMs
    this.#series.inFlight[this.#bucket] = (area - this.#areaBefore) / ms
    this.#areaBefore = area
    for (const target of targets) target.bucketEnds(this.#bucket, ms, now, last)
    if (last) return
    this.#closeQuantiles()
    this.#latency.clear()
    this.#bucket++
  }

  series(targets: ReadonlyArray<TargetTally>): Series {
    this.#closeQuantiles()
    return {
      bucketMs: this.bucketMs,
      ...this.#series,
      ...this.#quantiles,
      targets: targets.map((target) => target.series())
    }
  }

  #closeQuantiles(): void {
    this.#quantiles.p50[this.#bucket] = this.#latency.quantile(0.5)
    this.#quantiles.p95[this.#bucket] = this.#latency.quantile(0.95)
  }

  #count(what: "offered" | "answered" | "failed"): void {
    const series = this.#series[what]
    series[this.#bucket] = (series[this.#bucket] ?? 0) + 1
  }
}
