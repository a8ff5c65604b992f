import { assert, describe, it } from "@effect/vitest"
import { BreakPolicy, RouteError, Telemetry } from "@spillway/core"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Queue, Stream } from "effect"
import { AiError } from "effect/ai"
import { TestClock } from "effect/testing"
import { inVirtualTime, invalidRequest, overloaded, rateLimited, router, wrongKey } from "./fixture.ts"
import * as Provider from "./support/Provider.ts"
import { die, fail, hang, isContent, isEnd, type Part, parts, reasonOf, script, wait } from "./support/Provider.ts"
import * as World from "./support/World.ts"

const network = AiError.make({
  module: "Test",
  method: "stream",
  reason: new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "http://a.example" })
})

const complete = [parts("start"), parts("text", "text"), parts("text"), parts("finish")]
const whole = script(complete)
const restart = BreakPolicy.restart<Part>((broken) => ({
  type: "restart",
  target: broken.target,
  stream: -1,
  n: broken.parts
}))

/** `target type, …`: what a consumer was shown. */
const shown = (got: ReadonlyArray<Part>) => got.map((part) => `${part.target} ${part.type}`)
const fromB = ["b start", "b text", "b text", "b text", "b finish"]

/** A world of targets a and b, each with its scripts, and one stream through it. */
const setup = Effect.fnUntraced(function* (
  plans: Record<string, ReadonlyArray<Provider.Script>>,
  options: World.WorldOptions<"a" | "b"> = {}
) {
  const world = yield* World.make(["a", "b"], options)
  const provider = Provider.make(plans)
  const got: Array<Part> = []
  return {
    ...world,
    provider,
    got,
    stream: (onBreak: BreakPolicy.BreakPolicy<Part> = BreakPolicy.fail, deadline = 300_000) =>
      world.router.stream({ deadline }, provider.open, { isContent, isEnd, onBreak }),
    atRest: () => assert.deepStrictEqual([...world.problems(), ...provider.problems()], [])
  }
})

describe("a stream before the commit point", () => {
  it.effect("holds back what comes before the first content", () =>
    Effect.gen(function* () {
      const { atRest, got, stream } = yield* setup({ a: [script([parts("start"), wait(100), ...complete.slice(1)])] })
      const fiber = yield* Effect.forkChild(Provider.drain(stream(), got), { startImmediately: true })
      yield* TestClock.adjust(99)
      assert.deepStrictEqual(got, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(shown(got), ["a start", "a text", "a text", "a text", "a finish"])
      yield* Fiber.join(fiber)
      atRest()
    })
  )

  const unseen: Record<string, Provider.Script> = {
    "a refused connection": script([], { opening: [wait(5), fail(network)] }),
    "a rate limit": script([], { opening: [fail(rateLimited(30))] }),
    "a wrong key": script([fail(wrongKey)]),
    "an error inside the stream": script([parts("start"), wait(5), fail(overloaded)]),
    "an error after keep-alives": script([parts("start"), wait(500), parts("start"), wait(500), fail(overloaded)]),
    "silence before it is open": script([], { opening: [hang] }),
    "keep-alives without content": script([parts("start"), hang]),
    "a stream that ends empty": script([]),
    "a stream that ends before its content": script([parts("start")])
  }
  for (const [name, first] of Object.entries(unseen)) {
    it.effect(`moves to the next target unseen after ${name}`, () =>
      Effect.gen(function* () {
        const { atRest, got, provider, records, stream } = yield* setup(
          { a: [first], b: [whole] },
          { timeouts: { firstContent: "2 seconds" } }
        )
        yield* inVirtualTime(Provider.drain(stream(), got), "1 minute")
        assert.deepStrictEqual(shown(got), fromB)
        assert.deepStrictEqual(
          provider.opened.map(({ target }) => target),
          ["a", "b"]
        )
        assert.deepStrictEqual(
          records.map((record) => [record.outcome, record.servedBy, record.attempts.map((attempt) => attempt.outcome)]),
          [["ok", "b", ["failed", "won"]]]
        )
        atRest()
      })
    )
  }

  it.effect("waits for the first content exactly as long as its clock says, from the start of the attempt", () =>
    Effect.gen(function* () {
      const { got, provider, stream } = yield* setup(
        { a: [script([parts("start"), wait(1999), ...complete])], b: [script([wait(2001), ...complete]), whole] },
        { timeouts: { firstContent: "2 seconds" } }
      )
      yield* inVirtualTime(Provider.drain(stream(), got), "10 seconds")
      assert.deepStrictEqual(
        provider.opened.map(({ target }) => target),
        ["a"]
      )
    })
  )

  it.effect("closes the stream of a silent target before it asks the next", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const { router } = yield* World.make(["a", "b"], { timeouts: { firstContent: "1 second" } })
      const stream = router.stream({}, (attempt) =>
        Stream.ensuring(
          attempt.target.id === "a" ? Stream.never : Stream.make("x"),
          Effect.sync(() => order.push(`${attempt.target.id} closed`))
        ).pipe(Stream.onStart(Effect.sync(() => order.push(`${attempt.target.id} opened`))))
      )
      yield* inVirtualTime(Stream.runDrain(stream), "10 seconds")
      assert.deepStrictEqual(order, ["a opened", "a closed", "b opened", "b closed"])
    })
  )

  it.effect("takes a stream that ends empty for an answer when nobody said what the terminal part is", () =>
    Effect.gen(function* () {
      const { problems, records, router } = yield* World.make(["a", "b"])
      const got = yield* Stream.runCollect(router.stream({}, () => Stream.empty))
      assert.deepStrictEqual([...got], [])
      assert.deepStrictEqual(
        records.map(({ outcome, servedBy }) => [outcome, servedBy]),
        [["ok", "a"]]
      )
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("fails with what the caller did wrong as it is, after one attempt", () =>
    Effect.gen(function* () {
      const { atRest, got, provider, stream } = yield* setup({ a: [script([parts("start"), fail(invalidRequest)])] })
      assert.strictEqual(yield* Effect.flip(Provider.drain(stream(), got)), invalidRequest)
      assert.strictEqual(provider.opened.length, 1)
      assert.deepStrictEqual(got, [])
      atRest()
    })
  )

  it.effect("keeps the slot of a failed attempt until its slow finalizer has ended", () =>
    Effect.gen(function* () {
      const { atRest, core, got, stream } = yield* setup({
        a: [script([parts("start"), fail(overloaded)], { closeMs: 3000 })],
        b: [whole]
      })
      const fiber = yield* Effect.forkChild(Provider.drain(stream(), got), { startImmediately: true })
      yield* TestClock.adjust(2999)
      assert.deepStrictEqual(
        core.states.map((state) => state.inFlight),
        [1, 0]
      )
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(shown(got), fromB)
      atRest()
    })
  )
})

describe("a stream that breaks after its first content", () => {
  const broken = [parts("start"), parts("text"), wait(10), parts("text"), wait(10)]
  const endings: Record<string, { readonly step: ReadonlyArray<Provider.Step>; readonly errorType: string }> = {
    "an error": { step: [fail(overloaded)], errorType: "Overloaded" },
    "a cut": { step: [], errorType: "Truncated" },
    "a rate limit": { step: [fail(rateLimited(1))], errorType: "RateLimited" },
    "a stall": { step: [hang], errorType: "TimeoutIdle" }
  }
  for (const [name, { errorType, step }] of Object.entries(endings)) {
    const cut = script([...broken, ...step])
    const timeouts = { idle: "2 seconds" } as const

    it.effect(`fails with StreamBroken and the number of parts after ${name}`, () =>
      Effect.gen(function* () {
        const { atRest, got, provider, records, stream } = yield* setup({ a: [cut], b: [whole] }, { timeouts })
        const error = yield* Effect.flip(inVirtualTime(Provider.drain(stream(), got), "10 seconds"))
        assert.instanceOf(error, RouteError.RouteError)
        assert.deepStrictEqual(
          { ...error.reason },
          { ...new RouteError.StreamBroken({ target: "a", parts: got.length }) }
        )
        assert.deepStrictEqual(shown(got), ["a start", "a text", "a text"])
        assert.strictEqual(provider.opened.length, 1)
        assert.deepStrictEqual(
          records.map((record) => [record.outcome, record.errorType, record.attempts.map((a) => a.errorType)]),
          [["error", "StreamBroken", [errorType]]]
        )
        atRest()
      })
    )

    it.effect(`sends a marker and then the whole answer of another target after ${name}, when told to restart`, () =>
      Effect.gen(function* () {
        const { atRest, got, records, stream } = yield* setup({ a: [cut], b: [whole] }, { timeouts })
        yield* inVirtualTime(Provider.drain(stream(restart), got), "10 seconds")
        assert.deepStrictEqual(shown(got), ["a start", "a text", "a text", "a restart", ...fromB])
        assert.strictEqual(got.find((part) => part.type === "restart")?.n, 3)
        assert.deepStrictEqual(
          records.map((record) => [record.outcome, record.servedBy, record.attempts.map((a) => a.errorType)]),
          [["ok", "b", [errorType, undefined]]]
        )
        atRest()
      })
    )

    it.effect(`shows nothing of the broken answer after ${name}, when buffered`, () =>
      Effect.gen(function* () {
        const { atRest, got, stream } = yield* setup({ a: [cut], b: [whole] }, { timeouts })
        yield* inVirtualTime(Provider.drain(stream(BreakPolicy.buffered), got), "10 seconds")
        assert.deepStrictEqual(shown(got), fromB)
        atRest()
      })
    )
  }

  it.effect("counts in each restart marker the parts of that broken answer, not the marker before them", () =>
    Effect.gen(function* () {
      const { atRest, got, stream } = yield* setup({
        a: [script([parts("text", "text"), fail(overloaded)]), whole],
        b: [script([parts("text"), fail(overloaded)])]
      })
      yield* inVirtualTime(Provider.drain(stream(restart), got), "10 seconds")
      const markers = got.filter((part) => part.type === "restart")
      assert.deepStrictEqual(markers.map(({ n, target }) => `${target} ${n}`).slice(0, 2), ["a 2", "b 1"])
      atRest()
    })
  )

  it.effect("fails after a restart that cannot be finished, and gives everything back", () =>
    Effect.gen(function* () {
      const cut = script([parts("text"), fail(overloaded)])
      const { atRest, got, provider, stream } = yield* setup({ a: [cut], b: [cut] })
      const exit = yield* inVirtualTime(Effect.exit(Provider.drain(stream(restart), got)), "1 minute")
      assert.strictEqual(reasonOf(exit), "AttemptsExhausted")
      assert.strictEqual(provider.opened.length, 3)
      atRest()
    })
  )

  it.effect("holds nothing when the application's marker function throws", () =>
    Effect.gen(function* () {
      const { atRest, got, stream } = yield* setup({ a: [script([parts("text"), fail(overloaded)])], b: [whole] })
      const thrown = new Error("bug of the marker")
      const policy = BreakPolicy.restart<Part>(() => {
        throw thrown
      })
      const exit = yield* inVirtualTime(Effect.exit(Provider.drain(stream(policy), got)), "1 minute")
      assert.strictEqual(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, thrown)
      atRest()
    })
  )

  it.effect("does not restart what must not be sent twice, even when the break was a rate limit", () =>
    Effect.gen(function* () {
      const world = yield* World.make(["a", "b"])
      const provider = Provider.make({ a: [script([parts("text"), fail(rateLimited(1))])], b: [whole] })
      const got: Array<Part> = []
      const stream = world.router.stream({ idempotent: false }, provider.open, { isContent, isEnd, onBreak: restart })
      const exit = yield* inVirtualTime(Effect.exit(Provider.drain(stream, got)), "1 minute")
      assert.strictEqual(reasonOf(exit), "NotIdempotent")
      assert.strictEqual(provider.opened.length, 1)
    })
  )

  it.effect("lets the caller's own error through as it is", () =>
    Effect.gen(function* () {
      const { atRest, got, records, stream } = yield* setup({
        a: [script([parts("text"), wait(5), fail(invalidRequest)])]
      })
      const error = yield* Effect.flip(inVirtualTime(Provider.drain(stream(restart), got), "1 minute"))
      assert.strictEqual(error, invalidRequest)
      assert.deepStrictEqual(shown(got), ["a text"])
      assert.deepStrictEqual(
        records.map((record) => [record.outcome, record.errorType]),
        [["error", "InvalidRequest"]]
      )
      atRest()
    })
  )

  it.effect("lets a defect through, once, and blames no target", () =>
    Effect.gen(function* () {
      for (const onBreak of [BreakPolicy.fail, restart, BreakPolicy.buffered]) {
        const { atRest, core, got, provider, stream } = yield* setup({ a: [script([parts("text"), wait(5), die])] })
        const exit = yield* inVirtualTime(Effect.exit(Provider.drain(stream(onBreak), got)), "1 minute")
        assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, Provider.ProviderBug)
        assert.strictEqual(provider.opened.length, 1)
        assert.strictEqual(core.states[0]?.failed, 0)
        atRest()
      }
    })
  )

  it.effect("restarts the idle clock with every part", () =>
    Effect.gen(function* () {
      const slow = script([
        parts("text"),
        wait(1900),
        parts("text"),
        wait(1900),
        parts("text"),
        wait(1900),
        parts("finish")
      ])
      const { atRest, got, stream } = yield* setup({ a: [slow] }, { timeouts: { idle: "2 seconds" } })
      yield* inVirtualTime(Provider.drain(stream(), got), "1 minute")
      assert.strictEqual(got.length, 4)
      atRest()
    })
  )

  it.effect("does not run the idle clock while the consumer is the slow one", () =>
    Effect.gen(function* () {
      const { atRest, got, stream } = yield* setup({ a: [whole] }, { timeouts: { idle: "2 seconds" } })
      const slow = Stream.runForEach(stream(), (part) =>
        Effect.andThen(
          Effect.sleep("10 seconds"),
          Effect.sync(() => got.push(part))
        )
      )
      yield* inVirtualTime(slow, "2 minutes")
      assert.strictEqual(got.length, 5)
      atRest()
    })
  )
})

describe("the end of a stream", () => {
  it.effect("is a success when something fails after the terminal part", () =>
    Effect.gen(function* () {
      for (const ending of [fail(overloaded), fail(invalidRequest), die]) {
        const { atRest, got, records, stream } = yield* setup({ a: [script([...complete, wait(5), ending])] })
        yield* inVirtualTime(Provider.drain(stream(), got), "1 minute")
        assert.strictEqual(got.length, 5)
        assert.strictEqual(records[0]?.outcome, "ok")
        atRest()
      }
    })
  )

  it.effect("is a success when the connection hangs after the terminal part", () =>
    Effect.gen(function* () {
      const { atRest, core, got, records, stream } = yield* setup({ a: [script([...complete, hang])] })
      yield* inVirtualTime(Provider.drain(stream(), got), "5 minutes")
      assert.strictEqual(records[0]?.outcome, "ok")
      assert.strictEqual(core.states[0]?.failed, 0)
      atRest()
    })
  )

  it.effect("is reported in the decision record, with facts, times and the place of the commit point", () =>
    Effect.gen(function* () {
      const { router, records } = yield* World.make(["a", "b"])
      const slow = script([wait(100), parts("start"), wait(200), parts("text"), wait(300), parts("finish"), wait(50)])
      const provider = Provider.make({ a: [script([wait(40), fail(overloaded)])], b: [slow] })
      const stream = router.stream(
        { priority: "P2" },
        (attempt) => {
          attempt.report({ inputTokens: 3 })
          return Stream.tap(provider.open(attempt), (part) =>
            Effect.sync(() => part.type === "finish" && attempt.report({ outputTokens: part.n, finishReason: "stop" }))
          )
        },
        { isContent, isEnd }
      )
      yield* TestClock.setTime(1_000_000)
      yield* inVirtualTime(Stream.runDrain(stream), "1 minute")
      const [record, ...others] = records
      assert.deepStrictEqual(others, [])
      assert.deepInclude(record, {
        at: 1_000_000,
        streamed: true,
        priority: "P2",
        outcome: "ok",
        errorType: undefined,
        servedBy: "b",
        degraded: false,
        totalMs: 690,
        waitedMs: 0,
        firstContentMs: 340
      })
      assert.deepStrictEqual(record?.attempts, [
        {
          target: "a",
          index: 0,
          reason: "primary",
          startedAt: 0,
          ms: 40,
          firstContentMs: undefined,
          outcome: "failed",
          errorType: "Overloaded",
          facts: { inputTokens: 3 },
          costUsd: undefined,
          costSource: undefined,
          notes: []
        },
        {
          target: "b",
          index: 1,
          reason: "failover",
          startedAt: 40,
          ms: 650,
          firstContentMs: 300,
          outcome: "won",
          errorType: undefined,
          facts: { inputTokens: 3, outputTokens: 2, finishReason: "stop" },
          costUsd: undefined,
          costSource: undefined,
          notes: []
        }
      ])
    })
  )

  it.effect("says when the call entered, also to a listener that came in the middle of it", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"])
      yield* TestClock.setTime(1_000_000)
      const call = yield* Effect.forkChild(
        routed.route({}, () => Effect.sleep("1 second")),
        { startImmediately: true }
      )
      const listener = yield* Effect.forkChild(Stream.runHead(routed.decisions), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      const record = yield* Fiber.join(listener)
      assert.strictEqual(record._tag === "Some" ? record.value.at : undefined, 1_000_000)
    })
  )

  it.effect("frees the slot only when the provider's slow finalizer has ended", () =>
    Effect.gen(function* () {
      const { atRest, got, inFlight, stream } = yield* setup({ a: [script(complete, { closeMs: 3000 })] })
      const fiber = yield* Effect.forkChild(Provider.drain(stream(), got), { startImmediately: true })
      yield* TestClock.adjust(2999)
      assert.strictEqual(got.length, 5)
      assert.strictEqual(inFlight(), 1)
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
      atRest()
    })
  )

  it.effect("comes when a finalizer dies, in every way a stream can end", () =>
    Effect.gen(function* () {
      const dying = { closeDies: true } as const
      const ways: Record<string, (stream: Stream.Stream<Part, unknown>) => Effect.Effect<unknown, unknown>> = {
        drained: Stream.runDrain,
        "left early": (stream) => Stream.runDrain(Stream.take(stream, 1)),
        interrupted: (stream) => Effect.timeoutOption(Stream.runDrain(stream), "1 second")
      }
      for (const [name, run] of Object.entries(ways)) {
        const steps = name === "interrupted" ? [parts("text"), hang] : complete
        const { atRest, stream } = yield* setup({ a: [script(steps, dying)] })
        yield* inVirtualTime(Effect.exit(run(stream())), "1 minute")
        atRest()
      }
    })
  )

  it.effect("comes when a finalizer dies after a break", () =>
    Effect.gen(function* () {
      for (const onBreak of [BreakPolicy.fail, restart, BreakPolicy.buffered]) {
        const { atRest, got, stream } = yield* setup({
          a: [script([parts("text"), fail(overloaded)], { closeDies: true })],
          b: [whole]
        })
        yield* inVirtualTime(Effect.exit(Provider.drain(stream(onBreak), got)), "1 minute")
        atRest()
      }
    })
  )
})

describe("a consumer", () => {
  it.effect("may take n parts: the provider's stream is closed and the target is not blamed", () =>
    Effect.gen(function* () {
      for (const n of [1, 2, 3, 4]) {
        const { atRest, core, provider, records, stream } = yield* setup({
          a: [script([parts("start"), parts("text"), wait(10), parts("text"), wait(10), parts("text"), hang])]
        })
        const got = yield* inVirtualTime(Stream.runCollect(Stream.take(stream(), n)), "1 second")
        assert.strictEqual(got.length, n)
        assert.deepStrictEqual(
          records.map((record) => [record.outcome, record.attempts.map((attempt) => attempt.outcome)]),
          [["cancelled", ["cancelled"]]]
        )
        assert.deepStrictEqual([core.states[0]?.failed, core.states[0]?.answered, provider.opened.length], [0, 0, 1])
        atRest()
      }
    })
  )

  it.effect("that took the terminal part and left has had the whole answer", () =>
    Effect.gen(function* () {
      const { atRest, records, stream } = yield* setup({ a: [script([...complete, hang])] })
      yield* Stream.runDrain(Stream.take(stream(), 5))
      assert.strictEqual(records[0]?.outcome, "ok")
      atRest()
    })
  )

  it.effect("may be interrupted while it waits: before the content, between parts, in a back-off, in a restart", () =>
    Effect.gen(function* () {
      const cases: Record<string, Record<string, ReadonlyArray<Provider.Script>>> = {
        opening: { a: [script([], { opening: [hang] })] },
        "before the content": { a: [script([parts("start"), hang])] },
        "between parts": { a: [script([parts("text"), hang])] },
        "in a back-off": { a: [script([fail(overloaded)])], b: [script([fail(overloaded)])] },
        "in a restart": { a: [script([parts("text"), fail(overloaded)])], b: [script([], { opening: [hang] })] }
      }
      for (const plans of Object.values(cases)) {
        const { atRest, core, got, records, stream } = yield* setup(plans, {
          retry: { transient: { base: "1 minute", cap: "1 minute" } }
        })
        const fiber = yield* Effect.forkChild(Provider.drain(stream(restart), got), { startImmediately: true })
        yield* TestClock.adjust(10)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* TestClock.adjust(10)
        assert.isDefined(interrupting.pollUnsafe())
        assert.deepStrictEqual(
          records.map(({ outcome }) => outcome),
          ["cancelled"]
        )
        assert.strictEqual(core.states.filter((state) => state.inFlight > 0).length, 0)
        atRest()
      }
    })
  )

  it.effect("may be interrupted while the finalizer of a broken stream still runs", () =>
    Effect.gen(function* () {
      for (const onBreak of [BreakPolicy.fail, restart, BreakPolicy.buffered]) {
        const { atRest, got, stream } = yield* setup({
          a: [script([parts("text"), wait(10), fail(overloaded)], { closeMs: 1000 })],
          b: [whole]
        })
        const fiber = yield* Effect.forkChild(Provider.drain(stream(onBreak), got), { startImmediately: true })
        yield* TestClock.adjust(500)
        yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* TestClock.adjust(5000)
        assert.isDefined(fiber.pollUnsafe())
        atRest()
      }
    })
  )

  it.effect("keeps the slot while the provider's stream does not listen to interruption", () =>
    Effect.gen(function* () {
      const { atRest, got, inFlight, stream } = yield* setup({
        a: [script([parts("text"), wait(3000), parts("finish")], { stubborn: true })]
      })
      const fiber = yield* Effect.forkChild(Provider.drain(stream(), got), { startImmediately: true })
      yield* TestClock.adjust(10)
      yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust(2989)
      assert.strictEqual(inFlight(), 1)
      yield* TestClock.adjust(1)
      assert.isDefined(fiber.pollUnsafe())
      atRest()
    })
  )

  it.effect("may run the same stream twice at once: two calls", () =>
    Effect.gen(function* () {
      const { atRest, records, stream } = yield* setup({ a: [whole] })
      const one = stream()
      const [x, y] = yield* Effect.all([Stream.runCollect(one), Stream.runCollect(one)], { concurrency: 2 })
      assert.deepStrictEqual([x.length, y.length, records.length], [5, 5, 2])
      atRest()
    })
  )
})

describe("the deadline of a stream", () => {
  const deadline = 5000
  /** What its end looks like: the time is up, the slot is free, the target's stream is closed. */
  const ended = Effect.fnUntraced(function* (
    plans: Record<string, ReadonlyArray<Provider.Script>>,
    expected: string,
    onBreak: BreakPolicy.BreakPolicy<Part> = BreakPolicy.fail
  ) {
    const { atRest, got, stream } = yield* setup(plans)
    const fiber = yield* Effect.forkChild(Provider.drain(stream(onBreak, deadline), got), { startImmediately: true })
    yield* TestClock.adjust(deadline - 1)
    assert.isUndefined(fiber.pollUnsafe())
    yield* TestClock.adjust(1)
    const exit = fiber.pollUnsafe()
    assert.isDefined(exit)
    if (exit !== undefined) assert.strictEqual(reasonOf(exit), expected)
    atRest()
  })

  it.effect("ends it before its content", () => ended({ a: [script([parts("start"), hang])] }, "DeadlineExceeded"))

  it.effect("ends it between parts, when the content came late", () =>
    ended({ a: [script([wait(10), parts("text"), wait(10), parts("text"), hang])] }, "DeadlineExceeded")
  )

  it.effect("ends it between parts, when the content was there at once", () =>
    ended({ a: [script([parts("text"), wait(10), parts("text"), hang])] }, "DeadlineExceeded")
  )

  it.effect("ends it while parts keep coming", () =>
    ended({ a: [script(Array.from({ length: 100 }, () => [parts("text"), wait(100)]).flat())] }, "DeadlineExceeded")
  )

  it.effect("ends it in the second answer of a restart", () =>
    ended(
      { a: [script([parts("text"), fail(overloaded)])], b: [script([parts("text"), hang])] },
      "DeadlineExceeded",
      restart
    )
  )

  it.effect("ends it in a buffered answer", () =>
    ended({ a: [script([parts("text"), wait(10), parts("text"), hang])] }, "DeadlineExceeded", BreakPolicy.buffered)
  )

  it.effect("holds while the consumer is slow and nothing is being pulled", () =>
    Effect.gen(function* () {
      for (const first of [[], [wait(10)]]) {
        const { atRest, got, stream } = yield* setup({
          a: [script([...first, parts("text"), parts("text"), parts("text"), parts("finish")])]
        })
        const slow = Stream.runForEach(stream(BreakPolicy.fail, deadline), (part) => {
          got.push(part)
          return Effect.sleep(got.length === 2 ? "1 minute" : "1 second")
        })
        const exit = yield* inVirtualTime(Effect.exit(slow), "2 minutes")
        assert.strictEqual(reasonOf(exit), "DeadlineExceeded")
        assert.strictEqual(got.length, 2)
        atRest()
      }
    })
  )

  it.effect("does not take back an answer that is complete", () =>
    Effect.gen(function* () {
      const { atRest, got, records, stream } = yield* setup({ a: [whole] })
      const slow = Stream.runForEach(stream(BreakPolicy.buffered, deadline), (part) => {
        got.push(part)
        return Effect.sleep("1 minute")
      })
      yield* inVirtualTime(slow, "10 minutes")
      assert.strictEqual(got.length, 5)
      assert.strictEqual(records[0]?.outcome, "ok")
      atRest()
    })
  )

  it.effect("does not come late because another call was armed before it", () =>
    Effect.gen(function* () {
      const { router } = yield* World.make(["a"])
      // The first part is there at once, so nothing has to be waited for until the second is pulled.
      const late = router.stream({ deadline }, () => Stream.concat(Stream.make(1), Stream.never))
      const one = yield* Effect.forkChild(Effect.exit(Stream.runForEach(late, () => Effect.sleep("4 seconds"))), {
        startImmediately: true
      })
      yield* TestClock.adjust("3 seconds")
      yield* Effect.forkChild(Effect.exit(router.route({ deadline }, () => Effect.never)), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(one.pollUnsafe())
    })
  )
})

describe("what a provider's stream runs in", () => {
  it.effect("keeps what the opening forked into its scope alive until the stream has ended", () =>
    Effect.gen(function* () {
      const { problems, router } = yield* World.make(["a"])
      let alive = 0
      const source = Stream.unwrap(
        Effect.gen(function* () {
          const queue = yield* Queue.make<string, Cause.Done>()
          const producer = Effect.gen(function* () {
            alive++
            for (const part of ["x", "y", "z"]) {
              yield* Effect.sleep("10 millis")
              yield* Queue.offer(queue, part)
            }
            yield* Queue.end(queue)
            yield* Effect.never
          })
          yield* Effect.forkScoped(
            Effect.ensuring(
              producer,
              Effect.sync(() => alive--)
            )
          )
          return Stream.fromQueue(queue)
        })
      )
      const got = yield* inVirtualTime(Stream.runCollect(router.stream({}, () => source)), "2 minutes")
      assert.deepStrictEqual([...got], ["x", "y", "z"])
      assert.strictEqual(alive, 0)
      assert.deepStrictEqual(problems(), [])
    })
  )

  it.effect("has the context of the attempt's observer in every pull, not only in the first", () =>
    Effect.gen(function* () {
      const Span = Context.Reference<string>("test/Span", { defaultValue: () => "none" })
      const telemetry: Telemetry.Telemetry = {
        call: () => ({
          attempt: ({ target }) => ({ context: Context.make(Span, `span of ${target.id}`), end: () => {} }),
          end: () => {}
        })
      }
      const routed = yield* Effect.provideService(router(["a"]), Telemetry.CurrentTelemetry, telemetry)
      const seen = yield* Stream.runCollect(
        routed.stream({}, () =>
          Stream.mapEffect(Stream.make(1, 2, 3).pipe(Stream.rechunk(1)), () => Effect.service(Span))
        )
      )
      assert.deepStrictEqual([...seen], ["span of a", "span of a", "span of a"])
    })
  )

  it.effect("has the services of the caller in every pull", () =>
    Effect.gen(function* () {
      const Name = Context.Service<string>("test/Name")
      const routed = yield* router(["a"])
      const seen = yield* Stream.runCollect(
        routed.stream({}, () =>
          Stream.mapEffect(Stream.make(1, 2, 3).pipe(Stream.rechunk(1)), () => Effect.service(Name))
        )
      ).pipe(Effect.provideService(Name, "caller"))
      assert.deepStrictEqual([...seen], ["caller", "caller", "caller"])
    })
  )

  it.effect("fires the attempt's signal when the consumer leaves, and not when the answer was complete", () =>
    Effect.gen(function* () {
      const routed = yield* router(["a"])
      const signals: Array<AbortSignal> = []
      const stream = routed.stream({}, (attempt) => {
        signals.push(attempt.signal)
        return Stream.make(1, 2, 3).pipe(Stream.rechunk(1))
      })
      yield* Stream.runDrain(Stream.take(stream, 1))
      yield* Stream.runDrain(stream)
      assert.deepStrictEqual(
        signals.map(({ aborted }) => aborted),
        [true, false]
      )
    })
  )

  it.effect("counts a stream as in flight from its pick to its end", () =>
    Effect.gen(function* () {
      const { inFlight, router } = yield* World.make(["a"], { limits: { maxInFlight: 1 } })
      const done = yield* Deferred.make<void>()
      const stream = router.stream({}, () => Stream.concat(Stream.make(1), Stream.fromEffect(Deferred.await(done))))
      const first = yield* Effect.forkChild(Stream.runDrain(stream), { startImmediately: true })
      assert.strictEqual(inFlight(), 1)
      const refused = yield* inVirtualTime(Effect.exit(Stream.runDrain(stream)), "30 seconds")
      assert.strictEqual(reasonOf(refused), "NoCandidate")
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(first)
      assert.strictEqual(inFlight(), 0)
    })
  )
})
