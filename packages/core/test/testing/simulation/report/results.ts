/** Made-up results that hang together: what was offered was answered, failed or left; series add up to the sums. */
import { Seeded } from "@spillway/core/testing"
import type { CallStats, Result, Times } from "@spillway/core/testing/Result"

export interface Shape {
  readonly contender?: string
  readonly scenario?: string
  readonly seed?: number
  readonly classes?: ReadonlyArray<string>
  readonly targets?: ReadonlyArray<string>
  readonly buckets?: number
  /** From which to which bucket most calls fail. */
  readonly outage?: readonly [number, number]
  readonly priced?: boolean
}

const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)

const times = (count: number, scale: number): Times =>
  count === 0
    ? { count, mean: null, p50: null, p95: null, p99: null, max: null }
    : { count, mean: scale * 1.2, p50: scale, p95: scale * 3.1, p99: scale * 5.3, max: scale * 9 }

const stats = (offered: number, failed: number, scale: number, priced: boolean): CallStats => {
  const answered = offered - failed
  return {
    offered,
    answered,
    late: Math.floor(answered / 50),
    failed,
    unfinished: 0,
    errors: failed === 0 ? {} : { NoCandidate: failed },
    availability: offered === 0 ? null : answered / offered,
    onTime: offered === 0 ? null : (answered - Math.floor(answered / 50)) / offered,
    goodputPerSecond: answered / 570,
    latency: times(answered, scale),
    firstContent: times(answered, scale / 4),
    queued: times(0, 0),
    attempts: offered + failed,
    attemptsPerCall: offered === 0 ? null : (offered + failed) / offered,
    wasted: failed * 2,
    costUsd: priced ? offered * 0.0031 : null,
    cacheHits: 0,
    coalesced: 0,
    degraded: Math.floor(failed / 2)
  }
}

export const resultOf = (shape: Shape = {}): Result => {
  const { contender = "p2c", scenario = "An outage", seed = 1, buckets = 60, priced = true } = shape
  const { classes = ["chat", "batch"], targets = ["large", "middle", "small"], outage = [24, 36] } = shape
  const next = Seeded.rng(seed)
  const each = <A>(make: (i: number) => A) => Array.from({ length: buckets }, (_, i) => make(i))
  const out = (i: number) => i >= outage[0] && i < outage[1]
  const offered = each(() => 80 + Math.floor(next() * 40))
  const failed = offered.map((n, i) => Math.floor(n * (out(i) ? 0.05 + next() * 0.1 : next() * 0.01)))
  const p95 = each((i) => (buckets > 8 && i % 29 === 7 ? null : (out(i) ? 5200 : 2600) + next() * 900))
  const weights = targets.map((_, t) => targets.length - t)
  const share = (t: number, i: number) => {
    const at = weights.map((weight, w) => (w === 0 && out(i) && targets.length > 1 ? 0 : weight))
    return (at[t] ?? 0) / sum(at)
  }
  const attempts = targets.map((_, t) => offered.map((n, i) => Math.round(n * share(t, i))))
  const whole = stats(sum(offered), sum(failed), 1180, priced)
  return {
    scenario,
    contender,
    seed,
    startsAt: Date.UTC(2024, 0, 1),
    durationMs: buckets * 10_000,
    warmupMs: 0,
    overall: whole,
    classes: classes.map((name, i) => ({
      name,
      ...stats(Math.floor(whole.offered / (i + 2)), Math.floor(whole.failed / (i + 2)), 900 + 700 * i, priced)
    })),
    targets: targets.map((id, t) => {
      const n = sum(attempts[t] ?? [])
      return {
        id,
        provider: id,
        attempts: n,
        attemptShare: n / Math.max(1, sum(attempts.flat())),
        answers: n - Math.floor(n / 40),
        answerShare: n / Math.max(1, sum(attempts.flat())),
        failed: Math.floor(n / 40),
        errors: { "503": Math.floor(n / 40) },
        interrupted: 0,
        wastedMs: n,
        inFlightMax: 40,
        inFlightMean: 12.4,
        utilisation: null,
        latency: times(n, 1100),
        costUsd: priced ? n * 0.003 : null,
        events: t === 0 ? { BreakerOpened: 2 } : {}
      }
    }),
    series: {
      bucketMs: 10_000,
      offered,
      answered: offered.map((n, i) => n - (failed[i] ?? 0)),
      failed,
      p50: p95.map((value) => (value === null ? null : value / 3)),
      p95,
      inFlight: offered.map((n, i) => n * (out(i) ? 0.5 : 0.2)),
      targets: targets.map((id, t) => ({
        id,
        attempts: attempts[t] ?? [],
        failed: (attempts[t] ?? []).map((n) => Math.floor(n / 40)),
        inFlight: (attempts[t] ?? []).map((n) => n / 4)
      }))
    },
    run: { calls: whole.offered, attempts: whole.attempts, events: whole.offered * 9, endedAtMs: buckets * 10_000 }
  }
}
