/**
 * The laws of hedging, for any times, outcomes and finalizers of the copies: one winner, and it is the first; at most one
 * copy, elsewhere, when it is due and never otherwise; both budgets are kept; nothing is left of the one that lost.
 */
import { assert, it } from "@effect/vitest"
import { BreakPolicy } from "@spillway/core"
import type { AttemptReason } from "@spillway/core/Cost"
import type { AttemptRecord, DecisionRecord } from "@spillway/core/Decision"
import { Cause, Clock, Duration, Effect, Exit, type Fiber, Random, Scheduler } from "effect"
import fc from "fast-check"
import { invalidRequest, overloaded } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Provider from "./support/Provider.ts"
import { die, fail, hang, isContent, isEnd, type Part, parts, type Script, wait } from "./support/Provider.ts"
import * as World from "./support/World.ts"

const ids = ["a", "b", "c"] as const
type Id = (typeof ids)[number]

/** Times are multiples of it, so that copies often end at one moment. */
const unit = 50
const after = 100
const times = (max: number) => fc.integer({ min: 0, max }).map((n) => n * unit)
const longestStop = 4 * unit

const budget = fc.record({
  maxExtra: fc.constantFrom(0, 0.05, 0.5, 1),
  minPerSecond: fc.constantFrom(0, 0.05, 10),
  ratio: fc.constantFrom(0, 0.5, 1),
  reserve: fc.constantFrom(0, 0.2, 10)
})
const attempt = fc.record({
  ms: times(8),
  ends: fc.constantFrom("ok", "ok", "ok", "ok", "overloaded", "mistake", "die", "hang"),
  /** How long it takes to stop; it does not listen at all while it works when `deaf`. */
  stopMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: times(4) }),
  deaf: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
})
const call = fc.record({
  at: times(10),
  deadline: fc.oneof(
    { weight: 3, arbitrary: fc.constant(30_000) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 10 }).map((n) => n * unit) }
  ),
  idempotent: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  leavesAfter: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: times(8) }),
  attempts: fc.array(attempt, { minLength: 1, maxLength: 4 })
})
const situation = fc.record({
  seed: fc.nat(),
  budget,
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  attemptMs: fc.constantFrom(150, 300, 60_000),
  maxInFlight: fc.constantFrom(1, 2, 100),
  calls: fc.array(call, { minLength: 1, maxLength: 4, size: "max" })
})
type Situation = typeof situation extends fc.Arbitrary<infer S> ? S : never
type Plan = Situation["calls"][number]

interface Ran {
  readonly call: number
  readonly target: Id
  readonly reason: AttemptReason
  readonly at: number
  /** It answered, with what its plan says; else it was stopped. */
  answeredAt: number | undefined
  endedAt: number
}

/** What holds of the record of every call. */
const judgeRecord = (record: DecisionRecord, plan: { readonly deadline: number; readonly idempotent: boolean }) => {
  const problems: Array<string> = []
  const endOf = ({ ms, startedAt }: AttemptRecord) => startedAt + ms
  const { attempts } = record
  for (const [i, attempt] of attempts.entries()) {
    if (attempt.index !== i) problems.push(`attempt ${attempt.index} stands at ${i}`)
    if (attempt.startedAt >= plan.deadline) problems.push(`attempt ${i} began after the deadline`)
    if ((attempt.outcome === "failed") !== (attempt.errorType !== undefined)) {
      problems.push(`attempt ${i} ${attempt.outcome} with ${attempt.errorType}`)
    }
    // After a restart the copy that had lost before may still be stopping.
    const restarts = attempts.slice(0, i).some(({ firstContentMs }) => firstContentMs !== undefined)
    const beside = attempts.slice(0, i).filter((other) => !restarts && endOf(other) > attempt.startedAt)
    if (attempt.reason !== "hedge") {
      if (beside.length > 0) problems.push(`attempt ${i} is no copy and runs beside another one`)
      continue
    }
    const first = attempts[i - 1]
    if (first === undefined) problems.push("the first attempt is a copy")
    else {
      if (first.reason === "hedge") problems.push("a copy of a copy")
      if (first.target === attempt.target) problems.push("a copy on the same target")
      if (Math.abs(attempt.startedAt - first.startedAt - after) >= 1) {
        problems.push(`a copy after ${attempt.startedAt - first.startedAt} ms`)
      }
      if (first.firstContentMs !== undefined && first.firstContentMs < after)
        problems.push("a copy after the first content")
    }
    if (!plan.idempotent) problems.push("a copy of what must not be sent twice")
  }
  const won = attempts.filter(({ outcome }) => outcome === "won")
  if (won.length > 1) problems.push(`${won.length} winners`)
  if (record.outcome === "ok" && (won.length !== 1 || won[0]?.target !== record.servedBy)) {
    problems.push("was not served by who won")
  }
  return problems
}

const copiesOf = (records: ReadonlyArray<DecisionRecord>) =>
  records.flatMap(({ attempts }) => attempts).filter(({ reason }) => reason === "hedge").length

const setup = (situation: Pick<Situation, "budget" | "maxAttempts" | "attemptMs" | "maxInFlight">) => {
  const { attemptMs, budget, maxAttempts, maxInFlight } = situation
  return World.make(ids, {
    gates: { breaker: false },
    limits: { maxInFlight },
    timeouts: { attempt: attemptMs, firstContent: attemptMs },
    hedge: { after, maxExtra: budget.maxExtra, minPerSecond: budget.minPerSecond },
    retry: {
      maxAttempts,
      transient: { base: 30, jitter: "none" },
      budget: { ratio: budget.ratio, minPerSecond: budget.reserve }
    },
    admission: { maxWait: "500 millis" }
  })
}

/** Nothing took longer than the memory of either budget. */
const judgeBudgets = ({ budget }: Pick<Situation, "budget">, records: ReadonlyArray<DecisionRecord>) => {
  const problems: Array<string> = []
  const begun = records.filter(({ attempts }) => attempts.length > 0).length
  const copies = copiesOf(records)
  const extras = records.reduce((sum, { attempts }) => sum + Math.max(0, attempts.length - 1), 0)
  if (copies > budget.maxExtra * begun + budget.minPerSecond * 60 + 1e-6) {
    problems.push(`${copies} copies of ${begun} calls`)
  }
  if (extras > budget.ratio * begun + budget.reserve * 10 + 1e-6) problems.push(`${extras} extras of ${begun} calls`)
  return problems
}

const run = Effect.fnUntraced(function* (situation: Situation, time: ManualClock.ManualClock) {
  const { attemptMs, budget, calls, maxAttempts, maxInFlight } = situation
  const world = yield* setup(situation)
  const { now } = world.core
  const ran: Array<Ran> = []
  const problems: Array<string> = []
  const exits: Array<{ readonly exit: Exit.Exit<unknown, unknown>; readonly at: number } | undefined> = []

  const performs = (call: number, plan: Plan) => {
    let n = 0
    return ({ reason, target }: { readonly reason: AttemptReason; readonly target: { readonly id: Id } }) =>
      Effect.suspend(() => {
        const one: Ran = { call, target: target.id, reason, at: now(), answeredAt: undefined, endedAt: Number.NaN }
        const competing = ran.filter((other) => other.call === call && Number.isNaN(other.endedAt)).length
        if (competing > 1) problems.push(`call ${call} runs ${competing + 1} times`)
        if (exits[call] !== undefined) problems.push(`call ${call} begins an attempt after its end`)
        ran.push(one)
        const { deaf, ends, ms, stopMs } = plan.attempts[Math.min(n++, plan.attempts.length - 1)] ?? {
          deaf: false,
          ends: "hang",
          ms: 0,
          stopMs: 0
        }
        if (ends === "hang") return Effect.onExit(Effect.never, () => stopped(one, stopMs))
        const answer = Effect.suspend((): Effect.Effect<string, unknown> => {
          one.answeredAt = now()
          if (ends === "ok") return Effect.succeed(`${ran.indexOf(one)}`)
          return ends === "die"
            ? Effect.die(new Error("bug"))
            : Effect.fail(ends === "mistake" ? invalidRequest : overloaded)
        })
        const works = ms === 0 ? answer : Effect.delay(answer, Duration.millis(ms))
        return Effect.onExit(deaf ? Effect.uninterruptible(works) : works, (exit) =>
          stopped(one, Exit.hasInterrupts(exit) ? stopMs : 0)
        )
      })
  }
  const stopped = (one: Ran, ms: number) =>
    Effect.andThen(
      ms === 0 ? Effect.void : Effect.sleep(Duration.millis(ms)),
      Effect.sync(() => {
        one.endedAt = now()
      })
    )

  const fibers: Array<Fiber.Fiber<unknown, unknown> | undefined> = []
  const left = new Set<number>()
  for (let at = 0; at <= 40_000; at += unit) {
    for (const [c, plan] of calls.entries()) {
      if (plan.at === at) {
        const { deadline, idempotent } = plan
        fibers[c] = yield* Effect.forkChild(
          Effect.onExit(
            world.router.route({ deadline, idempotent, tags: { call: String(c) } }, performs(c, plan)),
            (exit) => Effect.sync(() => (exits[c] = { exit, at: now() }))
          ),
          { startImmediately: true }
        )
      }
      const fiber = fibers[c]
      if (fiber !== undefined && exits[c] === undefined && plan.leavesAfter === at - plan.at) {
        left.add(c)
        // Not awaited: it may take time to stop.
        fiber.interruptUnsafe()
      }
    }
    time.advance(unit)
    if (calls.every((plan, c) => plan.at <= at && exits[c] !== undefined) && world.inFlight() === 0) break
  }
  for (let i = 0; i < 5; i++) {
    yield* Effect.yieldNow
    time.advance(250)
  }

  problems.push(...world.problems(), ...judgeBudgets(situation, world.records))
  for (const [c, plan] of calls.entries()) {
    const problem = (text: string) => problems.push(`call ${c}: ${text}`)
    const [record] = world.watcher.calls.find(({ info }) => info.request.tags["call"] === String(c))?.records ?? []
    const ended = exits[c]
    if (record === undefined || ended === undefined) {
      problem("never ended")
      continue
    }
    for (const text of judgeRecord(record, plan)) problem(text)
    const own = ran.filter(({ call }) => call === c)
    if (own.length > maxAttempts) problem(`${own.length} attempts`)
    // Those that do not listen, or are slow to stop, hold up a call that has no answer.
    const slack = 8 * unit + longestStop
    if (ended.at - plan.at > plan.deadline + slack) problem(`ended ${ended.at - plan.at - plan.deadline} ms late`)
    if (Exit.isSuccess(ended.exit)) {
      const winner = ran[Number(ended.exit.value)]
      const earlier = own.find(
        (one, i) =>
          one.answeredAt !== undefined &&
          winner?.answeredAt !== undefined &&
          one.answeredAt < winner.answeredAt &&
          one.answeredAt - one.at < attemptMs &&
          plan.attempts[Math.min(i, plan.attempts.length - 1)]?.ends === "ok"
      )
      if (winner?.call !== c) problem("was given the answer of another call")
      if (earlier !== undefined) problem(`${earlier.target} answered before ${winner?.target}`)
      if (winner !== undefined && winner.answeredAt !== ended.at) problem("waited for the one that lost")
      if (record.outcome !== "ok" && !left.has(c)) problem(`answered, recorded as ${record.outcome}`)
    } else if (record.outcome === "ok" && !left.has(c)) problem("recorded as ok")
    if (!left.has(c) && Exit.hasInterrupts(ended.exit)) problem("was interrupted by nobody")
    const mistake = own.some(
      (one, i) =>
        one.answeredAt !== undefined && plan.attempts[Math.min(i, plan.attempts.length - 1)]?.ends === "mistake"
    )
    if (Exit.isFailure(ended.exit) && Cause.squash(ended.exit.cause) === invalidRequest && !mistake) {
      problem("fails with a mistake nobody made")
    }
    // A copy is made whenever it is due and allowed.
    const generous = budget.maxExtra === 1 && budget.minPerSecond === 10 && budget.reserve === 10
    if (generous && maxInFlight === 100 && plan.idempotent && !left.has(c)) {
      for (const [i, one] of own.entries()) {
        const dueAt = one.at + after
        const due =
          one.reason !== "hedge" &&
          i + 1 < maxAttempts &&
          dueAt < plan.at + plan.deadline &&
          attemptMs > after &&
          one.endedAt > dueAt &&
          !(ended.at <= dueAt) &&
          // An attempt that was not asked before is left.
          new Set(own.slice(0, i + 1).map(({ target }) => target)).size < ids.length
        if (due && own[i + 1]?.reason !== "hedge") problem(`no copy of attempt ${i}`)
      }
    }
  }
  assert.deepStrictEqual(problems, [])
})

it("a hedged call has one winner, two copies at most, and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(situation, (situation) => {
      const time = ManualClock.make()
      return run(situation, time).pipe(
        Effect.scoped,
        Random.withSeed(String(situation.seed)),
        Effect.provideService(Clock.Clock, time),
        Effect.runPromise
      )
    }),
    { numRuns: 1000 }
  )
}, 300_000)

const script: fc.Arbitrary<Script> = fc
  .record({
    firstMs: times(5),
    nextMs: times(5),
    ending: fc.constantFrom(
      [parts("finish")],
      [parts("finish")],
      [parts("finish")],
      [fail(overloaded)],
      [fail(invalidRequest)],
      [],
      [hang],
      [die]
    ),
    contentFirst: fc.constantFrom(true, true, true, false),
    closeMs: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: times(20) }),
    stubborn: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
  })
  .map(({ closeMs, contentFirst, ending, firstMs, nextMs, stubborn }) => ({
    opening: [],
    steps: [
      parts("start"),
      wait(firstMs),
      ...(contentFirst ? [parts("text"), wait(nextMs), parts("text")] : []),
      ...ending
    ],
    closeMs,
    closeDies: false,
    stubborn,
    closesItself: false
  }))
const streams = fc.record({
  seed: fc.nat(),
  /** Operations between two yields: a small number lets other fibers in almost anywhere. */
  ops: fc.constantFrom(2048, 2048, 3, 6),
  budget,
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  attemptMs: fc.constantFrom(150, 300, 60_000),
  maxInFlight: fc.constantFrom(1, 100),
  plans: fc.record({
    a: fc.array(script, { minLength: 1, maxLength: 2 }),
    b: fc.array(script, { minLength: 1, maxLength: 2 }),
    c: fc.array(script, { minLength: 1, maxLength: 2 })
  }),
  calls: fc.array(
    fc.record({
      at: times(4),
      deadline: fc.constantFrom(30_000, 30_000, 30_000, 300, 600),
      idempotent: fc.constantFrom(true, true, true, true, false),
      onBreak: fc.constantFrom("fail", "restart", "buffered"),
      leavesAfter: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: times(12) })
    }),
    { minLength: 1, maxLength: 2 }
  )
})
type Streams = typeof streams extends fc.Arbitrary<infer S> ? S : never

const policies = {
  fail: BreakPolicy.fail,
  restart: BreakPolicy.restart<Part>(({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts })),
  buffered: BreakPolicy.buffered
}

const runStreams = Effect.fnUntraced(function* (situation: Streams, time: ManualClock.ManualClock) {
  const { calls, ops, plans } = situation
  const world = yield* setup(situation)
  const provider = Provider.make(plans)
  const got: Array<Array<Part>> = calls.map(() => [])
  const exits: Array<Exit.Exit<unknown, unknown> | undefined> = []
  const fibers: Array<Fiber.Fiber<unknown, unknown> | undefined> = []
  const left = new Set<number>()
  for (let at = 0; at <= 40_000; at += unit) {
    for (const [c, { deadline, idempotent, leavesAfter, onBreak, at: startsAt }] of calls.entries()) {
      if (startsAt === at) {
        const options = { deadline, idempotent, tags: { call: String(c) } }
        const stream = world.router.stream(options, provider.open, { isContent, isEnd, onBreak: policies[onBreak] })
        const fiber = yield* Effect.forkChild(Provider.drain(stream, got[c] ?? []), { startImmediately: true }).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
        )
        fibers[c] = fiber
        fiber.addObserver((exit) => {
          exits[c] = exit
        })
      }
      if (leavesAfter === at - startsAt && exits[c] === undefined) {
        left.add(c)
        fibers[c]?.interruptUnsafe()
      }
    }
    // Fibers that yield early have to come to rest, else time runs ahead of them.
    for (let i = 0; i < (ops > 100 ? 1 : 40); i++) yield* Effect.yieldNow
    time.advance(unit)
    if (calls.every((plan, c) => plan.at <= at && exits[c] !== undefined) && world.inFlight() === 0) break
  }
  for (let i = 0; i < 5; i++) {
    for (let j = 0; j < 20; j++) yield* Effect.yieldNow
    time.advance(250)
  }
  const problems = [...world.problems(), ...provider.problems(), ...judgeBudgets(situation, world.records)]
  for (const [c, plan] of calls.entries()) {
    const problem = (text: string) => problems.push(`call ${c}: ${text}`)
    const [record] = world.watcher.calls.find(({ info }) => info.request.tags["call"] === String(c))?.records ?? []
    const exit = exits[c]
    if (record === undefined || exit === undefined) {
      // It may have gone before it came.
      if (!left.has(c) || exit === undefined) problem("never ended")
      continue
    }
    if (record.attempts.length > situation.maxAttempts) problem(`${record.attempts.length} attempts`)
    // With few operations between yields virtual time runs on a little before an attempt is told of it.
    if (ops > 100) for (const text of judgeRecord(record, plan)) problem(text)
    const segments: Array<Array<Part>> = [[]]
    for (const part of got[c] ?? []) {
      if (part.type === "restart") segments.push([])
      else segments[segments.length - 1]?.push(part)
    }
    if (segments.length > 1 && plan.onBreak !== "restart") problem("a restart nobody asked for")
    for (const segment of segments) {
      const [first] = segment
      if (segment.some(({ stream }) => stream !== first?.stream)) problem("parts of two streams in one answer")
      if (segment.some(({ n }, i) => n !== i)) problem("parts out of order")
    }
    const last = segments[segments.length - 1] ?? []
    if (Exit.isSuccess(exit)) {
      if (last.at(-1)?.type !== "finish") problem("ended well without an end")
      if (record.servedBy !== last[0]?.target) problem(`shows ${last[0]?.target}, served by ${record.servedBy}`)
      if (record.outcome !== "ok") problem(`ended well, recorded as ${record.outcome}`)
    } else if (Exit.hasInterrupts(exit) && !left.has(c)) problem("was interrupted by nobody")
  }
  assert.deepStrictEqual(problems, [])
})

it("a hedged stream shows one copy, and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(streams, (situation) => {
      const time = ManualClock.make()
      return runStreams(situation, time).pipe(
        Effect.scoped,
        Random.withSeed(String(situation.seed)),
        Effect.provideService(Clock.Clock, time),
        Effect.runPromise
      )
    }),
    { numRuns: 1000 }
  )
}, 300_000)
