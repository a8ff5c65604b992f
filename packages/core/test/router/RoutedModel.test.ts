import { assert, describe, it } from "@effect/vitest"
import { createRouter, type ProviderModel, RoutedModel, type Router, type Strategy } from "@spillway/core"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel, Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { inOrder, inVirtualTime, invalidRequest, overloaded, rateLimited, services, wrongKey } from "./fixture.ts"

type Part = ProviderModel.Part
type StreamPart = ProviderModel.StreamPart

const usage = {
  inputTokens: { uncached: 3, total: 5, cacheRead: 2, cacheWrite: 1 },
  outputTokens: { total: 7, text: 4, reasoning: 3 }
}
const finish = { type: "finish", reason: "stop", usage } as const
const said = (text: string): ReadonlyArray<Part> => [
  { type: "response-metadata", id: `id-of-${text}`, modelId: `model-of-${text}` },
  { type: "text", text },
  finish
]
const spoken = (...words: ReadonlyArray<string>): ReadonlyArray<StreamPart> => [
  { type: "response-metadata", id: `id-of-${words[0]}`, modelId: `model-of-${words[0]}` },
  { type: "text-start", id: "0" },
  ...words.map((delta) => ({ type: "text-delta", id: "0", delta }) as const),
  { type: "text-end", id: "0" },
  finish
]

/** A model that answers with what it is given: parts, or an error after them. */
interface Fake {
  readonly generate?: ReadonlyArray<Part> | AiError.AiError
  /** One array per pull; an error ends it. */
  readonly stream?: ReadonlyArray<StreamPart | AiError.AiError>
}
const fake = (id: string, answers: Fake) => {
  const asked: Array<ProviderModel.ModelOptions> = []
  const model: ProviderModel.ProviderModel = {
    provider: `provider ${id}`,
    model: `model ${id}`,
    capabilities: new Set(id === "a" ? ["tools"] : ["tools", "vision"]),
    generate: (options) => {
      asked.push(options)
      const answer = answers.generate ?? said(id)
      return AiError.isAiError(answer) ? Effect.fail(answer) : Effect.succeed([...answer])
    },
    stream: (options) => {
      asked.push(options)
      return Stream.fromIterable(answers.stream ?? spoken(id)).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((part) => (AiError.isAiError(part) ? Effect.fail(part) : Effect.succeed(part)))
      )
    }
  }
  return { model, asked }
}

/** The routed `LanguageModel` over targets a and b, and the records of what it did. */
const setup = Effect.fnUntraced(function* (
  answers: { readonly a?: Fake; readonly b?: Fake },
  options: RoutedModel.Options = {}
) {
  const a = fake("a", answers.a ?? {})
  const b = fake("b", answers.b ?? {})
  const context = yield* Layer.build(
    RoutedModel.layer({
      targets: [
        { id: "a", client: a.model },
        { id: "b", client: b.model }
      ],
      ...options
    }).pipe(Layer.provide(services({ retry: { transient: { base: "1 millis", cap: "1 millis" } } })))
  )
  const { router } = yield* Effect.provide(
    Effect.map(RoutedModel.CurrentRouter, (router) => ({ router })),
    context
  )
  const records: Array<Stream.Success<Router.Router<string, unknown>["decisions"]>> = []
  yield* Effect.forkScoped(
    Stream.runForEach(router.decisions, (record) => Effect.sync(() => records.push(record))),
    { startImmediately: true }
  )
  const inFlight = Effect.map(router.status, ({ targets }) => targets.reduce((sum, target) => sum + target.inFlight, 0))
  const routed = <A, E, R>(effect: Effect.Effect<A, E, R>) => inVirtualTime(Effect.provide(effect, context), "1 minute")
  const read = (
    text: Stream.Stream<{ readonly type: string; readonly delta?: string }, unknown, LanguageModel.LanguageModel>
  ) => Effect.map(Stream.runCollect(text), (parts) => [...parts])
  return { a, b, context, inFlight, read, records, routed, router }
})

const textOf = (parts: ReadonlyArray<{ readonly type: string; readonly delta?: string }>) =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

const spillwayOf = (error: AiError.AiError) =>
  ("metadata" in error.reason ? error.reason.metadata : {})["spillway"] as
    | {
        readonly reason: string
        readonly attempts: ReadonlyArray<{ readonly target: string; readonly errorType: string }>
      }
    | undefined

describe("a routed generateText", () => {
  it.effect("is answered by the picked target, and by the next when that fails", () =>
    Effect.gen(function* () {
      const one = yield* setup({})
      assert.strictEqual((yield* one.routed(LanguageModel.generateText({ prompt: "hi" }))).text, "a")
      const two = yield* setup({ a: { generate: overloaded } })
      const response = yield* two.routed(LanguageModel.generateText({ prompt: "hi" }))
      assert.strictEqual(response.text, "b")
      assert.strictEqual(response.usage.outputTokens.total, 7)
      assert.deepStrictEqual([two.a.asked.length, two.b.asked.length], [1, 1])
      assert.strictEqual(yield* two.inFlight, 0)
    })
  )

  it.effect("reports what the answer said into the decision record", () =>
    Effect.gen(function* () {
      const { records, routed } = yield* setup({ a: { generate: overloaded } })
      yield* routed(LanguageModel.generateText({ prompt: "hi" }))
      assert.deepStrictEqual(
        records.map(({ attempts, outcome, servedBy }) => [outcome, servedBy, attempts.map(({ facts }) => facts)]),
        [
          [
            "ok",
            "b",
            [
              undefined,
              {
                responseId: "id-of-b",
                responseModel: "model-of-b",
                finishReason: "stop",
                inputTokens: 5,
                outputTokens: 7,
                cacheReadTokens: 2,
                cacheWriteTokens: 1,
                reasoningTokens: 3
              }
            ]
          ]
        ]
      )
    })
  )

  it.effect("reads what a call says about itself, call by call", () =>
    Effect.gen(function* () {
      const { records, routed } = yield* setup({})
      const ask = LanguageModel.generateText({ prompt: "hi" })
      const texts = yield* routed(
        Effect.all(
          [
            Effect.provideService(ask, RoutedModel.CurrentRequest, { priority: "P0" }),
            ask,
            Effect.provideService(ask, RoutedModel.CurrentRequest, {
              needs: { capabilities: ["vision"] },
              priority: "P3"
            })
          ],
          { concurrency: 3 }
        )
      )
      assert.deepStrictEqual(
        texts.map(({ text }) => text),
        ["a", "a", "b"]
      )
      assert.deepStrictEqual(records.map(({ priority }) => priority).sort(), ["P0", "P1", "P3"])
    })
  )

  it.effect("runs a tool handler exactly once, although the first target fails", () =>
    Effect.gen(function* () {
      const { routed } = yield* setup({ a: { generate: overloaded }, b: { generate: [weatherCall, finish] } })
      let handled = 0
      const handlers = Kit.toLayer({ Weather: ({ city }) => Effect.sync(() => city.length + 0 * handled++) })
      const response = yield* routed(
        Effect.provide(LanguageModel.generateText({ prompt: "weather?", toolkit: Kit }), handlers)
      )
      assert.strictEqual(response.toolResults[0]?.result, 4)
      assert.strictEqual(handled, 1)
    })
  )
})

const Weather = Tool.make("Weather", {
  description: "by city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Number
})
const Kit = Toolkit.make(Weather)
const weatherCall = { type: "tool-call", id: "t", name: "Weather", params: { city: "Oslo" } } as const

describe("a routed generateObject", () => {
  it.effect("decodes the answer of the target that answers", () =>
    Effect.gen(function* () {
      const { b, routed } = yield* setup({
        a: { generate: overloaded },
        b: { generate: [{ type: "text", text: `{"n":1}` }, finish] }
      })
      const response = yield* routed(
        LanguageModel.generateObject({ prompt: "n?", schema: Schema.Struct({ n: Schema.Number }) })
      )
      assert.deepStrictEqual({ ...response.value }, { n: 1 })
      assert.strictEqual(b.asked[0]?.responseFormat.type, "json")
    })
  )
})

describe("a routed streamText", () => {
  const text = LanguageModel.streamText({ prompt: "hi" })

  it.effect("moves to the next target unseen before the content", () =>
    Effect.gen(function* () {
      const { inFlight, read, routed } = yield* setup({
        a: { stream: [...spoken("x").slice(0, 2), overloaded] },
        b: { stream: spoken("y", "z") }
      })
      const parts = yield* routed(read(text))
      assert.strictEqual(textOf(parts), "yz")
      assert.strictEqual(parts.filter(({ type }) => type === "text-start").length, 1)
      assert.strictEqual(yield* inFlight, 0)
    })
  )

  it.effect("takes an empty delta for no content", () =>
    Effect.gen(function* () {
      const { read, routed } = yield* setup({ a: { stream: [...spoken("").slice(0, 3), overloaded] } })
      assert.strictEqual(textOf(yield* routed(read(text))), "b")
    })
  )

  it.effect("fails over when a stream ends without its finish part", () =>
    Effect.gen(function* () {
      const { read, records, routed } = yield* setup({ a: { stream: spoken("x").slice(0, 2) } })
      assert.strictEqual(textOf(yield* routed(read(text))), "b")
      assert.deepStrictEqual(
        records[0]?.attempts.map(({ errorType }) => errorType),
        ["Truncated", undefined]
      )
    })
  )

  it.effect("fails after the content with an AiError that says what broke", () =>
    Effect.gen(function* () {
      const { inFlight, read, routed } = yield* setup({ a: { stream: [...spoken("x").slice(0, 3), overloaded] } })
      const error = yield* Effect.flip(routed(read(text)))
      assert.isTrue(AiError.isAiError(error))
      if (AiError.isAiError(error)) {
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.strictEqual(spillwayOf(error)?.reason, "StreamBroken")
        assert.deepStrictEqual(
          spillwayOf(error)?.attempts.map(({ errorType, target }) => `${target} ${errorType}`),
          ["a Overloaded"]
        )
      }
      assert.strictEqual(yield* inFlight, 0)
    })
  )

  it.effect("shows a restart through the decoder, and then the whole answer", () =>
    Effect.gen(function* () {
      const { read, routed } = yield* setup(
        { a: { stream: [...spoken("x", "y").slice(0, 4), overloaded] } },
        { onBreak: "restart" }
      )
      const parts = yield* routed(read(text))
      const at = parts.findIndex(RoutedModel.isRestart)
      assert.strictEqual(textOf(parts.slice(0, at)), "xy")
      assert.deepStrictEqual(
        parts.slice(at + 1).map(({ type }) => type),
        ["response-metadata", "text-start", "text-delta", "text-end", "finish"]
      )
      assert.strictEqual(textOf(parts.slice(at + 1)), "b")
      assert.strictEqual(parts.filter(RoutedModel.isRestart).length, 1)
    })
  )

  it.effect("shows nothing of a broken answer when it is buffered", () =>
    Effect.gen(function* () {
      const { read, routed } = yield* setup(
        { a: { stream: [...spoken("x", "y").slice(0, 4), overloaded] } },
        { onBreak: "buffered" }
      )
      const parts = yield* routed(read(text))
      assert.strictEqual(textOf(parts), "b")
      assert.isUndefined(parts.find(RoutedModel.isRestart))
    })
  )

  it.effect("reports what the answer said into the decision record, also of a broken one", () =>
    Effect.gen(function* () {
      const { read, records, routed } = yield* setup(
        { a: { stream: [...spoken("x").slice(0, 3), overloaded] } },
        { onBreak: "restart" }
      )
      yield* routed(read(text))
      assert.deepStrictEqual(
        records[0]?.attempts.map(({ facts }) => [facts?.responseId, facts?.outputTokens]),
        [
          ["id-of-x", undefined],
          ["id-of-b", 7]
        ]
      )
    })
  )

  it.effect("forgets no fact because a later part does not repeat it", () =>
    Effect.gen(function* () {
      const later: StreamPart = { type: "response-metadata", timestamp: "2026-11-01T00:00:00Z" }
      const { read, records, routed } = yield* setup({
        a: { stream: [...spoken("x").slice(0, 2), later, ...spoken("x").slice(2)] }
      })
      yield* routed(read(text))
      assert.deepInclude(records[0]?.attempts[0]?.facts, { responseId: "id-of-x", responseModel: "model-of-x" })
    })
  )

  it.effect("reads what a call says about itself when the stream is run", () =>
    Effect.gen(function* () {
      const { read, records, routed } = yield* setup({})
      yield* routed(Effect.provideService(read(text), RoutedModel.CurrentRequest, { priority: "P2" }))
      yield* routed(read(text))
      assert.deepStrictEqual(
        records.map(({ priority }) => priority),
        ["P2", "P1"]
      )
    })
  )

  it.effect("gives everything back when its consumer leaves or is interrupted", () =>
    Effect.gen(function* () {
      const { context, inFlight, read, records, routed } = yield* setup({ a: { stream: spoken(..."abcdef") } })
      yield* routed(read(Stream.take(text, 3)))
      assert.strictEqual(yield* inFlight, 0)
      const slow = Stream.runForEach(text, () => Effect.sleep("1 minute")).pipe(Effect.provide(context))
      const fiber = yield* Effect.forkChild(slow, { startImmediately: true })
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(yield* inFlight, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* inFlight, 0)
      assert.deepStrictEqual(
        records.map(({ outcome }) => outcome),
        ["cancelled", "cancelled"]
      )
    })
  )

  const called = [weatherCall, ...spoken("x")] as const
  const handled = Effect.fnUntraced(function* (
    stream: ReadonlyArray<StreamPart | AiError.AiError>,
    onBreak: RoutedModel.Options
  ) {
    const { context, inFlight } = yield* setup({ a: { stream }, b: { stream: [weatherCall, finish] } }, onBreak)
    let handled = 0
    const handlers = Kit.toLayer({ Weather: ({ city }) => Effect.sync(() => city.length + 0 * handled++) })
    const parts = LanguageModel.streamText({ prompt: "weather?", toolkit: Kit })
    const exit = yield* inVirtualTime(
      Effect.exit(Stream.runCollect(parts).pipe(Effect.provide(handlers), Effect.provide(context))),
      "1 minute"
    )
    assert.strictEqual(yield* inFlight, 0)
    return { exit, handled }
  })

  it.effect("runs a tool handler exactly once, although the first target fails", () =>
    Effect.gen(function* () {
      const { exit, handled: times } = yield* handled([...spoken("x").slice(0, 2), overloaded], {})
      assert.strictEqual(exit._tag, "Success")
      assert.strictEqual(times, 1)
    })
  )

  it.effect("runs a tool handler no more than once, although the answer with the call breaks and is restarted", () =>
    Effect.gen(function* () {
      for (const onBreak of ["fail", "restart", "buffered"] as const) {
        const { handled: times } = yield* handled([...called.slice(0, 4), overloaded], { onBreak })
        assert.isAtMost(times, 1, onBreak)
      }
    })
  )
})

describe("the AiError of a routed model", () => {
  const failWith = Effect.fnUntraced(function* (a: AiError.AiError, b: AiError.AiError) {
    const { routed } = yield* setup({ a: { generate: a }, b: { generate: b } })
    const error = yield* Effect.flip(routed(LanguageModel.generateText({ prompt: "hi" })))
    assert.isTrue(AiError.isAiError(error))
    return error as AiError.AiError
  })

  it.effect("says what was tried when nothing helped", () =>
    Effect.gen(function* () {
      const error = yield* failWith(overloaded, overloaded)
      assert.deepStrictEqual(
        [error.module, error.method, error.reason._tag],
        ["Spillway", "generateText", "InternalProviderError"]
      )
      assert.strictEqual(spillwayOf(error)?.reason, "AttemptsExhausted")
      assert.strictEqual(spillwayOf(error)?.attempts.length, 3)
      assert.isTrue(error.isRetryable)
    })
  )

  it.effect("says when to come back when all targets are parked", () =>
    Effect.gen(function* () {
      const error = yield* failWith(rateLimited(3600), rateLimited(7200))
      assert.strictEqual(error.reason._tag, "RateLimitError")
      assert.strictEqual(spillwayOf(error)?.reason, "NoCandidate")
      assert.isTrue(error.isRetryable)
    })
  )

  it.effect("is the caller's own mistake as it is", () =>
    Effect.gen(function* () {
      const error = yield* failWith(invalidRequest, overloaded)
      assert.strictEqual(error.message, invalidRequest.message)
      assert.deepStrictEqual<unknown>(spillwayOf(error), { target: "a" })
    })
  )

  it.effect("stays what no waiting mends", () =>
    Effect.gen(function* () {
      const error = yield* failWith(wrongKey, wrongKey)
      assert.strictEqual(error.reason._tag, "AuthenticationError")
      assert.isFalse(error.isRetryable)
    })
  )

  it.effect("is an AiError also at the deadline", () =>
    Effect.gen(function* () {
      const { a, routed } = yield* setup({})
      const silent = { ...a.model, generate: () => Effect.never, stream: () => Stream.never }
      const context = yield* Layer.build(
        RoutedModel.layer({ targets: [{ id: "a", client: silent }] }).pipe(Layer.provide(services()))
      )
      const request = { deadline: "5 seconds" } as const
      for (const call of [
        LanguageModel.generateText({ prompt: "hi" }),
        Stream.runDrain(LanguageModel.streamText({ prompt: "hi" }))
      ]) {
        const error = yield* Effect.flip(
          routed(call.pipe(Effect.provideService(RoutedModel.CurrentRequest, request), Effect.provide(context)))
        )
        assert.isTrue(AiError.isAiError(error))
        if (AiError.isAiError(error)) assert.strictEqual(spillwayOf(error)?.reason, "DeadlineExceeded")
      }
    })
  )
})

describe("the LanguageModel of createRouter", () => {
  it("is the same router for Effect code", async () => {
    const router = createRouter({
      targets: [
        { id: "a", client: fake("a", { generate: overloaded }).model },
        { id: "b", client: fake("b", {}).model }
      ],
      strategy: inOrder as Strategy.Strategy
    })
    const response = await Effect.runPromise(
      LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.provideService(LanguageModel.LanguageModel, router.languageModel())
      )
    )
    assert.strictEqual(response.text, "b")
    assert.deepStrictEqual(
      router.status().targets.map(({ attempts, inFlight }) => [attempts, inFlight]),
      [
        [1, 0],
        [1, 0]
      ]
    )
    await router.close()
  })
})
