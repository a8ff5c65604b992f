/** What calls cost, attempt by attempt, and the router's own estimate of what they will need. */
import { assert, describe, it } from "@effect/vitest"
import { type ProviderModel, RoutedModel, type Router, type Target } from "@spillway/core"
import type { DecisionRecord } from "@spillway/core/Decision"
import * as Pricing from "@spillway/core/Pricing"
import * as Tokenizer from "@spillway/core/Tokenizer"
import { type Duration, Effect, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { TestClock } from "effect/testing"
import { inVirtualTime, overloaded, router, services } from "./fixture.ts"

const price = { input: 2, output: 10 }
const half = { input: 1, output: 5 }
/** 1000 * 2 + 100 * 10 = 3000 millionths. */
const facts = { inputTokens: 1000, outputTokens: 100 }

const watch = Effect.fnUntraced(function* <Id extends string, C>(routed: Router.Router<Id, C>) {
  const records: Array<DecisionRecord<Id>> = []
  yield* Effect.forkScoped(
    Stream.runForEach(routed.decisions, (record) => Effect.sync(() => records.push(record))),
    { startImmediately: true }
  )
  return records
})

const costs = (records: ReadonlyArray<DecisionRecord>) =>
  records.map(({ attempts, costUsd }) => [
    rounded(costUsd),
    attempts.map(({ costSource, costUsd }) => [rounded(costUsd), costSource])
  ])

/** Sums of floats end in dust. */
const rounded = (usd: number | undefined) => (usd === undefined ? undefined : Number(usd.toPrecision(12)))

const of = (ids: ReadonlyArray<string>, prices: Readonly<Record<string, Target.TargetSpec["price"]>>, hedge = false) =>
  router(
    ids,
    {
      targets: ids.map((id) => {
        const own = prices[id]
        return { id, client: id, ...(own === undefined ? {} : { price: own }) }
      })
    },
    hedge ? { hedge: { after: 100, minPerSecond: 1000 } } : { retry: { transient: { base: "1 millis" } } }
  )

describe("the cost in records", () => {
  it.effect("is that of the answer, from the price of its target", () =>
    Effect.gen(function* () {
      const routed = yield* of(["a"], { a: price })
      const records = yield* watch(routed)
      yield* routed.route({}, (attempt) => Effect.sync(() => attempt.report(facts)))
      yield* Effect.yieldNow
      assert.deepStrictEqual(costs(records), [[0.003, [[0.003, "local"]]]])
    })
  )

  it.effect("counts an attempt that failed after it had told its usage", () =>
    Effect.gen(function* () {
      const routed = yield* of(["a", "b"], { a: price, b: half })
      const records = yield* watch(routed)
      yield* inVirtualTime(
        routed.route({}, (attempt) => {
          attempt.report(facts)
          return attempt.index === 0 ? Effect.fail(overloaded) : Effect.void
        })
      )
      assert.deepStrictEqual(costs(records), [
        [
          0.0045,
          [
            [0.003, "local"],
            [0.0015, "local"]
          ]
        ]
      ])
    })
  )

  it.effect("of a stream is known at its end", () =>
    Effect.gen(function* () {
      const routed = yield* of(["a"], { a: price })
      const records = yield* watch(routed)
      const stream = routed.stream({}, (attempt) =>
        Stream.make(1, 2).pipe(Stream.onEnd(Effect.sync(() => attempt.report(facts))))
      )
      yield* inVirtualTime(Stream.runDrain(stream))
      assert.deepStrictEqual(costs(records), [[0.003, [[0.003, "local"]]]])
    })
  )

  it.effect("of a hedged call is that of both copies", () =>
    Effect.gen(function* () {
      const routed = yield* of(["a", "b"], { a: price, b: half }, true)
      const records = yield* watch(routed)
      yield* inVirtualTime(
        routed.route({}, (attempt) => {
          attempt.report(facts)
          return attempt.index === 0 ? Effect.sleep("1 second") : Effect.sleep("10 millis")
        })
      )
      assert.deepStrictEqual(
        records[0]?.attempts.map(({ outcome }) => outcome),
        ["lost", "won"]
      )
      assert.deepStrictEqual(costs(records), [
        [
          0.0045,
          [
            [0.003, "local"],
            [0.0015, "local"]
          ]
        ]
      ])
    })
  )

  it.effect("is unknown where the price or the usage is, and the sum is over what is known", () =>
    Effect.gen(function* () {
      const routed = yield* of(["a", "b"], { b: half })
      const records = yield* watch(routed)
      yield* inVirtualTime(
        routed.route({}, (attempt) => {
          attempt.report(facts)
          return attempt.index === 0 ? Effect.fail(overloaded) : Effect.void
        })
      )
      yield* routed.route({}, (attempt) => Effect.sync(() => attempt.report(facts)))
      yield* routed.route({ needs: { allow: ({ id }) => id === "b" } }, (attempt) =>
        Effect.sync(() => attempt.report({ inputTokens: 5 }))
      )
      yield* Effect.yieldNow
      assert.deepStrictEqual(costs(records), [
        [
          0.0015,
          [
            [undefined, undefined],
            [0.0015, "local"]
          ]
        ],
        [undefined, [[undefined, undefined]]],
        [undefined, [[undefined, undefined]]]
      ])
    })
  )

  it.effect("is what the provider says, where it says so sensibly", () =>
    Effect.gen(function* () {
      const routed = yield* of(["a"], { a: price })
      const records = yield* watch(routed)
      for (const costUsd of [0.5, 0, Number.NaN, -1]) {
        yield* routed.route({}, (attempt) => Effect.sync(() => attempt.report({ ...facts, costUsd })))
      }
      yield* Effect.yieldNow
      assert.deepStrictEqual(
        records.map(({ attempts, costUsd }) => [costUsd, attempts[0]?.costSource]),
        [
          [0.5, "provider"],
          [0, "provider"],
          [0.003, "local"],
          [0.003, "local"]
        ]
      )
    })
  )

  it.effect("is reckoned for the moment the attempt began", () =>
    Effect.gen(function* () {
      const rules = [{ hours: [{ from: 1, to: 4 }], input: 20, output: 100 }]
      const routed = yield* of(["a"], { a: { ...price, rules } })
      const records = yield* watch(routed)
      const call = routed.route({}, (attempt) => {
        attempt.report(facts)
        return Effect.sleep("2 minutes")
      })
      // Monday, one minute before the dear hours, and one before their end.
      yield* TestClock.setTime(Date.UTC(2026, 10, 16, 0, 59))
      yield* inVirtualTime(call)
      yield* TestClock.setTime(Date.UTC(2026, 10, 16, 3, 59))
      yield* inVirtualTime(call)
      assert.deepStrictEqual(
        records.map(({ costUsd }) => costUsd),
        [0.003, 0.03]
      )
    })
  )

  it.effect("takes the price from the catalogue where the target names none", () =>
    Effect.gen(function* () {
      const list = Pricing.layer({ acme: { "acme-1": half } })
      const routed = yield* router(["a"], {
        targets: [{ id: "a", client: "a", provider: "acme", model: "acme-1" }]
      }).pipe(Effect.provide(list))
      const records = yield* watch(routed)
      yield* routed.route({}, (attempt) => Effect.sync(() => attempt.report(facts)))
      yield* Effect.yieldNow
      assert.deepStrictEqual(costs(records), [[0.0015, [[0.0015, "local"]]]])
    })
  )
})

type Part = ProviderModel.Part
const answer = (input: number, output: number, metadata?: object): Array<Part> => [
  { type: "text", text: "ok" },
  {
    type: "finish",
    reason: "stop",
    usage: {
      inputTokens: { uncached: input, total: input, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: output, text: output, reasoning: undefined }
    },
    ...(metadata === undefined ? {} : { metadata })
  } as Part
]

const model = (parts: Array<Part>): ProviderModel.ProviderModel => ({
  provider: "acme",
  model: "acme-1",
  capabilities: new Set(),
  generate: () => Effect.succeed(parts),
  stream: () => Stream.fromIterable(parts as Array<ProviderModel.StreamPart>)
})

type Spec = Target.TargetSpec<string, ProviderModel.ProviderModel>

/** A routed model; `counted` is how often its tokenizer was asked, which says 100. */
const modelWorld = Effect.fnUntraced(function* (targets: ReadonlyArray<Spec>) {
  let counted = 0
  const tokenizer = Layer.succeed(Tokenizer.CurrentTokenizer, {
    estimate: () => {
      counted++
      return 100
    }
  })
  const context = yield* Layer.build(
    Layer.merge(RoutedModel.layer({ targets }).pipe(Layer.provide(services())), tokenizer)
  )
  const current = Effect.gen(function* () {
    return yield* RoutedModel.CurrentRouter
  })
  const routed = yield* Effect.provide(current, context)
  const records = yield* watch(routed)
  const ask = (request: object = {}, limit: Duration.Input = "1 second") =>
    inVirtualTime(
      LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.provideService(RoutedModel.CurrentRequest, request),
        Effect.provide(context)
      ),
      limit
    )
  const reserved = Effect.map(routed.status, ({ targets }) => targets[0]?.gates["limits"])
  return { ask, counted: () => counted, records, reserved }
})

describe("a routed model", () => {
  it.effect("passes on what the provider says the answer cost", () =>
    Effect.gen(function* () {
      const { ask, records } = yield* modelWorld([
        { id: "a", client: model(answer(1000, 100, { spillway: { costUsd: 0.25 } })), price }
      ])
      yield* ask()
      assert.deepStrictEqual(costs(records), [[0.25, [[0.25, "provider"]]]])
    })
  )

  it.effect("counts no prompt where nobody wants to know", () =>
    Effect.gen(function* () {
      const { ask, counted } = yield* modelWorld([{ id: "a", client: model(answer(1, 1)), price }])
      yield* ask()
      yield* ask({ maxOutputTokens: 50 })
      assert.strictEqual(counted(), 0)
    })
  )

  it.effect("counts it once for limits of tokens, and not where the call says itself", () =>
    Effect.gen(function* () {
      const { ask, counted } = yield* modelWorld([
        { id: "a", client: model(answer(100, 5)), limits: { tokensPerMinute: 100_000 } },
        { id: "b", client: model(answer(100, 5)), limits: { tokensPerMinute: 100_000 } }
      ])
      yield* ask()
      assert.strictEqual(counted(), 1)
      yield* ask({ estimatedTokens: { input: 10, output: 1 } })
      assert.strictEqual(counted(), 1)
    })
  )

  it.effect("reserves what the target taught it: the ratio of its tokenizer and the length of its answers", () =>
    Effect.gen(function* () {
      // 612 tokens are reserved for the first call: 100 and the answer's first guess, 512.
      const admits = (tokensPerMinute: number) =>
        Effect.gen(function* () {
          const { ask } = yield* modelWorld([{ id: "a", client: model(answer(150, 20)), limits: { tokensPerMinute } }])
          return (yield* Effect.exit(ask()))._tag
        })
      assert.deepStrictEqual([yield* admits(611), yield* admits(612)], ["Failure", "Success"])

      // Then 150 + 20 were consumed; the second call reserves 125 (half the way from 1 to 1.5) and 20.
      const second = (tokensPerMinute: number) =>
        Effect.gen(function* () {
          const { ask } = yield* modelWorld([{ id: "a", client: model(answer(150, 20)), limits: { tokensPerMinute } }])
          yield* ask({ maxOutputTokens: 30 })
          return (yield* Effect.exit(ask({ deadline: "500 millis" })))._tag
        })
      assert.deepStrictEqual([yield* second(170 + 144), yield* second(170 + 145)], ["Failure", "Success"])
    })
  )

  it.effect("settles by what was used, whatever was reserved", () =>
    Effect.gen(function* () {
      const { ask, reserved } = yield* modelWorld([
        { id: "a", client: model(answer(150, 20)), price, limits: { tokensPerMinute: 100_000, usdPerDay: 1 } }
      ])
      yield* ask()
      yield* ask()
      const gate = yield* reserved
      assert.strictEqual(gate?.["spent.tokens"], 340)
      assert.approximately(Number(gate?.["spent.usd"]), (2 * (150 * 2 + 20 * 10)) / 1e6, 1e-12)
    })
  )

  it.effect("waits for tokens that come free, however large the cap of the call", () =>
    Effect.gen(function* () {
      // The cap alone is more than the limit: what counts is what answers mostly take, 512 before the first one.
      const { ask, records } = yield* modelWorld([
        { id: "a", client: model(answer(100, 500)), limits: { tokensPerMinute: 1000 } }
      ])
      const request = { maxOutputTokens: 32_000, deadline: "2 minutes" }
      yield* ask(request, "1 second")
      yield* ask(request, "2 minutes")
      assert.deepStrictEqual(
        records.map(({ outcome, queuedMs }) => [outcome, queuedMs > 50_000]),
        [
          ["ok", false],
          ["ok", true]
        ]
      )
    })
  )

  it.effect("asks a target last whose window is too small for the call, and does not leave it out", () =>
    Effect.gen(function* () {
      const { ask, records } = yield* modelWorld([
        { id: "small", client: model(answer(100, 5)), contextWindow: 100 },
        { id: "large", client: model(answer(100, 5)), contextWindow: 100_000 }
      ])
      yield* ask()
      yield* ask({ needs: { allow: ({ id }: { readonly id: string }) => id === "small" } })
      assert.deepStrictEqual(
        records.map(({ servedBy }) => servedBy),
        ["large", "small"]
      )
    })
  )
})
