/**
 * Does anything grow? Five million calls in virtual time, a millisecond apart, with the whole pipeline on: failures, rate
 * limits, slow answers, hedges, waiting callers, sixteen tenants, a cache that is asked for more answers than it holds.
 * Heap after a collection, every half million calls; it must stay flat.
 */
import { getHeapStatistics } from "node:v8"
import { Defaults, Router, Shedder, Shedding } from "@spillway/core"
import { PowerOfTwo } from "@spillway/strategies"
import { Clock, Duration, Effect, Layer, Random } from "effect"
import { atMost, type Report, type Row } from "./Report.ts"

const calls = 5_000_000
const step = 500_000

/** A clock that moves when it is told to and wakes whoever sleeps until then. */
const virtualClock = () => {
  let now = 0
  const sleepers: Array<{ readonly at: number; readonly wake: () => void; done: boolean }> = []
  const nanos = () => BigInt(Math.round(now * 1e6))
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void), done: false }
        let i = sleepers.length
        while (i > 0 && (sleepers[i - 1]?.at ?? 0) < sleeper.at) i--
        sleepers.splice(i, 0, sleeper)
        return Effect.sync(() => {
          sleeper.done = true
          const at = sleepers.indexOf(sleeper)
          if (at >= 0) sleepers.splice(at, 1)
        })
      })
  }
  return {
    clock,
    sleeping: () => sleepers.length,
    advance: (ms: number) => {
      now += ms
      for (let last = sleepers.at(-1); last !== undefined && last.at <= now; last = sleepers.at(-1)) {
        sleepers.pop()
        last.wake()
      }
    }
  }
}

const program = Effect.fnUntraced(function* (
  virtual: ReturnType<typeof virtualClock>,
  progress: (done: number, of: number) => void
) {
  const router = yield* Router.make({
    targets: [
      { id: "a", client: 0, weight: 5, limits: { maxInFlight: 40 } },
      { id: "b", client: 0, weight: 3, limits: { maxInFlight: 40 } },
      { id: "c", client: 0, weight: 2, limits: { maxInFlight: 10 } },
      { id: "spare", client: 0 }
    ],
    tiers: [["a", "b", "c"], ["spare"]]
  })
  const luck = yield* Random.Random
  const answer = Effect.suspend((): Effect.Effect<string, unknown> => {
    const draw = luck.nextDoubleUnsafe()
    if (draw < 0.0002) return Effect.fail({ status: 429, headers: { "retry-after": "1" } })
    if (draw < 0.01) return Effect.fail({ status: 503 })
    if (draw < 0.25) return Effect.as(Effect.sleep(luck.nextDoubleUnsafe() * 200), "slow")
    return Effect.succeed("answer")
  })
  const heaps: Array<number> = []
  const measure = () => {
    for (let i = 0; i < 3; i++) globalThis.gc?.()
    heaps.push(getHeapStatistics().used_heap_size)
  }
  const priorities = ["P0", "P1", "P2", "P3"] as const
  for (let i = 1; i <= calls; i++) {
    const cached = i % 10 === 0
    yield* Effect.forkChild(
      Effect.ignore(
        router.route(
          {
            priority: priorities[i % 4] ?? "P1",
            tenant: `tenant ${i % 16}`,
            deadline: "10 seconds",
            estimatedTokens: { input: 100, output: 50 },
            ...(cached ? { cacheKey: `question ${Math.floor(luck.nextDoubleUnsafe() * 50_000)}` } : {})
          },
          () => answer
        )
      ),
      { startImmediately: true }
    )
    virtual.advance(1)
    if (i % 200 === 0) yield* Effect.yieldNow
    if (i % step === 0) {
      measure()
      progress(i / step, calls / step)
    }
  }
  const status = yield* router.status
  const attempts = status.targets.reduce((sum, target) => sum + target.attempts, 0)
  return { heaps, attempts, sleeping: virtual.sleeping() }
})

export const soak = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const virtual = virtualClock()
  const layer = Layer.mergeAll(
    PowerOfTwo.layer(),
    Defaults.make({ hedge: { minSamples: 20 }, admission: { maxQueued: 200 }, cache: { maxEntries: 5000 } }),
    Shedding.layer(() => Shedder.make())
  )
  const startedAt = process.cpuUsage()
  const { attempts, heaps, sleeping } = await Effect.runPromise(
    program(virtual, progress).pipe(
      Effect.scoped,
      Effect.provide(layer),
      Effect.provideService(Clock.Clock, virtual.clock),
      Random.withSeed("soak")
    )
  )
  const { system, user } = process.cpuUsage(startedAt)
  const first = heaps[1] ?? Number.NaN
  const rows = heaps.map(
    (heap, i): Row => ({
      case: `after ${(((i + 1) * step) / 1e6).toFixed(1)} M calls`,
      metric: "heap",
      value: heap / 1e6,
      unit: "MB",
      ratio: heap / first
    })
  )
  rows.push({ case: "all calls", metric: "attempts", value: attempts, unit: "", ratio: attempts / calls })
  rows.push({ case: "all calls", metric: "cpu", value: (user + system) / calls, unit: "µs/call", ratio: null })
  rows.push({ case: "at the end", metric: "timers", value: sleeping, unit: "", ratio: null })
  return {
    name: "soak",
    node: process.versions.node,
    rows,
    goals: [atMost("heap after 5 M calls, times the heap after 1 M", (heaps.at(-1) ?? Number.NaN) / first, 1.1)]
  }
}
