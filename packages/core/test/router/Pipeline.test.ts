/** What a call passes on its way: which parts there are, in which order they are asked, and that none of them loses anything. */
import { assert, describe, it } from "@effect/vitest"
import {
  BreakPolicy,
  Bulkhead,
  type Cost,
  DefaultPipeline,
  Degradation,
  Gate,
  InvalidOption,
  type Outcome,
  Pipeline,
  type RouteError,
  RouteRequest,
  Shedder
} from "@spillway/core"
import { Cause, Clock, Effect, Exit, Fiber, Scheduler, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Around from "../../src/router/internal/Around.ts"
import { inVirtualTime, invalidRequest, overloaded, rateLimited } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Piped from "./support/Piped.ts"
import { fork } from "./support/Piped.ts"
import * as Provider from "./support/Provider.ts"
import { fail, hang, isContent, isEnd, type Part, parts, reasonOf, script } from "./support/Provider.ts"

type Permit = { readonly asked: number; readonly outcomes: Array<string> }

/** A gate that lets everything in and writes down what it was asked and told. */
const watching = (name: string, log: (line: string) => void = () => {}) => {
  const permits: Array<Permit> = []
  const gate: Gate.Gate<Permit> = {
    name,
    peek: () => undefined,
    admit: () => {
      log(`${name} admits`)
      const permit: Permit = { asked: permits.length, outcomes: [] }
      permits.push(permit)
      return permit
    },
    settle: (permit, outcome) => {
      log(`${name} is told ${outcome._tag}`)
      permit.outcomes.push(outcome._tag)
      return Gate.noEvents
    },
    snapshot: () => ({ state: "watching" }),
    restore: () => {}
  }
  return { gate, permits, outcomes: () => permits.map(({ outcomes }) => outcomes.join("+")) }
}

/** A gate that says no. */
const closed = (name: string): Gate.Gate =>
  ({ ...watching(name).gate, admit: () => Gate.reject("Closed") }) as Gate.Gate

const throwing = (where: string): Gate.Gate => {
  const bug = () => {
    throw new Error(`bug in ${where}`)
  }
  return { ...watching("throwing").gate, [where]: bug } as Gate.Gate
}

/** Middleware that only writes down that it was passed, on the way in and out. */
const passing = (name: string, log: (line: string) => void): Pipeline.RequestMiddleware => ({
  route: (request, next) => {
    log(`${name} in`)
    return Effect.tap(next(request), () => Effect.sync(() => log(`${name} out`)))
  },
  stream: (request, next) => {
    log(`${name} in`)
    return Stream.onEnd(
      next(request),
      Effect.sync(() => log(`${name} out`))
    )
  }
})
/** What is to happen with each attempt happens in the effect: it is put together from the inside out. */
const passed = (name: string, log: (line: string) => void): Pipeline.AttemptMiddleware => ({
  route: ({ target }, next) =>
    Effect.suspend(() => {
      log(`${name} in for ${target.id}`)
      return Effect.onExit(next, ({ _tag }) => Effect.sync(() => log(`${name} out: ${_tag}`)))
    }),
  stream: ({ target }, next) =>
    Stream.suspend(() => {
      log(`${name} in for ${target.id}`)
      return Stream.onExit(next, ({ _tag }) => Effect.sync(() => log(`${name} out: ${_tag}`)))
    })
})

const logging = () => {
  const lines: Array<string> = []
  const log = (line: string): void => {
    lines.push(line)
  }
  return { lines, log }
}

const full = (log: (line: string) => void) =>
  Pipeline.make({
    call: [
      Pipeline.request("outer", passing("outer", log)),
      Pipeline.routerGate("door", () => watching("door", log).gate),
      Pipeline.request("inner", passing("inner", log))
    ],
    attempt: [
      Pipeline.attempt("around", passed("around", log)),
      Pipeline.targetGate("first", ({ id }) => watching(`first of ${id}`, log).gate),
      Pipeline.targetGate("second", ({ id }) => watching(`second of ${id}`, log).gate),
      Pipeline.attempt("within", passed("within", log))
    ]
  })

describe("a call through a pipeline", () => {
  it.effect("passes middleware, the router's gates, the target's gates, and middleware around the attempt", () =>
    Effect.gen(function* () {
      const { lines, log } = logging()
      const made = yield* Piped.make({ pipeline: full(log) })
      yield* made.router.route({}, () => Effect.sync(() => log("the call")))
      assert.deepStrictEqual(lines, [
        "outer in",
        "inner in",
        "door admits",
        "first of a admits",
        "second of a admits",
        "around in for a",
        "within in for a",
        "the call",
        "within out: Success",
        "around out: Success",
        "first of a is told Success",
        "second of a is told Success",
        "door is told Success",
        "inner out",
        "outer out"
      ])
      yield* Effect.yieldNow
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("passes what stands before the attempts once, and the rest with every attempt", () =>
    Effect.gen(function* () {
      const { lines, log } = logging()
      const made = yield* Piped.make({ pipeline: full(log) })
      yield* made.router.route({}, ({ target }) => (target.id === "a" ? Effect.fail(overloaded) : Effect.void))
      assert.deepStrictEqual(lines, [
        "outer in",
        "inner in",
        "door admits",
        ...["first of a admits", "second of a admits", "around in for a", "within in for a"],
        ...["within out: Failure", "around out: Failure", "first of a is told Failure", "second of a is told Failure"],
        ...["first of b admits", "second of b admits", "around in for b", "within in for b"],
        ...["within out: Success", "around out: Success", "first of b is told Success", "second of b is told Success"],
        "door is told Success",
        "inner out",
        "outer out"
      ])
    })
  )

  it.effect("that is a stream passes the same, and its permits come back after its last part", () =>
    Effect.gen(function* () {
      const { lines, log } = logging()
      const made = yield* Piped.make({ pipeline: full(log) })
      const provider = Provider.make({
        a: [script([parts("start"), fail(overloaded)])],
        b: [script([parts("start", "text"), parts("finish")])]
      })
      yield* Stream.runForEach(made.router.stream({}, provider.open, { isContent, isEnd }), ({ target, type }) =>
        Effect.sync(() => log(`${type} of ${target}`))
      )
      assert.deepStrictEqual(lines, [
        "outer in",
        "inner in",
        "door admits",
        ...["first of a admits", "second of a admits", "around in for a", "within in for a"],
        ...["within out: Failure", "around out: Failure", "first of a is told Failure", "second of a is told Failure"],
        ...["first of b admits", "second of b admits", "around in for b", "within in for b"],
        ...["start of b", "text of b", "finish of b", "within out: Success", "around out: Success"],
        ...["first of b is told Success", "second of b is told Success"],
        "door is told Success",
        "inner out",
        "outer out"
      ])
      yield* Effect.yieldNow
      assert.deepStrictEqual(made.problems(), [])
    })
  )
})

describe("middleware around a call", () => {
  it.effect("may answer itself, and leaves a record that says so", () =>
    Effect.gen(function* () {
      const own = Pipeline.request("holidays", {
        applies: ({ tags }) => tags["day"] === "holiday",
        route: () =>
          Effect.succeed({
            value: "closed" as never,
            servedBy: undefined,
            degraded: true,
            source: "cache",
            rung: undefined,
            attempts: 0
          }),
        stream: () => Stream.make("closed" as never)
      })
      const made = yield* Piped.make({ pipeline: Pipeline.prepend(DefaultPipeline.pipeline, own) })
      const holiday = { tags: { day: "holiday" } }
      const answer = yield* made.router.answer(holiday, () => Effect.succeed("open"))
      assert.deepStrictEqual(
        [answer.value, answer.source, answer.servedBy, answer.attempts],
        ["closed", "cache", undefined, 0]
      )
      assert.deepStrictEqual(yield* Stream.runCollect(made.router.stream(holiday, () => Stream.make("open"))), [
        "closed"
      ])
      assert.strictEqual(yield* made.router.route({}, () => Effect.succeed("open")), "open")
      assert.deepStrictEqual(yield* made.outcomes, ["ok cache ", "ok cache ", "ok model a"])
      assert.deepStrictEqual(
        made.records.map(({ degraded, servedBy, streamed }) => [degraded, servedBy, streamed]),
        [
          [true, undefined, false],
          [false, undefined, true],
          [false, "a", false]
        ]
      )
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("may refuse a call, and leaves a record of that too", () =>
    Effect.gen(function* () {
      const own = Pipeline.request("maintenance", {
        route: () => Effect.interrupt,
        stream: () => Stream.die("maintenance")
      })
      const made = yield* Piped.make({ pipeline: Pipeline.prepend(DefaultPipeline.pipeline, own) })
      assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(made.router.route({}, () => Effect.void))))
      assert.isTrue(Exit.hasDies(yield* Effect.exit(Stream.runDrain(made.router.stream({}, () => Stream.empty)))))
      assert.deepStrictEqual(yield* made.outcomes, ["cancelled model ", "Defect model "])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("may hand on another request, which those behind it go by", () =>
    Effect.gen(function* () {
      const capped = Pipeline.request("cap", {
        route: (request, next) => next({ ...request, maxOutputTokens: 10, cacheKey: undefined })
      })
      const made = yield* Piped.make({ pipeline: Pipeline.prepend(DefaultPipeline.pipeline, capped) })
      const seen: Array<number | undefined> = []
      const ask = (prompt: string) =>
        made.router.answer({ cacheKey: prompt }, ({ request }) => {
          seen.push(request.maxOutputTokens)
          return Effect.succeed(`about ${prompt}`)
        })
      // Nobody's answer is another one's: what has no name is not in the cache.
      assert.strictEqual((yield* ask("rivers")).value, "about rivers")
      assert.strictEqual((yield* ask("lakes")).value, "about lakes")
      assert.deepStrictEqual(seen, [10, 10])
      assert.strictEqual((yield* made.cache.snapshot).entries, 0)
    })
  )

  it.effect("may ask several times: each time is a call to those behind it", () =>
    Effect.gen(function* () {
      const { gate, outcomes } = watching("door")
      const again = Pipeline.request("again", {
        route: (request, next) => Effect.catch(next(request), () => next(request))
      })
      const made = yield* Piped.make({
        pipeline: Pipeline.make({ call: [again, Pipeline.routerGate("door", () => gate)], attempt: [] })
      })
      let asked = 0
      const answer = yield* made.router.answer({}, () =>
        asked++ === 0 ? Effect.fail(invalidRequest) : Effect.succeed("second time")
      )
      assert.deepStrictEqual([answer.value, answer.attempts], ["second time", 1])
      assert.deepStrictEqual(outcomes(), ["Ignored", "Success"])
      assert.deepStrictEqual(yield* made.outcomes, ["InvalidRequest model a", "ok model a"])
    })
  )

  it.effect("knows its router: its name, its clock, its retry budget", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const curious = Pipeline.request("curious", {
        route: (request, next, { now, payForRetry, route }) => {
          seen.push(route, now(), payForRetry(), payForRetry())
          return next(request)
        }
      })
      const made = yield* Piped.make({
        route: "chat",
        retry: { budget: { ratio: 0, minPerSecond: 1, ttl: "1 second" } },
        pipeline: Pipeline.append(DefaultPipeline.pipeline, curious)
      })
      yield* TestClock.adjust(250)
      yield* made.router.route({}, () => Effect.void)
      assert.deepStrictEqual(seen, ["chat", made.core.now(), true, false])
    })
  )

  it.effect("is not there for calls it does not apply to, nor for the kind it does not know", () =>
    Effect.gen(function* () {
      const own = Pipeline.request("own", {
        applies: ({ priority }) => priority === "P0",
        route: (request, next) => next(request)
      })
      const made = yield* Piped.make({ pipeline: Pipeline.make({ call: [own], attempt: [] }) })
      const direct = (options: RouteRequest.Options, kind: "route" | "stream") =>
        Around.isDirect(made.core, RouteRequest.make(options), kind)
      assert.deepStrictEqual(
        [direct({}, "route"), direct({ priority: "P0" }, "route"), direct({ priority: "P0" }, "stream")],
        [true, false, true]
      )
    })
  )
})

describe("middleware around an attempt", () => {
  it.effect("may change what an attempt answers, fails with, and how long it takes", () =>
    Effect.gen(function* () {
      const own = Pipeline.attempt("own", {
        route: ({ target }, next) =>
          target.id === "a" ? Effect.andThen(Effect.sleep(50), next) : Effect.delay(next, 10),
        stream: (_attempt, next) => Stream.take(next, 1)
      })
      const made = yield* Piped.make({
        pipeline: Pipeline.append(DefaultPipeline.pipeline, own),
        timeouts: { attempt: 20 }
      })
      // Inside the attempt's clock: `a` is too slow because of it.
      const answer = yield* inVirtualTime(made.router.answer({}, ({ target }) => Effect.succeed(target.id)))
      assert.deepStrictEqual([answer.value, answer.attempts], ["b", 2])
      assert.deepStrictEqual(yield* Stream.runCollect(made.router.stream({}, () => Stream.make(1, 2, 3))), [1])
      assert.deepStrictEqual(yield* made.outcomes, ["ok model ab", "ok model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )
})

describe("a bug in a part", () => {
  const bug = new Error("bug")
  const raise = (): never => {
    throw bug
  }
  const broken: Record<string, Pipeline.CallPart<string, never> | Pipeline.AttemptPart<string, never>> = {
    "middleware that throws": Pipeline.request("broken", { route: raise, stream: raise }),
    "middleware that dies": Pipeline.request("broken", { route: () => Effect.die(bug), stream: () => Stream.die(bug) }),
    "middleware that dies afterwards": Pipeline.request("broken", {
      route: (request, next) => Effect.andThen(next(request), Effect.die(bug)),
      stream: (request, next) => Stream.concat(next(request), Stream.die(bug))
    }),
    "a router's gate that throws when asked": Pipeline.routerGate("broken", () => throwing("admit")),
    "a target's gate that throws when asked": Pipeline.targetGate("broken", () => throwing("admit")),
    "a target's gate that throws when peeked at": Pipeline.targetGate("broken", () => throwing("peek")),
    "attempt middleware that throws": Pipeline.attempt("broken", { route: raise, stream: raise }),
    "attempt middleware that dies": Pipeline.attempt("broken", {
      route: () => Effect.die(bug),
      stream: () => Stream.die(bug)
    })
  }
  for (const [name, part] of Object.entries(broken)) {
    it.effect(`ends the call with it and holds nothing: ${name}`, () =>
      Effect.gen(function* () {
        const door = watching("door")
        const around = Pipeline.prepend(
          DefaultPipeline.pipeline,
          Pipeline.routerGate("door", () => door.gate)
        )
        const made = yield* Piped.make({ pipeline: Pipeline.append(around, part) })
        const whole = yield* Effect.exit(made.router.route({}, () => Effect.void))
        const streamed = yield* Effect.exit(Stream.runDrain(made.router.stream({}, () => Stream.make("ok"))))
        for (const exit of [whole, streamed]) {
          assert.isTrue(Exit.hasDies(exit))
          assert.match(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), /bug/)
        }
        assert.strictEqual((yield* made.outcomes).length, 2)
        assert.deepStrictEqual(made.problems(), [])
        // Whoever was asked was told, once.
        for (const outcomes of door.outcomes()) assert.match(outcomes, /^(Success|Ignored|Unused)$/)
      })
    )
  }

  it.effect("is an event and no more where a gate throws when told", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({
        pipeline: Pipeline.make({
          call: [Pipeline.routerGate("broken", () => throwing("settle"))],
          attempt: [Pipeline.targetGate("broken gate", () => throwing("settle")), DefaultPipeline.gates]
        })
      })
      assert.strictEqual(yield* made.router.route({}, () => Effect.succeed("ok")), "ok")
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("rejects a call that middleware does not even look at", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({
        pipeline: Pipeline.append(
          DefaultPipeline.pipeline,
          Pipeline.request("broken", { applies: raise, route: (request, next) => next(request) })
        )
      })
      assert.isTrue(Exit.hasDies(yield* Effect.exit(made.router.route({}, () => Effect.void))))
      assert.deepStrictEqual(made.problems(), [])
    })
  )
})

describe("a gate of the router", () => {
  const setup = (options: Piped.Options = {}) =>
    Effect.gen(function* () {
      const door = watching("door")
      const pipeline = Pipeline.append(
        DefaultPipeline.pipeline,
        Pipeline.routerGate("door", () => door.gate)
      )
      const made = yield* Piped.make({
        pipeline,
        retry: { transient: { base: "1 second", cap: "1 second" } },
        ...options
      })
      return { ...made, door }
    })
  type Made = Effect.Success<ReturnType<typeof setup>>

  const provided = (a: Provider.Script, b: Provider.Script, restart = false) => {
    const onBreak = restart
      ? BreakPolicy.restart<Part>(({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts }))
      : BreakPolicy.fail
    const { open } = Provider.make({ a: [a], b: [b] })
    return ({ router }: Made) => router.stream({}, open, { isContent, isEnd, onBreak })
  }
  const whole = script([parts("start"), parts("text", "finish")])
  const breaks = script([parts("start", "text"), fail(overloaded)])

  const ends: Record<string, readonly [Outcome.Outcome["_tag"], (made: Made) => Effect.Effect<unknown, unknown>]> = {
    "an answer": ["Success", ({ router }) => router.route({}, () => Effect.void)],
    "an answer after a failover": [
      "Success",
      ({ router }) =>
        router.route({}, ({ target }) => (target.id === "a" ? Effect.fail(overloaded) : Effect.succeed("ok")))
    ],
    "three attempts that fail, with a back-off": [
      "Failure",
      ({ router }) => router.route({}, () => Effect.fail(overloaded))
    ],
    "rate limits everywhere": [
      "RateLimited",
      ({ router }) => router.route({ deadline: 500 }, () => Effect.fail(rateLimited(60)))
    ],
    "the caller's own mistake": ["Ignored", ({ router }) => router.route({}, () => Effect.fail(invalidRequest))],
    "a defect": ["Ignored", ({ router }) => router.route({}, () => Effect.die("bug"))],
    "a deadline that one target used up": [
      "Failure",
      ({ router }) => router.route({ deadline: 500 }, () => Effect.never)
    ],
    "no target at all": ["Ignored", ({ router }) => router.route({ needs: { allow: () => false } }, () => Effect.void)],
    "an interruption": [
      "Ignored",
      ({ router }) =>
        Effect.gen(function* () {
          const fiber = yield* fork(router.route({}, () => Effect.never))
          yield* Fiber.interrupt(fiber)
        })
    ],
    "an interruption in a back-off": [
      "Ignored",
      ({ router }) =>
        Effect.gen(function* () {
          const fiber = yield* fork(router.route({}, () => Effect.fail(overloaded)))
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(fiber)
        })
    ],
    "a stream read to its end": ["Success", (made) => Stream.runDrain(provided(whole, whole)(made))],
    "a stream that failed over": [
      "Success",
      (made) => Stream.runDrain(provided(script([parts("start"), fail(overloaded)]), whole)(made))
    ],
    "a stream that broke": ["Failure", (made) => Stream.runDrain(provided(breaks, whole)(made))],
    "a stream that began anew": ["Success", (made) => Stream.runDrain(provided(breaks, whole, true)(made))],
    "a stream whose reader left": [
      "Ignored",
      (made) => Stream.runDrain(Stream.take(provided(script([parts("text"), parts("finish")]), whole)(made), 1))
    ],
    "a stream whose reader was interrupted": [
      "Ignored",
      (made) =>
        Effect.gen(function* () {
          const fiber = yield* fork(Stream.runDrain(provided(script([parts("text"), hang]), whole)(made)))
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(fiber)
        })
    ]
  }
  for (const [name, [outcome, run]] of Object.entries(ends)) {
    it.effect(`is asked once and told once, after ${name}: ${outcome}`, () =>
      Effect.gen(function* () {
        const made = yield* setup()
        yield* inVirtualTime(Effect.exit(run(made)), "5 minutes")
        assert.deepStrictEqual(made.door.outcomes(), [outcome])
        assert.deepStrictEqual(made.problems(), [])
      })
    )
  }

  it.effect("is asked once by a call of which two copies run", () =>
    Effect.gen(function* () {
      const made = yield* setup({ hedge: { after: 100, minPerSecond: 10 } })
      const call = made.router.answer({}, ({ target }) =>
        target.id === "a" ? Effect.never : Effect.succeed(target.id)
      )
      assert.strictEqual((yield* inVirtualTime(call)).value, "b")
      assert.deepStrictEqual(made.door.outcomes(), ["Success"])
    })
  )

  it.effect("is asked once by a call that goes down a ladder, and told what became of the tiers", () =>
    Effect.gen(function* () {
      const ladder = [Degradation.shorterOutput({ maxTokens: 10 })]
      const made = yield* setup({ degradation: { ladder }, retry: { maxAttempts: 1 } })
      const answer = yield* made.router.answer({}, ({ request }) =>
        request.maxOutputTokens === undefined ? Effect.fail(overloaded) : Effect.succeed("short")
      )
      assert.strictEqual(answer.rung, "ShorterOutput")
      assert.deepStrictEqual(made.door.outcomes(), ["Failure"])
    })
  )

  it.effect("refuses before any target is looked at, and is told nothing then", () =>
    Effect.gen(function* () {
      const door = watching("door")
      const costs: Array<Cost.Cost> = []
      const made = yield* Piped.make({
        pipeline: Pipeline.make({
          call: [Pipeline.routerGate("door", () => door.gate), Pipeline.routerGate("shut", () => closed("shut"))],
          attempt: [
            Pipeline.targetGate("watched", () => ({
              ...watching("watched").gate,
              peek: (_now: number, cost: Cost.Cost) => {
                costs.push(cost)
                return undefined
              }
            }))
          ]
        })
      })
      const errors = [
        yield* Effect.flip(made.router.route({ priority: "P2" }, () => Effect.void)),
        yield* Effect.flip(Stream.runDrain(made.router.stream({ priority: "P2" }, () => Stream.empty)))
      ]
      for (const { attempts, reason } of errors) {
        assert.include(reason, { _tag: "Overloaded", by: "Closed", priority: "P2" })
        assert.deepStrictEqual(attempts, [])
      }
      assert.deepStrictEqual(costs, [])
      // The one that had let it in has its permit back, and learned nothing.
      assert.deepStrictEqual(door.outcomes(), ["Unused", "Unused"])
      assert.deepStrictEqual(yield* made.outcomes, ["Overloaded model ", "Overloaded model "])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is made once per router", () =>
    Effect.gen(function* () {
      let made = 0
      const door = Pipeline.routerGate("door", () => {
        made++
        return watching("door").gate
      })
      const pipeline = Pipeline.append(DefaultPipeline.pipeline, door)
      yield* Piped.make({ pipeline })
      const two = yield* Piped.make({ pipeline })
      yield* two.router.route({}, () => Effect.void)
      yield* two.router.route({}, () => Effect.void)
      assert.strictEqual(made, 2)
    })
  )
})

describe("load shedding", () => {
  const shed = () =>
    Shedder.make({
      minSamples: 10,
      steps: [{ above: 0.5, clearBelow: 0.1, reject: 0.99 }],
      order: "all",
      exempt: ["P0"]
    })
  const refusedOf = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
    exits.filter((exit) => reasonOf(exit) === "Overloaded").length

  it.effect("refuses with Overloaded, before any target is asked, and says when to come back", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ shed, retry: { maxAttempts: 1 }, gates: { breaker: false } })
      const ask = (priority: Cost.Priority) =>
        Effect.exit(made.router.route({ priority }, () => Effect.fail(overloaded)))
      const first = yield* Effect.all(Array.from({ length: 10 }, () => ask("P1")))
      assert.strictEqual(refusedOf(first), 0)
      const attempts = () => made.core.states.reduce((sum, state) => sum + state.attempts, 0)
      const before = attempts()
      const then = yield* Effect.all(Array.from({ length: 200 }, () => ask("P1")))
      // n = 200, p = 0.99: five sigma is 7.
      assert.isAtLeast(refusedOf(then), 191)
      assert.strictEqual(attempts() - before, 200 - refusedOf(then))
      const error = then
        .map((exit) => Exit.isFailure(exit) && (Cause.squash(exit.cause) as RouteError.RouteError))
        .find((error) => error !== false && error.reason._tag === "Overloaded")
      assert.isDefined(error)
      if (error === false || error === undefined) return
      assert.include(error.reason, { _tag: "Overloaded", by: "Shed", priority: "P1" })
      assert.isAtMost(error.retryAfterMs ?? Number.NaN, 5000)
      // The urgent ones pass.
      assert.strictEqual(refusedOf(yield* Effect.all(Array.from({ length: 50 }, () => ask("P0")))), 0)
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is off unless it is asked for", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      assert.isUndefined(made.core.gates)
    })
  )
})

describe("the parts of a pipeline", () => {
  const empty = () => ({}) as Pipeline.RequestMiddleware
  const pipeline = Pipeline.make({
    call: [Pipeline.request("one", empty()), Pipeline.routerGate("two", () => watching("two").gate)],
    attempt: [Pipeline.targetGate("three", () => watching("three").gate), Pipeline.attempt("four", {})]
  })
  const five = Pipeline.request("five", empty())
  const six = Pipeline.attempt("six", {})
  const names = ({ attempt, call }: Pipeline.Pipeline) =>
    [call, attempt].map((half) => half.map(({ name }) => name).join(" ")).join(" | ")

  it("are added at the ends of their half, before one of it, or in its place", () => {
    assert.strictEqual(names(Pipeline.append(pipeline, five)), "one two five | three four")
    assert.strictEqual(names(Pipeline.append(pipeline, six)), "one two | three four six")
    assert.strictEqual(names(Pipeline.prepend(pipeline, five)), "five one two | three four")
    assert.strictEqual(names(Pipeline.prepend(pipeline, six)), "one two | six three four")
    assert.strictEqual(names(Pipeline.before(pipeline, "two", five)), "one five two | three four")
    assert.strictEqual(names(Pipeline.before(pipeline, "four", six)), "one two | three six four")
    assert.strictEqual(names(Pipeline.replace(pipeline, "two", five)), "one five | three four")
    assert.strictEqual(names(Pipeline.replace(pipeline, "three", six)), "one two | six four")
    const again = Pipeline.request("one", empty())
    assert.strictEqual(Pipeline.replace(pipeline, "one", again).call[0], again)
  })

  it("are removed by name, and the pipeline they were taken from stays as it is", () => {
    assert.strictEqual(names(Pipeline.remove(pipeline, "one")), "two | three four")
    assert.strictEqual(names(Pipeline.remove(pipeline, "three")), "one two | four")
    assert.strictEqual(names(pipeline), "one two | three four")
    assert.strictEqual(names(DefaultPipeline.pipeline), "ladder cache shed | gates")
  })

  it("have names of their own: two of one name throw InvalidOption", () => {
    const twice = { ...five, name: "four" } as const
    const mistakes = [
      () => Pipeline.make({ call: [five, five], attempt: [] }),
      () => Pipeline.make({ call: [twice], attempt: [Pipeline.attempt("four", {})] }),
      () => Pipeline.append(pipeline, twice),
      () => Pipeline.prepend(pipeline, twice),
      () => Pipeline.before(pipeline, "one", twice),
      () => Pipeline.replace(pipeline, "one", twice)
    ]
    for (const mistake of mistakes) {
      assert.throws(
        mistake,
        InvalidOption.InvalidOption,
        /^Pipeline: name of a part must be unique in its pipeline, got "f/
      )
    }
  })

  it("are known by name: another one throws InvalidOption", () => {
    const mistakes = [
      () => Pipeline.remove(pipeline, "seven" as "one"),
      () => Pipeline.replace(pipeline, "seven" as "one", five),
      () => Pipeline.before(pipeline, "seven" as "one", five)
    ]
    for (const mistake of mistakes) {
      assert.throws(
        mistake,
        InvalidOption.InvalidOption,
        'Pipeline: name of a part must be one of one, two, three, four, got "seven"'
      )
    }
  })

  it("stand in their half: one out of place throws InvalidOption", () => {
    const mistakes = [
      () => Pipeline.make({ call: [six as never], attempt: [] }),
      () => Pipeline.make({ call: [], attempt: [five as never] }),
      () => Pipeline.before(pipeline, "one", six as never),
      () => Pipeline.replace(pipeline, "three", five as never)
    ]
    for (const mistake of mistakes)
      assert.throws(mistake, InvalidOption.InvalidOption, /^Pipeline: part of the (call|attempt) half/)
  })

  it.effect("with gates of one name for one target are a mistake of the router's options", () =>
    Effect.gen(function* () {
      const slots = Pipeline.targetGate("slots", () => Bulkhead.make({ maxInFlight: 1 }))
      const exit = yield* Effect.exit(Piped.make({ pipeline: Pipeline.append(DefaultPipeline.pipeline, slots) }))
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), InvalidOption.InvalidOption)
    })
  )

  it.effect("may need a scope: what they acquire lives as long as the router", () =>
    Effect.gen(function* () {
      const { lines, log } = logging()
      const audit = Pipeline.request(
        "audit",
        Effect.as(
          Effect.acquireRelease(
            Effect.sync(() => log("opened")),
            () => Effect.sync(() => log("closed"))
          ),
          passing("audit", log)
        )
      )
      const scope = yield* Scope.make()
      const pipeline = Pipeline.append(DefaultPipeline.pipeline, audit)
      const { router } = yield* Effect.provideService(Piped.make({ pipeline }), Scope.Scope, scope)
      yield* router.route({}, () => Effect.void)
      assert.deepStrictEqual(lines, ["opened", "audit in", "audit out"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(lines.slice(3), ["closed"])
    })
  )
})

describe("an interruption between any two operations", () => {
  const yields = (n: number) => Effect.repeat(Effect.yieldNow, { times: n })
  const whole = script([parts("start"), parts("text"), parts("finish")])
  const breaks = script([parts("start"), parts("text"), fail(overloaded)])
  const streamed = (router: Piped.Piped["router"], a: Provider.Script) => {
    const { open } = Provider.make({ a: [a], b: [whole] })
    const onBreak = BreakPolicy.restart<Part>(({ parts, target }) => ({
      type: "restart",
      target,
      stream: -1,
      n: parts
    }))
    return Stream.runDrain(router.stream({}, open, { isContent, isEnd, onBreak }))
  }
  const scenarios: Record<string, (router: Piped.Piped["router"]) => Effect.Effect<unknown, unknown>> = {
    "a call": (router) => router.route({}, () => Effect.as(yields(3), "ok")),
    "a failover": (router) =>
      router.route({}, ({ target }) =>
        Effect.andThen(yields(2), target.id === "a" ? Effect.fail(overloaded) : Effect.succeed("ok"))
      ),
    "a back-off": (router) => router.route({}, () => Effect.andThen(yields(1), Effect.fail(overloaded))),
    "a defect": (router) => router.route({}, () => Effect.andThen(yields(1), Effect.die("bug"))),
    "a stream": (router) => streamed(router, whole),
    "a stream that begins anew": (router) => streamed(router, breaks)
  }
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(
      `has every gate told once: of ${name}`,
      () =>
        Effect.gen(function* () {
          const problems: Array<string> = []
          for (let ops = 3; ops <= 64 && problems.length === 0; ops += ops < 16 ? 1 : 8) {
            const doors = ["door", "gate"].map((name) => watching(name))
            const [door, gate] = doors
            if (door === undefined || gate === undefined) return
            const made = yield* Piped.make({
              retry: { budget: { minPerSecond: 1_000_000 }, transient: { base: "1 hour", cap: "1 hour" } },
              pipeline: Pipeline.make({
                call: [
                  Pipeline.request(
                    "outer",
                    passing("outer", () => {})
                  ),
                  Pipeline.routerGate("door", () => door.gate),
                  Pipeline.request(
                    "inner",
                    passing("inner", () => {})
                  )
                ],
                attempt: [
                  Pipeline.targetGate("gate", () => gate.gate),
                  Pipeline.attempt(
                    "around",
                    passed("around", () => {})
                  )
                ]
              })
            })
            for (let k = 0, over = false; k <= 150 && !over; k++) {
              const fiber = yield* fork(scenario(made.router)).pipe(
                Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
              )
              for (let i = 0; i < k; i++) yield* Effect.yieldNow
              over = fiber.pollUnsafe() !== undefined
              yield* Fiber.interrupt(fiber)
              const found = made.problems()
              for (const one of doors) {
                for (const { outcomes } of one.permits) {
                  if (outcomes.length !== 1) found.push(`a permit was settled ${outcomes.length} times: ${outcomes}`)
                }
              }
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
