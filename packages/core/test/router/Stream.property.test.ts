/** Whatever providers and consumers do, and whenever: nothing is lost, nothing is shown twice, nothing is late. */
import { assert, it } from "@effect/vitest"
import { BreakPolicy } from "@spillway/core"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Random, Scheduler, Stream } from "effect"
import { AiError } from "effect/ai"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import * as Trip from "../../src/gates/Trip.ts"
import { invalidRequest, overloaded, rateLimited, wrongKey } from "./fixture.ts"
import * as Provider from "./support/Provider.ts"
import {
  die,
  fail,
  hang,
  isContent,
  isEnd,
  type Part,
  parts,
  type Script,
  type Step,
  wait
} from "./support/Provider.ts"
import * as World from "./support/World.ts"

const network = AiError.make({
  module: "Test",
  method: "stream",
  reason: new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "http://a.example" })
})

const error = fc.constantFrom(overloaded, network, rateLimited(0.3), rateLimited(5), wrongKey, invalidRequest)
/** Round numbers meet the clocks below at the same instant; the others do not. */
const longestWait = 1500
const millis = fc.oneof(fc.constantFrom(0, 1, 100, 200, 500, 1000), fc.integer({ min: 0, max: longestWait }))

const opening: fc.Arbitrary<Script["opening"]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant([]) },
  { weight: 4, arbitrary: millis.map((ms) => [wait(ms)]) },
  { weight: 1, arbitrary: millis.map((ms) => [wait(ms), hang]) },
  { weight: 2, arbitrary: fc.tuple(millis, error).map(([ms, error]) => [wait(ms), fail(error)]) },
  { weight: 1, arbitrary: fc.constant([die]) }
)
const middle: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom("start", "text"), { minLength: 1, maxLength: 3 })
      .map((types) => parts(...types))
  },
  { weight: 2, arbitrary: millis.map(wait) }
)
const ending: fc.Arbitrary<ReadonlyArray<Step>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant([parts("finish")]) },
  { weight: 1, arbitrary: fc.constant([parts("text", "finish"), hang]) },
  { weight: 1, arbitrary: fc.tuple(millis, error).map(([ms, error]) => [parts("finish"), wait(ms), fail(error)]) },
  { weight: 1, arbitrary: fc.constant([parts("finish"), die]) },
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: error.map((error) => [fail(error)]) },
  { weight: 2, arbitrary: fc.constant([hang]) },
  { weight: 1, arbitrary: fc.constant([die]) }
)
const longestClose = 2000
const script: fc.Arbitrary<Script> = fc
  .record({
    opening,
    middle: fc.array(middle, { maxLength: 6 }),
    ending,
    closeMs: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: longestClose }) }
    ),
    closeDies: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    stubborn: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    closesItself: fc.boolean()
  })
  .map(({ ending, middle, ...rest }) => ({ ...rest, steps: [...middle, ...ending] }))

const clock = fc.constantFrom(200, 500, 1000, 60_000)
const longestPause = 700
const consumer = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ _tag: "Drain" } as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 5 }).map((n) => ({ _tag: "Take", n }) as const) },
  {
    weight: 3,
    arbitrary: fc
      .oneof(fc.constantFrom(0, 200, 500, 1000), fc.integer({ min: 0, max: 5000 }))
      .map((at) => ({ _tag: "Interrupt", at }) as const)
  },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: longestPause }).map((ms) => ({ _tag: "Slow", ms }) as const) }
)
const call = fc.record({
  startsAt: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1500 })),
  deadline: fc.oneof(fc.constantFrom(200, 500, 1000, 60_000), fc.integer({ min: 1, max: 8000 })),
  onBreak: fc.constantFrom("fail", "restart", "buffered"),
  idempotent: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  consumer
})
const schedule = fc.record({
  seed: fc.nat(),
  /** Operations between two yields: a small number lets other fibers in almost anywhere. */
  ops: fc.constantFrom(2048, 2048, 3, 5, 8, 13),
  plans: fc.record({
    a: fc.array(script, { minLength: 1, maxLength: 3 }),
    b: fc.array(script, { minLength: 1, maxLength: 3 })
  }),
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  reserve: fc.constantFrom(0, 0.1, 10),
  maxInFlight: fc.integer({ min: 1, max: 3 }),
  tiers: fc.constantFrom(undefined, [["a"], ["b"]] as const),
  firstContent: clock,
  idle: clock
})
type Schedule = typeof schedule extends fc.Arbitrary<infer S> ? S : never
type CallPlan = Schedule["calls"][number]

const policies = {
  fail: BreakPolicy.fail,
  restart: BreakPolicy.restart<Part>(({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts })),
  buffered: BreakPolicy.buffered
}

interface Ran {
  readonly plan: CallPlan
  readonly got: Array<Part>
  exit: Exit.Exit<unknown, unknown> | undefined
  endedAt: number
}

const consume = <E>(stream: Stream.Stream<Part, E>, ran: Ran): Effect.Effect<unknown, E> => {
  const { consumer } = ran.plan
  const into = (part: Part) => Effect.sync(() => ran.got.push(part))
  switch (consumer._tag) {
    case "Drain":
      return Stream.runForEach(stream, into)
    case "Take":
      return Stream.runForEach(Stream.take(stream, consumer.n), into)
    case "Slow":
      return Stream.runForEach(stream, (part) => Effect.andThen(into(part), Effect.sleep(Duration.millis(consumer.ms))))
    case "Interrupt":
      return Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Stream.runForEach(stream, into), { startImmediately: true })
        yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(Duration.millis(consumer.at)))
        yield* Fiber.interrupt(fiber)
      })
  }
}

const run = Effect.fnUntraced(function* (schedule: Schedule) {
  const { calls, firstContent, idle, maxAttempts, maxInFlight, ops, plans, reserve, tiers } = schedule
  const world = yield* World.make(["a", "b"], {
    timeouts: { firstContent, idle },
    limits: { maxInFlight },
    retry: { maxAttempts, budget: { minPerSecond: reserve }, transient: { base: 50 }, throttled: { base: 200 } },
    gates: { breaker: { trip: Trip.timeWindow({ minCalls: 3 }), openFor: 300, rampFor: 2000 } },
    ...(tiers === undefined ? {} : { tiers })
  })
  const provider = Provider.make(plans)
  const ran = calls.map((plan): Ran => ({ plan, got: [], exit: undefined, endedAt: Number.NaN }))
  for (const [c, one] of ran.entries()) {
    const { deadline, idempotent, onBreak, startsAt } = one.plan
    const stream = world.router.stream({ deadline, idempotent, tags: { call: String(c) } }, provider.open, {
      isContent,
      isEnd,
      onBreak: policies[onBreak]
    })
    const watched = Effect.flatMap(Effect.exit(consume(stream, one)), (exit) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        one.exit = exit
        one.endedAt = now
      })
    )
    yield* Effect.forkChild(Effect.delay(watched, Duration.millis(startsAt)), { startImmediately: true }).pipe(
      Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
    )
  }
  // Time goes on only when all have reached their first sleep.
  for (let i = 0; i < 400; i++) yield* Effect.yieldNow
  yield* TestClock.adjust("3 minutes")
  const problems = [...world.problems(), ...provider.problems()]
  for (const [c, call] of world.watcher.calls.entries()) {
    if (call.attempts.length > maxAttempts) problems.push(`call ${c} made ${call.attempts.length} attempts`)
  }
  for (const [c, one] of ran.entries()) problems.push(...judge(one, provider).map((problem) => `call ${c}: ${problem}`))
  for (const [c, plan] of calls.entries()) {
    const watched = world.watcher.calls.find(({ info }) => info.request.tags["call"] === String(c))
    const [record] = watched?.records ?? []
    if (record === undefined) {
      problems.push(`call ${c} has no record`)
      continue
    }
    for (const attempt of record.attempts) {
      if (attempt.startedAt >= plan.deadline) problems.push(`call ${c} began an attempt after its deadline`)
      if (attempt.ms < 0 || (attempt.firstContentMs ?? 0) > attempt.ms)
        problems.push(`call ${c}: an attempt has impossible times`)
      if ((attempt.outcome === "failed") !== (attempt.errorType !== undefined))
        problems.push(`call ${c}: ${attempt.outcome} with ${attempt.errorType}`)
    }
    const won = record.attempts.filter((attempt) => attempt.outcome === "won")
    if (won.length > (record.outcome === "ok" ? 1 : 0))
      problems.push(`call ${c} is ${record.outcome}, ${won.length} attempts won`)
    if (record.outcome === "ok" && (won.length !== 1 || record.servedBy !== won[0]?.target))
      problems.push(`call ${c} was not served by who won`)
    const exit = ran[c]?.exit
    if (
      plan.consumer._tag === "Drain" &&
      exit !== undefined &&
      Exit.isSuccess(exit) !== (record.outcome === "ok") &&
      !closersDie(schedule)
    ) {
      problems.push(`call ${c} ended as ${exit._tag}, its record says ${record.outcome}`)
    }
  }
  assert.deepStrictEqual(problems, [])
})

const closersDie = ({ plans }: Schedule) => [...plans.a, ...plans.b].some(({ closeDies }) => closeDies)

/** What the consumer saw. */
const judge = ({ endedAt, exit, got, plan }: Ran, provider: Provider.Provider): Array<string> => {
  if (exit === undefined) return ["never ended"]
  const problems: Array<string> = []
  const segments: Array<Array<Part>> = [[]]
  for (const part of got) {
    const last = segments[segments.length - 1] ?? []
    if (part.type !== "restart") last.push(part)
    else {
      if (part.n !== last.length) problems.push(`a marker says ${part.n} parts after ${last.length}`)
      segments.push([])
    }
  }
  if (plan.onBreak !== "restart" && segments.length > 1) problems.push("a restart nobody asked for")
  for (const segment of segments) {
    const [first] = segment
    if (first === undefined) continue
    const answer = Provider.answerOf(
      provider.opened[first.stream]?.script ?? {
        steps: [],
        opening: [],
        closeMs: 0,
        closeDies: false,
        stubborn: false,
        closesItself: false
      }
    )
    segment.forEach((part, n) => {
      if (part.stream !== first.stream || part.n !== n || part.type !== answer[n])
        problems.push(`part ${n} of an answer is ${part.type} ${part.n} of stream ${part.stream}`)
    })
    if (plan.onBreak === "buffered" && !answer.includes("finish"))
      problems.push("shown, though it never became complete")
  }
  const drained = plan.consumer._tag === "Drain" || plan.consumer._tag === "Slow"
  const lastPart = segments[segments.length - 1]?.at(-1)
  if (drained && Exit.isSuccess(exit) && lastPart?.type !== "finish")
    problems.push("ended well, and the answer is not complete")
  if (Exit.isFailure(exit)) {
    const error = Cause.squash(exit.cause) as {
      readonly _tag?: string
      readonly reason?: { readonly _tag: string; readonly parts?: number }
    }
    // A finalizer that dies turns what the stream failed with into a defect.
    const anything = provider.opened.some(({ script }) => script.closeDies)
    const expected =
      anything || error === invalidRequest || error instanceof Provider.ProviderBug || error._tag === "RouteError"
    if (!expected) problems.push(`failed with ${String(error)}`)
    if (Cause.hasInterruptsOnly(exit.cause)) problems.push("was interrupted by nobody")
    if (error.reason?._tag === "StreamBroken" && (plan.onBreak !== "fail" || error.reason.parts !== got.length)) {
      problems.push(`broken after ${error.reason.parts} parts, ${got.length} were seen`)
    }
  }
  // What does not listen may be late, by one step of its own and its closing.
  const slack =
    1 +
    (provider.opened.some(({ script }) => script.stubborn) ? longestWait : 0) +
    (provider.opened.some(({ script }) => script.closeMs > 0) ? longestClose : 0) +
    (plan.consumer._tag === "Slow" ? Number.POSITIVE_INFINITY : 0)
  const lateMs = endedAt - plan.startsAt - plan.deadline
  if (lateMs > slack) problems.push(`ended ${lateMs} ms after its deadline`)
  return problems
}

it("a stream loses nothing, shows nothing wrong and ends in time, whatever happens when", async () => {
  await fc.assert(
    fc.asyncProperty(schedule, (schedule) =>
      run(schedule).pipe(
        Effect.scoped,
        Random.withSeed(String(schedule.seed)),
        Effect.provide(TestClock.layer()),
        Effect.runPromise
      )
    ),
    { numRuns: 1500 }
  )
}, 300_000)
