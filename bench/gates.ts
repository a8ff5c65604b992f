/**
 * What does one question to a gate cost? ns per `peek`, `admit` and `settle` of each gate with its defaults, while it admits
 * and, where it can be closed for good, while it refuses. The baseline is a gate that does nothing.
 */
import {
  AdaptiveBulkhead,
  AdmissionControl,
  Breaker,
  Bulkhead,
  ClientThrottle,
  Cooldown,
  type Cost,
  Ejection,
  Gate,
  Headroom,
  MultiLimit,
  Outcome,
  RateLimit,
  Shedder,
  SlidingWindow
} from "@spillway/core"
import { atMost, type Goal, type Report, type Row } from "./Report.ts"

const cost: Cost.Cost = { requests: 1, tokens: 100, outputTokens: 50, priority: "P1", reason: "primary" }
const rng = () => 0.5
const measured: Gate.Measured = {
  ms: 900,
  firstContentMs: 300,
  inputTokens: 50,
  outputTokens: 50,
  limits: undefined
}

const nothing: Gate.Gate = {
  name: "nothing",
  peek: () => undefined,
  admit: () => ({ settled: false }),
  settle: () => Gate.noEvents,
  snapshot: () => ({ state: "open" }),
  restore: () => {}
}

const generous = 1_000_000_000

const makers: ReadonlyArray<readonly [string, () => Gate.Gate]> = [
  ["nothing", () => nothing],
  ["cooldown", () => Cooldown.make()],
  ["rate limit", () => RateLimit.make({ requestsPerMinute: generous, burst: generous })],
  ["sliding window", () => SlidingWindow.make({ limit: generous, window: "1 minute" })],
  [
    "multi-limit, 4 resources",
    () =>
      MultiLimit.make({
        requestsPerMinute: generous,
        tokensPerMinute: generous,
        maxInFlight: 1_000_000,
        usdPerDay: generous,
        price: { input: 1, output: 4 }
      })
  ],
  ["bulkhead", () => Bulkhead.make({ maxInFlight: 1_000_000 })],
  ["adaptive bulkhead", () => AdaptiveBulkhead.make({ initial: 200, max: 200 })],
  ["headroom", () => Headroom.make({ capacity: 1_000_000 })],
  ["breaker", () => Breaker.make()],
  ["ejection", () => Ejection.make().gateFor({ id: "a" })],
  ["shedder", () => Shedder.make()],
  ["client throttle", () => ClientThrottle.make({ protection: generous })],
  ["admission control", () => AdmissionControl.make()]
]

/** Permits held at once: enough to time, few enough to stay in the processor's cache. */
const batch = 500

interface Nanos {
  readonly peek: number
  readonly admit: number
  readonly settle: number
}

/** CPU time of one batch of each question, ns per question. A gate that refuses all is not settled: NaN. */
const round = (gate: Gate.Gate, start: number): Nanos => {
  const held: Array<object> = []
  let now = start
  const tick = () => {
    now += 0.001
    return now
  }
  const peek = timed(() => {
    for (let i = 0; i < batch; i++) gate.peek(tick(), cost)
  })
  const admit = timed(() => {
    for (let i = 0; i < batch; i++) {
      const permit = gate.admit(tick(), cost, rng)
      if (!Gate.isReject(permit)) held.push(permit)
    }
  })
  const settle = timed(() => {
    for (const permit of held) gate.settle(permit, Outcome.success, tick(), measured)
  })
  return { peek, admit, settle: held.length === 0 ? Number.NaN : (settle * batch) / held.length }
}

const timed = (body: () => void): number => {
  const before = process.cpuUsage()
  body()
  const { system, user } = process.cpuUsage(before)
  return ((user + system) * 1000) / batch
}

/** Mean over many rounds: one batch is close to the clock's own step. */
const mean = (gate: Gate.Gate, rounds: number): Nanos => {
  const sum = { peek: 0, admit: 0, settle: 0 }
  let settled = 0
  for (let i = 0; i < rounds; i++) {
    const one = round(gate, i)
    sum.peek += one.peek
    sum.admit += one.admit
    if (Number.isNaN(one.settle)) continue
    sum.settle += one.settle
    settled++
  }
  return { peek: sum.peek / rounds, admit: sum.admit / rounds, settle: sum.settle / settled }
}

const opened = (): Gate.Gate => {
  const gate = Breaker.make({ openFor: "1 hour", maxOpenFor: "1 hour" })
  for (let i = 0; i < 100; i++) {
    const permit = gate.admit(0, cost, rng)
    if (!Gate.isReject(permit)) gate.settle(permit, Outcome.failure("Overloaded"), 0)
  }
  return gate
}

export const gates = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const all: ReadonlyArray<readonly [string, () => Gate.Gate]> = [...makers, ["open breaker", opened]]
  const results = all.map(([name, make], i) => {
    const gate = make()
    mean(gate, 200) // warm
    const nanos = mean(gate, 600)
    progress(i + 1, all.length)
    return { name, nanos }
  })
  const baseline = results[0]?.nanos
  const rows = results.flatMap(({ name, nanos }) =>
    (["peek", "admit", "settle"] as const)
      .filter((metric) => !Number.isNaN(nanos[metric]))
      .map(
        (metric): Row => ({
          case: name,
          metric,
          value: nanos[metric],
          unit: "ns",
          ratio: baseline === undefined ? null : nanos[metric] / baseline[metric]
        })
      )
  )
  const goals: Array<Goal> = results
    .filter(({ nanos }) => !Number.isNaN(nanos.settle))
    .map(({ name, nanos }) =>
      atMost(`ns of peek, admit and settle, ${name}`, nanos.peek + nanos.admit + nanos.settle, 1500)
    )
  const refusal = results.find(({ name }) => name === "open breaker")?.nanos.admit ?? Number.NaN
  goals.push(atMost("ns of a refusal by an open breaker", refusal, 200))
  return { name: "gates", node: process.versions.node, rows, goals }
}
