/**
 * The op-budget sweep: a reader that yields after every few operations is interrupted after 0, 1, 2, … yields, so that the
 * interruption falls between any two operations once. Whatever it hits: the others get their answer, and nothing is left.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Random, Scheduler, Scope, Stream } from "effect"
import type * as ResponseCache from "../../src/policies/ResponseCache.ts"
import * as ManualClock from "../router/support/ManualClock.ts"
import { cache, counted, countedStream, key, mapStore, type Upstream, upstream } from "./ResponseCacheSupport.ts"

const a = key("a")
/** Operations between two yields. Beyond twenty there is next to nothing that is not in one turn. */
const budgets = [...Array.from({ length: 9 }, (_, i) => i + 3), 14, 18, 24, 64]
const yields = (n: number) => Effect.repeat(Effect.yieldNow, { times: n })
const parts = [1, 2, 3, 4]

interface World {
  readonly answers: ResponseCache.Service
  readonly runs: Upstream
}
type Reader = (world: World) => Effect.Effect<unknown, unknown>

const get =
  (lookup: Effect.Effect<string, string> = Effect.as(yields(5), "new")): Reader =>
  ({ answers, runs }) =>
    Effect.map(answers.get(a, counted(runs, lookup)), ({ value }) => value)

const slowly: Stream.Stream<number, string> = Stream.mapEffect(Stream.rechunk(Stream.fromArray(parts), 1), (i) =>
  Effect.as(yields(1), i)
)
const stream =
  (
    source: Stream.Stream<number, string> = slowly,
    read: (stream: Stream.Stream<number, unknown>) => Effect.Effect<unknown, unknown> = Stream.runCollect
  ): Reader =>
  ({ answers, runs }) =>
    read(answers.stream(a, countedStream(runs, source)))

interface Scenario {
  readonly options?: ResponseCache.Options
  /** With a store behind the memory that takes a few turns for everything. */
  readonly store?: boolean
  /** Age of an answer `old` that is there already. */
  readonly old?: number
  /** Who is interrupted. */
  readonly subject: Reader
  /** Who is not: begun before the subject, and after it. What they must come to. */
  readonly before?: ReadonlyArray<Reader>
  readonly after?: ReadonlyArray<Reader>
  readonly answer?: unknown
  /** Goes on although nobody waits for it. */
  readonly background?: boolean
  /** False: its readers may come too late for the run of the first. Default: one run for all of them. */
  readonly once?: boolean
  /** The subject never ends by itself. */
  readonly hangs?: boolean
}

const stored = { ttl: 1000, staleFor: 1000, staleIfError: 5000 }
const heavy = { weigh: () => 1, maxEntryWeight: 2, maxStall: "1 hour" } as const
const slowReader = (stream: Stream.Stream<number, unknown>) => {
  const read: Array<number> = []
  return Effect.as(
    Stream.runForEach(stream, (part) =>
      Effect.andThen(
        yields(2),
        Effect.sync(() => read.push(part))
      )
    ),
    read
  )
}

const scenarios: Record<string, Scenario> = {
  "a call alone": { subject: get() },
  "a call that is answered at once": { subject: get(Effect.succeed("new")) },
  "a call that hangs": { hangs: true, subject: get(Effect.never) },
  "a call that fails": { subject: get(Effect.andThen(yields(3), Effect.fail("down"))) },
  "a call whose run is slow to stop": { hangs: true, subject: get(Effect.onInterrupt(Effect.never, () => yields(5))) },
  "a call whose run does not listen": { subject: get(Effect.uninterruptible(Effect.as(yields(5), "new"))) },
  "who began the run": { subject: get(), after: [get(), get()], answer: "new" },
  "who joined the run": { before: [get()], subject: get(), after: [get()], answer: "new" },
  "a hit": { subject: get(Effect.die("asked")), old: 0 },
  "who is given an old answer": { options: stored, old: 1500, subject: get(), background: true },
  "who is given an old answer for an error": {
    options: stored,
    old: 3000,
    subject: get(Effect.andThen(yields(3), Effect.fail("down"))),
    after: [get()],
    answer: "old"
  },
  "a call with a store": { store: true, subject: get() },
  "who began a run with a store": { store: true, subject: get(), after: [get()], answer: "new" },
  "a stream alone": { subject: stream() },
  "a stream that is there at once": { subject: stream(Stream.fromArray(parts)) },
  "a stream that hangs": { hangs: true, subject: stream(Stream.concat(slowly, Stream.never)) },
  "a stream that fails": { subject: stream(Stream.concat(slowly, Stream.fail("down"))) },
  "a stream that is slow to close": { subject: stream(Stream.ensuring(slowly, yields(5))) },
  "a reader that leaves early": { subject: stream(slowly, (stream) => Stream.runDrain(Stream.take(stream, 2))) },
  "who began a stream": { subject: stream(), after: [stream(), stream(slowly, slowReader)], answer: parts },
  "who joined a stream": { before: [stream()], subject: stream(), after: [stream()], answer: parts },
  "a slow reader": { before: [stream()], subject: stream(slowly, slowReader), answer: parts },
  "a reader with a buffer": {
    before: [stream()],
    subject: stream(slowly, (stream) => Stream.runDrain(Stream.buffer(stream, { capacity: 1 }))),
    answer: parts
  },
  "who reads a heavy answer": { options: heavy, subject: stream(slowly, slowReader) },
  "who reads a heavy answer with others": {
    options: heavy,
    once: false,
    before: [stream()],
    subject: stream(slowly, slowReader),
    after: [stream(slowly, slowReader)],
    answer: parts
  },
  "who began a stream with a store": { store: true, subject: stream(), after: [stream()], answer: parts }
}

/** A cache in which the scenario's old answer is as old as it has to be. */
const make = (scenario: Scenario, time: ManualClock.ManualClock, scope: Scope.Scope) =>
  Effect.gen(function* () {
    const { store } = mapStore(() => time.currentTimeMillisUnsafe())
    const slowStore: ResponseCache.StoreShape = {
      get: (slot) => Effect.andThen(yields(2), store.get(slot)),
      set: (slot, entry, keepMs) => Effect.andThen(yields(2), store.set(slot, entry, keepMs)),
      delete: store.delete,
      deletePrefix: store.deletePrefix
    }
    const made = cache(scenario.options, scenario.store === true ? slowStore : undefined)
    const answers = yield* Scope.provide(made, scope)
    if (scenario.old !== undefined) {
      yield* answers.get(a, Effect.succeed("old"))
      time.advance(scenario.old)
    }
    return { answers, runs: upstream() }
  })

/** Yields after which nothing new happens. */
const most = (scenario: Scenario): number => (scenario.hangs === true ? 30 : 150)

const settled = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  Effect.gen(function* () {
    for (let i = 0; i < 5000 && fibers.some((fiber) => fiber.pollUnsafe() === undefined); i++) yield* Effect.yieldNow
  })

/** Where in the subject's life it falls: after `k` yields. True when it was over before. */
const sweep = (
  scenario: Scenario,
  what: (world: World, subject: Fiber.Fiber<unknown, unknown>) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const time = ManualClock.make()
    const problems: Array<string> = []
    for (const ops of budgets) {
      for (let k = 0, over = false; k <= most(scenario) && !over && problems.length === 0; k++) {
        const scope = Scope.makeUnsafe()
        const world = yield* make(scenario, time, scope)
        const fork = (reader: Reader) => Effect.forkChild(reader(world), { startImmediately: true })
        const rest: Array<Fiber.Fiber<unknown, unknown>> = []
        yield* Effect.gen(function* () {
          for (const reader of scenario.before ?? []) rest.push(yield* fork(reader))
          const subject = yield* fork(scenario.subject)
          for (const reader of scenario.after ?? []) rest.push(yield* fork(reader))
          for (let i = 0; i < k; i++) yield* Effect.yieldNow
          over = subject.pollUnsafe() !== undefined
          yield* what(world, subject)
        }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops))
        const found = yield* lost(scenario, world, rest)
        yield* Scope.close(scope, Exit.void)
        if (world.runs.started !== world.runs.ended) found.push("a run outlived the cache")
        problems.push(...found.map((problem) => `${ops} operations, ${k} yields: ${problem}`))
      }
    }
    return problems
  }).pipe(Random.withSeed("sweep"))

const lost = (scenario: Scenario, { answers, runs }: World, rest: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  Effect.gen(function* () {
    const problems: Array<string> = []
    const snapshot = yield* answers.snapshot
    const waits = rest.some((fiber) => fiber.pollUnsafe() === undefined)
    // Writing to the store goes on for a moment; nobody waits for it.
    if (!waits && scenario.background !== true && scenario.store !== true && snapshot.inFlight !== 0) {
      problems.push(`${snapshot.inFlight} runs left although nobody waits`)
    }
    yield* settled(rest)
    for (let i = 0; i < 100 && (yield* answers.snapshot).inFlight > 0; i++) yield* Effect.yieldNow
    for (const [i, fiber] of rest.entries()) {
      const exit = fiber.pollUnsafe()
      if (exit === undefined) problems.push(`reader ${i} waits for ever`)
      else if (Exit.isFailure(exit)) problems.push(`reader ${i}: ${exit.cause}`)
      else if (JSON.stringify(exit.value) !== JSON.stringify(scenario.answer)) {
        problems.push(`reader ${i} got ${JSON.stringify(exit.value)}`)
      }
    }
    const after = yield* answers.snapshot
    if (after.inFlight !== 0) problems.push(`${after.inFlight} runs left`)
    if (runs.started !== runs.ended) problems.push(`${runs.started} runs began, ${runs.ended} ended`)
    if (rest.length > 0 && scenario.once !== false && runs.started > 1) {
      problems.push(`${runs.started} runs for readers who overlap`)
    }
    if (scenario.background === true && runs.started === 1 && runs.interrupted > 0)
      problems.push("the refresh was killed")
    // Whoever comes now is served, from memory or by a run of its own.
    const late = yield* Effect.forkChild(
      Effect.all([answers.get(a, Effect.succeed("late")), Stream.runDrain(answers.stream(a, Stream.make(1)))]),
      { startImmediately: true }
    )
    yield* settled([late])
    if (late.pollUnsafe()?._tag !== "Success") problems.push("nobody is served any more")
    return problems
  })

describe("an interruption between any two operations loses nothing", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(
      `of ${name}`,
      () =>
        Effect.gen(function* () {
          const problems = yield* sweep(scenario, (_world, subject) => Fiber.interrupt(subject))
          assert.deepStrictEqual(problems, [])
        }).pipe(Effect.provideService(Clock.Clock, ManualClock.make())),
      { timeout: 120_000 }
    )
  }
})

describe("an invalidation between any two operations costs nobody their answer", () => {
  for (const name of ["who began the run", "who joined the run", "who began a stream", "who joined a stream"]) {
    it.effect(
      name,
      () =>
        Effect.gen(function* () {
          const scenario = scenarios[name]
          if (scenario === undefined) return assert.fail(name)
          const problems = yield* sweep({ ...scenario, once: false }, ({ answers }, subject) =>
            Effect.andThen(answers.invalidate(a), Fiber.interrupt(subject))
          )
          assert.deepStrictEqual(problems, [])
        }),
      { timeout: 120_000 }
    )
  }
})

describe("the end of the cache between any two operations", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(
      `ends every run and every reader: ${name}`,
      () =>
        Effect.gen(function* () {
          const time = ManualClock.make()
          const problems: Array<string> = []
          for (const ops of [3, 5, 9]) {
            for (let k = 0, over = false; k <= most(scenario) && !over && problems.length === 0; k++) {
              const scope = Scope.makeUnsafe()
              const world = yield* make(scenario, time, scope)
              const readers = [...(scenario.before ?? []), scenario.subject, ...(scenario.after ?? [])]
              const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
              for (const reader of readers) {
                fibers.push(
                  yield* Effect.forkChild(reader(world), { startImmediately: true }).pipe(
                    Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
                  )
                )
              }
              for (let i = 0; i < k; i++) yield* Effect.yieldNow
              over = fibers.every((fiber) => fiber.pollUnsafe() !== undefined)
              yield* Scope.close(scope, Exit.void)
              const { inFlight } = yield* world.answers.snapshot
              if (inFlight !== 0) problems.push(`${ops} operations, ${k} yields: ${inFlight} runs left`)
              yield* settled(fibers)
              for (const [i, fiber] of fibers.entries()) {
                if (fiber.pollUnsafe() === undefined && !name.includes("hangs")) {
                  problems.push(`${ops} operations, ${k} yields: reader ${i} waits for ever`)
                }
                yield* Fiber.interrupt(fiber)
              }
              if (world.runs.started !== world.runs.ended) {
                problems.push(`${ops} operations, ${k} yields: ${world.runs.started} began, ${world.runs.ended} ended`)
              }
            }
          }
          assert.deepStrictEqual(problems, [])
        }),
      { timeout: 120_000 }
    )
  }
})
