/** The clocks of a streamed attempt, for a provider that tells how far its answer is and for one that tells nothing. */
import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy } from "@spillway/core"
import { CurrentAttemptSignals } from "@spillway/core/ProviderModel"
import type { Attempt } from "@spillway/core/Router"
import { Cause, Context, Effect, type Pull, Stream } from "effect"
import * as Timeouts from "../../src/policies/Timeouts.ts"
import { inVirtualTime } from "./fixture.ts"
import { reasonOf } from "./support/Provider.ts"
import * as World from "./support/World.ts"

type Part = "start" | "text" | "finish"
/** Told to the router, given out, or waited: milliseconds. */
type Step = "sent" | "headers" | "alive" | Part | number

const silent = Number.POSITIVE_INFINITY
const answer: ReadonlyArray<Step> = ["start", "text", "text", "finish"]
const healthy: ReadonlyArray<Step> = ["sent", "headers", ...answer]
const keepAlives = (seconds: number): ReadonlyArray<Step> =>
  Array.from({ length: seconds }, (): ReadonlyArray<Step> => [1000, "alive"]).flat()

const isPart = (step: Step): step is Part => step === "start" || step === "text" || step === "finish"

/** A router of `a`, asked first, and `b`: their streams follow these steps. */
const setup = Effect.fnUntraced(function* (
  plans: Readonly<Record<"a" | "b", ReadonlyArray<Step>>>,
  options: World.WorldOptions<"a" | "b">
) {
  const world = yield* World.make(["a", "b"], options)
  const got: Array<string> = []
  const open = { now: 0, ever: 0 }

  const streamOf = (attempt: Attempt<"a" | "b", unknown>) => {
    const { id } = attempt.target
    const steps = [...plans[id]]
    const pull: Pull.Pull<readonly [string, ...Array<string>]> = Effect.suspend(() => {
      const step = steps.shift()
      if (step === undefined) return Cause.done()
      if (step === silent) return Effect.never
      if (typeof step === "number") return Effect.andThen(Effect.sleep(step), pull)
      if (isPart(step)) return Effect.succeed([`${id} ${step}`] as const)
      return Effect.andThen(tell(step), pull)
    })
    // The router reads on in other fibers than the one it opened the stream in: told is whoever was there at first.
    let tell: (step: "sent" | "headers" | "alive") => Effect.Effect<void>
    return Stream.fromPull(
      Effect.map(Effect.service(CurrentAttemptSignals), ({ alive, headers, sent }) => {
        open.now++
        open.ever++
        tell = (step) => Effect.sync({ alive, headers, sent }[step])
        return pull
      })
    ).pipe(Stream.ensuring(Effect.sync(() => open.now--)))
  }

  const ask = (onBreak: BreakPolicy.BreakPolicy<string> = BreakPolicy.fail, deadline = 3_600_000) =>
    world.router
      .stream({ deadline }, streamOf, {
        isContent: (part) => !part.endsWith("start"),
        isEnd: (part) => part.endsWith("finish"),
        onBreak
      })
      .pipe(
        Stream.runForEach((part) => Effect.sync(() => got.push(part))),
        Effect.exit,
        (call) => inVirtualTime(call, "2 hours")
      )

  return {
    ...world,
    ask,
    got,
    /** `a TimeoutHeaders 2000`: who was asked, how it ended, after how many milliseconds. */
    told: () =>
      world.records.flatMap((record) =>
        record.attempts.map(({ errorType, ms, outcome, target }) => `${target} ${errorType ?? outcome} ${ms}`)
      ),
    atRest: () => assert.deepStrictEqual([...world.problems(), open.now], [0])
  }
})

const timeouts = { headers: "2 seconds", firstContent: "5 seconds", queued: "20 seconds", idle: "3 seconds" } as const
const fromB = ["b start", "b text", "b text", "b finish"]
const fromA = ["a start", "a text", "a text", "a finish"]

describe("until the first content", () => {
  const moves: Record<string, readonly [ReadonlyArray<Step>, string]> = {
    "sends no headers": [["sent", silent], "a TimeoutHeaders 2000"],
    "sends headers too late": [["sent", 2001, ...healthy.slice(1)], "a TimeoutHeaders 2000"],
    "is silent after its headers": [["sent", 1999, "headers", silent], "a TimeoutFirstContent 5000"],
    "announces an answer and gives none": [["sent", "headers", "start", silent], "a TimeoutFirstContent 5000"],
    "tells nothing": [[silent], "a TimeoutFirstContent 5000"],
    "sends keep-alives without end": [["sent", "headers", ...keepAlives(100)], "a TimeoutFirstContent 20000"],
    "sends one keep-alive and no more": [["sent", "headers", 4999, "alive", silent], "a TimeoutFirstContent 20000"],
    "sends a keep-alive too late": [["sent", "headers", 5001, "alive", ...answer], "a TimeoutFirstContent 5000"],
    "sends again after its headers": [["sent", "headers", "sent", silent], "a TimeoutFirstContent 5000"]
  }
  for (const [name, [steps, first]] of Object.entries(moves)) {
    it.effect(`a target that ${name} is left for the next`, () =>
      Effect.gen(function* () {
        const { ask, atRest, got, told } = yield* setup({ a: steps, b: healthy }, { timeouts })
        assert.strictEqual(reasonOf(yield* ask()), "success")
        assert.deepStrictEqual(got, fromB)
        assert.deepStrictEqual(told(), [first, "b won 0"])
        atRest()
      })
    )
  }

  const waits: Record<string, readonly [ReadonlyArray<Step>, number]> = {
    "whose headers come in time": [["sent", 1999, "headers", ...answer], 1999],
    "whose content comes in time after its headers": [["sent", 1999, "headers", 3000, ...answer], 4999],
    "that tells nothing, as long as firstContent": [[4999, ...answer], 4999],
    "that says it will send, and gives content without headers": [["sent", 1999, ...answer], 1999],
    "that sends keep-alives": [["sent", "headers", ...keepAlives(19), 999, ...answer], 19_999],
    "whose keep-alives stand for its headers": [["sent", 1500, "alive", 18_499, ...answer], 19_999],
    "that sends late": [[3000, "sent", "headers", 1999, ...answer], 4999]
  }
  for (const [name, [steps, ms]] of Object.entries(waits)) {
    it.effect(`is waited for a target ${name}`, () =>
      Effect.gen(function* () {
        const { ask, atRest, got, told } = yield* setup({ a: steps, b: healthy }, { timeouts })
        assert.strictEqual(reasonOf(yield* ask()), "success")
        assert.deepStrictEqual(got, fromA)
        assert.deepStrictEqual(told(), [`a won ${ms}`])
        atRest()
      })
    )
  }

  it.effect("each clock works without the others", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [Timeouts.Options, ReadonlyArray<Step>, string]> = [
        [{ firstContent: 5000 }, ["sent", silent], "a TimeoutFirstContent 5000"],
        [{ firstContent: 5000 }, ["sent", "headers", ...keepAlives(9)], "a TimeoutFirstContent 5000"],
        [{ firstContent: 5000, headers: 2000 }, ["sent", "headers", ...keepAlives(9)], "a TimeoutFirstContent 5000"],
        [{ firstContent: 5000, headers: 2000 }, ["sent", silent], "a TimeoutHeaders 2000"],
        [{ firstContent: 5000, queued: 8000 }, ["sent", silent], "a TimeoutFirstContent 5000"],
        [{ firstContent: 5000, queued: 8000 }, ["sent", "headers", ...keepAlives(9)], "a TimeoutFirstContent 8000"],
        // Neither shortens what stands beside it.
        [{ firstContent: 5000, queued: 1000 }, ["sent", "headers", ...keepAlives(9)], "a TimeoutFirstContent 5000"],
        [{ firstContent: 5000, headers: 6000 }, ["sent", silent], "a TimeoutFirstContent 5000"],
        [{ firstContent: "Infinity", headers: 2000 }, ["sent", silent], "a TimeoutHeaders 2000"],
        [
          { headers: 3000, firstContent: 6000, queued: 60_000 },
          ["sent", "alive", silent],
          "a TimeoutFirstContent 60000"
        ]
      ]
      for (const [timeouts, steps, first] of cases) {
        const { ask, atRest, told } = yield* setup({ a: steps, b: healthy }, { timeouts })
        yield* ask()
        assert.deepStrictEqual(told(), [first, "b won 0"])
        atRest()
      }
    })
  )

  it.effect("a router that has neither clock listens to nobody", () =>
    Effect.gen(function* () {
      const heard: Array<boolean> = []
      const unheard = Context.get(Context.empty(), CurrentAttemptSignals)
      for (const timeouts of [{}, { headers: 1000 }, { queued: "10 minutes" }] as const) {
        const { router } = yield* World.make(["a"], { timeouts })
        const listens = Effect.map(Effect.service(CurrentAttemptSignals), (signals) => heard.push(signals !== unheard))
        yield* Stream.runDrain(router.stream({}, () => Stream.fromEffect(listens)))
        yield* router.route({}, () => listens)
      }
      // A whole answer has one clock, whatever is told.
      assert.deepStrictEqual(heard, [false, false, true, false, true, false])
    })
  )

  it.effect("a target without headers is not asked again by the call", () =>
    Effect.gen(function* () {
      const { ask, atRest, told } = yield* setup(
        { a: ["sent", silent], b: ["sent", silent] },
        { timeouts, retry: { maxAttempts: 10 } }
      )
      assert.strictEqual(reasonOf(yield* ask()), "AttemptsExhausted")
      assert.deepStrictEqual(told(), ["a TimeoutHeaders 2000", "b TimeoutHeaders 2000"])
      atRest()
    })
  )

  it.effect("the deadline of the call stands above a queue", () =>
    Effect.gen(function* () {
      const { ask, atRest, records } = yield* setup({ a: ["sent", ...keepAlives(100)], b: healthy }, { timeouts })
      assert.strictEqual(reasonOf(yield* ask(BreakPolicy.fail, 10_000)), "DeadlineExceeded")
      assert.deepStrictEqual(
        records.map(({ totalMs }) => totalMs),
        [10_000]
      )
      atRest()
    })
  )

  it.effect("a hedge runs against clocks of its own", () =>
    Effect.gen(function* () {
      const { ask, atRest, got, records } = yield* setup(
        { a: ["sent", "headers", ...keepAlives(100)], b: ["sent", silent] },
        { timeouts, hedge: { after: 1000, minPerSecond: 1000 } }
      )
      yield* ask()
      const attempts = records[0]?.attempts.map(
        ({ errorType, ms, reason, startedAt, target }) =>
          `${target} ${reason} ${errorType} ${startedAt}-${startedAt + ms}`
      )
      assert.deepStrictEqual(attempts, ["a primary TimeoutFirstContent 0-20000", "b hedge TimeoutHeaders 1000-3000"])
      assert.deepStrictEqual(got, [])
      atRest()
    })
  )
})

describe("after the first content", () => {
  for (const policy of ["fail", "buffered"] as const) {
    it.effect(`keep-alives do not make a stream live longer, under ${policy}`, () =>
      Effect.gen(function* () {
        const { ask, atRest, told } = yield* setup(
          { a: ["sent", "headers", 1000, "text", ...keepAlives(100)], b: healthy },
          { timeouts }
        )
        yield* ask(BreakPolicy[policy])
        assert.strictEqual(told()[0], "a TimeoutIdle 4000")
        atRest()
      })
    )
  }
})

describe("timeouts", () => {
  it("of no use or out of range", () => {
    for (const [options, name] of [
      [{ headers: 0 }, "headers"],
      [{ queued: -1 }, "queued"],
      [{ header: 1 } as Timeouts.Options, "header"]
    ] as const) {
      assert.throws(() => Timeouts.make("Router.make", options), new RegExp(name))
    }
    assert.isFalse(Timeouts.make("Router.make").signalled)
    assert.isFalse(Timeouts.make("Router.make", { firstContent: 10, headers: 10, queued: 10 }).signalled)
  })
})
