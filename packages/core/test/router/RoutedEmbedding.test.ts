import { assert, describe, it } from "@effect/vitest"
import {
  type Defaults,
  InvalidOption,
  type ProviderEmbedding,
  RoutedEmbedding,
  RoutedModel,
  Router
} from "@spillway/core"
import { Cause, Duration, Effect, Exit, Layer, Stream } from "effect"
import { AiError, EmbeddingModel } from "effect/ai"
import { inVirtualTime, invalidRequest, overloaded, rateLimited, services, wrongKey } from "./fixture.ts"

type Answer = AiError.AiError | "vectors" | "never"

/** Gives every text the vector of its length; counts one token per text. */
const fake = (id: string, answers: ReadonlyArray<Answer> = [], space = "m") => {
  const asked: Array<ReadonlyArray<string>> = []
  const client: ProviderEmbedding.ProviderEmbedding = {
    provider: `provider ${id}`,
    model: "m",
    space,
    capabilities: new Set(["embeddings"]),
    embed: (texts) =>
      Effect.suspend(() => {
        const answer = answers[asked.length] ?? "vectors"
        asked.push(texts)
        if (answer === "never") return Effect.never
        if (AiError.isAiError(answer)) return Effect.fail(answer)
        const vectors = texts.map((text) => [text.length, id === "a" ? 1 : 2])
        return Effect.succeed({ vectors, inputTokens: id === "silent" ? undefined : texts.length })
      })
  }
  return { client, asked }
}

const retry = { transient: { base: "1 millis", cap: "1 millis" } } as const

const setup = Effect.fnUntraced(function* (
  fakes: Readonly<Record<string, ReturnType<typeof fake>>>,
  options: Pick<Router.Options<ReadonlyArray<never>>, "timeouts"> & RoutedEmbedding.Options = {},
  defaults: Defaults.Options = { retry }
) {
  const context = yield* Layer.build(
    RoutedEmbedding.layer({
      targets: Object.entries(fakes).map(([id, { client }]) => ({ id, client })),
      ...options
    }).pipe(Layer.provide(services(defaults)))
  )
  const records: Array<Stream.Success<RoutedEmbedding.EmbeddingRouter["decisions"]>> = []
  const router = yield* RoutedEmbedding.CurrentRouter.pipe(Effect.provide(context))
  yield* Effect.forkScoped(
    Stream.runForEach(router.decisions, (record) => Effect.sync(() => records.push(record))),
    { startImmediately: true }
  )
  const model = yield* EmbeddingModel.EmbeddingModel.pipe(Effect.provide(context))
  return { model, records, router }
})

const vectorsOf = ({ embeddings }: EmbeddingModel.EmbedManyResponse) => embeddings.map(({ vector }) => [...vector])

describe("RoutedEmbedding", () => {
  it.effect("answers with the vectors of the picked target, in order, and reports its tokens", () =>
    Effect.gen(function* () {
      const { model, records } = yield* setup({ a: fake("a") })
      const answer = yield* model.embedMany(["x", "yyy", "zz"])
      assert.deepStrictEqual(vectorsOf(answer), [
        [1, 1],
        [3, 1],
        [2, 1]
      ])
      assert.strictEqual(answer.usage.inputTokens, 3)
      assert.deepStrictEqual([...(yield* model.embed("four")).vector], [4, 1])
      yield* Effect.yieldNow
      assert.deepInclude(records[0]?.attempts[0]?.facts, { inputTokens: 3, outputTokens: 0 })
      assert.strictEqual(records[0]?.servedBy, "a")
    })
  )

  it.effect("reports no tokens where the wire said none", () =>
    Effect.gen(function* () {
      const { model, records } = yield* setup({ silent: fake("silent") })
      assert.isUndefined((yield* model.embedMany(["x"])).usage.inputTokens)
      yield* Effect.yieldNow
      assert.isUndefined(records[0]?.attempts[0]?.facts?.inputTokens)
    })
  )

  it.effect("moves a call to the next target of the same space", () =>
    Effect.gen(function* () {
      const [a, b] = [fake("a", [overloaded]), fake("b")]
      const { model } = yield* setup({ a, b })
      const answer = yield* inVirtualTime(model.embedMany(["x", "yy"]))
      assert.deepStrictEqual(vectorsOf(answer), [
        [1, 2],
        [2, 2]
      ])
      assert.deepStrictEqual(b.asked, [["x", "yy"]])
    })
  )

  it.effect("moves on from a target that is silent for too long", () =>
    Effect.gen(function* () {
      const [a, b] = [fake("a", ["never"]), fake("b")]
      const { model } = yield* setup({ a, b }, { timeouts: { attempt: "2 seconds" } })
      const answer = yield* inVirtualTime(model.embedMany(["x"]))
      assert.deepStrictEqual(vectorsOf(answer), [[1, 2]])
    })
  )

  it.effect("refuses targets of different spaces", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(setup({ a: fake("a"), b: fake("b", [], "m@256") }))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, InvalidOption.InvalidOption)
      assert.match(String(defect), /targets\[1\]\.client\.space must be "m".*got "m@256".*do not compare/)
    })
  )

  it.effect("over a router that exists, never mixes spaces either", () =>
    Effect.gen(function* () {
      const [a, b] = [fake("a", ["vectors", overloaded]), fake("b", [], "other")]
      const router = yield* Router.make({
        targets: [
          { id: "a", client: a.client },
          { id: "b", client: b.client }
        ]
      }).pipe(Effect.provide(services({ retry })))
      const model = yield* RoutedEmbedding.make(router)
      yield* model.embedMany(["x"])
      const exit = yield* inVirtualTime(Effect.exit(model.embedMany(["x"])))
      assert.isTrue(Exit.isFailure(exit))
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /space of target b must be "m"/)
      assert.deepStrictEqual(b.asked, [])
    })
  )

  it.effect("fails with AiError: the caller's own mistake as it is, the rest as RoutedModel says it", () =>
    Effect.gen(function* () {
      const failing = (answers: ReadonlyArray<Answer>) =>
        Effect.gen(function* () {
          const { model } = yield* setup({ a: fake("a", answers) })
          return yield* inVirtualTime(Effect.flip(model.embedMany(["x"])))
        }).pipe(Effect.scoped)
      assert.strictEqual((yield* failing([invalidRequest])).reason._tag, "InvalidRequestError")
      assert.strictEqual((yield* failing([wrongKey])).reason._tag, "AuthenticationError")
      const busy = yield* failing(Array.from({ length: 20 }, () => overloaded))
      assert.deepInclude(busy, { _tag: "AiError", module: "Spillway", method: "embedMany" })
      assert.strictEqual(busy.reason._tag, "InternalProviderError")
      const limited = yield* failing(Array.from({ length: 20 }, () => rateLimited(7200)))
      assert.strictEqual(limited.reason._tag, "RateLimitError")
      assert.isAbove(limited.retryAfter === undefined ? 0 : Duration.toMillis(limited.retryAfter), 0)
    })
  )

  it.effect("asks for many texts in several requests, each routed by itself, and joins them in order", () =>
    Effect.gen(function* () {
      const [a, b] = [fake("a", ["vectors", overloaded]), fake("b")]
      const { model, records } = yield* setup({ a, b }, { maxTexts: 2 })
      const answer = yield* inVirtualTime(model.embedMany(["1", "22", "333", "4444", "55555"]))
      assert.deepStrictEqual(vectorsOf(answer), [
        [1, 1],
        [2, 1],
        [3, 2],
        [4, 2],
        [5, 1]
      ])
      assert.strictEqual(answer.usage.inputTokens, 5)
      yield* Effect.yieldNow
      assert.strictEqual(records.length, 3)
    })
  )

  it.effect("gives the batches of one call cache keys of their own", () =>
    Effect.gen(function* () {
      const a = fake("a")
      const { model } = yield* setup({ a }, { maxTexts: 1 })
      const answer = yield* model
        .embedMany(["x", "yy"])
        .pipe(Effect.provideService(RoutedModel.CurrentRequest, { cacheKey: "k" }))
      assert.deepStrictEqual(vectorsOf(answer), [
        [1, 1],
        [2, 1]
      ])
      assert.deepStrictEqual(a.asked, [["x"], ["yy"]])
    })
  )

  it.effect("batches calls of one text, but only those that say the same about themselves", () =>
    Effect.gen(function* () {
      const a = fake("a")
      const { model } = yield* setup({ a })
      const urgent = Effect.provideService(RoutedModel.CurrentRequest, { priority: "P0" as const })
      const vectors = yield* Effect.all(
        [model.embed("x"), model.embed("yy"), urgent(model.embed("zzz")), model.embed("wwww")],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        vectors.map(({ vector }) => vector[0]),
        [1, 2, 3, 4]
      )
      assert.deepStrictEqual(
        a.asked.map((texts) => [...texts].sort()).sort((x, y) => x.length - y.length),
        [["zzz"], ["wwww", "x", "yy"]]
      )
    })
  )

  it.effect("keeps calls from targets without what they need", () =>
    Effect.gen(function* () {
      const { model } = yield* setup({ a: fake("a") })
      const error = yield* Effect.flip(
        model
          .embedMany(["x"])
          .pipe(Effect.provideService(RoutedModel.CurrentRequest, { needs: { capabilities: ["vision"] } }))
      )
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
    })
  )

  it("refuses a number of texts that is none", () => {
    const router = {} as RoutedEmbedding.EmbeddingRouter
    for (const maxTexts of [0, 1.5, Number.NaN]) {
      assert.throws(() => RoutedEmbedding.make(router, { maxTexts }), /maxTexts must be an integer >= 1/)
    }
  })
})
