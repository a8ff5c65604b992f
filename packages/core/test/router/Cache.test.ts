/** The cache as a router's calls meet it: where answers come from, what is told, and what happens to those who share. */
import { assert, describe, it } from "@effect/vitest"
import {
  BreakPolicy,
  CacheKey,
  createRouter,
  type ProviderModel,
  RoutedModel,
  type RouteError,
  type RouteRequest,
  type Router
} from "@spillway/core"
import { Cause, Clock, Context, Effect, Exit, Fiber, Layer, Scheduler, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"
import { inOrder, inVirtualTime, invalidRequest, overloaded, services } from "./fixture.ts"
import * as ManualClock from "./support/ManualClock.ts"
import * as Piped from "./support/Piped.ts"
import { fork } from "./support/Piped.ts"
import * as Provider from "./support/Provider.ts"
import { fail, hang, isContent, isEnd, type Part, parts, reasonOf, script, wait } from "./support/Provider.ts"

/** A model that counts how often it was asked, and says so after `ms`. */
const model = (ms = 0) => {
  let asked = 0
  return {
    asked: () => asked,
    call: ({ target }: Router.Attempt<string, unknown>) =>
      Effect.suspend(() => Effect.delay(Effect.succeed(`${target.id} ${++asked}`), ms))
  }
}

/** What a caller is told of an answer. */
const told = ({ attempts, degraded, servedBy, source, value }: Router.Answer<string>) =>
  [value, source, servedBy, degraded, attempts] as const

const deadlineOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  const error = Exit.isFailure(exit) ? (Cause.squash(exit.cause) as RouteError.RouteError) : undefined
  return error?.reason._tag === "DeadlineExceeded" ? error.reason.deadlineMs : error
}

describe("a call that names its answer", () => {
  it.effect("is answered by the model once, then from the cache, and says which", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model()
      const ask = made.router.answer({ cacheKey: "river" }, call)
      assert.deepStrictEqual(told(yield* ask), ["a 1", "model", "a", false, 1])
      assert.deepStrictEqual(told(yield* ask), ["a 1", "cache", "a", false, 0])
      assert.strictEqual(yield* made.router.route({ cacheKey: "river" }, call), "a 1")
      assert.strictEqual(asked(), 1)
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok cache ", "ok cache "])
      assert.deepStrictEqual(
        made.records.map(({ servedBy, streamed, totalMs }) => [servedBy, streamed, totalMs]),
        [
          ["a", false, 0],
          [undefined, false, 0],
          [undefined, false, 0]
        ]
      )
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("shares one run with those who ask while it is under way", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model(100)
      const ask = made.router.answer({ cacheKey: "river" }, call)
      const first = yield* fork(ask)
      yield* TestClock.adjust(60)
      const others = [yield* fork(ask), yield* fork(ask)]
      yield* TestClock.adjust(40)
      assert.deepStrictEqual(told(yield* Fiber.join(first)), ["a 1", "model", "a", false, 1])
      for (const other of others) {
        assert.deepStrictEqual(told(yield* Fiber.join(other)), ["a 1", "coalesced", "a", false, 0])
      }
      assert.strictEqual(asked(), 1)
      assert.deepStrictEqual((yield* made.outcomes).sort(), ["ok coalesced ", "ok coalesced ", "ok model a"])
      // Each from its own beginning.
      assert.deepStrictEqual(made.records.map(({ totalMs }) => totalMs).sort(), [100, 40, 40])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is given the old answer at once while a new one is fetched, where that is allowed", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ cache: { ttl: 1000, staleFor: 1000 } })
      const { asked, call } = model(100)
      const ask = made.router.answer({ cacheKey: "river" }, call)
      yield* inVirtualTime(ask, 100)
      yield* TestClock.adjust(1500)
      assert.deepStrictEqual(told(yield* ask), ["a 1", "stale", "a", true, 0])
      assert.strictEqual(asked(), 2)
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(told(yield* ask), ["a 2", "cache", "a", false, 0])
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok stale ", "ok model a", "ok cache "])
      assert.deepStrictEqual(
        made.records.map(({ degraded }) => degraded),
        [false, true, false, false]
      )
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is given the old answer when no target can give a new one, where that is allowed", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ cache: { ttl: 1000, staleIfError: 1000 }, retry: { maxAttempts: 1 } })
      const ask = (call: () => Effect.Effect<string, typeof overloaded>) =>
        made.router.answer({ cacheKey: "river" }, call)
      yield* ask(() => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      const again = yield* ask(() => Effect.fail(overloaded))
      assert.deepStrictEqual(told(again), ["old", "stale", "a", true, 0])
      // The attempt that failed leaves its own record.
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "AttemptsExhausted model a", "ok stale "])
      yield* TestClock.adjust(1000)
      const late = yield* Effect.exit(ask(() => Effect.fail(overloaded)))
      assert.strictEqual(reasonOf(late), "AttemptsExhausted")
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("gets its own mistake and its own bug as they are, whatever the cache has", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ cache: { ttl: 1000, staleIfError: "1 hour" } })
      const ask = <E>(call: () => Effect.Effect<string, E>) => made.router.route({ cacheKey: "river" }, call)
      yield* ask(() => Effect.succeed("old"))
      yield* TestClock.adjust(1500)
      assert.strictEqual(yield* Effect.flip(ask(() => Effect.fail(invalidRequest))), invalidRequest)
      const bug = new Error("bug")
      const died = yield* Effect.exit(ask(() => Effect.die(bug)))
      assert.strictEqual(Exit.isFailure(died) && Cause.squash(died.cause), bug)
    })
  )

  it.effect("is not answered with an error that another one got", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model()
      for (const failure of [Effect.fail(invalidRequest), Effect.die("bug"), Effect.interrupt]) {
        yield* Effect.exit(made.router.route({ cacheKey: "river" }, () => failure))
      }
      assert.deepStrictEqual(told(yield* made.router.answer({ cacheKey: "river" }, call)), [
        "a 1",
        "model",
        "a",
        false,
        1
      ])
      assert.strictEqual(asked(), 1)
      assert.deepStrictEqual(yield* made.outcomes, [
        "InvalidRequest model a",
        "Defect model a",
        "cancelled model a",
        "ok model a"
      ])
    })
  )

  it.effect("fails as the run does that it shares, and each in a record of its own", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ retry: { maxAttempts: 1 } })
      for (const error of [overloaded, invalidRequest]) {
        const ask = Effect.exit(made.router.route({ cacheKey: "river" }, () => Effect.delay(Effect.fail(error), 10)))
        const [first, second] = yield* inVirtualTime(Effect.all([ask, ask], { concurrency: "unbounded" }), 10)
        assert.isTrue(Exit.isFailure(first))
        assert.deepStrictEqual(second, first)
      }
      assert.deepStrictEqual((yield* made.outcomes).sort(), [
        "AttemptsExhausted model ",
        "AttemptsExhausted model a",
        "InvalidRequest model ",
        "InvalidRequest model a"
      ])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("shares with its own tenant and its own route, and with nobody else", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ route: "chat" })
      const twin = yield* Piped.make({ route: "chat", sharedCache: made.cache })
      const other = yield* Piped.make({ route: "search", sharedCache: made.cache })
      const { call } = model()
      const ask = (of: Piped.Piped, tenant: string | undefined, cacheKey: string) =>
        Effect.map(of.router.answer({ tenant, cacheKey }, call), ({ source, value }) => `${value} ${source}`)
      assert.strictEqual(yield* ask(made, "one", "k"), "a 1 model")
      assert.strictEqual(yield* ask(made, "two", "k"), "a 2 model")
      assert.strictEqual(yield* ask(made, undefined, "k"), "a 3 model")
      assert.strictEqual(yield* ask(other, "one", "k"), "a 4 model")
      assert.strictEqual(yield* ask(made, "one", "K"), "a 5 model")
      const short = made.router.answer({ tenant: "one", cacheKey: "K", maxOutputTokens: 10 }, call)
      assert.strictEqual((yield* short).value, "a 6")
      assert.strictEqual(yield* ask(twin, "one", "k"), "a 1 cache")
      assert.strictEqual(yield* ask(made, "two", "k"), "a 2 cache")
      // All of one tenant can be forgotten, and nobody else's.
      yield* made.cache.invalidatePrefix(yield* CacheKey.prefix("one"))
      assert.strictEqual(yield* ask(made, "one", "k"), "a 7 model")
      assert.strictEqual(yield* ask(made, "two", "k"), "a 2 cache")
    })
  )

  it.effect("passes by when it names nothing", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model(10)
      const fibers = [yield* fork(made.router.answer({}, call)), yield* fork(made.router.answer(undefined, call))]
      yield* TestClock.adjust(10)
      for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).source, "model")
      assert.strictEqual(asked(), 2)
      const { fetches, hits, misses } = yield* made.cache.snapshot
      assert.deepStrictEqual([fetches, hits, misses], [0, 0, 0])
    })
  )

  it.effect("does not wait for another one's run beyond its own deadline", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model(5000)
      const ask = (deadline: number) => made.router.answer({ cacheKey: "river", deadline }, call)
      const patient = yield* fork(ask(60_000))
      const hurried = yield* fork(Effect.exit(ask(1000)))
      yield* TestClock.adjust(1002)
      assert.strictEqual(deadlineOf(yield* Fiber.join(hurried)), 1000)
      yield* TestClock.adjust(4000)
      assert.strictEqual((yield* Fiber.join(patient)).value, "a 1")
      assert.strictEqual(asked(), 1)
      assert.deepStrictEqual(yield* made.outcomes, ["DeadlineExceeded model ", "ok model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("ends at its own deadline with the attempts it made, and with one record", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { call } = model(5000)
      const exit = yield* inVirtualTime(Effect.exit(made.router.answer({ cacheKey: "river", deadline: 1000 }, call)))
      assert.strictEqual(deadlineOf(exit), 1000)
      const error = Exit.isFailure(exit) ? (Cause.squash(exit.cause) as RouteError.RouteError) : undefined
      assert.deepStrictEqual(
        error?.attempts.map(({ target }) => target),
        ["a"]
      )
      assert.deepStrictEqual(yield* made.outcomes, ["DeadlineExceeded model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("may have no deadline at all", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ timeouts: { attempt: "Infinity" } })
      const { call } = model(86_400_000)
      const ask = made.router.answer({ cacheKey: "river", deadline: "Infinity" }, call)
      assert.strictEqual((yield* inVirtualTime(ask, "2 days")).value, "a 1")
    })
  )

  it.effect("leaves the run to those who still wait when it is interrupted, and ends it when it was the last", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model(100)
      const ask = made.router.answer({ cacheKey: "river" }, call)
      const first = yield* fork(ask)
      const second = yield* fork(ask)
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(second)).value, "a 1")
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok coalesced "])
      yield* made.cache.invalidatePrefix("")
      const alone = yield* fork(ask)
      const joined = yield* fork(ask)
      assert.strictEqual(asked(), 2)
      yield* Fiber.interrupt(alone)
      yield* Fiber.interrupt(joined)
      assert.strictEqual(made.core.states[0]?.inFlight, 0)
      assert.deepStrictEqual((yield* made.outcomes).slice(2).sort(), ["cancelled model ", "cancelled model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("stays degraded when it came from a lower tier, and in its record too", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({ tiers: [["a"], ["b"]] })
      const { call } = model()
      yield* made.router.isolate("a")
      const ask = made.router.answer({ cacheKey: "river" }, call)
      assert.deepStrictEqual(told(yield* ask), ["b 1", "model", "b", true, 1])
      assert.deepStrictEqual(told(yield* ask), ["b 1", "cache", "b", true, 0])
      yield* Effect.yieldNow
      assert.deepStrictEqual(
        made.records.map(({ degraded }) => degraded),
        [true, true]
      )
    })
  )
})

describe("a stream that names its answer", () => {
  const restart = BreakPolicy.restart<Part>(({ parts, target }) => ({ type: "restart", target, stream: -1, n: parts }))
  /** One part every 10 ms, the first at once. */
  const slowly = script([parts("start"), parts("text"), wait(10), parts("text"), wait(10), parts("finish")])
  const options = { isContent, isEnd } as const
  const typesOf = (read: Iterable<Part>) => Array.from(read, ({ type }) => type).join(" ")
  const whole = "start text text finish"

  it.effect("is replayed part by part, and its provider is asked once", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const provider = Provider.make({ a: [slowly] })
      const read = Stream.runCollect(made.router.stream({ cacheKey: "river" }, provider.open, options))
      const first = yield* inVirtualTime(read, 100)
      assert.strictEqual(typesOf(first), whole)
      assert.deepStrictEqual(yield* read, first)
      // Nothing says here which part is the last: who does not read to the end has left.
      const two = Stream.take(made.router.stream({ cacheKey: "river" }, provider.open), 2)
      assert.strictEqual(typesOf(yield* Stream.runCollect(two)), "start text")
      assert.strictEqual(provider.opened.length, 1)
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok cache ", "cancelled cache "])
      assert.deepStrictEqual(
        made.records.map(({ streamed }) => streamed),
        [true, true, true]
      )
      assert.deepStrictEqual(made.problems(), [])
      assert.deepStrictEqual(provider.problems(), [])
    })
  )

  it.effect("is followed live, from its first part on, by those who ask meanwhile", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const provider = Provider.make({ a: [slowly] })
      const stream = made.router.stream({ cacheKey: "river" }, provider.open, options)
      const [one, other]: [Array<Part>, Array<Part>] = [[], []]
      const first = yield* fork(Provider.drain(stream, one))
      yield* TestClock.adjust(10)
      assert.strictEqual(typesOf(one), "start text text")
      const second = yield* fork(Provider.drain(stream, other))
      yield* TestClock.adjust(0)
      assert.strictEqual(typesOf(other), "start text text")
      yield* TestClock.adjust(10)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(one, other)
      assert.strictEqual(typesOf(one), whole)
      assert.strictEqual(provider.opened.length, 1)
      assert.deepStrictEqual((yield* made.outcomes).sort(), ["ok coalesced ", "ok model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is given the old parts while new ones are fetched, or when none can be had", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make({
        cache: { ttl: 1000, staleFor: 1000, staleIfError: 5000 },
        retry: { maxAttempts: 1 }
      })
      const provider = Provider.make({ a: [slowly, script([fail(overloaded)])] })
      const read = Stream.runCollect(made.router.stream({ cacheKey: "river" }, provider.open, options))
      yield* inVirtualTime(read, 100)
      yield* TestClock.adjust(1500)
      assert.strictEqual(typesOf(yield* read), whole)
      yield* TestClock.adjust(2000)
      assert.strictEqual(typesOf(yield* inVirtualTime(read, 100)), whole)
      const failed = "AttemptsExhausted model a"
      assert.deepStrictEqual((yield* made.outcomes).sort(), [failed, failed, "ok model a", "ok stale ", "ok stale "])
      assert.deepStrictEqual(
        made.records.filter(({ degraded }) => degraded).map(({ source }) => source),
        ["stale", "stale"]
      )
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is not stored when it began anew after a break, and is read alike by all who share it", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const broken = script([parts("start"), parts("text"), wait(10), fail(overloaded)])
      const provider = Provider.make({ a: [broken], b: [slowly] })
      const stream = made.router.stream({ cacheKey: "river" }, provider.open, { ...options, onBreak: restart })
      const first = yield* fork(Stream.runCollect(stream))
      const second = yield* fork(Stream.runCollect(stream))
      yield* TestClock.adjust(100)
      const read = yield* Fiber.join(first)
      assert.strictEqual(typesOf(read), `start text restart ${whole}`)
      assert.deepStrictEqual(yield* Fiber.join(second), read)
      assert.strictEqual((yield* made.cache.snapshot).entries, 0)
      yield* inVirtualTime(Stream.runCollect(stream), 100)
      assert.strictEqual(provider.opened.length, 4)
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("is not stored when it broke, or when its last reader left before the end", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const provider = Provider.make({ a: [script([parts("text"), wait(10), fail(overloaded)]), slowly] })
      const stream = made.router.stream({ cacheKey: "river" }, provider.open, options)
      const exit = yield* inVirtualTime(Effect.exit(Stream.runDrain(stream)), 100)
      assert.strictEqual(reasonOf(exit), "StreamBroken")
      assert.strictEqual(
        typesOf(yield* inVirtualTime(Stream.runCollect(Stream.take(stream, 3)), 100)),
        "start text text"
      )
      assert.strictEqual((yield* made.cache.snapshot).entries, 0)
      assert.strictEqual(typesOf(yield* inVirtualTime(Stream.runCollect(stream), 100)), whole)
      assert.strictEqual(provider.opened.length, 3)
      assert.deepStrictEqual(yield* made.outcomes, ["StreamBroken model a", "cancelled model a", "ok model a"])
      assert.deepStrictEqual([...made.problems(), ...provider.problems()], [])
    })
  )

  it.effect("is stored when its last reader has its last part, and does not wait for the provider to close", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const provider = Provider.make({ a: [script([parts("start", "text"), parts("finish"), hang])] })
      const stream = made.router.stream({ cacheKey: "river" }, provider.open, options)
      const first = yield* inVirtualTime(Stream.runCollect(Stream.takeUntil(stream, isEnd)), 100)
      assert.strictEqual(typesOf(first), "start text finish")
      assert.deepStrictEqual(yield* Stream.runCollect(stream), first)
      assert.strictEqual(provider.opened.length, 1)
      assert.deepStrictEqual(yield* made.outcomes, ["ok model a", "ok cache "])
      assert.deepStrictEqual([...made.problems(), ...provider.problems()], [])
    })
  )

  it.effect("keeps each reader's own deadline", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const provider = Provider.make({ a: [slowly] })
      const ask = (deadline: number) => made.router.stream({ cacheKey: "river", deadline }, provider.open, options)
      const hurried: Array<Part> = []
      const patient = yield* fork(Stream.runCollect(ask(1000)))
      const other = yield* fork(Effect.exit(Provider.drain(ask(15), hurried)))
      yield* TestClock.adjust(16)
      assert.strictEqual(deadlineOf(yield* Fiber.join(other)), 15)
      assert.strictEqual(typesOf(hurried), "start text text")
      yield* TestClock.adjust(10)
      assert.strictEqual(typesOf(yield* Fiber.join(patient)), whole)
      assert.deepStrictEqual(yield* made.outcomes, ["DeadlineExceeded coalesced ", "ok model a"])
      assert.deepStrictEqual(made.problems(), [])
    })
  )

  it.effect("has a name of its own beside the whole answer of the same call", () =>
    Effect.gen(function* () {
      const made = yield* Piped.make()
      const { asked, call } = model()
      const provider = Provider.make({ a: [slowly] })
      yield* made.router.route({ cacheKey: "river" }, call)
      const read = Stream.runCollect(made.router.stream({ cacheKey: "river" }, provider.open, options))
      assert.strictEqual(typesOf(yield* inVirtualTime(read, 100)), whole)
      assert.strictEqual(yield* made.router.route({ cacheKey: "river" }, call), "a 1")
      assert.strictEqual(asked(), 1)
    })
  )
})

describe("an interruption between any two operations of a call that is cached", () => {
  const yields = (n: number) => Effect.repeat(Effect.yieldNow, { times: n })
  const slow = script([parts("start"), parts("text"), parts("text"), parts("finish")])
  const scenarios: Record<string, (made: Piped.Piped, provider: Provider.Provider) => Effect.Effect<unknown, unknown>> =
    {
      "that asks the model": ({ router }) => router.route({ cacheKey: "k" }, () => Effect.as(yields(4), "ok")),
      "that another one joins": ({ router }) =>
        Effect.all(
          [1, 2].map(() => router.route({ cacheKey: "k" }, () => Effect.as(yields(4), "ok"))),
          { concurrency: "unbounded" }
        ),
      "that is a stream": ({ router }, { open }) =>
        Stream.runDrain(router.stream({ cacheKey: "k" }, open, { isContent, isEnd })),
      "that is a stream which another one joins": ({ router }, { open }) =>
        Effect.all(
          [1, 2].map(() => Stream.runDrain(router.stream({ cacheKey: "k" }, open, { isContent, isEnd }))),
          { concurrency: "unbounded" }
        )
    }
  for (const [name, scenario] of Object.entries(scenarios)) {
    it.effect(`loses nothing: one ${name}`, () =>
      Effect.gen(function* () {
        const problems: Array<string> = []
        for (let ops = 3; ops <= 64 && problems.length === 0; ops += ops < 16 ? 1 : 8) {
          const made = yield* Piped.make({ gates: { breaker: false } })
          for (let k = 0, over = false; k <= 150 && !over; k++) {
            const provider = Provider.make({ a: [slow], b: [slow] })
            const fiber = yield* fork(scenario(made, provider)).pipe(
              Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
            )
            for (let i = 0; i < k; i++) yield* Effect.yieldNow
            over = fiber.pollUnsafe() !== undefined
            yield* Fiber.interrupt(fiber)
            const { inFlight } = yield* made.cache.snapshot
            const found = [...made.problems(), ...provider.problems(), ...(inFlight > 0 ? [`${inFlight} runs`] : [])]
            problems.push(...found.map((problem) => `${ops} operations, ${k} yields: ${problem}`))
            if (found.length > 0) break
            yield* made.cache.invalidatePrefix("")
          }
        }
        assert.deepStrictEqual(problems, [])
      }).pipe(Effect.provideService(Clock.Clock, ManualClock.make()))
    )
  }
})

describe("a routed model that names its calls' answers", () => {
  const usage = {
    inputTokens: { uncached: 1, total: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 }
  }
  const finish = { type: "finish", reason: "stop", usage } as const
  const Settings = Context.Reference<unknown>("test/Settings", { defaultValue: () => ({ temperature: 0 }) })

  /** A routed model whose target takes 10 ms and says how often it was asked. */
  const setup = Effect.gen(function* () {
    let asked = 0
    const client: ProviderModel.ProviderModel = {
      provider: "p",
      model: "m",
      capabilities: new Set(),
      generate: () =>
        Effect.delay(
          Effect.sync(() => [{ type: "text", text: `answer ${++asked}` }, finish]),
          10
        ),
      stream: () =>
        Stream.unwrap(
          Effect.delay(
            Effect.sync(() =>
              Stream.make(
                { type: "text-start", id: "0" } as const,
                { type: "text-delta", id: "0", delta: `answer ${++asked}` } as const,
                { type: "text-end", id: "0" } as const,
                finish
              )
            ),
            10
          )
        )
    }
    const context = yield* Layer.build(
      RoutedModel.layer({ targets: [{ id: "a", client }], cache: { settings: Settings } }).pipe(
        Layer.provide(services({ cache: { jitter: 0 } }))
      )
    )
    const routed = <A, E>(effect: Effect.Effect<A, E, LanguageModel.LanguageModel>) =>
      inVirtualTime(Effect.provide(effect, context), 10)
    const ask = (prompt: string, request: RouteRequest.Options = {}) =>
      LanguageModel.generateText({ prompt }).pipe(
        Effect.map(({ text }) => text),
        Effect.provideService(RoutedModel.CurrentRequest, request)
      )
    const tell = (prompt: string) =>
      Stream.runFold(
        LanguageModel.streamText({ prompt }),
        () => "",
        (text, part) => (part.type === "text-delta" ? text + part.delta : text)
      )
    return { asked: () => asked, ask, routed, tell }
  })

  it.effect("answers equal prompts once, whole and streamed", () =>
    Effect.gen(function* () {
      const { ask, asked, routed, tell } = yield* setup
      const both = Effect.all([ask("hi"), ask("hi")], { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* routed(both), ["answer 1", "answer 1"])
      assert.strictEqual(yield* routed(ask("hi")), "answer 1")
      assert.strictEqual(yield* routed(ask("ho")), "answer 2")
      const streams = Effect.all([tell("hi"), tell("hi")], { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* routed(streams), ["answer 3", "answer 3"])
      assert.strictEqual(yield* routed(tell("hi")), "answer 3")
      assert.strictEqual(asked(), 3)
    })
  )

  it.effect("keeps apart what was asked with other settings, for another tenant, or for less", () =>
    Effect.gen(function* () {
      const { ask, routed } = yield* setup
      const warm = Effect.provideService(ask("hi"), Settings, { temperature: 1 })
      assert.strictEqual(yield* routed(ask("hi")), "answer 1")
      assert.strictEqual(yield* routed(warm), "answer 2")
      assert.strictEqual(yield* routed(ask("hi", { tenant: "one" })), "answer 3")
      assert.strictEqual(yield* routed(ask("hi", { maxOutputTokens: 10 })), "answer 4")
      assert.strictEqual(yield* routed(warm), "answer 2")
      assert.strictEqual(yield* routed(ask("hi", { tenant: "one", priority: "P3" })), "answer 3")
      assert.strictEqual(yield* routed(ask("hi", { maxOutputTokens: 10 })), "answer 4")
    })
  )

  it.effect("lets the caller's own name win", () =>
    Effect.gen(function* () {
      const { ask, routed } = yield* setup
      assert.strictEqual(yield* routed(ask("Name a river", { cacheKey: "river" })), "answer 1")
      assert.strictEqual(yield* routed(ask("Name any river", { cacheKey: "river" })), "answer 1")
      assert.strictEqual(yield* routed(ask("Name a river")), "answer 2")
    })
  )

  it.effect("answers what cannot be named, and does not cache it", () =>
    Effect.gen(function* () {
      const { ask, routed } = yield* setup
      const unnamed = Effect.provideService(ask("hi"), Settings, { onToken: () => {} })
      assert.strictEqual(yield* routed(unnamed), "answer 1")
      assert.strictEqual(yield* routed(unnamed), "answer 2")
    })
  )
})

describe("createRouter, for calls that name their answer", () => {
  const setup = () => {
    const router = createRouter({ targets: [{ id: "a", client: 1 }], strategy: inOrder })
    let asked = 0
    /** Settles when the test says so. */
    const runs: Array<{ readonly signal: AbortSignal; readonly answer: (text: string) => void }> = []
    const call = ({ signal }: Router.Attempt) => {
      asked++
      return new Promise<string>((answer) => runs.push({ signal, answer }))
    }
    const inFlight = () => router.status().targets[0]?.inFlight
    return { router, call, runs, asked: () => asked, inFlight }
  }
  const turns = async (n = 20) => {
    for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  const named = { cacheKey: "river" }

  it("answers from the cache, and lets those who ask together share one run", async () => {
    const { asked, call, router, runs } = setup()
    const asking = [router.route(call, named), router.route(call, named)]
    const third = router.answer(call, named)
    await turns()
    runs[0]?.answer("Rhine")
    assert.deepStrictEqual(await Promise.all(asking), ["Rhine", "Rhine"])
    assert.strictEqual((await third).source, "coalesced")
    assert.deepStrictEqual(await router.answer(call, named), {
      value: "Rhine",
      servedBy: "a",
      degraded: false,
      source: "cache",
      rung: undefined,
      attempts: 0
    })
    assert.strictEqual(asked(), 1)
    await router.close()
  })

  it("rejects for the one whose signal fires, and goes on for the others", async () => {
    const { asked, call, inFlight, router, runs } = setup()
    const controller = new AbortController()
    const first = router.route(call, { ...named, signal: controller.signal })
    const second = router.route(call, named)
    await turns()
    controller.abort(new Error("had enough"))
    const left = await first.catch((error: unknown) => error)
    assert.strictEqual((left as Error).message, "had enough")
    assert.strictEqual(runs[0]?.signal.aborted, false)
    runs[0]?.answer("Rhine")
    assert.strictEqual(await second, "Rhine")
    assert.strictEqual(asked(), 1)
    assert.strictEqual(inFlight(), 0)
    await router.close()
  })

  it("ends the run when the last one's signal fires", async () => {
    const { asked, call, inFlight, router, runs } = setup()
    const controllers = [new AbortController(), new AbortController()]
    const asking = controllers.map(({ signal }) => router.route(call, { ...named, signal }).catch((error) => error))
    await turns()
    for (const controller of controllers) controller.abort("enough")
    assert.deepStrictEqual(await Promise.all(asking), ["enough", "enough"])
    await turns()
    assert.strictEqual(runs[0]?.signal.aborted, true)
    assert.strictEqual(inFlight(), 0)
    const again = router.route(call, named)
    await turns()
    runs[1]?.answer("Elbe")
    assert.strictEqual(await again, "Elbe")
    assert.strictEqual(asked(), 2)
    await router.close()
  })

  it("replays a stream, and one signal ends one reader", async () => {
    const { inFlight, router } = setup()
    let opened = 0
    let more = () => {}
    const gate = new Promise<void>((resolve) => {
      more = resolve
    })
    const words = async function* () {
      opened++
      yield "one"
      await gate
      yield "two"
    }
    const controller = new AbortController()
    const read = async (options: { readonly signal?: AbortSignal } = {}) => {
      const got: Array<string> = []
      for await (const word of router.stream(words, { ...named, ...options })) got.push(word)
      return got
    }
    const aborted = read({ signal: controller.signal }).catch((error: unknown) => error)
    const other = read()
    await turns()
    controller.abort("enough")
    assert.strictEqual(await aborted, "enough")
    more()
    assert.deepStrictEqual(await other, ["one", "two"])
    assert.deepStrictEqual(await read(), ["one", "two"])
    assert.strictEqual(opened, 1)
    assert.strictEqual(inFlight(), 0)
    await router.close()
  })
})
