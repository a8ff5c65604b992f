/** Many callers in virtual time: who shares what with whom, against a naive account of it; and what a cache is worth. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Random, Scope, Stream } from "effect"
import fc from "fast-check"
import { rng } from "../../src/testing/Seeded.ts"
import * as ManualClock from "../router/support/ManualClock.ts"
import { cache, counted, countedStream, drain, key, upstream } from "./ResponseCacheSupport.ts"

const a = key("a")

/** One caller. Times are made so that no two kinds of event ever fall on the same instant. */
const caller = fc.record({
  /** Tenths of a second; comes at 10 · n + 1 ms. */
  comes: fc.integer({ min: 0, max: 120 }),
  /** Leaves after so many tenths, unless it has its answer by then. */
  stays: fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 40 })),
  /** Between two parts. */
  pause: fc.constantFrom(0, 0, 0, 20, 100)
})
const plan = fc.record({
  callers: fc.array(caller, { minLength: 1, maxLength: 12, size: "max" }),
  /** Tenths of a second between the parts of the answer; one part each. */
  gaps: fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 5 }),
  ttl: fc.constantFrom(0, 100, 300, 1000, Number.POSITIVE_INFINITY),
  streams: fc.boolean()
})
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

const partsOf = ({ gaps }: Plan) => gaps.map((_, i) => i)
const comesAt = (caller: Plan["callers"][number]) => 10 * caller.comes + 1
const leavesAt = ({ comes, stays }: Plan["callers"][number]) =>
  stays === undefined ? Number.POSITIVE_INFINITY : 10 * (comes + stays) + 5

/** How many runs there must be, by going through the events in the order of time. */
const expectedRuns = (plan: Plan): { readonly runs: number; readonly whole: ReadonlySet<number> } => {
  const took = plan.gaps.reduce((sum, gap) => sum + 10 * gap, 3)
  const whole = new Set<number>()
  let runs = 0
  let endsAt: number | undefined
  let keptUntil = Number.NEGATIVE_INFINITY
  let waiting = new Set<number>()
  const events = plan.callers
    .flatMap((caller, i) => [
      { at: comesAt(caller), i, comes: true },
      { at: leavesAt(caller), i, comes: false }
    ])
    .sort((one, other) => one.at - other.at || one.i - other.i)
  for (const { at, comes, i } of [...events, { at: Number.POSITIVE_INFINITY, comes: false, i: -1 }]) {
    if (endsAt !== undefined && endsAt <= at) {
      for (const i of waiting) whole.add(i)
      keptUntil = endsAt + plan.ttl
      waiting = new Set()
      endsAt = undefined
    }
    if (i === -1) break
    if (comes && at < keptUntil) {
      whole.add(i)
    } else if (comes) {
      if (endsAt === undefined) {
        runs++
        endsAt = at + took
      }
      waiting.add(i)
    } else if (waiting.delete(i) && waiting.size === 0) {
      endsAt = undefined
    }
  }
  return { runs, whole }
}

describe("callers who come and go at random", () => {
  it("get one and the same answer, by exactly as many runs as it takes", async () => {
    const run = (plan: Plan) =>
      Effect.gen(function* () {
        const time = ManualClock.make()
        const scope = Scope.makeUnsafe()
        yield* Effect.gen(function* () {
          const answers = yield* Scope.provide(cache({ ttl: plan.ttl }), scope)
          const runs = upstream()
          const parts = partsOf(plan)
          // The first part 3 ms late, so that no part comes at the time of another event.
          const wait = (i: number) => Effect.sleep(10 * (plan.gaps[i] ?? 0) + (i === 0 ? 3 : 0))
          const source = Stream.mapEffect(Stream.rechunk(Stream.fromArray(parts), 1), (i) => Effect.as(wait(i), i))
          const got: Array<Array<number>> = plan.callers.map(() => [])
          const ask = ({ pause }: Plan["callers"][number], into: Array<number>) =>
            plan.streams
              ? pause === 0
                ? drain(answers.stream(a, countedStream(runs, source)), into)
                : Stream.runForEach(answers.stream(a, countedStream(runs, source)), (part) =>
                    Effect.andThen(
                      Effect.sync(() => into.push(part)),
                      Effect.sleep(pause)
                    )
                  )
              : Effect.map(answers.get(a, counted(runs, Stream.runCollect(source))), ({ value }) => into.push(...value))

          const fibers: Array<Fiber.Fiber<unknown, unknown> | undefined> = []
          const events = plan.callers
            .flatMap((caller, i) => [
              { at: comesAt(caller), i, comes: true },
              { at: leavesAt(caller), i, comes: false }
            ])
            .filter(({ at }) => at < Number.POSITIVE_INFINITY)
            .sort((one, other) => one.at - other.at || one.i - other.i)
          for (const { at, comes, i } of events) {
            time.advance(at - time.currentTimeMillisUnsafe())
            const caller = plan.callers[i]
            const into = got[i]
            if (caller === undefined || into === undefined) continue
            if (comes) {
              fibers[i] = yield* Effect.forkChild(ask(caller, into), { startImmediately: true })
              continue
            }
            const fiber = fibers[i]
            if (fiber !== undefined) yield* Fiber.interrupt(fiber)
          }
          time.advance(10_000)
          yield* Effect.yieldNow

          const expected = expectedRuns(plan)
          assert.strictEqual(runs.started, expected.runs, "runs")
          assert.strictEqual(runs.ended, expected.runs, "runs that ended")
          for (const [i, caller] of plan.callers.entries()) {
            const into = got[i] ?? []
            assert.deepStrictEqual(into, parts.slice(0, into.length), `caller ${i} has a gap`)
            const exit = fibers[i]?.pollUnsafe()
            assert.isDefined(exit, `caller ${i} never ended`)
            // A slow reader may have left before it had read it all.
            const mayLeave = leavesAt(caller) < Number.POSITIVE_INFINITY && caller.pause > 0
            if (expected.whole.has(i) && !mayLeave) assert.strictEqual(into.length, parts.length, `caller ${i}`)
            if (!expected.whole.has(i)) assert.strictEqual(exit?._tag, "Failure", `caller ${i} should have left`)
          }
          const { inFlight } = yield* answers.snapshot
          assert.strictEqual(inFlight, 0)
        }).pipe(Effect.provideService(Clock.Clock, time))
        yield* Scope.close(scope, Exit.void)
      })
    await fc.assert(
      fc.asyncProperty(plan, (plan) => Effect.runPromise(run(plan))),
      { numRuns: 1500 }
    )
  }, 120_000)
})

interface Workload {
  readonly prompts: number
  /** Exponent of Zipf's law: the k-th most frequent prompt is asked with probability proportional to k^-s. */
  readonly exponent: number
  readonly perSecond: number
  readonly seconds: number
}

/** Poisson arrivals, Zipf prompts, 0.5 to 3 s per provider call. */
const arrivals = ({ exponent, perSecond, prompts, seconds }: Workload) => {
  const next = rng(20_260)
  const cumulated: Array<number> = []
  let total = 0
  for (let k = 1; k <= prompts; k++) {
    total += k ** -exponent
    cumulated.push(total)
  }
  const list: Array<{ readonly at: number; readonly prompt: number; readonly ms: number }> = []
  for (let at = 0; ; ) {
    at += (-Math.log(1 - next()) / perSecond) * 1000
    if (at >= seconds * 1000) return list
    const drawn = next() * total
    list.push({ at, prompt: cumulated.findIndex((sum) => drawn < sum), ms: 500 + 2500 * next() })
  }
}

/** Provider calls of the workload with a cache in front, run on the real thing. */
const fetchesOf = (workload: Workload, jitter: number) =>
  Effect.gen(function* () {
    const time = ManualClock.make()
    return yield* Effect.gen(function* () {
      const answers = yield* Random.withSeed(cache({ jitter }), "zipf")
      const list = arrivals(workload)
      let answered = 0
      for (const { at, ms, prompt } of list) {
        time.advance(at - time.currentTimeMillisUnsafe())
        yield* Effect.forkChild(
          Effect.map(answers.get(key(`${prompt}`), Effect.as(Effect.sleep(ms), prompt)), ({ value }) => {
            if (value === prompt) answered++
          }),
          { startImmediately: true }
        )
      }
      time.advance(10_000)
      yield* Effect.yieldNow
      assert.strictEqual(answered, list.length)
      return { calls: list.length, fetches: (yield* answers.snapshot).fetches }
    }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, time))
  })

describe("a workload in which few prompts are asked often (Zipf, s = 1, 1,000 prompts, 20 minutes, ttl 5 minutes)", () => {
  for (const perSecond of [2, 5, 10]) {
    it.effect(`needs at least 60 % fewer provider calls at ${perSecond} calls per second`, () =>
      Effect.gen(function* () {
        const workload = { prompts: 1000, exponent: 1, perSecond, seconds: 1200 }

        // By hand: a prompt is fetched, answers until its time is over, and is fetched again at the next call.
        const freeAt = new Map<number, number>()
        let byHand = 0
        for (const { at, ms, prompt } of arrivals(workload)) {
          if (at < (freeAt.get(prompt) ?? 0)) continue
          byHand++
          freeAt.set(prompt, at + ms + 300_000)
        }
        const exact = yield* fetchesOf(workload, 0)
        assert.strictEqual(exact.fetches, byHand)

        const { calls, fetches } = yield* fetchesOf(workload, 0.1)
        assert.isAtLeast(1 - fetches / calls, 0.6)
      })
    )
  }
})
