/**
 * The laws of waiting, for any arrivals, service times, failures and departures: nobody waits while a target that fits has
 * room, nobody is sent away then, the order is kept, and every call ends once and in time.
 */
import { assert, it } from "@effect/vitest"
import { levelOf } from "@spillway/core/Cost"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Random } from "effect"
import fc from "fast-check"
import * as AdmissionQueue from "../../src/state/AdmissionQueue.ts"
import { invalidRequest, overloaded, rateLimited } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as World from "./support/World.ts"

const ids = ["a", "b", "c"] as const
type Id = (typeof ids)[number]

/** All times are multiples of it, so that things happen at one moment often. */
const unit = 50
const times = (max: number) => fc.integer({ min: 0, max }).map((n) => n * unit)
const parkedMs = 300
const backoffMs = 100
/** What a call that has failed n times may have to wait for: chance adds up to a tenth to a known time. */
const longestBackoff = (n: number) => Math.max(backoffMs * 2 ** (n - 1), 1.1 * parkedMs) + unit

const call = fc.record({
  at: times(20),
  priority: fc.constantFrom("P0", "P1", "P1", "P2", "P3"),
  tenant: fc.constantFrom(undefined, undefined, "x", "y"),
  /** A bit for each target. */
  allowed: fc.oneof({ weight: 2, arbitrary: fc.constant(7) }, { weight: 3, arbitrary: fc.integer({ min: 1, max: 7 }) }),
  ms: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 4, arbitrary: times(12) }),
  /** Attempt by attempt; the last one is repeated. */
  ends: fc.array(fc.constantFrom("ok", "ok", "ok", "overloaded", "limited", "mistake", "die"), {
    minLength: 1,
    maxLength: 3
  }),
  deadline: fc.oneof(
    { weight: 2, arbitrary: fc.constant(30_000) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 24 }).map((n) => n * unit) }
  ),
  leavesAfter: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: times(16) })
})
const situation = fc.record({
  seed: fc.nat(),
  limits: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  tiers: fc.constantFrom(undefined, undefined, [["a"], ["b", "c"]] as const),
  order: fc.constantFrom("deadline", "strict"),
  fair: fc.boolean(),
  maxWait: fc.constantFrom(200, 500, 60_000),
  maxQueued: fc.constantFrom(0, 2, 4, 1000),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  limited: fc.boolean(),
  calls: fc.array(call, { minLength: 2, maxLength: 12, size: "max" })
})
type Situation = typeof situation extends fc.Arbitrary<infer S> ? S : never
type Plan = Situation["calls"][number]

interface Caller {
  readonly plan: Plan
  readonly index: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  attempts: number
  running: number
  startedAt: number
  servedAt: number | undefined
  failedAt: number
  left: boolean
  exit: Exit.Exit<unknown, unknown> | undefined
  endedAt: number
}

const run = Effect.fnUntraced(function* (situation: Situation, time: ManualClock.ManualClock) {
  const { calls, fair, limited, limits, maxAttempts, maxQueued, maxWait, order, tiers } = situation
  const world = yield* World.make(ids, {
    specs: {
      a: { limits: { maxInFlight: limits[0] } },
      b: { limits: { maxInFlight: limits[1] } },
      c: { limits: { maxInFlight: limits[2] } }
    },
    gates: { breaker: false },
    retry: {
      maxAttempts,
      transient: { base: backoffMs, jitter: "none" },
      throttled: { base: backoffMs, jitter: "none" },
      budget: { minPerSecond: 1000 }
    },
    admission: {
      maxWait,
      maxQueued,
      order: order === "strict" ? AdmissionQueue.strict : AdmissionQueue.deadline(),
      ...(fair ? {} : { fairness: false as const })
    },
    ...(tiers === undefined ? {} : { tiers })
  })
  const { core } = world
  const { now } = core
  const problems: Array<string> = []
  const cost = { requests: 1, tokens: 0 }
  const mayUse = ({ plan }: Caller, id: Id) => (plan.allowed & (1 << ids.indexOf(id))) !== 0
  const isFree = (caller: Caller, tier?: number, at = now()) =>
    core.states.some(
      (state) =>
        mayUse(caller, state.target.id) &&
        (tier === undefined || state.target.tier === tier) &&
        state.verdict(at, cost) === undefined
    )
  /** A busy tier is waited for, so what is free behind it does not count. */
  const couldBeServed = (caller: Caller) =>
    // Timers know whole milliseconds only.
    isFree(caller, tiers !== undefined && mayUse(caller, "a") ? 0 : undefined, now() - 1)
  const isFresh = ({ attempts, exit, fiber }: Caller) => fiber !== undefined && exit === undefined && attempts === 0
  const callers = calls.map(
    (plan, index): Caller => ({
      plan,
      index,
      fiber: undefined,
      attempts: 0,
      running: 0,
      startedAt: Number.NaN,
      servedAt: undefined,
      failedAt: Number.NaN,
      left: false,
      exit: undefined,
      endedAt: Number.NaN
    })
  )
  const describe = ({ index, plan }: Caller) => `call ${index} (${plan.priority} of ${plan.tenant} at ${plan.at})`

  /** Somebody is served: was it somebody else's turn? */
  const served = (caller: Caller) => {
    for (const other of callers) {
      if (other === caller || !isFresh(other) || other.left || other.plan.allowed !== caller.plan.allowed) continue
      // Its time is up at this very moment.
      if (now() >= other.startedAt + Math.min(other.plan.deadline, maxWait)) continue
      const [mine, its] = [levelOf(caller.plan.priority), levelOf(other.plan.priority)]
      // Who has waited for a known time and was not served then begins anew at the end.
      const keepsPlace = !limited || maxWait === 60_000
      // A busy tier is left by those who have waited for it, and by those who may not.
      if (tiers !== undefined && (maxWait !== 60_000 || maxQueued !== 1000)) continue
      if (order === "strict" && its < mine && keepsPlace)
        problems.push(`${describe(caller)} overtook ${describe(other)}`)
      const sameLine = its === mine && (!fair || other.plan.tenant === caller.plan.tenant)
      if (sameLine && keepsPlace && other.startedAt < caller.startedAt) {
        problems.push(`${describe(caller)} came after ${describe(other)} and was served first`)
      }
    }
  }

  const routed = (caller: Caller) =>
    world.router.route(
      {
        priority: caller.plan.priority,
        deadline: caller.plan.deadline,
        tenant: caller.plan.tenant,
        needs: { allow: ({ id }) => mayUse(caller, id as Id) }
      },
      ({ target }) =>
        Effect.suspend(() => {
          if (caller.attempts === 0) served(caller)
          if (caller.left) problems.push(`${describe(caller)} was served after it had gone`)
          if (!mayUse(caller, target.id)) problems.push(`${describe(caller)} was given ${target.id}`)
          if (now() >= caller.startedAt + caller.plan.deadline) problems.push(`${describe(caller)}: after its deadline`)
          if (++caller.running > 1) problems.push(`${describe(caller)} runs twice`)
          const { ends, ms } = caller.plan
          const end = ends[Math.min(caller.attempts, ends.length - 1)]
          caller.attempts++
          caller.servedAt ??= now()
          const answer = Effect.suspend((): Effect.Effect<string, unknown> => {
            if (end === "ok" || (end === "limited" && !limited)) return Effect.succeed("ok")
            if (end === "die") return Effect.die(new Error("bug"))
            caller.failedAt = now()
            return Effect.fail(
              end === "mistake" ? invalidRequest : end === "limited" ? rateLimited(parkedMs / 1000) : overloaded
            )
          })
          return Effect.ensuring(
            ms === 0 ? answer : Effect.delay(answer, Duration.millis(ms)),
            Effect.sync(() => {
              caller.running--
            })
          )
        })
    )

  const ended = (caller: Caller, exit: Exit.Exit<unknown, unknown>) => {
    caller.exit = exit
    caller.endedAt = now()
    if (Exit.isSuccess(exit) || caller.attempts > 0) return
    const { reason } = Cause.squash(exit.cause) as { readonly reason?: { readonly _tag: string; readonly by?: string } }
    const waited = caller.endedAt - caller.startedAt
    if (reason?._tag === "NoCandidate" || reason?._tag === "Overloaded") {
      if (isFree(caller)) problems.push(`${describe(caller)} was sent away (${reason._tag}) while a target was free`)
    }
    if (reason?._tag === "NoCandidate" && !limited && waited !== maxWait) {
      problems.push(`${describe(caller)} gave up after ${waited} ms`)
    }
    if (reason?.by === "QueueFull" && core.admission.size < maxQueued) {
      problems.push(`${describe(caller)} was refused by a queue of ${core.admission.size}`)
    }
    if (reason?.by === "Evicted") {
      const worse = callers.find(
        (other) => other !== caller && isFresh(other) && levelOf(other.plan.priority) > levelOf(caller.plan.priority)
      )
      if (worse !== undefined) problems.push(`${describe(caller)} was evicted and ${describe(worse)} was not`)
    }
  }

  /** Nobody waits whom somebody could serve. */
  const check = () => {
    for (const caller of callers) {
      if (caller.fiber === undefined || caller.exit !== undefined || caller.running > 0 || caller.left) continue
      const { attempts, failedAt, plan, startedAt } = caller
      const at = now()
      if (at > startedAt + plan.deadline) problems.push(`${describe(caller)} is there after its deadline`)
      if (attempts === 0) {
        if (couldBeServed(caller)) problems.push(`${describe(caller)} waits at ${at} while a target is free`)
        if (!limited && at - startedAt > maxWait) problems.push(`${describe(caller)} waits longer than it may`)
      } else if (at > failedAt + longestBackoff(attempts) && couldBeServed(caller)) {
        problems.push(`${describe(caller)} failed at ${failedAt} and waits at ${at} while a target is free`)
      }
    }
  }

  for (let at = 0; at <= 40_000 && problems.length === 0; at += unit) {
    for (const caller of callers) {
      if (caller.plan.at === at) {
        caller.startedAt = at
        caller.fiber = yield* Effect.forkChild(
          Effect.onExit(routed(caller), (exit) => Effect.sync(() => ended(caller, exit))),
          { startImmediately: false }
        )
        // One after the other.
        yield* Effect.yieldNow
        check()
      }
      if (
        caller.fiber !== undefined &&
        caller.exit === undefined &&
        caller.plan.leavesAfter === at - caller.startedAt
      ) {
        caller.left = true
        yield* Fiber.interrupt(caller.fiber)
        check()
      }
    }
    time.advance(unit)
    check()
    if (callers.every(({ exit, plan }) => exit !== undefined && plan.at <= at)) break
  }
  // Lanes without deadlines end by themselves.
  for (let i = 0; i < 5; i++) {
    yield* Effect.yieldNow
    time.advance(250)
  }
  for (const caller of callers) {
    if (caller.exit === undefined) problems.push(`${describe(caller)} never ended`)
    if (caller.attempts > maxAttempts) problems.push(`${describe(caller)} made ${caller.attempts} attempts`)
    if (caller.endedAt > caller.startedAt + caller.plan.deadline) problems.push(`${describe(caller)} ended late`)
  }
  const { dropped, left, queued, served: taken, size } = core.admission.snapshot(now())
  const gone = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  if (queued !== taken + left + gone + size) problems.push(`${queued} queued, ${taken} + ${left} + ${gone} went`)
  problems.push(...world.problems())
  assert.deepStrictEqual(problems, [])
})

it("nobody waits in vain, is overtaken or is lost, whoever comes, fails and goes when", async () => {
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
    { numRuns: 1500 }
  )
}, 300_000)
