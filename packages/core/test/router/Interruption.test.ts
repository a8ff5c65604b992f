/**
 * The op-budget sweep: a fiber that yields after every few operations is interrupted after 0, 1, 2, … yields, so that the
 * interruption falls between any two operations once. Whatever it hits: nothing is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy } from "@spillway/core"
import { Clock, Duration, Effect, Fiber, Scheduler, Stream } from "effect"
import { invalidRequest, overloaded, rateLimited } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Provider from "./support/Provider.ts"
import { fail, hang, isContent, isEnd, type Part, parts, script, wait } from "./support/Provider.ts"
import * as World from "./support/World.ts"

type Ids = "a" | "b"
type Routed = World.World<Ids>["router"]

/** Some operations before the call, so that its first ones are not always in the first turn. */
const late = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  let delayed = effect
  for (let i = 0; i < 8; i++) {
    const next = delayed
    delayed = Effect.flatMap(Effect.void, () => next)
  }
  return delayed
}
const yields = (n: number) => Effect.repeat(Effect.yieldNow, { times: n })
const restart = BreakPolicy.restart<Part>(({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts }))

/** Streams that follow scripts; every call of the sweep sees them from the first one on. */
const streamed =
  (
    plans: Readonly<Record<Ids, ReadonlyArray<Provider.Script>>>,
    onBreak: BreakPolicy.BreakPolicy<Part> = BreakPolicy.fail,
    read: (stream: Stream.Stream<Part, unknown>) => Effect.Effect<unknown, unknown> = Stream.runDrain
  ) =>
  (router: Routed, provider: Array<Provider.Provider>) =>
    Effect.suspend(() => {
      const scripted = Provider.make(plans)
      provider.push(scripted)
      return read(router.stream({}, scripted.open, { isContent, isEnd, onBreak }))
    })

const slowly = [parts("start"), parts("text"), parts("text"), parts("finish")]
const whole = script(slowly)
const broken = script([parts("start"), parts("text"), fail(overloaded)])
const scenarios: Record<
  string,
  (router: Routed, provider: Array<Provider.Provider>) => Effect.Effect<unknown, unknown>
> = {
  "a call": (router) => router.route({}, () => Effect.as(yields(5), "ok")),
  "a call that answers at once": (router) => router.route({}, () => Effect.succeed("ok")),
  "a call that hangs": (router) => router.route({}, () => Effect.never),
  "a call that is slow to stop": (router) => router.route({}, () => Effect.onInterrupt(Effect.never, () => yields(5))),
  "a call that does not listen": (router) => router.route({}, () => Effect.uninterruptible(yields(3))),
  "a failover": (router) =>
    router.route({}, ({ target }) =>
      Effect.andThen(yields(3), target.id === "a" ? Effect.fail(overloaded) : Effect.succeed("ok"))
    ),
  "a failover at once": (router) =>
    router.route({}, ({ target }) => (target.id === "a" ? Effect.fail(overloaded) : Effect.succeed("ok"))),
  "the caller's own mistake": (router) => router.route({}, () => Effect.fail(invalidRequest)),
  "a defect": (router) => router.route({}, () => Effect.andThen(yields(2), Effect.die("bug"))),
  "a back-off": (router) => router.route({}, () => Effect.andThen(yields(1), Effect.fail(overloaded))),
  "the opening of a stream": streamed({ a: [script([], { opening: [hang] })], b: [whole] }),
  "a stream": streamed({ a: [whole], b: [whole] }),
  "a stream that hangs": streamed({ a: [script([parts("text"), hang])], b: [whole] }),
  "a stream that fails over": streamed({ a: [script([parts("start"), fail(overloaded)])], b: [whole] }),
  "a stream that breaks": streamed({ a: [broken], b: [whole] }),
  "a restart": streamed({ a: [broken], b: [whole] }, restart),
  "a restart of a restart": streamed({ a: [broken], b: [broken] }, restart),
  "a buffered stream": streamed({ a: [broken], b: [whole] }, BreakPolicy.buffered),
  "a consumer that leaves early": streamed({ a: [whole], b: [whole] }, BreakPolicy.fail, (stream) =>
    Stream.runDrain(Stream.take(stream, 2))
  ),
  "a consumer in between": streamed({ a: [whole], b: [whole] }, restart, (stream) =>
    Stream.runForEach(stream, () => yields(2))
  ),
  "a consumer that buffers": streamed({ a: [broken], b: [whole] }, restart, (stream) =>
    Stream.runDrain(Stream.buffer(stream, { capacity: 1 }))
  )
}

describe("an interruption between any two operations loses nothing", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(
      `of ${name}`,
      () =>
        Effect.gen(function* () {
          const problems: Array<string> = []
          for (let ops = 3; ops <= 64 && problems.length === 0; ops += ops < 16 ? 1 : 8) {
            const world = yield* World.make<Ids>(["a", "b"], {
              gates: { breaker: false },
              retry: { budget: { minPerSecond: 1_000_000 }, transient: { base: "1 hour", cap: "1 hour" } }
            })
            for (let k = 0, over = false; k <= 150 && !over; k++) {
              const providers: Array<Provider.Provider> = []
              const fiber = yield* Effect.forkChild(late(scenario(world.router, providers)), {
                startImmediately: true
              }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops))
              for (let i = 0; i < k; i++) yield* Effect.yieldNow
              over = fiber.pollUnsafe() !== undefined
              yield* Fiber.interrupt(fiber)
              const found = [...world.problems(), ...providers.flatMap((provider) => provider.problems())]
              problems.push(...found.map((problem) => `${ops} operations, ${k} yields: ${problem}`))
              if (found.length > 0) break
            }
          }
          assert.deepStrictEqual(problems, [])
        }).pipe(Effect.provideService(Clock.Clock, ManualClock.make())),
      { timeout: 120_000 }
    )
  }
})

describe("a clock that runs out between any two operations loses nothing", () => {
  const clocks: Record<string, { readonly clock: number; readonly deadline: number }> = {
    "the attempt's clock": { clock: 100, deadline: 100_000 },
    "the deadline": { clock: 100_000, deadline: 100 }
  }
  for (const [which, { clock, deadline }] of Object.entries(clocks)) {
    for (const [name, scenario] of Object.entries(scenarios)) {
      it.effect(
        `${which}, of ${name}`,
        () =>
          Effect.gen(function* () {
            const problems: Array<string> = []
            for (const ops of [3, 5, 9]) {
              const time = ManualClock.make()
              const world = yield* World.make<Ids>(["a", "b"], {
                gates: { breaker: false },
                timeouts: { attempt: clock, firstContent: clock, idle: clock },
                retry: { budget: { minPerSecond: 1_000_000 }, transient: { base: "1 second", cap: "1 second" } }
              }).pipe(Effect.provideService(Clock.Clock, time))
              for (let k = 0, over = false; k <= 150 && !over; k++) {
                const providers: Array<Provider.Provider> = []
                const fiber = yield* Effect.forkChild(scenario(withDeadline(world.router, deadline), providers), {
                  startImmediately: true
                }).pipe(
                  Effect.provideService(Scheduler.MaxOpsBeforeYield, ops),
                  Effect.provideService(Clock.Clock, time)
                )
                for (let i = 0; i < k; i++) yield* Effect.yieldNow
                over = fiber.pollUnsafe() !== undefined
                time.advance(100)
                for (let i = 0; i < 5000 && fiber.pollUnsafe() === undefined; i++) {
                  yield* Effect.yieldNow
                  if (i % 10 === 9) time.advance(500)
                }
                const found = [...world.problems(), ...providers.flatMap((provider) => provider.problems())]
                if (fiber.pollUnsafe() === undefined) found.push("never ended")
                yield* Fiber.interrupt(fiber)
                problems.push(...found.map((problem) => `${ops} operations, ${k} yields: ${problem}`))
                if (found.length > 0) break
              }
              if (problems.length > 0) break
            }
            assert.deepStrictEqual(problems, [])
          }),
        { timeout: 120_000 }
      )
    }
  }
})

type Three = "a" | "b" | "c"
/** A scenario of several attempts at once: what the world is like, and what is done in it while time goes on. */
interface Crowd {
  readonly options: World.WorldOptions<Three>
  readonly run: (
    world: World.World<Three>,
    provider: Array<Provider.Provider>,
    deadline: number
  ) => Effect.Effect<unknown, unknown>
}
const base = {
  gates: { breaker: false },
  retry: { budget: { minPerSecond: 1_000_000 }, transient: { base: 10, cap: 10 }, throttled: { base: 10, cap: 10 } }
} as const
const hedged = { ...base, hedge: { after: 20, minPerSecond: 1_000_000 } } as const
const crowded = { ...base, limits: { maxInFlight: 1 }, admission: { maxWait: 60 } } as const
const tiered = { ...crowded, tiers: [["a"], ["b", "c"]] } as const

/** What a target does, by name; the others answer after a while. */
const calls = (
  options: World.WorldOptions<Three>,
  plan: Partial<Record<Three, Effect.Effect<string, unknown>>>,
  n = 1
): Crowd => ({
  options,
  run: ({ router }, _provider, deadline) =>
    Effect.forEach(
      Array.from({ length: n }),
      () => router.route({ deadline }, ({ target }) => plan[target.id] ?? Effect.as(Effect.sleep(10), target.id)),
      { concurrency: "unbounded", discard: true }
    )
})
/** Some other call has the permit, and keeps it whatever happens to this one. */
const behind = (ids: ReadonlyArray<Three>, ms: number, crowd: Crowd): Crowd => ({
  options: crowd.options,
  run: (world, provider, deadline) =>
    Effect.andThen(
      Effect.forEach(ids, (held) =>
        Effect.forkDetach(
          world.router.route({ needs: { allow: ({ id }) => id === held } }, () => Effect.sleep(Duration.millis(ms))),
          { startImmediately: true }
        )
      ),
      crowd.run(world, provider, deadline)
    )
})
const streams = (
  options: World.WorldOptions<Three>,
  plans: Readonly<Record<Three, ReadonlyArray<Provider.Script>>>,
  onBreak: BreakPolicy.BreakPolicy<Part> = BreakPolicy.fail,
  read: (stream: Stream.Stream<Part, unknown>) => Effect.Effect<unknown, unknown> = Stream.runDrain,
  n = 1
): Crowd => ({
  options,
  run: ({ router }, provider, deadline) =>
    Effect.suspend(() => {
      const scripted = Provider.make(plans)
      provider.push(scripted)
      return Effect.forEach(
        Array.from({ length: n }),
        () => read(router.stream({ deadline }, scripted.open, { isContent, isEnd, onBreak })),
        { concurrency: "unbounded", discard: true }
      )
    })
})
const sleepy = (ms: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(Duration.millis(ms)))
const later = (ms: number, text = "ok") => Effect.as(Effect.sleep(Duration.millis(ms)), text)
const late20 = script([parts("start"), wait(40), ...slowly.slice(1)], { closeMs: 15 })
const at20 = script([parts("start"), wait(20), parts("text"), wait(10), parts("finish")])
const breaks = script([parts("text"), wait(10), fail(overloaded)])

const crowds: Record<string, Crowd> = {
  "two copies, the second one faster": calls(hedged, { a: Effect.never, b: later(10) }),
  "a photo finish": calls(hedged, { a: later(40), b: later(20) }),
  "a photo finish of copies that do not listen": calls(hedged, {
    a: Effect.uninterruptible(later(40)),
    b: Effect.uninterruptible(later(20))
  }),
  "a loser that is slow to stop": calls(hedged, { a: sleepy(30), b: later(10) }),
  "two copies that are slow to stop": calls(hedged, { a: sleepy(30), b: sleepy(15) }),
  "a copy that fails": calls(hedged, { a: later(50), b: Effect.andThen(Effect.sleep(10), Effect.fail(overloaded)) }),
  "two copies that fail": calls(hedged, {
    a: Effect.andThen(Effect.sleep(40), Effect.fail(overloaded)),
    b: Effect.andThen(Effect.sleep(20), Effect.fail(overloaded))
  }),
  "a mistake that one of two copies finds": calls(hedged, {
    a: sleepy(20),
    b: Effect.andThen(Effect.sleep(10), Effect.fail(invalidRequest))
  }),
  "a hedged stream": streams(hedged, { a: [late20], b: [at20], c: [whole] }),
  "a photo finish of streams": streams(hedged, {
    a: [script([parts("start"), wait(40), parts("text", "finish")])],
    b: [script([parts("start"), wait(20), parts("text", "finish")])],
    c: [whole]
  }),
  "a restart beside a loser that is slow to close": streams(
    hedged,
    { a: [script([hang], { closeMs: 60 })], b: [breaks], c: [whole] },
    restart
  ),
  "a buffered stream in two copies": streams(
    hedged,
    { a: [script([wait(30), parts("text"), wait(30), fail(overloaded)])], b: [at20], c: [whole] },
    BreakPolicy.buffered
  ),
  "a consumer that leaves two copies": streams(
    hedged,
    { a: [late20], b: [at20], c: [whole] },
    BreakPolicy.fail,
    (stream) => Stream.runDrain(Stream.take(stream, 1))
  ),
  "four callers for three places": calls(crowded, {}, 4),
  "a caller who waits": behind(["a", "b", "c"], 40, calls(crowded, {})),
  "callers who wait in vain": behind(["a", "b", "c"], 400, calls(crowded, {}, 2)),
  "callers of whom some find no place": behind(
    ["a", "b", "c"],
    40,
    calls({ ...crowded, admission: { maxWait: 60, maxQueued: 1 } }, {}, 3)
  ),
  "a back-off in the queue": behind(["b", "c"], 35, calls(crowded, { a: Effect.fail(overloaded) }, 2)),
  "callers who wait for a target that asked for time": calls(
    { ...crowded, specs: {} },
    { a: Effect.fail(rateLimited(0.03)), b: Effect.fail(rateLimited(0.05)), c: later(20) },
    3
  ),
  "streams that wait for a place": streams(
    crowded,
    { a: [at20], b: [at20], c: [at20] },
    BreakPolicy.fail,
    Stream.runDrain,
    4
  ),
  "copies in a crowd": calls(
    { ...hedged, limits: { maxInFlight: 1 }, admission: { maxWait: 60 } },
    { a: sleepy(10) },
    4
  ),
  "a busy tier that is left": behind(["a"], 200, calls(tiered, {}, 4)),
  "an unavailable tier": calls(tiered, { a: Effect.andThen(Effect.sleep(5), Effect.fail(rateLimited(10))) }, 4),
  "a tier that has no place to wait in": calls({ ...tiered, admission: { maxQueued: 0 } }, {}, 4),
  "streams that leave a tier": behind(
    ["a"],
    200,
    streams(tiered, { a: [at20], b: [breaks], c: [at20] }, restart, Stream.runDrain, 2)
  )
}

/** Sees to it that time goes on until nobody is at anything any more; what is left then never ends. */
const settled = Effect.fnUntraced(function* (
  world: World.World<Three>,
  time: ManualClock.ManualClock,
  fiber: Fiber.Fiber<unknown, unknown>
) {
  for (let i = 0; i < 600; i++) {
    yield* Effect.yieldNow
    if (i % 4 === 3) time.advance(20)
    const rests = world.inFlight() === 0 && world.core.admission.size === 0 && world.core.deadlines.size() === 0
    if (fiber.pollUnsafe() !== undefined && rests) break
  }
  for (let i = 0; i < 4; i++) yield* Effect.yieldNow
})

const sweep = Effect.fnUntraced(function* (
  crowd: Crowd,
  options: World.WorldOptions<Three>,
  deadline: number,
  budgets: ReadonlyArray<number>,
  meddle: (time: ManualClock.ManualClock, fiber: Fiber.Fiber<unknown, unknown>) => void
) {
  for (const ops of budgets) {
    for (let k = 0, over = false; k <= 60 && !over; k++) {
      const time = ManualClock.make()
      const world = yield* World.make<Three>(["a", "b", "c"], { ...crowd.options, ...options }).pipe(
        Effect.provideService(Clock.Clock, time)
      )
      const providers: Array<Provider.Provider> = []
      const fiber = yield* Effect.forkChild(late(crowd.run(world, providers, deadline)), {
        startImmediately: true
      }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops), Effect.provideService(Clock.Clock, time))
      for (let i = 0; i < k; i++) {
        yield* Effect.yieldNow
        if (i % 2 === 1) time.advance(5)
      }
      over = fiber.pollUnsafe() !== undefined
      meddle(time, fiber)
      yield* settled(world, time, fiber)
      const found = [...world.problems(), ...providers.flatMap((provider) => provider.problems())]
      if (fiber.pollUnsafe() === undefined) found.push("never ended")
      yield* Fiber.interrupt(fiber)
      if (found.length > 0) return found.map((problem) => `${ops} operations, ${k} yields: ${problem}`)
    }
  }
  return []
})

describe("with copies, a queue and tiers", () => {
  for (const [name, crowd] of Object.entries(crowds)) {
    it.effect(
      `an interruption between any two operations loses nothing of ${name}`,
      () =>
        Effect.gen(function* () {
          const problems = yield* sweep(crowd, {}, 100_000, [3, 5, 12], (_time, fiber) => fiber.interruptUnsafe())
          assert.deepStrictEqual(problems, [])
        }),
      { timeout: 120_000 }
    )
    it.effect(
      `the deadline between any two operations loses nothing of ${name}`,
      () =>
        Effect.gen(function* () {
          const problems = yield* sweep(crowd, {}, 1000, [3, 7], (time) => time.advance(1000))
          assert.deepStrictEqual(problems, [])
        }),
      { timeout: 120_000 }
    )
    it.effect(
      `the attempt's clock between any two operations loses nothing of ${name}`,
      () =>
        Effect.gen(function* () {
          const timeouts = { attempt: 300, firstContent: 300, idle: 300 }
          const problems = yield* sweep(crowd, { timeouts }, 10_000, [3, 7], (time) => time.advance(300))
          assert.deepStrictEqual(problems, [])
        }),
      { timeout: 120_000 }
    )
  }
})

/** The scenarios say nothing of deadlines. */
const withDeadline = (router: Routed, deadline: number): Routed => ({
  ...router,
  route: (options, call) => router.route({ ...options, deadline }, call),
  stream: (options, call, streamOptions) => router.stream({ ...options, deadline }, call, streamOptions)
})
