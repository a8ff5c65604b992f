/** Small scenarios and contenders for tests of the simulation. */
import { Effect } from "effect"
import type { Strategy } from "../../../src/model/Strategy.ts"
import * as Contender from "../../../src/testing/simulation/Contender.ts"
import { Run } from "../../../src/testing/simulation/internal/Run.ts"
import type { Result } from "../../../src/testing/simulation/Result.ts"
import type { Provider, Scenario, TrafficClass } from "../../../src/testing/simulation/Scenario.ts"

/** The first eligible target, in order. */
export const inOrder: Strategy = {
  name: "in-order",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
}

/** Any eligible target, each with the same chance. */
export const random: Strategy = {
  name: "random",
  make: (candidates) =>
    Effect.succeed({
      pick: (_request, eligible, _now, rng) => {
        const free = candidates.filter(eligible)
        return free[Math.floor(rng() * free.length)]
      }
    })
}

export const noRetry = { retries: 0 }

/** A client that asks one target once. */
export const once = (id = "a", options: Partial<Contender.PlainOptions> = {}) =>
  Contender.plain({ targets: [{ id }], retry: noRetry, keepsDeadline: false, ...options })

export const scenario = (
  providers: Readonly<Record<string, Provider>>,
  traffic: Partial<TrafficClass> = {},
  options: Partial<Scenario> = {}
): Scenario => ({
  name: "test",
  duration: "10 minutes",
  traffic: [{ name: "calls", arrivals: { kind: "poisson", perSecond: 10 }, ...traffic }],
  providers,
  ...options
})

/** Runs to the end at once, without giving way, and looks at what is left. */
export const finish = (scenario: Scenario, contender: Contender.Contender): { result: Result; run: Run } => {
  const run = new Run(scenario, contender)
  while (!run.advance());
  run.close()
  return { result: run.result(), run }
}

export const resultOf = (scenario: Scenario, contender: Contender.Contender): Result =>
  finish(scenario, contender).result

export const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, n) => sum + n, 0)

/** Something of everything: streams, failures, limits, an outage, cached answers, callers who wait. */
export const busy = (seed = 1, seconds = 8): Scenario => ({
  name: "busy",
  seed,
  duration: seconds * 1000,
  warmup: "2 seconds",
  traffic: [
    {
      name: "chat",
      arrivals: { kind: "bursts", perSecond: 5, burstPerSecond: 20, every: "4 seconds", lasting: "1 second" },
      streamed: 0.5,
      deadline: "8 seconds",
      tenants: 5,
      cacheKeys: { count: 300 },
      tokens: { input: 200, output: { kind: "lognormal", median: 50, p95: 200 } }
    },
    { name: "batch", arrivals: { kind: "callers", count: 10, think: 200 }, priority: "P3" }
  ],
  providers: {
    a: {
      latency: { firstContent: { kind: "lognormal", median: 300, p95: 2000 }, perToken: 10 },
      capacity: { concurrency: 15, retryAfter: "1 second" },
      events: [{ kind: "outage", from: "3 seconds", lasting: "2 seconds" }]
    },
    b: { latency: { firstContent: 500 }, errors: [{ rate: 0.05, status: 503 }], silent: 0.01 }
  }
})

const price = { input: 1, output: 4 }

export const routed = (options: Partial<Contender.RouterOptions> = {}) =>
  Contender.router({
    targets: [
      { id: "a", price, limits: { maxInFlight: 20 } },
      { id: "b", price }
    ],
    strategy: random,
    timeouts: { attempt: "5 seconds", firstContent: "4 seconds" },
    defaults: { hedge: { minSamples: 20 } },
    ...options
  })

export const plain = Contender.plain({ targets: [{ id: "a" }, { id: "b" }], pick: "weighted", timeout: "5 seconds" })
