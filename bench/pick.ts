/**
 * What does one decision cost? ns per `pick` of each strategy with 3 to 10,000 targets, while all may be picked and while one
 * in ten may not, and how much it grows with the targets. The baseline draws one random number and reads one list.
 *
 * The candidates are what a router has: instances of a class whose numbers are the router's own averages, read anew at every
 * look. Streams have shown them all, and one in ten fails now and then.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import {
  type Candidate,
  Ewma,
  type Gate,
  PromptPrefix,
  RouteRequest,
  type Strategy,
  SuccessRate,
  Target
} from "@spillway/core"
import { rng as seeded } from "@spillway/core/testing/Seeded"
import {
  Affinity,
  Bandit,
  Canary,
  Cheapest,
  EdfWeightedRoundRobin,
  Failover,
  InFlight,
  MostHeadroom,
  NearestRegion,
  PeakEwma,
  PowerOfTwo,
  PrefixCache,
  Rules,
  rank,
  SmoothWeightedRoundRobin,
  WeightedLeastConnections,
  WeightedRandom
} from "@spillway/strategies"
import { Effect, Exit, Scope } from "effect"
import { atMost, type Goal, type Report, type Row } from "./Report.ts"

/**
 * How a pick may grow with the targets, and so what it may cost with 1,000 of them. `O(k)`: not with the targets but with what it
 * looks at, choices or blocks of a prompt.
 */
type Growth = "O(1)" | "O(k)" | "O(log n)" | "O(n)"

const limits: Readonly<Record<Growth, number | undefined>> = {
  "O(1)": 50,
  "O(k)": undefined,
  "O(log n)": 100,
  "O(n)": undefined
}

const baseline: Strategy.Strategy = {
  name: "baseline",
  make: (candidates) =>
    Effect.succeed({ pick: (_request, _eligible, _now, rng) => candidates[Math.floor(rng() * candidates.length)] })
}

/** One line per strategy. */
const strategies: ReadonlyArray<readonly [name: string, growth: Growth, strategy: Strategy.Strategy<string>]> = [
  ["one draw and one read", "O(1)", baseline],
  ["power of two, default", "O(1)", PowerOfTwo.make()],
  ["power of two, peak EWMA", "O(1)", PowerOfTwo.make({ load: PeakEwma.load })],
  ["power of two, in flight", "O(1)", PowerOfTwo.make({ load: InFlight.load })],
  ["weighted random", "O(1)", WeightedRandom.make()],
  ["failover", "O(1)", Failover.make()],
  ["affinity", "O(1)", Affinity.make()],
  ["EDF weighted round robin", "O(log n)", EdfWeightedRoundRobin.make()],
  [
    "EDF by success rate",
    "O(log n)",
    EdfWeightedRoundRobin.make({ weightOf: (candidate, now) => candidate.target.weight * candidate.successRate(now) })
  ],
  ["most headroom", "O(k)", MostHeadroom.make()],
  ["bandit", "O(k)", Bandit.make()],
  ["nearest region", "O(1)", NearestRegion.make()],
  ["prefix cache, 8 blocks", "O(k)", PrefixCache.make()],
  ["canary", "O(1)", Canary.make({ name: "bench", variants: { next: { share: 0.1, targets: ["t0"] } } })],
  ["rules", "O(1)", Rules.make([{ when: { tags: { job: "batch" } }, only: { targets: ["t0"] } }])],
  ["rank, two measures", "O(k)", rank([{ of: ({ inFlight }) => inFlight }, { of: (one, now) => one.latency(now) }])],
  ["cheapest", "O(n)", Cheapest.make()],
  ["smooth weighted round robin", "O(n)", SmoothWeightedRoundRobin.make()],
  ["weighted least connections", "O(n)", WeightedLeastConnections.make()]
]

const sizes = [3, 10, 100, 1000, 10_000] as const
const columns = ["all eligible", "10 % out"] as const
type Column = (typeof columns)[number]

class Measured implements Candidate.Candidate {
  readonly target: Target.Target
  readonly since = Number.NEGATIVE_INFINITY
  inFlight: number
  isOut = false
  #latency = Ewma.make()
  #timeToFirstContent = Ewma.make()
  #timePerToken = Ewma.make()
  #success = SuccessRate.make()

  constructor(target: Target.Target, rng: Gate.Rng) {
    this.target = target
    this.inFlight = Math.floor(8 * rng())
    for (let now = 0; now < 1000; now += 100) {
      const tokens = 100 + 900 * rng()
      const first = 200 + 400 * rng()
      const perToken = 10 + 20 * rng()
      this.#latency.observe(first + tokens * perToken, now)
      this.#timeToFirstContent.observe(first, now)
      this.#timePerToken.observe(perToken, now)
    }
    if (rng() < 0.1) this.#success.observe(false, 1000)
  }

  latency(now: Gate.Millis): Gate.Millis | undefined {
    return this.#latency.value(now)
  }

  timeToFirstContent(now: Gate.Millis): Gate.Millis | undefined {
    return this.#timeToFirstContent.value(now)
  }

  timePerToken(now: Gate.Millis): Gate.Millis | undefined {
    return this.#timePerToken.value(now)
  }

  headroom(): undefined {
    return undefined
  }

  successRate(now: Gate.Millis): number {
    return this.#success.value(now)
  }

  verdict(): undefined {
    return undefined
  }
}

const candidatesOf = (n: number): ReadonlyArray<Measured> => {
  const rng = seeded(n)
  const specs = Array.from({ length: n }, (_, i) => ({ id: `t${i}`, client: i, weight: 1 + (i % 5) }))
  const candidates = Target.resolve("bench", specs, undefined).map((target) => new Measured(target, rng))
  // Every tenth, but never all of a few: of three the last.
  for (let i = n < 10 ? n - 1 : 9; i < n; i += 10) (candidates[i] as Measured).isOut = true
  return candidates
}

const isIn: Readonly<Record<Column, Strategy.Eligible>> = {
  "all eligible": () => true,
  "10 % out": (candidate) => !(candidate as Measured).isOut
}

/** Drawn beforehand and read in turn: what is measured is the strategy, not the generator. */
const drawn = Float64Array.from({ length: 65_537 }, seeded(1))
let draws = 0
const rng: Gate.Rng = () => {
  draws = draws === drawn.length - 1 ? 0 : draws + 1
  return drawn[draws] as number
}

/** Many keys, for strategies that look at them. */
const requests = Array.from({ length: 256 }, (_, i) => {
  const promptPrefix = PromptPrefix.of([`conversation ${i} `.repeat(8 * 17)])
  promptPrefix.blocks()
  return RouteRequest.make({ affinityKey: `conversation-${i}`, promptPrefix })
})

class Cell {
  readonly picker: Strategy.Picker
  readonly eligible: Strategy.Eligible
  readonly samples: Array<number> = []
  #now: Gate.Millis = 1000
  #batch = 64

  constructor(picker: Strategy.Picker, eligible: Strategy.Eligible, candidates: number) {
    this.picker = picker
    this.eligible = eligible
    // Every candidate seen several times, unless that takes long; one batch well above the clock's step.
    const enough = 10 * candidates
    for (let spent = 0, picks = 0; picks < enough && spent < 200_000; picks += 256) spent += this.run(256)
    while (this.run(this.#batch) < 5000) this.#batch *= 2
  }

  sample(): void {
    this.samples.push((this.run(this.#batch) * 1000) / this.#batch)
  }

  /** µs of CPU for `picks` of them. */
  run(picks: number): number {
    const { eligible } = this
    const { pick } = this.picker
    let now = this.#now
    const before = process.cpuUsage()
    for (let i = 0; i < picks; i++) {
      now += 0.0003
      pick(requests[i & 255] as RouteRequest.RouteRequest, eligible, now, rng)
    }
    const { system, user } = process.cpuUsage(before)
    this.#now = now
    return user + system
  }

  get nanos(): number {
    const sorted = this.samples.toSorted((a, b) => a - b)
    return sorted[sorted.length >> 1] ?? Number.NaN
  }
}

const rounds = 9

/** ns per pick by size and column, of one strategy. */
type Nanos = Readonly<Record<string, number>>
const key = (n: number, column: Column) => `${n}, ${column}`

/** All cells of one strategy, in turns, so that whatever else the machine does hits all of them. */
const measureStrategy = (index: number): Nanos => {
  const [name, , strategy] = strategies[index] ?? []
  if (strategy === undefined) throw new Error(`No strategy ${index} (${name})`)
  const scope = Effect.runSync(Scope.make())
  const cells = new Map<string, Cell>()
  for (const n of sizes) {
    const candidates = candidatesOf(n)
    for (const column of columns) {
      const picker = Effect.runSync(Scope.provide(strategy.make(candidates), scope))
      cells.set(key(n, column), new Cell(picker, isIn[column], n))
    }
  }
  for (let round = 1; round <= rounds; round++) for (const cell of cells.values()) cell.sample()
  Effect.runSync(Scope.close(scope, Exit.void))
  return Object.fromEntries([...cells].map(([at, { nanos }]) => [at, nanos]))
}

/** A process has one strategy, as applications have: several in one measure what the compiler makes of their mixture. */
const inItsProcess = (index: number): Promise<Nanos> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ["--strategy", String(index)], { execArgv: process.execArgv })
    child.once("message", (measured) => resolve(measured as Nanos))
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`the process of strategy ${index} ended with ${code}`)))
  })

export const pick = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const all: Array<Nanos> = []
  for (let i = 0; i < strategies.length; i++) {
    all.push(await inItsProcess(i))
    progress(i + 1, strategies.length)
  }
  const nanos = (i: number, n: number, column: Column) => all[i]?.[key(n, column)] ?? Number.NaN
  const rows: Array<Row> = []
  const goals: Array<Goal> = []
  for (const [i, [name, growth]] of strategies.entries()) {
    for (const column of columns) {
      for (const n of sizes) {
        const value = nanos(i, n, column)
        rows.push({
          case: name,
          metric: `${n} targets, ${column}`,
          value,
          unit: "ns",
          ratio: value / nanos(0, n, column)
        })
      }
      const value = nanos(i, 10_000, column) / nanos(i, 10, column)
      const metric = `10,000 over 10 targets (${growth}), ${column}`
      rows.push({ case: name, metric, value, unit: "times", ratio: null })
      const limit = limits[growth]
      if (limit !== undefined && i > 0) {
        goals.push(atMost(`ns per pick of 1,000 targets, ${name}, ${column}`, nanos(i, 1000, column), limit))
      }
    }
  }
  return { name: "pick", node: process.versions.node, rows, goals }
}

const [flag, index] = process.argv.slice(2)
if (flag === "--strategy") process.send?.(measureStrategy(Number(index)), () => process.exit(0))
