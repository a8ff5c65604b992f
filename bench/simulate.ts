/**
 * How long does a simulated day of 15 million calls take on one core? Diurnal load on four targets behind the default pipeline
 * and `PowerOfTwo`: one provider fails for ten minutes, one is slow for an hour, one has a rate limit that the peak touches.
 * The day is one run; `SIMULATE_SHARE=0.01` runs 1 % of its hours, from half past eight on, when there are about as many calls
 * as on the mean of the day. `SIMULATE_STREAMED=0.3` streams three calls in ten, which costs more: a fiber per part.
 */

import { Contender, type Scenario, Simulation } from "@spillway/core/testing"
import { PowerOfTwo } from "@spillway/strategies"
import { Effect } from "effect"
import { atMost, type Report } from "./Report.ts"

const callsPerDay = 15_000_000
const day = 86_400_000

const scenarioOf = (share: number, streamed: number): Scenario.Scenario => {
  const part = share < 1
  return {
    name: `${part ? `${Number((share * 100).toPrecision(3))} % of a day` : "a day"}, ${streamed * 100} % streamed`,
    startsAt: part ? "2024-01-01T08:30:00Z" : "2024-01-01T00:00:00Z",
    duration: Math.round(day * share),
    traffic: [
      {
        name: "chat",
        arrivals: { kind: "diurnal", perSecond: callsPerDay / 86_400, peakToMean: 2, peakHour: 14 },
        streamed,
        deadline: "1 minute",
        tenants: 100,
        tokens: {
          input: { kind: "lognormal", median: 600, p95: 4000 },
          output: { kind: "lognormal", median: 80, p95: 400 }
        }
      }
    ],
    providers: {
      a: {
        latency: { firstContent: { kind: "lognormal", median: 350, p95: 900 }, perToken: 4 },
        capacity: { concurrency: 400 },
        errors: [{ rate: 0.002, status: 500 }],
        events: [{ kind: "outage", from: Math.round(day * share * 0.5), lasting: Math.round(day * share * 0.007) }]
      },
      b: {
        latency: { firstContent: { kind: "lognormal", median: 400, p95: 1200 }, perToken: 5 },
        errors: [{ rate: 0.001, status: 503 }],
        events: [
          {
            kind: "brownOut",
            from: Math.round(day * share * 0.7),
            lasting: Math.round(day * share * 0.04),
            latencyFactor: 4,
            errorRate: 0.05
          }
        ]
      },
      c: {
        latency: { firstContent: { kind: "lognormal", median: 300, p95: 700 }, perToken: 3 },
        capacity: { requestsPerMinute: 4000 }
      },
      d: { latency: { firstContent: { kind: "lognormal", median: 600, p95: 2000 }, perToken: 6 }, silent: 0.0001 }
    }
  }
}

const price = { input: 0.5, output: 2 }
/** As much as the providers take: at the peak nearly four hundred calls are under way. */
const limits = { maxInFlight: 400 }
const contender = () =>
  Contender.router({
    targets: [
      { id: "a", weight: 5, price, limits },
      { id: "b", weight: 3, price, limits },
      { id: "c", weight: 2, price, limits: { ...limits, requestsPerMinute: 4000 } },
      { id: "d", weight: 1, price, limits }
    ],
    strategy: PowerOfTwo.make()
  })

export const simulate = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const share = Number(process.env["SIMULATE_SHARE"] ?? 1)
  const streamed = Number(process.env["SIMULATE_STREAMED"] ?? 0)
  const startedAt = process.cpuUsage()
  let told = 0
  const result = await Effect.runPromise(
    Simulation.run(scenarioOf(share, streamed), contender(), {
      onProgress: (done) => {
        if (Math.floor(done * 20) > told) progress(++told, 20)
      }
    })
  )
  const { system, user } = process.cpuUsage(startedAt)
  const { overall, run } = result
  const micros = (user + system) / run.calls
  const row = (metric: string, value: number, unit: string) => ({
    case: result.scenario,
    metric,
    value,
    unit,
    ratio: null
  })
  return {
    name: "simulate",
    node: process.versions.node,
    rows: [
      row("calls", run.calls, ""),
      row("cpu", (user + system) / 1e6, "s"),
      row("cpu", micros, "µs/call"),
      row("events", run.events / run.calls, "/call"),
      row("attempts", run.attempts / run.calls, "/call"),
      row("availability", (overall.availability ?? 0) * 100, "%"),
      row("p99", overall.latency.p99 ?? 0, "ms")
    ],
    goals: [atMost("seconds of one core for 15 million calls", (micros * callsPerDay) / 1e6, 600)]
  }
}
