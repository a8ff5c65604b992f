/** The laws of retry, failover and waiting, for any sequence of outcomes, any policy and several calls at once. */
import { assert, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Random } from "effect"
import { AiError } from "effect/ai"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import * as Trip from "../../src/gates/Trip.ts"
import * as World from "./support/World.ts"

const aiError = (reason: AiError.AiErrorReason) => AiError.make({ module: "Test", method: "call", reason })
const description = "no"

/** After such an error of a target: may the same call ask it again, may it ask another, how long must nobody ask? */
interface Kind {
  readonly error: unknown
  readonly same: boolean
  readonly other: boolean
  readonly parkedMs: number
}
const kind = (error: unknown, same: boolean, other: boolean, parkedMs = 0): Kind => ({ error, same, other, parkedMs })
const misconfiguredMs = 2000
const hinted = (retryAfter: number) =>
  aiError(new AiError.InternalProviderError({ description, metadata: { spillway: { retryAfter, health: "fault" } } }))
const kinds: ReadonlyArray<Kind> = [
  kind(aiError(new AiError.RateLimitError({})), true, true, 1000),
  kind(aiError(new AiError.RateLimitError({ retryAfter: Duration.millis(300) })), true, true, 300),
  kind(aiError(new AiError.RateLimitError({ retryAfter: Duration.seconds(4) })), true, true, 4000),
  kind(aiError(new AiError.QuotaExhaustedError({})), false, true, misconfiguredMs),
  kind(aiError(new AiError.AuthenticationError({ kind: "InvalidKey" })), false, true, misconfiguredMs),
  kind(aiError(new AiError.ContentPolicyError({ description })), false, false),
  kind(aiError(new AiError.InvalidRequestError({ description })), false, false),
  kind(aiError(new AiError.InternalProviderError({ description })), true, true),
  kind(hinted(700), true, true, 700),
  kind(
    aiError(new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "http://a.example" })),
    true,
    true
  ),
  kind(aiError(new AiError.InvalidResponseError({ description })), false, true),
  kind(aiError(new AiError.InvalidOutputError({ description })), true, true),
  kind(aiError(new AiError.StructuredOutputError({ description, responseText: "" })), true, true),
  kind(aiError(new AiError.UnsupportedSchemaError({ description })), false, true),
  kind(aiError(new AiError.UnknownError({})), false, true),
  kind(aiError(new AiError.ToolNotFoundError({ toolName: "t", availableTools: [] })), false, false),
  kind(new Error("something else"), false, true),
  kind("not an error at all", false, true)
]
class Bug extends Error {}

const longest = 1200
const millis = fc.oneof(fc.constantFrom(0, 0, 100, 300, 1000), fc.integer({ min: 0, max: longest }))
const outcome = fc.oneof(
  { weight: 3, arbitrary: millis.map((ms) => ({ _tag: "Success", ms }) as const) },
  {
    weight: 6,
    arbitrary: fc.tuple(millis, fc.constantFrom(...kinds)).map(([ms, kind]) => ({ _tag: "Fail", ms, kind }) as const)
  },
  { weight: 1, arbitrary: fc.constant({ _tag: "Hang" } as const) },
  { weight: 1, arbitrary: millis.map((ms) => ({ _tag: "Die", ms }) as const) }
)
type Outcome = typeof outcome extends fc.Arbitrary<infer O> ? O : never
const ids = ["a", "b", "c"] as const
type Id = (typeof ids)[number]

const situation = fc.record({
  seed: fc.nat(),
  outcomes: fc.record({
    a: fc.array(outcome, { minLength: 1, maxLength: 5 }),
    b: fc.array(outcome, { minLength: 1, maxLength: 5 }),
    c: fc.array(outcome, { minLength: 1, maxLength: 5 })
  }),
  calls: fc.array(
    fc.record({
      startsAt: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1500 })),
      deadline: fc.oneof(fc.constantFrom(100, 300, 1000, 60_000), fc.integer({ min: 1, max: 7000 })),
      idempotent: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) })
    }),
    { minLength: 1, maxLength: 4 }
  ),
  maxAttempts: fc.integer({ min: 1, max: 6 }),
  ratio: fc.constantFrom(0, 0.2, 1),
  minPerSecond: fc.constantFrom(0, 0.2, 10),
  base: fc.constantFrom(10, 300, 2000),
  attemptMs: fc.constantFrom(300, 1000, 60_000),
  maxInFlight: fc.integer({ min: 1, max: 3 }),
  tiers: fc.constantFrom(undefined, [["a"], ["b", "c"]] as const),
  breaker: fc.boolean()
})
type Situation = typeof situation extends fc.Arbitrary<infer S> ? S : never

interface Asked {
  readonly call: number
  readonly target: Id
  readonly at: number
  readonly outcome: Outcome
  endedAt: number
  /** How many attempts of any call had begun when it ended. */
  endedAfter: number
  /** Ended with what the outcome says, not by an interruption. */
  answered: boolean
}

const run = Effect.fnUntraced(function* (situation: Situation) {
  const { attemptMs, base, breaker, calls, maxAttempts, maxInFlight, minPerSecond, outcomes, ratio, tiers } = situation
  const world = yield* World.make(ids, {
    timeouts: { attempt: attemptMs },
    limits: { maxInFlight },
    retry: {
      maxAttempts,
      transient: { base, cap: base * 4 },
      throttled: { base, cap: base * 4 },
      budget: { ratio, minPerSecond }
    },
    gates: {
      cooldown: { misconfiguredFor: misconfiguredMs },
      breaker: breaker ? { trip: Trip.timeWindow({ minCalls: 2 }), openFor: 500, rampFor: 2000 } : false
    },
    ...(tiers === undefined ? {} : { tiers })
  })
  const now = world.core.now
  const asked: Array<Asked> = []
  const exits: Array<{ readonly exit: Exit.Exit<unknown, unknown>; readonly at: number } | undefined> = calls.map(
    () => undefined
  )
  for (const [call, { deadline, idempotent, startsAt }] of calls.entries()) {
    const routed = world.router.route({ deadline, idempotent, tags: { call: String(call) } }, ({ target }) => {
      const list = outcomes[target.id]
      const outcome =
        list[asked.filter((one) => one.target === target.id).length % list.length] ?? ({ _tag: "Hang" } as const)
      const one: Asked = {
        call,
        target: target.id,
        at: now(),
        outcome,
        endedAt: Number.NaN,
        endedAfter: 0,
        answered: false
      }
      asked.push(one)
      const end: Effect.Effect<string, unknown> = Effect.suspend((): Effect.Effect<string, unknown> => {
        one.answered = true
        if (outcome._tag === "Success") return Effect.succeed(`${call} from ${target.id}`)
        return outcome._tag === "Fail" ? Effect.fail(outcome.kind.error) : Effect.die(new Bug())
      })
      const effect =
        outcome._tag === "Hang" ? Effect.never : outcome.ms === 0 ? end : Effect.delay(end, Duration.millis(outcome.ms))
      return Effect.onExit(effect, () =>
        Effect.sync(() => {
          one.endedAt = now()
          one.endedAfter = asked.length
        })
      )
    })
    const watched = Effect.flatMap(Effect.exit(routed), (exit) =>
      Effect.map(Clock.currentTimeMillis, (at) => {
        exits[call] = { exit, at }
      })
    )
    yield* Effect.forkChild(startsAt === 0 ? watched : Effect.delay(watched, Duration.millis(startsAt)), {
      startImmediately: true
    })
  }
  yield* TestClock.adjust("2 minutes")

  const problems = world.problems()
  for (const [c, plan] of calls.entries()) {
    const problem = (text: string) => problems.push(`call ${c}: ${text}`)
    const own = asked.filter(({ call }) => call === c)
    const ended = exits[c]
    const [record] = world.watcher.calls.find(({ info }) => info.request.tags["call"] === String(c))?.records ?? []
    if (ended === undefined || record === undefined) {
      problem("never ended")
      continue
    }
    const { at, exit } = ended
    if (own.length > maxAttempts) problem(`${own.length} attempts`)
    if (record.attempts.length !== own.length) problem("the record has not all attempts")
    // Timers know whole milliseconds only, and calls share them.
    if (at - plan.startsAt >= plan.deadline + 1)
      problem(`ended ${at - plan.startsAt - plan.deadline} ms after its deadline`)
    if (own.some((one) => one.at - plan.startsAt >= plan.deadline)) problem("asked after its deadline")
    if ((record.outcome === "ok") !== Exit.isSuccess(exit)) problem(`${exit._tag}, recorded as ${record.outcome}`)
    for (const [i, one] of own.entries()) {
      const next = own[i + 1]
      if (next === undefined) continue
      if (next.at < one.endedAt) problem("two attempts at once")
      if (one.outcome._tag === "Success" && one.answered) problem("went on after an answer")
      if (one.outcome._tag === "Die" && one.answered) problem("went on after a defect")
      const rateLimit =
        one.outcome._tag === "Fail" &&
        AiError.isAiError(one.outcome.kind.error) &&
        one.outcome.kind.error.reason._tag === "RateLimitError"
      if (!plan.idempotent && !(rateLimit && one.answered)) problem("sent twice what must not be")
      if (one.outcome._tag === "Fail" && one.answered && !one.outcome.kind.same && !one.outcome.kind.other)
        problem("retried what the caller did wrong")
      const barred = !one.answered || (one.outcome._tag === "Fail" && !one.outcome.kind.same)
      if (barred && own.slice(i + 1).some(({ target }) => target === one.target)) problem(`asked ${one.target} again`)
      if (next.target === one.target && next.at === one.at) problem("asked the same target again without a pause")
    }
    const last = own[own.length - 1]
    if (Exit.isSuccess(exit)) {
      if (exit.value !== `${c} from ${last?.target}`) problem(`answered ${String(exit.value)}`)
    } else {
      const error = Cause.squash(exit.cause)
      const ownMistake =
        last?.outcome._tag === "Fail" && last.answered && !last.outcome.kind.same && !last.outcome.kind.other
      const tag = (error as { readonly _tag?: string })._tag
      if (Cause.hasInterrupts(exit.cause)) problem("was interrupted by nobody")
      else if (ownMistake && error !== last.outcome.kind.error)
        problem(`hid the caller's own mistake behind ${String(error)}`)
      else if (!ownMistake && tag !== "RouteError" && !(error instanceof Bug)) problem(`failed with ${String(error)}`)
      const { reason, retryAfterMs } = error as {
        readonly reason?: { readonly _tag: string }
        readonly retryAfterMs?: number
      }
      if (retryAfterMs !== undefined && !(retryAfterMs >= 0 && retryAfterMs <= 10_000))
        problem(`retry after ${retryAfterMs} ms`)
      if (reason?._tag === "DeadlineExceeded" && at - plan.startsAt < plan.deadline)
        problem("gave up before its deadline and blamed it")
      // Fewer only when every target was asked and none of them may be asked again.
      const asks = new Set(own.map((one) => one.target))
      if (reason?._tag === "AttemptsExhausted" && own.length !== maxAttempts && asks.size !== ids.length)
        problem(`exhausted after ${own.length} attempts`)
    }
  }
  // A target that asked for time is left alone by every call until then.
  for (const one of asked) {
    const parkedMs = one.outcome._tag === "Fail" && one.answered ? one.outcome.kind.parkedMs : 0
    const early = asked
      .slice(one.endedAfter)
      .find((other) => other.target === one.target && other.at < one.endedAt + parkedMs - 1e-6)
    if (early !== undefined)
      problems.push(`${one.target} was asked ${early.at - one.endedAt} ms after it wanted ${parkedMs} ms`)
  }
  // All within the first 10 seconds, the budget's memory; a call that never got an attempt pays nothing in.
  const firsts = new Set(asked.map(({ call }) => call)).size
  const early = asked.filter(({ at }) => at < 10_000)
  const extras = early.length - new Set(early.map(({ call }) => call)).size
  if (extras > ratio * firsts + minPerSecond * 10 + 1e-6) problems.push(`${extras} extra attempts of ${firsts} calls`)
  assert.deepStrictEqual(problems, [])
})

it("a call keeps the laws of retry, failover and waiting, whatever targets answer", async () => {
  await fc.assert(
    fc.asyncProperty(situation, (situation) =>
      run(situation).pipe(
        Effect.scoped,
        Random.withSeed(String(situation.seed)),
        Effect.provide(TestClock.layer()),
        Effect.runPromise
      )
    ),
    { numRuns: 1500 }
  )
}, 300_000)
