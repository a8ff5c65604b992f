/**
 * The op-budget sweep: a fiber that yields after every few operations is interrupted after 0, 1, 2, … yields, so that the
 * interruption falls between any two operations once. Whatever it hits: nothing is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy } from "@spillway/core"
import { Clock, Effect, Fiber, Scheduler, Stream } from "effect"
import { invalidRequest, overloaded } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Provider from "./support/Provider.ts"
import { fail, hang, isContent, isEnd, type Part, parts, script } from "./support/Provider.ts"
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
          for (let ops = 3; ops <= 64 && problems.length === 0; ops++) {
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
            for (const ops of [3, 4, 6, 9, 14]) {
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

/** The scenarios say nothing of deadlines. */
const withDeadline = (router: Routed, deadline: number): Routed => ({
  ...router,
  route: (options, call) => router.route({ ...options, deadline }, call),
  stream: (options, call, streamOptions) => router.stream({ ...options, deadline }, call, streamOptions)
})
