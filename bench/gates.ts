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
import { type Case, measure } from "./Measure.ts"
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
  ["client throttle", () => ClientThrottle.make()],
  ["admission control", () => AdmissionControl.make()]
]

/** One admission at a time, a microsecond apart, settled at once: so `admit` and `settle` are measured as a pair. */
const admitAndSettle = (gate: Gate.Gate): ((n: number) => void) => {
  let now = 0
  return (n) => {
    for (let i = 0; i < n; i++) {
      now += 0.001
      const permit = gate.admit(now, cost, rng)
      if (!Gate.isReject(permit)) gate.settle(permit, Outcome.success, now, measured)
    }
  }
}

const peekOnly = (gate: Gate.Gate): ((n: number) => void) => {
  let now = 0
  let closed = 0
  return (n) => {
    for (let i = 0; i < n; i++) {
      now += 0.001
      if (gate.peek(now, cost) !== undefined) closed++
    }
    if (closed < 0) throw new Error("unreachable: keeps the loop from being removed")
  }
}

/** Admissions kept, then given back: the difference to the pair is not needed, both are shown. */
const admitOnly = (gate: Gate.Gate): ((n: number) => void) => {
  let now = 0
  return (n) => {
    const held: Array<object> = []
    for (let i = 0; i < n; i++) {
      now += 0.001
      const permit = gate.admit(now, cost, rng)
      if (Gate.isReject(permit)) continue
      held.push(permit)
      if (held.length < 64) continue
      for (const one of held) gate.settle(one, Outcome.ignored, now)
      held.length = 0
    }
    for (const one of held) gate.settle(one, Outcome.ignored, now)
  }
}

const opened = (): Gate.Gate => {
  const gate = Breaker.make({ openFor: "1 hour", maxOpenFor: "1 hour" })
  for (let i = 0; i < 100; i++) {
    const permit = gate.admit(0, cost, rng)
    if (!Gate.isReject(permit)) gate.settle(permit, Outcome.failure("Overloaded"), 0)
  }
  return gate
}

/** Calls per turn of the measure: one gate operation is too short to be timed alone. */
const batch = 100

const batched = (name: string, run: (n: number) => void): Case => ({
  name,
  run: async (n) => {
    for (let i = 0; i < n; i++) run(batch)
  }
})

export const gates = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const cases = [
    ...makers.flatMap(([name, make]) => [
      batched(`${name}: peek`, peekOnly(make())),
      batched(`${name}: admit`, admitOnly(make())),
      batched(`${name}: admit + settle`, admitAndSettle(make()))
    ]),
    batched("open breaker: peek", peekOnly(opened())),
    batched("open breaker: admit", admitAndSettle(opened()))
  ]
  const results = await measure(cases, { progress, rounds: 9, slice: 10, warm: 2000, batches: 0 })
  const nanos = (name: string): number =>
    ((results.find((entry) => entry.name === name)?.micros ?? Number.NaN) * 1000) / batch
  const rows = results.map((entry): Row => {
    const [, metric = ""] = entry.name.split(": ")
    const baseline = nanos(`nothing: ${metric}`)
    return {
      case: entry.name,
      metric,
      value: nanos(entry.name),
      unit: "ns",
      ratio: Number.isNaN(baseline) ? null : nanos(entry.name) / baseline
    }
  })
  const goals: Array<Goal> = makers.map(([name]) =>
    atMost(`ns of admit + settle, ${name}`, nanos(`${name}: admit + settle`), 1000)
  )
  goals.push(atMost("ns of a refusal by an open breaker", nanos("open breaker: admit"), 100))
  return { name: "gates", node: process.versions.node, rows, goals }
}
