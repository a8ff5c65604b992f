/** What a real router tells, as this package writes it: the records of the other tests are made up. */
import { assert, describe, it } from "@effect/vitest"
import { type AdmissionQueue, Defaults, RetryTable, RouteError, Router, Shedding, Strategy } from "@spillway/core"
import { type RejectReason, reject } from "@spillway/core/Gate"
import type { Limits } from "@spillway/core/Target"
import { CurrentTelemetry } from "@spillway/core/Telemetry"
import { Names, OtelTelemetry } from "@spillway/otel"
import { Duration, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type Sdk, sdk } from "./Fixture.ts"

const inOrder: Strategy.Strategy = {
  name: "in-order",
  make: (candidates) => Effect.succeed({ pick: (_request, eligible) => candidates.find(eligible) })
}

/** A router of targets a and b whose services live as long as the test. */
const make = (options: Defaults.Options & { readonly limits?: Limits; readonly shedding?: Shedding.MakeGates } = {}) =>
  Effect.gen(function* () {
    const { limits = {}, shedding, ...defaults } = options
    const instance = sdk()
    const { meterProvider, tracerProvider } = instance
    const services = yield* Layer.build(
      Layer.mergeAll(
        Defaults.make(defaults),
        Layer.succeed(Strategy.CurrentStrategy, inOrder),
        ...(shedding === undefined ? [] : [Layer.succeed(Shedding.Shedding, shedding)])
      )
    )
    const targets = (["a", "b"] as const).map((id) => ({ id, client: undefined, provider: "p", limits }))
    const router = yield* Router.make({ route: "main", targets }).pipe(
      Effect.provideService(CurrentTelemetry, OtelTelemetry.make({ meterProvider, tracerProvider })),
      Effect.provideContext(services)
    )
    /** Calls that run for so many milliseconds each, begun at once. */
    const begin = (request: Parameters<typeof router.route>[0], ...times: ReadonlyArray<number>) =>
      Effect.forEach(times, (ms) =>
        Effect.forkChild(
          Effect.exit(router.route(request, () => Effect.delay(Effect.succeed("answer"), Duration.millis(ms)))),
          { startImmediately: true }
        )
      )
    return { instance, router, begin }
  })

const attributesOf = (instance: Sdk, span: string, ...names: ReadonlyArray<string>) =>
  instance
    .spans()
    .filter(({ name }) => name === span)
    .map(({ attributes }) => names.map((name) => attributes[name]))

describe("a router", () => {
  it.effect("tells how long a call waited in the queue, for a place and for a limit", () =>
    Effect.gen(function* () {
      for (const [limits, wait] of [
        [{ maxInFlight: 1 }, 0.2],
        [{ requestsPerMinute: 60, burst: 1 }, 1]
      ] as const) {
        const { begin, instance } = yield* make({ limits })
        yield* begin({}, 200, 200, 200)
        yield* TestClock.adjust(5000)
        assert.deepStrictEqual(attributesOf(instance, "spillway chat main", "spillway.queue.wait"), [
          [undefined],
          [undefined],
          [wait]
        ])
        const [waited] = yield* Effect.promise(() => instance.histogram("spillway.queue.wait.duration"))
        assert.deepStrictEqual(waited?.attributes, { queue: "main" })
        assert.deepStrictEqual([waited?.value.count, waited?.value.sum], [1, wait])
      }
    })
  )

  it.effect("shows who waits, and whom its queue turned away", () =>
    Effect.gen(function* () {
      const { begin, instance } = yield* make({
        limits: { maxInFlight: 1 },
        admission: { maxQueued: 2, maxWait: "1 second" }
      })
      const points = (name: string) => Effect.promise(() => instance.points(`spillway.queue.${name}`))
      const queue = "main"
      assert.deepStrictEqual(yield* points("depth"), { [JSON.stringify({ queue })]: 0 })
      yield* begin({}, 5000, 5000, 5000, 5000, 5000)
      assert.deepStrictEqual(yield* points("depth"), { [JSON.stringify({ queue })]: 2 })
      assert.deepStrictEqual(yield* points("capacity"), { [JSON.stringify({ queue })]: 2 })
      yield* TestClock.adjust(1000)
      const rejected = (yield* points("rejected")) ?? {}
      assert.strictEqual(rejected[JSON.stringify({ queue, reason: "QueueFull" })], 1)
      assert.strictEqual(rejected[JSON.stringify({ queue, reason: "QueueTimeout" })], 2)
      assert.strictEqual(rejected[JSON.stringify({ queue, reason: "Evicted" })], 0)
      assert.deepStrictEqual(yield* points("depth"), { [JSON.stringify({ queue })]: 0 })
    })
  )

  it.effect("that is full, or sheds load, answers with an error and asks nobody", () =>
    Effect.gen(function* () {
      const full = yield* make({ limits: { maxInFlight: 1 }, admission: { maxQueued: 0 } })
      yield* full.begin({}, 200, 200, 200)
      const shed = reject("Shed")
      const gate = {
        name: "shed",
        peek: () => shed,
        admit: () => shed,
        settle: () => [],
        snapshot: () => ({ state: "" })
      }
      const shedding = yield* make({ shedding: () => [{ ...gate, restore: () => {} }] })
      yield* shedding.begin({}, 200)
      for (const { instance } of [full, shedding]) {
        const names = ["error.type", "spillway.outcome", "spillway.attempts"]
        assert.deepStrictEqual(attributesOf(instance, "spillway chat main", ...names), [["Overloaded", "error", 0]])
      }
    })
  )

  it.effect("asks the model once for equal calls, and tells each where its answer comes from", () =>
    Effect.gen(function* () {
      const { begin, instance } = yield* make({ cache: { ttl: "1 minute", staleFor: "1 hour", jitter: 0 } })
      yield* begin({ cacheKey: "river" }, 200, 200)
      yield* TestClock.adjust(200)
      yield* begin({ cacheKey: "river" }, 200)
      assert.strictEqual(attributesOf(instance, "chat a").length, 1)
      yield* TestClock.adjust("2 minutes")
      // Served at once; the run that fetches a new one is a call of its own.
      yield* begin({ cacheKey: "river" }, 200)
      yield* TestClock.adjust(200)
      yield* begin({}, 0)
      const outcomes = attributesOf(instance, "spillway chat main", "spillway.cache.outcome", "spillway.attempts")
      assert.deepStrictEqual(outcomes.sort(), [
        ["bypass", 1],
        ["coalesced", 0],
        ["hit", 0],
        ["miss", 1],
        ["miss", 1],
        ["stale", 0]
      ])
      const results = yield* Effect.promise(() => instance.points("spillway.cache.requests"))
      assert.deepStrictEqual(results, {
        [JSON.stringify({ result: "hit" })]: 1,
        [JSON.stringify({ result: "miss" })]: 2,
        [JSON.stringify({ result: "stale" })]: 1,
        [JSON.stringify({ result: "coalesced" })]: 1
      })
      const durations = yield* Effect.promise(() => instance.histogram("gen_ai.client.operation.duration"))
      assert.deepStrictEqual(
        durations.map(({ value }) => value.count),
        [3]
      )
    })
  )

  it.effect("tells the faster copy of a hedged call from the slower one", () =>
    Effect.gen(function* () {
      const { instance, router } = yield* make({ hedge: { after: 100, minPerSecond: 1000 } })
      yield* Effect.forkChild(
        router.route({}, (attempt) => {
          attempt.report({ inputTokens: 10 })
          return Effect.delay(Effect.succeed("answer"), Duration.millis(attempt.target.id === "a" ? 500 : 50))
        }),
        { startImmediately: true }
      )
      yield* TestClock.adjust(150)
      const names = ["spillway.attempt.reason", "spillway.attempt.outcome", "gen_ai.usage.input_tokens"]
      assert.deepStrictEqual(attributesOf(instance, "chat a", ...names), [["primary", "lost_race", 10]])
      assert.deepStrictEqual(attributesOf(instance, "chat b", ...names), [["hedge", "won", 10]])
      assert.strictEqual(instance.span("spillway chat main").attributes["spillway.usage.input_tokens"], 20)
      assert.deepStrictEqual(instance.span("spillway chat main").events, [])
    })
  )
})

/** The words of a union that is open to others: a new one is missing here until it is added, so this does not compile. */
type Listed<Word> = Word extends string ? (string extends Word ? never : Word) : never

const refusals: Readonly<Record<Listed<RejectReason>, true>> = {
  ...{ BreakerOpen: true, BreakerProbing: true, BulkheadFull: true, CoolingDown: true, Misconfigured: true },
  ...{ RateLimited: true, RequestsLimited: true, TokensLimited: true, InputTokensLimited: true },
  ...{ OutputTokensLimited: true, BudgetExhausted: true, NeverFits: true, Isolated: true, Draining: true },
  ...{ Ramping: true, Shed: true, Reserved: true, Ejected: true }
}

type QueueWord = keyof AdmissionQueue.Snapshot["refused"] | AdmissionQueue.DropReason
const queueWords: Readonly<Record<QueueWord, true>> = {
  ...{ QueueFull: true, QueueTimeout: true, DeadlineExceeded: true, Evicted: true, Overloaded: true }
}

describe("words", () => {
  it("hold every error type of core and every reason of its own error", () => {
    const reasons = RouteError.RouteError.fields.reason.members.map(({ identifier }) => identifier)
    assert.includeMembers([...Names.words], [...RetryTable.errorTypes, ...reasons])
  })

  it("hold what gates and the queue refuse with", () => {
    assert.includeMembers([...Names.words], [...Object.keys(refusals), ...Object.keys(queueWords)])
  })
})
