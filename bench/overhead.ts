/**
 * What does one routed unary call cost on top of the call itself? Weighted pick, rate limit, bulkhead, breaker, cooldown,
 * retry, retry budget, deadline and an empty queue, without a telemetry SDK; beside it the same call through `cockatiel`
 * (retry, breaker, bulkhead, timeout) and through `ExecutionPlan` of Effect. Then everything that can be switched on, a
 * failover, and a call that an open breaker refuses, beside the bare making of the error it is given.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { createRouter, RouteError, Shedder, type Target } from "@spillway/core"
import { SmoothWeightedRoundRobin } from "@spillway/strategies"
import * as cockatiel from "cockatiel"
import { Context, Effect, ExecutionPlan, Layer } from "effect"
import { type Case, type Measured, measure } from "./Measure.ts"
import { atMost, type Report, type Row } from "./Report.ts"

const answer = async (): Promise<number> => 42
const answerEffect = Effect.promise(answer)

const targets = (n: number) =>
  [5, 3, 2].slice(0, n).map((weight, i) => ({
    id: `t${i}`,
    client: answer,
    weight,
    // A limit that is looked at and never reached.
    limits: { requestsPerMinute: 1e12, burst: 1e9 }
  })) satisfies ReadonlyArray<Target.TargetSpec>

const router = (n: number) => createRouter({ targets: targets(n), strategy: SmoothWeightedRoundRobin.make() })

/** Every part of the default pipeline and every service of the defaults, switched on as they come. */
const wholePipeline = () =>
  createRouter({
    targets: targets(3),
    strategy: SmoothWeightedRoundRobin.make(),
    hedge: {},
    shed: () => Shedder.make(),
    admission: {},
    degradation: {},
    cache: {}
  })

/** Limits of tokens and money, headroom, an adaptive bulkhead, ejection, hedging, load shedding, a cache: all of it. */
const everything = () =>
  createRouter({
    targets: targets(3).map((target) => ({
      ...target,
      price: { input: 1, output: 4 },
      limits: { requestsPerMinute: 1e12, burst: 1e9, tokensPerMinute: 1e12, usdPerDay: 1e9 }
    })),
    strategy: SmoothWeightedRoundRobin.make(),
    gates: { adaptive: true, ejection: {}, headroom: { share: 0.3, shedding: "accepted" } },
    hedge: {},
    shed: () => Shedder.make(),
    cache: {}
  })

/** Made once: what it costs a provider to make an error is not the router's. */
const down = new Error("down")
/** Rejects when somebody listens, as a request over a network does: a promise that is born rejected costs Node more. */
const failing = () => new Promise<number>((_, reject) => queueMicrotask(() => reject(down)))

/** The first target fails each time; its breaker is off, so that it is asked each time. */
const failingOver = () =>
  createRouter({
    targets: [
      { id: "broken", client: failing },
      { id: "works", client: answer }
    ],
    strategy: {
      name: "in-order",
      make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
    },
    gates: { breaker: false },
    retry: { budget: { ratio: 1, minPerSecond: 1e6 } }
  })

/** Its breaker stays open for longer than any call may wait. */
const opened = async () => {
  const router = createRouter({
    targets: [{ id: "broken", client: failing }],
    strategy: SmoothWeightedRoundRobin.make(),
    gates: { breaker: { openFor: "1 hour", maxOpenFor: "1 hour" } },
    retry: { maxAttempts: 1 }
  })
  for (let i = 0; i < 5; i++) await swallowed(() => router.route(({ client }) => client()))
  return router
}

const swallowed = (call: () => Promise<unknown>): Promise<unknown> => call().catch(ignore)
const ignore = () => {}

/** What a refused call is answered with, made and rejected by hand. */
const refusal = () =>
  Promise.reject(
    new RouteError.RouteError({
      reason: new RouteError.NoCandidate({
        exclusions: [new RouteError.Exclusion({ target: "broken", reason: "BreakerOpen", retryInMs: 3_600_000 })]
      }),
      attempts: [],
      retryAfterMs: 3_600_000
    })
  )

const awaited = (name: string, call: () => Promise<unknown>): Case => ({
  name,
  run: async (n) => {
    for (let i = 0; i < n; i++) await call()
  }
})

/** Calls one after another in one fiber, as Effect code would make them. */
const inFiber = (name: string, call: Effect.Effect<unknown, unknown>): Case => ({
  name,
  run: (n) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* call
      })
    )
})

const policy = () =>
  cockatiel.wrap(
    cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2, backoff: new cockatiel.ExponentialBackoff() }),
    cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 5000,
      breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 })
    }),
    cockatiel.bulkhead(100),
    cockatiel.timeout(120_000, cockatiel.TimeoutStrategy.Cooperative)
  )

/** Cockatiel has no targets: one policy each, and the weighted choice is the application's. */
const withCockatiel = (n: number) => {
  const policies = targets(n).map(() => policy())
  const wheel = [0, 1, 2, 0, 0, 1, 0, 2, 1, 0].map((i) => policies[i % n])
  let turn = 0
  return () => wheel[turn++ % wheel.length]?.execute(answer) ?? Promise.reject(new Error("no policy"))
}

class Client extends Context.Service<Client, () => Promise<number>>()("bench/Client") {}

const plan = ExecutionPlan.make(
  { provide: Layer.succeed(Client, answer), attempts: 3 },
  { provide: Layer.succeed(Client, answer) },
  { provide: Layer.succeed(Client, answer) }
)

/**
 * What is measured together, in a process of its own each: an application has one kind of router, and code that has seen six
 * kinds in one process is compiled for none of them.
 */
const groups: Readonly<Record<string, () => Promise<ReadonlyArray<Case>>>> = {
  plain: async () => {
    const one = router(1)
    const three = router(3)
    return [
      awaited("bare", answer),
      awaited("spillway, 1 target", () => one.route(answer)),
      awaited("spillway, 3 targets", () => three.route(answer)),
      awaited("cockatiel, 1 policy", withCockatiel(1)),
      awaited("cockatiel, 3 policies", withCockatiel(3)),
      inFiber("bare in a fiber", answerEffect),
      inFiber(
        "spillway in a fiber, 3 targets",
        Effect.suspend(() => three.router.route(undefined, () => answerEffect))
      ),
      inFiber(
        "ExecutionPlan in a fiber, 3 steps",
        Client.use((client) => Effect.promise(client)).pipe(Effect.withExecutionPlan(plan))
      )
    ]
  },
  whole: async () => {
    const whole = wholePipeline()
    return [awaited("bare", answer), awaited("spillway, whole default pipeline on", () => whole.route(answer))]
  },
  everything: async () => {
    const full = everything()
    const estimated = { estimatedTokens: { input: 100, output: 50 } }
    return [awaited("bare", answer), awaited("spillway, every gate there is", () => full.route(answer, estimated))]
  },
  failover: async () => {
    const failover = failingOver()
    return [awaited("bare", answer), awaited("spillway, failover", () => failover.route(({ client }) => client()))]
  },
  refused: async () => {
    const closed = await opened()
    return [
      awaited("bare", answer),
      awaited("refused by an open breaker", () => swallowed(() => closed.route(({ client }) => client()))),
      awaited("the bare refusal", () => swallowed(refusal))
    ]
  }
}

/** One group, in this process; for the process that runs them all. */
const measureGroup = async (name: string): Promise<void> => {
  const cases = await groups[name]?.()
  if (cases === undefined) throw new Error(`No group named ${name}`)
  const measured = await measure(cases, name === "plain" ? {} : { rounds: 9 })
  process.send?.(measured, () => process.exit(0))
}

const inItsProcess = (name: string): Promise<ReadonlyArray<Measured>> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ["--group", name], { execArgv: process.execArgv })
    child.once("message", (measured) => resolve(measured as ReadonlyArray<Measured>))
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`the process of ${name} ended with ${code}`)))
  })

export const overhead = async (progress: (done: number, of: number) => void): Promise<Report> => {
  const names = Object.keys(groups)
  const rows: Array<Row> = []
  const ratios = new Map<string, number>()
  const entries = new Map<string, Measured>()
  for (const [i, name] of names.entries()) {
    const measured = await inItsProcess(name)
    const of = (name: string) => measured.find((entry) => entry.name === name) ?? fail(name)
    for (const entry of measured) {
      if (entry.name === "bare" && i > 0) continue
      const baseline = of(entry.name.includes("in a fiber") ? "bare in a fiber" : "bare")
      const ratio = entry.micros / baseline.micros
      rows.push({ case: entry.name, metric: "cpu", value: entry.micros, unit: "µs/call", ratio })
      rows.push({ case: entry.name, metric: "allocated", value: entry.bytes, unit: "B/call", ratio: null })
      ratios.set(entry.name, entry.micros / of("bare").micros)
      entries.set(entry.name, entry)
    }
    progress(i + 1, names.length)
  }
  const times = (name: string): number => ratios.get(name) ?? fail(name)
  const of = (name: string): Measured => entries.get(name) ?? fail(name)
  return {
    name: "overhead",
    node: process.versions.node,
    rows,
    goals: [
      atMost("routed call, times the bare awaited call", times("spillway, 3 targets"), 40),
      atMost(
        "routed call with the whole default pipeline on, times the bare awaited call",
        times("spillway, whole default pipeline on"),
        60
      ),
      atMost("routed call in a fiber, times the bare awaited call", times("spillway in a fiber, 3 targets"), 60),
      atMost("failover, times the bare awaited call", times("spillway, failover"), 100),
      atMost(
        "µs of a refusal by an open breaker on top of the error it gives",
        of("refused by an open breaker").micros - of("the bare refusal").micros,
        1
      ),
      atMost("bytes allocated per routed call", of("spillway, 3 targets").bytes, 6000),
      atMost(
        "routed call, share of cockatiel with three targets",
        of("spillway, 3 targets").micros / of("cockatiel, 3 policies").micros,
        1 / 3
      )
    ]
  }
}

const fail = (name: string): never => {
  throw new Error(`No case named ${name}`)
}

const group = process.argv.indexOf("--group")
if (group >= 0) await measureGroup(process.argv[group + 1] ?? "")
